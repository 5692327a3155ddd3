"""The weights of the layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.layer.tensors import cast
from fast_impl.problem.dtypes import DType
from fast_impl.runtime.locks import Lock

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
        self.dtype = dtype
        self.array = self.fitting(array, f"the initial value of {name}")

    def fitting(self, array: npt.ArrayLike, name: str) -> Array:
        """Return a read-only copy of new values in the dtype of the weight."""
        with np.errstate(all="ignore"):
            copy = np.array(cast(array, self.dtype, name), order="C")
        copy.flags.writeable = False
        return copy

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Copies and pickles of an array are writeable again.
        self.__dict__.update(state)
        self.array.flags.writeable = False


class Weights:
    """All weights of a layer. Several of them change at once: whoever reads `arrays` sees all new or all old."""

    def __init__(self) -> None:
        self.variables: list[Variable] = []
        self.arrays: dict[Variable, Array] = {}
        self._lock = Lock()

    def add(self, variables: Sequence[Variable]) -> None:
        """Take in new weights."""
        with self._lock:
            self.variables.extend(variables)
            self.arrays = {variable: variable.array for variable in self.variables}

    def replace(self, changes: Mapping[Variable, Array]) -> None:
        """Give weights new arrays, which `Variable.fitting` made."""
        with self._lock:
            for variable, array in changes.items():
                variable.array = array
            self.arrays = {**self.arrays, **changes}
