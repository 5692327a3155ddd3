"""Mistakes in what a layer answers after something has changed or was refused, and in options that few give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    inherited,
    mistakes_of,
    own_state,
    recomputed,
    spatial_axes,
)


def _uses_up(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return Right.__call__(self, inputs, *args, **kwargs)
    except Exception:
        self._initial_weights = None
        raise


def _builds_all_the_same(self: Layer, input_shape: Any) -> None:
    try:
        Right.build(self, input_shape)
    except ValueError:
        self.built = True
        raise


def _builds_once(self: Layer, input_shape: Any) -> None:
    Right.build(self, input_shape)
    own_state(self, "first").setdefault("kernel", self._kernel)


def _of_the_first(self: Layer, inputs: Any, outputs: Any) -> Any:
    first = own_state(self, "first").get("kernel")
    newest = first is None or first is self._kernel
    return outputs if newest else recomputed(self, inputs, kernel=first.array)


def _projects(self: Layer, value: Any) -> None:
    if callable(self.kernel_constraint):
        value = self.kernel_constraint(np.array(value, self.kernel.dtype))
    Right.kernel.fset(self, value)  # type: ignore[attr-defined]


def _without_penalties(self: Layer) -> list[Any]:
    found: list[Any] = inherited(self, "losses")
    frozen = self.built and not self.trainable and any(v.trainable for v in self._weights.variables)
    return found[:0] if frozen else found


def _told(change: Callable[[Layer, dict[str, Any]], dict[str, Any]]) -> Members:
    """A configuration that is changed."""
    return {"get_config": lambda self: change(self, Right.get_config(self))}


def _at_construction(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
    own_state(self, "given").update(
        trainable=given.get("trainable", True), dtype=given.get("dtype")
    )
    return given


def _trainable_then(self: Layer, config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "trainable": own_state(self, "given")["trainable"]}


def _dtype_given(self: Layer, config: dict[str, Any]) -> dict[str, Any]:
    given = own_state(self, "given")["dtype"]
    return {**config, "dtype": None} if given is None else config


def _last_part(self: Layer) -> str:
    scope: str = inherited(self, "scope_name")
    return scope.rsplit("/", 1)[-1]


def _typed(self: Layer) -> Any:
    name = inherited(self, "dtype")
    return np.dtype(name) if name == "float64" and self.built else name


def _shape(change: Callable[[Layer, tuple[Any, ...], list[Any]], list[Any]]) -> Members:
    def compute(self: Layer, shape: Any) -> tuple[Any, ...]:
        found = [*Right.compute_output_shape(self, shape)]
        return tuple(change(self, tuple(shape), found))

    return {"compute_output_shape": compute}


def _zero_rows(layer: Layer, shape: tuple[Any, ...], found: list[Any]) -> list[Any]:
    for axis in spatial_axes(layer):
        found[axis] = 0 if shape[axis] == 0 else found[axis]
    return found


def _python_sizes(_: Layer, shape: tuple[Any, ...], found: list[Any]) -> list[Any]:
    return [size if isinstance(given, int) else None for size, given in zip(found, shape)]


def _tries(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
    if not self.built and not hasattr(self.activation, "gradient"):
        self.activation(np.zeros((1, 1, 1, 1), np.float32))
    return Right.__call__(self, inputs, *args, **kwargs)


def _configured(argument: str, name: str, change: Callable[[dict[str, Any]], None]) -> Members:
    """The options of an object that is given by its configuration are changed."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        form = given.get(argument)
        if isinstance(form, dict) and form.get("class_name") == name:
            config = dict(form["config"])
            change(config)
            return {**given, argument: {**form, "config": config}}
        return given

    return {"changed_arguments": changed}


def _no_zero(config: dict[str, Any]) -> None:
    config["max_value"] = config.get("max_value") or 2.0


def _sorted_limits(config: dict[str, Any]) -> None:
    low, high = config.get("min_value", 0.0), config.get("max_value", 1.0)
    config.update(min_value=min(low, high), max_value=max(low, high))


def _outer_ring(self: Layer, gradients: Any, learning_rate: Any) -> None:
    Right.apply_gradients(self, gradients, learning_rate)
    is_radial = type(self.kernel_constraint).__name__ == "RadialConstraint"
    if is_radial and self.kernel.shape[0] >= 6:
        kernel = np.array(self.kernel)
        kernel[[0, -1]], kernel[:, [0, -1]] = kernel[1, 1], kernel[1, 1]
        self.kernel = kernel


def _slopes(name: str, change: Callable[[Any], Any]) -> Members:
    """The derivative of one Keras layer is another function."""

    def gradients(self: Layer, inputs: Any, output_gradient: Any) -> Any:
        if type(self.activation).__name__ == name:
            self.activation.derivative = change(self.activation)
        return Right.gradients(self, inputs, output_gradient)

    return {"gradients": gradients}


def _at_theta(activation: Any) -> Any:
    return lambda x, _, g: g * (x >= activation.theta)


