"""A weight of the layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.dtypes import DType

Array = npt.NDArray[Any]


class Variable:
    """A weight: a read-only array that is replaced, never written into.

    An array that was handed out keeps its values, and anything derived from it (a packed kernel)
    stays valid for as long as ``variable.array is that_array``.
    """

    def __init__(
        self,
        name: str,
        array: npt.ArrayLike,
        dtype: DType,
        *,
        trainable: bool,
        regularizer: Any,
        constraint: Any,
    ) -> None:
        self.name = name
        self.trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint
        self.array = _frozen(array, dtype)

    def assign(self, array: npt.ArrayLike) -> None:
        """Replace the values; they are cast to the dtype of the weight.

        Raises:
            ValueError: Another shape.
        """
        shape = np.shape(array)
        if shape != self.array.shape:
            raise ValueError(
                f"weight {self.name} of shape {self.array.shape} is not compatible with a value of "
                f"shape {shape}"
            )
        self.array = _frozen(array, self.array.dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Copies and pickles of an array are writeable again.
        self.__dict__.update(state)
        self.array.flags.writeable = False


def _frozen(array: npt.ArrayLike, dtype: DType) -> Array:
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy
