"""The regularizers that Keras 2.15 knows by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.layer.objects.configs import Configurable, identified
from fast_impl.problem.dtypes import accumulator

Array = npt.NDArray[Any]


def _factor(name: str, value: Any) -> float:
    # Keras keeps the factor as float32, also in a float64 layer.
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(
            f"{name}={value!r} is not a valid regularization penalty number: it must be a finite "
            f"int or float"
        )
    return float(np.float32(value))


def _weighted(factor: float, total: Any, dtype: np.dtype[Any]) -> Any:
    return (accumulator(dtype).type(factor) * total).astype(dtype)


class Regularizer(Configurable):
    """A penalty on a weight or on the output: array in, scalar of the same dtype out.

    ``gradient(x)`` is the penalty's gradient by ``x``: shape and dtype of ``x`` (clause GRAD-04).
    The class itself is a regularizer, too, whose penalty is 0 (clause LOSS-09).
    """

    module = "keras.regularizers"

    def __call__(self, x: Array) -> Any:  # noqa: ARG002
        """The penalty of ``x``."""
        return 0.0

    def gradient(self, x: Array) -> Array:
        """Its gradient by ``x``: ``l1 * sign(x) + 2 * l2 * x``, of the factors that the class has."""
        l1, l2 = getattr(self, "l1", 0.0), getattr(self, "l2", 0.0)
        wide = x.astype(accumulator(x.dtype), copy=False)
        slopes = np.zeros_like(wide)  # a factor of 0 leaves infinities out
        if l1:
            slopes += wide.dtype.type(l1) * np.sign(wide)
        if l2:
            slopes += wide.dtype.type(2 * l2) * wide
        return slopes.astype(x.dtype, copy=False)


@dataclass(eq=False, repr=False)
class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x**2)``."""

    l1: float | None = 0.0
    l2: float | None = 0.0

    def __post_init__(self) -> None:
        self.l1 = _factor("l1", 0.0 if self.l1 is None else self.l1)
        self.l2 = _factor("l2", 0.0 if self.l2 is None else self.l2)

    def __call__(self, x: Array) -> Any:
        """The penalty of ``x``."""
        wide = x.astype(accumulator(x.dtype), copy=False)
        penalty: Any = wide.dtype.type(0)
        if self.l1:
            penalty += wide.dtype.type(self.l1) * np.abs(wide).sum()
        if self.l2:
            penalty += wide.dtype.type(self.l2) * np.square(wide).sum()
        return penalty.astype(x.dtype)


@dataclass(eq=False, repr=False, init=False)
class L1(Regularizer):
    """``l1 * sum(|x|)``."""

    l1: float

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Array) -> Any:
        """The penalty of ``x``."""
        return _weighted(self.l1, np.abs(x).sum(dtype=accumulator(x.dtype)), x.dtype)


@dataclass(eq=False, repr=False, init=False)
class L2(Regularizer):
    """``l2 * sum(x**2)``."""

    l2: float

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Array) -> Any:
        """The penalty of ``x``."""
        wide = x.astype(accumulator(x.dtype), copy=False)
        return _weighted(self.l2, np.square(wide).sum(), x.dtype)


@dataclass(eq=False, repr=False)
class OrthogonalRegularizer(Regularizer):
    """Known by name, but for matrices: the kernel and the output have rank 4."""

    factor: float = 0.01
    mode: str = "rows"

    def __post_init__(self) -> None:
        self.factor = _factor("factor", self.factor)
        if self.mode not in ("rows", "columns"):
            raise ValueError(f"mode={self.mode!r} must be one of 'rows', 'columns'")

    def __call__(self, x: Array) -> Any:
        """Refuses: nothing of this layer is a matrix (clause LOSS-09)."""
        raise ValueError(
            f"Inputs to OrthogonalRegularizer must have rank 2; got shape {x.shape}. Use L1, L2 or "
            f"L1L2 for this layer"
        )

    def gradient(self, x: Array) -> Array:
        """Refuses, too."""
        gradient: Array = self(x)
        return gradient


def _l1_l2(l1: float | None = 0.01, l2: float | None = 0.01) -> L1L2:
    return L1L2(l1, l2)


_REGISTRY: dict[str, Callable[..., Any]] = {
    "Regularizer": Regularizer,
    "L1": L1,
    "L2": L2,
    "L1L2": L1L2,
    "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1,
    "l2": L2,
    "l1_l2": _l1_l2,
    "orthogonal_regularizer": OrthogonalRegularizer,
}


def get(identifier: Any) -> Any:
    """The regularizer for a name, a configuration, a callable or None.

    Returns:
        A callable or None. An unknown name is returned as it is, and fails when it is called:
        Keras 2.15 does so (clause LOSS-09).

    Raises:
        ValueError: A configuration with an unknown name, or anything else.
    """
    if isinstance(identifier, str) and identifier not in _REGISTRY:
        return identifier
    return identified(identifier, _REGISTRY, "regularizer")
