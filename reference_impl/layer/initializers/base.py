"""What every initializer is: called with a shape and a dtype, it gives an array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference_impl.layer.serialization import Configured
from reference_impl.storage import Array, is_floating

__all__ = ["Initializer", "Shape", "as_dtype", "as_floating"]

Shape = Sequence[int]


class Initializer(Configured):
    """Base class of the initializers: called with a shape and a dtype, gives an array."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """The initial value: an array of this shape and dtype (float32 by default)."""
        raise NotImplementedError("Initializer subclasses must implement the `__call__()` method.")


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the dtype, float32 where none is given."""
    return np.dtype("float32" if dtype is None else dtype)


def as_floating(dtype: Any) -> np.dtype[Any]:
    """Return the dtype, as `as_dtype`.

    Raises:
        ValueError: it is not a floating one.
    """
    known = as_dtype(dtype)
    if not is_floating(known):
        raise ValueError(f"Expected floating point type, got {known.name}.")
    return known
