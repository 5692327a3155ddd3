"""The constraints that Keras 2.15 knows by name (formulas: section 3 of the facts)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.layer.objects.configs import Configurable, identified
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.errors import InvalidArgumentError

Array = npt.NDArray[Any]
Axis = int | Sequence[int]

_EPSILON = 1e-7


class Constraint(Configurable):
    """A projection of a weight after its update: array in, array of the same shape out."""

    module = "keras.constraints"

    def __call__(self, w: Array) -> Array:
        """The projection of ``w``, computed in float32 for the half formats."""
        with np.errstate(invalid="ignore", over="ignore"):
            projected = self.project(w.astype(accumulator(w.dtype), copy=False))
        return projected.astype(w.dtype, copy=False)

    def project(self, w: Array) -> Array:
        """The projection; the base class leaves the weight alone."""
        return w


def _norms(w: Array, axis: Axis) -> Array:
    over = axis if isinstance(axis, int) else tuple(axis)
    result: Array = np.sqrt(np.square(w).sum(axis=over, keepdims=True))
    return result


def _clip(norms: Array, low: float, high: float) -> Array:
    # Keras raises the upper limit to the lower one where they are exchanged.
    return np.minimum(np.maximum(norms, low), max(low, high))


@dataclass(eq=False, repr=False)
class MaxNorm(Constraint):
    """Norms of at most ``max_value``; axis 0 is the kernel's rows (clause CONS-09)."""

    max_value: float = 2
    axis: Axis = 0

    def project(self, w: Array) -> Array:
        """The projection of ``w``."""
        norms = _norms(w, self.axis)
        result: Array = w * (_clip(norms, 0, self.max_value) / (_EPSILON + norms))
        return result


class NonNeg(Constraint):
    """Negative entries become (negative) zero.

    A product with 0 or 1, as in Keras: minus infinity becomes NaN. Unlike Keras, which casts to
    float32, it works in every format (clause CONS-11).
    """

    def project(self, w: Array) -> Array:
        """The projection of ``w``."""
        result: Array = w * (w >= 0)
        return result


@dataclass(eq=False, repr=False)
class UnitNorm(Constraint):
    """Norms of one; axis 0 is the kernel's rows (clause CONS-09)."""

    axis: Axis = 0

    def project(self, w: Array) -> Array:
        """The projection of ``w``."""
        result: Array = w / (_EPSILON + _norms(w, self.axis))
        return result


@dataclass(eq=False, repr=False)
class MinMaxNorm(Constraint):
    """Norms between two limits, approached at ``rate``."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Axis = 0

    def project(self, w: Array) -> Array:
        """The projection of ``w``."""
        norms = _norms(w, self.axis)
        desired = self.rate * _clip(norms, self.min_value, self.max_value)
        result: Array = w * ((desired + (1 - self.rate) * norms) / (_EPSILON + norms))
        return result


class RadialConstraint(Constraint):
    """Kernels that are constant along square rings around the centre.

    Each ring takes its value from one element of the diagonal. As in Keras, the centre of a 3x3
    kernel takes the CORNER element (clause CONS-12).
    """

    def project(self, w: Array) -> Array:
        """The projection of ``w``.

        Raises:
            ValueError: A weight that is not of rank 4.
            InvalidArgumentError: A kernel that is not square, or of one element.
        """
        if w.ndim != 4:
            raise ValueError(f"RadialConstraint needs a weight of rank 4; got shape {w.shape}")
        size = w.shape[0]
        if size != w.shape[1] or size < 2:
            raise InvalidArgumentError(
                f"RadialConstraint needs a square kernel of at least 2x2; got {w.shape[0]}x"
                f"{w.shape[1]}"
            )
        start = size // 2
        odd = size % 2
        offsets = np.arange(size)
        # Ring 0 is the centre element, or the 2x2 core of an even kernel.
        from_centre = np.where(offsets < start, start - offsets - (1 - odd), offsets - start)
        rings = np.maximum(from_centre[:, None], from_centre[None, :])
        sources = [start - 1] + [start + ring - odd for ring in range(1, start + odd)]
        result: Array = w[sources, sources][rings]
        return result


_ALIASES: dict[str, Callable[..., Any]] = {
    "max_norm": MaxNorm,
    "maxnorm": MaxNorm,
    "non_neg": NonNeg,
    "nonneg": NonNeg,
    "unit_norm": UnitNorm,
    "unitnorm": UnitNorm,
    "min_max_norm": MinMaxNorm,
    "radial_constraint": RadialConstraint,
}
_REGISTRY: dict[str, Callable[..., Any]] = {
    **{
        kind.__name__: kind
        for kind in (Constraint, MaxNorm, NonNeg, UnitNorm, MinMaxNorm, RadialConstraint)
    },
    **_ALIASES,
}


def get(identifier: Any) -> Any:
    """The constraint for a name, a configuration, a callable or None.

    Raises:
        ValueError: Unknown name or configuration, or anything else.
    """
    return identified(identifier, _REGISTRY, "constraint")
