"""The picture of a transposed convolution: input, kernel, the canvas of stamps, and the window cut out of it.

The picture is complete as it stands: the sums of all stamps, the expected window and the one that was got, and
the first wrong element with the products that sum to it. The page's script steps through the pixels.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from markupsafe import Markup, escape

from reports.pictures import stamps
from reports.pictures.heatmap import coordinate, largest_magnitude, level, short_number
from reports.pictures.stamps import Stamps, Term
from reports.records.values import Array, Tensor, as_tensor, shape_text

#: Channels drawn side by side, and terms written out; the rest is counted.
CHANNELS_SHOWN, TERMS_SHOWN = 3, 12

_HEIGHT, _RULER, _EDGE = 26.0, 18.0, 3.0


@attrs.frozen(eq=False)
class Grid:
    """One drawn plane with its heading."""

    title: str
    detail: str
    svg: Markup


@attrs.frozen(eq=False)
class Picture:
    """A case drawn.

    Args:
        grids: input and kernel, channel by channel, then the canvas.
        element: the element that is explained: image, row, column and filter of the output.
        place: which element the sum is about, and where it is on the canvas.
        terms: the products that sum to it, one a line; `more` further ones are not written out.
        total: the end of that sum.
        window: where the result was cut out, where that is not the place that is expected.
        outside: whether that place reaches beyond the canvas.
        overlaps: whether several stamps reach some position.
        data: what the script needs, as JSON.
    """

    grids: tuple[Grid, ...]
    element: tuple[int, int, int, int]
    place: str
    terms: tuple[str, ...]
    more: int
    total: str
    window: str
    outside: bool
    overlaps: bool
    data: str

    def __len__(self) -> int:
        return sum(len(grid.svg) for grid in self.grids) + len(self.data)


def of_case(
    case: Mapping[str, Any],
    step: int | None,
    expected: Any,
    got: Any,
    index: tuple[int, ...] | None,
) -> Picture | None:
    """Draw a finding's case; None where it is no call, or the stamps do not sum to what was expected."""
    found = stamps.of_case(case, step)
    if found is None:
        return None
    wanted, given = as_tensor(expected), as_tensor(got)
    if wanted is None:
        shape = tuple(found.output.shape[n] for n in _order(found))
        return _drawn(found, None, None, _missing(shape, got)) if expected == list(shape) else None
    if wanted.array.dtype.kind not in "fiu" or found.activation is not None:
        return None
    # The expected values are exact; the subject's dtype says how far its own may be from them.
    if not found.agrees_with(_last(found, wanted), stamps.tolerance("float32")):
        return None
    return _drawn(found, wanted, given, index)


def _missing(shape: tuple[int, ...], got: Any) -> tuple[int, ...] | None:
    """Return the first element of the output that a result of another shape lacks; None where it lacks none."""
    if not isinstance(got, list) or len(got) != len(shape):
        return None
    pairs = list(zip(shape, got))
    if not all(isinstance(size, int) and size >= 0 for size in got):
        return None
    if all(size >= wanted for wanted, size in pairs):
        return None
    return tuple(size if size < wanted else 0 for wanted, size in pairs)


def of_example(example: Mapping[str, Any] | None) -> Picture | None:
    """Draw a clause's worked example; None where it has none."""
    found = None if example is None else stamps.of_example(example)
    return None if found is None else _drawn(found, None, None, None)


def _order(found: Stamps) -> tuple[int, ...]:
    return (0, 3, 1, 2) if found.channels_first else (0, 1, 2, 3)


def _last(found: Stamps, tensor: Tensor) -> Array:
    """Return the values with the channels last."""
    array = tensor.array.astype(np.float64)
    is_moved = found.channels_first and array.ndim == 4
    return np.moveaxis(array, 1, 3) if is_moved else array


