"""The gradients of the transposed convolution, by loops (clauses GRAD-01, GRAD-02, GRAD-05)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from reference_impl.arguments import (
    as_array,
    layout,
    require_same_dtype,
    to_caller_layout,
    to_channels_last,
)
from reference_impl.errors import InvalidArgumentError
from reference_impl.forward import Geometry, geometry
from reference_impl.storage import Array, Numbers, from_numbers, to_numbers, zero_of

__all__ = ["Gradients", "conv2d_transpose_gradients"]


class Gradients(NamedTuple):
    """Gradients of `sum(conv2d_transpose(inputs, kernel) + bias) * output_gradient)`.

    inputs: shape and layout of the inputs.
    kernel: (kernel_height, kernel_width, filters, in_channels).
    bias: (filters,), or None where a layer has no bias.
    """

    inputs: Array
    kernel: Array
    bias: Array | None


def conv2d_transpose_gradients(
    inputs: Array,
    kernel: Array,
    output_gradient: Array,
    strides: object = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dilation_rate: object = (1, 1),
    output_padding: object = None,
) -> Gradients:
    """Gradients with respect to the inputs, the kernel and a bias.

    With `P = i*s_h + a*d_h - before_h` and `Q = j*s_w + b*d_w - before_w`, and every term left
    out where (P, Q) is not a position of the result:

    - `d_inputs[n,i,j,c] = sum over a,b,o of output_gradient[n,P,Q,o] * kernel[a,b,o,c]`
    - `d_kernel[a,b,o,c] = sum over n,i,j of output_gradient[n,P,Q,o] * inputs[n,i,j,c]`
    - `d_bias[o] = sum over n,p,q of output_gradient[n,p,q,o]`

    Arithmetic as in `conv2d_transpose`. An empty sum is zero: the kernel's gradient for an empty
    batch or image is zeros (TensorFlow returns uninitialised memory there, GRAD-05).

    Args:
        inputs, kernel, strides, padding, data_format, dilation_rate, output_padding: as
            `conv2d_transpose`.
        output_gradient: shape, layout and dtype of the result of `conv2d_transpose`.

    Returns:
        `Gradients`, each of the dtype of `inputs`.

    Raises:
        ValueError, InvalidArgumentError, MemoryError: as `conv2d_transpose`; also where
            `output_gradient` has another shape or dtype than the result.
    """
    inputs, kernel = np.asarray(inputs), np.asarray(kernel)
    where = geometry(inputs, kernel, strides, padding, data_format, dilation_rate, output_padding)
    dtype = inputs.dtype
    output_gradient = as_array(output_gradient, "output_gradient", 4, layout(data_format))
    require_same_dtype(dtype, kernel, "kernel")
    require_same_dtype(dtype, output_gradient, "output_gradient")
    images = to_channels_last(inputs, data_format)
    slopes = to_channels_last(output_gradient, data_format)
    expected = (images.shape[0], where.rows.kept, where.columns.kept, kernel.shape[2])
    if slopes.shape != expected:
        raise InvalidArgumentError(
            f"`output_gradient` must have the result's shape, {expected} as (batch, height, width, "
            f"channels); got {slopes.shape}"
        )
    pixels, gradients, taps = to_numbers(images), to_numbers(slopes), to_numbers(kernel)
    zero = zero_of(dtype)
    d_inputs = _of_inputs(images.shape, gradients, taps, zero, where)
    d_kernel = _of_kernel(kernel.shape, pixels, gradients, zero, where)
    d_bias = _of_bias(kernel.shape[2], gradients, zero)
    return Gradients(
        to_caller_layout(from_numbers(d_inputs, images.shape, dtype), data_format),
        from_numbers(d_kernel, kernel.shape, dtype),
        from_numbers(d_bias, kernel.shape[2:3], dtype),
    )


def _meetings(
    height: int, width: int, kernel_height: int, kernel_width: int, where: Geometry
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Every input pixel (i, j) with every tap (a, b) that reaches a kept position (p, q)."""
    for i in range(height):
        for a in range(kernel_height):
            p = i * where.row_stride + a * where.row_dilation - where.rows.before
            if not 0 <= p < where.rows.kept:
                continue
            for j in range(width):
                for b in range(kernel_width):
                    q = j * where.column_stride + b * where.column_dilation - where.columns.before
                    if 0 <= q < where.columns.kept:
                        yield i, j, a, b, p, q


def _of_inputs(
    shape: tuple[int, ...], gradients: Numbers, taps: Numbers, zero: Any, where: Geometry
) -> Numbers:
    _, height, width, channels = shape
    kernel_height, kernel_width = len(taps), len(taps[0]) if taps else 0
    result = []
    for gradient in gradients:
        image = [[[zero] * channels for _ in range(width)] for _ in range(height)]
        for i, j, a, b, p, q in _meetings(height, width, kernel_height, kernel_width, where):
            pixel = image[i][j]
            for slope, weights in zip(gradient[p][q], taps[a][b]):
                for c, weight in enumerate(weights):
                    pixel[c] += slope * weight
        result.append(image)
    return result


def _of_kernel(
    shape: tuple[int, ...], pixels: Numbers, gradients: Numbers, zero: Any, where: Geometry
) -> Numbers:
    kernel_height, kernel_width, filters, channels = shape
    result = [
        [[[zero] * channels for _ in range(filters)] for _ in range(kernel_width)]
        for _ in range(kernel_height)
    ]
    for image, gradient in zip(pixels, gradients):
        height, width = len(image), len(image[0]) if image else 0
        for i, j, a, b, p, q in _meetings(height, width, kernel_height, kernel_width, where):
            pixel = image[i][j]
            for slope, sums in zip(gradient[p][q], result[a][b]):
                for c, value in enumerate(pixel):
                    sums[c] += slope * value
    return result


def _of_bias(filters: int, gradients: Numbers, zero: Any) -> list[Any]:
    sums = [zero] * filters
    for image in gradients:
        for row in image:
            for pixel in row:
                for o, slope in enumerate(pixel):
                    sums[o] += slope
    return sums
