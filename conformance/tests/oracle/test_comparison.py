"""Each rule of comparison holds where it should, and can fail."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.model.values.codec import Array, encode
from conformance.oracle.comparison import (
    Mismatch,
    compare_dtype,
    compare_numbers,
    compare_shape,
    describe,
)


def _array(*values: float, dtype: str = "float32") -> Array:
    return np.array(values, dtype)


EXACT = np.array([1.0, 2.0])
NOTHING = np.zeros(2)
RECORDS_DTYPE = np.dtype([("a", "f4")])
RECORDS = encode(np.zeros(1, RECORDS_DTYPE))


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


@pytest.mark.parametrize(("got", "exact"), [(np.inf, -np.inf), (-np.inf, np.inf), (np.nan, np.inf)])
def test_an_infinite_bound_does_not_excuse_another_infinity(got: float, exact: float) -> None:
    # Beside an infinity the sum of magnitudes, and with it the bound, is infinite.
    assert compare_numbers(_array(got), np.array([exact]), np.full(1, np.inf), step=0) is not None


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


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8", ml_dtypes.bfloat16])
def test_numbers_of_every_kind_are_compared(dtype: Any) -> None:
    assert compare_numbers(np.array([1, 2]).astype(dtype), EXACT, NOTHING, step=0) is None


def test_a_value_whose_error_reaches_beyond_the_largest_may_be_infinite() -> None:
    got = _array(np.inf, dtype="float16")
    assert compare_numbers(got, np.array([65000.0]), np.full(1, 1000.0), step=0) is None


def test_the_largest_value_itself_does_not_overflow() -> None:
    got = _array(np.inf, dtype="float16")
    assert compare_numbers(got, np.array([65504.0]), np.zeros(1), step=0) is not None


def test_a_format_without_largest_value_never_overflows() -> None:
    got = _array(np.inf, dtype="float64")
    assert compare_numbers(got, np.array([1e308]), np.zeros(1), step=0) is not None


def _told(mismatch: Mismatch | None) -> tuple[Any, ...]:
    """What a mismatch says, its arrays as lists."""
    assert mismatch is not None
    fields = (mismatch.message, mismatch.expected, mismatch.got, mismatch.step, mismatch.index)
    plain = [field.tolist() if isinstance(field, np.ndarray) else field for field in fields]
    return (*plain, mismatch.scaled_error, mismatch.bound)


def test_what_is_no_array_is_told_with_what_it_is() -> None:
    text = "expected an array of shape (2, 3), got 'text'"
    assert _told(compare_shape("text", (2, 3), 4)) == (text, [2, 3], "text", 4, None, None, None)


def test_another_shape_is_told_with_both() -> None:
    wanted = ("expected shape (2, 3), got (3, 2)", [2, 3], [3, 2], 4, None, None, None)
    assert _told(compare_shape(np.zeros((3, 2)), (2, 3), 4)) == wanted


def test_another_dtype_is_told_with_both() -> None:
    text = "expected dtype float32, got float64"
    wanted = (text, "float32", "float64", 4, None, None, None)
    assert _told(compare_dtype(np.zeros(2), "float32", 4)) == wanted


@pytest.mark.parametrize(
    ("value", "kind"),
    [("text", "str"), (None, "None"), ({"a": 1}, "dict"), (RECORDS, "ndarray of {}")],
)
def test_what_has_no_dtype_is_told_by_its_type(value: Any, kind: str) -> None:
    kind = kind.format(RECORDS_DTYPE)
    text = f"expected dtype float32, got {kind}"
    assert _told(compare_dtype(value, "float32", 4))[:3] == (text, "float32", kind)


def test_an_array_of_the_dtype_matches() -> None:
    assert compare_dtype(np.zeros(2, "float32"), "float32", 4) is None


def test_a_mismatch_of_shapes_among_numbers_has_the_step() -> None:
    assert _told(compare_numbers(_array(1), EXACT, NOTHING, step=4))[3] == 4


def test_text_among_numbers_is_told() -> None:
    got = np.array(["a", "b"])
    wanted = ("expected numbers, got dtype <U1", [1.0, 2.0], ["a", "b"], 4, None, None, None)
    assert _told(compare_numbers(got, EXACT, NOTHING, step=4)) == wanted


def test_a_wrong_number_is_told_with_everything_about_it() -> None:
    exact = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = compare_numbers(
        _array(1, 2, 9, 4).reshape(2, 2),
        exact,
        np.array(0.5),
        step=4,
        what="gradient",
        unit=np.full((2, 2), 0.25),
    )
    text = "gradient[1, 0] should be 3, got 9, allowed error 0.5; 1 of 4 elements is wrong"
    got = [[1.0, 2.0], [9.0, 4.0]]
    assert _told(found) == (text, exact.tolist(), got, 4, (1, 0), 24.0, 2.0)


def test_a_wrong_scalar_has_no_index_in_the_message() -> None:
    found = compare_numbers(np.array(1.5), np.array(1.25), np.zeros(()), step=0)
    assert _told(found)[0] == ("output should be exactly 1.25, got 1.5; the only element is wrong")


@pytest.mark.parametrize("got", [1.25, np.float64(1.25)])
def test_a_number_of_python_s_is_an_array_without_axes(got: float) -> None:
    assert compare_numbers(got, np.array(1.25), np.zeros(()), step=0) is None


def test_a_truth_value_is_no_number() -> None:
    found = compare_numbers(True, np.array(1.0), np.zeros(()), step=0)
    assert _told(found)[0] == "expected an array of shape (), got True"


def test_integers_are_told_in_full() -> None:
    got, exact = np.array([1234567891]), np.array([1234567890])
    assert _told(compare_numbers(got, exact, np.zeros(1), step=0))[0] == (
        "output[0] should be exactly 1234567890, got 1234567891; the only element is wrong"
    )


def test_floats_are_told_with_nine_digits() -> None:
    got, exact = np.array([1 / 3]), np.array([2 / 3])
    assert "exactly 0.666666667, got 0.333333333;" in _told(
        compare_numbers(got, exact, np.zeros(1), step=0)
    )[0]  # fmt: skip


def test_the_worst_element_is_the_one_furthest_beyond_its_own_bound() -> None:
    found = compare_numbers(_array(3, 5), EXACT, np.array([0.5, 2.75]), step=0)
    assert _told(found)[4] == (0,)


def test_the_worst_element_is_not_a_right_one() -> None:
    found = compare_numbers(_array(1, 1), np.array([1.0, 1.0 + 2**-30]), NOTHING, step=0)
    assert _told(found)[4] == (1,)


def test_the_distance_of_negative_numbers_counts() -> None:
    found = compare_numbers(_array(-4, 4), np.array([-3.0, 2.0]), NOTHING, step=0)
    assert _told(found)[4] == (1,)


def test_a_number_that_is_none_is_as_bad_as_an_infinite_one() -> None:
    found = compare_numbers(_array(np.inf, np.nan), np.ones(2), NOTHING, step=0)
    assert _told(found)[4] == (0,)


def test_a_number_that_is_none_is_worse_than_a_finite_error() -> None:
    found = compare_numbers(_array(1e30, np.nan), np.ones(2), NOTHING, step=0)
    assert _told(found)[4] == (1,)


def test_infinities_that_are_right_do_not_disturb_the_search() -> None:
    found = compare_numbers(_array(np.inf, 3), np.array([np.inf, 2.0]), NOTHING, step=0)
    assert _told(found)[4] == (1,)


def test_an_infinite_error_has_no_scaled_error() -> None:
    found = compare_numbers(_array(np.inf), np.ones(1), np.ones(1), step=0, unit=np.ones(1))
    assert _told(found)[5:] == (None, 1.0)


def test_the_scaled_error_of_opposite_infinities_is_none() -> None:
    found = compare_numbers(
        _array(np.inf), np.array([np.inf]) * -1, np.ones(1), step=0, unit=np.full(1, np.inf)
    )
    assert _told(found)[5] is None


def test_there_is_no_scaled_error_in_a_unit_of_zero() -> None:
    found = compare_numbers(_array(2), np.ones(1), np.zeros(1), step=0, unit=np.zeros(1))
    assert _told(found)[5:] == (None, None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array(1.5, "float32"), "1.5 (float32)"),
        (np.zeros(3), "a float64 array of shape (3,)"),
        ({"type": "Thing", "repr": "<thing>"}, "a Thing: <thing>"),
        ({"type": "Thing"}, "{'type': 'Thing'}"),
        ({"one": 1, "two": 2}, "{'one': 1, 'two': 2}"),
        ("x" * 117, repr("x" * 117)),
        ("x" * 118, "a str: '" + "x" * 99 + "..."),
        ("x" * 119, "a str: '" + "x" * 99 + "..."),
        (None, "None"),
        (RECORDS, f"an ndarray of {RECORDS_DTYPE}: {np.zeros(1, RECORDS_DTYPE)!r}"),
    ],
)
def test_values_are_described_in_few_words(value: Any, text: str) -> None:
    assert describe(value) == text


def test_a_shape_matches_itself() -> None:
    assert compare_shape(np.zeros((2, 3)), (2, 3), 0) is None


def test_a_dtype_does_not_match_another() -> None:
    assert compare_dtype(np.zeros(1, "float64"), "float32", 0) is not None
