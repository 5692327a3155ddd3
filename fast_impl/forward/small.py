"""For small problems: one product, one table look-up, one sum.

All taps of all pixels are one product. A table made with the plan says, for each output pixel,
which rows of that product add up to it; a row of zeros fills the table where fewer taps arrive.
A handful of NumPy calls whatever the geometry: a layer of a few thousand multiply-adds is made of
call overhead. Nothing is multiplied by padding.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import Offer, Proposal
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


def _arrivals(axis: Axis) -> tuple[Array, Array, Array]:
    """For each output row, the input rows and taps that arrive there, tap by tap.

    Returns:
        Input rows and taps, ``[most of an output row, output rows]``, and where there are any.
    """
    taps, rows = np.divmod(np.arange(axis.kernel * axis.input), axis.input)
    reached = rows * axis.stride + taps * axis.dilation - axis.before
    there = (reached >= 0) & (reached < axis.output)
    order = np.argsort(reached[there], kind="stable")
    rows, taps, reached = (found[there][order] for found in (rows, taps, reached))
    count = np.bincount(reached, minlength=axis.output)
    number = np.arange(len(reached)) - (count.cumsum() - count)[reached]
    shape = int(count.max(initial=0)), axis.output
    found = np.zeros(shape, np.intp), np.zeros(shape, np.intp), np.zeros(shape, bool)
    for into, what in zip(found, (rows, taps, True), strict=True):
        into[number, reached] = what
    return found


class Small:
    """The method for one problem."""

    silent = False
    form = "small"

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        return self.table.nbytes

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
        # Axes: arrivals by row and by column, images, output rows and columns.
        i, a, high = (found[:, None, None, :, None] for found in _arrivals(height))
        j, b, broad = (found[:, None, None, :] for found in _arrivals(width))
        images = np.arange(problem.batch)[:, None, None] * (height.input * width.input)
        found = (images + i * width.input + j) * self.taps + a * width.kernel + b
        full = np.where(high & broad, found, self.pixels * self.taps)
        full = full.reshape(-1, *full.shape[2:])
        full.flags.writeable = False
        return full

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
        return _seconds(self.problem, self.table.size)


def _seconds(problem: Problem, entries: int) -> float:
    """Predicted time, with so many entries of the table."""
    dtype = accumulator(problem.dtype)
    pixels = problem.batch * problem.height.input * problem.width.input
    columns = problem.height.kernel * problem.width.kernel * problem.filters
    product = costs.product(pixels, columns, problem.in_channels, dtype.itemsize == 8)
    # Rows are taken, and added up, in less time than a copy between two layouts takes.
    return 6 * costs.NUMPY_CALL + product + 1.2 * costs.ELEMENT * entries * problem.filters


def offer(problem: Problem, threads: int, limit: int, target: Target | None) -> Offer | None:
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
    weights = math.prod(problem.kernel_shape)
    return Offer(
        _seconds(problem, outputs),
        costs.copy(weights, costs.TURNED_RUN),
        lambda: propose(problem, threads, limit, target),
    )


def propose(problem: Problem, threads: int, limit: int, target: Target | None) -> Proposal | None:
    """Propose the method for small problems, or None."""
    if offer(problem, threads, limit, target) is None:
        return None
    small = Small(problem)
    rows = small.pixels * small.taps + small.table.size
    taken = rows * problem.filters * small.dtype.itemsize
    if taken > limit:
        return None
    return Proposal(
        small,
        small.seconds(),
        taken,
        1,
        multiplies_padding=False,
        explanation=f"one product for all taps, {len(small.table)} rows of it added per pixel",
    )
