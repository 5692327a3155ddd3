"""How precise results were: scaled errors of what lies within its bound, by subject and format."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import attrs
import numpy as np

from conformance.model.values.codec import Array
from conformance.oracle.comparison import Listener
from conformance.subjects import Subject
from reports.records import record


@attrs.define
class Precision:
    """The errors of one subject in one format.

    Args:
        worst: the largest scaled error, in units of unit roundoff * S.
        share: the largest share of its bound that an element's error took.
        counts: comparisons by the worst scaled error of their elements: below 1, below 2, below 4 ...
        shares: comparisons by the largest share of its bound that an element took: none, up to a tenth, two ...
    """

    worst: float = 0.0
    share: float = 0.0
    counts: list[int] = attrs.field(factory=list)
    shares: list[int] = attrs.field(factory=lambda: [0] * 11)

    def note(self, error: Array, unit: Array, allowed: Array) -> None:
        """Take in the elements of one comparison."""
        worst = float(np.max(error / unit))
        place = 0 if worst < 1 else math.frexp(worst)[1]
        self.counts += [0] * (place + 1 - len(self.counts))
        self.counts[place] += 1
        self.worst = max(self.worst, worst)
        share = float(np.max(error / allowed))
        self.shares[min(10, math.ceil(10 * share))] += 1
        self.share = max(self.share, share)

    def add(self, other: record.Numerics) -> None:
        """Take in other comparisons."""
        both = itertools.zip_longest(self.counts, other.counts, fillvalue=0)
        self.counts = [one + more for one, more in both]
        shares = itertools.zip_longest(self.shares, other.shares, fillvalue=0)
        self.shares = [one + more for one, more in shares]
        self.worst = max(self.worst, other.worst)
        self.share = max(self.share, other.share)


class Numerics:
    """The precision of every subject in every format that a run has seen."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str], Precision] = {}

    def of(self, subject: Subject) -> Listener:
        """Return a listener for what is compared while the subject is judged."""

        def listen(dtype: str, error: Array, unit: Array, allowed: Array) -> None:
            key = (subject.name, subject.mode, dtype)
            self._found.setdefault(key, Precision()).note(error, unit, allowed)

        return listen

    def add(self, entries: Iterable[record.Numerics]) -> None:
        """Take in what another run, or a part of this one, has seen."""
        for entry in entries:
            key = (entry.subject, entry.mode, entry.dtype)
            self._found.setdefault(key, Precision()).add(entry)

    def entries(self) -> tuple[record.Numerics, ...]:
        """Return the footer's list."""
        return tuple(
            record.Numerics(
                subject=name,
                mode=mode,
                dtype=dtype,
                worst=found.worst,
                share=found.share,
                counts=tuple(found.counts),
                shares=tuple(found.shares),
            )
            for (name, mode, dtype), found in self._found.items()
        )
