"""Tiles: units of pixels are cut into them, and told to the kernels as words (`fast_impl.kernels.format`).

All units of a plan are cut at once, by NumPy: their words take a tenth of the time that Python would need.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.kernels.format import END, NOWHERE, ZEROS
from fast_impl.kernels.sums.grids import Grid, Reach

Array = npt.NDArray[Any]

# Tiles, the empty ones of shorter units with them, that are cut in no more time than fewer ones.
_PADDED = 1 << 9
# Taps of pixels that are looked at together, so that they take little memory.
_LOOKED_AT = 1 << 18


class Added(NamedTuple):
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


# An offset that reaches no input.
_NOT_THERE = -(1 << 40)


def _table(offsets: list[tuple[int, ...]]) -> Array:
    """Offsets of several units, ``[units, offsets]``, as many of each."""
    most = max(map(len, offsets))
    return np.array([some + (_NOT_THERE,) * (most - len(some)) for some in offsets], np.int64)


class Strip(NamedTuple):
    """Some rows of some images of a grid."""

    added: Added
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


def by_tiles(members: list[tuple[Strip, int]]) -> Iterator[list[tuple[Strip, int]]]:
    """Divide units, where they are many, into those of so many tiles, or at most twice as many."""
    tiles = [cut.tiles for cut, _ in members]
    if len(tiles) * max(tiles) <= _PADDED:
        yield members
        return
    groups: dict[int, list[tuple[Strip, int]]] = {}
    for member, count in zip(members, tiles, strict=True):
        groups.setdefault(count.bit_length(), []).append(member)
    yield from groups.values()


class Cutter:
    """Units of grids that are alike, cut into tiles. Where one has fewer tiles than another, the rest is empty."""

    def __init__(self, units: list[Strip]) -> None:
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

    def streams(self) -> Iterator[tuple[Array, Array]]:
        """The streams of all units.

        Yields:
            Words, which come one after the other; and where streams begin in them.
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
            words, begins = self._words(some, which, whole=which.stop >= tiles)
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
