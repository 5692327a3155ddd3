"""The gradient of the inputs by generated kernels: a convolution of the output's gradient.

Pixel ``(i, j)`` sums over the gradients that its taps reached, their filters side by side; its
channels are the lanes. Its kernels are the sums of the forward direction
(`fast_impl.kernels.format`), with strides on the side of what is read.

Few channels would leave lanes idle. Then gradients are taken in blocks of ``stride``: a block is what the taps
from ``0`` to ``stride - 1`` of one pixel reached, those from ``stride`` on of the pixel before it, and so on. All
of these pixels sum over the same gradients, so their channels are lanes of one sum. Each has a plane of its own,
and the planes are added in the end.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.kernels.copying import fill, shares
from fast_impl.kernels.sums.calls import Calls, Part
from fast_impl.kernels.sums.grids import Grid, Reach
from fast_impl.kernels.sums.panels import Lanes
from fast_impl.kernels.target import Target
from fast_impl.kernels.tasks import DoPart
from fast_impl.problem.geometry import Axis
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Bytes of packed weights, and of planes, that are worth the time to wake a thread.
_LARGE = 1 << 19
# Cycles to write and add a number of a plane, while it is in the cache, and when there are more bytes of them.
_ADD, _FAR_ADD, _NEAR = 1.0, 5.0, 2 << 20
# Part of the time that must be left for planes to be worth their memory.
_WORTH = 0.95


class _Side(NamedTuple):
    """How one axis is summed: pixel by pixel, or in blocks of the stride, each of which ``pixels`` sum over."""

    axis: Axis
    pixels: int

    @property
    def blocks(self) -> int:
        """How many there are."""
        return self.axis.input + self.pixels - 1

    @property
    def taps(self) -> int:
        """Gradients that a block reads."""
        return self.axis.kernel if self.pixels == 1 else self.axis.stride

    @property
    def exact(self) -> bool:
        """Whether every pixel has a tap for each of them."""
        return self.taps * self.pixels == self.axis.kernel

    def reach(self) -> Reach:
        """The gradients of each block."""
        axis = self.axis
        offsets = tuple(tap * axis.dilation - axis.before for tap in range(self.taps))
        return Reach(axis.output, axis.stride, offsets)


def _sides(axis: Axis) -> list[_Side]:
    blocks = -(-axis.kernel // axis.stride)
    several = [_Side(axis, blocks)] if blocks > 1 and axis.dilation == 1 else []
    return [_Side(axis, 1), *several]


class InputGradient:
    """The method for one problem with its channels last.

    Args:
        problem: The problem.
        threads: Most threads.
        target: The instruction set.
        limit: Bytes of scratch memory allowed.
        parts: In how many parts it is computed, at least.
    """

    def __init__(
        self, problem: Problem, threads: int, target: Target, limit: int, parts: int = 1
    ) -> None:
        self.problem, self.threads = problem, threads
        ways = [self._way(*sides, target) for sides in self._all_sides(limit, target)]
        least = min(range(len(ways)), key=lambda way: ways[way][0])
        if ways[least][0] > _WORTH * ways[0][0]:
            least = 0
        _, self.down, self.right, self.calls = ways[least]
        self.planes = self.down.pixels * self.right.pixels
        self.prepared = self.calls.prepare(threads, parts)

    def _all_sides(self, limit: int, target: Target) -> Iterator[tuple[_Side, _Side]]:
        problem, widest = self.problem, target.widest * target.vector
        for down, right in itertools.product(_sides(problem.height), _sides(problem.width)):
            planes = down.pixels * right.pixels
            lanes = planes * problem.in_channels * problem.dtype.itemsize
            bytes_of_all = problem.batch * down.blocks * right.blocks * lanes
            if planes == 1 or (lanes <= widest and bytes_of_all <= limit // 2):
                yield down, right

    def _way(self, down: _Side, right: _Side, target: Target) -> tuple[float, _Side, _Side, Calls]:
        """Predicted cycles, the sides, and what is called."""
        problem, planes = self.problem, down.pixels * right.pixels
        size = problem.dtype.itemsize
        pixel = problem.in_channels * size
        image = down.blocks * right.blocks * pixel
        grid = Grid(
            problem.batch, range(down.blocks), range(right.blocks), down.reach(), right.reach(),
            problem.filters, size, (image, right.blocks * pixel, pixel),
        )  # fmt: skip
        lanes = Lanes(problem.in_channels, planes, problem.batch * image if planes > 1 else 0)
        calls = Calls([Part(grid, lanes)], problem.dtype, target)
        numbers = planes * problem.batch * image // size if planes > 1 else 0
        added = numbers * (_ADD if numbers * size <= _NEAR else _FAR_ADD)
        return calls.cycles + added, down, right, calls

    @property
    def invents_weights(self) -> bool:
        """Whether gradients meet weights that are no taps."""
        return not (self.down.exact and self.right.exact)

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps."""
        return self.prepared.nbytes

    def _weights(self, kernel: Array) -> Array:
        """``[taps, filters, lanes]``: of each pixel of a block its own taps of the kernel, or zeros."""
        if self.planes == 1:
            return kernel.reshape(-1, *kernel.shape[2:])
        down, right = self.down, self.right
        shape = (down.taps, right.taps, kernel.shape[2], down.pixels, right.pixels, kernel.shape[3])
        found = np.zeros(shape, kernel.dtype)
        for i, j in itertools.product(range(down.pixels), range(right.pixels)):
            some = kernel[i * down.taps :, j * right.taps :][: down.taps, : right.taps]
            found[: len(some), : some.shape[1], :, i, j] = some
        return found.reshape(down.taps * right.taps, kernel.shape[2], -1)

    def _copies(self, kernel: Array, packed: Array) -> list[Any]:
        taps = self._weights(kernel)
        return [
            functools.partial(
                fill,
                section.weights(packed)[panels],
                taps[section.taps.start : section.taps.stop],
                section.panel.lane + panels.start * section.width,
                self.calls.target,
            )
            for section in self.calls.sections
            for panels in shares(section.panel.times, self.threads)
        ]

    @contextlib.contextmanager
    def in_parts(self, kernel: Array, gradient: Array, out: Array) -> Iterator[tuple[DoPart, int]]:
        """Write the gradient of the inputs into ``out``, which is contiguous.

        Returns:
            A context: what computes a part, which the caller does for each of them, and how many there are.
        """
        with memory.scratch() as lender:
            packed = lender.empty(self.calls.elements, self.problem.dtype)
            copies = self._copies(kernel, packed)
            workers.run_each(copies, self.threads if packed.nbytes > _LARGE else 1)
            planes = out
            if self.planes > 1:
                shape = (self.planes, len(out), self.down.blocks, self.right.blocks * out.shape[3])
                planes = lender.empty(math.prod(shape), out.dtype).reshape(shape)
            with self.prepared.in_parts(gradient, packed, self.prepared.no_bias, planes) as found:
                yield found
            if self.planes > 1:
                self._add(planes, out.reshape(*out.shape[:2], -1))

    def run(self, kernel: Array, gradient: Array, out: Array) -> None:
        """Write all of it."""
        with self.in_parts(kernel, gradient, out) as (do, parts):
            for part in range(parts):
                do(part, self.threads)

    def _add(self, planes: Array, out: Array) -> None:
        """Add the planes to ``out[images, rows, columns and channels]``."""
        line, channels = out.shape[2], self.problem.in_channels

        def add(rows: slice) -> None:
            into = out[:, rows]
            for number, plane in enumerate(planes):
                i, j = divmod(number, self.right.pixels)
                some = plane[:, rows.start + i : rows.stop + i, j * channels : j * channels + line]
                if number == 0:
                    np.copyto(into, some)
                else:
                    np.add(into, some, out=into)

        threads = self.threads if planes.nbytes > _LARGE else 1
        workers.run_each(
            [functools.partial(add, rows) for rows in shares(out.shape[1], threads)], threads
        )
