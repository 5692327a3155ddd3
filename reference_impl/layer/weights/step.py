"""One step of plain gradient descent, then the constraint (clauses CONS-01, CONS-05, ADD-04)."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.layer.tensors import to_dtype, to_tensor
from reference_impl.layer.weights.weight import frozen
from reference_impl.storage import Array, cast, from_numbers, is_floating, to_numbers

__all__ = ["gradient_for", "projected", "step_size", "stepped"]


def gradient_for(value: Array, gradient: Any, name: str) -> Array:
    """The gradient of a weight, checked, in the dtype of the weight.

    TensorFlow ends the process where a gradient is of another floating dtype; it is rounded here.

    Raises:
        ValueError: None, a date or an object inside it.
        InvalidArgumentError: text, truth values, integers or complex numbers; another shape than the
            weight's; a weight that is not floating, which TensorFlow trains by no step.
    """
    array = to_tensor(gradient, f"the gradient of {name}")
    if not (is_floating(array.dtype) and is_floating(value.dtype)):
        raise InvalidArgumentError(
            f"No OpKernel was registered to support Op 'ResourceApplyGradientDescent' for a {name} of "
            f"dtype {value.dtype.name} and its gradient of dtype {array.dtype.name}; both must be "
            "floating"
        )
    if array.shape != value.shape:
        raise InvalidArgumentError(
            f"the {name} and its gradient do not have the same shape: {value.shape} and {array.shape}"
        )
    return cast(array, value.dtype)


def step_size(learning_rate: Any) -> float:
    """The learning rate as one number.

    Raises:
        ValueError: None, a date or an object.
        InvalidArgumentError: text, a complex number, or several numbers.
    """
    rate = to_tensor(learning_rate, "learning_rate")
    if rate.dtype.kind == "c" or rate.shape != ():
        raise InvalidArgumentError(
            f"`learning_rate` must be one real number; got {learning_rate!r}"
        )
    return float(learning_rate)


def stepped(value: Array, gradient: Array, learning_rate: float) -> Array:
    """`value - learning_rate * gradient`, computed in float64 and rounded once.

    The learning rate is taken in the dtype of the weight, as TensorFlow's optimizer takes it.
    """
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
    return frozen(to_dtype(array, value.dtype, "the result of the constraint"))
