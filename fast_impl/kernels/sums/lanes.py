"""Which output columns, rows and filters are summed side by side, as the lanes of vectors.

Along an axis, output ``p`` is place ``r`` of block ``P``, where ``P, r = divmod(p + skip, stride)``,
and tap ``a`` carries input ``i`` to place ``r`` of block ``i + shift``, where ``shift, r = divmod(a *
dilation - before + skip, stride)``. Places with the same shifts read the same inputs, so their
filters can be lanes of one sum. Places with other shifts can, too, at the price of weights that are zero:
worth it where a place alone would leave most of a vector empty.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fast_impl.problem.geometry import Axis

# Taps of an axis up to which the ways to divide its output are kept: they take a few kilobytes.
_FEW_TAPS = 64


class Side(NamedTuple):
    """Some places of some blocks along one axis.

    Attributes:
        first: Output row of the first place in block 0; negative for blocks that begin before it.
        taps: For each place, the tap that carries each of ``shifts`` there, or None.
        shifts: From the largest to the smallest: in the order of the inputs that they reach.
        blocks: Those in which every place lies in the output.
        exact: Whether every place is reached by every shift, so that no weight is a made-up zero.
        reached: Inputs that all its blocks read together, each as often as it is read.
    """

    first: int
    taps: tuple[tuple[int | None, ...], ...]
    shifts: tuple[int, ...]
    blocks: range
    exact: bool
    reached: int


class _Place(NamedTuple):
    number: int
    taps: dict[int, int]
    blocks: range


def _places(axis: Axis, skip: int) -> list[_Place]:
    found = [
        _Place(number, {}, range(-((number - skip) // axis.stride), _last(axis, number - skip) + 1))
        for number in range(axis.stride)
    ]
    for tap in range(axis.kernel):
        reached, _ = axis.span(tap)
        if reached.stop > reached.start:
            shift, number = divmod(tap * axis.dilation - axis.before + skip, axis.stride)
            found[number].taps[shift] = tap
    return found


def _last(axis: Axis, first: int) -> int:
    """The last block of the place that begins at output ``first``."""
    return (axis.output - 1 - first) // axis.stride


# Places next to each other, and the blocks that are taken of them.
_Group = tuple[list[_Place], range]


def _alike(places: list[_Place]) -> Iterator[_Group]:
    """Neighbouring places with the same shifts and blocks."""
    for _, members in itertools.groupby(places, lambda place: (set(place.taps), place.blocks)):
        found = list(members)
        yield found, found[0].blocks


def _together(places: list[_Place]) -> Iterator[_Group]:
    """All places in the blocks that have them all, and one by one in the others."""
    first = max(place.blocks.start for place in places)
    last = max(first, min(place.blocks.stop for place in places))
    yield places, range(first, last)
    for place in places:
        start, stop = place.blocks.start, place.blocks.stop
        yield [place], range(start, min(first, stop))
        yield [place], range(max(last, start), stop)


def _sides(axis: Axis, skip: int, groups: Iterable[_Group]) -> tuple[Side, ...]:
    """The sides of groups, but for those without a block."""
    return tuple(_side(axis, skip, places, blocks) for places, blocks in groups if blocks)


def _side(axis: Axis, skip: int, places: list[_Place], blocks: range) -> Side:
    shifts = sorted({shift for place in places for shift in place.taps}, reverse=True)
    taps = tuple(tuple(place.taps.get(shift) for shift in shifts) for place in places)
    exact = all(len(place.taps) == len(shifts) for place in places)
    reached = 0
    for shift in shifts:
        first, last = max(blocks.start, shift), min(blocks.stop, axis.input + shift)
        reached += max(0, last - first)
    return Side(places[0].number - skip, taps, tuple(shifts), blocks, exact, reached)


def partitions(axis: Axis, one_by_one: bool) -> tuple[tuple[Side, ...], ...]:
    """Every way to divide the output along an axis that is worth a look.

    Args:
        axis: What to divide.
        one_by_one: Whether places with the same shifts may have to be kept apart, because they are no neighbours
            in memory.
    """
    few = axis.kernel <= _FEW_TAPS
    return (_partitions if few else _partitions.__wrapped__)(axis, one_by_one)


# Kept, because images of varying size have heights and widths that they share.
@functools.lru_cache(maxsize=256)
def _partitions(axis: Axis, one_by_one: bool) -> tuple[tuple[Side, ...], ...]:
    places = _places(axis, 0)
    ways = [_sides(axis, 0, (([place], place.blocks) for place in places))] if one_by_one else []
    ways += [_sides(axis, 0, _alike(places)), _sides(axis, 0, _together(places))]
    skip = axis.before % axis.stride
    if skip:
        ways.append(_sides(axis, skip, _together(_places(axis, skip))))
    return tuple(dict.fromkeys(ways))
