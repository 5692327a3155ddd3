"""Messages that say the same, whatever the case is."""

from __future__ import annotations

import re

#: What Keras and OpenVINO say before they say what is wrong; terminals' escape sequences.
_WHERE = re.compile(
    r"^in user code:|Exception encountered when calling |Exception from \S+:\d+:$|^ *File |filtered_tb = "
)
#: Names of dtypes, and of Keras' policies.
_DTYPES = re.compile(r"\b((mixed_)?b?float|u?int|complex)\d+\b")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def telling_line(message: str) -> str:
    """Return the first line of an exception's message that says what is wrong, and not where alone."""
    lines = [line.strip() for line in _ESCAPES.sub("", message).splitlines() if line.strip()]
    return next((line for line in lines if not _WHERE.search(line)), lines[0] if lines else "")


def normalised(text: str) -> str:
    """Leave out of a message what differs from case to case: numbers, how many, names of dtypes, and addresses."""
    text = _DTYPES.sub("#", text)
    text = text.replace(" is wrong", " are wrong")  # of how many, the numbers told
    plain = re.sub(r"\b0x[0-9a-f]+|[-+]?\d+(\.\d+)?(e[-+]?\d+)?|\b(nan|inf)\b", "#", text.lower())
    return re.sub(r"#(,? ?#)*", "#", re.sub(r"\s+", " ", plain)).strip()
