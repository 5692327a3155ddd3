"""The pictures of a finding: what went in, what should have come out, what did, the difference."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import attrs
import numpy as np
from markupsafe import Markup

from reports.pictures.heatmap import (
    Heatmap,
    draw,
    has_numbers,
    largest_magnitude,
    short_number,
    window,
)
from reports.pictures.planes import (
    Axes,
    axes_of,
    current_step,
    difference,
    image_axes,
    plane,
    worst,
)
from reports.records.values import (
    Array,
    Tensor,
    as_tensor,
    is_error,
    is_tensor,
    number_text,
    shape_text,
)


@attrs.frozen(eq=False)
class Panel:
    """One picture with its heading, and below it the plane it shows."""

    title: str
    shape: str
    detail: str
    svg: Markup


@attrs.frozen(eq=False)
class Comparison:
    """The pictures of one tensor, expected and got."""

    name: str
    panels: tuple[Panel, ...]
    note: str
    element: str


@attrs.frozen(eq=False)
class Pair:
    """One tensor, expected and got, with its name within the value; None where a side has none.

    `missing` says which side lacks what the other one has: a list that is too short, a key that is absent.
    """

    name: str
    expected: Tensor | None
    got: Tensor | None
    missing: str = ""


_ABSENT = object()
#: A sum of more numbers is not written out.
_TERMS_SHOWN = 12


def pairs(expected: Any, got: Any) -> list[Pair]:
    """Put the tensors of both values side by side; what one side lacks stands alone."""
    both: list[tuple[str, Any, Any]] = [("", expected, got)]
    if _is_mapping(expected) and _is_mapping(got):
        names = dict.fromkeys([*expected, *got])
        both = [(str(n), expected.get(n, _ABSENT), got.get(n, _ABSENT)) for n in names]
    elif isinstance(expected, list) and isinstance(got, list):
        items = list(zip_longest(expected, got, fillvalue=_ABSENT))
        named = _are_weights(items)
        both = [
            (("kernel", "bias")[place] if named else f"item {place}", *item)
            for place, item in enumerate(items)
        ]
    found = []
    for name, one, other in both:
        missing = "expected" if one is _ABSENT else "got" if other is _ABSENT else ""
        pair = Pair(name, as_tensor(one), as_tensor(other), missing)
        if missing or pair.expected is not None or pair.got is not None:
            found.append(pair)
    return found


def only_tensors(value: Any) -> bool:
    """Whether pictures show all of a value."""
    if isinstance(value, list):
        return all(only_tensors(item) for item in value)
    if _is_mapping(value):
        return all(only_tensors(item) for item in value.values())
    return as_tensor(value) is not None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and not is_tensor(value) and not is_error(value)


def _are_weights(items: list[tuple[Any, Any]]) -> bool:
    """`[kernel, bias]` is the order of weights and their gradients."""
    first = as_tensor(items[0][0]) if items else None
    return len(items) <= 2 and first is not None and first.array.ndim == 4


def compare(
    case: Mapping[str, Any],
    step: int | None,
    expected: Any,
    got: Any,
    index: tuple[int, ...] | None,
    *,
    expected_by: str = "expected",
) -> list[Comparison]:
    """Draw every tensor of a finding that differs, or the first where none does.

    `expected_by` heads the pictures of what was expected.
    """
    found = pairs(expected, got)
    sizes = [_size_of_difference(pair) for pair in found]
    # Rounding is no fault beside something that is wrong outright, or missing.
    least = max(sizes, default=0.0) / 1000
    differing = [pair for pair, size in zip(found, sizes) if size > 0 and size >= least]
    told = _sum_of_bias_gradient(case, step, expected, index)
    drawn = [_comparison(case, step, pair, index, expected_by) for pair in (differing or found)[:3]]
    return (
        [attrs.evolve(one, note=f"{told} {one.note}".strip()) for one in drawn] if told else drawn
    )


def _sum_of_bias_gradient(
    case: Mapping[str, Any], step: int | None, expected: Any, index: tuple[int, ...] | None
) -> str:
    """Say how an element of a bias' gradient is summed; nothing where it is none, or of many numbers."""
    current, wanted = current_step(case, step), as_tensor(expected)
    if current is None or wanted is None or index is None or len(index) != 1:
        return ""
    given = as_tensor(current.get("output_gradient"))
    if given is None or given.array.ndim != 4:
        return ""
    names, channel = image_axes(case), index[0]
    axis = names.index("channel")
    if wanted.array.shape != given.array.shape[axis : axis + 1] or channel >= len(wanted.array):
        return ""
    terms = given.array.take(channel, axis).astype(np.float64).ravel()
    if not 0 < terms.size <= _TERMS_SHOWN or terms.sum() != wanted.array[channel]:
        return ""
    added = " + ".join(
        short_number(term) if term >= 0 else f"({short_number(term)})" for term in terms
    )
    total = short_number(float(wanted.array[channel]))
    return f"Element [{channel}] is the sum of the output gradient's channel {channel}: {added} = {total}."


