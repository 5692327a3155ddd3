"""Mistakes that need two things at once: a large layer and a dtype, a NaN, a penalty, a step, a quick path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fast_impl
from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Mistake,
    Right,
    channel_axis,
    inherited,
    loss_gradients_changed,
    mistakes_of,
    outputs_changed,
    recomputed,
    spatial_axes,
)


def _with_bits(array: Array, mask: int) -> Array:
    """Return float32 numbers with some of their bits alone."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32) & np.uint32(mask)
    found: Array = bits.view(np.float32)
    return found


def _in_dtype(layer: Layer, inputs: Array, outputs: Array, dtype: type) -> Array:
    """Compute the output in another dtype."""
    bias = None if layer.bias is None else layer.bias.astype(dtype)
    with np.errstate(all="ignore"):
        found = recomputed(
            layer, inputs.astype(dtype), kernel=layer.kernel.astype(dtype), bias=bias
        )
        return found.astype(np.int64 if outputs.dtype == np.int32 else dtype).astype(outputs.dtype)


def _channels(layer: Layer, array: Array) -> Array:
    return np.moveaxis(array, channel_axis(layer), -1)


def _numbers() -> Iterator[Mistake]:
    def tf32(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if inputs.dtype != np.float32 or layer.kernel.shape[3] < 32:
            return outputs
        rounded = _with_bits(layer.kernel, 0xFFFFE000)
        return recomputed(layer, _with_bits(inputs, 0xFFFFE000), kernel=rounded)

    def narrow(layer: Layer, inputs: Array, outputs: Array) -> Array:
        wide = outputs.dtype == np.float64 and layer.filters >= 16
        return _in_dtype(layer, inputs, outputs, np.float32) if wide else outputs

    def short(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if outputs.dtype != np.int32 or not inputs.size or layer.kernel.shape[3] % 4:
            return outputs
        kernel = np.clip(layer.kernel, -(2**15), 2**15 - 1)
        return recomputed(layer, np.clip(inputs, -(2**15), 2**15 - 1), kernel=kernel)

    def floating(layer: Layer, inputs: Array, outputs: Array) -> Array:
        many = outputs.dtype == np.int32 and layer.kernel.shape[3] > 8
        return _in_dtype(layer, inputs, outputs, np.float32) if many else outputs

    def widens(layer: Layer, _: Array, outputs: Array) -> Array:
        named = getattr(layer.activation, "__name__", "") == "tanh"
        return outputs.astype(np.float32) if named and outputs.itemsize == 2 else outputs

    for name, text, clauses, change in (
        ("tf32", "With 32 channels or more float32 is rounded to TF32.", ("VAL-01",), tf32),
        ("float64", "With 16 filters or more float64 is summed in float32.", ("DTYPE-02", "VAL-01"), narrow),
        ("int32_16_bits", "With a multiple of 4 channels int32 saturates at 16 bits.", ("DTYPE-03",), short),
        ("int32_float", "With more than 8 channels int32 is summed in float32.", ("DTYPE-03",), floating),
        ("tanh_widened", "tanh of float16 and bfloat16 comes out in float32.", ("DTYPE-02",), widens),
    ):  # fmt: skip
        yield Mistake(
            id=f"crossed_{name}", text=text, source="a path of its own for a dtype", clauses=clauses,
            layer=outputs_changed(change),
        )  # fmt: skip


def _special() -> Iterator[Mistake]:
    def skipped(layer: Layer, inputs: Array, outputs: Array) -> Array:
        block = _channels(layer, inputs)[..., :8]
        if layer.kernel.shape[3] < 9 or block.any() or outputs.dtype.kind != "f":
            return outputs
        kernel = np.array(layer.kernel)
        kernel[..., :8] = 0
        return recomputed(layer, inputs, kernel=kernel)

    def masked(layer: Layer, inputs: Array, outputs: Array) -> Array:
        if layer.kernel.shape[3] < 9 or outputs.dtype.kind != "f":
            return outputs
        images = np.array(inputs)
        last = _channels(layer, images)[..., -1]
        last[np.isnan(last)] = 0
        return recomputed(layer, images)

    def spread(layer: Layer, _: Array, outputs: Array) -> Array:
        wrong = np.array(outputs)
        groups = _channels(layer, wrong)
        for start in range(0, layer.filters - 3, 4) if layer.filters > 16 else ():
            part = groups[..., start : start + 4]
            part[np.isnan(part).any(-1)] = np.nan
        return wrong

    for name, text, change in (
        ("zero_blocks", "A block of 8 channels that is zero is skipped, and so is what it meets.", skipped),
        ("nan_masked", "With more than 8 channels a NaN in the last one is lost.", masked),
        ("nan_spreads", "With more than 16 filters a NaN spreads in its group of 4.", spread),
    ):  # fmt: skip
        yield Mistake(
            id=f"crossed_{name}", text=text, source="vectors of channels, and masks for their tails",
            clauses=("DTYPE-05",), layer=outputs_changed(change),
        )  # fmt: skip


def _paths() -> Iterator[Mistake]:
    def sides(layer: Layer) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return tuple(layer.kernel.shape[:2]), tuple(layer.strides)

    def interleaved(layer: Layer, _: Array, outputs: Array) -> Array:
        kernel, strides = sides(layer)
        if kernel != strides or min(strides) == 1 or len(outputs) == 1 or layer.filters < 4:
            return outputs
        batch, rows, *rest = outputs.shape
        wrong: Array = outputs.reshape(rows, batch, *rest).swapaxes(0, 1).copy()
        return wrong

    def border(side: int, size: int, stride: int, rest: int) -> Callable[..., Array]:
        def change(layer: Layer, inputs: Array, outputs: Array) -> Array:
            axis = spatial_axes(layer)[side]
            length = inputs.shape[axis]
            if sides(layer) != ((size, size), (stride, stride)) or length % 4 != rest or length < 5:
                return outputs
            wrong = np.array(outputs)
            turned = np.moveaxis(wrong, axis, 0)
            turned[-1] = turned[-1 - stride]
            return wrong

        return change

    def counted(layer: Layer, inputs: Array, outputs: Array) -> Array:
        rows, columns = layer.kernel.shape[:2]
        if rows * columns < 256:
            return outputs
        kernel = np.array(layer.kernel)
        kernel.reshape(rows * columns, -1)[255:] = 0
        return recomputed(layer, inputs, kernel=kernel)

    def guessed(layer: Layer, inputs: Array, outputs: Array) -> Array:
        alike = len({*inputs.shape[1:], *outputs.shape[1:]}) == 1 and inputs.shape[1] > 1
        return recomputed(layer, inputs, data_format="channels_last") if alike else outputs

    for name, text, source, clauses, change in (
        ("pixels_to_depth", "Where the kernel is the stride, rows and images are interleaved.",
         "pixels to depth, in the wrong order", ("VAL-01",), interleaved),
        ("winograd_row", "The last row of 3 x 3 kernels is wrong for heights that leave 1 of tiles of 4.",
         "Winograd's tiles", ("VAL-01",), border(0, 3, 1, 1)),
        ("phase_border", "The last column of 4 x 4 kernels with stride 2 is wrong for widths that leave 2 of 4.",
         "a kernel for each phase", ("VAL-01",), border(1, 4, 2, 2)),
        ("taps_above_255", "Taps beyond the 255th are left out.", "a byte that counts", ("VAL-01",), counted),
        ("layout_guessed", "channels_last where all sizes are alike.", "a layout guessed from sizes",
         ("VAL-01", "FMT-02"), guessed),
    ):  # fmt: skip
        yield Mistake(
            id=f"crossed_{name}", text=text, source=source, clauses=clauses, layer=outputs_changed(change)
        )  # fmt: skip


def _tail(array: Array, size: int) -> slice:
    """Return what is beyond the last whole vector, of long arrays alone."""
    return slice(array.size // size * size if array.size > 8 * size else array.size, None)


def _cut(values: Any, size: int, other: Any = 0) -> Array:
    """Return an array whose tail is something else."""
    wrong = np.array(values)
    tail = _tail(wrong, size)
    wrong.reshape(-1)[tail] = np.broadcast_to(other, wrong.shape).reshape(-1)[tail]
    return wrong


def _in_place(name: str, wrapped: Callable[[Any], Any], method: str) -> Any:
    """Return a method with one of the layer's functions replaced while it runs."""

    def changed(self: Any, *given: Any, **keywords: Any) -> Any:
        kept = getattr(self, name)
        if kept is None:
            return getattr(Right, method)(self, *given, **keywords)
        setattr(self, name, wrapped(kept))
        try:
            return getattr(Right, method)(self, *given, **keywords)
        finally:
            setattr(self, name, kept)

    return changed


def _weight_losses(change: Callable[[Array], Array]) -> Any:
    """Return losses of weights that are changed before."""

    def losses(self: Any) -> list[Any]:
        found = list(inherited(self, "losses"))
        weights = (self.kernel, self.bias) if self.built else ()
        parts = zip((self.kernel_regularizer, self.bias_regularizer), weights, strict=False)
        forms = [(form, weight) for form, weight in parts if form and weight is not None]
        changed = [np.asarray(form(change(weight)), weight.dtype)[()] for form, weight in forms]
        return [*found[: len(found) - len(changed)], *changed]

    return property(losses)


class _Sloped:
    """An activation whose slope is wrong for a part of a long array."""

    def __init__(self, activation: Any) -> None:
        self.activation = activation
        self.__name__ = getattr(activation, "__name__", "")

    def __call__(self, before: Array) -> Any:
        return self.activation(before)

    def gradient(self, before: Array, after: Array, upstream: Array) -> Array:
        return _cut(self.activation.gradient(before, after, upstream), 16, upstream)


def _step(self: Any, gradients: Any, learning_rate: float) -> None:
    before = Right.get_weights(self)
    Right.apply_gradients(self, gradients, learning_rate)
    after = Right.get_weights(self)
    Right.set_weights(self, [_cut(new, 16, old) for new, old in zip(after, before, strict=True)])


def _half(self: Any, gradients: Any, learning_rate: float) -> None:
    """A step whose norms see the first half of many channels."""
    given, constraint = Right.get_weights(self), self.kernel_constraint
    Right.apply_gradients(self, gradients, learning_rate)
    found = Right.get_weights(self)
    if not hasattr(constraint, "axis") or found[0][0].size <= 64:
        return
    steps = [*gradients] if isinstance(gradients, (list, tuple)) else []
    if len(steps) != len(found) or steps[0] is None:
        return
    plain = given[0] - given[0].dtype.type(learning_rate) * steps[0]
    found[0][..., found[0].shape[3] // 2 :] = plain[..., found[0].shape[3] // 2 :]
    Right.set_weights(self, found)


def _narrow_step(self: Any, gradients: Any, learning_rate: float) -> None:
    """A step whose norm is that of float32."""
    Right.apply_gradients(self, gradients, learning_rate)
    found = Right.get_weights(self)
    if hasattr(self.kernel_constraint, "axis") and found[0].dtype == np.float64:
        Right.set_weights(self, [found[0].astype(np.float32), *found[1:]])


def _narrow_gradient(self: Any, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    if found.kernel.dtype != np.float64:
        return found
    kernel = found.kernel.astype(np.float32).astype(np.float64)
    return fast_impl.functional.Gradients(found.inputs, kernel, found.bias)


def _beside() -> Iterator[Mistake]:
    loops = "a loop of vectors without its tail"
    first = _in_place(
        "activity_regularizer", lambda form: lambda y: form(_cut(y, 1024)), "__call__"
    )
    tails = {
        "gradients": _in_place(
            "activation", lambda one: _Sloped(one) if hasattr(one, "gradient") else one, "gradients"
        )
    }
    once = "computed in float32 whatever the dtype"
    yield from mistakes_of(
        loops, ("LOSS-01",),
        ("crossed_penalty_tail", "A penalty of a long weight leaves out what is no whole vector.",
         {"losses": _weight_losses(lambda w: _cut(w, 8))}),
    )  # fmt: skip
    yield from mistakes_of(
        loops, ("LOSS-02",),
        ("crossed_activity_part", "The activity penalty sums whole blocks of 1,024.", {"__call__": first}),
    )  # fmt: skip
    yield from mistakes_of(
        loops, ("CONS-06", "CONS-01"),
        ("crossed_step_tail", "A step leaves the tail of a long weight as it was.", {"apply_gradients": _step}),
        ("crossed_projection_half", "Of many channels the second half is not projected.",
         {"apply_gradients": _half}),
    )  # fmt: skip
    yield from mistakes_of(
        loops, ("GRAD-04",),
        ("crossed_penalty_gradient", "The tail of a penalty's gradient is zero.",
         loss_gradients_changed(lambda g: _cut(g, 32))),
    )  # fmt: skip
    yield from mistakes_of(
        loops, ("GRAD-06",),
        ("crossed_slope_tail", "The tail of a long array passes an activation's gradient unchanged.", tails),
    )  # fmt: skip
    yield from mistakes_of(
        once, ("GRAD-04",),
        ("crossed_penalty_slope_float32", "Gradients of a float64 layer's penalties are rounded to float32.",
         loss_gradients_changed(lambda g: g.astype(np.float32).astype(g.dtype))),
    )  # fmt: skip
    yield from mistakes_of(
        "a sign made of two comparisons", ("GRAD-04",),
        ("crossed_penalty_slope_of_nan", "The gradient of a penalty is 0 where the weight is NaN.",
         loss_gradients_changed(lambda g: np.where(np.isnan(g), g.dtype.type(0), g))),
    )  # fmt: skip
    yield from mistakes_of(
        once, ("LOSS-01", "LOSS-12"),
        ("crossed_penalty_float64", "Penalties of float64 weights are summed in float32.",
         {"losses": _weight_losses(lambda w: w.astype(np.float32) if w.dtype == np.float64 else w)}),
    )  # fmt: skip
    yield from mistakes_of(
        once, ("CONS-10", "CONS-06"),
        ("crossed_projection_float64", "Norms of float64 kernels are taken in float32.",
         {"apply_gradients": _narrow_step}),
    )  # fmt: skip
    yield from mistakes_of(
        once, ("GRAD-01",),
        ("crossed_gradient_float64", "The kernel gradient of float64 is rounded to float32.",
         {"gradients": _narrow_gradient}),
    )  # fmt: skip


def _softmax() -> Iterator[Mistake]:
    def blocks(layer: Layer, _: Array, outputs: Array) -> Array:
        if getattr(layer.activation, "__name__", "") != "softmax" or outputs.shape[-1] <= 16:
            return outputs
        wrong = np.array(outputs)
        for start in range(0, wrong.shape[-1], 16):
            part = wrong[..., start : start + 16]
            part /= part.sum(-1, keepdims=True)
        return wrong

    def images(layer: Layer, inputs: Array, outputs: Array) -> Array:
        is_linear = getattr(layer.activation, "__name__", "") == "linear"
        wide = outputs.dtype == np.float64 and len(inputs) > 1 and not is_linear
        return _in_dtype(layer, inputs, outputs, np.float32) if wide else outputs

    yield Mistake(
        id="crossed_images_float64",
        text="Activations of float64 are computed in float32 for more than one image.",
        source="a delegate that takes batches of float32 alone", clauses=("ACT-01",),
        layer=outputs_changed(images),
    )  # fmt: skip
    yield Mistake(
        id="crossed_softmax_blocks", text="A softmax of more than 16 numbers is one for each 16.",
        source="a register holds 16", clauses=("ACT-01",), layer=outputs_changed(blocks),
    )  # fmt: skip


MISTAKES = (*_numbers(), *_special(), *_paths(), *_softmax(), *_beside())
