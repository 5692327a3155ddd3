"""Tells whether two layers did the same with a case, up to rounding."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from conformance.checks.view import changes_the_layer
from conformance.model.case import Case
from conformance.model.observation import Observation, Outcome
from conformance.model.values.codec import Array, Value
from conformance.model.values.dtypes import SIGNIFICAND_BITS
from conformance.oracle.tolerance import unit_roundoff


def agree(case: Case, one: Observation, other: Observation, free: Collection[int] = ()) -> bool:
    """Tell whether two layers did the same with a case, up to rounding.

    A step that either lacks counts for nothing, nor does what follows one that would have changed the layer. Of
    steps that are `free`, such as a call with random weights, shapes and dtypes must be the same. A case that
    ended the process, or was not run, is like no other.
    """
    if any(seen.crash is not None or seen.not_tried is not None for seen in (one, other)):
        return False
    if len(one.outcomes) != len(other.outcomes):
        return False
    return same_outcome(one.constructed, other.constructed) and all(
        same_outcome(a, b, alike=index in free) for index, a, b in compared(case, one, other)
    )


def compared(
    case: Case, one: Observation, other: Observation
) -> Iterator[tuple[int, Outcome, Outcome]]:
    """Yield the steps that two layers can be compared in, with what each of them did."""
    for index, (step, a, b) in enumerate(zip(case.steps, one.outcomes, other.outcomes)):
        yield index, a, b
        is_lacking = a.unsupported is not None or b.unsupported is not None
        if is_lacking and changes_the_layer(step):
            return


def lacks_more(one: Observation, other: Observation) -> bool:
    """Tell whether a layer lacks a step that another one has done."""
    pairs = zip((one.constructed, *one.outcomes), (other.constructed, *other.outcomes))
    return any(a.unsupported is not None and b.unsupported is None for a, b in pairs)


def changing(one: Observation, other: Observation) -> frozenset[int]:
    """Return the steps that gave other values the second time."""
    return frozenset(
        index
        for index, (a, b) in enumerate(zip(one.outcomes, other.outcomes))
        if not same_outcome(a, b)
    )


def outcome_of(seen: Observation, step: int | None) -> Outcome | None:
    """Return what a step did, None where it was not come to; the step None is the constructor."""
    if step is None:
        return seen.constructed
    return seen.outcomes[step] if step < len(seen.outcomes) else None


def holds_array(value: Value) -> bool:
    """Tell whether a value is an array, or a list or dict with one in it."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return any(map(holds_array, value))
    return isinstance(value, np.ndarray)


def has_value(outcome: Outcome | None) -> bool:
    """Tell whether a step gave something."""
    return outcome is not None and outcome.error is None and outcome.unsupported is None


def same_outcome(one: Outcome, other: Outcome, *, alike: bool = False) -> bool:
    """Tell whether two steps ended in the same way; values need be no more than `alike`: of a shape and dtype."""
    if one.unsupported is not None or other.unsupported is not None:
        return True
    if one.error is None or other.error is None:
        same_kind = one.error is other.error
        if not same_kind or (one.modified or ()) != (other.modified or ()):
            return False
        return (_alike if alike else _same)(one.value, other.value)
    common = set(one.error.types) & set(other.error.types)
    return bool(common - {"Exception", "BaseException"})


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and one.dtype == other.dtype and _close(one, other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return type(one) is type(other) and bool(one == other)


def _alike(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return bool(one.shape == other.shape and one.dtype == other.dtype)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_alike(a, b) for a, b in zip(one, other))
    return type(one) is type(other)


def _close(one: Array, other: Array) -> bool:
    """Tell whether two arrays are one result rounded on two ways."""
    if one.dtype.name not in SIGNIFICAND_BITS or not one.size:
        return bool(np.array_equal(one, other))
    a, b = one.astype(np.float64), other.astype(np.float64)
    finite = b[np.isfinite(b)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    # A float64 result may have been summed in float32, in any order.
    is_short = one.dtype == np.float64 and _are_float32(a) and _are_float32(b)
    made_in = "float32" if is_short else one.dtype.name
    return bool(
        np.allclose(a, b, rtol=0, atol=32 * unit_roundoff(made_in) * largest, equal_nan=True)
    )


def _are_float32(numbers: Array) -> bool:
    """Tell whether float32 has all these numbers."""
    with np.errstate(over="ignore"):
        return np.array_equal(numbers, numbers.astype(np.float32), equal_nan=True)
