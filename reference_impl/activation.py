"""An activation known by name: how one formula becomes a function of arrays (ACT-01, FMT-05)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference_impl.activation_formulas import (
    SCALAR,
    Scalar,
    log_softmax,
    softmax,
    vector_slopes,
)
from reference_impl.errors import InvalidArgumentError
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers

__all__ = ["VECTOR", "Activation", "numbers_of"]

VECTOR: dict[str, Callable[[list[float]], list[float]]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
}


class Activation:
    """An activation known by name: array in, array of the same shape and dtype out.

    Values are computed in float64 and rounded once. The softmax functions work along the last
    axis, which is the width for channels_first (FMT-05). Integer data (an int32 layer, DTYPE-03)
    is taken by linear, relu, relu6 and, as float32, by leaky_relu; the others refuse it.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name
        self._scalar: Scalar | None = SCALAR.get(name)
        self._vector = name if name in VECTOR else ""

    def __call__(self, values: Array) -> Array:
        """The activation of every number, or of every vector along the last axis."""
        if self.__name__ == "linear":
            return values
        values = self._operand(values)
        if self._scalar is None:
            function = VECTOR[self._vector]
            vectors = [function(vector) for vector in _vectors(values)]
            return from_numbers(vectors, values.shape, values.dtype)
        numbers = [self._scalar.value(x) for x in numbers_of(values)]
        return from_numbers(numbers, values.shape, values.dtype)

    def gradient(self, values: Array, output_gradient: Array) -> Array:
        """The gradient of `sum(activation(values) * output_gradient)` with respect to `values`."""
        if self.__name__ == "linear":
            return output_gradient
        if self._scalar is None:
            rows = zip(_vectors(values), _vectors(output_gradient), strict=True)
            vectors = [vector_slopes(self._vector, vector, slopes) for vector, slopes in rows]
            return from_numbers(vectors, values.shape, values.dtype)
        pairs = zip(numbers_of(values), numbers_of(output_gradient), strict=True)
        numbers = [slope * self._scalar.slope(x) for x, slope in pairs]
        return from_numbers(numbers, values.shape, values.dtype)

    def _operand(self, values: Array) -> Array:
        if is_floating(values.dtype) or self.__name__ in ("relu", "relu6"):
            return values
        if self.__name__ == "leaky_relu":
            return values.astype(np.float32)
        message = (
            f"Value for attr 'T' of {values.dtype.name} is not in the list of allowed values: the "
            f"activation {self.__name__!r} takes floating point data only (DTYPE-03)"
        )
        if self.__name__ == "hard_sigmoid":
            raise TypeError(message)
        if self.__name__ == "gelu":
            raise ValueError(message)
        raise InvalidArgumentError(message)

    def __repr__(self) -> str:
        return f"<activation {self.__name__}>"

    def __reduce__(self) -> Any:
        """Copied and pickled by name."""
        return Activation, (self.__name__,)


def numbers_of(values: Array) -> list[float]:
    """Return the elements of an array, row by row."""
    flat: list[float] = to_numbers(values.reshape(-1))
    return flat


def _vectors(values: Array) -> list[list[float]]:
    length = values.shape[-1] if values.ndim else 1
    rows = values.size // length if length else 0
    vectors: list[list[float]] = to_numbers(values.reshape(rows, length))
    return vectors
