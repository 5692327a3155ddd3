"""Mistakes of size: right for small layers, wrong beyond a tile, a vector, a buffer or a cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    AXES,
    Layer,
    Mistake,
    Right,
    arguments_changed,
    channel_axis,
    outputs_changed,
    overridden,
    recomputed,
    spatial_axes,
    with_gradient,
    zeroed,
)


def _from(array: Array, axis: int, start: int) -> Array:
    """Return a copy in which everything from `start` on along an axis is zero."""
    return zeroed(array, axis, slice(start, None))


def _beyond(size: int, limit: int) -> int:
    """Return where a loop ends that was written for at most `limit`."""
    return min(size, limit)


def _tail(size: int, limit: int) -> int:
    """Return the last multiple of `limit`; small sizes have a loop of their own."""
    return size // limit * limit if size > limit else size


Cut = Callable[[int, int], int]


def _always(_: Layer) -> bool:
    return True


def _inputs_cut(axis: str, cut: Cut, limit: int, when: Callable[..., bool] = _always) -> type:
    """Return a layer that leaves a part of the input out."""

    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        place = AXES[axis](layer)
        end = cut(inputs.shape[place], limit)
        if end == inputs.shape[place] or not when(layer):
            return outputs
        return recomputed(layer, _from(inputs, place, end))

    return outputs_changed(change)


def _outputs_cut(axis: str, cut: Cut, limit: int, when: Callable[..., bool] = _always) -> type:
    """Return a layer that does not write a part of the output."""

    def change(layer: Layer, _: Array, outputs: Array) -> Array:
        place = AXES[axis](layer)
        end = cut(outputs.shape[place], limit)
        if end == outputs.shape[place] or not when(layer):
            return outputs
        return _from(outputs, place, end)

    return outputs_changed(change)


def _kernel_cut(axis: int, cut: Cut, limit: int, when: Callable[..., bool] = _always) -> type:
    """Return a layer that leaves taps, filters or channels of the kernel out."""

    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        end = cut(layer.kernel.shape[axis], limit)
        if end == layer.kernel.shape[axis] or not when(layer):
            return outputs
        return recomputed(layer, inputs, kernel=_from(layer.kernel, axis, end))

    return outputs_changed(change)


def _gradient_cut(
    place: int, axis: str | int, cut: Cut, limit: int, when: Callable[..., bool] = _always
) -> type:
    """Return a layer that does not write a part of one gradient."""

    def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
        found = Right.gradients(self, inputs, output_gradient)
        values = found[place]
        if values is None or not when(self):
            return found
        along = axis if isinstance(axis, int) else AXES[axis](self)
        end = cut(values.shape[along], limit)
        return with_gradient(found, place, _from(values, along, end))

    return overridden(gradients=gradients)


def _gradient_of_part(axis: str, cut: Cut, limit: int, place: int = 1) -> type:
    """Return a layer whose kernel or bias gradient sums over a part of the output gradient."""

    def gradients(self: Any, inputs: Any, output_gradient: Any) -> Any:
        found = Right.gradients(self, inputs, output_gradient)
        along, whole = AXES[axis](self), np.asarray(output_gradient)
        end = cut(whole.shape[along], limit)
        if found[place] is None or end == whole.shape[along]:
            return found
        part = Right.gradients(self, inputs, _from(whole, along, end))
        return with_gradient(found, place, part[place])

    return overridden(gradients=gradients)


def _first(layer: Layer) -> bool:
    return bool(layer.data_format == "channels_first")


def _same(layer: Layer) -> bool:
    return bool(layer.padding == "same")


def _of(*names: str) -> Callable[[Layer], bool]:
    return lambda layer: layer.kernel.dtype.name in names


def _forward() -> Iterator[Mistake]:
    vector, tile = "the tail of a vectorised loop", "the border of a tile"
    buffer, threads = "a buffer of a fixed size", "work shared among threads"
    table: dict[str, tuple[str, str, type]] = {
        "filters_above_8": ("Filters beyond the eighth are zero.", buffer, _outputs_cut("channels", _beyond, 8)),
        "filters_tail_16": (
            "Above 16 filters, those beyond a multiple of 16 are left out.", vector, _kernel_cut(2, _tail, 16)),
        "filters_above_128": (
            "Filters beyond the 128th are zero.", buffer, _outputs_cut("channels", _beyond, 128)),
        "filters_tail_first": (
            "In channels_first, filters beyond a multiple of 8 are left out above 8.", vector,
            _kernel_cut(2, _tail, 8, _first)),
        "channels_tail_4": (
            "Above 4 input channels, those beyond a multiple of 4 are left out.", vector, _kernel_cut(3, _tail,
            4)),
        "channels_tail_8": (
            "Above 8 input channels, those beyond a multiple of 8 are left out.", vector, _kernel_cut(3, _tail,
            8)),
        "channels_tail_16": (
            "Above 16 input channels, those beyond a multiple of 16 are left out.", vector,
            _kernel_cut(3, _tail, 16)),
        "channels_above_64_last": (
            "In channels_last, input channels beyond the 64th are left out.", buffer,
            _kernel_cut(3, _beyond, 64, lambda layer: not _first(layer))),
        "channels_above_16_int32": (
            "With int32, input channels beyond the 16th are left out.", buffer,
            _kernel_cut(3, _beyond, 16, _of("int32"))),
        "width_above_64": ("Columns of the input beyond the 64th are left out.", buffer,
            _inputs_cut("width", _beyond, 64)),
        "width_above_32_float64": (
            "In float64, columns of the input beyond the 32nd are left out.", vector,
            _inputs_cut("width", _beyond, 32, _of("float64"))),
        "width_tail_16_first": (
            "In channels_first, columns of the output beyond a multiple of 16 are not written above 16.", tile,
            _outputs_cut("width", _tail, 16, _first)),
        "height_above_32": ("Rows of the input beyond the 32nd are left out.", buffer,
            _inputs_cut("height", _beyond, 32)),
        "height_tail_same": (
            "With `same`, rows of the output beyond a multiple of 8 are not written above 32.", tile,
            _outputs_cut("height", lambda n, limit: _tail(n, limit) if n > 32 else n, 8, _same)),
        "batch_above_4": ("Images beyond the fourth are zero.", threads, _outputs_cut("batch", _beyond, 4)),
        "batch_tail_8": (
            "Above 8 images, those beyond a multiple of 8 are left out.", threads, _inputs_cut("batch", _tail, 8)),
        "batch_above_32": ("Images beyond the 32nd are zero.", threads, _outputs_cut("batch", _beyond, 32)),
        "batch_above_16_first": (
            "In channels_first, images beyond the 16th are zero.", threads,
            _outputs_cut("batch", _beyond, 16, _first)),
        "kernel_width_above_7": ("Taps beyond the seventh of a kernel's row are left out.", buffer,
            _kernel_cut(1, _beyond, 7)),
        "kernel_height_above_9": ("Rows of the kernel beyond the ninth are left out.", buffer,
            _kernel_cut(0, _beyond, 9)),
        "kernel_width_above_15_same": (
            "With `same`, taps beyond the fifteenth of a kernel's row are left out.", buffer,
            _kernel_cut(1, _beyond, 15, _same)),
        "kernel_of_8_float64": (
            "In float64, the last row of a kernel of 8 rows or more is left out.", "registers run out",
            _kernel_cut(0, lambda n, limit: n - 1 if n >= limit else n, 8, _of("float64"))),
    }  # fmt: skip
    for name, (text, source, layer) in table.items():
        # What is wrong in one dtype alone is the dtype's matter, too.
        dtype = {"float64": ("DTYPE-02",), "int32": ("DTYPE-03",)}.get(name.rpartition("_")[2], ())
        yield Mistake(
            id=f"size_{name}", text=text, source=source, clauses=("VAL-01", *dtype), layer=layer
        )  # fmt: skip


def _arguments() -> Iterator[Mistake]:
    def strided(layer: Layer, _: Array, outputs: Array) -> Array:
        width = spatial_axes(layer)[1]
        stride = layer.strides[1]
        if stride <= 4:
            return outputs
        wrong = np.array(outputs)
        np.moveaxis(wrong, width, 0)[4::stride] = 0
        return wrong

    yield Mistake(
        id="size_stride_above_4", text="With strides above 4 the fifth phase of a row is not written.",
        source="one unrolled loop for each phase", clauses=("VAL-01",), layer=outputs_changed(strided),
    )  # fmt: skip

    def clamped(name: str, limit: int) -> Callable[[dict[str, Any]], None]:
        def change(given: dict[str, Any]) -> None:
            value = given.get(name)
            if isinstance(value, int):
                given[name] = min(value, limit)
            elif isinstance(value, (list, tuple)):
                given[name] = [
                    min(item, limit) if isinstance(item, int) else item for item in value
                ]

        return change

    for name, argument, limit in (
        ("dilation_above_3", "dilation_rate", 3),
        ("dilation_above_5", "dilation_rate", 5),
        ("stride_above_8", "strides", 8),
        ("output_padding_above_3", "output_padding", 3),
    ):
        yield Mistake(
            id=f"size_{name}", text=f"`{argument}` above {limit} is read as {limit}.",
            source="a table of a fixed size", clauses=("SHAPE-05", "VAL-01"),
            layer=arguments_changed(clamped(argument, limit)),
        )  # fmt: skip

    def biased(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if layer.bias is None or len(layer.bias) <= 16:
            return outputs
        return recomputed(layer, inputs, bias=_from(layer.bias, 0, 16))

    yield Mistake(
        id="size_bias_above_16", text="The bias of the first 16 filters alone is added.",
        source="one vector register", clauses=("BIAS-01", "VAL-01"), layer=outputs_changed(biased),
    )  # fmt: skip

    def activated(layer: Layer, inputs: Array, outputs: Array) -> Array:
        name = getattr(layer.activation, "__name__", "")
        axis = channel_axis(layer)
        if name != "relu" or outputs.shape[axis] <= 16:
            return outputs
        kept, layer.activation = layer.activation, lambda y: y
        try:
            linear = np.moveaxis(recomputed(layer, inputs), axis, 0)
        finally:
            layer.activation = kept
        wrong = np.array(outputs)
        np.moveaxis(wrong, axis, 0)[16:] = linear[16:]
        return wrong

    yield Mistake(
        id="size_relu_above_16", text="relu reaches the first 16 filters alone.", source="a fused epilogue",
        clauses=("ACT-01",), layer=outputs_changed(activated),
    )  # fmt: skip

    for name, text, limit in (
        ("l1", "Of an output above 32 kB the last 16 numbers are not written.", 2**15),
        ("l2", "Of an output above 1 MB the last 16 numbers are not written.", 2**20),
    ):

        def cached(_: Layer, __: Array, outputs: Array, limit: int = limit) -> Array:
            if outputs.nbytes <= limit:
                return outputs
            wrong = np.array(outputs)
            wrong.reshape(-1)[-16:] = 0
            return wrong

        yield Mistake(
            id=f"size_output_above_{name}", text=text, source="blocks that fit a cache",
            clauses=("VAL-01",), layer=outputs_changed(cached),
        )  # fmt: skip

    def corner(layer: Layer, _: Array, outputs: Array) -> Array:
        height, width = spatial_axes(layer)
        tall, wide = outputs.shape[height], outputs.shape[width]
        if tall <= 16 or wide <= 16:
            return outputs
        wrong = np.array(outputs)
        turned = np.moveaxis(wrong, (height, width), (0, 1))
        turned[tall // 16 * 16 :, wide // 16 * 16 :] = 0
        return wrong

    yield Mistake(
        id="size_tile_corner", text="The corner that is left of tiles of 16 by 16 is not written.",
        source="two borders meet", clauses=("VAL-01",), layer=outputs_changed(corner),
    )  # fmt: skip


def _gradients() -> Iterator[Mistake]:
    table: dict[str, tuple[str, type]] = {
        "input_channels_tail_8": (
            "The input gradient of channels beyond a multiple of 8 is zero above 8.",
            _gradient_cut(0, "channels", _tail, 8)),
        "input_width_above_64": (
            "The input gradient of columns beyond the 64th is zero.", _gradient_cut(0, "width", _beyond, 64)),
        "input_batch_above_8_first": (
            "In channels_first, the input gradient of images beyond the eighth is zero.",
            _gradient_cut(0, "batch", _beyond, 8, _first)),
        "input_height_above_16_float64": (
            "In float64, the input gradient of rows beyond the 16th is zero.",
            _gradient_cut(0, "height", _beyond, 16, _of("float64"))),
        "input_filters_above_32": (
            "The input gradient leaves filters beyond the 32nd out.", _gradient_of_part("channels", _beyond,
            32, 0)),
        "kernel_filters_tail_4": (
            "The kernel gradient of filters beyond a multiple of 4 is zero above 4.", _gradient_cut(1, 2,
            _tail, 4)),
        "kernel_channels_above_64": (
            "The kernel gradient of channels beyond the 64th is zero.", _gradient_cut(1, 3, _beyond, 64)),
        "kernel_taps_above_8": (
            "The kernel gradient of taps beyond the eighth of a row is zero.", _gradient_cut(1, 1, _beyond, 8)),
        "kernel_batch_above_4": (
            "The kernel gradient leaves images beyond the fourth out.", _gradient_of_part("batch", _beyond, 4)),
        "kernel_batch_above_32": (
            "The kernel gradient leaves images beyond the 32nd out.", _gradient_of_part("batch", _beyond, 32)),
        "kernel_width_tail_32": (
            "The kernel gradient leaves columns of the output beyond a multiple of 32 out above 32.",
            _gradient_of_part("width", _tail, 32)),
        "kernel_same_first": (
            "In channels_first with `same`, the kernel gradient of filters beyond the 16th is zero.",
            _gradient_cut(1, 2, _beyond, 16, lambda layer: _first(layer) and _same(layer))),
        "bias_above_8": (
            "The bias gradient of filters beyond the eighth is zero.", _gradient_cut(2, 0, _beyond, 8)),
        "bias_height_above_64": (
            "The bias gradient leaves rows beyond the 64th out.", _gradient_of_part("height", _beyond, 64, 2)),
        "bias_batch_tail_4": (
            "Above 4 images, the bias gradient leaves those beyond a multiple of 4 out.",
            _gradient_of_part("batch", _tail, 4, 2)),
    }  # fmt: skip
    for name, (text, layer) in table.items():
        yield Mistake(
            id=f"size_gradient_{name}", text=text, source="a kernel of its own for large gradients",
            clauses=("GRAD-01",), layer=layer,
        )  # fmt: skip


def _is_quick(kernel: int, stride: int) -> Callable[[Layer], bool]:
    """Tell layers with a square kernel and stride."""
    return lambda layer: layer.kernel_size == (kernel,) * 2 and layer.strides == (stride,) * 2


def _turned(when: Callable[[Layer, Array], bool]) -> type:
    """Return a layer that turns its kernel round at times."""

    def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if not when(layer, inputs):
            return outputs
        return recomputed(layer, inputs, kernel=layer.kernel[::-1, ::-1])

    return outputs_changed(change)


def _reported() -> Iterator[Mistake]:
    """Yield what public reports say of sizes."""

    def rounded(_: Layer, inputs: Array, outputs: Array) -> Array:
        if inputs.dtype != np.float16 or outputs.size == 0:
            return outputs
        for axis in (1, 2, 3):
            # Of a place beyond 2,048 float16 holds every second one.
            places = np.arange(outputs.shape[axis])
            outputs = outputs.take(np.where(places > 2048, places // 2 * 2, places), axis)
        return outputs

    half, patches = _is_quick(2, 2), _is_quick(14, 14)
    table: dict[str, tuple[str, str, type]] = {
        "places_in_float16": (
            "microsoft/onnxruntime/pull/28977",
            "In float16, places beyond 2,048 along an axis are computed in float16.", outputs_changed(rounded)),
        "batch_in_16_bits": (
            "tensorflow/tensorflow/issues/13869", "Images beyond the 65,535th are not computed.",
            _outputs_cut("batch", _beyond, 2**16 - 1)),
        "channels_in_16_bits": (
            "tensorflow/tensorflow/issues/13869", "Channels beyond the 65,535th are left out.",
            _inputs_cut("channels", _beyond, 2**16 - 1)),
        "doubled_height_above_128": (
            "tensorflow/tfjs/issues/4892",
            "2 by 2 kernels with strides of 2 leave out rows of the input beyond the 128th.",
            _inputs_cut("height", _beyond, 128, half)),
        "doubled_filters_above_64": (
            "tensorflow/tfjs/issues/4892",
            "3 by 3 kernels with strides of 2 do not write filters beyond the 64th.",
            _outputs_cut("channels", _beyond, 64, _is_quick(3, 2))),
        "patches_of_14": (
            "NVIDIA/TensorRT/issues/4678", "A kernel of 14 by 14 with strides of 14 is turned round.",
            _turned(lambda layer, _: patches(layer))),
        "interpolation_32": (
            "", "A kernel of 32 by 32 with strides of 16 is turned round, with `same`.",
            _turned(lambda layer, _: _is_quick(32, 16)(layer) and _same(layer))),
        "patches_in_int32": (
            "uxlfoundation/oneDNN/pull/4684", "In int32, a kernel of 3 by 3 with strides of 2 is turned round.",
            _turned(lambda layer, inputs: inputs.dtype == np.int32 and _is_quick(3, 2)(layer))),
        "patches_in_float16": (
            "uxlfoundation/oneDNN/pull/4684", "In float16, a kernel of 4 by 4 with strides of 4 is turned round.",
            _turned(lambda layer, inputs: inputs.dtype == np.float16 and _is_quick(4, 4)(layer))),
    }  # fmt: skip
    for name, (source, text, layer) in table.items():
        yield Mistake(
            id=f"size_{name}", text=text, clauses=("VAL-01",), layer=layer,
            source=f"github.com/{source}" if source else "layers that interpolate, as those of FCN",
        )  # fmt: skip


MISTAKES = (*_forward(), *_arguments(), *_gradients(), *_reported())
