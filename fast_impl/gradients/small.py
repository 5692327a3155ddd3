"""Gradients of small problems: one look-up in a table, and three products.

What all taps of all pixels reached in the output's gradient lies side by side, ``patches[pixels, taps x
filters]``: one product with the kernel, as it lies in memory, gives the gradient of the inputs, one with the
inputs that of the kernel. A table made with the plan says where each tap of each pixel landed; a row of zeros is
for those that landed nowhere. These are a handful of calls of NumPy, whatever the geometry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.gradients.pixel_sums import add_pixels
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.geometry import Axis
from fast_impl.problem.problem import Problem, channels_last
from fast_impl.runtime import blas

Array = npt.NDArray[Any]

# Multiply-adds of a product, entries of the table, and numbers of patches and of the output's gradient up to
# which nothing else is faster.
_MOST, _ENTRIES, _PATCHES, _REACHED = 1 << 20, 1 << 14, 1 << 17, 1 << 16
# Multiply-adds of a product of matrices, and of one with a vector, up to which OpenBLAS wakes no thread: those of
# NumPy's own may hang in the child of a fork.
_ALONE, _SUMMED = 1 << 18, 1 << 13


def suits(problem: Problem, limit: int) -> bool:
    """Whether the problem is so small that calls, not numbers, take the time."""
    pixels, wide = _sizes(problem)
    gradients = problem.batch * problem.height.output * problem.width.output * problem.filters
    size = accumulator(problem.dtype).itemsize
    return (
        pixels * wide * problem.in_channels <= _MOST
        and pixels * wide <= _PATCHES
        and pixels * problem.height.kernel * problem.width.kernel <= _ENTRIES
        and gradients <= _REACHED
        and (pixels * wide + gradients + problem.filters) * size <= limit
    )


def _sizes(problem: Problem) -> tuple[int, int]:
    """Pixels, and numbers of each patch."""
    pixels = problem.batch * problem.height.input * problem.width.input
    return pixels, problem.height.kernel * problem.width.kernel * problem.filters


def _landing(axis: Axis) -> tuple[Array, Array]:
    """Where each tap carries each input row, ``[rows, taps]``, and whether that is in the output."""
    rows = np.arange(axis.input)[:, None] * axis.stride - axis.before
    found = rows + np.arange(axis.kernel) * axis.dilation
    return found, (found >= 0) & (found < axis.output)


class SmallBackward:
    """All gradients of one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.dtype = accumulator(problem.dtype)
        self.pixels, self.wide = _sizes(problem)
        height, width = problem.height, problem.width
        image = height.output * width.output
        self.reached = problem.batch * image
        (p, high), (q, broad) = _landing(height), _landing(width)
        place = p[:, None, :, None] * width.output + q[None, :, None, :]
        there = high[:, None, :, None] & broad[None, :, None, :]
        images = np.arange(problem.batch).reshape(-1, 1, 1, 1, 1) * image
        self.table = np.where(there, images + place, self.reached).reshape(self.pixels, -1)
        self.table.flags.writeable = False
        channels, wide = problem.in_channels, self.wide
        self.alone = self.pixels * wide * channels <= _ALONE
        self.product = blas.runner(self.dtype)
        for_inputs = blas.Product(
            self.pixels, channels, wide, 0, channels, 0, wide, 0, channels, add=False, plain=True
        )
        for_kernel = blas.Product(
            wide, channels, self.pixels, 0, channels, 0, wide, 0, channels,
            add=False, plain=True, turned=True,
        )  # fmt: skip
        self.products = blas.compile_products([for_inputs, for_kernel], self.dtype)
        few = self.reached * problem.filters <= _SUMMED
        self.ones = np.ones(self.reached, self.dtype) if few else None

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        return self.table.nbytes + (0 if self.ones is None else self.ones.nbytes)

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        problem, channels = self.problem, self.problem.in_channels
        rows = np.empty((self.reached + 1, problem.filters), self.dtype)
        rows[self.reached] = 0
        landed = rows[: self.reached]
        nhwc = channels_last(problem, gradient)
        landed.reshape(nhwc.shape)[...] = nhwc
        patches = rows.take(self.table, axis=0).reshape(self.pixels, self.wide)
        pixels = np.ascontiguousarray(channels_last(problem, inputs), self.dtype)
        weights = np.ascontiguousarray(kernel, self.dtype).reshape(self.wide, channels)
        pixels = pixels.reshape(self.pixels, channels)
        direct = self.dtype == problem.dtype
        in_place = direct and not problem.channels_first
        to_inputs = out[0] if in_place else np.empty(pixels.shape, self.dtype)
        to_kernel, to_bias = (
            found if direct else np.empty(found.shape, self.dtype) for found in out[1:]
        )
        if self.alone:
            np.dot(patches, weights, to_inputs.reshape(pixels.shape))
            np.dot(patches.T, pixels, to_kernel.reshape(weights.shape))
        else:
            flat = patches.reshape(-1)
            with blas.one_thread():
                self.product(self.products[:1], weights.reshape(-1), flat, to_inputs.reshape(-1))
                self.product(self.products[1:], pixels.reshape(-1), flat, to_kernel.reshape(-1))
        if self.ones is not None:
            np.dot(self.ones, landed, to_bias)
        else:
            to_bias[...] = 0
            add_pixels(landed, to_bias)
        if not in_place:
            target = channels_last(problem, out[0])
            np.copyto(target, to_inputs.reshape(target.shape), casting="unsafe")
        if not direct:
            np.copyto(out[1], to_kernel, casting="unsafe")
            np.copyto(out[2], to_bias, casting="unsafe")
