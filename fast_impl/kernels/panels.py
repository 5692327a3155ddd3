"""Panels: how the lanes of a sum are cut into vectors that one kernel computes together."""

from __future__ import annotations

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


def panels(lanes: Lanes, size: int, target: Target) -> Iterator[Panel]:
    """Cut lanes into panels of numbers of ``size`` bytes; the last one may have idle lanes.

    Raises:
        ValueError: Several lines that do not fit one panel.
    """
    numbers = target.vector // size
    if lanes.lines > 1:
        if lanes.total > target.widest * numbers:
            raise ValueError(f"{lanes} do not fit {target.widest} vectors of {numbers} numbers")
        runs = (Run(i * lanes.line, lanes.line, i * lanes.apart) for i in range(lanes.lines))
        yield Panel(-(-lanes.total // numbers), 1, 0, tuple(runs))
        return
    lane = 0
    for vectors, count in widths(-(-lanes.line // numbers), target):
        width = vectors * numbers
        whole = min(count, (lanes.line - lane) // width)
        if whole:
            yield Panel(vectors, whole, lane, (Run(0, width, 0),))
            lane += whole * width
        if whole < count:
            yield Panel(vectors, 1, lane, (Run(0, lanes.line - lane, 0),))


def widths(vectors: int, target: Target) -> list[tuple[int, int]]:
    """Widths of panels that make up so many vectors, and how many of each."""
    if vectors % target.widest == 0:
        return [(target.widest, vectors // target.widest)]
    count, rest = divmod(vectors, target.best)
    ways = [(target.best, count), (rest, 1 if rest else 0)]
    if count and rest and target.best + rest <= target.widest:
        ways = [(target.best, count - 1), (target.best + rest, 1)]
    return [way for way in ways if way[1]]
