"""A plane of numbers as inline SVG: coloured cells, with the numbers in them where they fit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs
import numpy as np
from markupsafe import Markup, escape

from reports.records.values import Array

#: Planes up to this many rows and columns have numbers in their cells.
NUMBERED = (16, 12)
#: Larger planes are cut to this many rows and columns around the failing element.
LARGEST = (40, 40)

_LEVELS = 5
_MARGIN = 18.0


@attrs.frozen(eq=False)
class Heatmap:
    """What to draw.

    Args:
        plane: a two-dimensional array.
        scale: the magnitude that gets the strongest colour.
        focus: the row and column to outline, or None.
        other_shape: rows and columns of the plane it is compared with; what lies beyond is dimmed.
        label: what a screen reader says.
        kind: `v` for values; `d` for differences, whose zeros are drawn as dots.

    """

    plane: Array
    scale: float
    label: str
    focus: tuple[int, int] | None = None
    other_shape: tuple[int, int] | None = None
    kind: str = "v"


def largest_magnitude(planes: Sequence[Array]) -> float:
    """Return the largest finite magnitude, for a colour scale that planes share; 0 without any."""
    sizes = [np.abs(_real(plane)) for plane in planes if plane.size]
    finite = [float(np.max(size[np.isfinite(size)], initial=0.0)) for size in sizes]
    return max(finite, default=0.0)


def window(shape: tuple[int, int], focus: tuple[int, int] | None) -> tuple[slice, slice]:
    """Choose what is drawn of a plane: all of it, or as much as fits around `focus`."""
    cuts = []
    for axis in range(2):
        size, most = shape[axis], LARGEST[axis]
        first = 0
        if size > most and focus is not None:
            first = max(0, min(focus[axis] - most // 2, size - most))
        cuts.append(slice(first, min(size, first + most)))
    return cuts[0], cuts[1]


def draw(heatmap: Heatmap) -> Markup:
    """Return the `svg` element."""
    whole = heatmap.plane.shape
    rows, columns = window((whole[0], whole[1]), heatmap.focus)
    values = _real(heatmap.plane[rows, columns])
    if values.size == 0:
        return _empty(heatmap)
    texts = _texts(heatmap, values)
    numbered = texts is not None
    longest = max((len(text) for row in texts or [] for text in row), default=0)
    width, height = (max(28.0, 6.7 * longest + 7), 24.0) if numbered else (8.0, 8.0)
    total_width = _MARGIN + width * values.shape[1] + 2
    total_height = _MARGIN + height * values.shape[0] + 2
    parts = [
        f'<svg class="map" role="img" aria-label="{escape(heatmap.label)}" '
        f'viewBox="0 0 {coordinate(total_width)} {coordinate(total_height)}" '
        f'width="{coordinate(total_width)}" height="{coordinate(total_height)}">'
    ]
    parts.extend(_cells(heatmap, values, width, height))
    parts.extend(_rulers((rows.start, columns.start), values.shape, (width, height), numbered))
    if texts is not None:
        parts.extend(_numbers(heatmap, values, texts, width, height))
    parts.extend(_beyond(heatmap, (rows, columns), width, height))
    if heatmap.focus is not None:
        row, column = heatmap.focus[0] - rows.start, heatmap.focus[1] - columns.start
        if 0 <= row < values.shape[0] and 0 <= column < values.shape[1]:
            place = (
                f'x="{coordinate(_MARGIN + column * width)}" y="{coordinate(_MARGIN + row * height)}" '
                f'width="{coordinate(width)}" height="{coordinate(height)}"'
            )
            parts.append(f'<rect class="halo" {place}/><rect class="focus" {place}/>')
    parts.append("</svg>")
    return Markup("".join(parts))


def short_number(value: float) -> str:
    """Write a number in at most seven characters."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"  # noqa: RUF001
    if value == int(value) and abs(value) < 1e5:
        return f"{int(value)}".replace("-", "−") if value or math.copysign(1, value) > 0 else "−0"  # noqa: RUF001
    text = f"{value:.3g}" if abs(value) >= 0.1 else f"{value:.2g}"
    if "e" in text or abs(value) < 0.01:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa.removesuffix('.0')}e{int(exponent)}"
    return text.replace("-", "−")  # noqa: RUF001


def _real(plane: Array) -> Array:
    if plane.dtype.kind == "c":
        return np.abs(plane)
    return plane.astype(np.float64)


def has_numbers(plane: Array) -> bool:
    """Whether the plane is small enough for numbers in its cells."""
    return bool(plane.shape[0] <= NUMBERED[0] and plane.shape[1] <= NUMBERED[1])


def _texts(heatmap: Heatmap, values: Array) -> list[list[str]] | None:
    if not has_numbers(heatmap.plane):
        return None
    quiet = "·" if heatmap.kind == "d" else "0"
    return [
        [
            quiet if value == 0 and not np.signbit(value) else short_number(float(value))
            for value in row
        ]
        for row in values
    ]


