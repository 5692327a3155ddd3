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
        numbers = np.array([each.numbers for each in units], np.int64).T[..., None]
        tops, firsts, left, self.wide, self.weights, pixels, images, width = numbers
        # Axes: units, tiles, pixels. The last tile begins early, so that no place of it is idle.
        written = np.arange(0, int(pixels.max()), self.tile)[:, None]
        self.exist = written[:, 0] < pixels
        begins = np.minimum(written, np.maximum(pixels - self.tile, 0)[..., None])
        new = begins + np.arange(self.tile)
        # From here on, tiles and their pixels are one axis.
        place = np.minimum(new.reshape(len(units), -1), pixels - 1)
        image: Any = 0
        if any(each.images > 1 for each in units):
            place, image = np.divmod(place, images)
        if first.upright:
            column, row = np.divmod(place, pixels // (images * width))
        else:
            row, column = np.divmod(place, width)
        column += left
        step = self.grid.outputs
        outputs = image * step[0] + row * step[1] + column * step[2]
        if first.once:
            inside = (new >= written) & (new < pixels[..., None])
            outputs = np.where(inside.reshape(outputs.shape), outputs, NOWHERE)
        self.outputs = outputs
        # The input that the offsets of taps count from, and its address.
        self.rows = (tops + row) * self.grid.down.step
        self.columns = column * self.grid.right.step
        self.addresses = (self.rows - firsts) * self.grid.row_bytes + image * self.grid.image_bytes

    def streams(self) -> Iterator[tuple[Array, Array]]:
        """The streams of all units.

        Yields:
            Words, which come one after the other; and where streams begin in them.
        """
        units, tiles = self.exist.shape
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
        exist = self.exist[some, which]
        pixels = slice(which.start * tile, (which.start + exist.shape[1]) * tile)
        missing, address = self._inputs(some, pixels)
        starts = ~np.logical_and.reduce(missing, axis=4).transpose(0, 3, 1, 2)
        everywhere = ~np.logical_or.reduce(missing, axis=4).transpose(0, 3, 1, 2)
        starts &= exist[..., None, None]
        lengths = starts * grid.channels
        # Inputs side by side are read at once, if they exist in every pixel.
        beside = self.beside[some]
        for offset in np.flatnonzero(beside.any(axis=0))[::-1].tolist():
            joins = everywhere[..., offset] & everywhere[..., offset + 1]
            joins &= beside[:, None, None, offset]
            lengths[..., offset] += joins * lengths[..., offset + 1]
            starts[..., offset + 1] &= ~joins

        # Of each tile: how many entries there are, its outputs, and the entries; behind the last one, the end.
        units, tiles, rows, across = starts.shape
        words = np.empty((units, tiles, 1 + tile + rows * across * entry + 1), np.int64)
        there = np.empty(words.shape, bool)
        words[..., 0] = starts.sum(axis=(2, 3))
        words[..., 1 : 1 + tile] = self.outputs[some, pixels].reshape(units, tiles, tile)
        words[..., -1] = END
        there[..., : 1 + tile] = exist[..., None]
        there[..., -1] = False
        there[:, -1, -1] = whole
        entries = words[..., 1 + tile : -1].reshape(*starts.shape, entry)
        number = np.arange(rows)[:, None] * self.wide[some, :, None] + np.arange(across)
        entries[..., 0] = lengths
        entries[..., 1] = (number * self.weights[some, :, None])[:, None]
        entries[..., 2:] = address.transpose(0, 3, 1, 2, 4)
        there[..., 1 + tile : -1].reshape(*starts.shape, entry)[...] = starts[..., None]
        sizes = there.sum(axis=(1, 2))
        return words[there], sizes.cumsum() - sizes

    def _inputs(self, some: slice, pixels: slice) -> tuple[Array, Array]:
        """Which inputs of some units are missing, and where the others lie.

        Axes: units, rows and columns of taps, tiles, pixels of a tile.
        """
        grid = self.grid
        from_row = self.rows[some, None, pixels] + self.down_offsets[some, :, None]
        from_column = self.columns[some, None, pixels] + self.right_offsets[some, :, None]
        above = self.down_offsets[some, :, None] * grid.row_bytes
        above = above + self.addresses[some, None, pixels]
        address = above[:, :, None] + (from_column * (grid.channels * grid.size))[:, None]
        # Numbers below zero are large ones without a sign.
        no_row = from_row.view(np.uint64) >= grid.down.length
        no_column = from_column.view(np.uint64) >= grid.right.length
        missing = no_row[:, :, None] | no_column[:, None]
        np.copyto(address, ZEROS, where=missing)
        shape = (*missing.shape[:3], missing.shape[3] // self.tile, self.tile)
        return missing.reshape(shape), address.reshape(shape)
