"""The arguments of the functions, checked and brought to one form. The layer has rules of its own.

Heights and widths travel as pairs `(height, width)`, arrays as channels_last inside.
"""

from __future__ import annotations

import itertools
import numbers
import operator
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.storage import Array, native

__all__ = [
    "IMAGES",
    "KERNEL",
    "channels_first",
    "image_batch",
    "operand",
    "ordered",
    "pair",
    "same_padding",
    "to_caller_layout",
    "to_channels_last",
]

Pair = tuple[int, int]

KERNEL = "(kernel_height, kernel_width, filters, in_channels)"
IMAGES = {
    "channels_last": "(batch, height, width, channels)",
    "channels_first": "(batch, channels, height, width)",
}


def pair(value: object, name: str, minimum: int) -> Pair:
    """`value` as `(height, width)`: one integer means both (ARG-03, ARG-04, ARG-12, ARG-14).

    Raises:
        ValueError: not an integer or two of them, or one below `minimum`.
    """
    try:
        members = ordered(value) if hasattr(value, "__iter__") else (value, value)
        sizes = [operator.index(member) for member in members]
    except TypeError:
        sizes = []
    if len(sizes) != 2 or min(sizes) < minimum:
        raise ValueError(
            f"`{name}` must be an integer or a pair of integers, each at least {minimum}; got {value!r}"
        )
    return sizes[0], sizes[1]


def ordered(value: Any, most: int = 5) -> tuple[Any, ...]:
    """The first members of a sequence or an iterator, some of which never end.

    Raises:
        TypeError: text, bytes, or a collection without an order.
    """
    if isinstance(value, (str, bytes, bytearray, dict, set, frozenset)):
        raise TypeError
    return tuple(itertools.islice(value, most))


def same_padding(padding: object) -> bool:
    """Whether padding is "same"; the case of the word does not matter (ARG-05)."""
    if isinstance(padding, str) and padding.lower() in ("valid", "same"):
        return padding.lower() == "same"
    raise ValueError(f'`padding` must be "valid" or "same" in any case; got {padding!r} (ARG-05)')


def channels_first(data_format: object) -> bool:
    """Whether the channels come before height and width (ARG-06, FMT-01, FMT-02)."""
    if isinstance(data_format, str) and data_format.lower() in IMAGES:
        return data_format.lower() == "channels_first"
    raise ValueError(
        '`data_format` must be "channels_last" or "channels_first" in any case; '
        f"got {data_format!r} (ARG-06)"
    )


def operand(
    value: object, name: str, axes: str, rank: int | None = 4, like: np.dtype[Any] | None = None
) -> Array:
    """`value` as an array of the given rank, in the machine's byte order.

    Args:
        value: an array, or nested lists of numbers.
        name: of the argument, for messages.
        axes: what the axes are, for messages.
        rank: how many there are; None if the caller looks itself.
        like: the dtype that it must have; nothing is cast silently (DTYPE-04).

    Raises:
        ValueError: no array can be made of it.
        InvalidArgumentError: another rank (SHAPE-10), another dtype, or objects that are no numbers.
    """
    try:
        array = native(np.asarray(value))
    except ValueError as error:
        raise ValueError(f"`{name}` must be an array {axes}: {error}") from None
    if rank not in (None, array.ndim):
        raise InvalidArgumentError(
            f"`{name}` must have {rank} axes {axes}; got the shape {array.shape} (SHAPE-10)"
        )
    if like is not None and array.dtype != like:
        raise InvalidArgumentError(
            f"`{name}` was expected to be {like.name}, like `inputs`, but is {array.dtype.name}; "
            "convert one of them (DTYPE-04)"
        )
    for element in array.flat if array.dtype.kind == "O" else ():
        if not isinstance(element, numbers.Number):
            raise InvalidArgumentError(
                f"`{name}` must hold numbers; it holds {element!r} (DTYPE-03)"
            )
    return array


def image_batch(
    value: object, name: str, data_format: str, like: np.dtype[Any] | None = None
) -> Array:
    """`value` as an `operand` with the axes of a batch of images."""
    axes = IMAGES["channels_first" if channels_first(data_format) else "channels_last"]
    return operand(value, name, axes, like=like)


def to_channels_last(array: Array, data_format: str) -> Array:
    """An image batch seen as (batch, height, width, channels)."""
    return array.transpose(0, 2, 3, 1) if channels_first(data_format) else array


def to_caller_layout(array: Array, data_format: str) -> Array:
    """The inverse of `to_channels_last`."""
    if channels_first(data_format):
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return array
