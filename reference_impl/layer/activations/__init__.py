"""The activation argument (clauses ARG-07, ACT-01, ACT-02, FMT-05).

Every name that Keras 2.15 resolves to an activation: its functions (`"relu"`, `"softmax"`, ...)
and its activation layers (`"LeakyReLU"`, ...). Four names that Keras finds only because they
happen to be in the same module (`deserialize`, `get`, `keras_export`, `serialize`) are unknown
here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.activations import SCALAR, VECTOR
from reference_impl.layer.activations.layers import (
    ELU,
    ActivationLayer,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
    ThresholdedReLU,
)
from reference_impl.layer.activations.named import Activation, numbers_of, require_dtype
from reference_impl.layer.serialization import deserialize, serialize
from reference_impl.storage import Array, from_numbers

__all__ = ["Activation", "ActivationLayer", "get", "gradient", "serialized"]

_NAMED: dict[str, Any] = {name: Activation(name) for name in (*SCALAR, *VECTOR)}
_LAYERS: dict[str, Any] = {
    kind.__name__: kind for kind in (ReLU, LeakyReLU, ELU, PReLU, ThresholdedReLU, Softmax)
}


def get(identifier: Any) -> Callable[..., Any]:
    """The activation that the argument names; None is linear (ARG-07).

    Raises:
        ValueError: an unknown name; names are case-sensitive.
        TypeError: neither a name, a config dict nor callable; a layer that refuses its options.
    """
    if identifier is None:
        identifier = "linear"
    found: Callable[..., Any]
    if isinstance(identifier, str):
        if identifier not in _NAMED and identifier not in _LAYERS:
            raise ValueError(
                f"Unknown activation function {identifier!r} cannot be deserialized. Known names, "
                f"in this case: {', '.join(sorted((*_NAMED, *_LAYERS)))} (ARG-07)"
            )
        found = _LAYERS[identifier]() if identifier in _LAYERS else _NAMED[identifier]
        return found
    if isinstance(identifier, Mapping):
        name = identifier.get("class_name")
        if name in _NAMED:
            raise TypeError(
                "Missing required positional argument: a function is given by its name alone, "
                f"{name!r}, not as a class (ARG-07)"
            )
        try:
            functions = _NAMED if name == "function" else _LAYERS
            found = deserialize(identifier, functions, "activation function")
        except ValueError as error:
            if name not in _LAYERS or "config" not in identifier:
                raise
            config = identifier.get("config")
            raise TypeError(
                f"Error when deserializing class {name!r} using config={config}: {error}"
            ) from error
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
        InvalidArgumentError: `output_gradient` has another shape or dtype than the output.
        TypeError: a callable that is no named activation and has no attribute `derivative`.
        ValueError: a derivative of another shape than `values`.
    """
    if output_gradient.shape != values.shape:
        raise InvalidArgumentError(
            f"`output_gradient` must have the shape of the layer's output, {values.shape}; got "
            f"{output_gradient.shape}"
        )
    if isinstance(activation, Activation):
        return activation.gradient(values, output_gradient)
    require_dtype(output_gradient, values.dtype)
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
    pairs = zip(numbers_of(slopes), numbers_of(output_gradient), strict=True)
    return from_numbers([slope * g for slope, g in pairs], values.shape, values.dtype)


def serialized(activation: Callable[..., Any]) -> Any:
    """The activation as `get_config` writes it: a name where it has one (METH-06)."""
    if isinstance(activation, Activation) and not isinstance(activation, ActivationLayer):
        return "swish" if activation.__name__ == "silu" else activation.__name__
    config = serialize(activation, "keras.layers")
    if isinstance(config, dict) and config.get("class_name") == "__lambda__":
        return config["config"]
    return config
