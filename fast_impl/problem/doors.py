"""What a caller passes, checked where it comes in: errors name the argument, its value and the rule."""

from __future__ import annotations

import itertools
import operator
import re
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.dtypes import native
from fast_impl.problem.errors import InvalidArgumentError

Array = npt.NDArray[Any]

# No axis of an array is longer.
LARGEST = 2**63 - 1

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60
_KINDS = (
    InvalidArgumentError, TypeError, ValueError, AttributeError, IndexError, OverflowError,
    BufferError, NotImplementedError, RecursionError, RuntimeError,
)  # fmt: skip


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, on one line, and whatever its ``repr`` does."""
    try:
        text = f"array of shape {value.shape} and dtype {value.dtype}"
        return text if np.ndim(value) else repr(value)
    except Exception:
        return " ".join(_REPR.repr(value).split())


@contextmanager
def about(argument: str, value: Any, rule: str) -> Iterator[None]:
    """Make an error that Python or NumPy raises about a value name the argument and the rule, too.

    The class stays; an error that names the argument already is left alone.
    """
    try:
        yield
    except _KINDS as error:
        if re.search(rf"\b{re.escape(argument)}\b", str(error)):
            raise
        kind = next(kind for kind in _KINDS if isinstance(error, kind))
        raise kind(f"{argument}={shown(value)} {rule}: {error}") from None


def members(value: Any, count: int) -> tuple[Any, ...]:
    """Return what an iterable holds, in order; of more than ``count`` one more.

    Raises:
        TypeError: Nothing that holds things in an order, or text.
    """
    if type(value) is tuple:
        return value
    if isinstance(value, (str, bytes, bytearray, dict, set, frozenset)):
        raise TypeError
    if np.ndim(value) == 0 and isinstance(value, np.ndarray):
        return (value[()],) * count
    return tuple(itertools.islice(value, count + 1))  # some iterators never end


def integer(value: Any, argument: str, least: int, most: int | None = None) -> int:
    """Return ``value`` as a Python integer.

    Raises:
        TypeError: Not an integer.
        ValueError: Below ``least`` or above ``most``.
    """
    if type(value) is int and least <= value and (most is None or value <= most):
        return value
    rule = f"{argument}={shown(value)} must be an integer " + (
        f"of at least {least}" if most is None else f"from {least} to {most}"
    )
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(rule) from None
    if number < least or (most is not None and number > most):
        raise ValueError(rule)
    return number


def sizes(shape: Any, argument: str, *, unknown: bool = False) -> tuple[Any, ...]:
    """Return a shape of four sizes as Python's integers; with ``unknown``, None may stand for one.

    Raises:
        TypeError: Not a sequence of integers.
        ValueError: Not four of them, or one below 0 or beyond all memory.
    """
    none = " or None" if unknown else ""
    rule = f"{argument}={shown(shape)} must be 4 integers{none} of at least 0"
    try:
        found = members(shape, 4)
    except TypeError:
        raise TypeError(rule) from None
    if len(found) != 4:
        raise ValueError(rule)
    try:
        return tuple(
            None if unknown and size is None else integer(size, argument, 0, LARGEST)
            for size in found
        )
    except (TypeError, ValueError) as error:
        raise type(error)(rule) from None


def operand(value: Any, argument: str) -> Array:
    """Return an array for ``value``, in the byte order of this machine.

    Tensors of other libraries share their memory where they can: by ``__array__``, or else by DLPack.

    Raises:
        ValueError: Nothing that an array can be made of.
        TypeError, RuntimeError, BufferError: The same, where NumPy or the other library says so.
    """
    if type(value) is np.ndarray:
        return native(value)
    with about(argument, value, "must be an array of numbers"):
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return native(np.from_dlpack(value))
        array = np.asarray(value)
        # None, a dict: NumPy wraps whatever it does not know, and an integer that is too long for it.
        if array.dtype.hasobject and array.ndim == 0 and not isinstance(value, int):
            raise ValueError(f"a {type(value).__name__} is none")
        return native(array)
