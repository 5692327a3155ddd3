"""Where arrays lie, and what generated code is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt


def address(array: npt.NDArray[Any]) -> int:
    """Return where the numbers of an array begin; faster than ``array.ctypes.data``."""
    place: int = array.__array_interface__["data"][0]
    return place


def steps(array: npt.NDArray[Any]) -> tuple[int, ...]:
    """Return the bytes from element to element along each axis: what address arithmetic uses for strides.

    NumPy lets the stride of an axis of one element, and every stride of an empty array, be any number, and
    calls an array contiguous whatever they are. Here such an axis has the step of a contiguous array.
    """
    found: list[int] = []
    step = array.itemsize
    for size, stride in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if size > 1 and array.size:
            step = stride
        found.append(step)
        step *= max(size, 1)
    return tuple(reversed(found))


def call_words(count: int, fields: Mapping[int, int]) -> list[int]:
    """Return what a generated kernel is told: integers of 64 bits, by their place in bytes."""
    words = [0] * count
    for place, value in fields.items():
        words[place // 8] = value
    return words