def _drawn(
    found: Stamps, expected: Tensor | None, got: Tensor | None, index: tuple[int, ...] | None
) -> Picture:
    window = None
    values = None
    if got is not None and got.array.dtype.kind in "fiu" and got.array.ndim == 4:
        values = _last(found, got)
        window = found.window_of(values, stamps.tolerance(got.dtype))
    image, row, column, filter_ = _element(found, values, index)
    at = row + found.rows.before, column + found.columns.before
    terms = found.terms(image, *at, filter_)
    here = (found.rows.before, found.columns.before)
    shown = window if window != here else None
    got_shape = None if values is None else values.shape[1:3]
    outside = _outside(found.canvas.shape[1:3], shown, got_shape)
    grids = [
        *_inputs(found, image, {(term.row, term.column) for term in terms}),
        *_kernels(found, filter_, {(term.tap_row, term.tap_column) for term in terms}),
        _canvas(found, image, filter_, at, got_shape, shown, outside),
    ]
    many = found.images.shape[3] > 1
    told = "" if shown is None else _window_words(shown, here, at, (row, column))
    if outside:
        filled = "the bias alone" if np.any(found.bias) else "zeros"
        told += f" Part of that window lies outside the canvas, where no stamp lands: it holds {filled}."
    place = _place(found, (image, row, column, filter_))
    return Picture(
        grids=tuple(grids),
        element=(image, row, column, filter_),
        place=f"Element {place} of the output is row {at[0]}, column {at[1]} of the canvas:",
        terms=tuple(_term(term, many) for term in terms[:TERMS_SHOWN]),
        more=max(0, len(terms) - TERMS_SHOWN),
        total=_total(found, (image, row, column, filter_), at, expected, got, is_moved=bool(told)),
        window=told,
        outside=bool(outside),
        overlaps=bool(np.any(found.covers() > 1)),
        data=_data(found, image, filter_),
    )


def _element(
    found: Stamps, got: Array | None, index: tuple[int, ...] | None
) -> tuple[int, int, int, int]:
    """Return the element that is explained: the wrong one, or else one where most stamps overlap."""
    shape = found.output.shape
    if index is not None and len(index) == 4:
        order = (0, 2, 3, 1) if found.channels_first else (0, 1, 2, 3)
        element = tuple(index[n] for n in order)
        if all(0 <= place < size for place, size in zip(element, shape)):
            return element[0], element[1], element[2], element[3]
    if got is not None and got.shape == shape:
        with np.errstate(invalid="ignore"):
            error = np.abs(got - found.output)
        worst = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), shape)
        return int(worst[0]), int(worst[1]), int(worst[2]), int(worst[3])
    rows, columns = found.rows, found.columns
    seen = found.covers()[rows.before :, columns.before :][: rows.output, : columns.output]
    row, column = np.unravel_index(int(np.argmax(seen)), seen.shape)
    return 0, int(row), int(column), 0


def _place(found: Stamps, element: tuple[int, int, int, int]) -> str:
    return "[" + ", ".join(str(element[n]) for n in _order(found)) + "]"


def _term(term: Term, many: bool) -> str:
    channel = f", {term.channel}" if many else ""
    left = f"input[{term.row}, {term.column}{channel}]"
    right = f"kernel[{term.tap_row}, {term.tap_column}{channel}]"
    value, weight = short_number(term.value), short_number(term.weight)
    return f"{left} · {right} = {value} · {weight} = {short_number(term.value * term.weight)}"


def _total(
    found: Stamps,
    element: tuple[int, int, int, int],
    at: tuple[int, int],
    expected: Tensor | None,
    got: Tensor | None,
    *,
    is_moved: bool,
) -> str:
    image, _, _, filter_ = element
    bias = found.bias[filter_]
    total = found.canvas[image, at[0], at[1], filter_] + bias
    text = f"sum {short_number(total)}"
    if bias:
        text = f"bias {short_number(bias)}, {text}"
    if found.activation:
        text += f", then {found.activation}"
    given = None if got is None or expected is None else got.array
    if given is not None and given.shape == found.output.transpose(_order(found)).shape:
        number = given[tuple(element[n] for n in _order(found))]
        text += f"; got {short_number(float(number))}"
        if bias and not found.activation and number == total - bias and not is_moved:
            text += ", the sum without the bias"
    return text + "."


def _window_words(
    window: tuple[int, int],
    here: tuple[int, int],
    at: tuple[int, int],
    element: tuple[int, int],
) -> str:
    seen = window[0] + element[0], window[1] + element[1]
    return (
        f"Got shows another part of the same canvas: its window begins at row {window[0]}, column {window[1]} "
        f"instead of row {here[0]}, column {here[1]}, so row {seen[0]}, column {seen[1]} stands where row "
        f"{at[0]}, column {at[1]} should."
    ).replace("-", "−")  # noqa: RUF001


def _inputs(found: Stamps, image: int, used: Collection[tuple[int, int]]) -> list[Grid]:
    planes = [found.images[image, :, :, c] for c in range(found.images.shape[3])]
    name = f"image {image}" if len(found.images) > 1 else ""
    return _side_by_side("input", "input", name, planes, used)


