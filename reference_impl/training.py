"""One step of plain gradient descent, then the constraints (clauses CONS-01, CONS-05, ADD-04)."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.storage import Array, from_numbers, to_numbers
from reference_impl.weights import frozen

__all__ = ["projected", "stepped"]


def stepped(value: Array, gradient: Any, learning_rate: float) -> Array:
    """`value - learning_rate * gradient`, computed in float64 and rounded once.

    The learning rate is taken in the dtype of the weight, as TensorFlow's optimizer takes it.

    Raises:
        InvalidArgumentError: the gradient has another shape than the weight.
    """
    gradient = np.asarray(gradient, dtype=value.dtype)
    if gradient.shape != value.shape:
        raise InvalidArgumentError(
            f"the weight and its gradient do not have the same shape: {value.shape}, "
            f"{gradient.shape}"
        )
    rate = to_numbers(from_numbers(learning_rate, (), value.dtype))
    pairs = zip(to_numbers(value.reshape(-1)), to_numbers(gradient.reshape(-1)), strict=True)
    return frozen(from_numbers([w - rate * g for w, g in pairs], value.shape, value.dtype))


def projected(constraint: Any, value: Array) -> Array:
    """The projection of an updated weight, in its dtype (ADD-04).

    Raises:
        ValueError: the constraint returned None or another shape (CONS-05).
        TypeError: it returned something that is not an array, as a class does when it is given
            instead of its instance (CONS-07).
    """
    result = constraint(value)
    if result is None:
        raise ValueError(
            "the constraint returned None; it must return the projected array (CONS-05)"
        )
    array = np.asarray(result)
    if array.dtype.kind == "O":
        raise TypeError(
            f"the constraint returned {result!r} of type {type(result)}; it must return the "
            "projected array. Was the class given instead of an instance (CONS-07)?"
        )
    if array.shape != value.shape:
        raise ValueError(
            f"Shape mismatch: the constraint turned the shape {value.shape} into {array.shape} "
            "(CONS-05)"
        )
    return frozen(array, value.dtype)
