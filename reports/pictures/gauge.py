"""A scaled error against its bound, as a small bar."""

from __future__ import annotations

import math

from markupsafe import Markup, escape

_WIDTH, _LEFT = 260.0, 4.0


def draw(scaled_error: float, bound: float) -> Markup:
    """Return an `svg` bar: green up to the bound, the error beyond it, on a logarithmic scale."""
    label = f"scaled error {text(scaled_error)}, bound {text(bound)}"
    top = max(_magnitude(scaled_error), _magnitude(bound), 1.0) * 1.15
    allowed = _LEFT + _WIDTH * _magnitude(bound) / top
    reached = _LEFT + _WIDTH * _magnitude(scaled_error) / top
    return Markup(
        f'<svg class="gauge" role="img" aria-label="{escape(label)}" viewBox="0 0 268 30" '
        'width="268" height="30">'
        f'<rect class="track" x="{_LEFT:g}" y="9" width="{_WIDTH:g}" height="10" rx="5"/>'
        f'<rect class="allowed" x="{_LEFT:g}" y="9" width="{allowed - _LEFT:.1f}" height="10" '
        'rx="5"/>'
        f'<path class="bound" d="M{allowed:.1f} 3v22"/>'
        f'<circle class="{"over" if exceeds(scaled_error, bound) else "within"}" '
        f'cx="{reached:.1f}" cy="14" r="6"/></svg>'
    )


def exceeds(scaled_error: float, bound: float) -> bool:
    """Whether the error is beyond the bound; NaN is."""
    return not scaled_error <= bound


def ratio(scaled_error: float, bound: float) -> str:
    """Put into words how many times the bound the error is."""
    if bound == 0:
        return "inputs are integers, so any difference is a bug"
    if math.isnan(scaled_error) or math.isinf(scaled_error) or not bound > 0:
        return ""
    times = scaled_error / bound
    if times > 1:
        return f"{text(times)} times the bound"
    return "within the bound"


def text(number: float) -> str:
    """Return the number with three digits."""
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"  # noqa: RUF001
    if 1000 <= number < 1e7:
        return f"{number:,.0f}"
    return f"{number:.3g}".replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def _magnitude(number: float) -> float:
    if math.isnan(number) or number == math.inf:
        return 60.0
    return math.log2(1 + max(0.0, min(number, 2.0**60)))
