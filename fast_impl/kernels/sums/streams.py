"""Streams: for each tile of pixels, what the kernel reads and where it writes.

See `fast_impl.kernels.format` for the form. Pixels are taken row by row where rows are long, and
several rows or whole images at a time where they are short, so that few places of a tile are left
over. Rows that read alike share one stream.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.kernels.format import END
from fast_impl.kernels.sums.grids import Grid, Reach, Unit, cut
from fast_impl.kernels.sums.tiles import Added, Cutter, Strip, by_tiles

Array = npt.NDArray[Any]

# Words, and jobs, beyond which a plan takes too much time and memory.
MOST_WORDS = 1 << 20
_MOST_JOBS = 1 << 17
# Words that take as much time as to look at the rows of a unit.
_UNIT_WORDS = 16


class TooLongError(Exception):
    """The streams of a problem would take too much memory, or their addresses more than 32 bits."""


def as_words(numbers: Array | list[int]) -> Array:
    """Return a stream as the kernels read it.

    Raises:
        TooLongError: A number needs more than 32 bits.
    """
    found = np.asarray(numbers, np.int64)
    if found.size and found.max() >= 1 << 31:
        raise TooLongError
    return np.array(found, np.int32)


@dataclass
class Streams:
    """Collects the streams and jobs of the grids of one plan."""

    most_words: int = MOST_WORDS
    _count: int = 0
    _jobs: int = 0
    _added: list[Added] = field(default_factory=list)

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
        down = grid.down
        if len(taken) < len(down.offsets):
            down = down._replace(offsets=down.offsets[taken.start : taken.stop])
        kinds = _kinds(grid.rows, down, rows)
        self._added.append(
            Added(
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
        groups: dict[Any, list[tuple[Strip, int]]] = {}
        number = least = 0
        for added in self._added:
            likeness = added.likeness
            for images, _ in added.counts:
                for kind in added.kinds:
                    some = Strip(added, images, kind)
                    least += some.tiles * (1 + added.tile)
                    groups.setdefault(likeness, []).append((some, number))
                    number += 1
        if least > self._most:
            raise TooLongError
        streams = np.zeros(number, np.int64)
        made: list[Array] = []
        count = 0
        for members in itertools.chain.from_iterable(map(by_tiles, groups.values())):
            cutter = Cutter([cut for cut, _ in members])
            places = [place for _, place in members]
            for words, begins in cutter.streams():
                streams[places[: len(begins)]] = (count + begins) * 4
                places = places[len(begins) :]
                made.append(words)
                count += len(words)
                # The end of the last stream does not count.
                if count - words[-1:].tolist().count(END) > self._most:
                    raise TooLongError
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
        return found


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
