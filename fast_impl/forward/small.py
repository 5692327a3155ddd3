"""For small problems: one product, one table look-up, one sum.

All taps of all pixels are one product. A table made with the plan says, for each output pixel,
which rows of that product add up to it; a row of zeros fills the table where fewer taps arrive.
A handful of NumPy calls whatever the geometry: a layer of a few thousand multiply-adds is made of
call overhead. Nothing is multiplied by padding.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import Proposal
from fast_impl.kernels.target import Target
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.geometry import Axis
from fast_impl.problem.problem import Problem
from fast_impl.runtime import blas

Array = npt.NDArray[Any]

# Beyond these the table and the product would leave the cache.
_MOST_ADDS = 1 << 21
_MOST_ENTRIES = 1 << 15
# Multiply-adds up to which OpenBLAS wakes no thread.
_WITHOUT_THREADS = 1 << 18


def _arrivals(axis: Axis) -> list[list[tuple[int, int]]]:
    """For each output row, the pairs (input row, tap) that arrive there."""
    found: list[list[tuple[int, int]]] = [[] for _ in range(axis.output)]
    for tap in range(axis.kernel):
        rows, reached = axis.span(tap)
        for row, out in zip(
            range(rows.start, rows.stop),
            range(reached.start, reached.stop, reached.step or 1),
            strict=True,
        ):
            found[out].append((row, tap))
    return found


class Small:
    """The method for one problem."""

    silent = False

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.dtype = accumulator(problem.dtype)
        self.same = self.dtype == problem.dtype
        self.pixels = problem.batch * problem.height.input * problem.width.input
        self.taps = problem.height.kernel * problem.width.kernel
        self.table = self._table()
        # Threads of NumPy's own BLAS may hang in the child of a fork; it computes small products without.
        adds = self.pixels * self.taps * problem.filters * problem.in_channels
        self.alone = adds <= _WITHOUT_THREADS
        self.product = blas.runner(self.dtype)
        columns, channels = self.taps * problem.filters, problem.in_channels
        product = blas.Product(
            self.pixels,
            columns,
            channels,
            0,
            columns,
            0,
            channels,
            0,
            columns,
            add=False,
            plain=True,
        )
        self.products = blas.compile_products([product], self.dtype)

    def _table(self) -> Array:
        problem = self.problem
        height, width = problem.height, problem.width
        rows, columns = _arrivals(height), _arrivals(width)
        deep = max(map(len, rows)) * max(map(len, columns))
        table = np.full((deep, height.output, width.output), -1, np.intp)
        for p, from_rows in enumerate(rows):
            for q, from_columns in enumerate(columns):
                entries = [
                    (i * width.input + j) * self.taps + a * width.kernel + b
                    for i, a in from_rows
                    for j, b in from_columns
                ]
                table[: len(entries), p, q] = entries
        image = height.input * width.input * self.taps
        offsets = np.arange(problem.batch)[None, :, None, None] * image
        zeros = self.pixels * self.taps
        full = np.where(table[:, None] < 0, zeros, table[:, None] + offsets)
        full.flags.writeable = False
        return np.ascontiguousarray(full)

    def pack(self, kernel: Array) -> Array:
        """Return the kernel as a matrix of channels by taps and filters."""
        flat = kernel.reshape(-1, self.problem.in_channels).T
        return np.ascontiguousarray(flat, self.dtype).reshape(-1)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        problem = self.problem
        if problem.channels_first:
            inputs, out = inputs.transpose(0, 2, 3, 1), out.transpose(0, 2, 3, 1)
        pixels = np.ascontiguousarray(inputs, self.dtype).reshape(-1)
        rows = self.pixels * self.taps
        product = np.empty((rows + 1, problem.filters), self.dtype)
        product[rows] = 0
        if self.alone:
            matrices = pixels.reshape(self.pixels, -1), packed.reshape(problem.in_channels, -1)
            np.matmul(*matrices, out=product[:rows].reshape(self.pixels, -1))
        else:
            with blas.one_thread():
                self.product(self.products, packed, pixels, product.reshape(-1))
        arrived = product.take(self.table, axis=0)
        if self.same:
            arrived.sum(axis=0, out=out)
            if bias is not None:
                out += bias
            return
        sums = arrived.sum(axis=0)
        if bias is not None:
            sums += bias.astype(self.dtype)
        np.copyto(out, sums, casting="unsafe")

    def seconds(self) -> float:
        """Predicted time of the whole problem."""
        problem = self.problem
        gathered = self.table.size * problem.filters
        product = costs.product(
            self.pixels, self.taps * problem.filters, problem.in_channels, self.dtype.itemsize == 8
        )
        # Rows are taken, and added up, in less time than a copy between two layouts takes.
        return 6 * costs.NUMPY_CALL + product + 1.2 * costs.ELEMENT * gathered


def propose(problem: Problem, threads: int, limit: int, target: Target | None) -> Proposal | None:
    """Offer the method for small problems, or None."""
    height, width = problem.height, problem.width
    outputs = problem.batch * height.output * width.output
    each = -(-height.kernel // height.stride) * -(-width.kernel // width.stride)
    product = problem.batch * height.input * width.input * height.kernel * width.kernel
    if (
        not problem.multiply_adds
        or accumulator(problem.dtype).kind != "f"
        or product * problem.filters * problem.in_channels > _MOST_ADDS
        or outputs * each > _MOST_ENTRIES
    ):
        return None
    small = Small(problem)
    taken = product * problem.filters + small.table.size * problem.filters
    if taken * small.dtype.itemsize > limit:
        return None
    return Proposal(
        small,
        small.seconds(),
        taken * small.dtype.itemsize,
        1,
        multiplies_padding=False,
        explanation=f"one product for all taps, {len(small.table)} rows of it added per pixel",
    )
