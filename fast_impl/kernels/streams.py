"""Streams: for each tile of pixels, what the kernel reads and where it writes.

See `fast_impl.kernels.format` for the form. Pixels are taken row by row where rows are long, and
several rows or whole images at a time where they are short, so that few places of a tile are left
over. Rows that read alike share one stream.
"""

from __future__ import annotations

import dataclasses
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
# Numbers beyond the edge that must be read for the columns at the border to be cut by themselves.
_WORTH_CUTTING = 1 << 15
# Words that take as much time as to look at the rows of a unit.
_UNIT_WORDS = 16
# Tiles, the empty ones of shorter units with them, that are cut in no more time than fewer ones.
_PADDED = 1 << 9
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
        return _idle(self, blocks)

    def first(self, block: int) -> int:
        """The input that addresses count from."""
        return max(0, block * self.step + min(self.offsets, default=0))

    def firsts(self, blocks: Array) -> Array:
        """The same for many blocks."""
        return np.maximum(blocks * self.step + min(self.offsets, default=0), 0)


# Kept, because the kinds of outputs of a problem are a few kinds of rows by a few kinds of columns.
@functools.lru_cache(maxsize=256)
def _idle(reach: Reach, blocks: range) -> float:
    found = 0
    for offset in reach.offsets:
        first, last = -(offset // reach.step), -((offset - reach.length) // reach.step)
        found += max(0, min(blocks.stop, last) - max(blocks.start, first))
    return len(blocks) * len(reach.offsets) / found if found else 1.0


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
    all taps. Pixels are taken row by row, or column by column where it is ``upright``.
    """

    images: int
    rows: int
    places: float
    upright: bool = False


def unit(grid: Grid, tile: int) -> Unit:
    """The unit with the fewest idle places.

    One image, and so many rows that few places of a tile are left over; or one row of as many images as
    a tile has places: the same pixel of each, which reaches over the edge in all of them or in none.
    """
    over, over_rows = grid.right.idle(grid.columns), grid.down.idle(grid.rows)
    return _unit(grid.images, len(grid.rows), len(grid.columns), tile, over, over_rows)


@functools.lru_cache(maxsize=256)
def _unit(images: int, height: int, width: int, tile: int, over: float, over_rows: float) -> Unit:
    pixels = images * height * width
    ways = []
    for rows in range(1, min(height, tile) + 1):
        idle = -(-rows * width // tile) * tile / (rows * width)
        ways.append(Unit(1, rows, pixels * idle / (over_rows if rows == 1 else 1)))
    if images > 1:
        rest = images % tile
        places = images - rest + -(-rest * width // tile) * tile / width
        ways.append(Unit(min(tile, images), 1, places * height * width / over_rows / over))
    least = min(way.places for way in ways)
    return next(way for way in ways if way.places <= least * _WASTE)


@functools.lru_cache(maxsize=256)
def cut(grid: Grid, tile: int) -> tuple[tuple[Grid, Unit], ...]:
    """Cut a grid into tiles: the grid with its unit, or the columns inside and those at each border with theirs.

    A tile of a row that reaches over the edge with some pixels goes through all taps; a tile of a column reaches
    over it with all of them or none.
    """
    whole, columns, right = unit(grid, tile), grid.columns, grid.right
    idle = (right.idle(columns) - 1) * grid.images * len(grid.rows) * len(columns)
    if whole.images > 1 or idle * grid.taps * grid.channels < _WORTH_CUTTING:
        return ((grid, whole),)
    low = min(max(columns.start, -(min(right.offsets) // right.step)), columns.stop)
    high = max(low, min(columns.stop, (right.length - 1 - max(right.offsets)) // right.step + 1))
    ways = []
    for some in (range(low, high), range(columns.start, low), range(high, columns.stop)):
        if some:
            part = dataclasses.replace(grid, columns=some)
            ways.append(
                (part, unit(part, tile) if some.start == low < high else _upright(part, tile))
            )
    better = sum(found.places for _, found in ways) * _WASTE < whole.places
    return tuple(ways) if better else ((grid, whole),)


def _upright(grid: Grid, tile: int) -> Unit:
    """Columns by themselves, as many rows at a time as make whole tiles."""
    height, width = len(grid.rows), len(grid.columns)
    rows = min(height, 4 * tile)
    units, rest = divmod(height, rows)
    tiles = units * -(-rows * width // tile) + -(-rest * width // tile)
    return Unit(1, rows, grid.images * tiles * tile / grid.right.idle(grid.columns), upright=True)


class _Added(NamedTuple):
    """A grid that was added, and how it is cut into units.

    ``kinds`` are the rows of the first unit of each kind, ``kind_of`` is the kind of each unit.
    """

    grid: Grid
    down: Reach
    tile: int
    weight_bytes: int
    lane_bytes: int
    once: bool
    images: int
    rows: int
    upright: bool
    kinds: tuple[range, ...]
    kind_of: Array

    @property
    def counts(self) -> list[tuple[int, int]]:
        """Images of a unit, and how many such units lie one after the other."""
        whole, rest = divmod(self.grid.images, self.images)
        return [each for each in ((self.images, whole), (rest, 1)) if all(each)]

    @property
    def likeness(self) -> tuple[Any, ...]:
        """Units of grids that have this in common are cut together."""
        grid, down, right = self.grid, self.down, self.grid.right
        sizes = (down.length, down.step, right.length, right.step, grid.channels, grid.size)
        return (self.tile, self.once, self.upright, grid.outputs, *sizes)


@dataclass
class Streams:
    """Collects the streams and jobs of the grids of one plan."""

    most_words: int = MOST_WORDS
    _count: int = 0
    _jobs: int = 0
    _added: list[_Added] = field(default_factory=list)

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
        first = self._jobs
        for part, unit in cut(grid, tile):
            self._add(part, unit, tile, taken, weight_bytes, lane_bytes, once)
        return range(first, self._jobs)

    def _add(
        self,
        grid: Grid,
        unit: Unit,
        tile: int,
        taken: range,
        weight_bytes: int,
        lane_bytes: int,
        once: bool,
    ) -> None:
        images, rows = unit.images, unit.rows
        tiles = -(-images * rows * len(grid.columns) // tile)
        units = -(-len(grid.rows) // rows)
        jobs = -(-grid.images // images) * units
        least = tiles * (1 + tile)
        if self._count + max(units * _UNIT_WORDS, least) > self._most or jobs > _MOST_JOBS:
            raise TooLongError
        down = grid.down._replace(offsets=grid.down.offsets[taken.start : taken.stop])
        kinds = _kinds(grid.rows, down, rows)
        self._added.append(
            _Added(
                grid, down, tile, weight_bytes, lane_bytes, once, images, rows, unit.upright, *kinds
            )
        )
        self._count += least
        self._jobs += jobs

    @property
    def _most(self) -> int:
        return min(self.most_words, MOST_WORDS)

    def arrays(self) -> tuple[Array, Array]:
        """Return the streams and the jobs as the kernel reads them.

        Raises:
            TooLongError: The streams are longer than they may be.
        """
        # Units that are cut together, with the place in ``streams`` for where their stream begins.
        groups: dict[Any, list[tuple[_Unit, int]]] = {}
        number = least = 0
        for added in self._added:
            likeness = added.likeness
            for images, _ in added.counts:
                for kind in added.kinds:
                    some = _Unit(added, images, kind)
                    least += some.tiles * (1 + added.tile)
                    groups.setdefault(likeness, []).append((some, number))
                    number += 1
        if least > self._most:
            raise TooLongError
        streams = np.zeros(number, np.int64)
        made: list[Array] = []
        count = 0
        for members in itertools.chain.from_iterable(map(_by_tiles, groups.values())):
            cutter = _Cutter([cut for cut, _ in members])
            places = [place for _, place in members]
            for words, begins in cutter.streams(self._most - count):
                streams[places[: len(begins)]] = (count + begins) * 4
                places = places[len(begins) :]
                made.append(words)
                count += len(words)
        words = np.concatenate(made) if made else np.zeros(0, np.int64)
        return as_words(words), self._all_jobs(streams)

    def _all_jobs(self, streams: Array) -> Array:
        found = np.empty((self._jobs, 3), np.int64)
        first = number = 0
        for added in self._added:
            grid, kinds = added.grid, len(added.kinds)
            tops = np.arange(grid.rows.start, grid.rows.stop, added.rows)
            inputs = added.down.firsts(tops) * grid.row_bytes
            outputs = tops * grid.outputs[1] + (grid.origin + added.lane_bytes)
            if grid.images == 1:
                jobs = found[first : first + len(tops)]
                jobs[:, 0] = streams[number : number + kinds][added.kind_of]
                jobs[:, 1], jobs[:, 2] = inputs, outputs
                first += len(tops)
                number += kinds
                continue
            image = 0
            for images, times in added.counts:
                jobs = found[first : first + times * len(tops)].reshape(times, len(tops), 3)
                at = np.arange(image, image + images * times, images)[:, None]
                jobs[..., 0] = streams[number : number + kinds][added.kind_of]
                np.add(at * grid.image_bytes, inputs, out=jobs[..., 1])
                np.add(at * grid.outputs[0], outputs, out=jobs[..., 2])
                first += times * len(tops)
                number += kinds
                image += images * times
        return np.array(found, np.int64)


# Kept for the grids of one plan, which are a few kinds of rows by a few kinds of columns.
@functools.lru_cache(maxsize=16)
def _kinds(rows: range, down: Reach, tall: int) -> tuple[tuple[range, ...], Array]:
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
    kind_of.flags.writeable = False
    return tuple(found), kind_of


# An offset that reaches no input.
_NOT_THERE = -(1 << 40)


def _table(offsets: list[tuple[int, ...]]) -> Array:
    """Offsets of several units, ``[units, offsets]``, as many of each."""
    most = max(map(len, offsets))
    return np.array([some + (_NOT_THERE,) * (most - len(some)) for some in offsets], np.int64)


class _Unit(NamedTuple):
    """Some rows of some images of a grid."""

    added: _Added
    images: int
    rows: range

    @property
    def pixels(self) -> int:
        """Outputs that are cut into tiles."""
        return self.images * len(self.rows) * len(self.added.grid.columns)

    @property
    def tiles(self) -> int:
        """Tiles that it is cut into."""
        return -(-self.pixels // self.added.tile)

    @property
    def numbers(self) -> tuple[int, ...]:
        """What cutting depends on, besides its taps and what it is alike with others in."""
        added, top = self.added, self.rows.start
        columns, taps = added.grid.columns, len(added.grid.right.offsets)
        first = added.down.first(top)
        return (
            top, first, columns.start, taps, added.weight_bytes, self.pixels, self.images, len(columns),
        )  # fmt: skip


def _by_tiles(members: list[tuple[_Unit, int]]) -> Iterator[list[tuple[_Unit, int]]]:
    """Divide units, where they are many, into those of so many tiles, or at most twice as many."""
    tiles = [cut.tiles for cut, _ in members]
    if len(tiles) * max(tiles) <= _PADDED:
        yield members
        return
    groups: dict[int, list[tuple[_Unit, int]]] = {}
    for member, count in zip(members, tiles, strict=True):
        groups.setdefault(count.bit_length(), []).append(member)
    yield from groups.values()


class _Cutter:
    """Units of grids that are alike, cut into tiles. Where one has fewer tiles than another, the rest is empty."""

    def __init__(self, units: list[_Unit]) -> None:
        first = units[0].added
        self.grid, self.tile = first.grid, first.tile
        self.down_offsets = _table([each.added.down.offsets for each in units])
        self.right_offsets = _table([each.added.grid.right.offsets for each in units])
        # Whether an input lies right beside the one before it.
        self.beside = self.right_offsets[:, 1:] == self.right_offsets[:, :-1] + 1
        self.numbers = np.array([each.numbers for each in units], np.int64).T
        *_, pixels, images, width = self.numbers[..., None, None]
        # Axes: units, tiles, pixels. The last tile begins early, so that no place of it is idle.
        written = np.arange(0, int(pixels.max()), self.tile)[:, None]
        new = np.minimum(written, np.maximum(pixels - self.tile, 0)) + np.arange(self.tile)
        place, self.image = np.divmod(np.minimum(new, pixels - 1), images)
        if first.upright:
            self.column, self.row = np.divmod(place, pixels // (images * width))
        else:
            self.row, self.column = np.divmod(place, width)
        self.column += self.numbers[2, :, None, None]
        step = self.grid.outputs
        outputs = self.image * step[0] + self.row * step[1] + self.column * step[2]
        if first.once:
            outputs = np.where((new >= written) & (new < pixels), outputs, NOWHERE)
        self.outputs = outputs
        self.exist = (written < pixels)[..., 0]

    def streams(self, most: int) -> Iterator[tuple[Array, Array]]:
        """The streams of all units.

        Yields:
            Words, which come one after the other; and where streams begin in them.

        Raises:
            TooLongError: There would be more than ``most`` words.
        """
        units, tiles, _ = self.row.shape
        each = self.tile * self.down_offsets.shape[1] * self.right_offsets.shape[1]
        together = max(1, _LOOKED_AT // max(each, 1))
        parts: Any = [(slice(0, units), slice(0, tiles))]
        if units * tiles > together:
            parts = (
                (slice(unit, unit + 1), slice(first, first + together))
                for unit in range(units)
                for first in range(0, tiles, together)
            )
        for some, which in parts:
            whole = which.stop >= tiles
            words, begins = self._words(some, which, whole)
            if len(words) - whole > most:
                raise TooLongError
            most -= len(words)
            yield words, begins[: 0 if which.start else None]

    def _words(self, some: slice, which: slice, whole: bool) -> tuple[Array, Array]:
        """Some tiles of some units, and the end of their streams where they are ``whole`` with them."""
        grid, tile, entry = self.grid, self.tile, self.tile + 2
        down, right = grid.down, grid.right
        # Axes: units, tiles, rows and columns of taps, pixels of a tile.
        row, column, image = (
            found[some, which, None, None] for found in (self.row, self.column, self.image)
        )
        tops, firsts, _, wide, weights, *_ = self.numbers[:, some, None, None, None, None]
        from_row = (tops + row) * down.step + self.down_offsets[some, None, :, None, None]
        from_column = column * right.step + self.right_offsets[some, None, None, :, None]
        valid = (from_row >= 0) & (from_row < down.length)
        valid = valid & ((from_column >= 0) & (from_column < right.length))
        start = image * grid.image_bytes - firsts * grid.row_bytes
        address = (from_row * grid.row_bytes + start) + from_column * (grid.channels * grid.size)

        # Inputs side by side are read at once, if they exist in every pixel.
        everywhere, starts = valid.all(axis=4), valid.any(axis=4)
        exist = self.exist[some, which]
        starts &= exist[..., None, None]
        lengths = starts * grid.channels
        beside = self.beside[some]
        for offset in np.flatnonzero(beside.any(axis=0))[::-1].tolist():
            joins = everywhere[..., offset] & everywhere[..., offset + 1]
            joins &= beside[:, None, None, offset]
            lengths[..., offset] += joins * lengths[..., offset + 1]
            starts[..., offset + 1] &= ~joins
        taps = starts.sum(axis=(2, 3))
        rows, across = starts.shape[2:]
        number = np.arange(rows)[:, None] * wide[..., 0] + np.arange(across)
        entries = np.empty((int(taps.sum()), entry), np.int64)
        entries[:, 0] = lengths[starts]
        entries[:, 1] = np.broadcast_to(number * weights[..., 0], starts.shape)[starts]
        entries[:, 2:] = np.where(valid, address, ZEROS)[starts]

        sizes = (1 + tile) * exist + taps * entry
        if whole:
            sizes[:, -1] += 1
        ends = sizes.cumsum().reshape(sizes.shape)
        begins = ends - sizes
        words = np.empty(int(ends[-1, -1]), np.int64)
        there = begins[exist]
        words[there] = taps[exist]
        words[there[:, None] + np.arange(1, 1 + tile)] = self.outputs[some, which][exist]
        # Entries of a tile come one after the other, behind its outputs.
        first = begins + 1 + tile - (taps.cumsum().reshape(taps.shape) - taps) * entry
        at = first.ravel().repeat(taps.ravel()) + np.arange(len(entries)) * entry
        words[at[:, None] + np.arange(entry)] = entries
        if whole:
            words[ends[:, -1] - 1] = END
        return words, begins[:, 0]
