"""Calls of kernels but for the addresses of arrays, and room to fill these in without a new array for each run.

A kernel counts in its call, so every run needs a copy of its own. The copies are kept, as many as there were
runs at one time: to fill one in takes half a microsecond.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.runtime.addresses import address

Array = npt.NDArray[Any]

_WORD = 8
# Calls up to which it is faster to write down what is added to each than to have NumPy repeat it.
_FEW = 8


class Room:
    """A copy of some calls, for one run at a time."""

    def __init__(self, template: Array, field: int, count: int) -> None:
        calls, words = template.shape
        behind = words * _WORD - field - count * _WORD
        self._times = calls if calls <= _FEW else 1
        self._pack = struct.Struct("=" + f"{field}x{count}q{behind}x" * self._times).pack_into
        self._template = template
        self._bases: Any = np.zeros((self._times, words), np.int64)
        self._calls = np.empty(template.shape, np.int64)
        self._first, self._step = address(self._calls), words * _WORD

    def filled(self, *addresses: int) -> tuple[Array, int, int]:
        """Fill the addresses in.

        Returns:
            ``[calls, words]``; the address of the first call; and bytes from call to call.
        """
        self._pack(self._bases, 0, *(addresses * self._times))
        np.add(self._template, self._bases, self._calls)
        return self._calls, self._first, self._step


class Rooms:
    """The copies of ``template[calls, words]`` that no run uses now.

    Args:
        template: The calls; in the fields for addresses of arrays, bytes from where these begin.
        field: The first of the fields for addresses, in bytes.
        count: How many there are, one after the other.
    """

    def __init__(self, template: Array, field: int, count: int) -> None:
        self._given = template, field, count
        self._free: list[Room] = []

    def take(self) -> Room:
        """Return one of them, or a new one. A run that fails keeps it."""
        try:
            return self._free.pop()
        except IndexError:
            return Room(*self._given)

    def give(self, room: Room) -> None:
        """Take it back."""
        self._free.append(room)
