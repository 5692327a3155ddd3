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
from fast_impl.gradients.pixel_sums import pixel_sums
from fast_impl.kernels.copying import turn
from fast_impl.kernels.streams import TooLongError
from fast_impl.kernels.target import Target
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Bytes of gradients whose sum is worth the time to wake a thread.
_LARGE = 4 << 20
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
        self.given = problem
        self.copied = not as_it_is(problem)
        dtype = accumulator(problem.dtype)
        self.problem = problem = dataclasses.replace(problem, channels_first=False, dtype=dtype)
        self.threads = 1 if problem.multiply_adds < _SMALL else threads
        # Whether pairs of filters are multiplied as they are.
        pairs = of_pairs(self.given.dtype, problem.filters, target)
        self.paired = pairs is not None
        if pairs is not None:
            halves = dataclasses.replace(problem, filters=problem.filters // 2)
            self.inputs = InputGradient(halves, self.threads, pairs)
        else:
            self.inputs = InputGradient(problem, self.threads, target)
        self.kernel = KernelGradient(problem, self.threads, limit, target)

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
        return self.inputs.prepared.nbytes + self.kernel.nbytes

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        if not self.copied:
            gradient = np.ascontiguousarray(gradient)
            self.inputs.run(np.ascontiguousarray(kernel), gradient, out[0])
            self._run(np.ascontiguousarray(inputs), gradient, *out[1:])
            return
        problem, dtype = self.problem, self.problem.dtype
        with memory.scratch() as lender:
            x, g, to_inputs = (
                lender.empty(math.prod(shape), dtype).reshape(shape)
                for shape in (problem.input_shape, problem.output_shape, problem.input_shape)
            )
            turn(x, channels_last(self.given, inputs), self.threads)
            turn(g, channels_last(self.given, gradient), self.threads)
            to_kernel, to_bias = (
                array if array.dtype == dtype else np.empty(array.shape, dtype) for array in out[1:]
            )
            if self.paired:
                narrow = np.ascontiguousarray(channels_last(self.given, gradient))
                self.inputs.run(
                    _pairs_of_filters(kernel).view(dtype), narrow.view(dtype), to_inputs
                )
            else:
                self.inputs.run(kernel.astype(dtype, order="C", copy=False), g, to_inputs)
            self._run(x, g, to_kernel, to_bias)
            turn(channels_last(self.given, out[0]), to_inputs, self.threads)
        for array, sums in ((out[1], to_kernel), (out[2], to_bias)):
            if array is not sums:
                np.copyto(array, sums, casting="unsafe")

    def suspects(
        self, inputs: Array, kernel: Array, found: tuple[Array, Array, Array]
    ) -> list[Array]:
        """Arrays that tell by NaN or infinities whether a zero that is not in the inputs may have met one."""
        # Pixels beyond the edge meet the kernel, columns beyond it the inputs: each or its result will do.
        pairs = [(kernel, found[0])]
        if not self.kernel.as_it_is:
            pairs.append((inputs, found[1]))
        return [min(pair, key=lambda array: array.size) for pair in pairs]

    def _run(self, inputs: Array, gradient: Array, to_kernel: Array, to_bias: Array) -> None:
        """Write the gradients of kernel and bias, of contiguous arrays."""
        self.kernel.run(inputs, gradient, to_kernel)
        threads = self.threads if gradient.nbytes > _LARGE else 1
        total, tasks = pixel_sums(gradient, self.problem.dtype, threads)
        workers.run(lambda number, seat: tasks[number](seat), len(tasks), threads)
        total.sum(axis=0, out=to_bias)


def _pairs_of_filters(kernel: Array) -> Array:
    """``kernel[height, width, filters, channels]`` with two filters of a channel side by side."""
    height, width, filters, channels = kernel.shape
    pairs = kernel.reshape(height, width, filters // 2, 2, channels).swapaxes(3, 4)
    return np.ascontiguousarray(pairs).reshape(height, width, filters // 2, 2 * channels)
