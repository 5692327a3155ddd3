"""The gradients of the transposed convolution of arrays (clauses GRAD-01, GRAD-02, GRAD-05)."""

from __future__ import annotations

from typing import Any, NamedTuple

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.sums import bias_gradient, convolution, kernel_gradient, terms
from reference_impl.functions.arguments import (
    KERNEL,
    image_batch,
    operand,
    to_caller_layout,
    to_channels_last,
)
from reference_impl.functions.shapes import axes_of, options_of
from reference_impl.storage import Array, from_numbers, to_numbers, zero_of

__all__ = ["Gradients", "conv2d_transpose_gradients"]


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

    With P and Q as in `conv2d_transpose`, and every term left out where (P, Q) is not a position of
    the result:

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
    inputs = image_batch(inputs, "inputs", data_format)
    dtype = inputs.dtype
    kernel = operand(kernel, "kernel", KERNEL, like=dtype)
    options = options_of(strides, padding, data_format, dilation_rate, output_padding)
    axes = axes_of(inputs, kernel, options)
    output_gradient = image_batch(output_gradient, "output_gradient", data_format, like=dtype)
    images = to_channels_last(inputs, data_format)
    gradients = to_channels_last(output_gradient, data_format)
    filters, channels = kernel.shape[2:]
    expected = (images.shape[0], axes[0].kept, axes[1].kept, filters)
    if gradients.shape != expected:
        raise InvalidArgumentError(
            f"`output_gradient` must have the result's shape, {expected} as (batch, height, width, "
            f"channels); got {gradients.shape}"
        )
    slopes, taps, zero = to_numbers(gradients), terms(to_numbers(kernel)), zero_of(dtype)
    d_inputs = [convolution(slope, taps, [0] * channels, axes, zero) for slope in slopes]
    d_kernel = kernel_gradient(to_numbers(images), slopes, filters, channels, axes, zero)
    d_bias = bias_gradient(slopes, filters, zero)
    return Gradients(
        to_caller_layout(from_numbers(d_inputs, images.shape, dtype), data_format),
        from_numbers(d_kernel, kernel.shape, dtype),
        from_numbers(d_bias, (filters,), dtype),
    )
