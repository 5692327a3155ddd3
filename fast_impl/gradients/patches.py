"""Gradients for few filters: the output gradient's patches as one matrix.

With few filters the products of `fast_impl.gradients.blocks` are thin. Here all taps of a pixel lie side
by side, ``patches[pixels, taps x filters]``: one product with the kernel, as it lies in memory,
gives the gradient of the inputs, and one with the inputs that of the kernel.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.gradients.pixel_sums import pixel_sums
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last
from fast_impl.runtime import blas, memory, workers
from fast_impl.runtime.addresses import steps

Array = npt.NDArray[Any]

# Bytes of patches that one task holds.
_TILE_BYTES = 1 << 20
# Multiply-adds below which a second thread only costs.
_SMALL = 1 << 20
# Images beyond which those of fewer pixels are better taken together.
_MANY_IMAGES, _FEW_PIXELS = 1 << 10, 64
# Pixels that one product adds up: more of them leave the cache.
_PIECE = 256


def suits(problem: Problem, threads: int, limit: int) -> bool:
    """Whether patches are narrow enough to be gathered, within the limit, and products without them too thin."""
    thin = problem.filters * min(problem.width.stride, problem.width.kernel) < 24
    wide = problem.height.kernel * problem.width.kernel * problem.filters
    if not thin or wide > 512:
        return False
    height, width = problem.height, problem.width
    if problem.batch > _MANY_IMAGES and height.input * width.input < _FEW_PIXELS:
        return False  # every image is a step of its own here
    rows = max(1, min(height.input, _TILE_BYTES // max(_line(problem), 1)))
    tall = (rows - 1) * height.stride + height.extent
    broad = (width.input - 1) * width.stride + width.extent
    size = accumulator(problem.dtype).itemsize
    each = rows * _line(problem) + tall * broad * problem.filters * size
    return (1 if problem.multiply_adds < _SMALL else threads) * each <= limit


def _line(problem: Problem) -> int:
    """Bytes of the patches of a row of pixels."""
    wide = problem.height.kernel * problem.width.kernel * problem.filters
    return problem.width.input * wide * accumulator(problem.dtype).itemsize


class PatchesBackward:
    """All gradients of one problem."""

    def __init__(self, problem: Problem, threads: int) -> None:
        self.problem = problem
        small = problem.multiply_adds < _SMALL
        threads = 1 if small else threads
        self.threads = threads
        self.dtype = accumulator(problem.dtype)
        self.product = blas.runner(self.dtype)
        self.products = functools.lru_cache(maxsize=8)(self._products)
        self.wide = problem.height.kernel * problem.width.kernel * problem.filters
        line = _line(problem)
        # As many strips of equal height for each thread, as far as the rows go.
        height = problem.height.input
        parts = -(-height // max(1, min(height, _TILE_BYTES // max(line, 1))))
        while parts * problem.batch % threads and parts < height:
            parts += 1
        self.rows = -(-height // parts)
        self.strips = [
            (image, first, min(first + self.rows, problem.height.input))
            for image in range(problem.batch)
            for first in range(0, problem.height.input, self.rows)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about: strips, and products of those of a few sizes."""
        return 256 * len(self.strips) + (8 << 10)

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        problem = self.problem
        inputs_nhwc, gradient_nhwc, to_inputs = (
            channels_last(problem, array) for array in (inputs, gradient, out[0])
        )
        weights = np.ascontiguousarray(kernel, self.dtype).reshape(-1)
        # One share of the strips and one sum for each thread, whoever runs it: the order of the
        # additions depends on the number of threads only.
        shares = min(self.threads, len(self.strips))
        sums = np.zeros((shares, weights.size), self.dtype)
        tile_shape = self._tile_shape()

        def task(share: int, seat: int) -> None:  # noqa: ARG001
            first, last = (len(self.strips) * end // shares for end in (share, share + 1))
            tile = lender.zeros(math.prod(tile_shape), self.dtype).reshape(tile_shape)
            patches = lender.empty(self.rows * problem.width.input * self.wide, self.dtype)
            for image, low, high in self.strips[first:last]:
                pixels = self._gather(gradient_nhwc[image], low, high, tile, patches)
                x = np.ascontiguousarray(inputs_nhwc[image, low:high], self.dtype).reshape(-1)
                target = to_inputs[image, low:high]
                direct = target.flags.c_contiguous and target.dtype == self.dtype
                y = target if direct else np.empty(target.shape, self.dtype)
                for_inputs, for_kernel = self.products(pixels)
                self.product(for_inputs, weights, patches, y.reshape(-1))
                self.product(for_kernel, x, patches, sums[share])
                if not direct:
                    np.copyto(target, y, casting="unsafe")

        total, bias_tasks = pixel_sums(gradient_nhwc, self.dtype, shares)

        def both(number: int, seat: int) -> None:
            if number < shares:
                task(number, seat)
            else:
                bias_tasks[number - shares](seat)

        with memory.scratch() as lender, blas.one_thread():
            workers.run(both, 2 * shares, self.threads)
        np.copyto(out[1], sums.sum(axis=0).reshape(out[1].shape), casting="unsafe")
        np.copyto(out[2], total.sum(axis=0), casting="unsafe")

    def _tile_shape(self) -> tuple[int, int, int]:
        height, width = self.problem.height, self.problem.width
        tall = (self.rows - 1) * height.stride + height.extent
        broad = (width.input - 1) * width.stride + width.extent
        return tall, broad, self.problem.filters

    def _gather(self, image: Array, low: int, high: int, tile: Array, patches: Array) -> int:
        """Fill ``patches`` for the input rows ``low`` to ``high``; return the number of pixels."""
        height, width = self.problem.height, self.problem.width
        top = low * height.stride - height.before
        first = max(top, 0)
        last = max(first, min(top + len(tile), height.output))
        # Where the kernel is at least as wide as the stride, the tile holds all columns that are reached.
        columns = max(0, min(tile.shape[1] - width.before, width.output))
        tile[: first - top] = 0
        tile[last - top :] = 0
        part = tile[first - top : last - top, width.before : width.before + columns]
        np.copyto(part, image[first:last, :columns], casting="unsafe")
        down, right, single = steps(tile)
        view = np.lib.stride_tricks.as_strided(
            tile,
            (high - low, width.input, height.kernel, width.kernel, self.problem.filters),
            (
                down * height.stride,
                right * width.stride,
                down * height.dilation,
                right * width.dilation,
                single,
            ),
            writeable=False,
        )
        pixels = (high - low) * width.input
        np.copyto(patches[: math.prod(view.shape)].reshape(view.shape), view)
        return pixels

    def _products(self, pixels: int) -> tuple[list[Any], list[Any]]:
        channels, wide = self.problem.in_channels, self.wide
        inputs = blas.Product(
            pixels, channels, wide, 0, channels, 0, wide, 0, channels, add=False, plain=True
        )
        pieces = -(-pixels // _PIECE)
        ends = [pixels * end // pieces for end in range(pieces + 1)]
        kernel = [
            blas.Product(
                wide, channels, last - first, first * channels, channels, first * wide, wide,
                0, channels, plain=True, turned=True,
            )
            for first, last in itertools.pairwise(ends)
        ]  # fmt: skip
        compiled = blas.compile_products([inputs, *kernel], self.dtype)
        return compiled[:1], compiled[1:]