def _kernels(found: Stamps, filter_: int, used: Collection[tuple[int, int]]) -> list[Grid]:
    planes = [found.kernel[:, :, filter_, c] for c in range(found.kernel.shape[3])]
    name = f"filter {filter_}" if found.kernel.shape[2] > 1 else ""
    return _side_by_side("kernel", "kernel", name, planes, used)


def _side_by_side(
    kind: str, title: str, name: str, planes: list[Array], used: Collection[tuple[int, int]]
) -> list[Grid]:
    scale = largest_magnitude(planes)
    left_out = len(planes) - CHANNELS_SHOWN
    grids = []
    for channel, plane in enumerate(planes[:CHANNELS_SHOWN]):
        notes = [name, f"channel {channel}" if len(planes) > 1 else ""]
        if left_out > 0 and channel == CHANNELS_SHOWN - 1:
            notes.append(f"{left_out} more not drawn")
        detail = ", ".join(note for note in notes if note)
        label = f"{title}: {shape_text(plane.shape)}" + (f", {detail}" if detail else "")
        grids.append(Grid(title, detail, _grid(kind, label, plane, scale, used, "")))
    return grids


def _canvas(
    found: Stamps,
    image: int,
    filter_: int,
    at: tuple[int, int],
    got_shape: Sequence[int] | None,
    window: tuple[int, int] | None,
    outside: Sequence[tuple[int, int]],
) -> Grid:
    values = found.canvas[image, :, :, filter_]
    texts = _texts(values)
    width = _cell_width(texts)
    covers = found.covers()
    rows, columns = found.rows, found.columns
    overlaps = "".join(
        f"M{coordinate(_RULER + (x + 1) * width - 8)} {coordinate(_RULER + y * _HEIGHT + 1)}h7v7z"
        for y, x in zip(*np.nonzero(covers > 1))
    )
    parts = [f'<path class="overlap" d="{overlaps}"/>'] if overlaps else []
    expected = (rows.before, columns.before, rows.output, columns.output)
    parts.append(_frame("window-expected", expected, width))
    if window is not None and got_shape is not None:
        parts[:0] = [f'<rect class="outside" {_rectangle(y, x, 1, 1, width)}/>' for y, x in outside]
        parts.append(_frame("window-got", (*window, got_shape[0], got_shape[1]), width, _EDGE))
    place = _rectangle(at[0], at[1], 1, 1, width)
    parts.append(f'<rect class="halo" {place}/><rect class="focus" {place}/>')
    hidden = values.size - rows.output * columns.output
    detail = "all stamps added up" + (", without the bias" if found.bias[filter_] else "")
    if hidden > 0:
        detail += f"; the window shows {rows.output} by {columns.output} of it"
    label = (
        f"canvas: {shape_text(values.shape)}, {detail}; the output begins at row {rows.before}, "
        f"column {columns.before}"
    )
    svg = _grid(
        "canvas",
        label,
        values,
        largest_magnitude([values]),
        (),
        "".join(parts),
        expected,
        window,
        got_shape,
    )
    return Grid("canvas", detail, svg)


def _outside(
    canvas: Sequence[int], window: tuple[int, int] | None, got_shape: Sequence[int] | None
) -> list[tuple[int, int]]:
    """Return the places of a window, if there is one, that are beyond the canvas."""
    if window is None or got_shape is None:
        return []
    return [
        (y, x)
        for y in range(window[0], window[0] + got_shape[0])
        for x in range(window[1], window[1] + got_shape[1])
        if not (0 <= y < canvas[0] and 0 <= x < canvas[1])
    ]


def _texts(values: Array) -> list[list[str]]:
    return [[short_number(float(value)) for value in row] for row in values]


def _cell_width(texts: list[list[str]]) -> float:
    return max(28.0, 6.7 * max(len(text) for row in texts for text in row) + 9)


