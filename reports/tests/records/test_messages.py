"""What is told of an exception in a line."""

import pytest

from reports.records.messages import normalised
from reports.records.values import words


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ({"message": "in a layer\nno int32", "told": "no int32"}, ": no int32"),
        ({"message": "\nno int32\nat line 3"}, ": no int32"),
        ({"message": None}, ""),
    ],
)
def test_an_exception_is_told_by_one_line(error: dict[str, str], line: str) -> None:
    assert words({"types": ["ValueError"], "moment": "call", **error}) == (
        f"ValueError from the call{line}"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("only float32, not float64", "only float32, not mixed_bfloat16"),
        ("[0] should be 3; 1 of 3 elements is wrong", "[2] should be 9; 2 of 8 elements are wrong"),
    ],
)
def test_what_differs_from_case_to_case_is_left_out(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
