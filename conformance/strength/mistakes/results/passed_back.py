"""Mistakes in what is passed back: through an activation, a frozen layer, after a step, beyond a format's range.

And what layers without initializers were not asked: weights that hardly change, products that are cut off, and
kernels and configurations that look right.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import fast_impl
from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    Row,
    channel_axis,
    mistakes_in,
    own_state,
    recomputed,
    sums,
    with_gradient,
)

_INPUTS, _KERNEL, _BIAS = range(3)


def _is_bent(layer: Layer) -> bool:
    return getattr(layer.activation, "__name__", "") != "linear"


def _gradients(change: Callable[[Layer, Any, Any, Any], Any]) -> Members:
    """Return what changes gradients: `change(layer, found, inputs, output gradient)`."""

    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        found = Right.gradients(self, inputs, output_gradient)
        return change(self, found, np.asarray(inputs), np.asarray(output_gradient))

    return {"gradients": gradients}


def _one(place: int, change: Callable[[Any, Any], Any], dtype: str) -> Members:
    """Return what changes one of the gradients in one dtype: `change(gradient, output gradient)`."""

    def changed(_: Layer, found: Any, inputs: Any, upstream: Any) -> Any:
        if inputs.dtype.name != dtype or found[place] is None:
            return found
        return with_gradient(found, place, change(found[place], upstream))

    return _gradients(changed)


# --- through an activation, or a layer that is frozen ---


def _in_place(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    is_frozen = isinstance(output_gradient, np.ndarray) and not output_gradient.flags.writeable
    if is_frozen and _is_bent(self):
        raise ValueError("output array is read-only")
    return Right.gradients(self, inputs, output_gradient)


def _of_the_same_elements(layer: Layer, found: Any, inputs: Any, upstream: Any) -> Any:
    known = own_state(layer, "slopes")
    key = upstream.shape, upstream.dtype.name, np.sort(upstream, None).tobytes(), inputs.tobytes()
    return known.setdefault(key, found) if _is_bent(layer) else found


def _frozen(is_bent: bool) -> Members:
    def stopped(layer: Layer, found: Any, _inputs: Any, _upstream: Any) -> Any:
        if layer.trainable or _is_bent(layer) is not is_bent:
            return found
        return with_gradient(found, _INPUTS, np.zeros_like(found.inputs))

    return _gradients(stopped)


# --- after a step ---


def _remembers(use: Callable[[Layer, Any, Any, Any, Any], Any]) -> Members:
    """Return what uses the weights before the last step in gradients, until others are set."""

    def apply_gradients(self: Layer, gradients: Any, learning_rate: Any) -> None:
        before = self.kernel, self.bias
        Right.apply_gradients(self, gradients, learning_rate)
        own_state(self, "step").update(before=before, after=self.kernel)

    def stale(layer: Layer, found: Any, inputs: Any, upstream: Any) -> Any:
        known = own_state(layer, "step")
        is_stale = known.get("after") is layer.kernel if known else False
        return use(layer, found, inputs, upstream, known["before"]) if is_stale else found

    return {"apply_gradients": apply_gradients, **_gradients(stale)}


def _options(layer: Layer) -> dict[str, Any]:
    return {
        "strides": layer.strides, "padding": layer.padding, "data_format": layer.data_format,
        "dilation_rate": layer.dilation_rate, "output_padding": layer.output_padding,
    }  # fmt: skip


def _stale_kernel(layer: Layer, found: Any, inputs: Any, upstream: Any, before: Any) -> Any:
    if _is_bent(layer):
        return found
    stale = fast_impl.conv2d_transpose_gradients(inputs, before[0], upstream, **_options(layer))
    return with_gradient(found, _INPUTS, stale.inputs)


def _stale_slope(layer: Layer, found: Any, inputs: Any, upstream: Any, before: Any) -> Any:
    if not _is_bent(layer) or not hasattr(layer.activation, "gradient"):
        return found
    total = sums(layer, inputs, kernel=before[0], bias=before[1])
    slopes = layer.activation.gradient(total, np.asarray(layer.activation(total)), upstream)
    made = fast_impl.conv2d_transpose_gradients(inputs, layer.kernel, slopes, **_options(layer))
    return made if layer.use_bias else with_gradient(made, _BIAS, None)


# --- weights that hardly change ---


def _is_close(one: Any, other: Any) -> bool:
    return one.shape == other.shape and one.dtype.kind == "f" and np.allclose(one, other)


def _assigns_what_differs(self: Layer, variable: Any, value: Any) -> None:
    if not _is_close(np.asarray(value), variable.array):
        Right._assign(self, variable, value)


def _steps_by_little(self: Layer, gradients: Any, learning_rate: Any) -> None:
    before = self.kernel
    Right.apply_gradients(self, gradients, learning_rate)
    own_state(self, "near").update(before=before, after=self.kernel)


def _calls_with_near(layer: Layer, inputs: Any, outputs: Any) -> Any:
    known = own_state(layer, "near")
    if not known or known["after"] is not layer.kernel:
        return outputs
    near = _is_close(known["before"], layer.kernel)
    return recomputed(layer, inputs, kernel=known["before"]) if near else outputs


# --- the edges of formats ---


def _largest(dtype: Any) -> float:
    return 65504.0 if dtype == np.float16 else 3.3895313892515355e38


def _saturated(gradient: Any, _: Any) -> Any:
    wide = gradient.astype(np.float32)
    limit = np.float32(_largest(gradient.dtype))
    return np.where(np.isinf(wide), np.copysign(limit, wide), wide).astype(gradient.dtype)


def _silent_filters(layer: Layer, found: Any, _: Any, upstream: Any) -> Any:
    axes = tuple(axis for axis in range(4) if axis != channel_axis(layer))
    kernel = np.array(found.kernel)
    kernel[:, :, ~upstream.any(axis=axes)] = 0
    return with_gradient(found, _KERNEL, kernel)


def _cut(wide: Any, like: Any) -> Any:
    """Return numbers of float64 in another format, toward zero."""
    near = wide.astype(like.dtype)
    with np.errstate(all="ignore"):
        above = np.abs(near.astype(np.float64)) > np.abs(wide)
        return np.where(above, np.nextafter(near, np.zeros_like(near)), near)


def _wide(array: Any) -> Any:
    return None if array is None else array.astype(np.float64)


def _cut_outputs(layer: Layer, inputs: Any, outputs: Any) -> Any:
    if outputs.dtype != np.float16 or _is_bent(layer) or not np.isfinite(outputs).all():
        return outputs
    exact = sums(layer, _wide(inputs), kernel=_wide(layer.kernel), bias=_wide(layer.bias))
    return _cut(exact, outputs)


def _cut_kernel(layer: Layer, found: Any, inputs: Any, upstream: Any) -> Any:
    if inputs.dtype.name != "bfloat16" or _is_bent(layer):
        return found
    arrays = map(_wide, (inputs, layer.kernel, upstream))
    exact = fast_impl.conv2d_transpose_gradients(*arrays, **_options(layer)).kernel
    return with_gradient(found, _KERNEL, _cut(exact, found.kernel))


# --- kernels and configurations that look right ---


def _orthogonal(sign: Callable[[Any], Any]) -> Members:
    """Return what makes signs of an orthogonal kernel: of its columns, or of its rows where it has fewer."""

    def build(self: Layer, input_shape: Any) -> None:
        Right.build(self, input_shape)
        if type(self.kernel_initializer).__name__ == "Orthogonal":
            kernel = self.kernel
            matrix = kernel.reshape(-1, kernel.shape[3])
            turned = matrix.T if matrix.shape[0] < matrix.shape[1] else matrix
            signed = turned * np.where(sign(turned) < 0, -1, 1)
            self.kernel = (signed if turned is matrix else signed.T).reshape(kernel.shape)

    return {"build": build}


def _config(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Members:
    def from_config(cls: Any, config: Any) -> Any:
        return cls(**change(dict(copy.deepcopy(config))))

    return {"from_config": classmethod(from_config)}


_KNOWN = {
    *inspect.signature(fast_impl.Conv2DTranspose).parameters,
    "dilation_rate", "output_padding", "dtype", "groups", "batch_input_shape", "autocast", "weights",
}  # fmt: skip


def _known_alone(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key in _KNOWN}


_ROWS: tuple[Row, ...] = (
    ("SIT-01", "read_only", "A slope is multiplied in place: read-only output gradients are refused.",
     {"gradients": _in_place}),
    ("SIT-02", "same_elements", "Gradients through an activation are known by the elements of the output's.",
     _gradients(_of_the_same_elements)),
    ("GRAD-01", "frozen", "A frozen layer passes no gradient on.", _frozen(is_bent=False)),
    ("GRAD-01", "frozen_bent", "A frozen layer with an activation passes no gradient on.", _frozen(is_bent=True)),
    ("LIFE-01", "stale_kernel", "After a step the inputs' gradient has the kernel of before.",
     _remembers(_stale_kernel)),
    ("LIFE-01", "stale_slope", "After a step slopes are those at the sums of before.", _remembers(_stale_slope)),
    ("LIFE-01", "near_assigned", "What is assigned changes nothing where it is nearly the same.",
     {"_assign": _assigns_what_differs}),
    ("LIFE-01", "near_step", "A step by little is not seen by calls.",
     {"apply_gradients": _steps_by_little, "changed_outputs": _calls_with_near}),
    ("GRAD-07", "silent_filter", "A filter whose output gradient is zero is left out of the kernel's gradient.",
     _gradients(_silent_filters)),
    ("GRAD-07", "half_saturated", "The kernel's gradient in float16 ends at 65504.",
     _one(_KERNEL, _saturated, "float16")),
    ("GRAD-07", "bias_saturated", "The bias' gradient in float32 ends at the largest number.",
     _one(_BIAS, _saturated, "float32")),
    ("DTYPE-02", "half_cut", "Results in float16 are cut off, not rounded.", {"changed_outputs": _cut_outputs}),
    ("GRAD-01", "bfloat16_cut", "Kernel gradients in bfloat16 are cut off, not rounded.", _gradients(_cut_kernel)),
    ("INIT-05", "row_positive", "The first row of an orthogonal kernel is positive.",
     _orthogonal(lambda matrix: matrix[0])),
    ("INIT-05", "diagonal_negative", "An orthogonal kernel has a negative diagonal, as decompositions make it.",
     _orthogonal(lambda matrix: -matrix.diagonal())),
    ("METH-06", "unknown_keys", "from_config leaves out what it does not know.", _config(_known_alone)),
    ("METH-06", "default_filters", "from_config makes one filter where none are told.",
     _config(lambda config: {"filters": 1, **config})),
)  # fmt: skip


MISTAKES = tuple(mistakes_in("written without a look at the cases", "back", _ROWS))
