"""Panels: how the lanes of a sum are cut into vectors that one kernel computes together."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

from fast_impl.kernels.format import Run
from fast_impl.kernels.target import Target


class Lanes(NamedTuple):
    """What is summed side by side.

    Attributes:
        line: Lanes that are neighbours in the output.
        lines: How many such lines; each is ``apart`` bytes after the one before.
        apart: Bytes from line to line.
    """

    line: int
    lines: int = 1
    apart: int = 0

    @property
    def total(self) -> int:
        """All lanes."""
        return self.line * self.lines


class Panel(NamedTuple):
    """Lanes from ``lane`` on, ``times`` as many as ``vectors`` hold; each panel writes its ``runs``."""

    vectors: int
    times: int
    lane: int
    runs: tuple[Run, ...]


def cuts(lanes: Lanes, size: int, target: Target) -> tuple[tuple[Panel, ...], ...]:
    """All ways to cut lanes into panels of numbers of ``size`` bytes that are worth a look.

    The last panel may have idle lanes. The way with the target's best panels comes first.

    Raises:
        ValueError: Several lines that do not fit one panel.
    """
    return _cuts(lanes._replace(apart=0), size, target)


# Kept, because images of varying size have lanes that they share.
@functools.lru_cache(maxsize=256)
def _cuts(lanes: Lanes, size: int, target: Target) -> tuple[tuple[Panel, ...], ...]:
    numbers = target.vector // size
    if lanes.lines > 1:
        if lanes.total > target.widest * numbers:
            raise ValueError(f"{lanes} do not fit {target.widest} vectors of {numbers} numbers")
        runs = (Run(i * lanes.line, lanes.line, 0, i) for i in range(lanes.lines))
        return ((Panel(-(-lanes.total // numbers), 1, 0, tuple(runs)),),)
    vectors = -(-lanes.line // numbers)
    others = range(2, min(target.widest, vectors) + 1)
    ways = [widths(vectors, best) for best in dict.fromkeys((target.best, *others))]
    return tuple(
        tuple(_panels(lanes.line, way, numbers))
        for number, way in enumerate(ways)
        if way not in ways[:number]
    )


def _panels(line: int, ways: list[tuple[int, int]], numbers: int) -> Iterator[Panel]:
    lane = 0
    for vectors, count in ways:
        width = vectors * numbers
        whole = min(count, (line - lane) // width)
        if whole:
            yield Panel(vectors, whole, lane, (Run(0, width, 0),))
            lane += whole * width
        if whole < count:
            yield Panel(vectors, 1, lane, (Run(0, line - lane, 0),))


def widths(vectors: int, most: int) -> list[tuple[int, int]]:
    """Widths of panels, at most ``most``, that make up so many vectors, and how many of each."""
    count, rest = divmod(vectors, most)
    return [way for way in ((most, count), (rest, 1)) if min(way)]
