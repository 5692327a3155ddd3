"""What is told of an exception in a line."""

import pytest

from reports.records.messages import normalised, telling_line
from reports.records.values import words

KERAS = "Exception encountered when calling Conv2DTranspose.call().\n\n\x1b[1mno int32\x1b[0m\n\nArguments"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("no int32\nat line 3", "no int32"),
        ("", ""),
        (KERAS, "no int32"),
        ("Exception from core.cpp:117:\nno primitive", "no primitive"),
        ("Exception encountered when calling layer", "Exception encountered when calling layer"),
    ],
)
def test_the_line_says_what_is_wrong(message: str, told: str) -> None:
    assert telling_line(message) == told


def test_a_value_that_is_an_exception_is_told_by_that_line() -> None:
    error = {"types": ["ValueError"], "message": KERAS, "moment": "call"}
    assert words(error) == "ValueError from the call: no int32"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("only float32, not float64", "only float32, not mixed_bfloat16"),
        ("[0] should be 3; 1 of 3 elements is wrong", "[2] should be 9; 2 of 8 elements are wrong"),
    ],
)
def test_what_differs_from_case_to_case_is_left_out(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
