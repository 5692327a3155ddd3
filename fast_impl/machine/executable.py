"""Machine code in memory that the processor may run.

The memory is written first and made executable afterwards: it is never both writeable and executable.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def possible() -> bool:
    """Whether this is an x86-64 processor under a system whose calling convention we speak."""
    return (
        sys.platform in ("linux", "darwin")
        and platform.machine() in ("x86_64", "AMD64")
        and sys.maxsize > 1 << 32
    )


def address(array: npt.NDArray[Any]) -> int:
    """Return where the numbers of an array begin; faster than ``array.ctypes.data``."""
    place: int = array.__array_interface__["data"][0]
    return place


def steps(array: npt.NDArray[Any]) -> tuple[int, ...]:
    """Return the bytes from element to element along each axis: what address arithmetic uses for strides.

    NumPy lets the stride of an axis of one element, and every stride of an empty array, be any number, and
    calls an array contiguous whatever they are. Here such an axis has the step of a contiguous array.
    """
    found: list[int] = []
    step = array.itemsize
    for size, stride in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if size > 1 and array.size:
            step = stride
        found.append(step)
        step *= max(size, 1)
    return tuple(reversed(found))


def call_words(count: int, fields: Mapping[int, int]) -> list[int]:
    """Return what a generated kernel is told: integers of 64 bits, by their place in bytes."""
    words = [0] * count
    for place, value in fields.items():
        words[place // 8] = value
    return words


def load(code: bytes) -> Any:
    """Make a function of machine code.

    Args:
        code: Takes one pointer, as C functions of this system do, and returns nothing.

    Returns:
        A function of one address; a call does not hold the GIL. The code lives as long as it does.

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
    function: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
    function.memory = memory
    return function
