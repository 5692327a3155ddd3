"""What is told of an error in a line."""

import attrs
import pytest

from conformance.model.observation import Error
from conformance.model.values.codec import encode
from reports.records.values import words

KERAS = """in user code:

    File "base_layer.py", line 1013, in error_handler  *
        filtered_tb = _process_traceback_frames(e.__traceback__)

    TypeError: Exception encountered when calling layer 'conv2d_transpose' (type Conv2DTranspose).

    {}
"""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("only 2-D\nat line 3", "only 2-D"),
        ("", ""),
        (KERAS.format("Input has type int32"), "Input has type int32"),
        ("Exception encountered when calling layer", "Exception encountered when calling layer"),
        ("Exception from core.cpp:117:\nException from plugin.cpp:54:\nno primitive\n", "no primitive"),
        ("Exception from core.cpp:117:", "Exception from core.cpp:117:"),
        ("a word  " * 50, f"{'a word ' * 42}a ..."),
    ],
)  # fmt: skip
def test_the_line_that_is_told_says_what_is_wrong(message: str, told: str) -> None:
    assert Error(("TypeError",), message, "call").told == told


def test_a_report_tells_that_line_of_a_recorded_error() -> None:
    error = Error(("TypeError",), KERAS.format("Input has type int32"), "call")
    assert words(encode(attrs.asdict(error))) == "TypeError from the call: Input has type int32"
