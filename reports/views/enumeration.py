"""Names and numbers in a sentence: all names, or the first; a number with its noun."""

from __future__ import annotations

from collections.abc import Sequence


def conjoined(names: Sequence[str]) -> str:
    """Write a list with its last two items joined by "and"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def how_many(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun, which is `many` (or `one` with an s) unless the number is 1."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def first_of(names: Sequence[str], most: int) -> str:
    """Name the first and count the others: ``PAD-01, PAD-02 and 3 more``."""
    left = len(names) - most
    return f"{', '.join(names[:most])} and {left} more" if left > 0 else conjoined(names)
