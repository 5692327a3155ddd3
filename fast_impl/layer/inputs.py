"""What may be passed to a call of the layer, and as what it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.layer.losses import flatten
from fast_impl.problem.doors import operand, shown
from fast_impl.problem.errors import InvalidArgumentError

Array = npt.NDArray[Any]


def as_array(inputs: Any, layer_name: Any) -> Array:
    """The one array that a call takes (clause METH-08).

    Args:
        inputs: A NumPy array, or an object with a shape that turns into one.
        layer_name: For the error messages.

    Raises:
        TypeError: Not an array, or an array wrapped in a list.
        ValueError: Several arrays, or nested lists of numbers; an array that is not of numbers.
        InvalidArgumentError: An array of text.
    """
    if type(inputs) is np.ndarray and inputs.dtype.isnative and inputs.dtype.kind in "fiu":
        return inputs  # as nearly always, for which there is little time
    if isinstance(inputs, (list, tuple, range, Mapping)):
        leaves = list(flatten(inputs))
        if any(not _is_arraylike(leaf) for leaf in leaves):
            raise TypeError(_not_an_array(inputs, layer_name))
        if len(leaves) != 1:
            raise ValueError(
                f'inputs: Layer "{layer_name}" expects 1 input(s), but it received {len(leaves)} '
                f"input tensors: pass one NumPy array, not nested lists"
            )
        raise TypeError(
            f'inputs: Layer "{layer_name}" takes an array itself, not a list or tuple of one'
        )
    if not _is_arraylike(inputs):
        raise TypeError(_not_an_array(inputs, layer_name))
    array = operand(inputs, "inputs")
    if array.dtype.kind in "OMm":
        raise ValueError(
            f"Failed to convert inputs of dtype {array.dtype} to numbers (layer {layer_name!r})"
        )
    if array.dtype.kind in "SU":
        raise InvalidArgumentError(
            f"inputs has dtype string, which is not in the list of allowed values (layer "
            f"{layer_name!r})"
        )
    return array


def check_against_build(
    array: Array, in_channels: int | None, channel_axis: int, name: Any
) -> None:
    """Refuse a rank or a channel count that the layer cannot take (SHAPE-10, SHAPE-13).

    Args:
        array: The input.
        in_channels: Channels the kernel was made for; None before that.
        channel_axis: Position of the channels from the end: -1 or -3.
        name: The layer's, for the error messages.

    Raises:
        ValueError: It does not fit.
    """
    shape = array.shape
    if in_channels is None:
        if len(shape) >= 4:
            return
        rule = f"min_ndim=4, found ndim={len(shape)}"
    elif len(shape) != 4:
        rule = f"ndim=4, found ndim={len(shape)}"
    elif shape[channel_axis] != in_channels:
        rule = f"axis {channel_axis} to have value {in_channels}"
    else:
        return
    raise ValueError(
        f'inputs: Input 0 of layer "{name}" is incompatible with the layer: expected {rule}. '
        f"Full shape received: {shape}"
    )


def _is_arraylike(value: Any) -> bool:
    if isinstance(value, (str, bytes)):
        return False
    return (
        isinstance(value, (int, float))
        or hasattr(value, "__array__")
        or hasattr(value, "__dlpack__")
    )


def _not_an_array(inputs: Any, layer_name: Any) -> str:
    return (
        f"inputs: Inputs to a layer should be tensors. Got {shown(inputs)} (of type "
        f"{type(inputs).__name__}) as input for layer {layer_name!r}: pass a NumPy array"
    )
