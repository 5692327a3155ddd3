"""What the pictures of a benchmark share: logarithmic axes, a mark for each peer, SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
from markupsafe import Markup, escape

from reports.bench.results import Results

#: A path around (0, 0) for each peer in turn; the colour is the class's (bench.css).
_MARKS = (
    "M-5.5 0a5.5 5.5 0 1 0 11 0a5.5 5.5 0 1 0-11 0z",
    "M-5-5H5V5H-5z",
    "M0-6.500 6 4.800H-6z",
    "M0-6.700 6.700 0 0 6.700-6.700 0z",
    "M0 6.500-6-4.800H6z",
    "M-5.500-2H-2V-5.500H2V-2H5.500V2H2V5.500H-2V2H-5.500z",
)


def n(number: float) -> str:
    """Write a coordinate."""
    return f"{number:.1f}".removesuffix(".0")


@attrs.frozen
class Axis:
    """A logarithmic axis from `low` to `high`, drawn between two coordinates."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Return the coordinate of a value; beyond the ends it is the nearer end."""
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def ticks(self, steps: Sequence[float] = (1, 2, 5)) -> list[float]:
        """Return the round values within the axis."""
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = [float(f"{step}e{decade}") for decade in decades for step in steps]
        return [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]


def spanning(values: Sequence[float], start: float, end: float, room: float = 1.25) -> Axis:
    """Return an axis for these values with some room at its ends."""
    low, high = min(values) / room, max(values) * room
    return Axis(low, max(high, low * 2), start, end)


def short(value: float) -> str:
    """Write a tick's number."""
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def colour(results: Results, peer: str) -> str:
    """Return the class of a peer's colour; fast_impl's own comes first."""
    return f"peer-{_place(results, peer)}"


def mark(results: Results, peer: str, x: float, y: float, title: str = "") -> str:
    """Return a peer's mark at a place, with a text for the pointer that rests on it."""
    path = _MARKS[_place(results, peer)]
    told = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<path class="mark {colour(results, peer)}" transform="translate({n(x)} {n(y)})" '
        f'd="{path}">{told}</path>'
    )


def key(results: Results) -> Markup:
    """Return the legend of all peers as list items."""
    return Markup("").join(
        Markup('<li><svg viewBox="-8 -8 16 16" width="14" height="14" aria-hidden="true">{}</svg>{}</li>')
        .format(Markup(mark(results, peer.name, 0, 0)), peer.name)
        for peer in results.measured
    )  # fmt: skip


def text(x: float, y: float, content: str, kind: str = "") -> str:
    """Return a text; `kind` is its class: `end`, `mid`, `strong`, or several."""
    return f'<text x="{n(x)}" y="{n(y)}" class="{kind}">{escape(content)}</text>'


def picture(
    width: float, height: float, label: str, parts: Sequence[str], kind: str = ""
) -> Markup:
    """Return the `svg` element."""
    return Markup(
        f'<svg class="chart {kind}" role="img" aria-label="{escape(label)}" '
        f'viewBox="0 0 {n(width)} {n(height)}">{"".join(parts)}</svg>'
    )


def _place(results: Results, peer: str) -> int:
    names = [p.name for p in sorted(results.peers, key=lambda p: not p.is_ours)]
    # Colours stay with the libraries whoever else is there.
    fixed = {"fast": 0, "tensorflow": 1, "torch": 2, "onnxruntime": 3, "openvino": 4}
    if peer in fixed:
        return fixed[peer]
    others = [name for name in names if name not in fixed]
    return 5 if "fast" in names or others.index(peer) else 0
