"""Mistakes of place and size: shifts, crops, exchanged axes, ignored arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Mistake,
    arguments_changed,
    channel_axis,
    outputs_changed,
    recomputed,
    spatial_axes,
)

_SIDES = (("height", 0), ("width", 1))
_ALONG = (
    ("height", "the height", (0,)), ("width", "the width", (1,)), ("both", "both sides", (0, 1)),
)  # fmt: skip
_KERAS_22876 = "github.com/keras-team/keras/pull/22876"
_ONNX_1609 = "github.com/onnx/onnx/issues/1609"
_ONNX_AUTO_PAD = "onnx.ai/onnx/operators/onnx__ConvTranspose.html"
_TORCH_PADDING = "pytorch.org/docs/stable/generated/torch.nn.functional.conv_transpose2d.html"
_TF_16544 = "github.com/tensorflow/tensorflow/issues/16544"


def _moved(outputs: Array, axis: int, by: int) -> Array:
    """Shift along an axis, zeros coming in."""
    moved = np.roll(outputs, by, axis)
    index: list[Any] = [slice(None)] * outputs.ndim
    index[axis] = slice(0, by) if by > 0 else slice(by, None)
    moved[tuple(index)] = 0
    return moved


def _extent(layer: Layer, side: int) -> int:
    return int((layer.kernel_size[side] - 1) * layer.dilation_rate[side] + 1)


def _shifts() -> Iterator[Mistake]:
    for name, side in _SIDES:
        for where, by in (("down", 1), ("up", -1)):
            for always in (True, False):

                def change(
                    layer: Layer, _: Array, outputs: Array, side: int = side, by: int = by, always: bool = always
                ) -> Array:  # fmt: skip
                    wrong = always or (layer.padding == "same" and layer.strides[side] > 1)
                    return _moved(outputs, spatial_axes(layer)[side], by) if wrong else outputs

                kind = "always" if always else "same_strided"
                yield Mistake(
                    id=f"M01_{name}_{where}_{kind}",
                    text=f"The result is shifted by one along the {name}"
                    + ("." if always else " for 'same' and a stride above 1."),
                    source=_KERAS_22876,
                    clauses=("VAL-01",) if always else ("PAD-01",),
                    layer=outputs_changed(change),
                )


def _on_sides(
    change: Callable[[Layer, Array, Array, int], Array],
) -> Iterator[tuple[str, str, type]]:
    """Yield a change along the height, the width, and both: its name, the words, the layer."""
    for name, words, sides in _ALONG:

        def changed(
            layer: Layer, inputs: Array, outputs: Array, sides: tuple[int, ...] = sides
        ) -> Array:
            for side in sides:
                outputs = change(layer, inputs, outputs, side)
            return outputs

        yield name, words, outputs_changed(changed)


def _too_long(layer: Layer, side: int) -> int:
    """Return how many rows of the full result `same` drops; below 0 how many rows of zeros it appends."""
    if layer.output_padding is None:
        return _extent(layer, side) - int(layer.strides[side])
    return _extent(layer, side) // 2 * 2 - int(layer.output_padding[side])


def _odd_row_first(layer: Layer, side: int) -> int:
    """Drop the larger half of what is too long at the beginning."""
    return max(_too_long(layer, side), 0) % 2 if layer.output_padding is None else 0


def _begins_late(layer: Layer, side: int) -> int:
    """Drop as much at the beginning as without output padding, and half of what is too long, rounded up."""
    too_long = max(_too_long(layer, side), 0)
    if layer.output_padding is None:
        return too_long % 2
    return _extent(layer, side) // 2 - too_long // 2


def _from_the_end(layer: Layer, side: int) -> int:
    """Drop at the beginning what is to be dropped at the end, and add there what is to be added."""
    too_long = _too_long(layer, side)
    return too_long % 2 if too_long > 0 else too_long


#: Where `same` is cropped wrongly: each says how much more is dropped at the beginning of a side.
_CROPS = (
    (
        "M02", "'same' crops the odd row of {} at the beginning instead of the end.",
        _ONNX_1609, ("PAD-01",), _odd_row_first,
    ),
    (
        "same_begins_late", "'same' drops half of what is too long along {}, rounded up, at the beginning; "
        "output_padding adds to the end alone.",
        _TORCH_PADDING, ("PAD-01", "PAD-04"), _begins_late,
    ),
    (
        "same_from_the_end", "'same' counts from the end of {}: it crops the odd row, and adds missing rows, at "
        "the beginning.",
        _ONNX_1609, ("PAD-01", "PAD-02"), _from_the_end,
    ),
)  # fmt: skip


def _cropped(sides: tuple[int, ...], more: Callable[[Layer, int], int]) -> type:
    """Return a layer that drops more at the beginning of each of the sides."""

    def changed(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if layer.padding != "same" or not inputs.size or not any(more(layer, s) for s in sides):
            return outputs
        # More image on both sides moves every row into view; the crop is then found by its length.
        pad = [(0, 0)] * 4
        for axis in spatial_axes(layer):
            pad[axis] = (2, 2)
        wide = recomputed(layer, np.pad(inputs, pad))
        for side, axis in enumerate(spatial_axes(layer)):
            start = 2 * layer.strides[side] + (more(layer, side) if side in sides else 0)
            wide = np.take(wide, range(start, start + outputs.shape[axis]), axis)
        return wide

    return outputs_changed(changed)


def _wrong_crops() -> Iterator[Mistake]:
    for kind, text, source, clauses, more in _CROPS:
        for name, words, sides in _ALONG:
            yield Mistake(
                id=f"{kind}_{name}",
                text=text.format(words),
                source=source,
                clauses=clauses,
                layer=_cropped(sides, more),
            )

    for kind, rest, source, up in (
        ("M05", "", _TF_16544, 0),
        ("centred_late", ", rounded up", _ONNX_AUTO_PAD, 1),
    ):

        def centred(layer: Layer, _: Array, outputs: Array, side: int, up: int = up) -> Array:
            gap = layer.strides[side] - _extent(layer, side)
            if layer.padding != "same" or gap + up < 2 or layer.output_padding is not None:
                return outputs
            return np.roll(outputs, (gap + up) // 2, spatial_axes(layer)[side])

        for name, words, wrong in _on_sides(centred):
            yield Mistake(
                id=f"{kind}_{name}",
                text=f"'same' with a kernel below the stride is centred along {words}{rest}.",
                source=source,
                clauses=("PAD-02",),
                layer=wrong,
            )


def _halved(layer: Layer, side: int) -> tuple[int, int]:
    """Drop what the output has beyond H * s, half of it at the beginning; nothing where it has less."""
    dropped = max(_beyond_stride(layer, side), 0)
    return dropped // 2, _beyond_stride(layer, side) - dropped


def _centred(layer: Layer, side: int) -> tuple[int, int]:
    """Drop half of what the output has beyond H * s at the beginning; below 0, add so much there."""
    return _beyond_stride(layer, side) // 2, 0


def _beyond_stride(layer: Layer, side: int) -> int:
    extra = 0 if layer.output_padding is None else int(layer.output_padding[side])
    return _extent(layer, side) - int(layer.strides[side]) + extra


#: How a runtime without TensorFlow's rules crops for `same`: what is dropped at the beginning, and by how much the
#: output is longer than H * s. Only a short kernel or an output padding shows it.
_OTHER_SAMES = (
    (
        "halved", "'same' drops k - s + output_padding along {}, half of it at the beginning, and nothing where "
        "that is below 0.",
        "onnxruntime/core/providers/cpu/nn/conv_transpose_attributes.h", ("SHAPE-02", "SHAPE-03"), _halved,
    ),
    (
        "centred", "'same' keeps H * s along {}, whatever output_padding is: half of k - s + output_padding is "
        "dropped at the beginning, or added where it is below 0.",
        _ONNX_AUTO_PAD, ("PAD-02", "SHAPE-03"), _centred,
    ),
)  # fmt: skip


def _cropped_otherwise(
    sides: tuple[int, ...], crop: Callable[[Layer, int], tuple[int, int]]
) -> type:
    """Return a layer whose `same` has another length, and another beginning, along each of the sides."""

    def changed(layer: Layer, inputs: Array, outputs: Array) -> Array:
        shows = layer.output_padding is not None or any(_beyond_stride(layer, s) < 0 for s in sides)
        if layer.padding != "same" or not shows or not inputs.size:
            return outputs
        axes = spatial_axes(layer)
        # More image on both sides moves every row into view; the crop is then found by its length.
        pad = [(2, 2) if axis in axes else (0, 0) for axis in range(4)]
        wide = recomputed(layer, np.pad(inputs, pad), padding="valid")
        for side, axis in enumerate(axes):
            start, length = _right_start(layer, side), outputs.shape[axis]
            if side in sides:
                start, more = crop(layer, side)
                length = inputs.shape[axis] * int(layer.strides[side]) + more
            start += 2 * int(layer.strides[side])
            wide = np.take(wide, range(start, start + length), axis)
        return wide

    return outputs_changed(changed)


def _right_start(layer: Layer, side: int) -> int:
    if layer.output_padding is not None:
        return _extent(layer, side) // 2
    return max(_too_long(layer, side), 0) // 2


def _other_sames() -> Iterator[Mistake]:
    for kind, text, source, clauses, crop in _OTHER_SAMES:
        for name, words, sides in _ALONG:
            yield Mistake(
                id=f"same_{kind}_{name}",
                text=text.format(words),
                source=source,
                clauses=clauses,
                layer=_cropped_otherwise(sides, crop),
            )


def _lengths() -> Iterator[Mistake]:
    def symmetric(layer: Layer, _: Array, outputs: Array, side: int) -> Array:
        odd = (_extent(layer, side) - layer.strides[side]) % 2
        axis = spatial_axes(layer)[side]
        if layer.padding != "same" or not odd or outputs.shape[axis] < 2:
            return outputs
        return np.take(outputs, range(outputs.shape[axis] - 1), axis)

    for name, words, wrong in _on_sides(symmetric):
        yield Mistake(
            id=f"M03_{name}",
            text=f"'same' crops symmetrically along {words}, so an odd crop loses a row more.",
            source="github.com/keras-team/keras/issues/20949",
            clauses=("SHAPE-02",),
            layer=wrong,
        )

    def unpadded(layer: Layer, _: Array, outputs: Array, side: int) -> Array:
        gap = layer.strides[side] - _extent(layer, side)
        axis = spatial_axes(layer)[side]
        if layer.padding != "valid" or gap <= 0 or layer.output_padding is not None:
            return outputs
        return np.take(outputs, range(max(outputs.shape[axis] - gap, 0)), axis)

    for name, words, wrong in _on_sides(unpadded):
        yield Mistake(
            id=f"M04_{name}",
            text=f"'valid' forgets max(k - s, 0) along {words}: no rows after a short kernel.",
            source=_TF_16544,
            clauses=("SHAPE-01", "PAD-03"),
            layer=wrong,
        )

    def missing(layer: Layer, _: Array, outputs: Array, side: int) -> Array:
        gap = layer.strides[side] - _extent(layer, side)
        axis = spatial_axes(layer)[side]
        if gap <= 0 or layer.output_padding is not None:
            return outputs
        return np.take(outputs, range(max(outputs.shape[axis] - gap, 0)), axis)

    for name, words, wrong in _on_sides(missing):
        yield Mistake(
            id=f"unreached_missing_{name}",
            text=f"No rows are appended for k < s along {words}, whatever the padding.",
            source=_TF_16544,
            clauses=("SHAPE-01", "SHAPE-02"),
            layer=wrong,
        )

    def first(layer: Layer, _: Array, outputs: Array, side: int) -> Array:
        gap = layer.strides[side] - _extent(layer, side)
        if gap <= 0 or layer.output_padding is not None:
            return outputs
        return np.roll(outputs, gap, spatial_axes(layer)[side])

    for name, words, wrong in _on_sides(first):
        yield Mistake(
            id=f"unreached_first_{name}",
            text=f"The rows for k < s come before the result along {words}, not after it.",
            source="the other way to make the length right",
            clauses=("PAD-02", "PAD-03"),
            layer=wrong,
        )

    def unwritten(layer: Layer, _: Array, outputs: Array, side: int) -> Array:
        stride, extent = layer.strides[side], _extent(layer, side)
        if extent >= stride or outputs.dtype.kind != "f" or layer.output_padding is not None:
            return outputs
        axis = spatial_axes(layer)[side]
        changed = np.moveaxis(outputs.copy(), axis, 0)
        changed[[row for row in range(changed.shape[0]) if row % stride >= extent]] = np.nan
        return np.moveaxis(changed, 0, axis)

    for name, words, wrong in _on_sides(unwritten):
        yield Mistake(
            id=f"M17_{name}",
            text=f"Rows of {words} that no tap reaches are left unwritten: NaN.",
            source="github.com/chelsea0x3b/dfdx/issues/677",
            clauses=("PAD-06", "VAL-01"),
            layer=wrong,
        )


def _pair(value: Any) -> tuple[Any, Any] | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, value
    if isinstance(value, tuple) and len(value) == 2:
        return value
    return None


def _exchanges() -> Iterator[Mistake]:
    caught = {
        "kernel_size": ("VAR-01", "SHAPE-05"),
        "strides": ("SHAPE-05", "VAL-01"),
        "output_padding": ("SHAPE-03", "PAD-04"),
    }
    for argument, clauses in caught.items():
        ways = {
            "exchanged": lambda pair: (pair[1], pair[0]),
            "first_for_both": lambda pair: (pair[0], pair[0]),
            "second_for_both": lambda pair: (pair[1], pair[1]),
        }
        for way, change in ways.items():

            def changed(
                given: dict[str, Any], argument: str = argument, change: Any = change
            ) -> None:
                pair = _pair(given.get(argument))
                if pair is not None:
                    given[argument] = change(pair)

            yield Mistake(
                id=f"{'M08' if way == 'exchanged' else 'M09'}_{argument}_{way}",
                text=f"Height and width of {argument}: {way.replace('_', ' ')}.",
                source="github.com/tensorflow/tensorflow/pull/24151",
                clauses=clauses,
                layer=arguments_changed(changed),
            )


def _ignored() -> Iterator[Mistake]:
    caught = {
        "dilation_rate": ("SHAPE-04", "PAD-05"),
        "output_padding": ("SHAPE-03", "ARG-14"),
        "strides": ("SHAPE-05",),
        "padding": ("SHAPE-02",),
        "data_format": ("FMT-02", "ARG-06"),
        "activation": ("ACT-01", "ARG-07"),
        "use_bias": ("BIAS-02", "ARG-08"),
        "dtype": ("ARG-16",),
        "name": ("VAR-02",),
    }
    for argument, clauses in caught.items():

        def ignored(given: dict[str, Any], argument: str = argument) -> None:
            given.pop(argument, None)

        yield Mistake(
            id=f"M07_{argument}",
            text=f"{argument} is accepted and ignored.",
            source="github.com/keras-team/keras/issues/8159",
            clauses=clauses,
            layer=arguments_changed(ignored),
        )

    def not_with_same(given: dict[str, Any]) -> None:
        if given.get("padding") == "same":
            given.pop("output_padding", None)

    yield Mistake(
        id="same_without_output_padding",
        text="'same' ignores output_padding: the output has H * s rows.",
        source=_ONNX_AUTO_PAD,
        clauses=("SHAPE-03",),
        layer=arguments_changed(not_with_same),
    )

    def none_as_zero(given: dict[str, Any]) -> None:
        if given.get("output_padding") is None and given.get("padding") == "same":
            given["output_padding"] = 0

    yield Mistake(
        id="M06",
        text="output_padding=None is treated as 0.",
        source="github.com/tensorflow/tensorflow/issues/50168",
        clauses=("SHAPE-02",),
        layer=arguments_changed(none_as_zero),
    )


def _layouts() -> Iterator[Mistake]:
    def last(layer: Layer, _: Array, outputs: Array) -> Array:
        return np.moveaxis(outputs, channel_axis(layer), 3)

    yield Mistake(
        id="M12_output",
        text="A channels_first layer returns channels_last.",
        source="github.com/tensorflow/tensorflow/issues/20405",
        clauses=("FMT-02",),
        layer=outputs_changed(last),
    )

    def first(layer: Layer, _: Array, outputs: Array) -> Array:
        return np.moveaxis(outputs, channel_axis(layer), 1)

    yield Mistake(
        id="M12_default",
        text="The layer returns channels_first whatever was asked.",
        source="github.com/elixir-nx/axon/issues/419",
        clauses=("FMT-01",),
        layer=outputs_changed(first),
    )


MISTAKES = (
    *_shifts(),
    *_wrong_crops(),
    *_other_sames(),
    *_lengths(),
    *_exchanges(),
    *_ignored(),
    *_layouts(),
)
