"""All gradients of one problem by generated kernels."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import KernelGradient
from fast_impl.gradients.pixel_sums import pixel_sums
from fast_impl.kernels.copying import turn
from fast_impl.kernels.streams import TooLongError
from fast_impl.kernels.target import Target
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory, workers

Array = npt.NDArray[Any]

# Multiply-adds below which a second thread only costs.
_SMALL = 1 << 20


def suits(problem: Problem, limit: int) -> bool:
    """Whether generated kernels can compute the gradients of a problem with something to multiply."""
    return problem.dtype.name in ("float32", "float64") and not (
        problem.channels_first and _turned_bytes(problem) > limit
    )


def _turned_bytes(problem: Problem) -> int:
    """Bytes of the inputs, their gradient, and the output's gradient in the other layout."""
    pixels = 2 * math.prod(problem.input_shape) + math.prod(problem.output_shape)
    return pixels * problem.dtype.itemsize


class DirectBackward:
    """The method for one problem."""

    def __init__(self, problem: Problem, threads: int, limit: int, target: Target) -> None:
        self.channels_first = problem.channels_first
        self.problem = problem = dataclasses.replace(problem, channels_first=False)
        self.threads = 1 if problem.multiply_adds < _SMALL else threads
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
        kernel = self.kernel._known.values()
        arrays = [array for calls in kernel for array in (calls.told, calls.streams, *calls.tables)]
        return self.inputs.prepared.nbytes + sum(array.nbytes for array in arrays)

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        if not self.channels_first:
            self._run(inputs, kernel, gradient, out)
            return
        with memory.scratch() as lender:
            x, g, to_inputs = (
                lender.empty(math.prod(shape), self.problem.dtype).reshape(shape)
                for shape in (
                    self.problem.input_shape,
                    self.problem.output_shape,
                    self.problem.input_shape,
                )
            )
            turn(x, inputs.transpose(0, 2, 3, 1), self.threads)
            turn(g, gradient.transpose(0, 2, 3, 1), self.threads)
            self._run(x, kernel, g, (to_inputs, out[1], out[2]))
            turn(out[0].transpose(0, 2, 3, 1), to_inputs, self.threads)

    def _run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        gradient = np.ascontiguousarray(gradient)
        self.inputs.run(np.ascontiguousarray(kernel), gradient, out[0])
        self.kernel.run(np.ascontiguousarray(inputs), gradient, out[1])
        total, tasks = pixel_sums(gradient, self.problem.dtype, self.threads)
        workers.run(lambda number, seat: tasks[number](seat), len(tasks), self.threads)
        total.sum(axis=0, out=out[2])
