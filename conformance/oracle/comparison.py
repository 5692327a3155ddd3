"""Compares what a subject gave with what the oracle expects."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TypeAlias

import attrs
import numpy as np
from attrs.converters import optional

from conformance.model.values.codec import Array, Value, dtype_or_type, is_told, of_a_type, text_of
from conformance.oracle.tolerance import LARGEST

#: Told the dtype, and of every rounded element its error, its unit and the error allowed.
Listener: TypeAlias = Callable[[str, Array, Array, Array], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` told of every comparison of rounded numbers that finds them within their bounds."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


#: Told of every comparison that holds in the norm of an image alone.
_NORMWISE: ContextVar[Callable[[], None] | None] = ContextVar("normwise", default=None)


@contextlib.contextmanager
def told_of_normwise(told: Callable[[], None]) -> Iterator[None]:
    """Have `told` called for every comparison that holds by the second bound, and not by the first."""
    token = _NORMWISE.set(told)
    try:
        yield
    finally:
        _NORMWISE.reset(token)


def _plain_index(index: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(place) for place in index)


@attrs.frozen(eq=False)
class Mismatch:
    """Where a subject departs from a clause's norm, in words and in data.

    Args:
        message: one or two sentences.
        expected, got: values, as far as there are any.
        step: index of the step in the case; None is the constructor.
        index: the worst element.
        scaled_error: |got - expected| in units of `unit roundoff * S` at that element.
        bound: the allowed error in the same unit.
    """

    message: str = attrs.field(converter=text_of)
    expected: Value = None
    got: Value = None
    step: int | None = attrs.field(default=None, converter=optional(int))
    index: tuple[int, ...] | None = attrs.field(default=None, converter=optional(_plain_index))
    scaled_error: float | None = attrs.field(default=None, converter=optional(float))
    bound: float | None = attrs.field(default=None, converter=optional(float))


#: How the message begins where something else came than an array.
NO_ARRAY = "expected an array"
#: A dtype that an array should have, and what it has.
OTHER_DTYPE = "expected dtype {}, got {}"


def describe(value: Value) -> str:
    """Return a value in few words, for messages."""
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return f"{value[()]!s} ({value.dtype.name})"
        return f"a {value.dtype.name} array of shape {value.shape}"
    if is_told(value):
        return f"{of_a_type(value)}: {value['repr']}"
    text = text_of(value, repr)
    return text if len(text) < 120 else f"{of_a_type(value)}: {text[:100]}..."


def compare_shape(got: Value, shape: tuple[int, ...], step: int) -> Mismatch | None:
    """Return a mismatch unless `got` is an array of `shape`."""
    if not isinstance(got, np.ndarray):
        told = describe(got)
        told = told if not isinstance(got, list) or told.startswith("a list") else f"a list: {told}"
        return Mismatch(f"{NO_ARRAY} of shape {shape}, got {told}", list(shape), got, step)
    if got.shape != shape:
        return Mismatch(
            f"expected shape {shape}, got {got.shape}", list(shape), list(got.shape), step
        )
    return None


def compare_dtype(got: Value, dtype_name: str, step: int) -> Mismatch | None:
    """Return a mismatch unless `got` is an array of the dtype."""
    name = dtype_or_type(got)
    if name != dtype_name:
        return Mismatch(OTHER_DTYPE.format(dtype_name, name), dtype_name, name, step)
    return None


def is_other_dtype(found: Mismatch) -> bool:
    """Tell whether a mismatch is what `compare_dtype` finds."""
    wanted, got = found.expected, found.got
    are_names = isinstance(wanted, str) and isinstance(got, str)
    return are_names and found.message == OTHER_DTYPE.format(wanted, got)


def compare_each(
    got: Value, wanted: Value, step: int, compare: Callable[[Value, Value], Mismatch | None]
) -> Mismatch | None:
    """Return the first mismatch that `compare` finds: item by item, where `wanted` is a list of them.

    A list must be answered by one of the same length.
    """
    if not isinstance(wanted, list):
        return compare(got, wanted)
    if not isinstance(got, list) or len(got) != len(wanted):
        items = "1 item" if len(wanted) == 1 else f"{len(wanted)} items"
        text = f"expected {items}, got {describe(got)}"
        return Mismatch(text, wanted, got, step)
    found = (compare(one, target) for one, target in zip(got, wanted))
    return next((mismatch for mismatch in found if mismatch is not None), None)


def compare_exactly(got: Value, wanted: Value, step: int, what: str = "output") -> Mismatch | None:
    """Return a mismatch unless `got` has the numbers of `wanted`, an array or a list of arrays."""

    def equal(one: Value, target: Array) -> Mismatch | None:
        return compare_numbers(one, target, np.zeros(target.shape), step=step, what=what)

    return compare_each(got, wanted, step, equal)


def compare_numbers(
    got: Value,
    exact: Array,
    allowed: Array,
    *,
    step: int,
    what: str = "output",
    unit: Array | None = None,
    normwise: Callable[[], Array] | None = None,
) -> Mismatch | None:
    """Return a mismatch unless every element of `got` is within `allowed` of `exact`.

    A number of Python's is an array of shape (). NaN must be NaN; an infinity must be that infinity; a finite
    value must be finite, unless the exact one is beyond the format's largest and rounds to infinity. The sign of
    a zero is free.

    Args:
        got: what the subject returned.
        exact: float64 or integer values.
        allowed: bound on the absolute error of every element; 0 is equality.
        step: index of the step.
        what: what the numbers are, for the message.
        unit: `unit roundoff * S` of every element, for the scaled error.
        normwise: gives a second bound, for what is beyond the first one. It counts for finite numbers; where
            equality is asked for, only what rounds to the right integers is within it.
    """
    if isinstance(got, (int, float)) and not isinstance(got, bool):
        got = np.asarray(got)
    mismatch = compare_shape(got, exact.shape, step)
    if mismatch is not None or exact.size == 0:
        return mismatch
    if got.dtype.kind not in "fiuV" or got.dtype.hasobject:
        return Mismatch(f"expected numbers, got dtype {got.dtype}", exact, got, step)
    # float64 holds every value of the narrower formats and the small integers of integer cases.
    values, target = got.astype(np.float64), exact.astype(np.float64)
    with np.errstate(all="ignore"):
        error = np.abs(values - target)
        # No bound, however wide, lets an infinity stand for its opposite.
        close = np.isfinite(target) & (error <= allowed)
        close |= (values == target) | (np.isnan(values) & np.isnan(target))
        largest = LARGEST.get(got.dtype.name, np.inf)
        overflow = np.isinf(values) & (np.abs(target) + allowed > largest)
        good = close & (np.isfinite(values) == np.isfinite(target)) | (
            overflow & (np.sign(values) == np.sign(target))
        )
    if not bool(np.all(good)):
        if normwise is None or not _right_integers(values, target, allowed):
            return _worst(got, exact, allowed, values, good, step, what, unit)
        wide = allowed + normwise()
        if not bool(np.all(np.isfinite(wide) & (error <= wide))):
            return _worst(got, exact, allowed, values, good, step, what, unit)
        allowed, told = wide, _NORMWISE.get()
        if told is not None:
            told()
    listener = _LISTENER.get()
    if listener is not None and unit is not None:
        allowed = np.broadcast_to(allowed, exact.shape)
        rounded = np.isfinite(values) & np.isfinite(target) & (allowed > 0) & (unit > 0)
        if rounded.any():
            listener(got.dtype.name, error[rounded], unit[rounded], allowed[rounded])
    return None


def _right_integers(values: Array, target: Array, allowed: Array) -> bool:
    """Tell whether all numbers are finite, and those that must be equal round to the right integers."""
    if not (np.isfinite(values).all() and np.isfinite(target).all()):
        return False
    return bool(np.all((allowed > 0) | (np.round(values) == target)))


def _worst(
    got: Array,
    exact: Array,
    allowed: Array,
    values: Array,
    good: Array,
    step: int,
    what: str,
    unit: Array | None,
) -> Mismatch:
    allowed, target = np.broadcast_to(allowed, exact.shape), exact.astype(np.float64)
    with np.errstate(all="ignore"):
        excess = np.where(good, -1.0, np.abs(values - target) - allowed)
    excess = np.where(np.isnan(excess), np.inf, excess)
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(excess)), exact.shape))
    wrong = int(good.size - np.count_nonzero(good))
    scaled = bound = None
    if unit is not None and unit[index] > 0:
        with np.errstate(all="ignore"):
            scaled = abs(values[index] - target[index]) / unit[index]
            bound = allowed[index] / unit[index]
    exactly = "exactly " if not allowed[index] else ""
    place = f"{what}[{', '.join(map(str, index))}]" if index else what
    is_limited = allowed[index] and np.isfinite(allowed[index])
    limit = f", allowed error {allowed[index]:.3g}" if is_limited else ""
    return Mismatch(
        f"{place} should be {exactly}{_number(exact[index])}, got {_number(got[index])}{limit}; "
        f"{_wrong_of(wrong, good.size)}",
        exact,
        got,
        step,
        index,
        *(
            number if number is not None and np.isfinite(number) else None
            for number in (scaled, bound)
        ),
    )


def _wrong_of(wrong: int, size: int) -> str:
    if size == 1:
        return "the only element is wrong"
    return f"{wrong} of {size} elements {'is' if wrong == 1 else 'are'} wrong"


def _number(value: Any) -> str:
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    return f"{float(value):.9g}"
