# ruff: noqa: RUF001 - a multiplication sign is what times are told with
"""The pictures: times beside ours, the roofline, growth with size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
from markupsafe import Markup

from reports.bench.drawing import Axis, colour, mark, n, picture, short, spanning, text
from reports.bench.results import LayerResult, Measurement, Results, slope
from reports.views.enumeration import how_many

#: How wide a picture for a telephone is.
_NARROW = 360.0


@attrs.frozen
class Growth:
    """One series: its picture, and each peer's slope."""

    name: str
    axis: str
    svg: Markup
    slopes: list[tuple[str, float | None]]


def ratios(results: Results, *, is_narrow: bool = False) -> Markup:
    """Draw every peer's time on every layer over our own (over the fastest, without us).

    Args:
        results: the run.
        is_narrow: for a telephone: what is said of a layer stands above its marks, not beside them.
    """
    ours, layers = results.ours, results.compared
    rows = [(layer, base) for layer in layers if (base := _base(layer, ours)) is not None]
    if not rows:
        return Markup("")
    width, left, right = (_NARROW, 10.0, 350.0) if is_narrow else (1000.0, 172.0, 880.0)
    top, step = 34.0, 46.0 if is_narrow else 27.0
    height = top + step * len(rows) + 8
    values = [m.seconds / base for layer, base in rows for m in _faster(results, layer)]
    axis = spanning([*values, 0.8, 1.25], left, right, 1.12)
    parts = []
    if ours is not None:
        x = axis.at(1)
        parts.append(
            f'<rect class="ahead" x="{n(x)}" y="{n(top)}" width="{n(right - x)}" height="{n(height - top - 8)}"/>'
        )
        if is_narrow:
            parts.append(text(left, 12, f"← faster than {ours}", "quiet"))
            parts.append(text(right, 12, f"slower than {ours} →", "end quiet"))
        else:
            parts.append(text(x - 10, 12, f"← faster than {ours}", "end quiet"))
            parts.append(text(x + 10, 12, f"slower than {ours} →", "quiet"))
    for tick in axis.ticks():
        x = axis.at(tick)
        parts.append(
            f'<path class="{"one" if tick == 1 else "gridline"}" d="M{n(x)} {n(top)}V{n(height - 8)}"/>'
        )
        parts.append(text(x, top - 6, f"{tick:g}×", "mid tick"))
    for place, (layer, base) in enumerate(rows):
        # The marks, and what is said of them.
        y = top + step * (place + (0.75 if is_narrow else 0.5))
        said = y - 19 if is_narrow else y + 4.5
        bottom = top + step * (place + 1)
        parts.append(f'<path class="gridline faint" d="M0 {n(bottom)}H{n(width)}"/>')
        parts.append(text(0, said, layer.name, "name"))
        parts.extend(_row(results, layer, base, axis, y))
        best = layer.best_rival()
        if ours is not None and best is not None:
            ratio = best.seconds / base
            parts.append(
                text(
                    width - 2,
                    said,
                    f"{ratio:.2f}× {best.peer}",
                    "end " + ("good" if ratio >= 1 else ""),
                )
            )
    label = (
        f"Times on {how_many(len(rows), 'layer')} as multiples of those of {ours or 'the fastest'}"
    )
    return picture(width, height, label, parts, f"ratios {_kind(is_narrow)}")


def _faster(results: Results, layer: LayerResult) -> list[Measurement]:
    """Return every peer's measurement with the better number of threads."""
    found = (layer.of(peer.name) for peer in results.measured)
    return [measurement for measurement in found if measurement is not None]


def _kind(is_narrow: bool) -> str:
    return "narrow" if is_narrow else "wide"


def _base(layer: LayerResult, ours: str | None) -> float | None:
    if ours is None:
        best = layer.best()
        return None if best is None else best.seconds
    mine = layer.of(ours)
    return None if mine is None else mine.seconds


