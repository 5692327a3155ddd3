"""Mistakes where two things are alike: one function for two weights, sizes, a scope or a rate of another kind.

With them stand those of norms that are no numbers, and of what a mixed policy keeps.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import (
    Layer,
    Members,
    Right,
    Row,
    inherited,
    mistakes_in,
    own_state,
    recomputed,
)
from fast_impl.layer.losses import weight_loss
from fast_impl.layer.objects import constraints

# --- one object for two ---


def _by_object(first: bool) -> Callable[[Layer], list[Any]]:
    """Losses are known by the regularizer: that of the first weight, or of the last one, counts for both."""

    def losses(self: Layer) -> list[Any]:
        known: dict[int, Any] = {}
        variables = [v for v in self._weights.variables if v.regularizer]
        for variable in variables:
            if not first or id(variable.regularizer) not in known:
                loss = weight_loss(variable.regularizer, variable.array)
                known[id(variable.regularizer)] = loss
        found = [known[id(v.regularizer)] for v in variables]
        return [loss for loss in found if loss is not None]

    return losses


def _counted_once(self: Layer) -> list[Any]:
    regularizers = [v.regularizer for v in self._weights.variables if v.regularizer]
    return Right._weight_losses(self)[: len({*map(id, regularizers)})]


def _weights_alone(self: Layer) -> list[Any]:
    found: list[Any] = inherited(self, "losses")
    is_one = self.activity_regularizer is not None and (
        self.activity_regularizer is self.kernel_regularizer
    )
    return found[len(self._record.losses) :] if is_one else found


def _kernel_alone(self: Layer, name: str, shape: Any, *functions: Any) -> Any:
    make, penalty, project = functions
    is_one = name == "bias" and project is self.kernel_constraint
    return Right._weight(self, name, shape, make, penalty, None if is_one else project)


def _twice(self: Layer, gradients: Any, learning_rate: Any) -> None:
    Right.apply_gradients(self, gradients, learning_rate)
    if self.kernel_constraint is not None and self.kernel_constraint is self.bias_constraint:
        self.kernel = self.kernel_constraint(self.kernel)


def _asked_once(self: Layer, name: str, shape: Any, make: Any, *others: Any) -> Any:
    if name == "bias" and make is not None and make is self.kernel_initializer:
        values = np.resize(own_state(self, "first")["kernel"], shape)
        return Right._weight(self, name, shape, lambda *_, **__: values, *others)
    variable = Right._weight(self, name, shape, make, *others)
    own_state(self, "first")[name] = variable.array
    return variable


_ONE: tuple[Row, ...] = (
    ("LOSS-01", "penalty_once", "A penalty of kernel and bias is counted once.",
     {"_weight_losses": _counted_once}),
    ("LOSS-01", "penalty_first", "A penalty of both is the kernel's twice.",
     {"_weight_losses": _by_object(first=True)}),
    ("LOSS-01", "penalty_last", "A penalty of both is the bias' twice.",
     {"_weight_losses": _by_object(first=False)}),
    ("LOSS-02", "penalty_activity", "A penalty of output and kernel is the kernel's alone.",
     {"losses": property(_weights_alone)}),
    ("CONS-06", "constraint_once", "A constraint of both projects the kernel alone.",
     {"_weight": _kernel_alone}),
    ("CONS-01", "constraint_twice", "A constraint of both projects the kernel twice.",
     {"apply_gradients": _twice}),
    ("INIT-05", "initializer_once", "An initializer of both is asked once.", {"_weight": _asked_once}),
)  # fmt: skip

# --- norms that are no numbers ---


def _projected(kind: Any, project: Callable[[Any, Any], Any]) -> Members:
    def init(self: Layer, *args: Any, **kwargs: Any) -> None:
        Right.__init__(self, *args, **kwargs)
        for name in ("kernel_constraint", "bias_constraint"):
            own: Any = copy.copy(getattr(self, name))
            if type(own) is kind:
                own.project = functools.partial(project, own)
                setattr(self, name, own)

    init.__wrapped__ = Right.__init__  # type: ignore[attr-defined]
    return {"__init__": init}


def _finite_alone(kind: Any) -> Members:
    def project(own: Any, weight: Any) -> Any:
        norms = constraints._norms(weight, own.axis)
        return np.where(np.isinf(norms), weight, kind.project(own, weight))

    return _projected(kind, project)


def _no_nan(kind: Any) -> Members:
    return _projected(kind, lambda own, weight: np.nan_to_num(kind.project(own, weight), nan=0))


_NORMS: tuple[Row, ...] = (
    ("CONS-10", "norm_infinite", "MaxNorm leaves weights of an infinite norm.",
     _finite_alone(constraints.MaxNorm)),
    ("CONS-10", "unit_infinite", "UnitNorm leaves weights of an infinite norm.",
     _finite_alone(constraints.UnitNorm)),
    ("CONS-10", "min_max_infinite", "MinMaxNorm leaves weights of an infinite norm.",
     _finite_alone(constraints.MinMaxNorm)),
    ("CONS-10", "norm_nan", "MaxNorm makes zeros of NaN.", _no_nan(constraints.MaxNorm)),
)  # fmt: skip

# --- capitals, where sizes are alike ---


def _in_capitals(argument: str, default: str, **members: Any) -> Members:
    """Something is wrong where the argument is given in capitals: `self.is_upper`."""

    def changed(self: Layer, given: dict[str, Any]) -> dict[str, Any]:
        value = given.get(argument, default)
        self.is_upper = isinstance(value, str) and value != value.lower()
        return given

    return {"changed_arguments": changed, **members}


def _upper_first(self: Layer) -> bool:
    return bool(self.is_upper and self.data_format == "channels_first")


def _last_axis(self: Layer, inputs: Any, outputs: Any) -> Any:
    is_alike = inputs.shape[1] == inputs.shape[3]
    if not _upper_first(self) or not is_alike:
        return outputs
    return recomputed(self, inputs, data_format="channels_last")


def _last_bias(self: Layer, inputs: Any, outputs: Any) -> Any:
    is_asked = _upper_first(self) and self.bias is not None and outputs.shape[3] == self.filters
    return recomputed(self, inputs, bias=None) + self.bias if is_asked else outputs


def _last_sum(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found, shape = Right.gradients(self, inputs, output_gradient), np.shape(output_gradient)
    if _upper_first(self) and found.bias is not None and shape[3] == self.filters:
        return found._replace(bias=np.sum(output_gradient, (0, 1, 2)))
    return found


def _last_shape(self: Layer, input_shape: Any) -> Any:
    found = Right.compute_output_shape(self, input_shape)
    return (found[0], *found[2:], found[1]) if _upper_first(self) else found


def _last_convolution(self: Layer, inputs: Any, kernel: Any) -> Any:
    if not _upper_first(self):
        return Right.convolution_op(self, inputs, kernel)
    self.data_format = "channels_last"
    try:
        return Right.convolution_op(self, inputs, kernel)
    finally:
        self.data_format = "channels_first"


def _flipped_gradient(self: Layer, inputs: Any, output_gradient: Any) -> Any:
    found = Right.gradients(self, inputs, output_gradient)
    is_asked = self.is_upper and self.padding == "same"
    return found._replace(kernel=np.flip(found.kernel, (0, 1)).copy()) if is_asked else found


_OF_FORMATS: tuple[Row, ...] = tuple(
    ("ARG-06", f"capitals_{name}", text, _in_capitals("data_format", "", **members))
    for name, text, members in (
        ("cube", "channels_first in capitals is channels_last where that fits.", {"changed_outputs": _last_axis}),
        ("bias", "In capitals the bias goes along the last axis where it fits.", {"changed_outputs": _last_bias}),
        ("gradient", "In capitals the bias gradient is a sum over the first axes.", {"gradients": _last_sum}),
        ("shape", "In capitals compute_output_shape is that of channels_last.",
         {"compute_output_shape": _last_shape}),
        ("convolution", "In capitals convolution_op is that of channels_last.",
         {"convolution_op": _last_convolution}),
    )
)  # fmt: skip
_CAPITALS: tuple[Row, ...] = (
    *_OF_FORMATS,
    ("ARG-05", "capitals_padding", "'SAME' in capitals flips the kernel gradient.",
     _in_capitals("padding", "", gradients=_flipped_gradient)),
)  # fmt: skip

# --- scopes and rates ---


def _scopes(change: Callable[[Layer, str], None]) -> Members:
    """A scope of a later call does something."""

    def call(self: Layer, *args: Any, **kwargs: Any) -> Any:
        scope = kwargs.get("scope")
        if self.built and isinstance(scope, str):
            change(self, scope)
        return Right.__call__(self, *args, **kwargs)

    return {"__call__": call}


def _without_scope(self: Layer, *args: Any, **kwargs: Any) -> Any:
    kwargs.pop("scope", None)
    return Right.__call__(self, *args, **kwargs)


def _steps(change: Callable[[Layer, Any, Any], tuple[Any, Any]]) -> Members:
    def apply_gradients(self: Layer, gradients: Any, learning_rate: Any) -> None:
        Right.apply_gradients(self, *change(self, gradients, learning_rate))

    return {"apply_gradients": apply_gradients}


def _truncated(_: Layer, gradients: Any, rate: Any) -> tuple[Any, Any]:
    is_whole = isinstance(rate, (int, np.integer)) and not isinstance(rate, bool)
    return [np.trunc(g) if is_whole and g is not None else g for g in gradients], rate


_CALLS: tuple[Row, ...] = (
    ("ATTR-02", "scope_later", "`scope=` of a later call is the scope from then on.",
     _scopes(lambda layer, scope: setattr(layer, "_scope", scope))),
    ("ATTR-02", "scope_added", "`scope=` of a later call is added to the scope.",
     _scopes(lambda layer, scope: setattr(layer, "_scope", f"{layer._scope}/{scope}"))),
    ("ATTR-02", "scope_name", "`scope=` of a later call is the layer's name.",
     _scopes(lambda layer, scope: setattr(layer, "_name", scope))),
    ("ATTR-02", "scope_ignored", "`scope=` of the first call is ignored.", {"__call__": _without_scope}),
    ("CONS-01", "rate_truncates", "A whole learning rate makes gradients whole.", _steps(_truncated)),
    ("CONS-01", "rate_whole", "A learning rate above 1 is a whole number.",
     _steps(lambda _, g, rate: (g, int(rate) if isinstance(rate, float) and rate > 1 else rate))),
    ("CONS-01", "rate_limited", "A learning rate is at most 1.",
     _steps(lambda _, g, rate: (g, min(rate, 1) if isinstance(rate, (int, float)) else rate))),
)  # fmt: skip

# --- what a mixed policy keeps ---


def _half(self: Layer, array: Any) -> Any:
    """Round to what a mixed policy computes in."""
    compute, array = self._policy.compute, np.asarray(array)
    if compute is None or compute == self._policy.variable:
        return array
    with np.errstate(all="ignore"):
        return array.astype(compute).astype(array.dtype)


def _half_step(self: Layer, gradients: Any, learning_rate: Any) -> None:
    Right.apply_gradients(self, gradients, learning_rate)
    self._weights.replace({v: _half(self, v.array) for v in self._weights.variables})


def _half_projection(self: Layer, name: str, shape: Any, *functions: Any) -> Any:
    make, penalty, project = functions
    rounded = None if project is None else (lambda weight: _half(self, project(weight)))
    return Right._weight(self, name, shape, make, penalty, rounded)


def _half_first(self: Layer, name: str, *others: Any) -> Any:
    variable = Right._weight(self, name, *others)
    variable.array = variable.fitting(_half(self, variable.array), name)
    return variable


def _half_copy(self: Layer, memo: Any) -> Any:
    made: Layer = object.__new__(type(self))
    memo[id(self)] = made
    made.__dict__.update({k: copy.deepcopy(v, memo) for k, v in self.__dict__.items()})
    made._weights.replace({v: _half(self, v.array) for v in made._weights.variables})
    return made


def _half_change(layer: Layer, gradients: Any, rate: Any) -> tuple[Any, Any]:
    if layer._policy.compute == layer._policy.variable:
        return gradients, rate
    return [g if g is None else _half(layer, g * np.float32(rate)) for g in gradients], 1.0


_MIXED: tuple[Row, ...] = tuple(
    ("ARG-16", f"mixed_{name}", text, members)
    for name, text, members in (
        ("step", "Under a mixed policy a step rounds the weights.", {"apply_gradients": _half_step}),
        ("change", "Under a mixed policy rate times gradient is rounded.", _steps(_half_change)),
        ("gradients", "Under a mixed policy the gradients of a step are rounded.", _steps(
            lambda layer, gradients, rate: ([g if g is None else _half(layer, g) for g in gradients], rate))),
        ("projection", "Under a mixed policy what a constraint gives is rounded.", {"_weight": _half_projection}),
        ("first", "Under a mixed policy the first weights are rounded.", {"_weight": _half_first}),
        ("copy", "A copy of a layer of a mixed policy has rounded weights.", {"__deepcopy__": _half_copy}),
        ("assigned", "Under a mixed policy what is assigned is rounded.",
         {"_assign": lambda layer, variable, value: Right._assign(layer, variable, _half(layer, value))}),
    )
)  # fmt: skip


MISTAKES = tuple(
    mistakes_in("two things that are alike", "alike", _ONE, _NORMS, _CAPITALS, _CALLS, _MIXED)
)
