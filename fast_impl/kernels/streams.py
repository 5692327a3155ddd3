"""Streams: for each tile of pixels, what the kernel reads and where it writes.

See `fast_impl.kernels.format` for the form. Pixels are taken row by row where rows are long, and
several rows or whole images at a time where they are short, so that few places of a tile are left
over. Rows that read alike share one stream.
"""

from __future__ import annotations

import functools
import itertools
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
# Taps of pixels that are looked at together, so that they take little memory.
_LOOKED_AT = 1 << 18


class TooLongError(Exception):
    """The streams of a problem would take too much memory, or their addresses more than 32 bits."""


def as_words(numbers: Array | list[int]) -> Array:
    """Return a stream as the kernels read it.

    Raises:
        TooLongError: A number needs more than 32 bits.
    """
    found = np.array(numbers, np.int64)
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

    def firsts(self, blocks: Array) -> Array:
        """The same for many blocks."""
        return np.maximum(blocks * self.step + min(self.offsets, default=0), 0)


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
    _words: list[Array] = field(default_factory=list)
    _count: int = 0
    _jobs: list[Array] = field(default_factory=list)

    def arrays(self) -> tuple[Array, Array]:
        """Return the streams and the jobs as the kernel reads them."""
        jobs = np.array(np.concatenate(self._jobs) if self._jobs else [], np.int64)
        return as_words(np.concatenate(self._words) if self._words else []), jobs.reshape(-1, 3)

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
        if self._count + max(looked_at, tiles * (1 + tile)) > most or jobs > _MOST_JOBS:
            raise TooLongError
        down = grid.down._replace(offsets=grid.down.offsets[taken.start : taken.stop])
        tops = np.arange(grid.rows.start, grid.rows.stop, rows)
        # Rows that lack the same share a stream.
        kinds, kind_of = _kinds(grid.rows, down, rows)
        first_job, image = sum(map(len, self._jobs)), 0
        for count, times in ((images, grid.images // images), (grid.images % images, 1)):
            if not count or not times:
                continue
            streams = np.empty(len(kinds), np.int64)
            for tall in dict.fromkeys(kind.stop - kind.start for kind in kinds):
                alike = [n for n, kind in enumerate(kinds) if kind.stop - kind.start == tall]
                cut = _Cut(grid, down, tile, weight_bytes, once, count, tall)
                firsts = np.array([kinds[n].start for n in alike])
                for words, begin in cut.streams(firsts, most - self._count):
                    if begin is not None:
                        streams[alike[: len(begin)]] = (self._count + begin) * 4
                        alike = alike[len(begin) :]
                    self._words.append(words)
                    self._count += len(words)
            made = np.empty((times, len(tops), 3), np.int64)
            first = (image + count * np.arange(times))[:, None]
            made[..., 0] = streams[kind_of]
            made[..., 1] = first * grid.image_bytes + down.firsts(tops) * grid.row_bytes
            to = first * grid.outputs[0] + tops * grid.outputs[1]
            made[..., 2] = to + (grid.origin + lane_bytes)
            self._jobs.append(made.reshape(-1, 3))
            image += count * times
        return range(first_job, first_job + jobs)


def _kinds(rows: range, down: Reach, tall: int) -> tuple[list[range], Array]:
    """Which units of ``tall`` rows lack the same inputs; the last unit may have fewer rows.

    Returns:
        The rows of the first unit of each kind, and the kind of each unit.
    """
    low, high = min(down.offsets, default=0), max(down.offsets, default=0)
    units = -(-len(rows) // tall)
    # Most units lie in the middle and lack nothing: the first of these, and the first that is none any more.
    inner = max(0, -((rows.start + low // down.step) // tall))
    outer = ((down.length - 1 - high) // down.step - rows.start + 1) // tall
    outer = max(inner, min(outer, len(rows) // tall))
    kinds: dict[Any, int] = {}
    found: list[range] = []
    kind_of = np.zeros(units, np.intp)
    for number in itertools.chain(
        range(min(inner + 1, units)), range(max(inner + 1, outer), units)
    ):
        top = rows.start + number * tall
        some = range(top, min(top + tall, rows.stop))
        key = down.first(top) - top * down.step, tuple(map(down.valid, some))
        if key not in kinds:
            kinds[key] = len(found)
            found.append(some)
        kind_of[number] = kinds[key]
    kind_of[inner:outer] = kind_of[inner : inner + 1]
    return found, kind_of


class _Cut:
    """Units of so many images and rows, cut into tiles."""

    def __init__(
        self,
        grid: Grid,
        down: Reach,
        tile: int,
        weight_bytes: int,
        once: bool,
        images: int,
        rows: int,
    ) -> None:
        self.grid, self.down, self.tile = grid, down, tile
        self.down_offsets, self.right_offsets = _offsets(down), _offsets(grid.right)
        self.weight_bytes = weight_bytes
        # Whether an input lies right beside the one before it.
        self.beside = self.right_offsets[1:] == self.right_offsets[:-1] + 1
        width = len(grid.columns)
        count = images * rows * width
        # The last tile begins early, so that no place of it is idle.
        written = np.arange(0, count, tile)[:, None]
        new = np.minimum(written, max(count - tile, 0)) + np.arange(tile)
        place, self.image = np.divmod(np.minimum(new, count - 1), images)
        self.row, column = np.divmod(place, width)
        self.column = column + grid.columns.start
        outputs = (
            self.image * grid.outputs[0]
            + self.row * grid.outputs[1]
            + self.column * grid.outputs[2]
        )
        if once:
            outputs = np.where((new >= written) & (new < count), outputs, NOWHERE)
        self.outputs = outputs

    def streams(self, tops: Array, most: int) -> Iterator[tuple[Array, Array | None]]:
        """The streams of the units whose first rows are ``tops``.

        Yields:
            Words, which come one after the other; and where streams begin in them, or None for the rest of one.

        Raises:
            TooLongError: There would be more than ``most`` words.
        """
        tiles = len(self.row)
        each = max(self.tile * len(self.down_offsets) * len(self.right_offsets), 1)
        together = max(1, _LOOKED_AT // each)
        if len(tops) * tiles <= together:
            parts = iter([(tops, slice(0, tiles))])
        else:
            parts = (
                (tops[n : n + 1], slice(first, first + together))
                for n in range(len(tops))
                for first in range(0, tiles, together)
            )
        for some, which in parts:
            words, begin = self._words(some, which, whole=which.stop >= tiles)
            if len(words) - (which.stop >= tiles) > most:
                raise TooLongError
            most -= len(words)
            yield words, None if which.start else begin

    def _words(self, tops: Array, which: slice, whole: bool) -> tuple[Array, Array]:
        """Some tiles of each unit, and the end of its stream where it is ``whole`` with them."""
        grid, down, right, tile = self.grid, self.down, self.grid.right, self.tile
        # Axes: units, tiles, pixels of a tile, rows and columns of taps.
        row, column, image = self.row[which], self.column[which], self.image[which]
        from_row = (tops[:, None, None] + row)[..., None] * down.step + self.down_offsets
        from_column = column[..., None] * right.step + self.right_offsets
        high = (from_row >= 0) & (from_row < down.length)
        broad = (from_column >= 0) & (from_column < right.length)
        valid = high[..., None] & broad[:, :, None]
        first = down.firsts(tops)[:, None, None, None]
        row_address = image[..., None] * grid.image_bytes + (from_row - first) * grid.row_bytes
        column_address = from_column * (grid.channels * grid.size)

        # Inputs side by side are read at once, if they exist in every pixel.
        everywhere, starts = valid.all(axis=2), valid.any(axis=2)
        lengths = starts * grid.channels
        for offset in np.flatnonzero(self.beside)[::-1].tolist():
            joins = everywhere[..., offset] & everywhere[..., offset + 1]
            lengths[..., offset] += joins * lengths[..., offset + 1]
            starts[..., offset + 1] &= ~joins
        taps = starts.sum(axis=(2, 3))
        unit, number, a, b = np.nonzero(starts)
        found = np.where(
            valid[unit, number, :, a, b],
            row_address[unit, number, :, a] + column_address[number, :, b],
            ZEROS,
        )

        entry = 2 + tile
        sizes = 1 + tile + taps * entry
        if whole:
            sizes[:, -1] += 1
        ends = sizes.cumsum().reshape(sizes.shape)
        begins = ends - sizes
        words = np.empty(int(ends[-1, -1]), np.int64)
        words[begins] = taps
        words[begins[..., None] + np.arange(1, 1 + tile)] = self.outputs[which]
        before = taps.cumsum().reshape(taps.shape) - taps
        rank = np.arange(len(unit)) - before[unit, number]
        at = begins[unit, number] + 1 + tile + rank * entry
        words[at] = lengths[unit, number, a, b]
        words[at + 1] = (a * len(self.right_offsets) + b) * self.weight_bytes
        words[at[:, None] + np.arange(2, entry)] = found
        if whole:
            words[ends[:, -1] - 1] = END
        return words, begins[:, 0]


def _offsets(reach: Reach) -> Array:
    return np.array(reach.offsets, np.int64)
