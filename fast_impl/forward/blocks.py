"""Products that accumulate straight into blocks of output columns.

Output columns are taken in blocks of ``stride``: tap ``b`` carries input column ``j`` to place
``r`` of block ``j + t``, where ``t, r = divmod(b * dilation - before, stride)``. Neighbouring taps
of one ``t`` fill neighbouring places, so one product of pixels by (taps and filters) writes them
all, ``kernel[a, b0:b1]`` being that matrix as it lies in memory; the products of different ``t``
and of different rows of taps add up in place. There is nothing to gather, nothing to scatter, and
the rows come out in order, to be copied once, with the bias, to every ``stride``-th output row.

Small images want several rows (``merged``: columns of zeros between them keep neighbours apart)
or several images (side by side, as if they were wider) in one product.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import MOST_TAPS, Offer, Proposal
from fast_impl.forward.taps import least_groups, rows_by_phase, tap_groups
from fast_impl.kernels.target import Target
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem
from fast_impl.runtime import blas, memory, workers
from fast_impl.runtime.addresses import steps

Array = npt.NDArray[Any]

# Rows of pixels that keep a product busy; more only costs cache.
_ENOUGH = 1536
_TILE_BYTES = 3 << 20
# Kinds of tasks, and bytes of Python's objects for a product.
_EDGES, _PRODUCT_BYTES = 4, 1 << 10
# Rows of a piece so long that they are rarely cut.
_LONG_PIECE = 1600


@dataclass(frozen=True)
class Tiling:
    """How much of the problem one task takes, and how its pixels lie in memory.

    ``aligned`` blocks begin where the first tap lands, not where the output begins: fewer and
    wider products where the kernel is a multiple of the stride. ``apart`` tasks compute one kind
    of output rows each, so that nobody needs all of a large kernel.
    """

    images: int
    rows: int
    merged: bool
    aligned: bool = False
    apart: bool = False


class Blocks:
    """The algorithm for one problem and one tiling."""

    silent = False

    def __init__(self, problem: Problem, tiling: Tiling, threads: int) -> None:
        # Where no tap leaves its own block of rows, the images are one tall image.
        height = problem.height
        self.phases = rows_by_phase(height)
        shifts = [row.shift for phase in self.phases for row in phase]
        flat = not any(shifts) and height.output == height.input * height.stride
        self.flat = flat and not problem.channels_first and tiling.images == 1
        self.batch = 1 if self.flat else problem.batch
        self.rows_in = height.input * (problem.batch if self.flat else 1)
        self.rows_out = height.output * (problem.batch if self.flat else 1)
        self.row_blocks = -(-self.rows_out // height.stride)
        self.up, self.down = max(0, *shifts), max(0, *(-shift for shift in shifts))

        width = problem.width
        self.skip = width.before % width.stride if tiling.aligned else 0
        self.groups = tap_groups(width, tiling.merged, self.skip)
        self.blocks = -(-(width.output + self.skip) // width.stride)
        self.lead = max(0, *(group.shift for group in self.groups)) if tiling.merged else 0
        if tiling.merged:
            trail = max(0, *(self.blocks - group.shift - width.input for group in self.groups))
            self.pitch = max(width.input + max(self.lead, trail), self.blocks)
            self.trail = trail
            self.block_pitch = self.pitch
        else:
            self.pitch, self.trail, self.block_pitch = width.input, 0, self.blocks

        self.problem = problem
        self.tiling = tiling
        self.threads = threads
        self.dtype = accumulator(problem.dtype)
        self.product = blas.runner(self.dtype)
        widest = max(group.places for group in self.groups) * problem.filters
        # With few weights, the products are cut into pieces, of weights that lie the other way; but
        # two threads that come back from short products would wait for the GIL too often.
        rows = blas.uncopied_rows(widest, problem.in_channels, self.dtype)
        self.cut = rows > (0 if threads == 1 else _LONG_PIECE)
        self.in_place = (
            tiling.images == 1 and self.pitch == width.input and self.dtype == problem.dtype
        )
        self.compiled = functools.lru_cache(maxsize=64)(self._compiled)

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about: products of tasks at the edges and in the middle."""
        rows = 1 if self.tiling.merged else self.tiling.rows
        products = sum(map(len, self.phases)) * len(self.groups) * rows
        return _EDGES * _PRODUCT_BYTES * products

    @functools.cached_property
    def form(self) -> Hashable:
        """How kernels are packed: turned by groups of taps where products are cut, else as they are."""
        groups = tuple((group.tap, group.places) for group in self.groups)
        return ("blocks", groups if self.cut else None)

    # --- what one task computes ---------------------------------------------------------------

    def _tile_rows(self, first: int, last: int) -> tuple[int, int]:
        """Input rows that the blocks of output rows ``first`` to ``last`` need."""
        return max(first - self.up, 0), max(min(last + self.down, self.rows_in), 0)

    def products(
        self, images: int, rows: int, above: int, below: int
    ) -> list[tuple[list[blas.Product], bool]]:
        """For each output row phase, its products and whether the sums must be zeroed first.

        Args:
            images: Images side by side.
            rows: Blocks of output rows.
            above: Input rows in the tile above the first block's own.
            below: Input rows from the first block's own to the end of the tile.
        """
        problem, stride = self.problem, self.problem.width.stride
        channels, filters = problem.in_channels, problem.filters
        x_row, y_row = channels, stride * filters
        x_line, y_line = self.pitch * images, self.block_pitch * images
        phases = []
        for phase in self.phases:
            made: list[blas.Product] = []
            for shift, a in phase:
                first, last = max(0, shift - above), min(rows, below + shift)
                for group in self.groups:
                    weights = (a * problem.width.kernel + group.tap) * filters * channels
                    n = group.places * filters
                    place = group.place * filters
                    if last <= first:
                        continue
                    if self.tiling.merged:
                        column = (self.lead - group.shift) * images
                        x_at = column + (first - shift + above) * x_line
                        m = (last - first) * x_line
                        y_at = first * y_line
                        made.append(
                            blas.Product(
                                m, n, channels, weights, channels, x_at * x_row, x_row,
                                y_at * y_row + place, y_row,
                            )
                        )  # fmt: skip
                        continue
                    m = (group.stop - group.start) * images
                    for row in range(first, last):
                        x_at = (row - shift + above) * x_line + group.start * images
                        y_at = row * y_line + (group.start + group.shift) * images
                        made.append(
                            blas.Product(
                                m, n, channels, weights, channels, x_at * x_row, x_row,
                                y_at * y_row + place, y_row,
                            )
                        )  # fmt: skip
            whole = (rows * y_line, y_row)
            covering = [p for p in made if (p[0], p[1]) == whole]
            if covering:
                made.remove(covering[0])
                made.insert(0, covering[0]._replace(add=False))
            if self.cut:
                made = [piece for product in made for piece in self._pieces(product)]
            phases.append((made, not covering))
        return phases

    def _pieces(self, whole: blas.Product) -> Iterator[blas.Product]:
        most = blas.uncopied_rows(whole.n, whole.k, self.dtype)
        count = -(-whole.m // most)
        for number in range(count):
            first, last = whole.m * number // count, whole.m * (number + 1) // count
            yield whole._replace(
                m=last - first, w_row=whole.n, plain=True,
                x=whole.x + first * whole.x_row, y=whole.y + first * whole.y_row,
            )  # fmt: skip

    def _compiled(
        self, images: int, rows: int, above: int, below: int
    ) -> list[tuple[list[Any], bool]]:
        return [
            (blas.compile_products(products, self.dtype), zero)
            for products, zero in self.products(images, rows, above, below)
        ]

    # --- running ------------------------------------------------------------------------------

    def pack(self, kernel: Array) -> Array:
        """The kernel in the format of the sums; turned by groups of taps where products are cut."""
        if not self.cut:
            return np.ascontiguousarray(kernel, self.dtype).reshape(-1)
        turned = np.zeros(kernel.shape, self.dtype)
        for row in range(len(kernel)):
            for group in self.groups:
                taps = slice(group.tap, group.tap + group.places)
                weights = kernel[row, taps].reshape(-1, kernel.shape[3])
                turned[row, taps].reshape(weights.T.shape)[...] = weights.T
        return turned.reshape(-1)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        problem = self.problem
        inputs_nhwc, out_nhwc = inputs, out
        if problem.channels_first:
            inputs_nhwc, out_nhwc = inputs.transpose(0, 2, 3, 1), out.transpose(0, 2, 3, 1)
        in_place = self.in_place and inputs_nhwc.flags.c_contiguous
        if self.flat:
            image_step, row_step, *_ = steps(out)
            if len(out) > 1 and image_step != out.shape[1] * row_step:
                # The images of this ``out`` do not lie above one another.
                tall = np.empty(out.shape, out.dtype)
                self.run(inputs, packed, bias, tall)
                out[...] = tall
                return
            inputs_nhwc = inputs_nhwc.reshape(1, -1, *inputs_nhwc.shape[2:])
            out_nhwc = out_nhwc.reshape(1, -1, *out_nhwc.shape[2:])
        row: Array | None = None
        if bias is not None:
            period = problem.width.output if self.tiling.images == 1 else problem.width.stride
            # + 0.0: a sum is never -0.0, but a bias may be.
            row = np.tile(bias.astype(self.dtype) + self.dtype.type(0), period)
        chunks = -(-self.batch // self.tiling.images)
        strips = -(-self.row_blocks // self.tiling.rows)
        kinds = problem.height.stride if self.tiling.apart else 1
        seats: list[_Scratch | None] = [None] * self.threads

        def task(number: int, seat: int) -> None:
            scratch = seats[seat]
            if scratch is None:
                scratch = seats[seat] = _Scratch(self, in_place, lender)
            number, phase = divmod(number, kinds)
            chunk, strip = divmod(number, strips)
            image = chunk * self.tiling.images
            images = slice(image, min(image + self.tiling.images, self.batch))
            first = strip * self.tiling.rows
            last = min(first + self.tiling.rows, self.row_blocks)
            only = phase if self.tiling.apart else None
            self._task(scratch, inputs_nhwc, packed, row, out_nhwc, images, first, last, only)

        with memory.scratch() as lender, blas.one_thread():
            workers.run(task, chunks * strips * kinds, self.threads)

    def _task(
        self,
        scratch: _Scratch,
        inputs: Array,
        packed: Array,
        bias_row: Array | None,
        out: Array,
        images: slice,
        first: int,
        last: int,
        only: int | None,
    ) -> None:
        count = images.stop - images.start
        low, high = self._tile_rows(first, last)
        pixels = scratch.pixels(inputs, images, low, high)
        stride = self.problem.height.stride
        sums = scratch.sums
        phases = self.compiled(count, last - first, first - low, high - first)
        for phase, (products, zero) in enumerate(phases):
            if only is not None and phase != only:
                continue
            start = first * stride + phase
            rows = len(range(start, min(last * stride, self.rows_out), stride))
            if rows == 0:
                continue
            line = self.block_pitch * count * self.problem.width.stride * self.problem.filters
            used = sums[: rows * line]
            if zero:
                used.fill(0)
            # A last row that does not exist is computed too, into scratch that nobody reads.
            self.product(products, packed, pixels, sums)
            target = out[images, start : start + (rows - 1) * stride + 1 : stride]
            self._write(used.reshape(rows, self.block_pitch, count, -1), bias_row, target)

    def _write(self, sums: Array, bias_row: Array | None, target: Array) -> None:
        """Copy ``sums[rows, blocks, images, places and filters]`` to the output rows."""
        stride, filters = self.problem.width.stride, self.problem.filters
        width = self.problem.width.output
        rows, _, images, _ = sums.shape
        if self.tiling.images == 1:
            flat = sums.reshape(rows, -1)[:, self.skip * filters :][:, : width * filters]
            if steps(target)[2:] == (filters * target.itemsize, target.itemsize):
                _store(flat, bias_row, target[0].reshape(rows, -1))
            else:
                tail = None if bias_row is None else bias_row[:filters]
                _store(flat.reshape(rows, width, filters), tail, target[0])
            return
        whole, rest = divmod(width, stride)
        blocks = sums[:, :whole].transpose(2, 0, 1, 3)
        end = whole * stride
        if steps(target)[2:] == (filters * target.itemsize, target.itemsize):
            # Rows are contiguous, so this is a view.
            into = target[:, :, :end].reshape(images, rows, whole, stride * filters)
            _store(blocks, bias_row, into)
        else:
            for place in range(stride):
                part = blocks[..., place * filters : (place + 1) * filters]
                tail = None if bias_row is None else bias_row[:filters]
                _store(part, tail, target[:, :, place:end:stride])
        if rest:
            last = sums[:, whole].transpose(1, 0, 2)[..., : rest * filters]
            shaped = last.reshape(images, rows, rest, filters)
            _store(shaped, None if bias_row is None else bias_row[:filters], target[:, :, end:])

    @property
    def scratch_elements(self) -> tuple[int, int]:
        """Elements of pixels (with their zeros) and of sums that one task holds."""
        tiling, problem = self.tiling, self.problem
        rows = min(tiling.rows + self.up + self.down, self.rows_in)
        pixels = (self.lead + rows * self.pitch + self.trail) * tiling.images
        sums = tiling.rows * self.block_pitch * tiling.images * problem.width.stride
        return (0 if self.in_place else pixels * problem.in_channels), sums * problem.filters

    def _product_seconds(self, m: int, n: int) -> float:
        channels, wide = self.problem.in_channels, self.dtype.itemsize == 8
        if self.cut:
            most = blas.uncopied_rows(n, channels, self.dtype)
            return costs.pieces(m, n, channels, most, wide)
        return costs.product(m, n, channels, wide)

    def seconds(self) -> float:
        """Predicted time of the whole problem."""
        problem, tiling = self.problem, self.tiling
        wide = self.dtype.itemsize == 8
        rows = min(tiling.rows, self.row_blocks)
        up, down = min(self.up, self.row_blocks - rows), min(self.down, self.rows_in - rows)
        made: list[float] = []
        line = self.pitch * tiling.images
        sums = rows * self.blocks * tiling.images * problem.width.stride * problem.filters
        run = problem.filters * problem.width.stride * (self.blocks if tiling.images == 1 else 1)
        for phase in self.phases:
            covered = False
            task = 0.0
            for shift, _ in phase:
                reached = min(rows, rows + max(down, 0) + shift) - max(0, shift - up)
                for group in self.groups:
                    n = group.places * problem.filters
                    if reached > 0 and tiling.merged:
                        covered |= group.places == problem.width.stride and reached == rows
                        task += self._product_seconds(reached * line, n)
                    elif reached > 0:
                        m = (group.stop - group.start) * tiling.images
                        task += reached * self._product_seconds(m, n)
            task += costs.copy(sums, costs.TURNED_RUN if problem.channels_first else run, wide)
            task += 0 if covered else costs.copy(sums, sums, wide) / 2
            made.append(task)
        # The longest kind of rows decides where each is a task of its own.
        task = max(made) if tiling.apart else sum(made)
        pixels, _ = self.scratch_elements
        run = costs.TURNED_RUN if problem.channels_first else problem.in_channels
        task += costs.copy(pixels, run, wide)
        chunks = self.batch / tiling.images
        chunks *= problem.height.stride if tiling.apart else 1
        count = math.ceil(chunks) * math.ceil(self.row_blocks / rows)
        share = math.ceil(count / self.threads) if self.threads > 1 else count
        total = task * min(share, chunks * self.row_blocks / rows)
        total += costs.START
        return total + (costs.WAKE if self.threads > 1 and count > 1 else 0) + share * costs.TASK


class _Scratch:
    """One participant's memory: a tile of pixels and a tile of sums."""

    def __init__(self, blocks: Blocks, in_place: bool, lender: memory.Scratch) -> None:
        self._blocks = blocks
        self._in_place = in_place
        pixels, sums = blocks.scratch_elements
        if not in_place and not pixels:
            # The plan wanted to read the input where it lies, but this one is not contiguous.
            rows = min(blocks.tiling.rows + blocks.up + blocks.down, blocks.rows_in)
            pixels = rows * blocks.pitch * blocks.problem.in_channels
        self._tile = lender.zeros(0 if in_place else pixels, blocks.dtype)
        self._images = blocks.tiling.images
        self.sums = lender.empty(sums, blocks.dtype)

    def pixels(self, inputs: Array, images: slice, low: int, high: int) -> Array:
        """Rows ``low`` to ``high`` of some images as a flat buffer in the tile's layout."""
        blocks = self._blocks
        width, channels = blocks.problem.width.input, blocks.problem.in_channels
        if self._in_place:
            start = (images.start * blocks.rows_in + low) * width * channels
            return inputs.reshape(-1)[start:]
        count = images.stop - images.start
        if count != self._images:
            # Zeros between the columns are elsewhere for another number of images.
            self._tile.fill(0)
            self._images = count
        used = self._tile[blocks.lead * count * channels :]
        shape = (high - low, blocks.pitch, count, channels)
        tile = used[: math.prod(shape)].reshape(shape)
        np.copyto(tile[:, :width], inputs[images, low:high].transpose(1, 2, 0, 3), casting="unsafe")
        return self._tile


def _store(sums: Array, bias: Array | None, target: Array) -> None:
    if bias is None:
        np.copyto(target, sums, casting="unsafe")
    elif target.dtype == sums.dtype:
        np.add(sums, bias, out=target)
    else:
        np.copyto(target, sums + bias, casting="unsafe")


def _tilings(problem: Problem, threads: int) -> list[Tiling]:
    """Tilings worth a look."""
    counts = {1}
    size = 2
    while size < min(problem.batch, 256):
        counts.add(size)
        size *= 2
    if 1 < problem.batch <= 256:
        counts |= {problem.batch, -(-problem.batch // threads)}
    height = problem.height
    blocks = -(-height.output // height.stride)
    found = []
    for images in sorted(counts):
        for merged in (False, True):
            wide = problem.width.input * images
            most = max(1, _ENOUGH // max(wide, 1))
            sizes = {min(blocks, most), min(blocks, max(1, most // 3))}
            if images == 1:
                per_thread = -(-blocks // threads)
                sizes |= {min(blocks, max(1, -(-per_thread // parts))) for parts in (1, 2, 4)}
            else:
                sizes |= {blocks, -(-blocks // 2)}
            found += [Tiling(images, rows, merged) for rows in sorted(sizes)]
            if merged and threads > 1 and height.stride > 1:
                found += [Tiling(images, rows, merged, apart=True) for rows in sorted(sizes)]
            if images == 1 and merged and problem.width.before % problem.width.stride:
                found += [
                    Tiling(1, rows, merged, aligned=True, apart=apart)
                    for rows in sorted(sizes)
                    for apart in {False, threads > 1 and height.stride > 1}
                ]
    return found


def offer(problem: Problem, threads: int, limit: int, target: Target | None) -> Offer | None:
    """Offer the method: what is multiplied and copied takes so long, however it is tiled."""
    products = problem.height.kernel * least_groups(problem.width)
    if not problem.multiply_adds or accumulator(problem.dtype).kind != "f" or products > MOST_TAPS:
        return None
    wide = accumulator(problem.dtype).itemsize == 8
    copied = costs.copy(math.prod(problem.output_shape), 1 << 20, wide)
    work = costs.multiply(problem.multiply_adds, wide) + copied + products * costs.CALL
    # Weights so few that products of them may be cut lie the other way.
    few = blas.uncopied_rows(problem.filters, problem.in_channels, accumulator(problem.dtype))
    packed = costs.copy(math.prod(problem.kernel_shape), costs.TURNED_RUN) if few else 0.0
    return Offer(
        costs.START + work / threads, packed, lambda: propose(problem, threads, limit, target)
    )


def propose(problem: Problem, threads: int, limit: int, target: Target | None) -> Proposal | None:
    """The best tiling of this problem, or None where there is nothing to multiply."""
    dtype = accumulator(problem.dtype)
    if offer(problem, threads, limit, target) is None:
        return None
    best: tuple[float, Blocks] | None = None
    for tiling in _tilings(problem, threads):
        for count in {1, threads}:
            blocks = Blocks(problem, tiling, count)
            bytes_each = sum(blocks.scratch_elements) * dtype.itemsize
            least = tiling.rows == 1 and tiling.images == 1
            if bytes_each * count > limit or (bytes_each > _TILE_BYTES * 2 and not least):
                continue
            seconds = blocks.seconds()
            if best is None or seconds < best[0]:
                best = seconds, blocks
    if best is None:
        return None
    seconds, blocks = best
    tiling = blocks.tiling
    scratch = sum(blocks.scratch_elements) * dtype.itemsize
    order = "rows merged" if tiling.merged else "row by row"
    order += ", aligned to the taps" if tiling.aligned else ""
    order += ", row phases apart" if tiling.apart else ""
    return Proposal(
        blocks,
        seconds,
        scratch * blocks.threads,
        blocks.threads,
        multiplies_padding=tiling.merged,
        explanation=(
            f"products that accumulate into blocks of {problem.width.stride} output columns, "
            f"{order}, {tiling.images} image(s) x {tiling.rows} block(s) of rows a task"
        ),
    )
