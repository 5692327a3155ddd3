"""The activation argument (clauses ARG-07, ACT-01, ACT-02, FMT-05).

Every name that Keras 2.15 resolves to an activation: its functions (`"relu"`, `"softmax"`, ...)
and its activation layers (`"LeakyReLU"`, ...). Four names that Keras finds only because they
happen to be in the same module (`deserialize`, `get`, `keras_export`, `serialize`) are unknown
here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from reference_impl.activation_formulas import (
    SCALAR,
    Scalar,
    leaky,
    log_softmax,
    softmax,
    vector_slopes,
)
from reference_impl.errors import InvalidArgumentError
from reference_impl.names import keras_name, snake_case
from reference_impl.serialization import deserialize, serialize
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers

__all__ = ["Activation", "ActivationLayer", "get", "gradient", "serialized"]

_VECTOR: dict[str, Callable[[list[float]], list[float]]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
}


class Activation:
    """An activation known by name: array in, array of the same shape and dtype out.

    Values are computed in float64 and rounded once. The softmax functions work along the last
    axis, which is the width for channels_first (FMT-05). Integer data (an int32 layer, DTYPE-03)
    is taken by linear, relu, relu6 and, as float32, by leaky_relu; the others refuse it.
    """

    def __init__(self, name: str, scalar: Scalar | None = None, vector: str = "") -> None:
        self.__name__ = name
        self._scalar = scalar
        self._vector = vector

    def __call__(self, values: Array) -> Array:
        """The activation of every number, or of every vector along the last axis."""
        if self.__name__ == "linear":
            return values
        values = self._operand(values)
        if self._scalar is None:
            function = _VECTOR[self._vector]
            vectors = [function(vector) for vector in _vectors(values)]
            return from_numbers(vectors, values.shape, values.dtype)
        numbers = [self._scalar.value(x) for x in _numbers(values)]
        return from_numbers(numbers, values.shape, values.dtype)

    def gradient(self, values: Array, output_gradient: Array) -> Array:
        """The gradient of `sum(activation(values) * output_gradient)` with respect to `values`."""
        if self.__name__ == "linear":
            return output_gradient
        if self._scalar is None:
            rows = zip(_vectors(values), _vectors(output_gradient), strict=True)
            vectors = [vector_slopes(self._vector, vector, slopes) for vector, slopes in rows]
            return from_numbers(vectors, values.shape, values.dtype)
        pairs = zip(_numbers(values), _numbers(output_gradient), strict=True)
        numbers = [slope * self._scalar.slope(x) for x, slope in pairs]
        return from_numbers(numbers, values.shape, values.dtype)

    def _operand(self, values: Array) -> Array:
        if is_floating(values.dtype) or self.__name__ in ("relu", "relu6"):
            return values
        if self.__name__ == "leaky_relu":
            return values.astype(np.float32)
        message = (
            f"Value for attr 'T' of {values.dtype.name} is not in the list of allowed values: the "
            f"activation {self.__name__!r} takes floating point data only (DTYPE-03)"
        )
        if self.__name__ == "hard_sigmoid":
            raise TypeError(message)
        if self.__name__ == "gelu":
            raise ValueError(message)
        raise InvalidArgumentError(message)

    def __repr__(self) -> str:
        return f"<activation {self.__name__}>"

    def __reduce__(self) -> Any:
        """Copied and pickled by name."""
        return get, (self.__name__,)


class ActivationLayer(Activation):
    """One of Keras' activation layers, named by its class.

    It is a layer of its own with the dtype float32: floating data of any other dtype comes out as
    float32.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **config: Any) -> None:
        self._name = config.pop("name", None) or keras_name(snake_case(type(self).__name__))
        for key in ("trainable", "dtype"):
            config.pop(key, None)
        unknown = sorted(set(config) - set(self.defaults))
        if unknown:
            raise TypeError(f"Keyword argument not understood: {unknown[0]!r}")
        self._config = {**self.defaults, **config}
        super().__init__(type(self).__name__, self._formula(), "softmax")

    def _formula(self) -> Scalar | None:
        """Return the function of single numbers, or None for the softmax of vectors."""
        raise NotImplementedError

    def _operand(self, values: Array) -> Array:
        if is_floating(values.dtype) or isinstance(self, LeakyReLU):
            return values.astype(np.float32)
        if isinstance(self, ReLU):
            return values
        raise InvalidArgumentError(
            f"Value for attr 'T' of {values.dtype.name} is not in the list of allowed values: the "
            f"activation layer {self.__name__} takes floating point data only (DTYPE-03)"
        )

    def __reduce__(self) -> Any:
        """Copied and pickled by configuration."""
        return get, ({"class_name": self.__name__, "config": self.get_config()},)

    def get_config(self) -> dict[str, Any]:
        """The configuration of the layer, with Keras' keys."""
        return {"name": self._name, "trainable": True, "dtype": "float32", **self._config}


