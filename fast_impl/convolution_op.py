"""The layer's ``convolution_op``: a FORWARD convolution, the adjoint of what the layer computes.

A forward convolution of an array is the input gradient of the transposed convolution that gives
an array of that size, so the same loops serve both (clauses METH-02 to METH-04).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.gradients import scatter
from fast_impl.problem.doors import operand
from fast_impl.problem.dtypes import require_computed
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.problem.geometry import Axis
from fast_impl.problem.problem import Options, Problem

Array = npt.NDArray[Any]


def convolve(inputs: Any, kernel: Any, options: Options) -> Array:
    """``tf.nn.convolution`` with the layer's strides, padding, dilation and layout.

    Args:
        inputs: Rank 4, or more: every axis before the last three is a batch axis.
        kernel: ``(kernel_height, kernel_width, in, out)``; the inputs' channels may be a multiple
            of ``in``, which makes a grouped convolution.
        options: The layer's.

    Returns:
        A new array in the layout of the inputs.

    Raises:
        ValueError: A kernel that is not of rank 4.
        InvalidArgumentError: Anything else that does not fit.
    """
    inputs, kernel = _as_tensor(inputs, "inputs"), _as_tensor(kernel, "kernel")
    if kernel.ndim != 4:
        raise ValueError(
            f"kernel of shape {kernel.shape} must have rank 4: the 2 strides and dilations should "
            f"be of length {kernel.ndim - 2} for it"
        )
    if inputs.ndim < 4:
        raise InvalidArgumentError(f"inputs must have rank 4; got shape {inputs.shape}")
    require_computed(inputs.dtype, "inputs")
    if inputs.dtype != kernel.dtype:
        raise InvalidArgumentError(
            f"kernel was expected to be a {inputs.dtype.name} array as inputs is, but its dtype is "
            f"{kernel.dtype.name}"
        )
    batch_axes = inputs.shape[:-3]
    inputs = inputs.reshape(int(np.prod(batch_axes)), *inputs.shape[-3:])
    if 0 in kernel.shape[:2]:
        raise InvalidArgumentError(f"kernel of shape {kernel.shape} must not have zero elements")
    channels_first = options.data_format == "channels_first"
    channels = inputs.shape[options.channel_axis]
    kernel_height, kernel_width, depth, filters = kernel.shape
    if depth == 0 or channels % depth != 0:
        raise InvalidArgumentError(
            f"input depth must be evenly divisible by filter depth: {channels} vs {depth} (inputs of "
            f"shape {(*batch_axes, *inputs.shape[1:])}, kernel of shape {kernel.shape})"
        )
    groups = channels // depth
    if groups and filters % groups != 0:
        raise InvalidArgumentError(
            f"the {filters} filters of the kernel must be evenly divisible by {groups} groups "
            f"({channels} channels for a kernel depth of {depth})"
        )
    height, width = (
        _axis(inputs.shape[axis], taps, i, options)
        for i, (axis, taps) in enumerate(
            zip(options.spatial_axes, (kernel_height, kernel_width), strict=True)
        )
    )
    each = filters // groups if groups else filters
    problem = Problem(inputs.shape[0], height, width, each, depth, channels_first, inputs.dtype)
    shape = list(problem.input_shape)
    shape[options.channel_axis] = filters
    out = np.zeros(shape, inputs.dtype)
    axis = options.channel_axis
    for group in range(groups):
        made = slice(group * each, (group + 1) * each)
        taken = slice(group * depth, (group + 1) * depth)
        scatter.input_gradient(
            problem,
            kernel[..., made],
            _channels(inputs, axis, taken),
            _channels(out, axis, made),
        )
    joined: Array = out.reshape(*batch_axes, *out.shape[1:])
    return joined


def _channels(array: Array, axis: int, part: slice) -> Array:
    return array[:, part] if axis == 1 else array[..., part]


def _as_tensor(value: Any, argument: str) -> Array:
    """Arrays as they are; nested lists of numbers in TensorFlow's formats."""
    array = operand(value, argument)
    if not hasattr(value, "dtype"):
        array = array.astype({"f": np.float32, "i": np.int32}.get(array.dtype.kind, array.dtype))
    return array


def _axis(length: int, taps: int, which: int, options: Options) -> Axis:
    stride, dilation = options.strides[which], options.dilation_rate[which]
    extent = (taps - 1) * dilation + 1
    if options.padding == "same":
        made = -(-length // stride)
        before = max((made - 1) * stride + extent - length, 0) // 2
    else:
        # Truncated towards zero, as TensorFlow divides: less than two strides short is empty.
        reach, before = length - extent + stride, 0
        made = max(reach, 0) // stride
        if reach <= -stride:
            raise InvalidArgumentError(
                f"inputs of {('height', 'width')[which]} {length} are smaller than the kernel "
                f"extent {extent}: the computed output size would be negative with padding='valid'"
            )
    return Axis(made, taps, stride, dilation, length, before)