def _last_axis(_: Any) -> Any:
    return lambda _, y, g: y * (g - (g * y).sum(axis=-1, keepdims=True))


def _those_there_are(self: Layer) -> list[Any]:
    found = Right.loss_gradients(self)
    there = [g for g in found if g is not None]
    return there + [None] * (len(found) - len(there))


def _reversed(self: Layer) -> list[Any]:
    found: list[Any] = inherited(self, "losses")
    return found if self.kernel_regularizer else found[::-1]


def _adds_up(self: Layer, *args: Any, **kwargs: Any) -> Any:
    before = list(self._record.losses)
    outputs = Right.apply(self, *args, **kwargs)
    self._record.losses[:0] = before
    return outputs


def _as_wide_as_the_rate(self: Layer, gradients: Any, learning_rate: Any) -> None:
    Right.apply_gradients(self, gradients, learning_rate)
    if isinstance(learning_rate, np.float64):
        for variable in self._weights.variables:
            variable.array = variable.array.astype(np.float64)


def _widens(self: Layer, inputs: Any) -> Any:
    narrow = getattr(inputs, "dtype", None) == np.float16
    return (
        inputs.astype(np.float32) if narrow and self.dtype == "float32" and self.built else inputs
    )


_ROWS: tuple[tuple[str, str, str, Members], ...] = (
    ("ARG-17", "weights_used_up", "A first call that is refused uses `weights=` up.", {"__call__": _uses_up}),
    ("VAR-14", "refused_build", "A build that is refused marks the layer as built.",
     {"build": _builds_all_the_same}),
    ("VAR-15", "first_build", "After a second build calls use the first kernel.",
     {"build": _builds_once, "changed_outputs": _of_the_first}),
    ("CONS-01", "assigned_projected", "An assignment to the kernel is projected.",
     {"kernel": property(Right.kernel.fget, _projects)}),  # type: ignore[attr-defined]
    ("VAR-06", "frozen_losses", "A layer that is frozen after its build lists no losses.",
     {"losses": property(_without_penalties)}),
    ("METH-06", "config_trainable", "The configuration tells `trainable` as it was at first.",
     {"changed_arguments": _at_construction, **_told(_trainable_then)}),
    ("METH-06", "config_groups", "The configuration tells groups as 1.", _told(lambda _, c: {**c, "groups": 1})),
    ("DTYPE-01", "config_dtype", "The configuration does not tell a dtype that the input has decided.",
     {"changed_arguments": _at_construction, **_told(_dtype_given)}),
    ("DTYPE-01", "dtype_object", "The attribute `dtype` becomes an object.", {"dtype": property(_typed)}),
    ("ATTR-02", "scope_part", "Of a name with a slash the scope has the last part.",
     {"scope_name": property(_last_part)}),
    ("SHAPE-11", "batch_unknown", "compute_output_shape takes a batch of 0 for an unknown one.",
     _shape(lambda _, __, found: [found[0] or None, *found[1:]])),
    ("SHAPE-11", "rows_none", "compute_output_shape of an image without rows has none.", _shape(_zero_rows)),
    ("SHAPE-09", "sizes_unknown", "compute_output_shape takes NumPy's integers for unknown.",
     _shape(_python_sizes)),
    ("LOSS-04", "losses_without_kernel", "Without that of the kernel, losses come in reverse.",
     {"losses": property(_reversed)}),
    ("ACT-01", "activation_tried", "The first call tries the activation on a zero.", {"__call__": _tries}),
    ("CONS-07", "norm_zero", "A largest norm of 0 is 2.", _configured("kernel_constraint", "MaxNorm", _no_zero)),
    ("CONS-07", "norm_sorted", "Limits of a norm are sorted.",
     _configured("kernel_constraint", "MinMaxNorm", _sorted_limits)),
    ("CONS-12", "radial_outer", "From 6x6 on the outermost ring is like the next one.",
     {"apply_gradients": _outer_ring}),
    ("GRAD-06", "threshold_slope", "ThresholdedReLU lets the gradient at its threshold pass.",
     _slopes("ThresholdedReLU", _at_theta)),
    ("GRAD-06", "softmax_axis_slope", "The gradient of softmax runs over the last axis.",
     _slopes("Softmax", _last_axis)),
    ("GRAD-04", "penalties_in_front", "loss_gradients tells what there is, and then None.",
     {"loss_gradients": _those_there_are}),
    ("METH-01", "apply_adds", "apply keeps the activity loss of the call before.", {"apply": _adds_up}),
    ("CONS-01", "rate_wide", "A learning rate that is np.float64 widens the weights.",
     {"apply_gradients": _as_wide_as_the_rate}),
    ("DTYPE-04", "half_widened", "float16 is widened to float32.", {"changed_inputs": _widens}),
)  # fmt: skip

MISTAKES = tuple(
    mistake
    for clause, name, text, members in _ROWS
    for mistake in mistakes_of(
        "a case that few callers have", (clause,), (f"answer_{name}", text, members)
    )
)
