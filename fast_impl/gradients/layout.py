"""Where pixels and blocks lie for the gradients, and the products over them.

See `fast_impl.gradients.blocks` for the idea.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

from fast_impl.forward.taps import rows_by_phase, tap_groups
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem
from fast_impl.runtime import blas

# Bytes of padded copies made at a time, and pixels of one task.
_CHUNK_BYTES = 24 << 20
_PIXELS = 1024
# Weights that each thread can have sums of, and pixels that one product then adds up.
_FEW_WEIGHTS = 1 << 18
_STRIP = 480
# Multiply-adds below which a second thread only costs.
_SMALL = 1 << 20
# Channels of the inputs that are enough for a task.
_CHANNELS = 64


class Tap(NamedTuple):
    """Taps of one row that fill neighbouring places of one block, as in `blocks`.

    They carry rows ``top`` to ``bottom`` of the input to the output rows of a ``phase``, ``down``
    rows of that phase lower and ``right`` blocks further on, where they fill ``places`` from
    ``place`` on. ``weights`` is where their weights begin.
    """

    phase: int
    down: int
    right: int
    place: int
    places: int
    weights: int
    top: int
    bottom: int


class Run(NamedTuple):
    """Pixels in a row, the first of them, and the address of the block that it reaches."""

    length: int
    pixel: int
    reached: int


class Tile(NamedTuple):
    """Rows ``first`` to ``last`` of pixels, channels ``low`` to ``high`` of each."""

    first: int
    last: int
    low: int
    high: int


class Chunk(NamedTuple):
    """Some whole images, or some rows of one image."""

    first_image: int
    images: int
    first: int
    last: int


class Layout:
    """The padded copies of one problem, chunk by chunk.

    Attributes:
        taps: What the kernel does, in groups of taps that one product serves.
        threads: How many are worth it.
        shares: Into how many sums the gradient of the kernel is divided: with few weights, each
            thread sums over pixels of its own.
        chunks: What is copied at a time.
        pitch: Columns from row to row, zeros included; ``left`` and ``right`` are the zeros
            before the first and after the last row.
        block: Elements of a block of output columns.
    """

    def __init__(self, problem: Problem, threads: int, limit: int) -> None:
        self.problem = problem
        self.threads = 1 if problem.multiply_adds < _SMALL else threads
        self.dtype = accumulator(problem.dtype)
        width = problem.width
        self.taps = _taps(problem)
        self.block = width.stride * problem.filters
        self._row_blocks = -(-problem.height.output // problem.height.stride)
        downs, rights = [tap.down for tap in self.taps], [tap.right for tap in self.taps]
        self._up, self._down = max(0, -min(downs)), max(0, *downs)
        # Zeros between two rows serve both of them.
        blocks = -(-width.output // width.stride)
        self.left, self.right = max(0, -min(rights)), max(0, *rights)
        over = max(0, width.input + self.right - blocks)
        self.pitch = max(width.input, blocks + max(self.left, over))
        few = problem.filters * problem.in_channels * problem.height.kernel * width.kernel
        kept = self.threads * few * self.dtype.itemsize <= limit
        self.shares = self.threads if few <= _FEW_WEIGHTS and kept else 1
        self.chunks = self._chunks(limit)
        self.compiled = functools.lru_cache(maxsize=1024)(self._compiled)

    def _chunks(self, limit: int) -> list[Chunk]:
        problem, height = self.problem, self.problem.height.input
        line = self.pitch * problem.in_channels
        reached = self.pitch * problem.height.stride * self.block
        room = min(_CHUNK_BYTES, limit // 2) // self.dtype.itemsize
        images = room // max(height * line + self._row_blocks * reached, 1)
        if images:
            return [
                Chunk(first, min(images, problem.batch - first), 0, height)
                for first in range(0, problem.batch, images)
            ]
        rows = max(1, room // max(line + reached, 1) - self._up - self._down)
        return [
            Chunk(image, 1, first, min(first + rows, height))
            for image in range(problem.batch)
            for first in range(0, height, rows)
        ]

    def reached(self, chunk: Chunk) -> tuple[int, int]:
        """First and last block of output rows that a chunk needs."""
        first = max(0, chunk.first - self._up)
        return first, max(first, min(self._row_blocks, chunk.last + self._down))

    def tiles(self, chunk: Chunk) -> Iterator[Tile]:
        """Cut a chunk into tiles of about `_PIXELS`, or by channels where that gives too few."""
        threads, channels = self.threads, self.problem.in_channels
        rows = max(1, _PIXELS // (self.pitch * chunk.images))
        if chunk.last - chunk.first < 2 * threads * rows and channels >= _CHANNELS * threads:
            for part in range(threads):
                ends = (channels * end // threads for end in (part, part + 1))
                yield Tile(chunk.first, chunk.last, *ends)
            return
        least = max(1, (chunk.last - chunk.first) // (2 * threads))
        for first in range(chunk.first, chunk.last, min(rows, least)):
            yield Tile(first, min(first + min(rows, least), chunk.last), 0, channels)

    def _run(self, chunk: Chunk, tap: Tap, first: int, last: int) -> Run | None:
        """Pixels of rows ``first`` to ``last`` that a tap takes, and what it makes them reach."""
        first, last = max(first, tap.top), min(last, tap.bottom)
        if last <= first:
            return None
        line = self.pitch * chunk.images
        low, high = self.reached(chunk)
        block = self.left * chunk.images + (first + tap.down - low) * line
        block += tap.right * chunk.images + tap.phase * self.phase(chunk, high - low)
        reached = block * self.block + tap.place * self.problem.filters
        return Run((last - first) * line, (first - chunk.first) * line, reached)

    def phase(self, chunk: Chunk, rows: int) -> int:
        """Blocks that one phase of output rows takes in a padded copy, zeros included."""
        return (self.left + rows * self.pitch + self.right) * chunk.images

    def _compiled(self, kind: str, chunk: Chunk, *sizes: Any) -> tuple[list[Any], bool]:
        """Products, and whether what they add to must be set to zero first.

        Args:
            kind: ``tap`` or ``share`` for the gradient of the kernel, ``tile`` for that of the
                inputs.
            chunk: With 0 as the first image: products do not depend on it.
            sizes: See ``_tap_products``, ``_share_products`` and ``_tile_products``.
        """
        made, zero = getattr(self, f"_{kind}_products")(chunk, *sizes)
        return blas.compile_products(made, self.dtype), zero

    def _kernel_product(self, chunk: Chunk, tap: Tap, tile: Tile, add: bool) -> blas.Product | None:
        """Gradient of one row of taps from the pixels of a tile."""
        channels = self.problem.in_channels
        run = self._run(chunk, tap, tile.first, tile.last)
        if run is None:
            return None
        return blas.Product(
            tap.places * self.problem.filters, tile.high - tile.low, run.length,
            run.pixel * channels + tile.low, channels, run.reached, self.block,
            tap.weights + tile.low, channels, add=add, plain=True, turned=True,
        )  # fmt: skip

    def _tap_products(
        self, chunk: Chunk, number: int, again: bool, low: int, high: int
    ) -> tuple[list[blas.Product], bool]:
        """Gradient of one row of taps from all pixels of a chunk, for some channels."""
        tile = Tile(chunk.first, chunk.last, low, high)
        product = self._kernel_product(chunk, self.taps[number], tile, add=again)
        return [] if product is None else [product], product is None and not again

    def _share_products(self, chunk: Chunk, share: int) -> tuple[list[blas.Product], bool]:
        """Gradient of the kernel from one thread's share of a chunk's pixels."""
        channels = self.problem.in_channels
        most = max(tap.places for tap in self.taps) * self.problem.filters
        pixels = blas.uncopied_pixels(most, channels, self.dtype) or _STRIP
        fair = -(-(chunk.last - chunk.first) // self.threads)
        rows = min(max(1, pixels // (self.pitch * chunk.images)), fair)
        found = [
            self._kernel_product(
                chunk, tap, Tile(first, min(first + rows, chunk.last), 0, channels), True
            )
            for first in range(chunk.first + share * rows, chunk.last, self.threads * rows)
            for tap in self.taps
        ]
        return [product for product in found if product is not None], False

    def _tile_products(self, chunk: Chunk, tile: Tile) -> tuple[list[blas.Product], bool]:
        """Gradient of the inputs in a tile."""
        channels, filters = self.problem.in_channels, self.problem.filters
        line = self.pitch * chunk.images
        origin = (tile.first - chunk.first) * line
        made = [
            blas.Product(
                run.length, tile.high - tile.low, tap.places * filters, tap.weights + tile.low,
                channels, run.reached, self.block, (run.pixel - origin) * channels + tile.low,
                channels, plain=True,
            )
            for tap in self.taps
            if (run := self._run(chunk, tap, tile.first, tile.last)) is not None
        ]  # fmt: skip
        covering = [p for p in made if p.m == (tile.last - tile.first) * line]
        if covering:
            made.remove(covering[0])
            made.insert(0, covering[0]._replace(add=False))
        return made, not covering


def _taps(problem: Problem) -> list[Tap]:
    matrix = problem.filters * problem.in_channels
    found = []
    for phase, rows in enumerate(rows_by_phase(problem.height)):
        for row in rows:
            reaching, _ = problem.height.span(row.tap)
            for group in tap_groups(problem.width, merged=True):
                weights = (row.tap * problem.width.kernel + group.tap) * matrix
                found.append(
                    Tap(
                        phase, row.shift, group.shift, group.place, group.places, weights,
                        reaching.start, reaching.stop,
                    )
                )  # fmt: skip
    return found
