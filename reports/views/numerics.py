"""How precise results were: a histogram for every format of how near errors came to their bounds."""

from __future__ import annotations

import attrs
from markupsafe import Markup, escape

from reports.records.record import Numerics, Record

_BAR, _TOP, _HEIGHT, _GAP = 42, 16, 60, 2
#: Towers of a histogram of shares: exact results, and tenths of the bound.
_SHARES = 11


@attrs.frozen(eq=False)
class Row:
    """One subject in one format."""

    found: Numerics
    chart: Markup

    @property
    def nearest(self) -> str:
        """How near a result came to its bound."""
        return _percent(self.found.share) if self.found.share else "0 %"

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
        f"the largest rounding error of a right number is {_percent(closest.share)} of what is allowed "
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


def _chart(one: Numerics, longest: int) -> Markup:
    """Draw how many comparisons came how near to their bounds; of an older record, how large their errors were."""
    if any(one.shares):
        ticks = ["exact", *(f"{10 * place} %" for place in range(1, _SHARES))]
        told = [f"{count:,} {_nearness(place)}" for place, count in enumerate(one.shares) if count]
        title, counts = "largest error, in percent of the bound derived for it", one.shares
    else:
        ticks = [f"<{2**place}" if place < 14 else f"2^{place}" for place in range(longest)]
        told = [f"{n:,} below {2**place}" for place, n in enumerate(one.counts) if n]
        title, counts = "largest error, in units of one rounding", one.counts
    most = max(counts, default=0) or 1
    parts = []
    for place, tick in enumerate(ticks):
        count = counts[place] if place < len(counts) else 0
        height = max(2.0, _HEIGHT * count / most) if count else 0.0
        x, middle = place * _BAR, place * _BAR + (_BAR - _GAP) / 2
        if count:
            y = _TOP + _HEIGHT - height
            parts.append(
                f'<rect class="tower" x="{x}" y="{y:.1f}" width="{_BAR - _GAP}" height="{height:.1f}"/>'
                f'<text x="{middle:g}" y="{y - 4:.1f}">{count:,}</text>'
            )
        parts.append(
            f'<text class="tick" x="{middle:g}" y="{_TOP + _HEIGHT + 14}">{escape(tick)}</text>'
        )
    width, height = len(ticks) * _BAR, _TOP + _HEIGHT + 34
    if any(one.shares):
        parts.append(
            f'<path class="bound" d="M{width - 1} {_TOP}v{_HEIGHT}"/>'
            f'<text class="end" x="{width - 6}" y="{_TOP + 10}">the bound</text>'
        )
    parts.append(f'<path class="axis" d="M0 {_TOP + _HEIGHT}h{width}"/>')
    parts.append(f'<text class="title" x="0" y="{height - 4}">{title} →</text>')
    label = f"{title}: {', '.join(told)}"
    return Markup(
        f'<svg class="histogram" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{"".join(parts)}</svg>'
    )


def _nearness(place: int) -> str:
    return "exact" if place == 0 else f"up to {10 * place} %"
