"""The transposed convolution of arrays: `formulas.sums.scatter`, then the bias."""

from __future__ import annotations

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.sums import scatter, terms, with_bias
from reference_impl.functions.arguments import (
    KERNEL,
    image_batch,
    operand,
    to_caller_layout,
    to_channels_last,
)
from reference_impl.functions.shapes import axes_of, options_of
from reference_impl.storage import Array, from_numbers, to_numbers, zero_of

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

    `result[n, P, Q, o] += inputs[n, i, j, c] * kernel[a, b, o, c]` with `P = i*s_h + a*d_h -
    before_h` and `Q = j*s_w + b*d_w - before_w` (`formulas.axes`), then the bias is added. The kernel
    is not flipped. Floating data is accumulated in plain float64, in the order of the loops, and
    rounded once to the result's dtype; integers and object arrays (`int`, `fractions.Fraction`) are
    exact. A NaN or infinity touches only the positions whose sum holds it (DTYPE-05); a position that
    no product reaches is +0.0 plus the bias.

    Cost: at most batch * height * width * kernel_height * kernel_width * filters * in_channels
    multiply-adds of the interpreter, and the memory of the result as Python lists.

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
        ValueError: an argument out of its range; channel counts that differ (SHAPE-13); an `out`
            of the wrong shape or kind.
        InvalidArgumentError: ranks other than 4, dtypes that differ or are not supported, a bias of
            the wrong shape, "same" with output padding 0 and an even dilated kernel (ARG-14).
        MemoryError: a result of more than `MOST_ELEMENTS` elements.
    """
    inputs = image_batch(inputs, "inputs", data_format)
    kernel = operand(kernel, "kernel", KERNEL, like=inputs.dtype)
    options = options_of(strides, padding, data_format, dilation_rate, output_padding)
    axes = axes_of(inputs, kernel, options)
    filters, zero = kernel.shape[2], zero_of(inputs.dtype)
    offsets = [zero] * filters
    if bias is not None:
        bias = operand(bias, "bias", "(filters,)", None, like=inputs.dtype)
        if bias.shape != (filters,):
            raise InvalidArgumentError(
                f"`bias` must have the shape ({filters},), one value per filter; got {bias.shape}"
            )
        offsets = to_numbers(bias)
    images, taps = to_channels_last(inputs, data_format), terms(to_numbers(kernel))
    result = [
        with_bias(scatter(image, taps, filters, axes, zero), offsets)
        for image in to_numbers(images)
    ]
    shape = (images.shape[0], axes[0].kept, axes[1].kept, filters)
    array = to_caller_layout(from_numbers(result, shape, inputs.dtype), data_format)
    return array if out is None else _written(out, array)


def _written(out: Array, array: Array) -> Array:
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise ValueError(f"`out` must be a NumPy array without a mask; got {type(out).__name__}")
    if out.shape != array.shape or out.dtype.newbyteorder("=") != array.dtype:
        raise ValueError(
            f"`out` must have the result's shape {array.shape} and dtype {array.dtype.name}; "
            f"got {out.shape} and {out.dtype.name}"
        )
    if not out.flags.writeable:
        raise ValueError("`out` must be writable; it is read-only")
    out[...] = array
    return out