def _row(results: Results, layer: LayerResult, base: float, axis: Axis, y: float) -> list[str]:
    parts = []
    # Our own mark is drawn last, on top.
    timed = sorted(_faster(results, layer), key=lambda m: m.peer == results.ours)
    for found in timed:
        low, high = (axis.at(q / base) for q in found.quartiles)
        if high - low > 12:  # wider than the mark
            parts.append(
                f'<path class="whisker {colour(results, found.peer)}" d="M{n(low)} {n(y)}H{n(high)}"/>'
            )
        ratio = found.seconds / base
        told = (
            f"{found.peer}, {how_many(found.threads, 'thread')}: {found.seconds * 1e3:.4g} ms "
            f"±{found.spread:.0%}, {ratio:.2f}× on {layer.name}"
        )
        parts.append(mark(results, found.peer, axis.at(ratio), y, told))
    return parts


def roofline(results: Results, layers: Sequence[LayerResult], *, is_narrow: bool = False) -> Markup:
    """Draw rate over intensity: ours numbered, the best rival's beside it, under this machine's roof.

    Args:
        results: the run.
        layers: those that are drawn.
        is_narrow: for a telephone.
    """
    copy, ours = results.machine.copy, results.ours
    points = [(number, layer, _base(layer, ours)) for number, layer in enumerate(layers, 1)]
    drawn = [(number, layer, base) for number, layer, base in points if base is not None]
    if copy is None or not drawn:
        return Markup("")
    width, left = (_NARROW, 40.0) if is_narrow else (1000.0, 62.0)
    right, top, bottom = width - (5 if is_narrow else 15), 16.0, 470.0
    x = spanning([layer.intensity for _, layer, _ in drawn], left, right, 1.5)
    lowest = min(layer.flop / base for _, layer, base in drawn)
    highest = max(results.machine.product(dtype) or 0 for dtype in results.machine.dtypes)
    y = Axis(lowest / 2.5, highest * 1.7, bottom, top)
    parts = []
    for tick in x.ticks((1, 3)):
        parts.append(f'<path class="gridline" d="M{n(x.at(tick))} {n(top)}V{n(bottom)}"/>')
        parts.append(text(x.at(tick), bottom + 18, short(tick), "mid tick"))
    for tick in y.ticks((1, 3)):
        parts.append(f'<path class="gridline" d="M{n(left)} {n(y.at(tick))}H{n(right)}"/>')
        parts.append(text(left - 8, y.at(tick) + 4, short(tick / 1e9), "end tick"))
    for dtype in results.machine.dtypes:
        parts.extend(_roof(results.machine.product(dtype) or 0, copy, dtype, x, y))
    for number, layer, base in drawn:
        parts.extend(_rate(results, number, layer, base, x, y))
    across = "operations for each byte that must be moved"
    across = across if is_narrow else f"floating-point {across}"
    parts.append(text((left + right) / 2, bottom + 38, across, "mid quiet"))
    # A narrow margin has no room for it.
    parts.append(text(left, top - 4, "GFLOP/s", "quiet" if is_narrow else "end quiet"))
    label = "Roofline: the rate of every layer against this machine's copying and matrix products"
    return picture(width, bottom + 46, label, parts, f"roofline {_kind(is_narrow)}")


def _roof(rate: float, copy: float, dtype: str, x: Axis, y: Axis) -> list[str]:
    knee = rate / copy
    slanted = max(x.low, y.low / copy)
    start = (
        f"M{n(x.at(slanted))} {n(y.at(slanted * copy))}"
        if slanted < knee
        else f"M{n(x.start)} {n(y.at(rate))}"
    )
    bend = f"L{n(x.at(knee))} {n(y.at(rate))}" if x.low < knee < x.high else ""
    return [
        f'<path class="roof" d="{start}{bend}H{n(x.end)}"/>',
        text(
            x.end - 6,
            y.at(rate) - 8,
            f"{dtype} matrix product, {rate / 1e9:.0f} GFLOP/s",
            "end roofname",
        ),
        *([_along(x, y, slanted, knee, copy)] if slanted < knee / 2.5 else []),
    ]


