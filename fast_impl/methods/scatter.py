"""One matrix product per tap, added into the rows and columns that the tap reaches.

It reads like the definition and multiplies nothing that the definition does not multiply, so it
is right for every size, every format and every NaN and infinity: the method of last resort.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl import costs
from fast_impl.dtypes import accumulator
from fast_impl.methods import Proposal
from fast_impl.problem import Problem

Array = npt.NDArray[Any]

# Elements of one temporary array: the work is cut into pieces of about this size.
_PIECE = 1 << 20


def channels_last(problem: Problem, array: Array) -> Array:
    """Return a view of ``array`` with the channels behind the image."""
    return array.transpose(0, 2, 3, 1) if problem.channels_first else array


def _steps(total: int, elements_each: int) -> list[slice]:
    """Cut ``total`` things of ``elements_each`` elements into pieces of about `_PIECE`."""
    step = max(1, _PIECE // max(elements_each, 1))
    return [slice(first, min(first + step, total)) for first in range(0, total, step)]


class Scatter:
    """The method for one problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.dtype = accumulator(problem.dtype)
        self.taps = [
            (a, b, problem.height.span(a), problem.width.span(b))
            for a in range(problem.height.kernel)
            for b in range(problem.width.kernel)
        ]

    def pack(self, kernel: Array) -> Array:
        """Return the kernel in the format of the sums."""
        return kernel.astype(self.dtype, copy=False)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        problem = self.problem
        inputs_nhwc, out_nhwc = channels_last(problem, inputs), channels_last(problem, out)
        image = problem.height.output * problem.width.output * problem.filters
        line = problem.width.input * max(problem.filters, problem.in_channels)
        for images in _steps(problem.batch, max(image, problem.height.input * line)):
            target = out_nhwc[images]
            sums = target if self.dtype == out.dtype else np.empty(target.shape, self.dtype)
            sums[...] = 0
            for a, b, (rows, out_rows), (columns, out_columns) in self.taps:
                pixels = inputs_nhwc[images, rows, columns]
                reached = sums[:, out_rows, out_columns]
                for some in _steps(pixels.shape[1], line * len(pixels)):
                    wide = pixels[:, some].astype(self.dtype, copy=False)
                    reached[:, some] += wide @ packed[a, b].T
            if bias is not None:
                sums += bias.astype(self.dtype, copy=False)
            if sums is not target:
                np.copyto(target, sums, casting="unsafe")


def propose(problem: Problem, threads: int, limit: int) -> Proposal | None:  # noqa: ARG001
    """Offer the method, for every problem."""
    scatter = Scatter(problem)
    pixels = problem.batch * problem.height.input * problem.width.input
    taps = len(scatter.taps)
    product = costs.product(pixels, problem.filters, problem.in_channels)
    moved = 2 * costs.copy(pixels * problem.filters, problem.filters)
    slow = 20 if scatter.dtype.kind == "i" else 2
    return Proposal(
        scatter,
        taps * (slow * product + moved + 10 * costs.NUMPY_CALL),
        4 * _PIECE * scatter.dtype.itemsize,
        1,
        multiplies_padding=False,
        explanation=f"{taps} products, one for each tap, added where the tap lands",
    )


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
