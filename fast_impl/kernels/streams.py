"""Streams: for each tile of pixels, what the kernel reads and where it writes.

See `fast_impl.kernels.format` for the form. Pixels are taken row by row where rows are long, and
several rows or whole images at a time where they are short, so that few places of a tile are left
over. Rows that read alike share one stream.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.kernels.format import END, NOWHERE, ZEROS

Array = npt.NDArray[Any]

# So much more idle places than the least possible are good enough.
_WASTE = 1.03
# Words, and jobs, beyond which a plan takes too much time and memory.
MOST_WORDS = 1 << 20
_MOST_JOBS = 1 << 17
# Words that take as much time as to look at the rows of a unit.
_UNIT_WORDS = 16


class TooLongError(Exception):
    """The streams of a problem would take too much memory, or their addresses more than 32 bits."""


def as_words(numbers: list[int] | Array) -> Array:
    """Return a stream as the kernels read it.

    Raises:
        TooLongError: A number needs more than 32 bits.
    """
    found = np.asarray(numbers, np.int64)
    if found.size and found.max() >= 1 << 31:
        raise TooLongError
    return np.array(found, np.int32)


class Reach(NamedTuple):
    """The inputs of an axis that a block reads: ``block * step + offset`` for each offset."""

    length: int
    step: int
    offsets: tuple[int, ...]

    def valid(self, block: int) -> tuple[bool, ...]:
        """Which of them exist."""
        return tuple(0 <= block * self.step + offset < self.length for offset in self.offsets)

    def exist(self, blocks: range) -> Array:
        """The same for many blocks, ``[blocks, offsets]``."""
        found = np.arange(blocks.start, blocks.stop)[:, None] * self.step + _offsets(self)
        return (found >= 0) & (found < self.length)

    def idle(self, blocks: range) -> float:
        """How many inputs all the blocks would read, over those that exist."""
        found = 0
        for offset in self.offsets:
            first, last = -(offset // self.step), -((offset - self.length) // self.step)
            found += max(0, min(blocks.stop, last) - max(blocks.start, first))
        return len(blocks) * len(self.offsets) / found if found else 1.0

    def first(self, block: int) -> int:
        """The input that addresses count from."""
        return max(0, block * self.step + min(self.offsets, default=0))


@dataclass(frozen=True)
class Grid:
    """Pixels of all images, and where each finds its inputs and has its output.

    Attributes:
        images: How many.
        rows: Blocks of output rows.
        columns: Blocks of output columns.
        down: Input rows of a block of rows.
        right: Input columns of a block of columns.
        channels: Numbers of an input pixel; they lie side by side, as the pixels of a row do.
        size: Bytes of a number.
        outputs: Bytes from image to image, from block to block of rows, and of columns.
        origin: Address of the output of row 0 and column 0, whether they exist or not.
    """

    images: int
    rows: range
    columns: range
    down: Reach
    right: Reach
    channels: int
    size: int
    outputs: tuple[int, int, int]
    origin: int = 0

    @property
    def taps(self) -> int:
        """Input pixels that an output pixel reads."""
        return len(self.down.offsets) * len(self.right.offsets)

    @property
    def row_bytes(self) -> int:
        """Bytes of an input row."""
        return self.right.length * self.channels * self.size

    @property
    def image_bytes(self) -> int:
        """Bytes of an input image."""
        return self.down.length * self.row_bytes


class Unit(NamedTuple):
    """Images and rows that are cut into tiles together, and the places of all tiles.

    ``places`` counts those that are idle or reach over the edge, too, and is scaled as if every tile went through
    all taps.
    """

    images: int
    rows: int
    places: float


@functools.lru_cache(maxsize=512)
def unit(grid: Grid, tile: int) -> Unit:
    """The unit with the fewest idle places.

    One image, and so many rows that few places of a tile are left over; or one row of as many images as
    a tile has places: the same pixel of each, which reaches over the edge in all of them or in none.
    """
    width, height = len(grid.columns), len(grid.rows)
    pixels = grid.images * height * width
    over = grid.right.idle(grid.columns)
    over_rows = grid.down.idle(grid.rows)
    ways = []
    for rows in range(1, min(height, tile) + 1):
        idle = -(-rows * width // tile) * tile / (rows * width)
        ways.append(Unit(1, rows, pixels * idle / (over_rows if rows == 1 else 1)))
    if grid.images > 1:
        rest = grid.images % tile
        places = grid.images - rest + -(-rest * width // tile) * tile / width
        ways.append(Unit(min(tile, grid.images), 1, places * height * width / over_rows / over))
    least = min(way.places for way in ways)
    return next(way for way in ways if way.places <= least * _WASTE)


@dataclass
class Streams:
    """Collects the streams and jobs of the grids of one plan."""

    most_words: int = MOST_WORDS
    _words: list[int] = field(default_factory=list)
    _jobs: list[tuple[int, int, int]] = field(default_factory=list)

    def arrays(self) -> tuple[Array, Array]:
        """Return the streams and the jobs as the kernel reads them."""
        return as_words(self._words), np.array(self._jobs, np.int64).reshape(-1, 3)

    def add(
        self, grid: Grid, tile: int, taken: range, weight_bytes: int, lane_bytes: int, once: bool
    ) -> range:
        """Add a grid; return which jobs are its own.

        Args:
            grid: What to cut into tiles.
            tile: Pixels of a tile.
            taken: The rows of taps that are taken.
            weight_bytes: Packed weights of one tap in one panel.
            lane_bytes: Bytes of outputs before the first lane.
            once: Whether no output may be written twice, as the last tile of a row may otherwise.

        Raises:
            TooLongError: The streams become longer than they may be.
        """
        images, rows, _ = unit(grid, tile)
        tiles = -(-images * rows * len(grid.columns) // tile)
        jobs = -(-grid.images // images) * -(-len(grid.rows) // rows)
        most = min(self.most_words, MOST_WORDS)
        looked_at = -(-len(grid.rows) // rows) * _UNIT_WORDS
        if len(self._words) + max(looked_at, tiles * (1 + tile)) > most or jobs > _MOST_JOBS:
            raise TooLongError
        grid = dataclasses.replace(
            grid, down=grid.down._replace(offsets=grid.down.offsets[taken.start : taken.stop])
        )
        known: dict[Any, int] = {}
        first_job = len(self._jobs)
        # Of each unit of rows: where it begins, what it reads first, and what it lacks.
        units = []
        for top in range(grid.rows.start, grid.rows.stop, rows):
            tall = range(top, min(top + rows, grid.rows.stop))
            start = grid.down.first(top)
            lacks = start - top * grid.down.step, tuple(grid.down.valid(row) for row in tall)
            units.append((top, tall, start, lacks))
        for image in range(0, grid.images, images):
            count = min(images, grid.images - image)
            for top, tall, start, lacks in units:
                key = (count, lacks)
                if key not in known:
                    known[key] = len(self._words) * 4
                    for words in _tiles(grid, count, tall, tile, weight_bytes, once):
                        self._words += words
                        if len(self._words) > most:
                            raise TooLongError
                    self._words.append(END)
                self._jobs.append(
                    (
                        known[key],
                        image * grid.image_bytes + start * grid.row_bytes,
                        grid.origin + image * grid.outputs[0] + top * grid.outputs[1] + lane_bytes,
                    )
                )
        return range(first_job, len(self._jobs))


def _tiles(
    grid: Grid, images: int, rows: range, tile: int, weight_bytes: int, once: bool
) -> Iterator[list[int]]:
    """The words of each tile of some rows of some images."""
    width = len(grid.columns)
    count = images * len(rows) * width
    order = np.arange(count).reshape(len(rows), width, images)
    row, column, image = np.unravel_index(order.reshape(-1), order.shape)
    column_number = column + grid.columns.start
    outputs = image * grid.outputs[0] + row * grid.outputs[1] + column_number * grid.outputs[2]
    # Of each pixel (first axis) and offset: whether its row, or column, exists, and its address.
    row_valid, column_valid = grid.down.exist(rows)[row], grid.right.exist(grid.columns)[column]
    start = grid.down.first(rows.start)
    pixel_bytes = grid.channels * grid.size
    input_row = (row + rows.start)[:, None] * grid.down.step + _offsets(grid.down) - start
    row_address = image[:, None] * grid.image_bytes + input_row * grid.row_bytes
    input_column = column_number[:, None] * grid.right.step + _offsets(grid.right)
    column_address = input_column * pixel_bytes

    last = max(count - tile, 0)
    for written, first in zip(range(0, count, tile), [*range(0, last, tile), last], strict=True):
        pixels = np.minimum(np.arange(first, first + tile), count - 1)
        entries: list[int] = []
        taps = 0
        for a in range(len(grid.down.offsets)):
            valid = row_valid[pixels, a, None] & column_valid[pixels]
            address = row_address[pixels, a, None] + column_address[pixels]
            for begin, length in _runs(valid, grid.right.offsets):
                tap = a * len(grid.right.offsets) + begin
                found = np.where(valid[:, begin], address[:, begin], ZEROS)
                entries += [length * grid.channels, tap * weight_bytes, *found.tolist()]
                taps += 1
        targets = outputs[pixels]
        if once:
            new = (np.arange(first, first + tile) >= written) & (
                np.arange(first, first + tile) < count
            )
            targets = np.where(new, targets, NOWHERE)
        yield [taps, *targets.tolist(), *entries]


def _runs(valid: Array, offsets: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """First and number of the offsets that can be read at once: side by side, in every pixel."""
    everywhere: list[bool] = np.asarray(valid.all(axis=0)).tolist()
    somewhere: list[bool] = np.asarray(valid.any(axis=0)).tolist()
    begin = 0
    while begin < len(offsets):
        end = begin + 1
        while (
            everywhere[begin]
            and end < len(offsets)
            and everywhere[end]
            and offsets[end] == offsets[end - 1] + 1
        ):
            end += 1
        if somewhere[begin]:
            yield begin, end - begin
        begin = end


def _offsets(reach: Reach) -> Array:
    return np.array(reach.offsets, np.int64).reshape(1, -1)
