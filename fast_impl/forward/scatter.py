"""One matrix product per tap, added into the rows and columns that the tap reaches.

It reads like the definition and multiplies nothing that the definition does not multiply, so it
is right for every size, every format and every NaN and infinity: the method of last resort.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import Proposal
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last

Array = npt.NDArray[Any]

# Elements of one temporary array: the work is cut into pieces of about this size.
_PIECE = 1 << 20


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
