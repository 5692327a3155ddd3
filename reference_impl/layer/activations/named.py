"""An activation known by name: how one formula becomes a function of arrays (ACT-01, FMT-05)."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.formulas.activations import SCALAR, VECTOR, Scalar
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers

__all__ = ["Activation", "numbers_of"]


class Activation:
    """An activation known by name: array in, array of the same shape and dtype out.

    Values are computed in float64 and rounded once. The softmax functions work along the last
    axis, which is the width for channels_first (FMT-05). Integer data (an int32 layer, DTYPE-03)
    is taken by linear, relu, relu6 and, as float32, by leaky_relu; the others refuse it.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, values: Array) -> Array:
        """The activation of every number, or of every vector along the last axis."""
        operand = self._operand(values)
        scalar = self._scalar(operand.dtype)
        if scalar is None:
            value, _ = VECTOR[self._vector()]
            vectors = [value(vector) for vector in _vectors(operand)]
            return from_numbers(vectors, operand.shape, operand.dtype)
        if scalar is SCALAR["linear"]:
            return values
        return from_numbers(
            [scalar.value(x) for x in numbers_of(operand)], operand.shape, operand.dtype
        )

    def gradient(self, values: Array, output_gradient: Array) -> Array:
        """The gradient of `sum(activation(values) * output_gradient)` with respect to `values`.

        Raises:
            InvalidArgumentError: `output_gradient` has another dtype than the activation's result.
        """
        operand = self._operand(values)
        require_dtype(output_gradient, operand.dtype)
        scalar = self._scalar(operand.dtype)
        if scalar is SCALAR["linear"]:
            return output_gradient
        if scalar is None:
            _, slopes = VECTOR[self._vector()]
            rows = zip(_vectors(operand), _vectors(output_gradient), strict=True)
            vectors = [slopes(vector, gradient) for vector, gradient in rows]
            return from_numbers(vectors, values.shape, values.dtype)
        pairs = zip(numbers_of(operand), numbers_of(output_gradient), strict=True)
        numbers = [gradient * scalar.slope(x) for x, gradient in pairs]
        return from_numbers(numbers, values.shape, values.dtype)

    def _scalar(self, dtype: np.dtype[Any]) -> Scalar | None:  # noqa: ARG002 - for the layers
        """The function of single numbers of this dtype, or None for a function of vectors."""
        return SCALAR.get(self.__name__)

    def _vector(self) -> str:
        """The function of vectors."""
        return self.__name__

    def _operand(self, values: Array) -> Array:
        """The values in the dtype of the result."""
        if is_floating(values.dtype) or self.__name__ in ("linear", "relu", "relu6"):
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


def require_dtype(output_gradient: Array, dtype: np.dtype[Any]) -> None:
    """Refuses a gradient of another dtype than the output's: nothing is cast silently (DTYPE-04).

    Raises:
        InvalidArgumentError: the dtypes differ.
    """
    if output_gradient.dtype != dtype:
        raise InvalidArgumentError(
            f"`output_gradient` was expected to be {dtype.name}, like the output, but is "
            f"{output_gradient.dtype.name}; convert it (DTYPE-04)"
        )


def _vectors(values: Array) -> list[list[float]]:
    length = values.shape[-1] if values.ndim else 1
    rows = values.size // length if length else 0
    vectors: list[list[float]] = to_numbers(values.reshape(rows, length))
    return vectors
