"""Weights in the order in which generated kernels read them, for all problems that want the same order.

The order depends on the kernel and on which taps are summed side by side, not on the size of the images. So what
is packed for one size serves for others.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.runtime import memory

Array = npt.NDArray[Any]
Taps = tuple[tuple[int | None, ...], ...]

# Weights of a packed kernel that are looked up one by one, which takes no time of Python's.
_LOOKED_UP = 1 << 15
# Seconds to pack: calls of NumPy for a tap, per weight, and the same where weights are looked up.
_TAP, _WEIGHT, _CALLS, _LOOK = 12e-6, 2e-9, 4e-6, 0.8e-9


class Block(NamedTuple):
    """Packed weights of some taps, from ``start`` on: ``[panels, taps, channels, lanes]``.

    Lanes are places in rows by places in columns, by filters, from number ``lane`` on. ``down`` and ``right`` are,
    for each place, the tap that carries each input there, or None.
    """

    start: int
    lane: int
    shape: tuple[int, int, int, int]
    taps: range
    down: Taps
    right: Taps

    def weights(self, kernel: Array, tap: int) -> Array:
        """Weights of one of the inputs, ``[lanes, channels]``, zero where no tap of the kernel is."""
        u, t = divmod(tap, len(self.right[0]))
        nothing = np.zeros_like(kernel[0, 0])
        return np.concatenate(
            [
                nothing if down[u] is None or right[t] is None else kernel[down[u], right[t]]
                for down in self.down
                for right in self.right
            ]
        )


class Packing:
    """How the weights of kernels of one shape are packed, block by block."""

    def __init__(
        self, kernel_shape: tuple[int, ...], blocks: tuple[Block, ...], elements: int
    ) -> None:
        self._kernel_shape, self._blocks, self.elements = kernel_shape, blocks, elements
        self._places: Array | None = None

    def pack(self, kernel: Array) -> Array:
        """Pack ``kernel[height, width, filters, channels]``."""
        packed = memory.aligned(self.elements, kernel.dtype)
        size = math.prod(self._kernel_shape)
        if self.elements > _LOOKED_UP or size > _LOOKED_UP:
            self._arrange(kernel, packed)
            return packed
        if self._places is None:
            # The weight of each element; none is the one before the first.
            numbers = np.arange(1, size + 1).reshape(self._kernel_shape)
            places = np.empty(self.elements, np.intp)
            self._arrange(numbers, places)
            self._places = places
        weights = np.empty(size + 1, kernel.dtype)
        weights[0] = 0
        weights[1:].reshape(self._kernel_shape)[...] = kernel
        weights.take(self._places, out=packed, mode="clip")
        return packed

    def seconds(self) -> float:
        """Predicted time to pack a kernel again."""
        if self.elements <= _LOOKED_UP:
            return _CALLS + _LOOK * self.elements
        return _TAP * sum(len(block.taps) for block in self._blocks) + _WEIGHT * self.elements

    def _arrange(self, kernel: Array, packed: Array) -> None:
        for block in self._blocks:
            count, taps, channels, width = block.shape
            some = packed[block.start : block.start + count * taps * channels * width]
            into = some.reshape(block.shape)
            for number, tap in enumerate(block.taps):
                lanes = block.weights(kernel, tap)[block.lane :][: count * width]
                if len(lanes) < count * width:
                    lanes = np.pad(lanes, ((0, count * width - len(lanes)), (0, 0)))
                into[:, number] = lanes.reshape(count, width, channels).transpose(0, 2, 1)


@functools.lru_cache(maxsize=32)
def packing(kernel_shape: tuple[int, ...], blocks: tuple[Block, ...], elements: int) -> Packing:
    """The same for all who ask for the same."""
    return Packing(kernel_shape, blocks, elements)
