"""What is told of an exception in a line."""

import pytest

from reports.records.messages import telling_line
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
