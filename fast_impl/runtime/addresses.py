"""Where arrays lie, and what generated code is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def address(array: npt.NDArray[Any]) -> int:
    """Return where the numbers of an array begin; faster than ``array.ctypes.data``."""
    place: int = array.__array_interface__["data"][0]
    return place


def call_words(count: int, fields: Mapping[int, int]) -> list[int]:
    """Return what a generated kernel is told: integers of 64 bits, by their place in bytes."""
    words = [0] * count
    for place, value in fields.items():
        words[place // 8] = value
    return words
