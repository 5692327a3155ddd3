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

from fast_impl.forward import costs
from fast_impl.forward.method import MOST_TAPS, Offer, Proposal
from fast_impl.forward.taps import least_groups, tap_groups
from fast_impl.kernels.target import Target
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem
from fast_impl.runtime import blas, memory, workers

Array = npt.NDArray[Any]

# Bytes of planes that one task holds: they are written once and read once, so they fit the cache.
_TILE_BYTES = 9 << 18
# Pixels in one product: of more, the planes it writes to lie too far apart.
_PIXELS = 1024


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
    """The algorithm for one problem and one size of the tasks: strips of an image, or images."""

    silent = False
    form = "planar"
    nbytes = 16 << 10  # a product for each piece of an image, of a few sizes

    def __init__(self, problem: Problem, images: int, rows: int, threads: int) -> None:
        self.problem = problem
        self.threads = threads
        self.images = images
        self.rows = rows
        self.dtype = accumulator(problem.dtype)
        self.taps = _rectangles(problem)
        self.row_blocks = -(-problem.height.output // problem.height.stride)
        self.blocks = -(-problem.width.output // problem.width.stride)
        # Planes of one width are added as if they were one long row, once the columns that would
        # run over into the next row are zero.
        self.one_row = self.blocks == problem.width.input
        self.up = max(0, *(tap.down for tap in self.taps))
        self.down = max(0, *(-tap.down for tap in self.taps))
        self.product = blas.runner(self.dtype)
        self.compiled = functools.lru_cache(maxsize=64)(self._compiled)

    def _compiled(self, images: int, pixels: int, x_image: int, x_row: int) -> list[Any]:
        """The products for ``pixels`` of each of some images, which lie ``x_image`` apart."""
        problem = self.problem
        planes = problem.height.kernel * problem.width.kernel * problem.filters
        first = problem.channels_first
        pieces = -(-pixels // _PIXELS)
        products = []
        for image in range(images):
            for piece in range(pieces):
                start, stop = pixels * piece // pieces, pixels * (piece + 1) // pieces
                x = image * x_image + start * (1 if first else x_row)
                products.append(
                    blas.Product(
                        planes, stop - start, problem.in_channels, x, x_row,
                        0, problem.in_channels, image * pixels + start, images * pixels,
                        add=False, plain=first,
                    )
                )  # fmt: skip
        return blas.compile_products(products, self.dtype)

    def pack(self, kernel: Array) -> Array:
        """The kernel as it is, in the format of the sums."""
        return np.ascontiguousarray(kernel, self.dtype).reshape(-1)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        problem = self.problem
        out_nhwc = out.transpose(0, 2, 3, 1) if problem.channels_first else out
        # + 0.0: a sum is never -0.0, but a bias may be.
        start = None if bias is None else bias + self.dtype.type(0)
        strips = -(-self.row_blocks // self.rows)
        chunks = -(-problem.batch // self.images)
        seats: list[tuple[Array, Array] | None] = [None] * self.threads

        def task(number: int, seat: int) -> None:
            scratch = seats[seat]
            if scratch is None:
                planes, sums = self.scratch_elements
                parts = lender.empty(planes, self.dtype), lender.empty(sums, self.dtype)
                scratch = seats[seat] = parts
            chunk, strip = divmod(number, strips)
            images = slice(chunk * self.images, min((chunk + 1) * self.images, problem.batch))
            first = strip * self.rows
            last = min(first + self.rows, self.row_blocks)
            self._task(scratch, inputs[images], packed, start, out_nhwc[images], first, last)

        with memory.scratch() as lender, blas.one_thread():
            workers.run(task, chunks * strips, self.threads)

    def _task(
        self,
        scratch: tuple[Array, Array],
        images: Array,
        packed: Array,
        bias: Array | None,
        out: Array,
        first: int,
        last: int,
    ) -> None:
        problem = self.problem
        height, width, filters = problem.height, problem.width, problem.filters
        low, high = max(first - self.up, 0), min(last + self.down, height.input)
        count = len(images)
        size = (height.stride, width.stride, filters, count, last - first, self.blocks)
        sums = scratch[1][: math.prod(size)].reshape(size)
        sums[...] = 0 if bias is None else bias[:, None, None, None]
        rows = high - low
        if rows > 0:
            shape = (height.kernel, width.kernel, filters, count, rows, width.input)
            planes = scratch[0][: math.prod(shape)]
            self._products(images, low, high, packed, planes)
            self._add(planes.reshape(shape), sums, first - low)
        for row_phase in range(height.stride):
            rows_of = slice(first * height.stride + row_phase, last * height.stride, height.stride)
            target = out[:, rows_of]
            for place in range(width.stride):
                columns = target[:, :, place :: width.stride]
                part = sums[row_phase, place, :, :, : columns.shape[1], : columns.shape[2]]
                for f in range(filters):
                    columns[..., f] = part[f]

    def _products(self, images: Array, low: int, high: int, packed: Array, planes: Array) -> None:
        problem = self.problem
        width, channels = problem.width.input, problem.in_channels
        pixels = (high - low) * width
        image = problem.height.input * width
        if problem.channels_first:
            if images.dtype == self.dtype and images.flags.c_contiguous:
                source, x_row = images.reshape(-1)[low * width :], image
            else:
                part = images[:, :, low:high]
                source, x_row = np.ascontiguousarray(part, self.dtype).reshape(-1), pixels
            x_image = channels * x_row
        else:
            source = np.ascontiguousarray(images[:, low:high], self.dtype).reshape(-1)
            x_row, x_image = channels, pixels * channels
        self.product(self.compiled(len(images), pixels, x_image, x_row), source, packed, planes)

    def _add(self, planes: Array, sums: Array, above: int) -> None:
        """Add each tap's planes, shifted, to the sums of its phase."""
        width = self.problem.width.input
        have, rows = planes.shape[4], sums.shape[4]
        if self.one_row:
            for taps in self.taps:
                if taps.right:
                    edge = slice(width - taps.right, None) if taps.right > 0 else slice(-taps.right)
                    planes[taps.rows, taps.columns, ..., edge] = 0
            long_planes = planes.reshape(*planes.shape[:4], -1)
            long_sums = sums.reshape(*sums.shape[:4], -1)
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
                    part = long_sums[taps.row_phases, taps.column_phases, ..., begin:end]
                    part += long_planes[taps.rows, taps.columns, ..., begin + shift : end + shift]
                continue
            # Nothing is cropped ("valid"): every column arrives.
            source = slice(first - down + above, last - down + above)
            target = slice(right, right + width)
            part = sums[taps.row_phases, taps.column_phases, ..., first:last, target]
            part += planes[taps.rows, taps.columns, ..., source, :]

    @property
    def scratch_elements(self) -> tuple[int, int]:
        """Elements of planes and of sums that one task holds."""
        problem = self.problem
        rows = min(self.rows + self.up + self.down, problem.height.input)
        planes = problem.height.kernel * problem.width.kernel * problem.filters
        phases = problem.height.stride * problem.width.stride * problem.filters
        pixels = self.images * rows * problem.width.input
        return planes * pixels, phases * self.images * self.rows * self.blocks

    def seconds(self) -> float:
        """Predicted time of the whole problem."""
        problem = self.problem
        wide = self.dtype.itemsize == 8
        planes, sums = self.scratch_elements
        each = problem.height.kernel * problem.width.kernel * problem.filters
        call = costs.SHARED_CALL if self.threads > 1 else costs.NUMPY_CALL
        # The planes are the "weights" of the product: the narrow side is padded to full blocks.
        task = costs.product(planes // max(each, 1), each, problem.in_channels, wide) * 1.3
        run = planes // max(each, 1) if self.one_row else problem.width.input
        task += costs.copy(planes, run, wide) + len(self.taps) * call
        copies = problem.height.stride * problem.width.stride * problem.filters
        task += costs.copy(sums * 4, self.blocks * 4, wide) + copies * call
        count = -(-problem.batch // self.images) * -(-self.row_blocks // self.rows)
        share = -(-count // self.threads)
        total = costs.START + task * share + share * costs.TASK
        return total + (costs.WAKE if self.threads > 1 and count > 1 else 0)


def _sizes(problem: Problem) -> set[tuple[int, int]]:
    """Images and blocks of rows of a task that are worth a look."""
    blocks = -(-problem.height.output // problem.height.stride)
    found = {(images, blocks) for images in range(1, min(problem.batch, 64) + 1)}
    rows = blocks
    while rows > 1:
        rows = -(-rows // 2)
        found |= {(1, rows), (1, -(-blocks // (-(-blocks // rows))))}
    return found


def offer(problem: Problem, threads: int, limit: int, target: Target | None) -> Offer | None:
    """Offer the method: what is multiplied, added and copied takes so long, in tasks of any size."""
    groups = least_groups(problem.height) * least_groups(problem.width)
    if not problem.multiply_adds or accumulator(problem.dtype).kind != "f" or groups > MOST_TAPS:
        return None
    wide = accumulator(problem.dtype).itemsize == 8
    pixels = problem.batch * problem.height.input * problem.width.input
    each = problem.height.kernel * problem.width.kernel * problem.filters
    copies = problem.height.stride * problem.width.stride * problem.filters
    work = costs.multiply(pixels * each * problem.in_channels, wide) * 1.3
    work += costs.copy(pixels * each, 1 << 20, wide)
    work += costs.copy(4 * math.prod(problem.output_shape), 1 << 20, wide)
    work += (groups + copies) * costs.NUMPY_CALL
    return Offer(
        costs.START + work / threads, 0.0, lambda: propose(problem, threads, limit, target)
    )


def propose(problem: Problem, threads: int, limit: int, target: Target | None) -> Proposal | None:
    """Tasks whose planes fit the cache, or None where there is nothing to multiply."""
    dtype = accumulator(problem.dtype)
    if offer(problem, threads, limit, target) is None:
        return None
    best: tuple[float, Planar] | None = None
    for images, rows in sorted(_sizes(problem)):
        for count in sorted({1, threads}):
            planar = Planar(problem, images, rows, count)
            size = sum(planar.scratch_elements) * dtype.itemsize
            if size * count > limit or (size > _TILE_BYTES and images * rows > 1):
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
            f"planes into {problem.height.stride}x{problem.width.stride} output phases, "
            f"{planar.images} image(s) x {planar.rows} block(s) of rows a task"
        ),
    )
