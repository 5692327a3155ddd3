"""Mistakes where two things meet: quick paths and tails, functions and dtypes, layouts and histories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    mistakes_of,
    own_state,
    recomputed,
    spatial_axes,
)


def _is_first(layer: Layer) -> bool:
    return bool(layer.data_format == "channels_first")


def _recomputed_where(
    applies: Callable[[Layer, Array], bool],
    cut: Callable[[Array], Array],
    place: Callable[[Layer, Array], Any] = lambda *_: ...,
) -> Members:
    """Another kernel makes a part of the output, where the layer and its input are so."""

    def changed(self: Layer, inputs: Array, outputs: Array) -> Array:
        if not inputs.size or not applies(self, inputs):
            return outputs
        other = recomputed(self, inputs, kernel=cut(np.array(self.kernel)))
        result = np.array(outputs)
        where = place(self, inputs)
        result[where] = other[where]
        return result

    return {"changed_outputs": changed}


def _without_last_channel(kernel: Array) -> Array:
    kernel[:, :, -1, -1] = 0
    return kernel


def _odd_tail(layer: Layer, inputs: Array) -> bool:
    height, width = (inputs.shape[axis] for axis in spatial_axes(layer))
    pixels = len(inputs) * height * width
    is_product = layer.kernel_size == layer.strides == (1, 1)
    return bool(is_product and pixels > 4 and pixels % 4 == 3)


def _tiled(layer: Layer, inputs: Array) -> bool:
    height, width = (inputs.shape[axis] for axis in spatial_axes(layer))
    return bool(
        layer.kernel_size == (3, 3) and layer.strides == (1, 1) and layer.padding == "same"
        and layer.kernel.shape[3] >= 8 and height % 2 and width % 2
    )  # fmt: skip


def _last_pixel(layer: Layer, _: Array) -> Any:
    return (slice(-1, None), slice(None), -1, -1) if _is_first(layer) else (slice(-1, None), -1, -1)


def _corner(layer: Layer, _: Array) -> Any:
    return (..., -1, -1) if _is_first(layer) else (slice(None), -1, -1)


def _upsampling(layer: Layer, _: Array) -> bool:
    filters, channels = layer.kernel.shape[2:]
    is_quick = layer.kernel_size == layer.strides == (2, 2)
    return bool(is_quick and min(filters, channels) > 8 and filters % 8 and channels % 8)


def _shuffled(layer: Layer, _: Array) -> bool:
    height, width = layer.kernel_size
    return bool(layer.kernel_size == layer.strides and _is_first(layer) and 1 < height != width > 1)


def _other_order(kernel: Array) -> Array:
    height, width = kernel.shape[:2]
    turned: Array = kernel.reshape(width, height, *kernel.shape[2:]).swapaxes(0, 1)
    return turned


_PATHS: tuple[tuple[str, str, Members], ...] = (
    (
        "corner_pixels",
        "A 1x1 kernel leaves a channel out at the last of 4n + 3 pixels.",
        _recomputed_where(_odd_tail, _without_last_channel, _last_pixel),
    ),
    (
        "corner_tiles",
        "With 8 channels and odd sizes, a 3x3 kernel leaves one out in the corner.",
        _recomputed_where(_tiled, _without_last_channel, _corner),
    ),
    (
        "corner_upsampling",
        "A 2x2 kernel with stride 2 leaves the last channel of the last filter out.",
        _recomputed_where(_upsampling, _without_last_channel),
    ),
    (
        "corner_shuffled",
        "In channels_first, taps that are as many as the strides come in another order.",
        _recomputed_where(_shuffled, _other_order),
    ),
)


def _stale(self: Layer, gradients: Any, learning_rate: Any) -> None:
    before = self.kernel
    Right.apply_gradients(self, gradients, learning_rate)
    state = own_state(self, "packed")
    if _is_first(self) and "shape" in state:
        state["kernel"] = before


def _from_packed(self: Layer, inputs: Array, outputs: Array) -> Array:
    state = own_state(self, "packed")
    if state.get("shape") != inputs.shape:
        state.clear()
    state["shape"] = inputs.shape
    kernel = state.get("kernel")
    return outputs if kernel is None else recomputed(self, inputs, kernel=kernel)


def _set_anew(self: Layer, weights: Any) -> None:
    Right.set_weights(self, weights)
    own_state(self, "packed").clear()


_PACKED = {
    "apply_gradients": _stale, "changed_outputs": _from_packed, "set_weights": _set_anew,
}  # fmt: skip


def _scaled(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    if np.asarray(inputs).dtype != np.float16:
        return Right.gradients(self, inputs, output_gradient)
    scale = np.float16(1024)
    with np.errstate(all="ignore"):
        found = Right.gradients(self, inputs, np.asarray(output_gradient) * scale)
        changes = {name: g / scale for name, g in found._asdict().items() if g is not None}
        return found._replace(**changes)


def _silent(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    images = np.array(inputs)
    for number, upstream in enumerate(output_gradient):
        images[number] = images[number] if np.any(upstream) else 0
    return found._replace(kernel=Right.gradients(self, images, output_gradient).kernel)


def _switched(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    function = self.activation
    self.activation = lambda y: y
    self.compute_output_shape((1, 1, 1, 1))
    self.activation = function
    return Right.gradients(self, inputs, output_gradient)


def _long_step(self: Layer, gradients: Any, learning_rate: Any) -> None:
    before, constraint = self.get_weights(), self.kernel_constraint
    Right.apply_gradients(self, gradients, learning_rate)
    if before[0].dtype == np.float16 and constraint is None and gradients[0] is not None:
        step = 1.01 * float(learning_rate) * np.asarray(gradients[0], np.float64)
        self.kernel = (before[0].astype(np.float64) - step).astype(np.float16)


def _told_float32(argument: str, dtype: str) -> Members:
    """A function that is passed in sees float32 in a layer of another dtype."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        function = given.get(argument)
        if not callable(function) or given.get("dtype") != dtype:
            return given

        def told(array: Array) -> Any:
            found = function(array.astype(np.float32))
            return found.astype(array.dtype) if isinstance(found, np.ndarray) else found

        return {**given, argument: told}

    return {"changed_arguments": changed}


