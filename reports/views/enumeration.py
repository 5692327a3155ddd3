"""Names in a sentence: all of them, or the first."""

from __future__ import annotations

from collections.abc import Sequence


def conjoined(names: Sequence[str]) -> str:
    """Write a list with its last two items joined by "and"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def first_of(names: Sequence[str], most: int) -> str:
    """Name the first and count the others: ``PAD-01, PAD-02 and 3 more``."""
    left = len(names) - most
    return f"{', '.join(names[:most])} and {left} more" if left > 0 else conjoined(names)
