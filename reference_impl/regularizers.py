"""The regularizer arguments (clauses LOSS-01, LOSS-02, LOSS-09, ADD-03)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.serialization import deserialize
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "get"]


class Regularizer:
    """Base class: a penalty of 0."""

    def __call__(self, values: Array) -> Any:  # noqa: ARG002 - the interface of all regularizers
        """The penalty of an array: a 0-d array of its dtype, or a number."""
        return 0.0


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x**2)`.

    The factors are float32 numbers whatever the dtype of the array is (ADD-03). The sum is made
    in float64 and rounded once.
    """

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor(0.0 if l1 is None else l1)
        self.l2 = _factor(0.0 if l2 is None else l2)

    def __call__(self, values: Array) -> Array:
        """The penalty of an array: a 0-d array of its dtype.

        Raises:
            InvalidArgumentError: the array is not floating point.
        """
        if not is_floating(values.dtype):
            raise InvalidArgumentError(
                f"a regularizer's factor is a float and cannot multiply {values.dtype.name} data"
            )
        numbers = to_numbers(values.reshape(-1))
        penalty = 0.0
        if self.l1:
            penalty += self.l1 * _sum([abs(x) for x in numbers])
        if self.l2:
            penalty += self.l2 * _sum([x * x for x in numbers])
        return from_numbers(penalty, (), values.dtype)

    def get_config(self) -> dict[str, Any]:
        """The two factors."""
        return {"l1": self.l1, "l2": self.l2}


class L1(L1L2):
    """`l1 * sum(|x|)`."""

    def __init__(self, l1: float | None = 0.01, **kwargs: Any) -> None:
        l1 = kwargs.pop("l", l1)
        if kwargs:
            raise TypeError(f"Argument(s) not recognized: {kwargs}")
        super().__init__(l1=0.01 if l1 is None else l1)

    def get_config(self) -> dict[str, Any]:
        """The factor."""
        return {"l1": self.l1}


class L2(L1L2):
    """`l2 * sum(x**2)`."""

    def __init__(self, l2: float | None = 0.01, **kwargs: Any) -> None:
        l2 = kwargs.pop("l", l2)
        if kwargs:
            raise TypeError(f"Argument(s) not recognized: {kwargs}")
        super().__init__(l2=0.01 if l2 is None else l2)

    def get_config(self) -> dict[str, Any]:
        """The factor."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Keras' regularizer of matrices; every use with this layer is refused, as in Keras."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor(factor)
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`: "rows" or "columns", not {mode!r}'
            )
        self.mode = mode

    def __call__(self, values: Array) -> Any:
        """Refuses: a kernel has four axes, a bias one, an output four (LOSS-09)."""
        raise ValueError(
            f"Inputs to OrthogonalRegularizer must have rank 2. Received: shape {values.shape}"
        )

    def get_config(self) -> dict[str, Any]:
        """Factor and mode."""
        return {"factor": self.factor, "mode": self.mode}


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
    if isinstance(identifier, Mapping):
        return deserialize(identifier, _KNOWN, "regularizer")
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret regularizer identifier: {identifier!r}. Give a name, a config "
        "dict or a callable (LOSS-09)"
    )


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


def _sum(numbers: list[float]) -> float:
    total = 0.0
    for number in numbers:
        total += number
    return total
