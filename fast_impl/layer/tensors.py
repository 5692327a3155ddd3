"""What a value becomes where TensorFlow makes a tensor of it, and what is refused (DTYPE-03, DTYPE-04).

TensorFlow is strict with Python's numbers and lists, and lets NumPy cast arrays. Where NumPy would make
numbers of text, of dates, of None or of half a complex number, these functions refuse: TensorFlow takes
some of them, and silently trains on NaN or on the days since 1970.
"""

from __future__ import annotations

import decimal
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.doors import operand, shown
from fast_impl.problem.dtypes import COMPUTED, DType
from fast_impl.problem.errors import InvalidArgumentError

Array = npt.NDArray[Any]

_UNKNOWN = ("longdouble", "float128", "float96", "complex256", "complex192")


def converted(value: Any, name: str) -> Array:
    """Return an array where no dtype is asked for; Python's floats are float32, its integers int32.

    Args:
        value: An array, a number or nested lists of numbers.
        name: What it is, for the error messages.

    Raises:
        ValueError: None, a date, an object, lists of unequal lengths, a number beyond its dtype.
        InvalidArgumentError: Text.
    """
    array = _array(value, name)
    if array.dtype.kind == "O" or array.dtype.name in _UNKNOWN:
        raise ValueError(
            f"{name}={shown(value)} has dtype {array.dtype.name}: it must hold numbers of a dtype that "
            f"TensorFlow has"
        )
    if array.dtype.kind in "SU":
        raise InvalidArgumentError(
            f"{name}={shown(value)} is text, and string is not in the list of allowed values: it must "
            f"hold numbers"
        )
    kind = array.dtype.kind
    if hasattr(value, "dtype") or kind not in "fiu":
        return array
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32 if kind == "f" else np.int32)
    if kind == "f":
        fits = bool((np.isfinite(narrow) | ~np.isfinite(array)).all())
    else:
        narrow = narrow if bool((narrow == array).all()) else array
        fits = kind == "i"
    if not fits:
        raise ValueError(f"{name}={shown(value)} holds a number beyond the range of its dtype")
    return narrow


def cast(value: Any, dtype: DType, name: str) -> Array:
    """Return an array of this dtype; arrays are cast as NumPy casts them.

    Args:
        value: An array, a number or nested lists of numbers.
        dtype: Of the result.
        name: What it is, for the error messages.

    Raises:
        TypeError: A Python number of a kind that the dtype does not hold: 1.5 as an integer, text.
        ValueError: None, a date or an object; an array of text, or of complex numbers for a real dtype; a
            number that is out of range.
    """
    array = _array(value, name)
    if array.dtype == dtype:
        return array
    kind, python = array.dtype.kind, not hasattr(value, "dtype")
    real = dtype.kind != "c"
    rule = f"{name}={shown(value)} must hold numbers that fit into {dtype.name}"
    if python and (
        kind in "SU"
        or (kind == "c" and real)
        or (kind == "f" and dtype.kind in "iub")
        or (kind in "iu" and dtype.kind == "b")
    ):
        raise TypeError(rule)
    held = kind != "O" or all(isinstance(x, (numbers.Real, decimal.Decimal)) for x in array.flat)
    # Floats hold Python's integers of more than 64 bits, and no other objects of Python's.
    strange = kind == "O" and not all(isinstance(x, int) for x in array.flat)
    beyond = python and (strange or (kind in "Ou" and dtype.kind in "iub"))
    if not held or beyond or kind in "SU" or (kind == "c" and real):
        raise ValueError(rule)
    try:
        with np.errstate(all="ignore"):
            # Integers wrap, as TensorFlow's do.
            return array.astype(dtype)
    except (TypeError, OverflowError, ValueError) as error:
        raise ValueError(f"{rule}: {error}") from None


def number(value: Any, name: str, dtype: Any = np.float64) -> float:
    """Return ``value`` as one float, rounded to ``dtype``.

    Raises:
        TypeError: As `cast`.
        ValueError: As `cast`; also several numbers.
    """
    array = cast(value, np.dtype(dtype), name)
    if array.size != 1 or (array.ndim and not hasattr(value, "dtype")):
        raise ValueError(f"{name}={shown(value)} must be one number")
    found: float = array.item()
    return found


def gradient_of(weight: Array, gradient: Any, name: str) -> Array:
    """Return the gradient of a weight, checked, in the dtype of the weight.

    TensorFlow ends the process where a gradient is of another floating dtype; it is rounded here.

    Raises:
        ValueError: None, a date or an object inside it.
        InvalidArgumentError: Text, truth values, integers or complex numbers; another shape than the
            weight's; a weight that is not floating, which TensorFlow trains by no step.
    """
    array = converted(gradient, f"the gradient of {name}")
    for what, dtype in ((name, weight.dtype), (f"the gradient of {name}", array.dtype)):
        if dtype.name not in COMPUTED or dtype.kind == "i":
            raise InvalidArgumentError(f"{what} has dtype {dtype.name}: only floats can be trained")
    if array.shape != weight.shape:
        raise InvalidArgumentError(
            f"the gradient of {name} must have the shape of the weight, {weight.shape}; got "
            f"{array.shape}"
        )
    with np.errstate(over="ignore"):
        return array.astype(weight.dtype, copy=False)


def learning_rate_of(value: Any) -> float:
    """Return the learning rate as one number.

    Raises:
        ValueError: None, a date or an object.
        InvalidArgumentError: Text, a complex number, or several numbers.
    """
    rate = converted(value, "learning_rate")
    if rate.dtype.kind == "c" or rate.shape != ():
        raise InvalidArgumentError(f"learning_rate={shown(value)} must be one real number")
    return float(rate if hasattr(value, "dtype") else value)


def _array(value: Any, name: str) -> Array:
    if value is None:
        raise ValueError(f"{name}=None must be an array of numbers")
    array = operand(value, name)
    if array.dtype.kind in "Mm" or (array.dtype.kind == "V" and array.dtype.name not in COMPUTED):
        raise ValueError(
            f"{name}={shown(value)} has dtype {array.dtype.name}: it must hold numbers"
        )
    return array
