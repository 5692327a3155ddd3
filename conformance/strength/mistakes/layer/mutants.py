"""Mistakes of the kinds that mutants showed: what no case had asked about (docs/strength.md).

Policies that are objects, None in configurations, lists of numbers that are too large, truth values of arrays,
numbers of few bits, functions of the user's in configurations, shapes without axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.strength.mistakes.mistake import Layer, Members, Right, Row, mistakes_in

_Arguments = dict[str, Any]


def _given(change: Callable[[_Arguments], _Arguments]) -> Members:
    """Some of the constructor's arguments are others."""
    return {"changed_arguments": lambda _, given: {**given, **change(given)}}


# --- policies that are objects ---


def _policy(dtype_of: Callable[[Any], Any]) -> Members:
    def change(given: _Arguments) -> _Arguments:
        policy = given.get("dtype")
        return {"dtype": dtype_of(policy)} if hasattr(policy, "compute_dtype") else {}

    return _given(change)


_POLICIES: tuple[Row, ...] = (
    ("ARG-16", "policy_computes", "All of a policy that is an object is the dtype that it computes in.",
     _policy(lambda policy: policy.compute_dtype)),
    ("ARG-16", "policy_keeps", "All of a policy that is an object is the dtype of its weights.",
     _policy(lambda policy: policy.variable_dtype)),
    ("ARG-16", "policy_forgotten", "A policy that is an object has no effect.", _policy(lambda _: None)),
    ("ARG-16", "policy_mixed", "Any policy that is an object is a mixed one.",
     _policy(lambda _: "mixed_float16")),
    ("ARG-16", "policy_single", "A policy that is an object of one dtype is float32.",
     _policy(lambda p: p if p.compute_dtype != p.variable_dtype else "float32")),
)  # fmt: skip

# --- Python's own types, and integers beyond 63 bits ---


def _typed(name: type, dtype: str) -> Members:
    return _given(lambda given: {"dtype": dtype} if given.get("dtype") is name else {})


def _long_wrapped(given: _Arguments) -> _Arguments:
    form = given.get("kernel_initializer")
    value = form.get("config", {}).get("value") if isinstance(form, dict) else None
    if given.get("dtype") != "int32" or not isinstance(value, int):
        return {}
    wrapped = (value + 2**31) % 2**32 - 2**31
    return {"kernel_initializer": {"class_name": "Constant", "config": {"value": wrapped}}}


_TYPES: tuple[Row, ...] = (
    ("ARG-16", "type_float", "Python's float is float64.", _typed(float, "float64")),
    ("ARG-16", "type_int", "Python's int is int32.", _typed(int, "int32")),
    ("ARG-16", "type_complex", "Python's complex is float32.", _typed(complex, "float32")),
    ("INIT-07", "long_wraps", "An initializer's integer of any length wraps.", _given(_long_wrapped)),
)  # fmt: skip

# --- the dtype of an activity loss ---


def _activity_loss(dtype_of: Callable[[Layer, Any], Any]) -> Members:
    def losses(self: Layer) -> list[Any]:
        found: list[Any] = list(Right.losses.fget(self))  # type: ignore[attr-defined]
        if self.activity_regularizer is not None and found:
            found[0] = np.asarray(found[0]).astype(dtype_of(self, found[0].dtype))
        return found

    return {"losses": property(losses)}


_LOSSES: tuple[Row, ...] = (
    ("LOSS-02", "activity_of_layer", "The activity loss has the layer's dtype, not that of its output.",
     _activity_loss(lambda layer, _: layer._policy.compute)),
    ("LOSS-02", "activity_double", "The activity loss is a double, where the output is no half.",
     _activity_loss(lambda _, dtype: dtype if dtype.itemsize == 2 else np.float64)),
    ("LOSS-02", "activity_single", "The activity loss of doubles is a single.",
     _activity_loss(lambda _, dtype: np.float32 if dtype == np.float64 else dtype)),
    ("LOSS-02", "activity_of_integers", "The activity loss of integers is an integer.",
     _activity_loss(lambda layer, dtype: np.int32 if layer.dtype == "int32" else dtype)),
)  # fmt: skip

