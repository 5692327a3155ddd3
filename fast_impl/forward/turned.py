"""Arrays that the generated kernels do not take: turned round, or in a wider format, some images at a time.

Kernels want channels last, in float32 or float64. What has its channels first, or is float16 or bfloat16, is
copied into that form, computed there, and copied back; sums of a narrow format are rounded once. Where a processor
multiplies pairs of bfloat16, two channels are such a pair, and are read as they are.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import Executor
from fast_impl.kernels.target import Target
from fast_impl.kernels.turning import turn
from fast_impl.problem.dtypes import DType, accumulator
from fast_impl.problem.problem import Problem, channels_last
from fast_impl.runtime import memory

Array = npt.NDArray[Any]


class Method(Executor, Protocol):
    """A method for a problem in the form that the kernels take."""

    problem: Problem
    target: Target


def as_it_is(problem: Problem) -> bool:
    """Whether kernels take the arrays of a problem of floating point as they are."""
    return problem.dtype == accumulator(problem.dtype) and not problem.channels_first


def of_pairs(dtype: DType, numbers: int, target: Target) -> Target | None:
    """Whose kernels multiply pairs of so many numbers as they are; None where nobody's do."""
    return target.pairs if dtype.name == "bfloat16" and numbers % 2 == 0 else None


def taken(problem: Problem, limit: int, target: Target) -> tuple[Problem, Target] | None:
    """The problem in the form that kernels take, and whose kernels; None without room, or for integers.

    That is the problem itself, or some of its images; with half of the channels where two are a pair.

    Args:
        problem: The problem.
        limit: Bytes of scratch memory allowed.
        target: The target.
    """
    dtype = accumulator(problem.dtype)
    if dtype.kind != "f":
        return None
    if as_it_is(problem):
        return problem, target
    found = dataclasses.replace(problem, channels_first=False, dtype=dtype)
    pairs = of_pairs(problem.dtype, problem.in_channels, target)
    if pairs is not None:
        found, target = dataclasses.replace(found, in_channels=problem.in_channels // 2), pairs
    each = math.prod(found.input_shape[1:]) + math.prod(found.output_shape[1:])
    room = limit // (each * dtype.itemsize)
    # All images that find room, or as many as divide the batch.
    images = max(
        (n for n in range(1, problem.batch + 1) if problem.batch % n == 0 and n <= room), default=0
    )
    return (dataclasses.replace(found, batch=images), target) if images else None


class Turned:
    """The method for one problem, by that for some of its images in the form that kernels take."""

    silent = False

    def __init__(self, problem: Problem, method: Method, threads: int) -> None:
        self.problem, self.method, self.threads = problem, method, threads
        self.paired = method.problem.in_channels != problem.in_channels

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        return self.method.nbytes

    @property
    def form(self) -> Hashable:
        """As that of the method."""
        return self.method.form

    def pack(self, kernel: Array) -> Any:
        """The kernel in the form that `run` wants."""
        dtype = self.method.problem.dtype
        if self.paired:
            return self.method.pack(np.ascontiguousarray(kernel).view(dtype))
        return self.method.pack(kernel.astype(dtype, copy=False))

    def run(self, inputs: Array, packed: Any, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        inner = self.method.problem
        inputs, out = (channels_last(self.problem, array) for array in (inputs, out))
        if bias is not None:
            bias = bias.astype(inner.dtype, copy=False)
        with memory.scratch() as lender:
            sums = lender.empty(math.prod(inner.output_shape), inner.dtype)
            sums = sums.reshape(inner.output_shape)
            pixels = None
            if not (self.paired and inputs.flags.c_contiguous):
                pixels = lender.empty(math.prod(inner.input_shape), inner.dtype)
                pixels = pixels.reshape(inner.input_shape)
            for first in range(0, self.problem.batch, inner.batch):
                images = slice(first, first + inner.batch)
                if pixels is None:
                    self.method.run(inputs[images].view(inner.dtype), packed, bias, sums)
                else:
                    into = pixels.view(inputs.dtype) if self.paired else pixels
                    turn(into, inputs[images], self.threads, self.method.target)
                    self.method.run(pixels, packed, bias, sums)
                turn(out[images], sums, self.threads, self.method.target)

    @property
    def workspace(self) -> int:
        """Bytes of the images that are turned at a time."""
        inner = self.method.problem
        numbers = math.prod(inner.input_shape) + math.prod(inner.output_shape)
        return numbers * inner.dtype.itemsize

    def seconds(self, inner_seconds: float) -> float:
        """Predicted time of the whole problem, from that of its images turned at a time."""
        copied = math.prod(self.problem.output_shape)
        if self.problem.channels_first or not self.paired:
            copied += math.prod(self.problem.input_shape)
        wide = self.problem.dtype.itemsize == 8
        both = self.problem.channels_first and self.problem.dtype != self.method.problem.dtype
        by_kernels = self.method.target.turns is not None and not wide and not both
        turning = costs.TURN * copied if by_kernels else costs.copy(copied, costs.TURNED_RUN, wide)
        turning /= self.threads
        return inner_seconds * (self.problem.batch // self.method.problem.batch) + turning

    def explanation(self) -> str:
        """What is done besides, in words."""
        inner = self.method.problem
        done = [
            *(["turned"] if self.problem.channels_first else []),
            *(["read by pairs of channels"] if self.paired else []),
            *([f"made {inner.dtype.name}"] if inner.dtype != self.problem.dtype else []),
        ]
        return f", {inner.batch} image(s) {' and '.join(done)} at a time"
