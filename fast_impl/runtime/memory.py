"""Memory that is used again, because fresh memory is slow: the system fills every page with zeros.

A large array costs its first writer a page fault every 4096 bytes, often more time than the
arithmetic. So scratch memory goes back to a shelf after each call, and so does the memory of a
result when the last array that looks into it is gone. What lies on the shelf and what is in use as
scratch are together at most `LIMIT` bytes (or what `limit_memory` says), as long as no single call needs
more scratch. Between calls, the memory of the last result may be more: the next call uses it for its own
result, or frees it before it takes any other.
"""

from __future__ import annotations

import _thread
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.doors import integer
from fast_impl.runtime.addresses import address

Array = npt.NDArray[Any]

LIMIT = 64 << 20
# Smaller blocks come from the C library's own shelf.
_SMALLEST = 256 << 10
# Results of fewer bytes begin anywhere: to look for a line takes longer than to write across two.
_ANYWHERE = 16 << 10
# So many times the limit is the largest result whose memory is kept until the next call.
_LARGEST = 4
# Vectors that begin at a multiple of this never lie across two lines of the cache.
LINE = 64


def _aligned(size: int) -> Array:
    block = np.empty(size + LINE, np.uint8)
    start = -address(block) % LINE
    return block[start : start + size]


def aligned(elements: int, dtype: np.dtype[Any]) -> Array:
    """Return a new flat array, its elements not set, that begins at a line of the cache."""
    return _aligned(elements * dtype.itemsize).view(dtype)


class _Shelf:
    """Blocks of bytes that nobody uses, the oldest first."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._free: list[Array] = []
        self._idle = 0
        self._scratch = 0

    @property
    def largest(self) -> int:
        """Bytes of the largest result whose memory is used again."""
        return _LARGEST * self.limit

    def take(self, size: int, *, scratch: bool) -> Array:
        """Return a block of at least ``size`` bytes, and not much more."""
        with self._lock:
            fitting = [block for block in self._free if size <= block.nbytes <= size + size // 2]
            if fitting:
                found = min(fitting, key=len)
                self._remove(found)
            else:
                self._make_room(size if scratch else 0)
                found = self._new(size)
            self._scratch += found.nbytes if scratch else 0
            return found

    def give(self, block: Array, *, scratch: bool) -> None:
        """Put a block on the shelf, in the place of older ones."""
        # A result may die anywhere, also in a thread that is inside `take`: nobody waits here.
        if not self._lock.acquire(blocking=scratch):
            return
        try:
            if scratch:
                self._scratch -= block.nbytes
            self._free.append(block)
            self._idle += block.nbytes
            self._make_room(spared=0 if scratch or block.nbytes > self.largest else 1)
        finally:
            self._lock.release()

    def set_limit(self, limit: int) -> None:
        """Keep at most so many bytes from now on."""
        with self._lock:
            self.limit = limit
            self._make_room()

    def clear(self) -> None:
        """Free what lies on the shelf."""
        with self._lock:
            self._free.clear()
            self._idle = 0

    def after_fork(self) -> None:
        """Forget the lock that another thread may have held, and its scratch memory."""
        self._lock = threading.Lock()
        self._scratch = 0

    def _new(self, size: int) -> Array:
        try:
            return _aligned(size)
        except MemoryError:
            self._free.clear()
            self._idle = 0
            return _aligned(size)

    def _remove(self, block: Array) -> None:
        self._free = [other for other in self._free if other is not block]
        self._idle -= block.nbytes

    def _make_room(self, size: int = 0, spared: int = 0) -> None:
        while len(self._free) > spared and self._idle + self._scratch + size > self.limit:
            self._idle -= self._free.pop(0).nbytes


_shelf = _Shelf(LIMIT)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shelf.after_fork)


class _Lease:
    """Owns a result's memory: when the last view is gone, so is this, and the block is free."""

    def __init__(self, shelf: _Shelf, block: Array, size: int) -> None:
        self._shelf, self._block = shelf, block
        self.__array_interface__ = {
            "data": (address(block), False), "shape": (size,), "typestr": "|u1", "version": 3,
        }  # fmt: skip

    def __del__(self) -> None:
        try:
            self._shelf.give(self._block, scratch=False)
        except KeyboardInterrupt:
            # Python drops what a destructor raises: another thread interrupts again, behind its end.
            _thread.start_new_thread(_thread.interrupt_main, ())


def result(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return a new array for a result, its elements not set; its memory is used again afterwards."""
    size = math.prod(shape) * dtype.itemsize
    if size < _ANYWHERE:
        return np.empty(shape, dtype)
    if not _SMALLEST <= size <= _shelf.largest:
        return _aligned(size).view(dtype).reshape(shape)
    lease = _Lease(_shelf, _shelf.take(size, scratch=False), size)
    return np.asarray(lease).view(dtype).reshape(shape)


class Scratch:
    """Hands out scratch arrays, to be used until the end of the `scratch` block."""

    def __init__(self) -> None:
        self._blocks: list[Array] = []

    def empty(self, elements: int, dtype: np.dtype[Any]) -> Array:
        """Return a flat array, its elements not set. Any thread may ask."""
        size = elements * dtype.itemsize
        if size < _SMALLEST:
            return aligned(elements, dtype)
        block = _shelf.take(size, scratch=True)
        self._blocks.append(block)
        return block[:size].view(dtype)

    def zeros(self, elements: int, dtype: np.dtype[Any]) -> Array:
        """Return a flat array of zeros."""
        array = self.empty(elements, dtype)
        array.fill(0)
        return array

    def give_back(self) -> None:
        """Put all of it back on the shelf."""
        while self._blocks:
            _shelf.give(self._blocks.pop(), scratch=True)


@contextmanager
def scratch() -> Iterator[Scratch]:
    """Scratch memory for one call; nothing of it may be used after the block."""
    made = Scratch()
    try:
        yield made
    finally:
        made.give_back()


def limit_memory(size: int = LIMIT) -> None:
    """Set how much memory is kept for later calls, scratch in use included.

    Results of more than four times this are new memory at every call, which costs time; and of those above
    it only the last one's memory is kept, until the next call. A program that makes many large results sets
    it to a few times their size.

    Args:
        size: Bytes; 0 keeps nothing.

    Raises:
        TypeError: Not an integer.
        ValueError: Less than 0.
    """
    _shelf.set_limit(integer(size, "size", 0))


def release_memory() -> None:
    """Free the memory that is kept for later calls."""
    _shelf.clear()