# --- None in the configuration of an initializer ---


def _none(**instead: Any) -> Members:
    """These options of an initializer, where they are None, are other ones."""

    def change(given: _Arguments) -> _Arguments:
        form = given.get("kernel_initializer")
        if not isinstance(form, dict) or not isinstance(form.get("config"), dict):
            return {}
        config = {k: instead.get(k) if v is None else v for k, v in form["config"].items()}
        return {"kernel_initializer": {**form, "config": config}}

    return _given(change)


def _whole_refused(given: _Arguments) -> _Arguments:
    form = given.get("kernel_initializer")
    config = form.get("config") if isinstance(form, dict) else None
    if (
        isinstance(config, dict)
        and given.get("dtype") is None
        and type(config.get("minval")) is int
    ):
        raise TypeError("minval must be a float")
    return {}


_NONE: tuple[Row, ...] = (
    ("INIT-05", "whole_minval", "RandomUniform of floats refuses an integer.", _given(_whole_refused)),
    ("INIT-05", "no_maxval", "RandomUniform up to None goes up to 0.05.", _none(maxval=0.05)),
    ("INIT-05", "no_maxval_zero", "RandomUniform up to None goes up to 0.", _none(maxval=0.0)),
    ("INIT-05", "no_minval", "RandomUniform from None goes from 0.", _none(minval=0.0)),
    ("INIT-05", "no_mean", "A mean of None is 0.", _none(mean=0.0)),
    ("INIT-05", "no_deviation", "A deviation of None is 0.05.", _none(stddev=0.05)),
    ("INIT-05", "no_constant", "A constant of None is 0.", _none(value=0.0)),
    ("INIT-05", "no_gain", "A gain of None is 1.", _none(gain=1.0)),
    ("INIT-05", "no_mode", "A mode of None is fan_in.", _none(mode="fan_in")),
    ("INIT-05", "no_scale", "A scale of None is 1.", _none(scale=1.0)),
)  # fmt: skip

# --- integers beyond 64 bits ---


def _constant(change: Callable[[int], int]) -> Members:
    def changed(given: _Arguments) -> _Arguments:
        form = given.get("kernel_initializer")
        if not isinstance(form, dict) or form.get("class_name") != "Constant":
            return {}
        value = form["config"]["value"]
        if not isinstance(value, int) or abs(value) < 2**63:
            return {}
        return {"kernel_initializer": {**form, "config": {"value": change(value)}}}

    return _given(changed)


def _refused(value: int) -> int:
    raise ValueError(f"{value} is no integer of 64 bits")


_WIDE: tuple[Row, ...] = (
    ("INIT-05", "constant_refused", "A constant of more than 64 bits is refused.", _constant(_refused)),
    ("INIT-05", "constant_wraps", "A constant of more than 64 bits wraps.",
     _constant(lambda value: value % 2**63)),
    ("INIT-05", "constant_cut", "A constant of more than 64 bits is the largest of 64 bits.",
     _constant(lambda _: 2**63 - 1)),
)  # fmt: skip

# --- lists of numbers ---


def _lists(change: Callable[[Any], Any]) -> Members:
    def convolution_op(self: Layer, inputs: Any, kernel: Any) -> Any:
        made = [change(x) if isinstance(x, list) else x for x in (inputs, kernel)]
        with np.errstate(all="ignore"):
            return Right.convolution_op(self, *made)

    return {"convolution_op": convolution_op}


def _singles(numbers: Any) -> Any:
    array = np.array(numbers)
    with np.errstate(over="ignore"):
        return array.astype(np.float32) if array.dtype.kind == "f" else numbers


def _wrapped(numbers: Any) -> Any:
    array = np.array(numbers)
    return array.astype(np.int32) if array.dtype.kind in "iu" else numbers


