"""Mistakes about what is passed in: weights of another shape, functions, sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from conformance.model.values.codec import Array
from conformance.strength.mistakes.mistake import Layer, Members, Right, mistakes_of


def _lenient_weights(mend: Callable[[Array, tuple[int, ...]], Array]) -> Members:
    """Weights of the right size are made to fit."""

    def set_weights(self: Layer, weights: Any) -> None:
        given = weights
        if isinstance(weights, list):
            now = Right.get_weights(self)
            given = [
                mend(np.asarray(w), n.shape)
                if np.size(w) == n.size and np.shape(w) != n.shape
                else w
                for w, n in zip(weights, now)
            ] + weights[len(now) :]
        Right.set_weights(self, given)

    return {"set_weights": set_weights}


def _sorted_alike(array: Array, shape: tuple[int, ...]) -> Array:
    return array.reshape(shape) if sorted(array.shape) == sorted(shape) else array


def _any_rank(array: Array, shape: tuple[int, ...]) -> Array:
    return array.reshape(shape) if array.ndim != len(shape) else array


def _one_column(array: Array, shape: tuple[int, ...]) -> Array:
    return array.reshape(shape) if len(shape) == 1 else array


def _wrapping(argument: str, wrap: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Members:
    """A function that is passed in is called in a way of its own."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        function = given.get(argument)
        return {**given, argument: wrap(function)} if callable(function) else given

    return {"changed_arguments": changed}


