"""All taps at once, one plane of pixels per tap and filter, added into planes of output phases.

With few filters the pixels are the long axis. One product of the kernel, as it lies in memory, by
the pixels gives ``taps x filters`` planes; each is added, shifted, to the plane of the output
phase that its tap feeds; the planes are interleaved into the output once. Both layouts are native:
in ``channels_first`` the input is planes already. Nothing is multiplied by padding.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl import blas, costs, workers
from fast_impl.dtypes import accumulator
from fast_impl.methods import Proposal
from fast_impl.methods.blocks import tap_groups
from fast_impl.problem import Problem

Array = npt.NDArray[Any]

# Bytes of planes that one task holds: they are written once and read once, so they fit the cache.
_TILE_BYTES = 5 << 18


class _Taps(NamedTuple):
    """A rectangle of taps that carry pixel ``(i, j)`` to the same block, each to its own phase."""

    rows: slice
    columns: slice
    row_phases: slice
    column_phases: slice
    down: int
    right: int


def _rectangles(problem: Problem) -> list[_Taps]:
    return [
        _Taps(
            slice(y.tap, y.tap + y.places),
            slice(x.tap, x.tap + x.places),
            slice(y.place, y.place + y.places),
            slice(x.place, x.place + x.places),
            y.shift,
            x.shift,
        )
        for y in tap_groups(problem.height, merged=True)
        for x in tap_groups(problem.width, merged=True)
    ]


class Planar:
    """The algorithm for one problem and one height of the strips."""

    def __init__(self, problem: Problem, rows: int, threads: int) -> None:
        self.problem = problem
        self.threads = threads
        self.rows = rows
        self.dtype = accumulator(problem.dtype)
        self.taps = _rectangles(problem)
        self.row_blocks = -(-problem.height.output // problem.height.stride)
        self.blocks = -(-problem.width.output // problem.width.stride)
        # Planes of one width are added as if they were one long row, once the columns that would
        # run over into the next row are zero.
        self.one_row = self.blocks == problem.width.input
        self.up = max(0, *(tap.down for tap in self.taps), 0)
        self.down = max(0, *(-tap.down for tap in self.taps), 0)
        self.product = blas.runner(self.dtype)
        self.compiled = functools.lru_cache(maxsize=64)(self._compiled)

    def _compiled(self, pixels: int, row: int) -> list[Any]:
        problem = self.problem
        planes = problem.height.kernel * problem.width.kernel * problem.filters
        channels = problem.in_channels
        product = blas.Product(
            planes, pixels, channels, 0, row, 0, channels, 0, pixels, add=False,
            plain=problem.channels_first,
        )  # fmt: skip
        return blas.compile_products([product], self.dtype)

    def pack(self, kernel: Array) -> Array:
        """The kernel as it is, in the format of the sums."""
        return np.ascontiguousarray(kernel, self.dtype).reshape(-1)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        problem = self.problem
        out_nhwc = out.transpose(0, 2, 3, 1) if problem.channels_first else out
        # + 0.0: a sum is never -0.0, but a bias may be.
        start = None if bias is None else bias.astype(self.dtype) + self.dtype.type(0)
        strips = -(-self.row_blocks // self.rows)
        seats: list[tuple[Array, Array] | None] = [None] * self.threads

        def task(number: int, seat: int) -> None:
            scratch = seats[seat]
            if scratch is None:
                planes, sums = self.scratch_elements
                scratch = seats[seat] = np.empty(planes, self.dtype), np.empty(sums, self.dtype)
            image, strip = divmod(number, strips)
            first = strip * self.rows
            last = min(first + self.rows, self.row_blocks)
            self._task(scratch, inputs[image], packed, start, out_nhwc[image], first, last)

        with blas.one_thread():
            workers.run(task, problem.batch * strips, self.threads)

    def _task(
        self,
        scratch: tuple[Array, Array],
        image: Array,
        packed: Array,
        bias: Array | None,
        out: Array,
        first: int,
        last: int,
    ) -> None:
        problem = self.problem
        height, width, filters = problem.height, problem.width, problem.filters
        low, high = max(first - self.up, 0), max(min(last + self.down, height.input), 0)
        size = (height.stride, width.stride, filters, last - first, self.blocks)
        sums = scratch[1][: math.prod(size)].reshape(size)
        sums[...] = 0 if bias is None else bias[:, None, None]
        rows = high - low
        if rows > 0:
            pixels = rows * width.input
            planes = scratch[0][: height.kernel * width.kernel * filters * pixels]
            self._products(image, low, high, packed, planes)
            shape = (height.kernel, width.kernel, filters, rows, width.input)
            self._add(planes.reshape(shape), sums, first - low)
        for row_phase in range(height.stride):
            target = out[first * height.stride + row_phase : last * height.stride : height.stride]
            count = target.shape[0]
            for place in range(width.stride):
                columns = target[:, place :: width.stride]
                part = sums[row_phase, place, :, :count, : columns.shape[1]]
                for f in range(filters):
                    columns[:, :, f] = part[f]

    def _products(self, image: Array, low: int, high: int, packed: Array, planes: Array) -> None:
        problem = self.problem
        width = problem.width.input
        pixels = (high - low) * width
        if problem.channels_first:
            row = problem.height.input * width
            if image.dtype == self.dtype and image.flags.c_contiguous:
                source = image.reshape(-1)[low * width :]
            else:
                source = np.ascontiguousarray(image[:, low:high], self.dtype).reshape(-1)
                row = pixels
        else:
            row = problem.in_channels
            source = np.ascontiguousarray(image[low:high], self.dtype).reshape(-1)
        self.product(self.compiled(pixels, row), source, packed, planes)

    def _add(self, planes: Array, sums: Array, above: int) -> None:
        """Add each tap's planes, shifted, to the sums of its phase."""
        width = self.problem.width.input
        have, rows = planes.shape[3], sums.shape[3]
        if self.one_row:
            for taps in self.taps:
                right = taps.right
                edge = slice(max(width - right, 0), None) if right > 0 else slice(0, -right)
                if right:
                    planes[taps.rows, taps.columns, :, :, edge] = 0
            long_planes = planes.reshape(*planes.shape[:3], -1)
            long_sums = sums.reshape(*sums.shape[:3], -1)
        for taps in self.taps:
            down, right = taps.down, taps.right
            # Row r of the sums takes row r - down + above of the planes.
            first, last = max(0, down - above), min(rows, have + down - above)
            if last <= first:
                continue
            if self.one_row:
                begin, end = first * width, last * width
                shift = (above - down) * width - right
                begin, end = max(begin, -shift), min(end, have * width - shift)
                if end > begin:
                    part = long_sums[taps.row_phases, taps.column_phases, :, begin:end]
                    part += long_planes[taps.rows, taps.columns, :, begin + shift : end + shift]
                continue
            left = max(0, -right)
            taken = min(width, self.blocks - right) - left
            if taken > 0:
                source = slice(first - down + above, last - down + above)
                target = slice(left + right, left + right + taken)
                part = sums[taps.row_phases, taps.column_phases, :, first:last, target]
                part += planes[taps.rows, taps.columns, :, source, left : left + taken]

    @property
    def scratch_elements(self) -> tuple[int, int]:
        """Elements of planes and of sums that one task holds."""
        problem = self.problem
        rows = min(self.rows + self.up + self.down, problem.height.input)
        planes = problem.height.kernel * problem.width.kernel * problem.filters
        phases = problem.height.stride * problem.width.stride * problem.filters
        return planes * rows * problem.width.input, phases * self.rows * self.blocks

    def seconds(self) -> float:
        """Predicted time of the whole problem."""
        problem = self.problem
        wide = self.dtype.itemsize == 8
        planes, sums = self.scratch_elements
        each = problem.height.kernel * problem.width.kernel * problem.filters
        # The planes are the "weights" of the product: the narrow side is padded to full blocks.
        task = costs.product(planes // max(each, 1), each, problem.in_channels, wide) * 1.3
        run = planes // max(each, 1) if self.one_row else problem.width.input
        task += costs.copy(planes, run, wide) + len(self.taps) * costs.NUMPY_CALL
        copies = problem.height.stride * problem.width.stride * problem.filters
        task += costs.copy(sums * 4, self.blocks * 4, wide) + copies * costs.NUMPY_CALL
        count = problem.batch * -(-self.row_blocks // self.rows)
        share = -(-count // self.threads)
        total = costs.START + task * share + share * costs.TASK
        return total + (costs.WAKE if self.threads > 1 and count > 1 else 0)


def propose(problem: Problem, threads: int, limit: int) -> Proposal | None:
    """Strips whose planes fit the cache, or None where there is nothing to multiply."""
    dtype = accumulator(problem.dtype)
    if not problem.multiply_adds or dtype.kind != "f":
        return None
    blocks = -(-problem.height.output // problem.height.stride)
    best: tuple[float, Planar] | None = None
    rows = blocks
    candidates = set()
    while True:
        candidates |= {rows, -(-blocks // (-(-blocks // rows)))}
        if rows == 1:
            break
        rows = -(-rows // 2)
    for rows in sorted(candidates):
        for count in {1, threads}:
            planar = Planar(problem, rows, count)
            size = sum(planar.scratch_elements) * dtype.itemsize
            if size * count > limit or (size > _TILE_BYTES and rows > 1):
                continue
            seconds = planar.seconds()
            if best is None or seconds < best[0]:
                best = seconds, planar
    if best is None:
        return None
    seconds, planar = best
    return Proposal(
        planar,
        seconds,
        sum(planar.scratch_elements) * dtype.itemsize * planar.threads,
        planar.threads,
        multiplies_padding=False,
        explanation=(
            f"one product for all {problem.height.kernel}x{problem.width.kernel} taps, added as "
            f"planes into "
            f"{problem.height.stride}x{problem.width.stride} output phases, {planar.rows} block(s) "
            f"of rows a task"
        ),
    )