def _along(x: Axis, y: Axis, slanted: float, knee: float, copy: float) -> str:
    """Return the name of the slanted roof, written along it."""
    x0, y0, x1, y1 = x.at(slanted), y.at(slanted * copy), x.at(knee), y.at(knee * copy)
    turned = math.degrees(math.atan2(y1 - y0, x1 - x0))
    return (
        f'<text class="mid roofname" transform="translate({n((x0 + x1) / 2)} {n((y0 + y1) / 2)}) '
        f'rotate({n(turned)})" dy="-8">copying, {copy / 1e9:.0f} GB/s</text>'
    )


def _rate(
    results: Results, number: int, layer: LayerResult, base: float, x: Axis, y: Axis
) -> list[str]:
    parts = []
    at, mine = x.at(layer.intensity), y.at(layer.flop / base)
    best = layer.best_rival()
    if results.ours is not None and best is not None:
        other = y.at(layer.flop / best.seconds)
        parts.append(
            f'<path class="whisker {colour(results, best.peer)}" d="M{n(at)} {n(mine)}V{n(other)}"/>'
        )
        told = f"{layer.name}: {best.peer} {layer.flop / best.seconds / 1e9:.3g} GFLOP/s"
        # Beside the circle where it would lie behind it.
        parts.append(mark(results, best.peer, at + 15 * (abs(other - mine) < 14), other, told))
    told = f"{number} {layer.name}: {layer.flop / base / 1e9:.3g} GFLOP/s"
    share = results.share_of_product(layer, base)
    told += "" if share is None else f", {share:.0%} of the matrix product's"
    parts.append(
        f'<g class="numbered"><title>{told}</title><circle cx="{n(at)}" cy="{n(mine)}" r="9.500"/>'
        f"{text(at, mine + 3.8, str(number), 'mid')}</g>"
    )
    return parts


def growth(results: Results) -> list[Growth]:
    """Draw every series, time over size, both logarithmic."""
    names = dict.fromkeys(layer.series for layer in results.layers if layer.series)
    return [
        _series(results, name, [layer for layer in results.layers if layer.series == name])
        for name in names
    ]


def _series(results: Results, name: str, layers: list[LayerResult]) -> Growth:
    lines = {
        peer.name: [
            (layer.value, found.seconds)
            for layer in layers
            if (found := layer.of(peer.name)) is not None
        ]
        for peer in results.measured
    }
    slopes = [(peer, slope(points)) for peer, points in lines.items()]
    times = [seconds for points in lines.values() for _, seconds in points]
    if not times:
        return Growth(name, layers[0].axis, Markup(""), slopes)
    left, right, top, bottom = 52.0, 470.0, 14.0, 262.0
    x = spanning([layer.value for layer in layers], left, right, 1.15)
    y = spanning(times, bottom, top, 1.4)
    parts = []
    for layer in layers:
        at = x.at(layer.value)
        parts.append(f'<path class="gridline" d="M{n(at)} {n(top)}V{n(bottom)}"/>')
        parts.append(text(at, bottom + 17, f"{layer.value:,.0f}", "mid tick"))
    for tick in y.ticks((1,)):
        kind = "least" if tick == 0.001 else "gridline"
        parts.append(f'<path class="{kind}" d="M{n(left)} {n(y.at(tick))}H{n(right)}"/>')
        parts.append(text(left - 7, y.at(tick) + 4, f"{tick * 1e3:g}", "end tick"))
    parts.append(text(left - 7, top + 2, "ms", "end quiet"))
    for peer, points in sorted(lines.items(), key=lambda item: item[0] == results.ours):
        path = "L".join(f"{n(x.at(value))} {n(y.at(seconds))}" for value, seconds in points)
        if path:
            parts.append(f'<path class="line {colour(results, peer)}" d="M{path}"/>')
        for value, seconds in points:
            told = f"{peer}, {layers[0].axis} {value:,.0f}: {seconds * 1e3:.4g} ms"
            parts.append(mark(results, peer, x.at(value), y.at(seconds), told))
    label = f"Time over {layers[0].axis}, both logarithmic, for {', '.join(lines)}"
    return Growth(name, layers[0].axis, picture(484, bottom + 26, label, parts, "growth"), slopes)