def level(value: float, scale: float) -> str:
    """Return the class of a cell's colour: `z` for zero, `p1` to `p5`, `n1` to `n5`, or `nan`."""
    if math.isnan(value):
        return "nan"
    if value == 0:
        return "z"
    sign = "p" if value > 0 else "n"
    if math.isinf(value):
        return f"{sign}{_LEVELS}"
    share = abs(value) / scale if scale > 0 else 1.0
    return f"{sign}{min(_LEVELS, max(1, math.ceil(share * _LEVELS)))}"


def _cells(heatmap: Heatmap, values: Array, width: float, height: float) -> list[str]:
    """One path per colour: a rectangle for each run of equal cells in a row."""
    runs: dict[str, list[str]] = {}
    for row, line in enumerate(values):
        levels = [level(float(value), heatmap.scale) for value in line]
        start = 0
        for column in range(1, len(levels) + 1):
            if column == len(levels) or levels[column] != levels[start]:
                x, y = coordinate(_MARGIN + start * width), coordinate(_MARGIN + row * height)
                span = coordinate((column - start) * width)
                runs.setdefault(levels[start], []).append(
                    f"M{x} {y}h{span}v{coordinate(height)}h-{span}z"
                )
                start = column
    kind = " diff" if heatmap.kind == "d" else ""
    parts = [
        f'<path class="c-{level}{kind}" d="{"".join(path)}"/>'
        for level, path in sorted(runs.items())
    ]
    lines = [
        f"M{coordinate(_MARGIN + column * width)} {coordinate(_MARGIN)}v{coordinate(values.shape[0] * height)}"
        for column in range(values.shape[1] + 1)
    ] + [
        f"M{coordinate(_MARGIN)} {coordinate(_MARGIN + row * height)}h{coordinate(values.shape[1] * width)}"
        for row in range(values.shape[0] + 1)
    ]
    parts.append(f'<path class="grid" d="{"".join(lines)}"/>')
    return parts


def _rulers(
    first: tuple[int, int], shape: tuple[int, ...], size: tuple[float, float], numbered: bool
) -> list[str]:
    parts = ['<g class="ruler">']
    for axis, length in ((1, size[0]), (0, size[1])):
        every = 1 if numbered else 5
        for place in range(shape[axis]):
            number = first[axis] + place
            if number % every:
                continue
            middle = _MARGIN + (place + 0.5) * length
            x, y = (middle, _MARGIN - 6) if axis == 1 else (_MARGIN - 8, middle + 3.5)
            parts.append(f'<text x="{coordinate(x)}" y="{coordinate(y)}">{number}</text>')
    parts.append("</g>")
    return parts


def _numbers(
    heatmap: Heatmap, values: Array, texts: list[list[str]], width: float, height: float
) -> list[str]:
    parts = ['<g class="num">']
    for row, line in enumerate(texts):
        y = coordinate(_MARGIN + (row + 0.5) * height + 3.8)
        for column, text in enumerate(line):
            shade = level(float(values[row, column]), heatmap.scale)
            strong = ' class="s"' if shade[-1] in "45" else ""
            x = coordinate(_MARGIN + (column + 0.5) * width)
            parts.append(f'<text x="{x}" y="{y}"{strong}>{text}</text>')
    parts.append("</g>")
    return parts


def _beyond(heatmap: Heatmap, cut: tuple[slice, slice], width: float, height: float) -> list[str]:
    """Hatch what the plane has and the other one lacks."""
    if heatmap.other_shape is None:
        return []
    rows, columns = cut
    drawn = (rows.stop - rows.start, columns.stop - columns.start)
    common = [
        max(0, min(size, other - start))
        for size, other, start in zip(
            drawn, heatmap.other_shape, (rows.start, columns.start), strict=True
        )
    ]
    areas = []
    if common[0] < drawn[0]:
        areas.append((common[0], 0, drawn[0] - common[0], drawn[1]))
    if common[1] < drawn[1] and common[0]:
        areas.append((0, common[1], common[0], drawn[1] - common[1]))
    return [
        f'<rect class="beyond" x="{coordinate(_MARGIN + column * width)}" '
        f'y="{coordinate(_MARGIN + row * height)}" '
        f'width="{coordinate(across * width)}" height="{coordinate(down * height)}"/>'
        for row, column, down, across in areas
    ]


def _empty(heatmap: Heatmap) -> Markup:
    return Markup(
        f'<svg class="map" role="img" aria-label="{escape(heatmap.label)}" viewBox="0 0 140 44" '
        'width="140" height="44"><rect class="void" x="1" y="1" width="138" height="42"/>'
        f'<text class="void-text" x="70" y="26">no element</text></svg>'
    )


def coordinate(number: float) -> str:
    """Write a coordinate in as few characters as it takes."""
    return f"{number:g}" if number < 1e6 else f"{number:.0f}"
