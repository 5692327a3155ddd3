"""The gradient of the kernel by generated kernels: for each tap, a sum over pixels of outer products.

Pixels are taken in chunks that fit the last cache, and pieces of them that fit a core's own. Of
each chunk, inputs are copied into panels of a few vectors of channels and gradients into blocks of
a few filters, so that the kernel (products, `fast_impl.kernels.format`) reads both from start to
end. With few filters, neighbouring taps of a row take their places as rows of a tile: their
gradients are neighbours in memory, and are read where they lie; or in a copy between columns of
zeros, if taps reach over the border. Inputs of few channels are read where they lie, too, and if they would leave
most of a vector empty, the sides are exchanged: gradients are the vectors, channels the rows of a
tile, and the result is turned round in the end.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.kernels import made
from fast_impl.kernels.copying import fill, shares
from fast_impl.kernels.format import END, JOB_BYTES, Products
from fast_impl.kernels.sums.streams import MOST_WORDS, TooLongError, as_words
from fast_impl.kernels.target import Target
from fast_impl.kernels.tasks import Task, Tasks
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory, workers
from fast_impl.runtime.addresses import address, call_words

Array = npt.NDArray[Any]

# Bytes of inputs and gradients of a chunk: so few that they stay in the cache, but, up to the second
# number, so many times the result that adding to it costs little.
_CHUNK_BYTES, _LARGE_CHUNK_BYTES, _RESULTS = 3 << 20, 12 << 20, 4
# Bytes of a pixel's gradients, and products that each is in, up to which gradients are read where they lie.
_FEW, _REUSE = 256, 400
# Bytes of a pixel's inputs up to which these are.
_FEW_INPUTS = 512
# Columns that make runs too short for a batch of more images than that.
_SHORT = 6
# Vectors of products that are added in a cycle, and cycles to copy a number between zeros. Columns at the border
# are runs of their own where that takes less, times a factor. Cycles of a tile's addition to the result, and of a
# run of one pixel.
_ADDS, _COPY = 2, 2.5
_BORDER, _UPDATE, _RUN = 4.0, 200, 22
# Bytes of the result that a call goes through once for each panel.
_RESULT_BYTES = 48 << 10
# Bytes of inputs (of one panel) and gradients that all tiles go through before the next ones.
_PIECE_BYTES = 256 << 10
# Weights that each thread can have sums of.
_FEW_WEIGHTS = 1 << 18
# Pixels of a chunk, and multiply-adds that make a smaller one not worth its while.
_PIXELS, _CHUNK_ADDS = 2048, 80_000_000
# Tasks for each thread.
_TASKS = 4
# Multiply-adds from which on threads have chunks of their own.
_SHARED = 1 << 22
# Sums that hide how long one takes.
_SUMS = 8
# Part of the time that must be left for the sides to be exchanged: the result is turned round then.
_WORTH = 0.95


class Chunk(NamedTuple):
    """Whole images, or some rows of one image."""

    first_image: int
    images: int
    first: int
    last: int


class _Group(NamedTuple):
    """Rows of tiles that read the same pixels: filters of tap ``(a, b)``, and of the taps after it.

    ``columns`` are the input columns that are read; None for all that tap reaches.
    """

    a: int
    b: int
    rows: int
    columns: range | None = None


# Of a chunk and a share.
Beside = Callable[[int, int], None]
# Rows and lanes of a tile of the result, over all of its panels.
_Tile = tuple[int, int]


class _Way(NamedTuple):
    """One of the two ways in which inputs and gradients are lanes and rows.

    Attributes:
        vectors, lanes: Of a panel.
        panels: How many.
        rows: Of a tile.
        border: Whether columns at the border are runs of their own.
        left, columns: Zeros before a row of gradients, and numbers of pixels with those behind it.
        kinds: Columns of the input, or None for all that a tap reaches, and the taps that they have.
        cycles: Predicted, of a pixel.
    """

    vectors: int
    lanes: int
    panels: int
    rows: int
    border: bool
    left: int
    columns: int
    kinds: list[tuple[range | None, range]]
    cycles: float


class _Part(NamedTuple):
    """Some jobs of tiles that are alike, in some panels, of which so many lanes are stored."""

    tile: _Tile
    jobs: range
    panels: range
    lanes: int


class _Calls(NamedTuple):
    """Calls but for the addresses of arrays, and what they point to."""

    tasks: Tasks
    streams: Array
    tables: list[Array]

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return self.tasks.nbytes + sum(array.nbytes for array in (self.streams, *self.tables))


class KernelGradient:
    """The method for one problem with its channels last."""

    def __init__(self, problem: Problem, threads: int, limit: int, target: Target) -> None:
        self.problem, self.threads, self.target = problem, threads, target
        self.size = problem.dtype.itemsize
        height, width = problem.height, problem.width
        short = width.input < _SHORT and problem.batch > width.input
        reuse = height.kernel * width.kernel * problem.in_channels // (height.stride * width.stride)
        self.in_place = not short and (problem.filters * self.size <= _FEW or reuse < _REUSE)
        # Panels that end inside a vector can be read where they lie if nothing beyond their end is.
        few = problem.in_channels * self.size <= _FEW_INPUTS
        self.inputs_in_place = target.masks and few and (self.in_place or problem.batch == 1)
        line = problem.filters * (width.kernel if self.in_place and width.dilation == 1 else 1)
        ways = [self._way(problem.in_channels, line)]
        if self.in_place and self.inputs_in_place:
            ways.append(self._way(line, problem.in_channels))
        self.exchanged = len(ways) > 1 and ways[1].cycles < _WORTH * ways[0].cycles
        way = ways[-1 if self.exchanged else 0]
        self.vectors, self.lanes, self.panels, self.rows = way[:4]
        self.border, self.left, self.columns = way.border, way.left, way.columns
        self.groups = [
            _Group(a, taps.start, len(taps) * problem.filters, columns)
            for a in range(height.kernel)
            for columns, taps in way.kinds
        ]
        self.chunks = self._chunks(limit, threads)
        # Images side by side make longer runs than the columns of one image.
        self.across = not self.in_place and self.chunks[0].images > 1
        if self.across:
            self.columns = -(-width.output // width.stride)
        # Without columns of zeros, gradients need no copy.
        self.as_it_is = self.in_place and self.columns == width.output
        # With few weights, every thread sums over chunks of its own.
        weights = math.prod(problem.kernel_shape)
        few = weights <= _FEW_WEIGHTS and len(self.chunks) >= threads
        copied = weights if self.exchanged else 0
        if not self.inputs_in_place:
            copied += self.panels * self.lanes * self._pixels(self.chunks[0])
        if not self.as_it_is:
            copied += math.prod(self._gradient_shape(self.chunks[0]))
        few = few and threads * (copied + weights) * self.size <= limit // 2
        self.shares = threads if few else 1
        self.inner_threads = threads // self.shares
        self._known: dict[tuple[int, ...], _Calls] = {}
        for chunk in self.chunks:
            self._calls(chunk)

    def _way(self, lanes: int, rows: int) -> _Way:
        """How so many numbers are lanes, and so many rows."""
        target, height, width = self.target, self.problem.height, self.problem.width
        vectors = _vectors(lanes * self.size, rows, target)
        numbers = vectors * target.vector // self.size
        panels, tall = -(-lanes // numbers), _rows(rows, target.tiles[vectors].product_rows)
        # Of one pixel.
        cycles = height.kernel * _cycles(lanes * self.size, rows, vectors, target) / _ADDS
        copied = _COPY * height.stride * width.stride * self.problem.filters
        left, columns = 0, width.output
        kinds: list[tuple[range | None, range]]
        if not self.in_place:
            kinds = [(None, range(b, b + 1)) for b in range(width.kernel)]
            return _Way(
                vectors, numbers, panels, tall, False, left, columns, kinds, cycles + copied
            )
        reach = (width.input - 1) * width.stride + width.extent - width.before
        padded = width.before + max(width.output, reach)
        border = []
        if padded > width.output:
            tiles = height.kernel * panels * -(-rows // tall)
            border = self._kinds(numbers, copied / tiles)
            if not border:
                left, columns, cycles = width.before, padded, cycles + copied
        taps = width.kernel if width.dilation == 1 else 1
        kinds = [(range(width.input), range(b, b + taps)) for b in range(0, width.kernel, taps)]
        found = border or kinds
        return _Way(vectors, numbers, panels, tall, bool(border), left, columns, found, cycles)

    def _kinds(self, lanes: int, copied: float) -> list[tuple[range | None, range]]:
        """Columns whose taps all reach the output, and each at the border with the taps of its own that do.

        None where no column has them all, or where those at the border take a tile longer than its share of a
        copy, which is so many cycles for each pixel.
        """
        width = self.problem.width
        first = -(-width.before // width.stride)
        stop = (width.output - width.extent + width.before) // width.stride + 1
        if stop <= first or stop > width.input:
            return []
        taps = range(width.kernel)
        if width.dilation > 1:
            return [(None, taps[tap : tap + 1]) for tap in taps]
        row = width.input * lanes + width.output * self.problem.filters
        rows = max(1, _PIECE_BYTES // (row * self.size))
        border = (*range(first), *range(stop, width.input))
        if len(border) * (_UPDATE + rows * _RUN) > _BORDER * rows * width.input * copied:
            return []
        reaching = ((column, width.taps(column)[0]) for column in border)
        return [
            (range(first, stop), taps),
            *(
                (range(column, column + 1), taps[some])
                for column, some in reaching
                if some.stop > some.start
            ),
        ]

    def _chunks(self, limit: int, threads: int) -> list[Chunk]:
        problem, height = self.problem, self.problem.height
        row = problem.width.input * problem.in_channels * self.size
        line = problem.width.output * problem.filters * self.size
        reached = height.stride * line
        result = math.prod(problem.kernel_shape) * self.size
        most = max(_CHUNK_BYTES, min(_RESULTS * result, _LARGE_CHUNK_BYTES))
        most = min(most, limit // 2)
        pixels = max(_PIXELS, _CHUNK_ADDS // (math.prod(problem.kernel_shape)))
        room = most - (height.extent - height.stride) * line
        rows = max(1, min(pixels // problem.width.input, room // (row + reached)))
        images = max(1, min(rows // height.input, problem.batch))
        batches = -(-problem.batch // images)
        parts = -(-height.input // rows) if images == 1 else 1
        # As many for each thread, where each may have sums of its own.
        if math.prod(problem.kernel_shape) <= _FEW_WEIGHTS and problem.multiply_adds > _SHARED:
            batches = min(problem.batch, -(-batches // threads) * threads)
            if batches % threads:
                # Chunks of some rows are of one image.
                batches = problem.batch
                while batches * parts % threads and parts < height.input:
                    parts += 1
        return [
            Chunk(some.start, some.stop - some.start, part.start, part.stop)
            for some in shares(problem.batch, batches)
            for part in shares(height.input, parts)
        ]

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        return sum(calls.nbytes for calls in self._known.values())

    def own_rows(self, chunk: Chunk) -> range:
        """Output rows of a chunk that are no other's: those from where it begins to where the next one does."""
        height = self.problem.height
        start, stop = (
            min(max(0, row * height.stride - height.before), height.output)
            for row in (chunk.first, chunk.last)
        )
        return range(
            start if chunk.first else 0, stop if chunk.last < height.input else height.output
        )

    def _pixels(self, chunk: Chunk) -> int:
        """Input pixels of a chunk."""
        return chunk.images * (chunk.last - chunk.first) * self.problem.width.input

    def _reached(self, chunk: Chunk) -> tuple[int, int]:
        """Output rows that a chunk's taps reach."""
        height = self.problem.height
        first = chunk.first * height.stride - height.before
        last = (chunk.last - 1) * height.stride + height.extent - height.before
        return max(0, first), max(0, min(height.output, last))

    # --- what is called -------------------------------------------------------------------------

    def _pieces(self, chunk: Chunk) -> list[range]:
        """Rows of a chunk whose inputs and gradients stay in a core's own cache for all tiles."""
        pixel = self.problem.filters if self.in_place else self.rows
        row = self.problem.width.input * self.lanes + self.columns * pixel
        rows = max(1, _PIECE_BYTES // (row * chunk.images * self.size))
        count = chunk.last - chunk.first
        return [
            range(chunk.first + some.start, chunk.first + some.stop)
            for some in shares(count, -(-count // rows))
        ]

    def _runs(self, group: _Group, chunk: Chunk, rows: range) -> Array:
        """Length, first pixel and first gradient pixel of each run of a group in some rows: ``[runs, 3]``."""
        height, width = self.problem.height, self.problem.width
        low, high = self._reached(chunk)
        taken, _ = height.span(group.a)
        columns: slice | range
        columns, targets = width.span(group.b)
        start = targets.start
        if group.columns is not None:
            columns = group.columns
            start = columns.start * width.stride + group.b * width.dilation - width.before
        count = columns.stop - columns.start
        # Rows by images.
        i = np.arange(max(taken.start, rows.start), min(taken.stop, rows.stop))[:, None]
        n = np.zeros((1, 1), np.int64) if self.across else np.arange(chunk.images)
        if count <= 0:
            return np.empty((0, 3), np.int64)
        p = i * height.stride + group.a * height.dilation - height.before - low
        pixel = (n * (chunk.last - chunk.first) + i - chunk.first) * width.input + columns.start
        if self.across:
            block, place = divmod(start, width.stride)
            line = place * self._gradient_shape(chunk)[1] * (high - low) + p
            target, times = line * self.columns + block, chunk.images
        else:
            # Rows from image to image.
            pitch = height.output if self.as_it_is else high - low
            target, times = (n * pitch + p) * self.columns + self.left + start, 1
        found = np.empty((*pixel.shape, 3), np.int64)
        found[..., 0], found[..., 1], found[..., 2] = count * times, pixel * times, target * times
        return found.reshape(-1, 3)

    def _calls(self, chunk: Chunk) -> _Calls:
        """The calls for a chunk, made once for all that are alike but for their place."""
        # What its taps reach tells how far it is from the upper and the lower edge, if it is near.
        start = chunk.first * self.problem.height.stride
        low, high = self._reached(chunk)
        key = (chunk.images, chunk.last - chunk.first, low - start, high - start)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._made_calls(chunk)
        return found

    def _made_calls(self, chunk: Chunk) -> _Calls:
        problem = self.problem
        pixel = problem.filters if self.in_place else self.rows
        # Bytes from pixel to pixel of a run, and of all: of what is vectors, and of what is rows.
        step = pixel * (1 if self.across else problem.width.stride) * self.size
        input_step, panel = self.lanes * self.size, self._pixels(chunk) * self.lanes * self.size
        if self.inputs_in_place:
            input_step, panel = problem.in_channels * self.size, input_step
        scale = np.array([1, input_step, pixel * self.size])
        if self.exchanged:
            step, input_step, panel = input_step, step, self.lanes * self.size
        if max(step, input_step) > self.target.most_step:
            raise TooLongError
        gradients = math.prod(self._gradient_shape(chunk)[2:]) * self.size
        # Every piece has its streams at the same distances, so that one table of jobs does for all.
        rows_of_pieces = self._pieces(chunk)
        pieces: list[list[Array]] = [[] for _ in rows_of_pieces]
        length = 0
        # By rows and lanes of a tile, for each tile: the row of taps, and the job.
        jobs: dict[_Tile, list[tuple[int, int, int, int]]] = {}
        for group in self.groups:
            start = length * 4
            runs = [self._runs(group, chunk, rows) for rows in rows_of_pieces]
            longest = max(map(len, runs))
            if not longest:
                continue
            for arrays, some in zip(pieces, runs, strict=True):
                found = some * scale
                words = found[:, [0, 2, 1]] if self.exchanged else found
                arrays.append(as_words(words.ravel()))
                arrays.append(np.full(1 + 3 * (longest - len(some)), END, np.int32))
            length += 1 + 3 * longest
            if len(pieces) * length > MOST_WORDS:
                raise TooLongError
            rows, lanes = group.rows, problem.in_channels
            weights = (group.a * problem.width.kernel + group.b) * problem.filters
            if self.exchanged:
                rows, lanes = lanes, rows
                weights = group.a * problem.in_channels
            for number, first in enumerate(range(0, rows, self.rows)):
                block = first * self.size if self.in_place else number * gradients
                to = (weights + first) * self._line + (
                    group.b * problem.filters if self.exchanged else 0
                )
                tile = min(self.rows, rows - first), lanes
                jobs.setdefault(tile, []).append((group.a, start, block, to * self.size))
        together = itertools.chain.from_iterable(pieces)
        streams = np.concatenate([np.empty(0, np.int32), *together])
        tables = {tile: np.array(members, np.int64)[:, 1:].copy() for tile, members in jobs.items()}
        told: list[list[int]] = []
        tasks: list[Task] = []
        for parts in self._cuts(jobs):
            task: Task = []
            for part in parts:
                # Where inputs have no idle lanes to be read, a panel of few takes fewer vectors.
                vectors = self.vectors
                if self.inputs_in_place:
                    vectors = -(-part.lanes * self.size // self.target.vector)
                kernel = made.products(
                    self.target, part.tile[0], vectors, self.size, step, part.lanes, input_step
                )
                fields = {
                    Products.JOBS: address(tables[part.tile]) + part.jobs.start * JOB_BYTES,
                    Products.COUNT: len(part.jobs),
                    Products.INPUTS: part.panels.start * panel,
                    Products.RESULT: part.panels.start * self.lanes * self.size,
                    Products.PANELS: len(part.panels),
                    Products.INPUTS_STEP: panel,
                    Products.RESULT_STEP: self.lanes * self.size,
                    Products.RESULT_ROW: self._line * self.size,
                }
                for number in range(len(pieces)):
                    fields[Products.STREAMS] = address(streams) + number * length * 4
                    task.append((kernel, len(told)))
                    told.append(call_words(self.target.products.words, fields))
            tasks.append(task)
        template = np.array(told, np.int64).reshape(-1, self.target.products.words)
        ready = Tasks(template, Products.INPUTS, 3, tasks, self.target)
        return _Calls(ready, streams, list(tables.values()))

    @property
    def _line(self) -> int:
        """Numbers of a row of the result that tiles are added to."""
        width, filters = self.problem.width.kernel, self.problem.filters
        return width * filters if self.exchanged else self.problem.in_channels

    def _cuts(self, jobs: dict[_Tile, list[tuple[int, int, int, int]]]) -> Iterator[list[_Part]]:
        """What each task computes."""
        cuts = 1 if self.inner_threads == 1 else self.inner_threads * _TASKS
        # Tiles of the columns at the border add to results of other tiles: one task has all of a row of taps.
        several = [{tile: jobs[tile]} for tile in jobs]
        if self.border and jobs:
            several = [jobs]
        for tables in several:
            number = self.problem.height.kernel if self.border else len(next(iter(tables.values())))
            widest = max(lanes for _, lanes in tables)
            result = sum(map(len, tables.values())) * self.rows * widest * self.size
            down = min(max(cuts, result // _RESULT_BYTES), number)
            across = min(-(-cuts // down), max(widest // self.lanes, 1))
            for some in shares(number, down):
                taken = {
                    tile: _of_taps(members, some) if self.border else range(some.start, some.stop)
                    for tile, members in tables.items()
                }
                panels = list(self._panels_of(taken, across))
                if self.border and self.exchanged:
                    # Panels of those tiles begin elsewhere than those of the others.
                    panels = [list(itertools.chain.from_iterable(panels))]
                yield from panels

    def _panels_of(self, taken: dict[_Tile, range], across: int) -> Iterator[list[_Part]]:
        """The same for some jobs: panels that are whole for all of them in shares, then the others one by one."""
        whole = max(lanes for _, lanes in taken) // self.lanes
        least = min(lanes for _, lanes in taken) // self.lanes
        cuts = [range(some.start, some.stop) for some in (shares(least, across) if least else ())]
        for panels in (*cuts, *(range(panel, panel + 1) for panel in range(least, whole + 1))):
            parts = [
                _Part(tile, jobs, panels, min(self.lanes, tile[1] - panels.start * self.lanes))
                for tile, jobs in taken.items()
            ]
            parts = [part for part in parts if part.jobs and part.lanes > 0]
            if parts:
                yield parts

    # --- running ------------------------------------------------------------------------------

    def _gradient_shape(self, chunk: Chunk) -> tuple[int, ...]:
        """Places (kinds of columns), blocks of filters, three axes of pixels, filters."""
        low, high = self._reached(chunk)
        rows, images = high - low, chunk.images
        if self.in_place:
            return (1, 1, images, rows, self.columns, self.problem.filters)
        blocks = -(-self.problem.filters // self.rows)
        if self.across:
            stride = self.problem.width.stride
            return (stride, blocks, rows, self.columns, images, self.rows)
        return (1, blocks, images, rows, self.columns, self.rows)

    def run(self, inputs: Array, gradient: Array, out: Array, beside: Beside | None = None) -> None:
        """Write the gradient of the kernel into ``out``, which is contiguous.

        Args:
            inputs: The inputs.
            gradient: The output's gradient.
            out: What to write into.
            beside: Is told of each chunk, right after it, while its numbers are in the cache: which of the chunks
                and which of the shares it is.
        """
        if not self.exchanged:
            self._sum(inputs, gradient, out, beside)
            return
        height, width, filters, channels = out.shape
        turned = np.empty((height, channels, width * filters), out.dtype)
        self._sum(inputs, gradient, turned, beside)
        np.copyto(out.reshape(height, width * filters, channels), turned.transpose(0, 2, 1))

    def _sum(
        self, inputs: Array, gradient: Array, out: Array, beside: Beside | None = None
    ) -> None:
        sums = out[None] if self.shares == 1 else np.empty((self.shares, *out.shape), out.dtype)

        def share(number: int, seat: int) -> None:  # noqa: ARG001
            sums[number] = 0
            for place in range(number, len(self.chunks), self.shares):
                with memory.scratch() as lender:
                    self._run(self.chunks[place], inputs, gradient, sums[number], lender)
                if beside is not None:
                    beside(place, number)

        workers.run(share, self.shares, self.shares)
        if self.shares > 1:
            sums.sum(axis=0, out=out)

    def _run(
        self, chunk: Chunk, inputs: Array, gradient: Array, out: Array, lender: memory.Scratch
    ) -> None:
        problem = self.problem
        images = slice(chunk.first_image, chunk.first_image + chunk.images)
        x = inputs[images, chunk.first : chunk.last]
        g = gradient[images, slice(*self._reached(chunk))]
        panels, copies = x, []
        if not self.inputs_in_place:
            pixels = self._in_order(x)
            panels = lender.empty(self.panels * self._pixels(chunk) * self.lanes, problem.dtype)
            panels = panels.reshape(self.panels, *pixels.shape[:2], self.lanes)
            copies += [
                functools.partial(fill, panels[some], pixels, some.start * self.lanes, self.target)
                for some in shares(self.panels, self.inner_threads)
            ]
        blocks, found = g, gradient
        if not self.as_it_is:
            shape = self._gradient_shape(chunk)
            found = blocks = lender.empty(math.prod(shape), problem.dtype).reshape(shape)
        calls = self._calls(chunk)
        # Of vectors, and of rows.
        sides = (blocks, panels) if self.exchanged else (panels, blocks)
        if not self.as_it_is:
            copies += self._gradient_copies(blocks, g)
        workers.run_each(copies, self.inner_threads)
        inside = (found, panels) if self.exchanged else (panels, found)
        calls.tasks.run(
            (address(sides[0]), address(sides[1]), address(out)),
            self.inner_threads,
            lambda: {
                Products.JOBS: calls.tables, Products.STREAMS: calls.streams,
                Products.INPUTS: inside[0], Products.GRADIENTS: inside[1], Products.RESULT: out,
            },
        )  # fmt: skip

    def _in_order(self, array: Array) -> Array:
        """Pixels in two axes, the inner one with the pixels of a run."""
        flat = array.reshape(len(array), -1, array.shape[3])
        return flat.transpose(1, 0, 2) if self.across else flat

    def _pack(self, blocks: Array, gradient: Array, first: int) -> None:
        """Copy gradients into ``blocks[places, some, ...]``, from filter ``first`` on."""
        stride = len(blocks)
        for place in range(stride):
            columns = gradient[:, :, place::stride]
            lacking = self.columns - columns.shape[2]
            if lacking:
                columns = np.pad(columns, ((0, 0), (0, 0), (0, lacking), (0, 0)))
            pixels = self._in_order(columns)
            into = blocks[place].reshape(blocks.shape[1], *pixels.shape[:2], self.rows)
            fill(into, pixels, first, self.target)

    def _gradient_copies(self, blocks: Array, gradient: Array) -> Iterator[Any]:
        if not self.in_place:
            for some in shares(blocks.shape[1], self.inner_threads):
                yield functools.partial(
                    self._pack, blocks[:, some], gradient, some.start * self.rows
                )
            return
        width = self.problem.width.output

        def pad(rows: slice) -> None:
            into = blocks[0, 0, :, rows]
            into[:, :, : self.left] = 0
            into[:, :, self.left : self.left + width] = gradient[:, rows]
            into[:, :, self.left + width :] = 0

        for rows in shares(gradient.shape[1], self.inner_threads):
            yield functools.partial(pad, rows)


def _of_taps(members: list[tuple[int, int, int, int]], taps: slice) -> range:
    """Which of the jobs, in the order of their rows of taps, are of some of these."""
    rows = [member[0] for member in members]
    return range(bisect.bisect_left(rows, taps.start), bisect.bisect_left(rows, taps.stop))


def _cycles(lanes: int, rows: int, vectors: int, target: Target) -> float:
    """Cycles, but for a factor, of a pixel of so many bytes of lanes, in panels of vectors, times so many rows."""
    panels, tile = -(-lanes // (vectors * target.vector)), target.tiles[vectors]
    # A tile reads its inputs once; its sums, if they are few, wait for each other.
    tall = max(rows + 2 * -(-rows // tile.product_rows), _SUMS / vectors)
    return panels * vectors * tall * tile.slower


def _vectors(lanes: int, rows: int, target: Target) -> int:
    """Vectors of a panel that take the least time for a pixel: idle lanes take as much as others."""
    return min(target.tiles, key=lambda vectors: _cycles(lanes, rows, vectors, target))


def _rows(total: int, most: int) -> int:
    """Rows of a tile, at most ``most``, that leave the fewest of the last one idle."""
    candidates = range(max(1, most - 2), most + 1) if total > most else (total,)
    return min(candidates, key=lambda rows: (-(-total // rows) * (rows + 2), -rows))
