"""The transposed convolution, as the definition reads: scatter, crop, add the bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_impl.arguments import (
    as_array,
    layout,
    pair,
    require_same_dtype,
    same_padding,
    to_caller_layout,
    to_channels_last,
)
from reference_impl.errors import InvalidArgumentError
from reference_impl.padding import Extent, extent
from reference_impl.shapes import output_shape
from reference_impl.storage import Array, Numbers, from_numbers, to_numbers, zero_of

__all__ = ["MOST_ELEMENTS", "Geometry", "conv2d_transpose", "geometry"]

MOST_ELEMENTS = 2**27
"""The oracle works on Python lists; a result larger than this is a mistake in the question."""


class Geometry:
    """Where the taps of the kernel land: two axes, each with its extent, stride and dilation."""

    def __init__(self, extents: tuple[Extent, Extent], strides: Any, dilation_rate: Any) -> None:
        self.rows, self.columns = extents
        self.row_stride, self.column_stride = strides
        self.row_dilation, self.column_dilation = dilation_rate


def geometry(
    inputs: Array,
    kernel: Array,
    strides: object,
    padding: str,
    data_format: str,
    dilation_rate: object,
    output_padding: object,
) -> Geometry:
    """The two extents of one call. Raises as `output_shape` does, and MemoryError.

    Args:
        inputs: in the caller's layout.
        kernel: (kernel_height, kernel_width, filters, in_channels).
    """
    as_array(inputs, "inputs", 4, layout(data_format))
    as_array(kernel, "kernel", 4, "(kernel_height, kernel_width, filters, in_channels)")
    result_shape = output_shape(
        inputs.shape,
        kernel.shape,
        strides,
        padding,
        data_format,
        dilation_rate=dilation_rate,
        output_padding=output_padding,
    )
    elements = 1
    for size in result_shape:
        elements *= size or 0
    if elements > MOST_ELEMENTS:
        raise MemoryError(f"OOM when allocating a result of shape {result_shape} as Python lists")
    strides = pair(strides, "strides", 1)
    dilations = pair(dilation_rate, "dilation_rate", 1)
    extra = (None, None) if output_padding is None else pair(output_padding, "output_padding", 0)
    _, height, width, _ = to_channels_last(inputs, data_format).shape
    extents = [
        extent(
            (height, width)[axis],
            kernel.shape[axis],
            strides[axis],
            same_padding(padding),
            dilations[axis],
            extra[axis],
        )
        for axis in (0, 1)
    ]
    return Geometry((extents[0], extents[1]), strides, dilations)


def conv2d_transpose(
    inputs: Array,
    kernel: Array,
    strides: object = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    bias: Array | None = None,
    dilation_rate: object = (1, 1),
    output_padding: object = None,
    out: Array | None = None,
) -> Array:
    """Transposed 2-D convolution: every input pixel adds its multiple of the kernel.

    `full[n, i*s_h + a*d_h, j*s_w + b*d_w, o] += inputs[n, i, j, c] * kernel[a, b, o, c]`, then
    the crop of `padding.extent`, then the bias. The kernel is not flipped. Floating data is
    accumulated in plain float64, in the order of the loops, and rounded once to the result's
    dtype; integers and object arrays (`int`, `fractions.Fraction`) are exact. A NaN or infinity
    touches only the positions whose sum holds it (DTYPE-05); a position that no product reaches
    is +0.0 plus the bias.

    Cost: batch * height * width * kernel_height * kernel_width * filters * in_channels
    multiply-adds of the interpreter.

    Args:
        inputs: (batch, height, width, in_channels), or channels before height.
        kernel: (kernel_height, kernel_width, filters, in_channels) in both layouts (FMT-03).
        strides: pair or one integer, at least 1.
        padding: "valid" or "same", in any case.
        data_format: "channels_last" or "channels_first", in any case.
        bias: (filters,), or None.
        dilation_rate: distance between kernel taps: pair or one integer, at least 1. Unequal
            rates and rates together with strides are computed as the formula says, although
            TensorFlow's layer refuses them.
        output_padding: None, or pair or one integer below the stride (ARG-14).
        out: array to write the result into; shape and dtype must be the result's. It may share
            memory with the operands.

    Returns:
        (batch, height', width', filters) in the layout of `data_format`, dtype of `inputs`.

    Raises:
        ValueError: an argument out of its range; channel counts that differ (SHAPE-13); a bias
            or `out` of the wrong shape.
        InvalidArgumentError: ranks other than 4, dtypes that differ or are not supported,
            "same" with output padding 0 and an even dilated kernel (ARG-14).
        MemoryError: a result of more than `MOST_ELEMENTS` elements.
    """
    inputs, kernel = np.asarray(inputs), np.asarray(kernel)
    where = geometry(inputs, kernel, strides, padding, data_format, dilation_rate, output_padding)
    dtype = inputs.dtype
    require_same_dtype(dtype, kernel, "kernel")
    images = to_channels_last(inputs, data_format)
    filters = kernel.shape[2]
    zero = zero_of(dtype)
    offsets = [zero] * filters
    if bias is not None:
        bias = np.asarray(bias)
        require_same_dtype(dtype, bias, "bias")
        if bias.shape != (filters,):
            raise InvalidArgumentError(
                f"`bias` must have the shape ({filters},), one value per filter; got {bias.shape}"
            )
        offsets = to_numbers(bias)
    taps = to_numbers(kernel)
    result = [
        _with_bias(
            _crop(_scatter(image, taps, filters, zero, where), where, filters, zero), offsets
        )
        for image in to_numbers(images)
    ]
    shape = (images.shape[0], where.rows.kept, where.columns.kept, filters)
    array = to_caller_layout(from_numbers(result, shape, dtype), data_format)
    return array if out is None else _written(out, array)


def _scatter(image: Numbers, taps: Numbers, filters: int, zero: Any, where: Geometry) -> Numbers:
    """The full result of one image: [row][column][filter]."""
    full = [[[zero] * filters for _ in range(where.columns.full)] for _ in range(where.rows.full)]
    for i, row in enumerate(image):
        for j, pixel in enumerate(row):
            for a, tap_row in enumerate(taps):
                target_row = full[i * where.row_stride + a * where.row_dilation]
                for b, tap in enumerate(tap_row):
                    target = target_row[j * where.column_stride + b * where.column_dilation]
                    for o, weights in enumerate(tap):
                        total = target[o]
                        for value, weight in zip(pixel, weights):
                            total += value * weight
                        target[o] = total
    return full


def _crop(full: Numbers, where: Geometry, filters: int, zero: Any) -> Numbers:
    """The kept part of a full result; zeros where the kept part reaches beyond it."""
    rows, columns = where.rows, where.columns
    kept = [row[columns.before : columns.before + columns.kept] for row in full]
    kept = kept[rows.before : rows.before + rows.kept]
    for row in kept:
        row.extend([zero] * filters for _ in range(columns.kept - len(row)))
    missing = range(rows.kept - len(kept))
    kept.extend([[zero] * filters for _ in range(columns.kept)] for _ in missing)
    return kept


def _with_bias(image: Numbers, offsets: list[Any]) -> Numbers:
    return [
        [[value + offset for value, offset in zip(pixel, offsets)] for pixel in row]
        for row in image
    ]


def _written(out: Array, array: Array) -> Array:
    if out.shape != array.shape or out.dtype != array.dtype:
        raise ValueError(
            f"`out` must have the result's shape {array.shape} and dtype {array.dtype.name}; "
            f"got {out.shape} and {out.dtype.name}"
        )
    out[...] = array
    return out
