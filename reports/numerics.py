"""How precise results were: a histogram of scaled errors for every format, and their distance to the bound."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from markupsafe import Markup, escape

from reports.record import Numerics, Record

_BAR, _HEIGHT, _GAP = 26, 54, 2


@attrs.frozen(eq=False)
class Row:
    """One subject in one format."""

    found: Numerics
    chart: Markup

    @property
    def label(self) -> str:
        """Name and mode in one line."""
        return " ".join(part for part in (self.found.subject, self.found.mode) if part)


@attrs.frozen(eq=False)
class View:
    """The chapter, and its one line at the top of the page."""

    line: str
    formats: tuple[tuple[str, tuple[Row, ...]], ...]


def build(record: Record) -> View | None:
    """Lay the errors out by format, the least precise subject first; None where there are none."""
    found = record.footer.numerics
    if not found:
        return None
    closest = max(found, key=lambda one: one.share)
    name = " ".join(part for part in (closest.subject, closest.mode) if part)
    line = (
        f"the largest rounding error within its bound is {_percent(closest.share)} of what is allowed "
        f"({name}, {closest.dtype})"
    )
    longest = max(len(one.counts) for one in found)
    formats = tuple(
        (
            dtype,
            tuple(
                Row(one, _chart(one, longest))
                for one in sorted(found, key=lambda one: -one.worst)
                if one.dtype == dtype
            ),
        )
        for dtype in dict.fromkeys(one.dtype for one in found)
    )
    return View(line, formats)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


def _chart(one: Numerics, columns: int) -> Markup:
    """Draw how many comparisons have which worst error, by powers of two."""
    most = max(one.counts, default=0) or 1
    parts = []
    for place, count in enumerate(one.counts):
        height = max(2.0, _HEIGHT * count / most) if count else 0.0
        x = place * _BAR
        parts.append(
            f'<rect class="tower" x="{x}" y="{_HEIGHT - height:.1f}" width="{_BAR - _GAP}" height="{height:.1f}"/>'
        )
    for place in range(columns):
        middle = place * _BAR + (_BAR - _GAP) / 2
        parts.append(f'<text x="{middle:g}" y="{_HEIGHT + 13}">{_limit(place)}</text>')
    label = f"worst scaled errors: {_told(one.counts)}"
    width = columns * _BAR
    return Markup(
        f'<svg class="histogram" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {_HEIGHT + 18}" '
        f'width="{width}" height="{_HEIGHT + 18}">{"".join(parts)}</svg>'
    )


def _limit(place: int) -> str:
    return f"<{2**place}".replace("<", "&lt;") if place < 14 else f"2^{place}"


def _told(counts: Sequence[int]) -> str:
    return ", ".join(f"{count:,} below {2**place}" for place, count in enumerate(counts) if count)
