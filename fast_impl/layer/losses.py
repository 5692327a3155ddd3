"""What the last call left behind: its activity losses, and which arrays they depend on."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.problem.doors import about
from fast_impl.problem.dtypes import is_floating

Array = npt.NDArray[Any]


def activity_loss(regularizer: Any, output: Array) -> Any:
    """The activity loss of ``output``: the penalty divided by the batch size (LOSS-02, LOSS-03).

    Raises:
        ValueError: The regularizer returned None.
    """
    penalty = regularizer(output)
    if penalty is None:
        raise ValueError(
            "activity_regularizer returned None: it must return a number for the output"
        )
    if output.ndim == 0:
        raise ValueError("activity_regularizer needs an output with a batch axis; got a scalar")
    penalty = _number(penalty, "activity_regularizer", output.dtype)
    batch = output.shape[0]
    mean = penalty / penalty.dtype.type(batch) if batch else penalty * 0.0
    return mean.astype(penalty.dtype if is_floating(penalty.dtype) else np.float64)[()]


def weight_loss(regularizer: Any, weight: Array) -> Any:
    """The penalty on ``weight``, or None where the regularizer gives none."""
    penalty = regularizer(weight)
    return None if penalty is None else _number(penalty, "regularizer", weight.dtype)[()]


def _number(penalty: Any, argument: str, dtype: Any) -> Array:
    with about(argument, penalty, "must return a number"):
        array = np.asarray(penalty)
        if is_floating(dtype):
            return array.astype(dtype)
        # That of integers has the dtype in which it is given, a float of Python's that of TensorFlow.
        return array.astype(np.float32) if type(penalty) is float else array.astype(array.dtype)


def loss_gradient(regularizer: Any, weight: Array) -> Array:
    """The gradient of the penalty on ``weight`` (clause GRAD-04).

    Raises:
        ValueError: The regularizer is a callable without a gradient.
    """
    gradient = getattr(regularizer, "gradient", None)
    if gradient is None:
        raise ValueError(
            f"the regularizer {regularizer!r} has no gradient: give the callable an attribute "
            f"gradient(weight) -> array, or use L1, L2 or L1L2"
        )
    return np.asarray(gradient(weight))


def flatten(nested: Any) -> Iterator[Any]:
    """The leaves of nested lists, tuples and dictionaries."""
    if isinstance(nested, Mapping):
        for key in sorted(nested):
            yield from flatten(nested[key])
    elif isinstance(nested, (list, tuple, range)):
        for item in nested:
            yield from flatten(item)
    else:
        yield nested


class CallRecord:
    """The activity losses of one call and the arrays they are reachable from.

    The arrays are held weakly: a recorded call keeps no memory alive.
    """

    def __init__(self) -> None:
        self.losses: list[Any] = []
        self._sources: list[weakref.ref[Any]] = []

    def add(self, loss: Any, sources: tuple[Any, ...]) -> None:
        """Note ``loss``, which depends on ``sources``."""
        self.losses.append(loss)
        self._sources.extend(weakref.ref(s) for s in sources if isinstance(s, np.ndarray))

    def depends_on(self, array: Any) -> bool:
        """Whether ``array`` is (not: equals) one of the recorded arrays."""
        return any(source() is array for source in self._sources)

    def __getstate__(self) -> dict[str, Any]:
        # Another process, or a copy, has other arrays.
        return {"losses": self.losses, "_sources": []}
