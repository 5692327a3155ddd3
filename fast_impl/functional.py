"""The bare functions: transposed convolution, its gradients, its output shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy.typing as npt

from fast_impl.planning import gradients, planner
from fast_impl.problem import geometry
from fast_impl.problem.doors import operand, sizes
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.problem.problem import Options

Array = npt.NDArray[Any]


class Gradients(NamedTuple):
    """Gradients of a scalar with respect to the three arrays of a transposed convolution."""

    inputs: Array
    kernel: Array
    bias: Array | None


def conv2d_transpose(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    bias: npt.ArrayLike | None = None,
    dilation_rate: int | Sequence[int] = (1, 1),
    output_padding: int | Sequence[int] | None = None,
    out: Array | None = None,
) -> Array:
    """Transposed 2-D convolution, as ``tf.compat.v1.layers.Conv2DTranspose`` computes it.

    Args:
        inputs: ``(batch, height, width, channels)``, or ``(batch, channels, height, width)`` for
            ``data_format="channels_first"``; float16, bfloat16, float32, float64 or int32.
        kernel: ``(kernel_height, kernel_width, filters, channels)``, dtype of the inputs.
        strides: One or two positive integers.
        padding: ``"valid"`` or ``"same"``, in any case.
        data_format: ``"channels_last"`` or ``"channels_first"``, in any case.
        bias: ``(filters,)``, dtype of the inputs.
        dilation_rate: One or two positive integers; more general than the layer: any pair, with
            any strides.
        output_padding: ``None``, or one or two integers from 0 to below the stride.
        out: Array for the result: its shape and dtype; any strides.

    Returns:
        A new array (or ``out``) in the layout of the inputs. float16 and bfloat16 are summed in
        float32 and rounded once.

    Raises:
        TypeError: An argument of a wrong type.
        ValueError: An argument of a wrong value, rank or shape.
        InvalidArgumentError: Arrays that do not fit each other (a ``ValueError`` too).
    """
    inputs, kernel = operand(inputs, "inputs"), operand(kernel, "kernel")
    options = Options.checked(strides, padding, data_format, dilation_rate, output_padding)
    arrays = inputs.shape, inputs.dtype, kernel.shape, kernel.dtype
    plan = planner.for_arrays(*arrays, options, packs=True)
    if bias is not None:
        bias = operand(bias, "bias")
        planner.require(bias, "bias", (plan.problem.filters,), plan.problem)
    return plan.compute(inputs, plan.pack(kernel), bias, out)


def conv2d_transpose_gradients(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    output_gradient: npt.ArrayLike,
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dilation_rate: int | Sequence[int] = (1, 1),
    output_padding: int | Sequence[int] | None = None,
) -> Gradients:
    """Gradients of ``sum(conv2d_transpose(inputs, kernel, bias=bias) * output_gradient)``.

    Args:
        inputs: As for `conv2d_transpose`.
        kernel: As for `conv2d_transpose`.
        output_gradient: Shape of the output, dtype of the inputs.
        strides: As for `conv2d_transpose`.
        padding: As for `conv2d_transpose`.
        data_format: As for `conv2d_transpose`.
        dilation_rate: As for `conv2d_transpose`.
        output_padding: As for `conv2d_transpose`.

    Returns:
        New arrays with the shapes of the inputs, the kernel and a bias. They are right, and zero
        where nothing is summed, for empty batches and images too.

    Raises:
        TypeError: An argument of a wrong type.
        ValueError: An argument of a wrong value, rank or shape.
        InvalidArgumentError: Arrays that do not fit each other (a ``ValueError`` too).
    """
    options = Options.checked(strides, padding, data_format, dilation_rate, output_padding)
    return gradients_of(inputs, kernel, output_gradient, options)


def gradients_of(
    inputs: npt.ArrayLike,
    kernel: npt.ArrayLike,
    output_gradient: npt.ArrayLike,
    options: Options,
    algorithm: str | None = None,
) -> Gradients:
    """Gradients with checked options; `algorithm` as for `fast_impl.plan`."""
    inputs, kernel = operand(inputs, "inputs"), operand(kernel, "kernel")
    output_gradient = operand(output_gradient, "output_gradient")
    plan = gradients.for_arrays(
        inputs.shape, inputs.dtype, kernel.shape, kernel.dtype, options, algorithm
    )
    planner.require(output_gradient, "output_gradient", plan.whole.output_shape, plan.whole)
    return Gradients(*plan.run(inputs, kernel, output_gradient))


def output_shape(
    input_shape: Sequence[int | None],
    kernel_shape: Sequence[int],
    strides: int | Sequence[int] = (1, 1),
    padding: str = "valid",
    data_format: str = "channels_last",
    *,
    dilation_rate: int | Sequence[int] = (1, 1),
    output_padding: int | Sequence[int] | None = None,
) -> tuple[int | None, ...]:
    """Shape that `conv2d_transpose` would give; nothing is computed.

    Args:
        input_shape: Four sizes; ``None`` is an unknown one, also for the channels.
        kernel_shape: ``(kernel_height, kernel_width, filters, channels)``, all known.
        strides: As for `conv2d_transpose`.
        padding: As for `conv2d_transpose`.
        data_format: As for `conv2d_transpose`.
        dilation_rate: As for `conv2d_transpose`.
        output_padding: As for `conv2d_transpose`.

    Returns:
        Four sizes, ``None`` where the input's is.

    Raises:
        TypeError: An argument of a wrong type.
        ValueError: A shape that is not of rank 4, a negative size, or another wrong value.
        InvalidArgumentError: Channels that differ, or sizes that `conv2d_transpose` refuses.
    """
    options = Options.checked(strides, padding, data_format, dilation_rate, output_padding)
    input_shape = sizes(input_shape, "input_shape", unknown=True)
    kernel_shape = sizes(kernel_shape, "kernel_shape")
    channels = input_shape[options.channel_axis]
    if channels is not None and channels != kernel_shape[3]:
        raise InvalidArgumentError(
            f"input_shape={input_shape} ({options.data_format}) has {channels} channels, but "
            f"kernel_shape={kernel_shape} needs {kernel_shape[3]}"
        )
    result: list[int | None] = list(input_shape)
    result[options.channel_axis] = kernel_shape[2]
    for i, axis in enumerate(options.spatial_axes):
        length = input_shape[axis]
        if length is not None:
            result[axis] = geometry.Axis.resolve(
                ("height", "width")[i],
                length,
                kernel_shape[i],
                options.strides[i],
                options.padding,
                options.dilation_rate[i],
                None if options.output_padding is None else options.output_padding[i],
            ).output
    return tuple(result)
