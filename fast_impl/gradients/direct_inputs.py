"""The gradient of the inputs by generated kernels: a convolution of the output's gradient.

Pixel ``(i, j)`` sums over the gradients that its taps reached, their filters side by side; its
channels are the lanes. Its kernels are the sums of the forward direction
(`fast_impl.kernels.format`), with strides on the side of what is read.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy.typing as npt

from fast_impl.kernels.calls import Calls, Part
from fast_impl.kernels.copying import fill, shares
from fast_impl.kernels.grids import Grid, Reach
from fast_impl.kernels.panels import Lanes
from fast_impl.kernels.target import Target
from fast_impl.problem.geometry import Axis
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Bytes of packed weights that are worth the time to wake a thread.
_LARGE = 1 << 19


def _reach(axis: Axis) -> Reach:
    offsets = tuple(tap * axis.dilation - axis.before for tap in range(axis.kernel))
    return Reach(axis.output, axis.stride, offsets)


class InputGradient:
    """The method for one problem with its channels last."""

    def __init__(self, problem: Problem, threads: int, target: Target) -> None:
        self.problem, self.threads = problem, threads
        size = problem.dtype.itemsize
        pixel = problem.in_channels * size
        height, width = problem.height, problem.width
        grid = Grid(
            problem.batch, range(height.input), range(width.input), _reach(height), _reach(width),
            problem.filters, size, (height.input * width.input * pixel, width.input * pixel, pixel),
        )  # fmt: skip
        self.calls = Calls([Part(grid, Lanes(problem.in_channels))], problem.dtype, target)
        self.prepared = self.calls.prepare(threads)

    def _copies(self, kernel: Array, packed: Array) -> list[Any]:
        taps = kernel.reshape(-1, *kernel.shape[2:])
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

    def run(self, kernel: Array, gradient: Array, out: Array) -> None:
        """Write the gradient of the inputs into ``out``, which is contiguous."""
        with memory.scratch() as lender:
            packed = lender.empty(self.calls.elements, self.problem.dtype)
            copies = self._copies(kernel, packed)
            workers.run_each(copies, self.threads if packed.nbytes > _LARGE else 1)
            self.prepared.run(gradient, packed, self.prepared.no_bias, out)
