"""All sizes of one transposed convolution, from its arguments."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from reference_impl.arguments import as_array, layout, pair, same_padding, to_channels_last
from reference_impl.padding import Axis, axis
from reference_impl.shapes import output_shape
from reference_impl.storage import Array, to_numbers

__all__ = ["MOST_ELEMENTS", "Geometry", "Terms", "geometry", "terms_of"]

MOST_ELEMENTS = 2**27
"""The oracle works on Python lists; a result larger than this is a mistake in the question."""


Terms = list[tuple[int, int, Any]]
"""One tap of a kernel: every (filter, channel, weight)."""


class Geometry(NamedTuple):
    """The two spatial axes and the two numbers of channels."""

    rows: Axis
    columns: Axis
    filters: int
    channels: int


def geometry(
    inputs: Array,
    kernel: Array,
    strides: object,
    padding: str,
    data_format: str,
    *,
    dilation_rate: object,
    output_padding: object,
) -> Geometry:
    """The sizes of one call.

    Args:
        inputs: (batch, height, width, in_channels), or channels before height.
        kernel: (kernel_height, kernel_width, filters, in_channels).
        strides: pair or one integer.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        dilation_rate: pair or one integer.
        output_padding: None, pair or one integer.

    Raises:
        ValueError, InvalidArgumentError: as `output_shape`.
        MemoryError: a result of more than `MOST_ELEMENTS` elements.
    """
    as_array(inputs, "inputs", 4, layout(data_format))
    as_array(kernel, "kernel", 4, "(kernel_height, kernel_width, filters, in_channels)")
    result = output_shape(
        inputs.shape,
        kernel.shape,
        strides,
        padding,
        data_format,
        dilation_rate=dilation_rate,
        output_padding=output_padding,
    )
    if math.prod(size or 0 for size in result) > MOST_ELEMENTS:
        raise MemoryError(f"OOM when allocating a result of shape {result} as Python lists")
    strides = pair(strides, "strides", 1)
    dilations = pair(dilation_rate, "dilation_rate", 1)
    extra = (None, None) if output_padding is None else pair(output_padding, "output_padding", 0)
    sizes = to_channels_last(inputs, data_format).shape[1:3]
    rows, columns = (
        axis(
            sizes[at],
            kernel.shape[at],
            stride=strides[at],
            same=same_padding(padding),
            dilation=dilations[at],
            output_padding=extra[at],
        )
        for at in (0, 1)
    )
    return Geometry(rows, columns, *kernel.shape[2:])


def terms_of(kernel: Array) -> list[list[Terms]]:
    """Return the taps of a kernel as [row][column] of terms: one loop instead of two inside."""
    return [
        [
            [(o, c, weight) for o, weights in enumerate(tap) for c, weight in enumerate(weights)]
            for tap in row
        ]
        for row in to_numbers(kernel)
    ]
