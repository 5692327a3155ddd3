"""The regularizer arguments (clauses LOSS-01, LOSS-02, LOSS-09, ADD-03)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.layer.serialization import Configured, named
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers, zero_of

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "get"]


class Regularizer(Configured):
    """Base class: a penalty of 0."""

    def __call__(self, values: Array) -> Any:  # noqa: ARG002 - the interface of all regularizers
        """The penalty of an array: a 0-d array of its dtype, or a number."""
        return 0.0

    def gradient(self, values: Array) -> Array:
        """The gradient of the penalty: shape and dtype of `values` (GRAD-04).

        It is `l1 * sign(x) + 2 * l2 * x` with sign(0) = 0, made in float64 and rounded once.
        """
        l1, l2 = getattr(self, "l1", 0.0), getattr(self, "l2", 0.0)
        slopes = []
        for x in to_numbers(values.reshape(-1)):
            slope = 0.0  # a factor of 0 leaves infinities out
            if l1:
                slope += l1 * float(np.sign(x))
            if l2:
                slope += 2 * l2 * x
            slopes.append(slope)
        return from_numbers(slopes, values.shape, values.dtype)


@dataclass(eq=False)
class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x**2)`.

    The factors are float32 numbers whatever the dtype of the array is (ADD-03). The sum is made
    in float64 and rounded once.
    """

    l1: float | None = 0.0
    l2: float | None = 0.0

    def __post_init__(self) -> None:
        self.l1, self.l2 = (_factor(0.0 if x is None else x) for x in (self.l1, self.l2))

    def __call__(self, values: Array) -> Array:
        """The penalty of an array: a 0-d array of its dtype.

        Raises:
            TypeError: integer data, which a float penalty cannot be added to.
        """
        if not is_floating(values.dtype):
            raise TypeError(f"Cannot convert 0.0 to {values.dtype.name}: l1_l2 needs floating data")
        penalty = 0.0
        if self.l1:
            penalty += self.l1 * _sum_of(abs, values)
        if self.l2:
            penalty += self.l2 * _sum_of(_square, values)
        return from_numbers(penalty, (), values.dtype)


class L1(Regularizer):
    """`l1 * sum(|x|)`; for integers the factor is truncated, 0.01 to 0, as in TensorFlow."""

    def __init__(self, l1: float | None = 0.01, **kwargs: Any) -> None:
        self.l1 = _only_factor("l1", l1, kwargs)

    def __call__(self, values: Array) -> Array:
        """The penalty of an array: a 0-d array of its dtype."""
        factor = self.l1 if is_floating(values.dtype) else int(self.l1)
        return from_numbers(factor * _sum_of(abs, values), (), values.dtype)

    def get_config(self) -> dict[str, Any]:
        """The factor."""
        return {"l1": self.l1}


class L2(Regularizer):
    """`l2 * sum(x**2)`."""

    def __init__(self, l2: float | None = 0.01, **kwargs: Any) -> None:
        self.l2 = _only_factor("l2", l2, kwargs)

    def __call__(self, values: Array) -> Array:
        """The penalty of an array: a 0-d array of its dtype.

        Raises:
            InvalidArgumentError: integer data.
        """
        if not is_floating(values.dtype):
            raise InvalidArgumentError(
                f"Value for attr 'T' of {values.dtype.name} is not in the list of allowed values: "
                "l2 needs floating data"
            )
        return from_numbers(self.l2 * _sum_of(_square, values), (), values.dtype)

    def get_config(self) -> dict[str, Any]:
        """The factor."""
        return {"l2": self.l2}


@dataclass(eq=False)
class OrthogonalRegularizer(Regularizer):
    """Keras' regularizer of matrices; every use with this layer is refused, as in Keras."""

    factor: float = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        self.factor = _factor(self.factor)
        if self.mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`: "rows" or "columns", not {self.mode!r}'
            )

    def __call__(self, values: Array) -> Any:
        """Refuses: a kernel has four axes, a bias one, an output four (LOSS-09)."""
        raise ValueError(
            f"Inputs to OrthogonalRegularizer must have rank 2. Received: shape {values.shape}"
        )

    def gradient(self, values: Array) -> Array:
        """Refuses, too."""
        gradient: Array = self(values)
        return gradient


def _l1_l2(l1: float | None = 0.01, l2: float | None = 0.01) -> L1L2:
    """What the name "l1_l2" means: the class with other default factors."""
    return L1L2(l1, l2)


_KNOWN: dict[str, Callable[..., Any]] = {
    "Regularizer": Regularizer,
    "L1": L1,
    "l1": L1,
    "L2": L2,
    "l2": L2,
    "L1L2": L1L2,
    "l1_l2": _l1_l2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Any:
    """The regularizer that the argument names (LOSS-09).

    An unknown string is handed back as it is and fails where it is first called: that is what
    Keras 2.15 does.

    Raises:
        ValueError: a config dict with an unknown name, or an object of another kind.
    """
    if isinstance(identifier, str):
        return _KNOWN[identifier]() if identifier in _KNOWN else identifier
    return named(identifier, _KNOWN, "regularizer", "LOSS-09")


def _factor(value: Any) -> float:
    if not isinstance(value, (float, int)):
        raise ValueError(
            f"Value {value!r} is not a valid regularization penalty number, expected an int or "
            "float value."
        )
    if not math.isfinite(value):
        raise ValueError(
            f"Value {value} is not a valid regularization penalty number, an infinite number or "
            "NaN are not valid values."
        )
    return float(np.float32(value))


def _only_factor(name: str, value: Any, kwargs: dict[str, Any]) -> float:
    """The factor of l1 or l2, which may also be called `l`; None is the default."""
    value = kwargs.pop("l", value)
    if kwargs:
        raise TypeError(f"Argument(s) not recognized by {name}: {kwargs}")
    return _factor(0.01 if value is None else value)


def _sum_of(function: Callable[[Any], Any], values: Array) -> Any:
    total = zero_of(values.dtype)
    for number in to_numbers(values.reshape(-1)):
        total += function(number)
    return total


def _square(number: Any) -> Any:
    return number * number
