"""Grids: pixels of the output, and which pixels of the input each of them reads."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Numbers beyond the edge that must be read for the columns at the border to be cut by themselves.
_WORTH_CUTTING = 1 << 15
# So much more idle places than the least possible are good enough.
_WASTE = 1.03


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
        found: Array = np.maximum(blocks * self.step + min(self.offsets, default=0), 0)
        return found


# Kept, because the kinds of outputs of a problem are a few kinds of rows by a few kinds of columns.
@functools.lru_cache(maxsize=256)
def _idle(reach: Reach, blocks: range) -> float:
    found = 0
    for offset in reach.offsets:
        first, last = -(offset // reach.step), -((offset - reach.length) // reach.step)
        found += max(0, min(blocks.stop, last) - max(blocks.start, first))
    return len(blocks) * len(reach.offsets) / found if found else 1.0


class Grid(NamedTuple):
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
    # Places of the units of one row of an image, of two, and so on; and of those of several images.
    places = [
        images * height / rows * -(-rows * width // tile) * tile
        for rows in range(1, min(height, tile) + 1)
    ]
    places[0] /= over_rows
    if images > 1:
        rest = images % tile
        several = images - rest + -(-rest * width // tile) * tile / width
        places.append(several * height * width / over_rows / over)
    least = min(places) * _WASTE
    number = next(number for number, some in enumerate(places) if some <= least)
    if images > 1 and number == len(places) - 1:
        return Unit(min(tile, images), 1, places[number])
    return Unit(1, number + 1, places[number])


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
            part = grid._replace(columns=some)
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