class ReLU(ActivationLayer):
    """`clip(x * (x > threshold), 0, max_value) - negative_slope * max(threshold - x, 0)`.

    Without options it is max(x, 0).
    """

    defaults: ClassVar[Mapping[str, Any]] = {
        "max_value": None,
        "negative_slope": 0.0,
        "threshold": 0.0,
    }

    def _formula(self) -> Scalar:
        given = self._config
        limit = math.inf if given["max_value"] is None else float(np.float32(given["max_value"]))
        below = float(np.float32(given["negative_slope"] or 0))
        start = float(np.float32(given["threshold"] or 0))
        relu = SCALAR["relu"].value

        def value(x: float) -> float:
            above = x * (x > start) if start else relu(x)
            if given["max_value"] is not None:
                above = min(relu(above), limit)
            return above - below * relu(start - x) if below else above

        def slope(x: float) -> float:
            return 1.0 if start < x <= limit else below if x < start else 0.0

        return Scalar(value, slope)


class LeakyReLU(ActivationLayer):
    """x for x > 0, alpha * x otherwise; alpha is a float32."""

    def __init__(self, alpha: float = 0.3, **config: Any) -> None:
        super().__init__(alpha=float(np.float32(alpha)), **config)

    defaults: ClassVar[Mapping[str, Any]] = {"alpha": 0.3}

    def _formula(self) -> Scalar:
        return leaky(self._config["alpha"])


class ELU(ActivationLayer):
    """x for x >= 0, alpha * (e**x - 1) otherwise."""

    defaults: ClassVar[Mapping[str, Any]] = {"alpha": 1.0}

    def _formula(self) -> Scalar:
        elu, alpha = SCALAR["elu"], self._config["alpha"]
        return Scalar(
            lambda x: x if x > 0 else alpha * elu.value(x),
            lambda x: 1.0 if x > 0 else alpha * elu.slope(x),
        )


