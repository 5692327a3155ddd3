"""Keras' activation layers, which the activation argument names by their class (ARG-07)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from reference_impl.activation import Activation
from reference_impl.activation_formulas import SCALAR, Scalar, leaky
from reference_impl.errors import InvalidArgumentError
from reference_impl.names import keras_name, snake_case
from reference_impl.storage import Array, is_floating

__all__ = [
    "ELU",
    "ActivationLayer",
    "LeakyReLU",
    "PReLU",
    "ReLU",
    "Softmax",
    "ThresholdedReLU",
]


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
        super().__init__(type(self).__name__)
        self._scalar, self._vector = self._formula(), "softmax"

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
        return partial(type(self), **self.get_config()), ()

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
