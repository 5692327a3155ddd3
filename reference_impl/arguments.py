"""The arguments of the functions, brought to one form. The layer's own rules are in `layer`.

Heights and widths travel as pairs `(height, width)`, arrays as channels_last inside.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.storage import Array

__all__ = [
    "as_array",
    "channels_first",
    "layout",
    "pair",
    "require_same_dtype",
    "same_padding",
    "to_caller_layout",
    "to_channels_last",
]

Pair = tuple[int, int]


def pair(value: object, name: str, minimum: int) -> Pair:
    """`value` as `(height, width)`: one integer means both (ARG-03, ARG-04, ARG-12, ARG-14).

    Raises:
        ValueError: not an integer or two of them, or one below `minimum`.
    """
    rule = f"`{name}` must be an integer or a pair of integers, each at least {minimum}"
    try:
        members = (value, value) if not hasattr(value, "__iter__") else tuple(value)
        numbers = tuple(operator.index(member) for member in members)
    except TypeError:
        raise ValueError(f"{rule}; got {value!r}") from None
    if len(numbers) != 2 or min(numbers) < minimum:
        raise ValueError(f"{rule}; got {value!r}")
    return numbers[0], numbers[1]


def same_padding(padding: object) -> bool:
    """Whether padding is "same"; the case of the word does not matter (ARG-05)."""
    if isinstance(padding, str) and padding.lower() in ("valid", "same"):
        return padding.lower() == "same"
    raise ValueError(f'`padding` must be "valid" or "same" in any case; got {padding!r} (ARG-05)')


def channels_first(data_format: object) -> bool:
    """Whether the channels come before height and width (ARG-06, FMT-01, FMT-02)."""
    if isinstance(data_format, str) and data_format.lower() in LAYOUTS:
        return data_format.lower() == "channels_first"
    raise ValueError(
        '`data_format` must be "channels_last" or "channels_first" in any case; '
        f"got {data_format!r} (ARG-06)"
    )


LAYOUTS = {
    "channels_last": "(batch, height, width, channels)",
    "channels_first": "(batch, channels, height, width)",
}


def layout(data_format: str) -> str:
    """The axes of an image batch in words, for messages."""
    return LAYOUTS["channels_first" if channels_first(data_format) else "channels_last"]


def as_array(value: object, name: str, rank: int, axes: str) -> Array:
    """`value` as an array of the given rank.

    Raises:
        InvalidArgumentError: another rank (SHAPE-10).
    """
    array = np.asarray(value)
    if array.ndim != rank:
        raise InvalidArgumentError(
            f"`{name}` must have {rank} axes {axes}; got the shape {array.shape} (SHAPE-10)"
        )
    return array


def require_same_dtype(dtype: np.dtype[Any], array: Array, name: str) -> None:
    """Refuses operands of different dtypes: nothing is cast silently (DTYPE-04).

    Raises:
        InvalidArgumentError: the dtypes differ.
    """
    if array.dtype != dtype:
        raise InvalidArgumentError(
            f"`{name}` was expected to be {dtype.name}, like `inputs`, but is {array.dtype.name}; "
            "convert one of them (DTYPE-04)"
        )


def to_channels_last(array: Array, data_format: str) -> Array:
    """An image batch seen as (batch, height, width, channels)."""
    return array.transpose(0, 2, 3, 1) if channels_first(data_format) else array


def to_caller_layout(array: Array, data_format: str) -> Array:
    """The inverse of `to_channels_last`."""
    if channels_first(data_format):
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return array
