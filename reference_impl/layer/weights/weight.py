"""The weights of a layer: what one is, and how its first value comes about (INIT, VAR-01)."""

from __future__ import annotations

import inspect
import math
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.functions.shapes import MOST_ELEMENTS
from reference_impl.layer import initializers
from reference_impl.layer.tensors import to_dtype
from reference_impl.storage import Array, is_floating

__all__ = ["Weight", "create", "frozen"]


@dataclass(eq=False)
class Weight:
    """A weight: its value, a read-only array that is replaced as a whole, and its rules."""

    name: str
    value: Array
    trainable: bool
    regularizer: Any
    constraint: Any


def create(
    name: str,
    shape: tuple[Any, ...],
    dtype: np.dtype[Any],
    initializer: Any,
    **rules: Any,
) -> Weight:
    """A new weight with its initial value.

    Without an initializer, a floating weight is Glorot uniform and an integer one zero (INIT-01,
    INIT-07), the bias too: `bias_initializer=None` is not zeros (INIT-04).

    Args:
        name: "kernel" or "bias".
        shape: sizes as the constructor stored them.
        dtype: dtype of the weight.
        initializer: None, or called as `initializer(shape, dtype=dtype)`.
        **rules: the other fields of `Weight`.

    Raises:
        ValueError: `filters` is None (ARG-02); a complex weight without initializer; an
            initializer whose result has another shape (INIT-06) or holds no numbers.
        TypeError: a size that is no integer (ARG-02, ARG-03), a Python number that the dtype does not
            hold.
        MemoryError: more elements than the oracle takes.
    """
    sizes = _sizes(shape)
    if initializer is None:
        if is_floating(dtype):
            initializer = initializers.get("glorot_uniform")
        elif dtype.kind in "iub":
            initializer = initializers.get("zeros")
        else:
            raise ValueError(
                f"An initializer for variable {name} of type {dtype.name} is required (INIT-07)"
            )
    value = to_dtype(initializer(sizes, dtype=dtype), dtype, f"the initial value of {name}")
    if value.shape != sizes:
        raise ValueError(
            f"The initial value's shape {value.shape} is not compatible with the shape {sizes} of "
            f"{name}: the initializer {_described(initializer)} must return that shape (INIT-06)"
        )
    return Weight(name, frozen(value), **rules)


def frozen(value: Array) -> Array:
    """A read-only copy of the value."""
    copy: Array = value.copy()
    copy.setflags(write=False)
    return copy


def _sizes(shape: tuple[Any, ...]) -> tuple[int, ...]:
    if any(size is None for size in shape):
        raise ValueError(
            "The initializer passed is not valid: the shape of the weight should be fully defined, "
            f"but is {shape} (ARG-02)"
        )
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise TypeError(
            "Dimension value must be integer or None or have an __index__ method; got the shape "
            f"{shape} (ARG-02, ARG-03)"
        ) from None
    if len(shape) == 4 and any(isinstance(size, bool) for size in shape[:2]):
        raise ValueError(
            "Can't convert Python sequence with mixed types to Tensor: `kernel_size` holds a "
            f"Boolean, {shape[:2]} (ARG-03)"
        )
    if math.prod(sizes) > MOST_ELEMENTS:
        raise MemoryError(f"OOM when allocating a weight of shape {sizes}")
    return sizes


def _described(initializer: Any) -> str:
    return initializer.__name__ if inspect.isroutine(initializer) else repr(initializer)
