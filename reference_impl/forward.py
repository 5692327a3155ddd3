"""The transposed convolution, as the definition reads: scatter, crop, add the bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_impl.arguments import require_same_dtype, to_caller_layout, to_channels_last
from reference_impl.errors import InvalidArgumentError
from reference_impl.geometry import Geometry, Terms, geometry, terms_of
from reference_impl.storage import Array, Numbers, from_numbers, to_numbers, zero_of

__all__ = ["conv2d_transpose"]


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
    where = geometry(
        inputs,
        kernel,
        strides,
        padding,
        data_format,
        dilation_rate=dilation_rate,
        output_padding=output_padding,
    )
    require_same_dtype(inputs.dtype, kernel, "kernel")
    zero = zero_of(inputs.dtype)
    offsets = [zero] * where.filters
    if bias is not None:
        bias = np.asarray(bias)
        require_same_dtype(inputs.dtype, bias, "bias")
        if bias.shape != (where.filters,):
            raise InvalidArgumentError(
                f"`bias` must have the shape ({where.filters},), one value per filter; "
                f"got {bias.shape}"
            )
        offsets = to_numbers(bias)
    images = to_channels_last(inputs, data_format)
    taps = terms_of(kernel)
    result = []
    for image in to_numbers(images):
        full = _scatter(image, taps, zero, where)
        result.append(_with_bias(_crop(full, zero, where), offsets))
    shape = (images.shape[0], where.rows.kept, where.columns.kept, where.filters)
    array = to_caller_layout(from_numbers(result, shape, inputs.dtype), data_format)
    return array if out is None else _written(out, array)


def _scatter(image: Numbers, taps: list[list[Terms]], zero: Any, where: Geometry) -> Numbers:
    """Return the full result of one image: [row][column][filter]."""
    rows, columns = where.rows, where.columns
    full = [[[zero] * where.filters for _ in range(columns.full)] for _ in range(rows.full)]
    for i, row in enumerate(image):
        for j, pixel in enumerate(row):
            for a, tap_row in enumerate(taps):
                target_row = full[i * rows.stride + a * rows.dilation]
                for b, terms in enumerate(tap_row):
                    target = target_row[j * columns.stride + b * columns.dilation]
                    for o, c, weight in terms:
                        target[o] += pixel[c] * weight
    return full


def _crop(full: Numbers, zero: Any, where: Geometry) -> Numbers:
    """Return the kept part of a full result, with zeros where it reaches beyond it."""
    rows, columns = where.rows, where.columns
    nothing = [zero] * where.filters
    kept = []
    for row in full[rows.before : rows.before + rows.kept]:
        kept_row = row[columns.before : columns.before + columns.kept]
        kept.append(kept_row + [nothing] * (columns.kept - len(kept_row)))
    return kept + [[nothing] * columns.kept] * (rows.kept - len(kept))


def _with_bias(image: Numbers, offsets: list[Any]) -> Numbers:
    return [
        [[value + offset for value, offset in zip(pixel, offsets, strict=True)] for pixel in row]
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
