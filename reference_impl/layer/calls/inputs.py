"""What a call checks, in the order and with the error categories of TensorFlow's eager mode.

Inputs are checked before the layer is built; the stored arguments that only the computation trips
over are checked after it (groups SHAPE, METH, DTYPE; ARG-03 to ARG-05, ARG-12, ARG-14).
"""

from __future__ import annotations

from typing import Any

from reference_impl.errors import InvalidArgumentError
from reference_impl.layer.calls.shapes import require_string_padding
from reference_impl.layer.configuration import Configuration
from reference_impl.layer.losses.losses import flattened
from reference_impl.layer.policy import COMPUTED, DtypePolicy
from reference_impl.layer.tensors import to_tensor
from reference_impl.storage import Array

__all__ = [
    "as_tensor",
    "require_computable",
    "require_creatable",
    "require_operand_dtypes",
    "require_shape",
]


def as_tensor(inputs: Any, layer_name: str) -> Array:
    """The one array that a layer takes (METH-08).

    Raises:
        TypeError: None, a string, or another object without a shape; a one-element list.
        ValueError: a Python list of numbers or of several arrays; an array of objects or dates.
        InvalidArgumentError: an array of text.
    """
    if isinstance(inputs, (list, tuple, dict)):
        leaves = list(flattened(inputs))
        if len(leaves) != 1:
            raise ValueError(
                f'Layer "{layer_name}" expects 1 input(s), but it received {len(leaves)} input '
                "tensors. Give one NumPy array; nested lists are read as many inputs (METH-08)"
            )
        raise TypeError(
            "Dimension value must be integer: the input is wrapped in a "
            f"{type(inputs).__name__}; give the array itself (METH-08)"
        )
    if not (hasattr(inputs, "shape") or isinstance(inputs, (int, float))):
        raise TypeError(
            f"Inputs to a layer should be tensors. Got {inputs!r} (of type {type(inputs)}) as "
            f"input for layer {layer_name!r} (METH-08)."
        )
    return to_tensor(inputs, "inputs")


def require_shape(
    shape: tuple[int, ...], channels: int | None, channel_axis: int, layer_name: str
) -> None:
    """The number of axes, and after the build that of channels (SHAPE-10, SHAPE-13).

    Raises:
        ValueError: the input does not fit.
    """
    wrong = f'Input 0 of layer "{layer_name}" is incompatible with the layer: expected '
    full = f"Full shape received: {shape}"
    if channels is None:
        if len(shape) < 4:
            raise ValueError(f"{wrong}min_ndim=4, found ndim={len(shape)}. {full} (SHAPE-10)")
        return
    if len(shape) != 4:
        raise ValueError(f"{wrong}ndim=4, found ndim={len(shape)}. {full} (SHAPE-10)")
    if shape[channel_axis] != channels:
        raise ValueError(
            f"{wrong}axis {channel_axis} of input shape to have value {channels}, but received "
            f"input with shape {shape} (SHAPE-13)"
        )


def require_computable(configuration: Configuration) -> None:
    """The stored arguments that only the computation trips over.

    Raises:
        TypeError: padding is a list; strides, dilation or output padding are not integers.
        AssertionError: padding is a tuple.
        ValueError: unequal dilation rates.
    """
    require_string_padding(configuration.padding)
    for name in ("strides", "dilation_rate", "output_padding"):
        for value in getattr(configuration, name) or ():
            if not hasattr(value, "__index__"):
                raise TypeError(
                    f"Cannot convert {value!r} to EagerTensor of dtype int32: `{name}` must hold "
                    "integers (ARG-04, ARG-12, ARG-14)"
                )
    height, width = configuration.dilation_rate
    if height != width:
        raise ValueError(
            "Expected the 2 dimensions of the `dilation_rate` argument to be equal to each other. "
            f"Received: dilation_rate={configuration.dilation_rate} (ARG-12)"
        )


def require_creatable(variable: str) -> None:
    """Refuses strings, of which no weight is made here (DTYPE-03).

    Raises:
        InvalidArgumentError: the dtype is that of a string.
    """
    if variable.startswith(("str", "bytes")):
        raise InvalidArgumentError(
            f"Value for attr 'T' of string is not in the list of allowed values: "
            f"{', '.join(COMPUTED)} (DTYPE-03)"
        )


def require_operand_dtypes(inputs: str, policy: DtypePolicy) -> None:
    """The dtypes of inputs and weights: nothing is cast silently (DTYPE-03, DTYPE-04).

    Raises:
        InvalidArgumentError: a dtype that is not computed in, or one that is not the weights'.
        ValueError: the same in a mixed-precision layer.
    """
    if inputs not in COMPUTED:
        raise InvalidArgumentError(
            f"Value for attr 'T' of {inputs} is not in the list of allowed values: "
            f"{', '.join(COMPUTED)} (DTYPE-03)"
        )
    if inputs == policy.compute:
        return
    if policy.compute != policy.variable:
        raise ValueError(
            f"Incompatible type conversion requested to type '{inputs}' for a weight that is cast "
            f"to {policy.compute}; give autocast=True or {policy.compute} inputs (DTYPE-04)"
        )
    raise InvalidArgumentError(
        f"the input was expected to be a {policy.compute} tensor but is a {inputs} tensor; convert it, or "
        "give autocast=True for floating data (DTYPE-04)"
    )