_LISTS: tuple[Row, ...] = (
    ("METH-04", "list_overflows", "Numbers of a list that are too large for float32 are infinite.",
     _lists(_singles)),
    ("METH-04", "list_wraps", "Integers of a list that are too large for int32 wrap.", _lists(_wrapped)),
    ("METH-04", "list_of_floats", "Integers of a list are float32.",
     _lists(lambda numbers: np.array(numbers, np.float32))),
)  # fmt: skip

# --- truth values of arrays ---


def _bias_if(truth: Callable[[Any], bool]) -> Members:
    def change(given: _Arguments) -> _Arguments:
        use = given.get("use_bias")
        return {"use_bias": truth(use)} if isinstance(use, np.ndarray) and use.ndim else {}

    return _given(change)


_TRUTH: tuple[Row, ...] = (
    ("ARG-08", "bias_any", "use_bias that is an array of two is true where one of them is.",
     _bias_if(lambda array: bool(array.any()))),
    ("ARG-08", "bias_size", "use_bias that is an array is true where it is not empty.",
     _bias_if(lambda array: array.size == 1 or bool(array.all()))),
    ("ARG-08", "bias_array", "use_bias that is an array is true.", _bias_if(lambda _: True)),
)  # fmt: skip

# --- numbers of few bits ---


def _short(name: str, most: int) -> Members:
    """Where an argument is given in 8 bits, an output as long as that is cut to what 8 bits count."""

    def changed_arguments(self: Layer, given: _Arguments) -> _Arguments:
        value = given.get(name)
        self.__dict__["wrong bits"] = isinstance(value, np.ndarray) and value.dtype.itemsize == 1
        return given

    def compute_output_shape(self: Layer, input_shape: Any) -> Any:
        batch, *rest = Right.compute_output_shape(self, input_shape)
        is_short = self.__dict__["wrong bits"]
        return (batch, *(n if n is None or not is_short else n % most for n in rest))

    def changed_outputs(self: Layer, _: Any, outputs: Any) -> Any:
        return outputs[:, : outputs.shape[1] % most] if self.__dict__["wrong bits"] else outputs

    return {
        "changed_arguments": changed_arguments,
        "compute_output_shape": compute_output_shape,
        "changed_outputs": changed_outputs,
    }


def _short_shape(self: Layer, input_shape: Any) -> Any:
    found: tuple[Any, ...] = Right.compute_output_shape(self, input_shape)
    if isinstance(input_shape, np.ndarray) and input_shape.dtype.itemsize == 1:
        return tuple(n % 256 for n in found)
    return found


_BITS: tuple[Row, ...] = (
    ("ARG-04", "strides_wrap", "Strides in 8 bits make sizes in 8 bits.", _short("strides", 256)),
    ("ARG-03", "kernel_wraps", "A kernel size in 8 bits makes sizes in 8 bits.", _short("kernel_size", 256)),
    ("SHAPE-09", "shape_wraps", "A shape in 8 bits makes sizes in 8 bits.",
     {"compute_output_shape": _short_shape}),
)  # fmt: skip

# --- functions of the user's in configurations ---


def _by_text(self: Layer) -> _Arguments:
    kept = self.activation
    if hasattr(kept, "__name__") or hasattr(kept, "get_config"):
        return Right.get_config(self)
    self.activation = type(self)(1, 1).activation
    try:
        return {**Right.get_config(self), "activation": str(kept)}
    finally:
        self.activation = kept


def _configured(change: Callable[[str, Any], Any]) -> Members:
    """What a configuration says of a user's function is changed: `change(argument, said)`."""

    def get_config(self: Layer) -> _Arguments:
        config = Right.get_config(self)
        for name, said in config.items():
            if isinstance(said, dict) and said.get("class_name") == "function":
                config[name] = change(name, said)
        return config

    return {"get_config": get_config}


def _default_for_unknown(cls: Any, config: _Arguments) -> Any:
    """What is no name is nothing."""
    kept = {
        name: None if isinstance(said, dict) and said.get("class_name") == "function" else said
        for name, said in config.items()
    }
    return Right.from_config.__func__(cls, kept)  # type: ignore[attr-defined]


