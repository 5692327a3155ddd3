"""The layer's method `convolution_op` (clauses METH-02 to METH-04)."""

from __future__ import annotations

import math
from typing import Any

from reference_impl.errors import InvalidArgumentError
from reference_impl.functions.convolution import convolution
from reference_impl.layer.configuration import Configuration
from reference_impl.layer.policy import COMPUTED
from reference_impl.layer.tensors import to_tensor
from reference_impl.storage import Array

__all__ = ["layer_convolution"]


def layer_convolution(configuration: Configuration, inputs: Any, kernel: Any) -> Array:
    """The forward convolution with a layer's strides, padding, dilation and layout.

    Raises:
        ValueError: a kernel that has not four axes; None, dates or objects instead of numbers.
        TypeError: a padding that is no string.
        InvalidArgumentError: inputs with fewer axes; otherwise as `convolution`.
    """
    images, taps = to_tensor(inputs, "inputs"), to_tensor(kernel, "kernel")
    if not isinstance(configuration.padding, str):
        raise TypeError(
            f"Expected string for argument 'padding' not {configuration.padding!r} (ARG-05)"
        )
    if taps.ndim != 4:
        raise ValueError(
            f"`dilations` should be of length {max(taps.ndim - 2, 0)}: the kernel must have four "
            f"axes (kernel_height, kernel_width, in, out); got {taps.shape} (METH-04)"
        )
    if images.ndim < 4:
        raise InvalidArgumentError(
            f"convolution input must be 4-dimensional; got {images.shape} (METH-04)"
        )
    if images.dtype.name not in COMPUTED:
        raise InvalidArgumentError(
            f"Value for attr 'T' of {images.dtype.name} is not in the list of allowed values: "
            f"{', '.join(COMPUTED)} (DTYPE-03)"
        )
    batch_axes, image_axes = images.shape[:-3], images.shape[-3:]
    result = convolution(
        images.reshape(math.prod(batch_axes), *image_axes),
        taps,
        configuration.strides,
        configuration.padding,
        configuration.data_format,
        dilation_rate=configuration.dilation_rate,
    )
    return result.reshape(*batch_axes, *result.shape[1:])
