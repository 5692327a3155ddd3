"""All gradients of one problem by generated kernels."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward.turned import as_it_is, of_pairs
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import KernelGradient
from fast_impl.gradients.pixel_sums import add_pixels, pixel_sums
from fast_impl.kernels.sums.streams import TooLongError
from fast_impl.kernels.target import Target
from fast_impl.kernels.turning import turn
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Bytes of gradients whose sum is worth the time to wake a thread.
_LARGE = 4 << 20
# Bytes of gradients beyond which they do not stay in the last cache.
_FAR = 16 << 20
# Multiply-adds below which a second thread only costs.
_SMALL = 1 << 20


def suits(problem: Problem, limit: int) -> bool:
    """Whether generated kernels can compute the gradients of a problem with something to multiply."""
    return accumulator(problem.dtype).kind == "f" and not (
        not as_it_is(problem) and _copied_bytes(problem) > limit
    )


def _copied_bytes(problem: Problem) -> int:
    """Bytes of the inputs, their gradient, and the output's gradient as kernels take them."""
    pixels = 2 * math.prod(problem.input_shape) + math.prod(problem.output_shape)
    return pixels * accumulator(problem.dtype).itemsize


class DirectBackward:
    """The method for one problem."""

    def __init__(self, problem: Problem, threads: int, limit: int, target: Target) -> None:
        self.given, self.target = problem, target
        self.copied = not as_it_is(problem)
        dtype = accumulator(problem.dtype)
        self.problem = problem = dataclasses.replace(problem, channels_first=False, dtype=dtype)
        self.threads = 1 if problem.multiply_adds < _SMALL else threads
        self.kernel = KernelGradient(problem, self.threads, limit, target)
        # Where several threads share a chunk, they rather share all pixels; and what stays in the last cache need
        # not be read in one pass.
        far = math.prod(problem.output_shape) * dtype.itemsize > _FAR
        self.one_pass = self.kernel.inner_threads == 1 and far
        parts = len(self.kernel.chunks) if self.one_pass else 1
        # Whether pairs of filters are multiplied as they are.
        pairs = of_pairs(self.given.dtype, problem.filters, target)
        self.paired = pairs is not None
        if pairs is not None:
            halves = dataclasses.replace(problem, filters=problem.filters // 2)
            self.inputs = InputGradient(halves, self.threads, pairs, limit, parts)
        else:
            self.inputs = InputGradient(problem, self.threads, target, limit, parts)

    @classmethod
    def planned(
        cls, problem: Problem, threads: int, limit: int, target: Target
    ) -> DirectBackward | None:
        """The method for a problem that `suits`, or None where its streams would be too long."""
        try:
            return cls(problem, threads, limit, target)
        except TooLongError:
            return None

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        return self.inputs.nbytes + self.kernel.nbytes

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        if not self.copied:
            gradient = np.ascontiguousarray(gradient)
            kernel = np.ascontiguousarray(kernel)
            self._run(np.ascontiguousarray(inputs), kernel, gradient, gradient, out)
            return
        problem, dtype = self.problem, self.problem.dtype
        with memory.scratch() as lender:
            x, g, to_inputs = (
                lender.empty(math.prod(shape), dtype).reshape(shape)
                for shape in (problem.input_shape, problem.output_shape, problem.input_shape)
            )
            turn(x, channels_last(self.given, inputs), self.threads, self.target)
            turn(g, channels_last(self.given, gradient), self.threads, self.target)
            to_kernel, to_bias = (
                array if array.dtype == dtype else np.empty(array.shape, dtype) for array in out[1:]
            )
            found = to_inputs, to_kernel, to_bias
            if self.paired:
                narrow = np.ascontiguousarray(channels_last(self.given, gradient))
                pairs = _pairs_of_filters(kernel).view(dtype)
                self._run(x, pairs, narrow.view(dtype), g, found)
            else:
                self._run(x, kernel.astype(dtype, order="C", copy=False), g, g, found)
            turn(channels_last(self.given, out[0]), to_inputs, self.threads, self.target)
        for array, sums in ((out[1], to_kernel), (out[2], to_bias)):
            if array is not sums:
                np.copyto(array, sums, casting="unsafe")

    def suspects(
        self, inputs: Array, kernel: Array, found: tuple[Array, Array, Array]
    ) -> list[Array]:
        """Arrays that tell by NaN or infinities whether a zero that is not in the inputs may have met one."""
        # Pixels beyond the edge meet the kernel, columns beyond it the inputs: each or its result will do. Weights
        # that are no taps meet the gradients, which the result alone tells.
        pairs = [(found[0],) if self.inputs.invents_weights else (kernel, found[0])]
        if not self.kernel.as_it_is:
            pairs.append((inputs, found[1]))
        return [min(pair, key=lambda array: array.size) for pair in pairs]

    def _run(
        self,
        inputs: Array,
        kernel: Array,
        to_multiply: Array,
        gradient: Array,
        out: tuple[Array, Array, Array],
    ) -> None:
        """Write all gradients, of contiguous arrays; ``to_multiply`` is the output's gradient as the kernel is.

        If that is large, they are computed chunk by chunk, so that it comes from memory once.
        """
        to_inputs, to_kernel, to_bias = out
        if not self.one_pass:
            self.inputs.run(kernel, to_multiply, to_inputs)
            self.kernel.run(inputs, gradient, to_kernel)
            threads = self.threads if gradient.nbytes > _LARGE else 1
            sums, tasks = pixel_sums(gradient, self.problem.dtype, threads)
            workers.run(lambda number, seat: tasks[number](seat), len(tasks), threads)
            sums.sum(axis=0, out=to_bias)
            return
        sums = np.zeros((self.kernel.shares, len(to_bias)), to_bias.dtype)
        chunks = self.kernel.chunks
        with self.inputs.in_parts(kernel, to_multiply, to_inputs) as (do, parts):

            def beside(number: int, share: int) -> None:
                for part in range(number, parts, len(chunks)):
                    do(part, 1)
                chunk = chunks[number]
                images = slice(chunk.first_image, chunk.first_image + chunk.images)
                rows = self.kernel.own_rows(chunk)
                pixels = gradient[images, rows.start : rows.stop]
                add_pixels(pixels.reshape(-1, pixels.shape[-1]), sums[share])

            self.kernel.run(inputs, gradient, to_kernel, beside)
        sums.sum(axis=0, out=to_bias)


def _pairs_of_filters(kernel: Array) -> Array:
    """``kernel[height, width, filters, channels]`` with two filters of a channel side by side."""
    height, width, filters, channels = kernel.shape
    pairs = kernel.reshape(height, width, filters // 2, 2, channels).swapaxes(3, 4)
    return np.ascontiguousarray(pairs).reshape(height, width, filters // 2, 2 * channels)
