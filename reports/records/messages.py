"""Messages that say the same, whatever the case is."""

from __future__ import annotations

import re

#: Names of dtypes, and of Keras' policies.
DTYPE = re.compile(r"\b((mixed_)?b?float|u?int|complex)\d+\b")


def normalised(text: str) -> str:
    """Leave out of a message what differs from case to case: numbers, how many, names of dtypes, and addresses."""
    text = DTYPE.sub("#", text)
    text = text.replace(" is wrong", " are wrong")  # of how many, the numbers told
    plain = re.sub(r"\b0x[0-9a-f]+|[-+]?\d+(\.\d+)?(e[-+]?\d+)?|\b(nan|inf)\b", "#", text.lower())
    return re.sub(r"#(,? ?#)*", "#", re.sub(r"\s+", " ", plain)).strip()
