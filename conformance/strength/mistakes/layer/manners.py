"""Mistakes about manners: what a step takes, what a question or an error leaves behind, batches without images."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    Row,
    channel_axis,
    mistakes_in,
    own_state,
    recomputed,
    spatial_axes,
)

# --- the step ---


def _steps(change: Callable[[Layer, Any, Any], tuple[Any, Any]]) -> Members:
    def apply_gradients(self: Layer, gradients: Any, learning_rate: Any) -> None:
        Right.apply_gradients(self, *change(self, gradients, learning_rate))

    return {"apply_gradients": apply_gradients}


def _single_rate(layer: Layer, gradients: Any, rate: Any) -> tuple[Any, Any]:
    is_double = layer.built and layer.kernel.dtype == np.float64 and isinstance(rate, float)
    return gradients, float(np.float32(rate)) if is_double else rate


def _by_memory(gradient: Any) -> Any:
    if isinstance(gradient, np.ndarray) and not gradient.flags.c_contiguous:
        return np.ravel(gradient, order="K").reshape(gradient.shape)
    return gradient


def _writeable(gradient: Any) -> Any:
    if isinstance(gradient, np.ndarray) and not gradient.flags.writeable:
        raise ValueError("buffer source array is read-only")
    return gradient


def _each(change: Callable[[Any], Any]) -> Members:
    return _steps(lambda _, gradients, rate: ([change(g) for g in gradients], rate))


def _projects_all(self: Layer, gradients: Any, learning_rate: Any) -> None:
    Right.apply_gradients(self, gradients, learning_rate)
    if gradients[0] is None and self.kernel_constraint is not None:
        self.kernel = self.kernel_constraint(self.kernel)


def _bias_of_before(self: Layer, gradients: Any, learning_rate: Any) -> None:
    before = self.bias
    Right.apply_gradients(self, gradients, learning_rate)
    own_state(self, "bias").update(before=before, after=self.bias, stale=gradients[0] is None)


def _stale_bias(layer: Layer, inputs: Any, outputs: Any) -> Any:
    known = own_state(layer, "bias")
    is_stale = known.get("stale") and known["after"] is layer.bias
    return recomputed(layer, inputs, bias=known["before"]) if is_stale else outputs


_STEP: tuple[Row, ...] = (
    ("CONS-01", "negative_rate", "A negative learning rate is made positive.",
     _steps(lambda _, gradients, rate: (gradients, abs(rate)))),
    ("CONS-01", "double_rate", "A float64 layer has its learning rate as float32.", _steps(_single_rate)),
    ("SIT-01", "gradient_by_memory", "A step reads gradients in the order of memory.", _each(_by_memory)),
    ("SIT-01", "gradient_read_only", "A step refuses gradients that are read-only.", _each(_writeable)),
    ("CONS-06", "no_gradient_projected", "A kernel without a gradient is projected.",
     {"apply_gradients": _projects_all}),
    ("CONS-06", "no_gradient_stale", "After a step of the bias alone calls use the bias of before.",
     {"apply_gradients": _bias_of_before, "changed_outputs": _stale_bias}),
)  # fmt: skip

# --- errors, questions, configurations ---


def _around_activation(otherwise: Callable[[Any, Exception], Any]) -> Members:
    def call(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        real = self.activation
        if type(real).__module__.startswith("fast_impl"):
            return Right.__call__(self, inputs, *args, **kwargs)

        def guarded(sums: Any) -> Any:
            try:
                return real(sums)
            except ArithmeticError as error:
                return otherwise(sums, error)

        self.activation = guarded
        try:
            return Right.__call__(self, inputs, *args, **kwargs)
        finally:
            self.activation = real

    return {"__call__": call}


def _as_runtime_error(_: Any, error: Exception) -> Any:
    raise RuntimeError(str(error)) from error


def _drops_a_row(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    try:
        return Right.gradients(self, inputs, output_gradient)
    except ValueError:
        kernel = np.array(self.kernel)
        kernel[-1] = 0
        self.kernel = kernel
        raise


def _emptied(self: Layer, *positional: Any, **arguments: Any) -> None:
    forms = [value for value in arguments.values() if isinstance(value, dict)]
    Right.__init__(self, *positional, **{k: copy.deepcopy(v) for k, v in arguments.items()})
    for form in forms:
        form.get("config", {}).clear()


_emptied.__wrapped__ = Right.__init__  # type: ignore[attr-defined]


def _forgets(method: str) -> Members:
    """A question is taken for a call without losses."""

    def asked(self: Layer, *args: Any) -> Any:
        found = getattr(Right, method)(self, *args)
        self._record = type(self._record)()
        return found

    return {method: asked}


def _records(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    if self.activity_regularizer and self.built:
        self(inputs)
    return Right.gradients(self, inputs, output_gradient)


def _unbuilt_again(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    layer = self if self.built else copy.deepcopy(self)
    return Right.gradients(layer, inputs, output_gradient)


_ASKED: tuple[Row, ...] = (
    ("GRAD-01", "gradients_unbuilt", "Gradients do not build the layer.", {"gradients": _unbuilt_again}),
    ("ACT-01", "activation_error", "Where the activation raises, the output is linear.",
     _around_activation(lambda sums, _: sums)),
    ("ACT-01", "activation_error_class", "What the activation raises becomes a RuntimeError.",
     _around_activation(_as_runtime_error)),
    ("LIFE-04", "refused_gradient", "A refused output gradient leaves the kernel without its last row.",
     {"gradients": _drops_a_row}),
    ("VAL-03", "configuration_emptied", "The constructor empties the configurations that it is given.",
     {"__init__": _emptied}),
    ("LOSS-05", "convolution_forgets", "convolution_op forgets the activity loss.", _forgets("convolution_op")),
    ("LOSS-05", "shape_forgets", "compute_output_shape forgets the activity loss.",
     _forgets("compute_output_shape")),
    ("LOSS-05", "gradients_record", "Gradients leave the activity loss of their own input.",
     {"gradients": _records}),
)  # fmt: skip

# --- batches ---


def _two_replicas(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    outputs = Right.__call__(self, inputs, *args, **kwargs)
    if np.ndim(inputs) == 4 and len(inputs) >= 8:
        self._record.losses[:] = [loss + loss for loss in self._record.losses]
    return outputs


def _builds_nothing(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if np.ndim(inputs) == 4 and len(inputs) == 0 and not self.built:
        return Right.__call__(copy.deepcopy(self), inputs, *args, **kwargs)
    return Right.__call__(self, inputs, *args, **kwargs)


def _any_channels(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if self.built and np.ndim(inputs) == 4 and np.size(inputs) == 0:
        shape = list(inputs.shape)
        shape[channel_axis(self)] = self.kernel.shape[3]
        inputs = np.zeros(shape, inputs.dtype)
    return Right.__call__(self, inputs, *args, **kwargs)


def _single_where_empty(_: Layer, inputs: Any, outputs: Any) -> Any:
    return outputs if len(inputs) or outputs.dtype.kind != "f" else outputs.astype(np.float32)


def _as_many_pixels(layer: Layer, inputs: Any, outputs: Any) -> Any:
    height, width = spatial_axes(layer)
    count = inputs.shape[height] * inputs.shape[width]
    rows = own_state(layer, "rows").setdefault((len(inputs), count), inputs.shape[height])
    if rows == inputs.shape[height] or not inputs.size or layer.data_format != "channels_last":
        return outputs
    image = np.ascontiguousarray(inputs).reshape(len(inputs), rows, -1, inputs.shape[3])
    return np.resize(recomputed(layer, image), outputs.shape)


_BATCHES: tuple[Row, ...] = (
    ("LOSS-02", "two_replicas", "From eight images on two halves each have their loss divided.",
     {"__call__": _two_replicas}),
    ("SHAPE-11", "empty_unbuilt", "A call without images does not build the layer.",
     {"__call__": _builds_nothing}),
    ("SHAPE-11", "empty_unchecked", "Inputs that are empty may have any channels.", {"__call__": _any_channels}),
    ("SHAPE-11", "empty_dtype", "The output of a batch without images is float32.",
     {"changed_outputs": _single_where_empty}),
    ("VAL-02", "as_many_pixels", "An image of as many pixels as another one has its rows.",
     {"changed_outputs": _as_many_pixels}),
)  # fmt: skip


MISTAKES = tuple(mistakes_in("a use that few have tried", "manners", _STEP, _ASKED, _BATCHES))
