"""Shapes as the layer's own methods take them: `build` and `compute_output_shape`.

They check less than the functions do, since Keras checks less (clauses SHAPE-08, SHAPE-09).
"""

from __future__ import annotations

import operator
from typing import Any

from reference_impl.formulas.axes import output_length
from reference_impl.functions import Shape
from reference_impl.layer.configuration import Configuration

__all__ = ["as_shape", "require_string_padding", "required_channels", "static_output_shape"]


def as_shape(shape: Any) -> Shape:
    """A shape as a tuple of integers and None.

    Raises:
        ValueError: None (unknown rank), or a size below zero.
        TypeError: a size that is no integer.
    """
    if shape is None:
        raise ValueError("the shape has an unknown rank (SHAPE-08)")
    sizes = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    try:
        result = tuple(None if size is None else operator.index(size) for size in sizes)
    except TypeError:
        raise TypeError(
            "Dimension value must be integer or None or have an __index__ method; got the shape "
            f"{sizes} (SHAPE-09)"
        ) from None
    if any(size is not None and size < 0 for size in result):
        raise ValueError(f"Dimension must be >= 0; got the shape {sizes} (SHAPE-09)")
    return result


def required_channels(input_shape: Any, channel_axis: int) -> int:
    """The number of input channels that a layer is built for.

    Raises:
        ValueError: not four axes, or an unknown number of channels (SHAPE-08, SHAPE-10).
    """
    shape = as_shape(input_shape)
    if len(shape) != 4:
        raise ValueError(f"Inputs should have rank 4. Received input_shape={shape} (SHAPE-10).")
    channels = shape[channel_axis]
    if channels is None:
        raise ValueError(
            "The channel dimension of the inputs to `Conv2DTranspose` should be defined. The "
            f"input_shape received is {shape}, where axis {channel_axis} is None (SHAPE-08)."
        )
    return channels


def static_output_shape(configuration: Configuration, input_shape: Any) -> Shape:
    """The shape of the layer's output; it validates next to nothing (SHAPE-09).

    Raises:
        IndexError: fewer than four sizes.
        ValueError: None, or a size below zero in the input or the output.
    """
    result: list[Any] = list(as_shape(input_shape))
    first = configuration.data_format == "channels_first"
    channel_axis, spatial_axes = (1, (2, 3)) if first else (3, (1, 2))
    require_string_padding(configuration.padding)
    result[channel_axis] = configuration.filters
    for position, axis in enumerate(spatial_axes):
        if result[axis] is not None:
            extra = configuration.output_padding
            result[axis] = output_length(
                result[axis],
                configuration.kernel_size[position],
                configuration.strides[position],
                configuration.padding == "same",
                configuration.dilation_rate[position],
                None if extra is None else extra[position],
            )
    return as_shape(result)


def require_string_padding(padding: Any) -> None:
    """Refuses the lists and tuples that the constructor lets pass (ARG-05).

    Raises:
        TypeError: a list.
        AssertionError: a tuple.
    """
    if isinstance(padding, list):
        raise TypeError("unhashable type: 'list' (`padding` must be a string, ARG-05)")
    if isinstance(padding, tuple):
        raise AssertionError(f"`padding` must be a string, not the tuple {padding!r} (ARG-05)")
