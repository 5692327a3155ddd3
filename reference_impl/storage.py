"""NumPy as storage: arrays become nested lists of Python numbers, and lists become arrays.

All arithmetic of this package happens between the two functions of this module, on Python
numbers: `float` (which is float64) for the floating formats, `int` for integers, and whatever
an object array holds (`int`, `fractions.Fraction`), which makes the result exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from reference_impl.errors import InvalidArgumentError

__all__ = [
    "Array",
    "Numbers",
    "cast",
    "dtype_of",
    "from_numbers",
    "is_exact",
    "is_floating",
    "native",
    "to_numbers",
    "zero_of",
]

Array = npt.NDArray[Any]
Numbers = Any
"""Nested lists of Python numbers, one level per axis."""

FLOATING = ("float16", "bfloat16", "float32", "float64")


def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of this name.

    Raises:
        TypeError: NumPy does not know it; bfloat16 is known once `ml_dtypes` was imported.
    """
    try:
        return np.dtype(name)
    except TypeError:
        raise TypeError(
            f"NumPy knows no dtype {name!r}; for bfloat16, import ml_dtypes first (DTYPE-02)"
        ) from None


def native(array: Array) -> Array:
    """The same numbers in the machine's byte order; the array itself where they are."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype are computed as float64 and rounded once."""
    return dtype.name in FLOATING


def is_exact(dtype: np.dtype[Any]) -> bool:
    """Whether values of this dtype are computed without any rounding (integers, objects)."""
    return dtype.kind in "iuO"


def zero_of(dtype: np.dtype[Any]) -> Any:
    """The number that a sum of this dtype starts from: +0.0, or the exact 0."""
    return 0.0 if is_floating(dtype) else 0


def to_numbers(array: Array) -> Numbers:
    """The elements of an array as nested lists of Python numbers.

    Args:
        array: float16, bfloat16, float32, float64, any integer dtype, or object.

    Returns:
        Nested lists of `float`, `int` or the objects themselves; every value is the array's own.

    Raises:
        InvalidArgumentError: another dtype (bool, complex, string: DTYPE-03).
    """
    if is_floating(array.dtype):
        return array.astype(np.float64).tolist()
    if is_exact(array.dtype):
        return array.tolist()
    raise InvalidArgumentError(
        f"dtype {array.dtype.name} is not in the list of allowed values: {', '.join(FLOATING)}, "
        "the integer dtypes, object (DTYPE-03)"
    )


def from_numbers(numbers: Numbers, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Nested lists (or one flat list) of Python numbers as an array, each value rounded once.

    Floating results round to nearest, ties to even, and overflow to infinity. Integer results
    wrap around as two's complement, which is what TensorFlow's int32 kernel does. Object
    results hold the numbers themselves.

    Args:
        numbers: as many numbers as `shape` asks for, row by row.
        shape: shape of the result; it matters where a list is empty.
        dtype: dtype of the result.

    Returns:
        A new, C-contiguous array.
    """
    if dtype.kind == "O":
        return np.array(numbers, dtype=object).reshape(shape)
    if is_exact(dtype):
        exact: Array = np.array(numbers, dtype=object).reshape(-1)
        return np.array([_wrapped(value, dtype) for value in exact], dtype=dtype).reshape(shape)
    values = np.array(numbers, dtype=np.float64).reshape(shape)
    if dtype.name == "bfloat16":
        values = np.array([_to_bfloat16(v) for v in values.ravel().tolist()]).reshape(shape)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return values.astype(dtype)


def cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """A floating array in another floating dtype, rounded once; any other array as it is."""
    if array.dtype == dtype or not (is_floating(array.dtype) and is_floating(dtype)):
        return array
    return from_numbers(to_numbers(array), array.shape, dtype)


def _wrapped(value: int, dtype: np.dtype[Any]) -> int:
    modulus = 1 << (8 * dtype.itemsize)
    remainder = value % modulus
    return remainder - modulus if dtype.kind == "i" and 2 * remainder >= modulus else remainder


def _to_bfloat16(value: float) -> float:
    """The bfloat16 nearest to a float64, ties to even.

    Casting float64 to bfloat16 may go through float32 and then rounds twice; this rounds once.
    A bfloat16 has 8 significant bits, and float32's exponents (smallest spacing 2**-133).
    """
    if value == 0.0 or not math.isfinite(value):
        return value
    _, exponent = math.frexp(value)
    spacing = math.ldexp(1.0, max(exponent - 8, -133))
    return math.copysign(round(value / spacing) * spacing, value)
