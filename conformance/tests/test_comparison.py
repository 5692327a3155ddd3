"""Each rule of comparison holds where it should, and can fail."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.comparison import compare_dtype, compare_numbers, compare_shape
from conformance.values import Array


def _array(*values: float, dtype: str = "float32") -> Array:
    return np.array(values, dtype)


EXACT = np.array([1.0, 2.0])
NOTHING = np.zeros(2)


def test_equal_numbers_match() -> None:
    assert compare_numbers(_array(1, 2), EXACT, NOTHING, step=0) is None


def test_an_error_within_the_bound_matches() -> None:
    assert compare_numbers(_array(1, 2.25), EXACT, np.full(2, 0.25), step=0) is None


def test_an_error_beyond_the_bound_is_found_at_its_index() -> None:
    mismatch = compare_numbers(_array(1, 2.5), EXACT, np.full(2, 0.25), step=3)
    assert mismatch is not None
    assert (mismatch.index, mismatch.step) == ((1,), 3)


def test_the_worst_element_is_the_one_that_is_named() -> None:
    mismatch = compare_numbers(_array(1.5, 9), EXACT, NOTHING, step=0)
    assert mismatch is not None
    assert mismatch.message == "output[1] should be exactly 2, got 9; 2 of 2 elements are wrong"


def test_the_scaled_error_is_in_units_of_roundoff() -> None:
    mismatch = compare_numbers(_array(1, 3), EXACT, np.full(2, 0.5), step=0, unit=np.full(2, 0.125))
    assert mismatch is not None
    assert (mismatch.scaled_error, mismatch.bound) == (8.0, 4.0)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_sign_of_a_zero_is_free(zero: float) -> None:
    assert compare_numbers(_array(zero), np.array([0.0]), np.zeros(1), step=0) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_special_value_matches_itself(value: float) -> None:
    assert compare_numbers(_array(value), np.array([value]), np.full(1, 1.0), step=0) is None


@pytest.mark.parametrize(
    ("got", "exact"),
    [
        (np.nan, 1.0),
        (1.0, np.nan),
        (np.inf, 1.0),
        (1.0, np.inf),
        (np.inf, -np.inf),
        (np.nan, np.inf),
    ],
)
def test_a_special_value_matches_nothing_else(got: float, exact: float) -> None:
    assert compare_numbers(_array(got), np.array([exact]), np.full(1, 1e30), step=0) is not None


def test_a_value_beyond_the_largest_may_round_to_infinity() -> None:
    got = _array(np.inf, dtype="float16")
    assert compare_numbers(got, np.array([65520.0]), np.zeros(1), step=0) is None


def test_an_infinity_of_the_wrong_sign_is_no_overflow() -> None:
    got = _array(-np.inf, dtype="float16")
    assert compare_numbers(got, np.array([65520.0]), np.zeros(1), step=0) is not None


@pytest.mark.parametrize("got", [None, "text", [1.0, 2.0], {"type": "x", "repr": "y"}, 3])
def test_what_is_no_array_does_not_match(got: object) -> None:
    assert compare_numbers(got, EXACT, NOTHING, step=0) is not None


def test_another_shape_does_not_match() -> None:
    assert compare_numbers(_array(1, 2, 3), EXACT, NOTHING, step=0) is not None


def test_empty_arrays_of_one_shape_match() -> None:
    empty = np.zeros((0, 3))
    assert compare_numbers(empty.astype("float32"), empty, empty, step=0) is None


def test_text_in_an_array_does_not_match() -> None:
    assert compare_numbers(np.array(["a", "b"]), EXACT, NOTHING, step=0) is not None


def test_a_shape_matches_itself() -> None:
    assert compare_shape(np.zeros((2, 3)), (2, 3), 0) is None


def test_a_dtype_does_not_match_another() -> None:
    assert compare_dtype(np.zeros(1, "float64"), "float32", 0) is not None
