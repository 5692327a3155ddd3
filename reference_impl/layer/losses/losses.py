"""The losses of a layer (group LOSS).

TensorFlow's eager mode keeps the activity losses of the last call only, and evaluates the weight
losses anew at every access.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.layer.losses.regularizers import Regularizer
from reference_impl.storage import Array, from_numbers, is_floating, to_numbers

__all__ = ["ActivityLosses", "flattened", "loss_gradient", "weight_loss"]


class ActivityLosses:
    """The activity losses of one call, and the arrays that they depend on."""

    def __init__(self) -> None:
        self.values: list[Array] = []
        self._sources: list[Any] = []

    def record(self, regularizer: Any, outputs: Any, sources: list[Any]) -> None:
        """Adds one loss per output: `regularizer(output) / batch` (LOSS-02).

        Args:
            regularizer: array to scalar.
            outputs: the layer's output, or a tuple of several (ACT-02).
            sources: the arrays that the outputs were made of.

        Raises:
            ValueError: the regularizer returned None (LOSS-09).
            TypeError: it returned no number, or is an unknown name (LOSS-09).
            InvalidArgumentError: an output without axes.
        """
        for output in flattened(outputs):
            loss = None if output is None else regularizer(output)
            if loss is None:
                raise ValueError(
                    "Attempt to convert a value (None) to a loss: the activation or the activity "
                    "regularizer returned None (ACT-02, LOSS-09)"
                )
            if np.ndim(output) == 0:
                raise InvalidArgumentError(
                    "slice index 0 of dimension 0 out of bounds: the activation returned a scalar, "
                    "which has no batch to divide the activity loss by (ACT-02, LOSS-02)"
                )
            self.values.append(_mean(_tensor(loss), np.shape(output)[0]))
            self._sources.append(output)
        self._sources.extend(sources)

    def depending_on(self, inputs: Any, weights: list[Array]) -> list[Array]:
        """The losses that depend on one of the given arrays, found by identity (LOSS-07).

        Args:
            inputs: an array, or nested lists, tuples and dicts of arrays.
            weights: the layer's weights as they are now; they count like those of the call.

        Raises:
            TypeError: something that is not an array.
        """
        found = False
        sources = [*self._sources, *weights]
        for array in flattened(inputs):
            if not isinstance(array, np.ndarray):
                raise TypeError(
                    "Expected the arrays that a call was made of, or nested lists, tuples and "
                    f"dicts of them; got {array!r} of type {type(array)} (LOSS-07)"
                )
            found = found or any(array is source for source in sources)
        return list(self.values) if found else []


def weight_loss(regularizer: Any, weight: Array) -> Array | None:
    """The loss of one weight, not scaled; None where the regularizer returns None (LOSS-01).

    Raises:
        TypeError: the regularizer is an unknown name, or returns something that is no number.
    """
    loss = regularizer(weight)
    if loss is None:
        return None
    if isinstance(regularizer, Regularizer):
        return _tensor(loss)
    try:
        return np.asarray(loss, dtype=np.float32)
    except (TypeError, ValueError):
        raise TypeError(f"Cannot convert the loss {loss!r} to float32 (LOSS-09)") from None


def loss_gradient(regularizer: Any, weight: Array) -> Array:
    """The gradient of one weight's loss by the weight (GRAD-04).

    Raises:
        TypeError: the regularizer is a callable without the attribute `gradient`.
    """
    gradient = getattr(regularizer, "gradient", None)
    if gradient is None:
        raise TypeError(
            f"the regularizer {regularizer!r} has no gradient: give the callable an attribute "
            "gradient(weight) -> array, or use L1, L2 or L1L2 (GRAD-04)"
        )
    return np.asarray(gradient(weight))


def flattened(structure: Any) -> Iterator[Any]:
    """The leaves of nested lists, tuples and dicts; dicts in the order of their keys."""
    if isinstance(structure, Mapping):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        for member in structure:
            yield from flattened(member)
    else:
        yield structure


def _tensor(loss: Any) -> Array:
    """An array keeps its dtype; Python's floats become float32 (LOSS-09)."""
    array = np.asarray(loss)
    return (
        array.astype(np.float32) if array.dtype == float and not hasattr(loss, "dtype") else array
    )


def _mean(loss: Array, batch: int) -> Array:
    """The loss divided by the batch size, integers as float64; 0 for an empty batch (LOSS-03)."""
    if loss.dtype.kind in "bOSU":
        raise TypeError(f"Invalid dtype {loss.dtype.name}: a loss must be a number (LOSS-09)")
    dtype = loss.dtype if is_floating(loss.dtype) else np.dtype(np.float64)
    numbers = to_numbers(loss.reshape(-1))
    return from_numbers([x / batch if batch else 0.0 for x in numbers], loss.shape, dtype)
