"""The gradients of the transposed convolution, by loops (clauses GRAD-01, GRAD-02, GRAD-05)."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

from reference_impl.arguments import (
    Pair,
    as_array,
    layout,
    require_same_dtype,
    to_caller_layout,
    to_channels_last,
)
from reference_impl.errors import InvalidArgumentError
from reference_impl.geometry import Geometry, Terms, geometry, terms_of
from reference_impl.storage import Array, Numbers, from_numbers, to_numbers, zero_of

__all__ = ["Gradients", "conv2d_transpose_gradients"]


Meeting = tuple[int, int, int, int, int, int]
"""Input pixel (i, j), tap (a, b), and the position (p, q) of the result where they meet."""


class Gradients(NamedTuple):
    """Gradients of `sum((conv2d_transpose(inputs, kernel) + bias) * output_gradient)`.

    inputs: shape and layout of the inputs.
    kernel: (kernel_height, kernel_width, filters, in_channels).
    bias: (filters,); None where a layer has no bias.
    """

    inputs: Array
    kernel: Array
    bias: Any


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
    """Return the gradients with respect to the inputs, the kernel and a bias.

    With `P = i*s_h + a*d_h - before_h` and `Q = j*s_w + b*d_w - before_w`, and every term left
    out where (P, Q) is not a position of the result:

    - `d_inputs[n,i,j,c] = sum over a,b,o of output_gradient[n,P,Q,o] * kernel[a,b,o,c]`
    - `d_kernel[a,b,o,c] = sum over n,i,j of output_gradient[n,P,Q,o] * inputs[n,i,j,c]`
    - `d_bias[o] = sum over n,p,q of output_gradient[n,p,q,o]`

    Arithmetic as in `conv2d_transpose`. An empty sum is zero: the kernel's gradient for an empty
    batch or image is zeros (TensorFlow returns uninitialised memory there, GRAD-05). What is left
    out is not multiplied by zero: an infinite input whose product was cropped away does no harm,
    although TensorFlow makes NaN of it.

    Args:
        inputs: (batch, height, width, in_channels), or channels before height.
        kernel: (kernel_height, kernel_width, filters, in_channels).
        output_gradient: shape, layout and dtype of the result of `conv2d_transpose`.
        strides: as in `conv2d_transpose`; so are the arguments that follow.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        dilation_rate: pair or one integer.
        output_padding: None, pair or one integer.

    Returns:
        `Gradients`, each of the dtype of `inputs`.

    Raises:
        ValueError, InvalidArgumentError, MemoryError: as `conv2d_transpose`; also where
            `output_gradient` has another shape or dtype than the result.
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
    output_gradient = as_array(output_gradient, "output_gradient", 4, layout(data_format))
    require_same_dtype(inputs.dtype, kernel, "kernel")
    require_same_dtype(inputs.dtype, output_gradient, "output_gradient")
    images = to_channels_last(inputs, data_format)
    slopes = to_channels_last(output_gradient, data_format)
    expected = (images.shape[0], where.rows.kept, where.columns.kept, where.filters)
    if slopes.shape != expected:
        raise InvalidArgumentError(
            f"`output_gradient` must have the result's shape, {expected} as (batch, height, width, "
            f"channels); got {slopes.shape}"
        )
    pixels, gradients, taps = to_numbers(images), to_numbers(slopes), terms_of(kernel)
    zero = zero_of(inputs.dtype)
    height, width = images.shape[1:3]
    kernel_height, kernel_width = kernel.shape[:2]
    meetings = _meetings((height, width), (kernel_height, kernel_width), where)
    d_inputs = [_of_image(g, taps, meetings, (height, width), zero, where) for g in gradients]
    d_kernel = [
        [[[zero] * where.channels for _ in range(where.filters)] for _ in range(kernel_width)]
        for _ in range(kernel_height)
    ]
    for image, gradient in zip(pixels, gradients, strict=True):
        _add_of_kernel(d_kernel, image, gradient, meetings, where)
    d_bias = [zero] * where.filters
    for gradient in gradients:
        _add_of_bias(d_bias, gradient)
    return Gradients(
        to_caller_layout(from_numbers(d_inputs, images.shape, inputs.dtype), data_format),
        from_numbers(d_kernel, kernel.shape, inputs.dtype),
        from_numbers(d_bias, kernel.shape[2:3], inputs.dtype),
    )


def _meetings(sizes: Pair, kernel_sizes: Pair, where: Geometry) -> list[Meeting]:
    """Return every input pixel and tap whose product lands on a kept position of the result."""
    meetings = []
    for i, a in itertools.product(range(sizes[0]), range(kernel_sizes[0])):
        p = i * where.rows.stride + a * where.rows.dilation - where.rows.before
        if not 0 <= p < where.rows.kept:
            continue
        for j, b in itertools.product(range(sizes[1]), range(kernel_sizes[1])):
            q = j * where.columns.stride + b * where.columns.dilation - where.columns.before
            if 0 <= q < where.columns.kept:
                meetings.append((i, j, a, b, p, q))
    return meetings


def _of_image(
    gradient: Numbers,
    taps: list[list[Terms]],
    meetings: list[Meeting],
    sizes: Pair,
    zero: Any,
    where: Geometry,
) -> Numbers:
    """Return the gradient of one image: [row][column][channel]."""
    result = [[[zero] * where.channels for _ in range(sizes[1])] for _ in range(sizes[0])]
    for i, j, a, b, p, q in meetings:
        target, slopes = result[i][j], gradient[p][q]
        for o, c, weight in taps[a][b]:
            target[c] += slopes[o] * weight
    return result


def _add_of_kernel(
    result: Numbers, image: Numbers, gradient: Numbers, meetings: list[Meeting], where: Geometry
) -> None:
    """Add what one image contributes to the kernel's gradient."""
    filters, channels = range(where.filters), range(where.channels)
    for i, j, a, b, p, q in meetings:
        pixel, slopes, tap = image[i][j], gradient[p][q], result[a][b]
        for o in filters:
            target, slope = tap[o], slopes[o]
            for c in channels:
                target[c] += slope * pixel[c]


def _add_of_bias(result: list[Any], gradient: Numbers) -> None:
    """Add what one image contributes to the bias' gradient."""
    for row in gradient:
        for slopes in row:
            for o, slope in enumerate(slopes):
                result[o] += slope
