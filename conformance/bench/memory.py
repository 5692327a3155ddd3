"""How much memory this process has, and the most it had since it was last asked (Linux only)."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


def settle() -> int | None:
    """Give back what is free, forget the high-water mark, return the resident bytes.

    Returns:
        Bytes, exact to about a mebibyte; None where the system does not say.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        _CLEAR.write_text("5")  # resets VmHWM: proc(5)
    except OSError:
        return None
    return _field("VmRSS")


def highest() -> int | None:
    """Return the most bytes that were resident since `settle`."""
    return _field("VmHWM")


def _field(name: str) -> int | None:
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:")), None)
