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

from reference_impl.errors import InvalidArgumentError
from reference_impl.storage import Array, from_numbers, is_floating, native

__all__ = ["to_dtype", "to_number", "to_tensor"]


def to_tensor(value: Any, name: str) -> Array:
    """`value` as an array where no dtype is asked for; Python's floats are float32, its integers int32.

    Args:
        value: an array, a number or nested lists of numbers.
        name: what it is, for messages.

    Returns:
        The array in the machine's byte order; the given one where nothing is to be converted.

    Raises:
        ValueError: None, a date, an object, lists of unequal lengths, a number beyond its dtype.
        InvalidArgumentError: text.
    """
    array = native(_array(value, name))
    if array.dtype.kind == "O" or array.dtype.name in ("longdouble", "float128", "complex256"):
        raise ValueError(
            f"Failed to convert a NumPy array to a Tensor (Unsupported object type "
            f"{array.dtype.name}): `{name}` must hold numbers of a dtype that TensorFlow has"
        )
    if array.dtype.kind in "US":
        raise InvalidArgumentError(
            f"Value for attr 'T' of string is not in the list of allowed values: `{name}` must hold "
            "numbers (DTYPE-03)"
        )
    if hasattr(value, "dtype") or array.dtype.kind not in "fiu":
        return array
    if array.dtype.kind == "f":
        result = from_numbers(array.tolist(), array.shape, np.dtype(np.float32))
        fits = bool((np.isfinite(result) | ~np.isfinite(array)).all())
    else:
        result = array.astype(np.int32)
        result = result if (result == array).all() else array
        fits = array.dtype.kind == "i"
    if not fits:
        raise ValueError(
            f"`{name}` holds a number that is out of the range of its dtype: {value!r}"
        )
    return result


def to_dtype(value: Any, dtype: np.dtype[Any], name: str) -> Array:
    """`value` as an array of this dtype, rounded once; arrays are cast as NumPy casts them.

    Args:
        value: an array, a number or nested lists of numbers.
        dtype: dtype of the result.
        name: what it is, for messages.

    Raises:
        TypeError: a Python number of a kind that the dtype does not hold: 1.5 as an integer, text.
        ValueError: None, a date or an object; an array of text, or of complex numbers for a real
            dtype; a number that is out of range.
    """
    array = _array(value, name)
    kind, python = array.dtype.kind, not hasattr(value, "dtype")
    if python and (
        kind in "US"
        or (kind == "c" and dtype.kind != "c")
        or (kind == "f" and dtype.kind in "iub")
        or (kind in "iu" and dtype.kind == "b")
    ):
        raise TypeError(f"Cannot convert {value!r} to EagerTensor of dtype {dtype.name} (`{name}`)")
    held = all(
        isinstance(element, (numbers.Real, decimal.Decimal))
        for element in (array.flat if kind == "O" else ())
    )
    # Of Python's own objects a float holds integers alone, even those of more than 64 bits.
    whole = kind != "O" or all(isinstance(element, int) for element in array.flat)
    out_of_range = python and (not whole or (kind in "Ou" and dtype.kind in "iub"))
    if not held or out_of_range or kind in "US" or (kind == "c" and dtype.kind != "c"):
        raise ValueError(f"`{name}` must hold numbers that fit into {dtype.name}; got {value!r}")
    try:
        if is_floating(dtype):
            return from_numbers(array.astype(np.float64).tolist(), array.shape, dtype)
        with np.errstate(all="ignore"):
            return array.astype(dtype)
    except (TypeError, OverflowError) as error:
        raise ValueError(
            f"`{name}` must hold numbers that fit into {dtype.name}: {error}"
        ) from None


def to_number(value: Any, name: str) -> float:
    """`value` as one float.

    Raises:
        TypeError, ValueError: as `to_dtype`; also for several numbers.
    """
    array = to_dtype(value, np.dtype(np.float64), name)
    if array.size != 1 or (array.ndim and not hasattr(value, "dtype")):
        raise ValueError(f"`{name}` must be one number; got {value!r}")
    number: float = array.item()
    return number


def _array(value: Any, name: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"`{name}` is no array: {error}") from None
    if array.dtype.kind in "Mm" or issubclass(array.dtype.type, np.void):
        raise ValueError(
            f"Failed to convert a NumPy array to a Tensor (Unsupported numpy type {array.dtype.name}): "
            f"`{name}` must hold numbers"
        )
    return array
