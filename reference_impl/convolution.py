"""The forward convolution by loops: what `convolution_op` computes (METH-02 to METH-04)."""

from __future__ import annotations

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
from reference_impl.shapes import dilated_size
from reference_impl.storage import Array, from_numbers, to_numbers, zero_of

__all__ = ["convolution"]


def convolution(
    inputs: Array,
    kernel: Array,
    strides: object = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dilation_rate: object = (1, 1),
) -> Array:
    """Forward 2-D convolution (a correlation: the kernel is not flipped).

    `y[n, p, q, m] = sum over a, b, c of x[n, p*s_h + a*d_h - before_h, q*s_w + b*d_w - before_w,
    g*channels_in + c] * kernel[a, b, c, m]`, positions outside x left out, g being the group of m.
    "valid" has length `(n - k + s) // s`, not below 0, and before 0; "same" has length
    `ceil(n / s)` and before `max((length - 1) * s + k - n, 0) // 2`; k is the dilated kernel size.

    Given the kernel of a transposed convolution, whose axes it reads as (kernel_height,
    kernel_width, in, out), it is that layer's adjoint:
    `<convolution(w, K), x> = <w, conv2d_transpose(x, K)>` (METH-02).

    Args:
        inputs: (batch, height, width, channels), or channels before height.
        kernel: (kernel_height, kernel_width, channels_in, channels_out); `channels_in` may divide
            the input's channels, and the convolution is then grouped (METH-03).
        strides: pair or one integer, at least 1.
        padding: "valid" or "same", in any case.
        data_format: "channels_last" or "channels_first", in any case.
        dilation_rate: pair or one integer, at least 1.

    Returns:
        (batch, height', width', channels_out) in the layout of `data_format`, dtype of `inputs`.

    Raises:
        ValueError: an argument out of its range.
        InvalidArgumentError: ranks other than 4, dtypes that differ, channels that do not divide,
            an input smaller than the kernel by two strides or more with "valid" (METH-04).
    """
    inputs = as_array(inputs, "inputs", 4, layout(data_format))
    kernel = as_array(kernel, "kernel", 4, "(kernel_height, kernel_width, in, out)")
    require_same_dtype(inputs.dtype, kernel, "kernel")
    strides = pair(strides, "strides", 1)
    dilations = pair(dilation_rate, "dilation_rate", 1)
    same = same_padding(padding)
    images = to_channels_last(inputs, data_format)
    batch, height, width, channels = images.shape
    channels_in, channels_out = kernel.shape[2:]
    if 0 in kernel.shape[:3] or channels % channels_in or channels_out % _groups(channels, kernel):
        raise InvalidArgumentError(
            "input depth must be evenly divisible by filter depth, and output depth by the number "
            f"of groups: the input has {channels} channels, the kernel the shape {kernel.shape}, "
            "of which only the last size may be zero (METH-03)"
        )
    lengths, befores = [], []
    for axis, size in enumerate((height, width)):
        covered = dilated_size(kernel.shape[axis], dilations[axis])
        length = _length(size, covered, strides[axis], same)
        lengths.append(length)
        befores.append(max((length - 1) * strides[axis] + covered - size, 0) // 2 if same else 0)
    per_group = channels_out // _groups(channels, kernel)
    taps = to_numbers(kernel)
    zero = zero_of(inputs.dtype)
    result = []
    for image in to_numbers(images):
        for p in range(lengths[0]):
            for q in range(lengths[1]):
                pixel_out = [zero] * channels_out
                for a, tap_row in enumerate(taps):
                    i = p * strides[0] + a * dilations[0] - befores[0]
                    for b, tap in enumerate(tap_row):
                        j = q * strides[1] + b * dilations[1] - befores[1]
                        if not (0 <= i < height and 0 <= j < width):
                            continue
                        pixel = image[i][j]
                        for m in range(channels_out):
                            start = (m // per_group) * channels_in
                            for c in range(channels_in):
                                pixel_out[m] += pixel[start + c] * tap[c][m]
                result.append(pixel_out)
    shape = (batch, lengths[0], lengths[1], channels_out)
    flat = np.array(result, dtype=object).reshape(-1).tolist()
    return to_caller_layout(from_numbers(flat, shape, inputs.dtype), data_format)


def _groups(channels: int, kernel: Array) -> int:
    return max(channels // int(kernel.shape[2]), 1)


def _length(size: int, covered: int, stride: int, same: bool) -> int:
    if same:
        return -(-size // stride)
    reach = size - covered + stride
    if reach <= -stride:
        raise InvalidArgumentError(
            f"Computed output size would be negative: input {size}, kernel covers {covered}, "
            f"stride {stride}, padding 'valid' (METH-04)"
        )
    return max(reach, 0) // stride
