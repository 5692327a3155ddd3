"""The shape of the result, and the two axes of a call (SHAPE-01 to SHAPE-05, SHAPE-07, SHAPE-11).

`fast_impl` computes the same lengths with code of its own: the duplication is deliberate, a
mistake in one is caught by the other.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.axes import Axis, covered, output_length, transposed
from reference_impl.functions.arguments import (
    KERNEL,
    Pair,
    channels_first,
    ordered,
    pair,
    same_padding,
)
from reference_impl.storage import Array

__all__ = ["MOST_ELEMENTS", "Options", "Shape", "axes_of", "options_of", "output_shape"]

Shape = tuple["int | None", ...]

MOST_ELEMENTS = 2**27
"""The oracle works on Python lists; a result larger than this is a mistake in the question."""


def output_shape(
    input_shape: Sequence[int | None],
    kernel_shape: Sequence[int | None],
    strides: object = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dilation_rate: object = (1, 1),
    output_padding: object = None,
) -> Shape:
    """Shape of `conv2d_transpose` for the given shapes; None stands for an unknown size.

    Args:
        input_shape: four sizes in the order of `data_format`.
        kernel_shape: (kernel_height, kernel_width, filters, in_channels).
        strides: pair or one integer, at least 1.
        padding: "valid" or "same", in any case.
        data_format: "channels_last" or "channels_first", in any case.
        dilation_rate: pair or one integer, at least 1.
        output_padding: None, or pair or one integer below the stride.

    Returns:
        Four sizes in the order of `data_format`; None where the input's or the kernel's size is
        unknown (SHAPE-07).

    Raises:
        ValueError: an argument out of its range, a shape that is not four sizes, or channel counts
            that contradict each other (SHAPE-10, SHAPE-13).
        InvalidArgumentError: a length below zero, or "same" with an even dilated kernel and
            output padding 0, for which no input has that output (ARG-14).
    """
    options = options_of(strides, padding, data_format, dilation_rate, output_padding)
    return _shape(input_shape, kernel_shape, options)


class Options(NamedTuple):
    """The checked arguments that decide about sizes, per axis where they are pairs."""

    stride: Pair
    dilation: Pair
    extra: tuple[int | None, int | None]
    same: bool
    channels_first: bool


def options_of(
    strides: object,
    padding: object,
    data_format: object,
    dilation_rate: object,
    output_padding: object,
) -> Options:
    """The arguments of `conv2d_transpose`, checked.

    Raises:
        ValueError: one of them is out of its range.
    """
    stride, dilation = pair(strides, "strides", 1), pair(dilation_rate, "dilation_rate", 1)
    same, first = same_padding(padding), channels_first(data_format)
    if output_padding is None:
        return Options(stride, dilation, (None, None), same, first)
    extra = pair(output_padding, "output_padding", 0)
    if any(more >= step for more, step in zip(extra, stride, strict=True)):
        raise ValueError(
            "Strides must be greater than output padding. "
            f"Received strides={stride}, output_padding={extra} (ARG-14)"
        )
    return Options(stride, dilation, extra, same, first)


def axes_of(inputs: Array, kernel: Array, options: Options) -> tuple[Axis, Axis]:
    """The axes of height and width of one call, for arrays of four axes.

    Raises:
        ValueError, InvalidArgumentError: as `output_shape`.
        MemoryError: a result of more than `MOST_ELEMENTS` elements.
    """
    result = _shape(inputs.shape, kernel.shape, options)
    if math.prod(size or 0 for size in result) > MOST_ELEMENTS:
        raise MemoryError(f"OOM when allocating a result of shape {result} as Python lists")
    sizes = inputs.shape[2:] if options.channels_first else inputs.shape[1:3]
    rows, columns = (
        transposed(size, taps, stride, options.same, dilation, extra)
        for size, taps, stride, dilation, extra in zip(
            sizes, kernel.shape[:2], options.stride, options.dilation, options.extra, strict=True
        )
    )
    return rows, columns


def _shape(input_shape: Any, kernel_shape: Any, options: Options) -> Shape:
    given = _sizes(input_shape, "input_shape", "in the order of `data_format`")
    order = (0, 2, 3, 1) if options.channels_first else (0, 1, 2, 3)
    batch, height, width, channels = (given[at] for at in order)
    *taps, filters, taken = _sizes(kernel_shape, "kernel_shape", KERNEL)
    if None not in (channels, taken) and channels != taken:
        raise ValueError(
            f"the input has {channels} channels and the kernel takes {taken}; "
            f"got input_shape={given}, kernel_shape={tuple(kernel_shape)} (SHAPE-13)"
        )
    lengths = [
        _length(size, count, stride, options.same, dilation, extra)
        for size, count, stride, dilation, extra in zip(
            (height, width), taps, options.stride, options.dilation, options.extra, strict=True
        )
    ]
    return (batch, filters, *lengths) if options.channels_first else (batch, *lengths, filters)


def _sizes(shape: Any, name: str, axes: str) -> Shape:
    try:
        sizes = tuple(None if size is None else operator.index(size) for size in ordered(shape))
    except TypeError:
        sizes = ()
    if len(sizes) != 4 or any(size is not None and size < 0 for size in sizes):
        raise ValueError(
            f"`{name}` must be four sizes {axes}, each None or an integer of at least 0; "
            f"got {shape!r} (SHAPE-10)"
        )
    return sizes


def _length(
    size: int | None, taps: int | None, stride: int, same: bool, dilation: int, extra: int | None
) -> int | None:
    if size is None or taps is None:
        return None
    if same and extra == 0 and covered(taps, dilation) % 2 == 0:
        raise InvalidArgumentError(
            'the size of the result doesn\'t match computed: padding "same", output padding 0 and a '
            f"kernel that covers an even length ({covered(taps, dilation)}) never fit together; give an "
            "output padding of 1 or more, or None (ARG-14)"
        )
    length = output_length(size, taps, stride, same, dilation, extra)
    if length < 0:
        raise InvalidArgumentError(
            f"the result would have length {length}: input length {size}, kernel {taps}, "
            f"stride {stride}, output padding {extra} (SHAPE-03, SHAPE-11)"
        )
    return length
