"""The constraint arguments: projections of a weight after its update (clauses CONS-01 to CONS-12).

A constraint takes the updated array and returns the projected one, of the same shape and dtype.
The kernel's axes are (kernel_height, kernel_width, filters, in_channels), so the default `axis=0`
of the norm constraints normalises along the kernel's height (CONS-09).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference_impl.errors import InvalidArgumentError
from reference_impl.layer.serialization import Configured, named
from reference_impl.storage import Array, from_numbers, to_numbers

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "RadialConstraint",
    "UnitNorm",
    "get",
]

EPSILON = 1e-7
"""What the norm constraints add to a norm before they divide by it (CONS-10)."""


class Constraint(Configured):
    """Base class: no projection."""

    def __call__(self, weights: Array) -> Array:
        """The projected weights: shape and dtype of `weights`."""
        return weights


class NonNeg(Constraint):
    """`w * (w >= 0)`, the factor being 1 or 0: negative weights become -0.0, -inf becomes NaN.

    Works for every dtype; TensorFlow's works only for float32 (CONS-11).
    """

    def __call__(self, weights: Array) -> Array:
        """The non-negative part of every weight."""
        numbers = to_numbers(weights.reshape(-1))
        return from_numbers([w * (w >= 0) for w in numbers], weights.shape, weights.dtype)


class _NormConstraint(Constraint):
    """Scales every group of weights by a factor of its norm `sqrt(sum(w**2))` along `axis`."""

    axis: Any

    def _factor(self, norm: float) -> float:
        raise NotImplementedError

    def __call__(self, weights: Array) -> Array:
        """The scaled weights, computed in float64 and rounded once."""
        summed = _axes(self.axis, weights.ndim)
        squares: dict[tuple[int, ...], float] = {}
        groups = []
        numbers = to_numbers(weights.reshape(-1))
        for position, weight in zip(np.ndindex(weights.shape), numbers, strict=True):
            group = tuple(0 if axis in summed else at for axis, at in enumerate(position))
            groups.append(group)
            squares[group] = squares.get(group, 0.0) + weight * weight
        factors = {group: self._factor(math.sqrt(square)) for group, square in squares.items()}
        scaled = [weight * factors[group] for weight, group in zip(numbers, groups, strict=True)]
        return from_numbers(scaled, weights.shape, weights.dtype)


@dataclass(eq=False)
class MaxNorm(_NormConstraint):
    """`w * clip(norm, 0, max_value) / (1e-7 + norm)`."""

    max_value: float = 2
    axis: Any = 0

    def _factor(self, norm: float) -> float:
        return _clip(norm, 0, self.max_value) / (EPSILON + norm)


@dataclass(eq=False)
class UnitNorm(_NormConstraint):
    """`w / (1e-7 + norm)`."""

    axis: Any = 0

    def _factor(self, norm: float) -> float:
        return 1.0 / (EPSILON + norm)


@dataclass(eq=False)
class MinMaxNorm(_NormConstraint):
    """`w * (rate * clip(norm, min_value, max_value) + (1 - rate) * norm) / (1e-7 + norm)`."""

    min_value: float = 0.0
    max_value: float = 1.0
    rate: float = 1.0
    axis: Any = 0

    def _factor(self, norm: float) -> float:
        clipped = _clip(norm, self.min_value, self.max_value)
        return (self.rate * clipped + (1 - self.rate) * norm) / (EPSILON + norm)


class RadialConstraint(Constraint):
    """Makes a square kernel constant on each ring around its centre (CONS-12).

    What a ring becomes is measured, not intended: with `t = k // 2`, the innermost ring takes
    `w[t-1, t-1]`; ring r further out takes `w[t+r-1, t+r-1]` for odd k and `w[t+r, t+r]` for even
    k. So a 3x3 kernel gets its *corner* in the centre.
    """

    def __call__(self, weights: Array) -> Array:
        """The projected kernel.

        Raises:
            ValueError: not four axes.
            InvalidArgumentError: a kernel that is not square, or 1x1.
        """
        if weights.ndim != 4:
            raise ValueError(
                f"The weight tensor must have rank 4. Received weight tensor with shape: "
                f"{weights.shape}"
            )
        size, width = weights.shape[:2]
        if size != width or size < 2:
            raise InvalidArgumentError(
                "Input to reshape does not fit: RadialConstraint needs a square kernel of at least "
                f"2x2, not {size}x{width} (CONS-12)"
            )
        middle, odd = size // 2, size % 2
        projected = np.empty_like(weights)
        for a, b in itertools.product(range(size), repeat=2):
            ring = max(_distance(a, middle, odd), _distance(b, middle, odd))
            source = middle - 1 if ring == 0 else middle + ring - odd
            projected[a, b] = weights[source, source]
        return projected


def _distance(position: int, middle: int, odd: int) -> int:
    """How many rings a row or column is away from the centre."""
    if odd:
        return abs(position - middle)
    return position - middle if position >= middle else middle - 1 - position


_KNOWN: dict[str, Callable[..., Any]] = {
    "Constraint": Constraint,
    "MaxNorm": MaxNorm,
    "max_norm": MaxNorm,
    "maxnorm": MaxNorm,
    "NonNeg": NonNeg,
    "non_neg": NonNeg,
    "nonneg": NonNeg,
    "UnitNorm": UnitNorm,
    "unit_norm": UnitNorm,
    "unitnorm": UnitNorm,
    "MinMaxNorm": MinMaxNorm,
    "min_max_norm": MinMaxNorm,
    "RadialConstraint": RadialConstraint,
    "radial_constraint": RadialConstraint,
}


def get(identifier: Any) -> Any:
    """The constraint that the argument names (CONS-07).

    Raises:
        ValueError: an unknown name, or an object that is neither a name, a dict nor callable.
    """
    return named(identifier, _KNOWN, "constraint", "CONS-07")


def _axes(axis: Any, rank: int) -> set[int]:
    """The axes that are summed: one integer, several, or None for all."""
    if axis is None:
        return set(range(rank))
    chosen = [axis] if not hasattr(axis, "__iter__") else list(axis)
    for one in chosen:
        if not -rank <= one < rank:
            raise InvalidArgumentError(
                f"Invalid reduction dimension: axis {one} of a weight with {rank} axes"
            )
    return {one % rank for one in chosen}


def _clip(norm: float, low: float, high: float) -> float:
    """`norm` between the two; `high` is raised to `low` where it is below it. NaN stays NaN."""
    high = max(low, high)
    return low if norm < low else high if norm > high else norm
