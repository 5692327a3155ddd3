"""Which taps feed the same kind of output rows and columns, and how far they carry the input."""

from __future__ import annotations

import functools
from typing import NamedTuple

from fast_impl.problem.geometry import Axis


class Columns(NamedTuple):
    """Taps that fill places ``place`` to ``place + places`` of the block ``shift`` to the right."""

    shift: int
    place: int
    tap: int
    places: int
    start: int
    stop: int


# Kept, because each of many ways to cut a problem asks for them.
@functools.lru_cache(maxsize=16)
def tap_groups(axis: Axis, merged: bool, skip: int = 0) -> tuple[Columns, ...]:
    """Group the taps of a row.

    Args:
        axis: The columns.
        merged: All columns are taken, whatever they reach.
        skip: Places of the first block that lie before the output.
    """
    groups: list[Columns] = []
    for tap in range(axis.kernel):
        reached, _ = axis.span(tap)
        if reached.stop == reached.start:
            continue
        shift, place = divmod(tap * axis.dilation - axis.before + skip, axis.stride)
        ends = (0, axis.input) if merged else (reached.start, reached.stop)
        last = groups[-1] if groups else None
        if (
            last is not None
            and last.shift == shift
            and last.place + last.places == place
            and (last.start, last.stop) == ends
        ):
            groups[-1] = last._replace(places=last.places + 1)
        else:
            groups.append(Columns(shift, place, tap, 1, *ends))
    return tuple(groups)


def least_groups(axis: Axis) -> int:
    """How many groups of taps there are at least, without a look at each tap."""
    return -(-axis.kernel // axis.stride)


class Row(NamedTuple):
    """A row of taps, and how many blocks of rows down it carries an input row."""

    shift: int
    tap: int


@functools.lru_cache(maxsize=16)
def rows_by_phase(axis: Axis) -> tuple[tuple[Row, ...], ...]:
    """Return the rows of taps that feed each of the ``stride`` kinds of output rows."""
    phases: list[list[Row]] = [[] for _ in range(axis.stride)]
    for tap in range(axis.kernel):
        reached, _ = axis.span(tap)
        if reached.stop > reached.start:
            shift, phase = divmod(tap * axis.dilation - axis.before, axis.stride)
            phases[phase].append(Row(shift, tap))
    return tuple(map(tuple, phases))