def _grid(
    kind: str,
    label: str,
    values: Array,
    scale: float,
    used: Collection[tuple[int, int]],
    over: str,
    shown: tuple[int, int, int, int] | None = None,
    window: tuple[int, int] | None = None,
    got_shape: Sequence[int] | None = None,
) -> Markup:
    """Draw a plane cell by cell, so that the script can write into the cells.

    All but the part that is `shown` is veiled; the numbers there stay readable.
    """
    texts = _texts(values)
    width = _cell_width(texts)
    rows, columns = values.shape
    # A window that was got may reach beyond the canvas.
    top, left, bottom, right = 0, 0, rows, columns
    if window is not None and got_shape is not None:
        top, left = min(top, window[0]), min(left, window[1])
        bottom, right = (
            max(bottom, window[0] + got_shape[0]),
            max(right, window[1] + got_shape[1]),
        )
    x0, y0 = left * width, top * _HEIGHT
    across = _RULER + right * width + 2 * _EDGE - x0
    down = _RULER + bottom * _HEIGHT + 2 * _EDGE - y0
    cells, numbers = [], []
    for y, line in enumerate(texts):
        for x, text in enumerate(line):
            shade = level(float(values[y, x]), scale)
            mark = " used" if (y, x) in used else ""
            cells.append(f'<rect class="c-{shade}{mark}" {_rectangle(y, x, 1, 1, width)}/>')
            strong = ' class="s"' if shade[-1] in "45" else ""
            if shown is not None and not _is_in(shown, y, x):
                strong = ' class="v"'
            cx = coordinate(_RULER + (x + 0.5) * width)
            cy = coordinate(_RULER + (y + 0.5) * _HEIGHT + 4)
            numbers.append(f'<text x="{cx}" y="{cy}"{strong}>{text}</text>')
    places = [(_RULER + (x + 0.5) * width, y0 + 12, x) for x in range(left, right)]
    places += [(x0 + 7, _RULER + (y + 0.5) * _HEIGHT + 3.5, y) for y in range(top, bottom)]
    rulers = [
        f'<text x="{coordinate(x)}" y="{coordinate(y)}">{short_number(number)}</text>'
        for x, y, number in places
    ]
    return Markup(
        f'<svg class="map stamp-{kind}" role="img" aria-label="{escape(label)}" '
        f'viewBox="{coordinate(x0)} {coordinate(y0)} {coordinate(across)} {coordinate(down)}" '
        f'width="{coordinate(across)}" height="{coordinate(down)}">'
        f'<g class="cells">{"".join(cells)}</g>{_cropped(values.shape, shown, width)}'
        f'<g class="ruler">{"".join(rulers)}</g>'
        f'<g class="num">{"".join(numbers)}</g>{over}</svg>'
    )


def _rectangle(row: float, column: float, down: float, across: float, width: float) -> str:
    return (
        f'x="{coordinate(_RULER + column * width)}" y="{coordinate(_RULER + row * _HEIGHT)}" '
        f'width="{coordinate(across * width)}" height="{coordinate(down * _HEIGHT)}"'
    )


def _frame(kind: str, where: Sequence[int], width: float, out: float = 0.0) -> str:
    row, column, down, across = where
    x, y = _RULER + column * width - out, _RULER + row * _HEIGHT - out
    return (
        f'<rect class="{kind}" x="{coordinate(x)}" y="{coordinate(y)}" '
        f'width="{coordinate(across * width + 2 * out)}" '
        f'height="{coordinate(down * _HEIGHT + 2 * out)}" rx="3"/>'
    )


def _is_in(shown: tuple[int, int, int, int], y: int, x: int) -> bool:
    row, column, down, across = shown
    return row <= y < row + down and column <= x < column + across


def _cropped(shape: Sequence[int], shown: tuple[int, int, int, int] | None, width: float) -> str:
    """Veil what the window does not show."""
    if shown is None:
        return ""
    row, column, down, across = shown
    whole = (0, 0, shape[0], shape[1])
    if (row, column, down, across) == whole:
        return ""
    paths = []
    for y, x, height, breadth in (whole, (row, column, down, across)):
        x0, y0 = coordinate(_RULER + x * width), coordinate(_RULER + y * _HEIGHT)
        h, v = coordinate(breadth * width), coordinate(height * _HEIGHT)
        paths.append(f"M{x0} {y0}h{h}v{v}h-{h}z")
    return f'<path class="veil" d="{"".join(paths)}"/>'


def _data(found: Stamps, image: int, filter_: int) -> str:
    """Return what the script needs: sizes, landings, and what every pixel adds."""
    rows, columns = found.rows, found.columns
    added = [
        [float(number) for number in found.stamp(image, i, j, filter_).reshape(-1)]
        for i in range(rows.size)
        for j in range(columns.size)
    ]
    return json.dumps(
        {
            "input": [rows.size, columns.size],
            "kernel": [rows.kernel, columns.kernel],
            "strides": [rows.stride, columns.stride],
            "dilation": [rows.dilation, columns.dilation],
            "canvas": [rows.canvas, columns.canvas],
            "scale": largest_magnitude([found.canvas[image, :, :, filter_]]),
            "stamps": [[_short(number) for number in stamp] for stamp in added],
        },
        separators=(",", ":"),
    )


def _short(number: float) -> float | int:
    return int(number) if number == int(number) and abs(number) < 1e15 else float(f"{number:.9g}")
