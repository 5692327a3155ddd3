"""Machine code in memory that the processor may run.

The memory is written first and made executable afterwards: it is never both writeable and executable.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable
from typing import Any


def load(code: bytes) -> Callable[[int], Any]:
    """Make a function of machine code.

    Args:
        code: Takes one pointer, as C functions of this system do, and returns nothing.

    Returns:
        A function of one address; a call does not hold the GIL. Its attribute ``address`` is that of
        the code, which lives as long as it does.

    Raises:
        OSError: The system lets no program make code executable.
    """
    memory = mmap.mmap(-1, len(code))
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    if protect(address, len(code), mmap.PROT_READ | mmap.PROT_EXEC):
        raise OSError(ctypes.get_errno(), "this system lets no program make code executable")
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
    function.memory, function.address = memory, address  # type: ignore[attr-defined]
    return function