class PReLU(ActivationLayer):
    """Keras' parametric relu with its parameter at its initial value, zero."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "alpha_initializer": {
            "module": "keras.initializers",
            "class_name": "Zeros",
            "config": {},
            "registered_name": None,
        },
        "alpha_regularizer": None,
        "alpha_constraint": None,
        "shared_axes": None,
    }

    def _formula(self) -> Scalar:
        return Scalar(lambda x: x if x > 0 else 0.0 * abs(x), lambda x: 1.0 if x > 0 else 0.0)


class ThresholdedReLU(ActivationLayer):
    """x for x > theta, x * 0 otherwise."""

    defaults: ClassVar[Mapping[str, Any]] = {"theta": 1.0}

    def _formula(self) -> Scalar:
        theta = self._config["theta"]
        return Scalar(
            lambda x: x * (1.0 if x > theta else 0.0), lambda x: 1.0 if x > theta else 0.0
        )


class Softmax(ActivationLayer):
    """The softmax along the last axis."""

    defaults: ClassVar[Mapping[str, Any]] = {"axis": -1}

    def _formula(self) -> None:
        if self._config["axis"] != -1:
            raise ValueError(f"only axis=-1 is supported; got {self._config['axis']!r}")


_NAMED: dict[str, Any] = {
    **{name: Activation(name, scalar) for name, scalar in SCALAR.items()},
    **{name: Activation(name, vector=name) for name in _VECTOR},
}
_LAYERS: dict[str, Any] = {
    kind.__name__: kind for kind in (ReLU, LeakyReLU, ELU, PReLU, ThresholdedReLU, Softmax)
}


def get(identifier: Any) -> Callable[..., Any]:
    """The activation that the argument names; None is linear (ARG-07).

    Raises:
        ValueError: an unknown name; names are case-sensitive.
        TypeError: neither a name, a config dict nor callable.
    """
    if identifier is None:
        identifier = "linear"
    found: Callable[..., Any]
    if isinstance(identifier, str):
        if identifier in _LAYERS:
            found = _LAYERS[identifier]()
        elif identifier in _NAMED:
            found = _NAMED[identifier]
        else:
            raise ValueError(
                f"Unknown activation function {identifier!r} cannot be deserialized. Known names, "
                f"in this case: {', '.join(sorted((*_NAMED, *_LAYERS)))} (ARG-07)"
            )
        return found
    if isinstance(identifier, Mapping):
        if identifier.get("class_name") in _NAMED:
            raise TypeError(
                "Missing required positional argument: a function is given by its name alone, "
                f"{identifier['class_name']!r}, not as a class (ARG-07)"
            )
        functions = _NAMED if identifier.get("class_name") == "function" else _LAYERS
        found = deserialize(identifier, functions, "activation function")
        return found
    if callable(identifier):
        found = identifier
        return found
    raise TypeError(
        f"Could not interpret activation function identifier: {identifier!r}. Give a name, a "
        "config dict or a callable (ARG-07)"
    )


def gradient(activation: Callable[..., Any], values: Array, output_gradient: Array) -> Array:
    """The gradient of `sum(activation(values) * output_gradient)` with respect to `values`.

    Raises:
        TypeError: a callable that is no named activation and has no attribute `derivative`.
        ValueError: a derivative of another shape than `values`.
    """
    if isinstance(activation, Activation):
        return activation.gradient(values, output_gradient)
    derivative = getattr(activation, "derivative", None)
    if derivative is None:
        raise TypeError(
            f"the activation {activation!r} has no known derivative: give it an attribute "
            "`derivative`, a function array -> array of the same shape, or use a name"
        )
    slopes = np.asarray(derivative(values))
    if slopes.shape != values.shape:
        raise ValueError(
            f"the derivative of {activation!r} has the shape {slopes.shape} for an array of the "
            f"shape {values.shape}"
        )
    pairs = zip(_numbers(slopes), _numbers(output_gradient), strict=True)
    return from_numbers([slope * g for slope, g in pairs], values.shape, values.dtype)


def serialized(activation: Callable[..., Any]) -> Any:
    """The activation as `get_config` writes it: a name where it has one (METH-06)."""
    if isinstance(activation, Activation) and not isinstance(activation, ActivationLayer):
        return "swish" if activation.__name__ == "silu" else activation.__name__
    config = serialize(activation, "keras.layers")
    if isinstance(config, dict) and config.get("class_name") == "__lambda__":
        return config["config"]
    return config


def _numbers(values: Array) -> list[float]:
    flat: list[float] = to_numbers(values.reshape(-1))
    return flat


def _vectors(values: Array) -> list[list[float]]:
    length = values.shape[-1] if values.ndim else 1
    rows = values.size // length if length else 0
    vectors: list[list[float]] = to_numbers(values.reshape(rows, length))
    return vectors