def _size_of_difference(pair: Pair) -> float:
    """Return how far the two are apart, in units of the largest expected magnitude; infinite in shape."""
    expected, got = pair.expected, pair.got
    if pair.missing or expected is None or got is None:
        return math.inf
    if expected.array.shape != got.array.shape:
        return math.inf
    delta = np.abs(difference(expected, got))
    if not np.any(delta):
        return 0.0
    largest = float(np.max(delta))
    scale = largest_magnitude([expected.array.reshape(1, -1)])
    return math.inf if math.isnan(largest) else largest / (scale or 1.0)


def _comparison(
    case: Mapping[str, Any],
    step: int | None,
    pair: Pair,
    index: tuple[int, ...] | None,
    expected_by: str,
) -> Comparison:
    name, expected, got = pair.name, pair.expected, pair.got
    if expected is None or got is None:
        alone = ((expected_by, expected), ("got", got))
        has, lacks = (expected_by, "got") if pair.missing == "got" else ("got", expected_by)
        note = f"Only {has} has this; {lacks} has nothing in its place." if pair.missing else ""
        return Comparison(name, tuple(_lone_panels(alone, case, step, name)), note, "")
    shapes_agree = expected.array.shape == got.array.shape
    axes = axes_of(expected.array.shape, case, step, name)
    delta = difference(expected, got) if shapes_agree else None
    focus = _fitting(index, expected.array, got.array)
    if focus is None and delta is not None:
        focus = worst(delta)
    at = focus or (0,) * expected.array.ndim
    got_axes = axes_of(got.array.shape, case, step, name)
    cuts = plane(expected.array, axes, at), plane(got.array, got_axes, at)
    scale = largest_magnitude(cuts)
    panels = [
        _panel(expected_by, expected, axes, at, focus=focus, scale=scale, other=cuts[1].shape),
        _panel("got", got, got_axes, at, focus=focus, scale=scale, other=cuts[0].shape),
    ]
    if delta is not None:
        panels.append(_difference_panel(delta, axes, at, focus))
    return Comparison(
        name, tuple(panels), _note(expected, got, delta), _element(expected, got, focus)
    )


def _lone_panels(
    alone: tuple[tuple[str, Tensor | None], ...],
    case: Mapping[str, Any],
    step: int | None,
    name: str,
) -> Iterator[Panel]:
    """Draw what there is where the other side is no tensor."""
    for title, tensor in alone:
        if tensor is not None:
            shape = tensor.array.shape
            yield _panel(title, tensor, axes_of(shape, case, step, name), (0,) * len(shape))


#: So many images of an output gradient are drawn, where the gradient in question sums all of them.
_IMAGES_SHOWN = 3


def inputs(case: Mapping[str, Any], step: int | None, index: tuple[int, ...] | None) -> list[Panel]:
    """Draw what a step works on, where the case has it: input, kernel, and of a gradient the output's gradient."""
    steps = case.get("steps")
    if not isinstance(steps, list) or not steps:
        return []
    last = len(steps) - 1 if step is None or not 0 <= step < len(steps) else step
    panels = []
    names = image_axes(case)
    batch, channel = 0, 0
    if index is not None and len(index) == 4:
        batch, channel = index[0], index[names.index("channel")]
    image = _latest(steps[: last + 1], "inputs")
    if image is not None and image.array.ndim == 4:
        panels.append(
            _panel("input", image, axes_of(image.array.shape, case, None), (batch, 0, 0, 0))
        )
    kernel = _latest(steps[: last + 1], "values")
    if kernel is not None and kernel.array.ndim == 4:
        axes = axes_of(kernel.array.shape, case, None, "kernel")
        panels.append(_panel("kernel", kernel, axes, (0, 0, channel, 0)))
    is_mapping = isinstance(steps[last], Mapping)
    given = as_tensor(steps[last].get("output_gradient")) if is_mapping else None
    if given is not None and given.array.ndim == 4:
        panels += _output_gradients(given, case, index)
    return panels


def _output_gradients(
    given: Tensor, case: Mapping[str, Any], index: tuple[int, ...] | None
) -> Iterator[Panel]:
    images = given.array.shape[0]
    places = gradient_places(given, case, index)
    for at in places:
        axes = axes_of(given.array.shape, case, None)
        panel = _panel("output gradient", given, axes, at)
        if len(places) > 1 and images > len(places) and at == places[-1]:
            panel = attrs.evolve(panel, detail=f"{panel.detail} · of {images} images")
        yield panel


