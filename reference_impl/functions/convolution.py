"""The forward convolution of arrays: what `convolution_op` computes (METH-02 to METH-04)."""

from __future__ import annotations

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.axes import Axis, convolved, covered
from reference_impl.formulas.sums import convolution as sum_of_products
from reference_impl.formulas.sums import terms
from reference_impl.functions.arguments import (
    image_batch,
    operand,
    pair,
    same_padding,
    to_caller_layout,
    to_channels_last,
)
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
    inputs = image_batch(inputs, "inputs", data_format)
    kernel = operand(kernel, "kernel", "(kernel_height, kernel_width, in, out)", like=inputs.dtype)
    steps, dilations = pair(strides, "strides", 1), pair(dilation_rate, "dilation_rate", 1)
    same = same_padding(padding)
    images = to_channels_last(inputs, data_format)
    channels, (channels_in, filters) = images.shape[3], kernel.shape[2:]
    groups = max(channels // channels_in, 1) if channels_in else 1
    if 0 in kernel.shape[:3] or channels % channels_in or filters % groups:
        raise InvalidArgumentError(
            "input depth must be evenly divisible by filter depth, and output depth by the number "
            f"of groups: the input has {channels} channels, the kernel the shape {kernel.shape}, "
            "of which only the last size may be zero (METH-03)"
        )
    rows, columns = (
        _axis(images.shape[1 + at], kernel.shape[at], steps[at], same, dilations[at])
        for at in (0, 1)
    )
    taps = terms(to_numbers(kernel[:, :, :channels]))  # none of an input without channels
    firsts = [o * groups // filters * channels_in for o in range(filters)]
    zero = zero_of(inputs.dtype)
    result = [
        sum_of_products(image, taps, firsts, (rows, columns), zero) for image in to_numbers(images)
    ]
    shape = (images.shape[0], rows.length, columns.length, filters)
    return to_caller_layout(from_numbers(result, shape, inputs.dtype), data_format)


def _axis(size: int, taps: int, stride: int, same: bool, dilation: int) -> Axis:
    axis = convolved(size, taps, stride, same, dilation)
    if axis.length < 0:
        raise InvalidArgumentError(
            f"Computed output size would be negative: input {size}, kernel covers "
            f"{covered(taps, dilation)}, stride {stride}, padding 'valid' (METH-04)"
        )
    return axis