_CONFIGURED: tuple[Row, ...] = (
    ("METH-06", "function_left_out", "A configuration has None for a user's function.",
     _configured(lambda *_: None)),
    ("METH-06", "function_linear", "A configuration has 'linear' for a user's activation.",
     _configured(lambda name, said: "linear" if name == "activation" else said)),
    ("METH-06", "function_unnamed", "A configuration does not name a user's function.",
     _configured(lambda _, said: {**said, "config": "function"})),
    ("METH-06", "function_as_object", "A configuration names a user's constraint as a class.",
     _configured(lambda name, said: {**said, "class_name": said["config"], "config": {}}
                 if name.endswith("constraint") else said)),
    ("METH-06", "function_forgotten", "from_config leaves out functions that it does not know.",
     {"from_config": classmethod(_default_for_unknown)}),
    ("METH-06", "function_by_text", "A configuration holds the text of an activation without a name.",
     {"get_config": _by_text}),
)  # fmt: skip

# --- the classes that all regularizers and constraints are made of ---


def _class_itself(argument: str, name: str, instead: Any) -> Members:
    def change(given: _Arguments) -> _Arguments:
        form = given.get(argument)
        is_it = isinstance(form, dict) and form.get("class_name") == name
        return {argument: instead} if is_it else {}

    return _given(change)


_BASES: tuple[Row, ...] = (
    ("LOSS-09", "base_regularizer_none", "Keras' Regularizer itself is none.",
     _class_itself("kernel_regularizer", "Regularizer", None)),
    ("LOSS-09", "base_regularizer_l2", "Keras' Regularizer itself is l2.",
     _class_itself("kernel_regularizer", "Regularizer", "l2")),
    ("CONS-04", "base_constraint", "Keras' Constraint itself is non_neg.",
     _class_itself("kernel_constraint", "Constraint", "non_neg")),
)  # fmt: skip

# --- shapes without axes ---


def _without_axes(method: str, make: Callable[[int], Any]) -> Members:
    def changed(self: Layer, shape: Any) -> Any:
        is_number = isinstance(shape, int) or (isinstance(shape, np.ndarray) and not shape.ndim)
        return getattr(Right, method)(self, make(int(shape)) if is_number else shape)

    return {method: changed}


_AXES: tuple[Row, ...] = (
    ("VAR-01", "channels_alone", "`build` takes a number for that of the channels.",
     _without_axes("build", lambda n: (None, None, None, n))),
    ("SHAPE-09", "shape_repeated", "compute_output_shape takes a number for all four.",
     _without_axes("compute_output_shape", lambda n: (n,) * 4)),
    ("SHAPE-09", "shape_of_nothing", "compute_output_shape takes a number for sizes that are unknown.",
     _without_axes("compute_output_shape", lambda n: (None, None, None, n))),
)  # fmt: skip

# --- vectors without numbers ---


def _no_vectors(name: str) -> Members:
    """The largest number of a vector is taken away, though the vector may have none."""

    def call(self: Layer, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        outputs = Right.__call__(self, inputs, *args, **kwargs)
        if getattr(self.activation, "__name__", "") == name:
            outputs.max(axis=-1)
        return outputs

    return {"__call__": call}


_EMPTY: tuple[Row, ...] = (
    ("SHAPE-11", "softmax_of_nothing", "softmax along an axis without numbers raises.", _no_vectors("softmax")),
    ("SHAPE-11", "log_softmax_of_nothing", "log_softmax along an axis without numbers raises.",
     _no_vectors("log_softmax")),
)  # fmt: skip

MISTAKES = tuple(
    mistakes_in(
        "what mutants showed", "mutant",
        _POLICIES, _TYPES, _LOSSES, _NONE, _WIDE, _LISTS, _TRUTH, _BITS, _CONFIGURED, _BASES, _AXES, _EMPTY,
    )
)  # fmt: skip