def gradient_places(
    given: Tensor, case: Mapping[str, Any], index: tuple[int, ...] | None
) -> list[tuple[int, ...]]:
    """Return a place in each plane of an output gradient that tells an element.

    Of a bias' gradient that is one for each image, for they are summed.
    """
    if index is None or len(index) != 1:
        return [(0, 0, 0, 0)]
    channel = image_axes(case).index("channel")
    found = []
    for image in range(min(given.array.shape[0], _IMAGES_SHOWN)):
        at = [image, 0, 0, 0]
        at[channel] = index[0]
        found.append(tuple(at))
    return found


def _latest(steps: list[Any], key: str) -> Tensor | None:
    for data in reversed(steps):
        if isinstance(data, Mapping) and key in data:
            value = data[key]
            return as_tensor(value[0] if isinstance(value, list) and value else value)
    return None


def _fitting(index: tuple[int, ...] | None, *arrays: Array) -> tuple[int, ...] | None:
    """Return the index, where it names an element of every array."""
    if index is None:
        return None
    for array in arrays:
        if len(index) != array.ndim:
            return None
        if not all(0 <= place < size for place, size in zip(index, array.shape, strict=True)):
            return None
    return index


def _place(axes: Axes, index: tuple[int, ...] | None) -> tuple[int, int] | None:
    if index is None or axes.column is None:
        return None if index is None else (0, 0)
    return (0 if axes.row is None else index[axes.row]), index[axes.column]


def _panel(
    title: str,
    tensor: Tensor,
    axes: Axes,
    at: tuple[int, ...],
    *,
    focus: tuple[int, ...] | None = None,
    scale: float | None = None,
    other: tuple[int, ...] | None = None,
) -> Panel:
    cut = plane(tensor.array, axes, at)
    place = _place(axes, focus)
    scale = largest_magnitude([cut]) if scale is None else scale
    fixed = axes.fixed(_clamped(at, tensor.array.shape))
    drawing = draw(
        Heatmap(
            cut,
            scale,
            f"{title}: {tensor.summary}" + (f", {fixed}" if fixed else ""),
            place,
            None if other is None else (other[0], other[1]),
        )
    )
    notes = [fixed if cut.size else "", _colour_note(cut, scale), _cut_note(cut, place)]
    return Panel(title, shape_text(tensor.array.shape), _listed(notes), drawing)


def _difference_panel(
    delta: Array, axes: Axes, at: tuple[int, ...], focus: tuple[int, ...] | None
) -> Panel:
    cut = plane(delta, axes, at)
    place = _place(axes, focus)
    scale = largest_magnitude([cut])
    drawing = draw(Heatmap(cut, scale, "difference: got minus expected", place, kind="d"))
    wrong = int(np.count_nonzero(cut))
    notes = [f"{wrong} of {cut.size} here differ", _colour_note(cut, scale), _cut_note(cut, place)]
    return Panel("difference", "got − expected", _listed(notes), drawing)  # noqa: RUF001


def _clamped(index: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(0, min(place, size - 1)) for place, size in zip(index, shape, strict=False))


def _colour_note(cut: Array, scale: float) -> str:
    """Say what the colours mean where the cells have no numbers."""
    return "" if has_numbers(cut) else f"blue −{scale:.3g}, orange {scale:.3g}"  # noqa: RUF001


def _cut_note(cut: Array, focus: tuple[int, int] | None) -> str:
    rows, columns = window((cut.shape[0], cut.shape[1]), focus)
    if rows.stop - rows.start < cut.shape[0] or columns.stop - columns.start < cut.shape[1]:
        down = f"rows {rows.start} to {rows.stop - 1}"
        return f"{down}, columns {columns.start} to {columns.stop - 1}"
    return ""


def _listed(notes: list[str]) -> str:
    return " · ".join(note for note in notes if note)


def _note(expected: Tensor, got: Tensor, delta: Array | None) -> str:
    if delta is None:
        return (
            f"The shapes differ: expected {shape_text(expected.array.shape)}, got "
            f"{shape_text(got.array.shape)}. Both are aligned at the top left; hatched is what "
            "the other one lacks."
        )
    wrong = int(np.count_nonzero(delta))
    text = "All elements are equal"
    if wrong:
        text = f"{wrong} of {delta.size} elements differ{'s' if wrong == 1 else ''}"
        text = "The only element differs" if delta.size == 1 else text
    if wrong and np.array_equal(expected.array, got.array):
        text += " in the sign of zero alone"
    if not wrong and expected.dtype != got.dtype:
        text += f"; expected {expected.dtype}, got {got.dtype}"
    return text + "."


def _element(expected: Tensor, got: Tensor, focus: tuple[int, ...] | None) -> str:
    if focus is None:
        return ""
    place = ", ".join(str(part) for part in focus)
    return (
        f"at [{place}] expected {number_text(expected.array[focus])}, "
        f"got {number_text(got.array[focus])}"
    )