_VALUE = "a path of its own for a dtype"
MISTAKES = (
    *mistakes_of("quick paths of a kernel", ("VAL-01",), *_PATHS),
    *mistakes_of(
        "kernels packed for each layout", ("LIFE-01",),
        ("corner_packed_first", "In channels_first, a step leaves the packed kernel as it was.", _PACKED),
    ),
    *mistakes_of(
        _VALUE, ("GRAD-07",),
        ("corner_gradients_scaled", "Gradients of float16 are scaled up, and overflow.", {"gradients": _scaled}),
        ("corner_gradients_silent", "The kernel gradient skips images without output gradient.",
         {"gradients": _silent}),
    ),
    *mistakes_of(
        "state that is put back", ("SIT-03",),
        ("corner_gradients_switch", "Gradients take the activation away for a moment.", {"gradients": _switched}),
    ),
    *mistakes_of(
        _VALUE, ("CONS-06",),
        ("corner_step_half", "A step of a float16 layer is a hundredth too long.",
         {"apply_gradients": _long_step}),
    ),
    *mistakes_of(
        _VALUE, ("CONS-04",),
        ("corner_constraint_half", "A constraint of a float16 layer sees float32.",
         _told_float32("kernel_constraint", "float16")),
    ),
    *mistakes_of(
        _VALUE, ("ACT-01",),
        ("corner_activation_double", "An activation of a float64 layer sees float32.",
         _told_float32("activation", "float64")),
    ),
    *mistakes_of(
        _VALUE, ("LOSS-01",),
        ("corner_penalty_double", "A penalty of a float64 layer sees float32.",
         _told_float32("kernel_regularizer", "float64")),
    ),
)  # fmt: skip