def _each_image(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(y: Array) -> Any:
        parts = (
            [function(image[None]) for image in y]
            if np.ndim(y) == 4 and len(y) > 1
            else [function(y)]
        )
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    return call


def _each_channel(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y: np.concatenate([function(y[..., [c]]) for c in range(np.shape(y)[-1])], -1)


def _flattened(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y: np.reshape(function(np.reshape(y, -1)), np.shape(y))


def _as_matrix(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(y: Array) -> Any:
        return np.reshape(function(np.reshape(y, (-1, np.shape(y)[-1]))), np.shape(y))

    return call


def _turned_about(function: Callable[..., Any]) -> Callable[..., Any]:
    """Called in the other layout, and the result turned back."""

    def call(y: Array) -> Any:
        found = function(np.moveaxis(y, -1, 0))
        return np.moveaxis(found, 0, -1) if np.ndim(found) else found

    return call


def _called_twice(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **keywords: Any) -> Any:
        function(*given, **keywords)
        return function(*given, **keywords)

    return call


def _widened(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(y: Array) -> Any:
        found = function(np.asarray(y, np.float64))
        return np.asarray(found, y.dtype) if np.ndim(found) else found

    return call


def _wide_values(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda shape, **more: function(shape, **{**more, "dtype": "float64"})


def _flat_values(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(shape: Any, dtype: Any = None, **more: Any) -> Any:
        return np.reshape(function((int(np.prod(shape)),), dtype=dtype, **more), shape)

    return call


def _other_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """Asked for the kernel of a convolution, with the channels exchanged."""

    def call(shape: Any, dtype: Any = None, **more: Any) -> Any:
        if len(shape) != 4:
            return function(shape, dtype=dtype, **more)
        found = function((*shape[:2], shape[3], shape[2]), dtype=dtype, **more)
        return np.swapaxes(found, 2, 3) if np.ndim(found) == 4 else found

    return call


def _at_least_1d(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda r: function(np.ravel(r))


def _iterated_twice(argument: str) -> Members:
    """The values are checked in one pass and read in another: nothing is left of a generator."""

    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        value: Any = given.get(argument)
        if hasattr(value, "__next__"):
            list(value)
        return given

    return {"changed_arguments": changed}


def _python_numbers_only(argument: str) -> Members:
    def changed(_: Layer, given: dict[str, Any]) -> dict[str, Any]:
        value = given.get(argument)
        if isinstance(value, (tuple, np.ndarray)) and any(isinstance(n, np.generic) for n in value):
            raise TypeError(f"{argument} holds no integers")
        return given

    return {"changed_arguments": changed}


def _shape_of_tuples(self: Layer, input_shape: Any) -> None:
    if not isinstance(input_shape, tuple):
        raise TypeError("a shape is a tuple")
    Right.build(self, input_shape)


_WEIGHTS_PASSED = (
    ("passed_right_size", "Weights of the right size are reshaped.", _lenient_weights(np.reshape)),
    (
        "passed_transposed",
        "Weights whose sizes are exchanged are reshaped.",
        _lenient_weights(_sorted_alike),
    ),
    ("passed_other_rank", "Weights of another rank are reshaped.", _lenient_weights(_any_rank)),
    ("passed_column", "A bias that is a row or a column is taken.", _lenient_weights(_one_column)),
)
_ACTIVATIONS_PASSED = (
    (
        "passed_activation_flat",
        "The activation is given a flat array.",
        _wrapping("activation", _flattened),
    ),
    (
        "passed_activation_matrix",
        "The activation is given a matrix, a row for each pixel.",
        _wrapping("activation", _as_matrix),
    ),
    (
        "passed_activation_turned",
        "The activation is given the channels first where they are last.",
        _wrapping("activation", _turned_about),
    ),
    (
        "passed_activation_channels",
        "The activation is called for each channel.",
        _wrapping("activation", _each_channel),
    ),
    (
        "passed_activation_twice",
        "The activation is called twice, and the second result taken.",
        _wrapping("activation", _called_twice),
    ),
    (
        "passed_activation_wide",
        "The activation is given float64.",
        _wrapping("activation", _widened),
    ),
)
_INITIALIZERS_PASSED = (
    (
        "passed_initializer_flat",
        "Initializers are asked for flat arrays.",
        _wrapping("kernel_initializer", _flat_values),
    ),
    (
        "passed_initializer_order",
        "The kernel's initializer is asked for (height, width, in, out).",
        _wrapping("kernel_initializer", _other_order),
    ),
    (
        "passed_initializer_twice",
        "The kernel's initializer is called twice.",
        _wrapping("kernel_initializer", _called_twice),
    ),
    (
        "passed_initializer_wide",
        "The kernel's initializer is asked for float64.",
        _wrapping("kernel_initializer", _wide_values),
    ),
    (
        "passed_initializer_bias",
        "The bias' initializer is asked for float64.",
        _wrapping("bias_initializer", _wide_values),
    ),
)
_REGULARIZERS_PASSED = (
    (
        "passed_regularizer_flat",
        "The kernel's regularizer is given a flat array.",
        _wrapping("kernel_regularizer", _at_least_1d),
    ),
    (
        "passed_regularizer_turned",
        "The kernel's regularizer is given the kernel in another layout.",
        _wrapping("kernel_regularizer", _turned_about),
    ),
    (
        "passed_regularizer_wide",
        "The kernel's regularizer is given float64.",
        _wrapping("kernel_regularizer", _widened),
    ),
    (
        "passed_activity_flat",
        "The activity regularizer is given a flat array.",
        _wrapping("activity_regularizer", _at_least_1d),
    ),
    (
        "passed_activity_twice",
        "The activity regularizer is called twice.",
        _wrapping("activity_regularizer", _called_twice),
    ),
)
_CONSTRAINTS_PASSED = (
    (
        "passed_constraint_flat",
        "The kernel's constraint is given a flat array.",
        _wrapping("kernel_constraint", _flattened),
    ),
    (
        "passed_constraint_matrix",
        "The kernel's constraint is given a matrix.",
        _wrapping("kernel_constraint", _as_matrix),
    ),
    (
        "passed_constraint_turned",
        "The kernel's constraint is given the kernel in another layout.",
        _wrapping("kernel_constraint", _turned_about),
    ),
    (
        "passed_constraint_twice",
        "The kernel's constraint is called twice, on the same weight.",
        _wrapping("kernel_constraint", _called_twice),
    ),
    (
        "passed_constraint_wide",
        "The kernel's constraint is given float64.",
        _wrapping("kernel_constraint", _widened),
    ),
)
_FORMS_PASSED = (
    (
        "passed_strides_generator",
        "Strides from a generator are read twice.",
        _iterated_twice("strides"),
        "ARG-04",
    ),
    (
        "passed_dilation_generator",
        "Rates from a generator are read twice.",
        _iterated_twice("dilation_rate"),
        "ARG-12",
    ),
    (
        "passed_padding_generator",
        "Output padding from a generator is read twice.",
        _iterated_twice("output_padding"),
        "ARG-14",
    ),
    (
        "passed_dilation_numpy",
        "NumPy's integers are refused as rates.",
        _python_numbers_only("dilation_rate"),
        "ARG-12",
    ),
    (
        "passed_padding_numpy",
        "NumPy's integers are refused as output padding.",
        _python_numbers_only("output_padding"),
        "ARG-14",
    ),
    ("passed_shape_tuple", "`build` takes a tuple only.", {"build": _shape_of_tuples}, "VAR-01"),
)


_ORDER = "github.com/tensorflow/tensorflow/issues/31192"
MISTAKES = (
    *mistakes_of("reshape instead of a check", ("METH-07",), *_WEIGHTS_PASSED),
    *mistakes_of("a kernel on flat memory", ("ACT-01",), *_ACTIVATIONS_PASSED),
    *mistakes_of(_ORDER, ("INIT-05",), *_INITIALIZERS_PASSED),
    *mistakes_of("weight decay on flat memory", ("LOSS-01",), *_REGULARIZERS_PASSED[:3]),
    *mistakes_of("weight decay on flat memory", ("LOSS-02",), *_REGULARIZERS_PASSED[3:]),
    *mistakes_of("weights kept in a layout of one's own", ("CONS-04",), *_CONSTRAINTS_PASSED),
    *(
        mistake
        for name, text, members, clause in _FORMS_PASSED
        for mistake in mistakes_of("a sequence that is no list", (clause,), (name, text, members))
    ),
)
