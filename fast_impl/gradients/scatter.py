"""Gradients by one product per tap, for every size and format: the method of last resort."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last

Array = npt.NDArray[Any]


def input_gradient(problem: Problem, kernel: Array, output_gradient: Array, out: Array) -> None:
    """Write the gradient of the inputs into ``out``: a gather, the adjoint of the scatter."""
    wide = accumulator(problem.dtype)
    gradient_nhwc = channels_last(problem, output_gradient).astype(wide, copy=False)
    kernel_hwoi = kernel.astype(wide, copy=False)
    out_nhwc = channels_last(problem, out)
    sums = np.zeros(out_nhwc.shape, wide)
    for a in range(problem.height.kernel):
        rows, out_rows = problem.height.span(a)
        for b in range(problem.width.kernel):
            columns, out_columns = problem.width.span(b)
            sums[:, rows, columns] += gradient_nhwc[:, out_rows, out_columns] @ kernel_hwoi[a, b]
    np.copyto(out_nhwc, sums, casting="unsafe")


def kernel_gradient(problem: Problem, inputs: Array, output_gradient: Array, out: Array) -> None:
    """Write the gradient of the kernel into ``out``: one product over all pixels per tap."""
    wide = accumulator(problem.dtype)
    inputs_nhwc = channels_last(problem, inputs).astype(wide, copy=False)
    gradient_nhwc = channels_last(problem, output_gradient).astype(wide, copy=False)
    for a in range(problem.height.kernel):
        rows, out_rows = problem.height.span(a)
        for b in range(problem.width.kernel):
            columns, out_columns = problem.width.span(b)
            patch = inputs_nhwc[:, rows, columns]
            # Not -1 for the count: NumPy cannot tell it where there are no channels.
            count = math.prod(patch.shape[:3])
            pixels = patch.reshape(count, problem.in_channels)
            reached = gradient_nhwc[:, out_rows, out_columns].reshape(count, problem.filters)
            out[a, b] = reached.T @ pixels


def bias_gradient(problem: Problem, output_gradient: Array, out: Array) -> None:
    """Write the gradient of the bias into ``out``: the sum over batch, height and width."""
    wide = accumulator(problem.dtype)
    axes = (0, 2, 3) if problem.channels_first else (0, 1, 2)
    out[...] = output_gradient.sum(axis=axes, dtype=wide)
