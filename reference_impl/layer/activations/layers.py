"""Keras' activation layers, which the activation argument names by their class (ARG-07)."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.activations import SCALAR, Scalar, leaky_relu
from reference_impl.layer import initializers
from reference_impl.layer.activations.named import Activation
from reference_impl.layer.names import keras_name, snake_case
from reference_impl.layer.tensors import to_number
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers

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

    Raises:
        TypeError: an option that the class does not have, or text as a number.
        ValueError: an option that is not a number, or below 0 where that is not allowed.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, **config: Any) -> None:
        super().__init__(type(self).__name__)
        self._name = config.pop("name", None) or keras_name(snake_case(self.__name__))
        for key in ("trainable", "dtype"):
            config.pop(key, None)
        unknown = sorted(set(config) - set(self.defaults))
        if unknown:
            raise TypeError(f"Keyword argument not understood: {unknown[0]!r}")
        self._config = {**self.defaults, **config}
        self._formula = self._made()

    def _made(self) -> Scalar | None:
        """Return the function of single numbers, or None for the softmax of vectors."""
        raise NotImplementedError

    def _option(self, name: str, minimum: float = -math.inf) -> float:
        """An option as TensorFlow uses it: a float32. Raises as the class does."""
        number = to_number(self._config[name], f"the option {name} of {self.__name__}")
        if number < minimum:
            raise ValueError(
                f"the option {name} of {self.__name__} must be at least {minimum}; got {number} (ARG-07)"
            )
        with np.errstate(over="ignore"):
            return float(np.float32(number))

    def _scalar(self, dtype: np.dtype[Any]) -> Scalar | None:  # noqa: ARG002 - for ReLU
        return self._formula

    def _vector(self) -> str:
        return "softmax"

    def _operand(self, values: Array) -> Array:
        if is_floating(values.dtype):
            return _float32(values)
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

    Without options it is max(x, 0), with `negative_slope` alone the same as `LeakyReLU`. The derivative is
    1 at `max_value`, where the clip begins, but 0 at 6, since that is relu6, and 0 at `threshold`. For
    integers the options are truncated.
    """

    defaults: ClassVar[Mapping[str, Any]] = {
        "max_value": None,
        "negative_slope": 0.0,
        "threshold": 0.0,
    }

    def _made(self) -> Scalar:
        limit = math.inf if self._config["max_value"] is None else self._option("max_value", 0)
        below, start = self._option("negative_slope", 0), self._option("threshold", 0)
        self._leaky = bool(below and not start and self._config["max_value"] is None)
        truncated = (int(x) if math.isfinite(x) else x for x in (limit, below, start))
        self._of_integers = _relu(*truncated)
        return leaky_relu(below) if self._leaky else _relu(limit, below, start)

    def _scalar(self, dtype: np.dtype[Any]) -> Scalar | None:
        return self._formula if is_floating(dtype) else self._of_integers

    def _operand(self, values: Array) -> Array:
        return _float32(values) if is_floating(values.dtype) or self._leaky else values


def _float32(values: Array) -> Array:
    return from_numbers(to_numbers(values), values.shape, np.dtype(np.float32))


def _relu(limit: float, below: float, start: float) -> Scalar:
    positive = SCALAR["relu"].value

    def value(x: float) -> float:
        above = x * (x > start) if start else positive(x)
        above = above if above <= limit or math.isnan(above) else limit
        return above - below * positive(start - x) if below else above

    def slope(x: float) -> float:
        if start < x < limit or (start < x == limit and (start or limit != 6)):
            return 1.0
        return below if x < start else 0.0

    return Scalar(value, slope)


class LeakyReLU(ActivationLayer):
    """x for x > 0, alpha * x otherwise; alpha is a float32."""

    defaults: ClassVar[Mapping[str, Any]] = {"alpha": 0.3}

    def _made(self) -> Scalar:
        alpha = self._config["alpha"] = self._option("alpha")
        return leaky_relu(alpha) if alpha else SCALAR["relu"]

    def _operand(self, values: Array) -> Array:
        return _float32(values)


class ELU(ActivationLayer):
    """x for x > 0, alpha * (e**x - 1) otherwise."""

    defaults: ClassVar[Mapping[str, Any]] = {"alpha": 1.0}

    def _made(self) -> Scalar:
        elu, alpha = SCALAR["elu"], self._option("alpha")
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

    def _made(self) -> Scalar:
        given = self._config["alpha_initializer"]
        if not isinstance(initializers.get(given), initializers.Zeros):
            raise ValueError(
                f"`alpha_initializer` of the activation layer PReLU must be zeros; got {given!r}: a "
                "trained parameter is not supported (ARG-07)"
            )
        return Scalar(lambda x: x if x > 0 else 0.0 * abs(x), lambda x: 1.0 if x > 0 else 0.0)


class ThresholdedReLU(ActivationLayer):
    """x for x > theta, x * 0 otherwise."""

    defaults: ClassVar[Mapping[str, Any]] = {"theta": 1.0}

    def _made(self) -> Scalar:
        theta = self._option("theta", 0)
        return Scalar(lambda x: x * (x > theta), lambda x: 1.0 if x > theta else 0.0)


class Softmax(ActivationLayer):
    """The softmax along `axis`: one or several, or all of them for None."""

    defaults: ClassVar[Mapping[str, Any]] = {"axis": -1}

    def _made(self) -> None:
        axis = self._config["axis"]
        axes = axis if isinstance(axis, (list, tuple)) and axis else [axis]
        try:
            self._axes = None if axis is None else [operator.index(one) for one in axes]
        except TypeError:
            raise TypeError(
                f"the option axis of Softmax must be an integer, a list of integers or None; got {axis!r}"
            ) from None

    def __call__(self, values: Array) -> Array:
        """The softmax of every vector along the axes."""
        return self._back(super().__call__(self._vectors_last(values)), values)

    def gradient(self, values: Array, output_gradient: Array) -> Array:
        """The gradient of `sum(softmax(values) * output_gradient)` with respect to `values`."""
        rows, upstream = self._vectors_last(values), self._vectors_last(output_gradient)
        return self._back(super().gradient(rows, upstream), values)

    def _vectors_last(self, values: Array) -> Array:
        """The values with the vectors as rows.

        Raises:
            InvalidArgumentError: the values do not have such an axis.
        """
        rank = values.ndim
        if any(not -rank <= axis < rank for axis in self._axes or ()):
            raise InvalidArgumentError(
                f"the option axis of Softmax must be in the range [{-rank}, {rank}) for data of {rank} "
                f"dimensions; got {self._config['axis']!r}"
            )
        axes = list(range(rank)) if self._axes is None else self._axes
        length = math.prod(values.shape[axis] for axis in axes)
        moved = np.moveaxis(values, axes, range(-len(axes), 0))
        return moved.reshape(values.size // length if length else 0, length)

    def _back(self, rows: Array, values: Array) -> Array:
        """The rows where `_vectors_last` took them from."""
        axes = list(range(values.ndim)) if self._axes is None else self._axes
        last = range(-len(axes), 0)
        return np.moveaxis(rows.reshape(np.moveaxis(values, axes, last).shape), last, axes)
