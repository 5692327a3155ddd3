"""Messages that say the same, whatever the case is."""

from __future__ import annotations

import re


def normalised(text: str) -> str:
    """Leave out of a message what differs from case to case: numbers, how many they are, and addresses."""
    plain = re.sub(r"\b0x[0-9a-f]+|[-+]?\d+(\.\d+)?(e[-+]?\d+)?|\b(nan|inf)\b", "#", text.lower())
    return re.sub(r"#(,? ?#)*", "#", re.sub(r"\s+", " ", plain)).strip()
