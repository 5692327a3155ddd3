"""Arrays between pages that nobody may touch: a process that reads or writes beyond them dies."""

import contextlib
import ctypes
import mmap
from unittest import mock

import numpy as np

from fast_impl.runtime import memory

PAGE = mmap.PAGESIZE
_protect = ctypes.CDLL(None).mprotect
_protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def block(size, at_end):
    """Bytes (zeros) that begin right behind a page nobody may touch, or end right before one."""
    room = -(-max(size, 1) // PAGE) * PAGE
    pages = mmap.mmap(-1, room + 2 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    for guard in (start, start + PAGE + room):
        assert _protect(guard, PAGE, 0) == 0
    return np.ndarray(size, np.uint8, pages, PAGE + (room - size if at_end else 0))


def copy(array, at_end):
    """A contiguous copy of an array."""
    found = block(array.nbytes, at_end).view(array.dtype).reshape(array.shape)
    found[...] = array
    return found


@contextlib.contextmanager
def everything(at_end):
    """Guard all memory that the library asks for: results, scratch, packed weights, streams, copies."""
    empty, zeros, array, contiguous = np.empty, np.zeros, np.array, np.ascontiguousarray

    def made(like):
        if like.dtype.hasobject or not like.size:
            return like
        found = block(like.nbytes, at_end).view(like.dtype)
        return found.reshape(like.shape, order="C" if like.flags.c_contiguous else "F")

    def filled(found):
        guarded = made(found)
        if guarded is not found:
            guarded[...] = found
        return guarded

    def as_words(*given, **keywords):
        # What kernels read of the plan: streams (int32), and rows of integers.
        found = array(*given, **keywords)
        words = found.dtype == np.int32 or (found.dtype == np.int64 and found.ndim == 2)
        return filled(found) if words and len(given) > 1 else found

    def as_contiguous(given, dtype=None):
        found = contiguous(given, dtype)
        return found if np.may_share_memory(found, given) else filled(found)

    memory.release_memory()
    with (
        mock.patch.object(memory, "_aligned", lambda size: block(size, at_end)),
        mock.patch.object(np, "empty", lambda *a, **k: made(empty(*a, **k))),
        mock.patch.object(np, "zeros", lambda *a, **k: made(zeros(*a, **k))),
        mock.patch.object(np, "array", as_words),
        mock.patch.object(np, "ascontiguousarray", as_contiguous),
    ):
        yield
    memory.release_memory()
