"""The random initializers of Keras 2.15 (clauses INIT-01, INIT-02, INIT-09).

Distributions, ranges and fans are Keras'; the random numbers are Python's own, so a seed gives
the same weights in every run here, but not TensorFlow's weights.
"""

from __future__ import annotations

import math
import operator
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from reference_impl.errors import InvalidArgumentError
from reference_impl.layer.initializers.base import Initializer, Shape, as_dtype, as_floating
from reference_impl.layer.initializers.orthogonal import orthonormal_columns
from reference_impl.layer.tensors import to_dtype, to_number
from reference_impl.storage import Array, from_numbers

Draw = Callable[[random.Random], float]

TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal cut off at two standard deviations."""


class _Random(Initializer):
    """An initializer with a seed. It gives the same values at every call, seeded or not."""

    seed: int | None
    _drawn_seed = None  # not a field of the classes below

    def _source(self) -> random.Random:
        if self.seed is not None:
            return random.Random(operator.index(self.seed))
        if self._drawn_seed is None:
            self._drawn_seed = random.randrange(1, 10**9)
        else:
            warnings.warn(
                f"The initializer {type(self).__name__} is unseeded and being called multiple "
                "times, which will return identical values each time. Provide a seed, or use one "
                "instance per weight.",
                stacklevel=3,
            )
        return random.Random(self._drawn_seed)

    def _drawn(self, shape: Shape, dtype: Any, draw: Draw) -> Array:
        source = self._source()
        numbers = [draw(source) for _ in range(math.prod(shape))]
        return from_numbers(numbers, tuple(shape), as_dtype(dtype))


@dataclass(eq=False)
class RandomUniform(_Random):
    """Uniform between `minval` and `maxval`, which is 1 where it is None.

    An int32 or int64 weight takes integers from `minval` up to but not including `maxval`.
    """

    minval: float = -0.05
    maxval: float | None = 0.05
    seed: int | None = None

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`.

        Raises:
            TypeError, ValueError: bounds that are no numbers of the dtype, as the default ones are
                no integers.
            InvalidArgumentError: integers from an empty range.
        """
        known = as_dtype(dtype)
        if known.name in ("int32", "int64"):
            first, end = (
                int(to_dtype(getattr(self, name), known, name).item())
                for name in ("minval", "maxval")
            )
            if first >= end:
                raise InvalidArgumentError(
                    f"Need minval < maxval, got minval={first} and maxval={end}"
                )
            return self._drawn(shape, known, lambda source: source.randrange(first, end))
        as_floating(known)
        low = to_number(self.minval, "minval")
        high = 1.0 if self.maxval is None else to_number(self.maxval, "maxval")
        return self._drawn(shape, known, lambda source: source.uniform(low, high))


@dataclass(eq=False)
class RandomNormal(_Random):
    """Normal with the given mean and standard deviation."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        as_floating(dtype)
        mean, stddev = to_number(self.mean, "mean"), to_number(self.stddev, "stddev")
        return self._drawn(shape, dtype, lambda source: mean + stddev * self._standard(source))

    @staticmethod
    def _standard(source: random.Random) -> float:
        return source.gauss(0.0, 1.0)


@dataclass(eq=False)
class TruncatedNormal(RandomNormal):
    """Normal, values further than two standard deviations from the mean drawn again."""

    @staticmethod
    def _standard(source: random.Random) -> float:
        return _within_two(source)


@dataclass(eq=False)
class VarianceScaling(_Random):
    """Random with a variance of `scale / n`, n being a fan of the shape (INIT-02).

    For a kernel (kernel_height, kernel_width, filters, in_channels) the fans are
    `fan_in = kernel_height * kernel_width * filters` and
    `fan_out = kernel_height * kernel_width * in_channels`: the other way round than the words say.
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.scale <= 0.0:
            raise ValueError(f"`scale` must be positive float. Received: scale={self.scale}.")
        if self.mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Invalid `mode` argument: {self.mode}.")
        distribution = self.distribution.lower()
        self.distribution = "truncated_normal" if distribution == "normal" else distribution
        if self.distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(f"Invalid `distribution` argument: {distribution}.")

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        as_floating(dtype)
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return self._drawn(shape, dtype, lambda source: source.uniform(-limit, limit))
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return self._drawn(shape, dtype, lambda source: source.gauss(0.0, stddev))
        stddev /= TRUNCATED_STDDEV
        return self._drawn(shape, dtype, lambda source: stddev * _within_two(source))


class _NamedScaling(VarianceScaling):
    """Variance scaling whose arguments are its name; only the seed is left."""

    arguments: ClassVar[tuple[float, str, str]]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.arguments, seed)

    def get_config(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.seed}


class GlorotUniform(_NamedScaling):
    """Uniform, +- sqrt(6 / (fan_in + fan_out)); the kernel's default (INIT-01)."""

    arguments = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal, variance 2 / (fan_in + fan_out)."""

    arguments = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform, +- sqrt(3 / fan_in)."""

    arguments = (1.0, "fan_in", "uniform")


class LecunNormal(_NamedScaling):
    """Truncated normal, variance 1 / fan_in."""

    arguments = (1.0, "fan_in", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform, +- sqrt(6 / fan_in)."""

    arguments = (2.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal, variance 2 / fan_in."""

    arguments = (2.0, "fan_in", "truncated_normal")


@dataclass(eq=False)
class Orthogonal(_Random):
    """`gain` times a matrix of orthonormal rows or columns, all axes but the last as its rows."""

    gain: float = 1.0
    seed: int | None = None

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`.

        Raises:
            ValueError: fewer than two axes, as a bias has (INIT-05).
        """
        dtype = as_floating(dtype)
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. Received: "
                f"shape={tuple(shape)} of rank {len(shape)} (INIT-05)."
            )
        gain = to_number(self.gain, "gain")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        matrix = orthonormal_columns(max(rows, columns), min(rows, columns), self._source())
        transposed = rows < columns
        values = [
            gain * (matrix[j][i] if transposed else matrix[i][j])
            for i in range(rows)
            for j in range(columns)
        ]
        return from_numbers(values, tuple(shape), dtype)


def fans(shape: Shape) -> tuple[int, int]:
    """fan_in and fan_out of a shape: the last two axes, each times all the axes before them."""
    if len(shape) < 2:
        only = shape[0] if shape else 1
        return only, only
    field = math.prod(shape[:-2])
    return field * shape[-2], field * shape[-1]


def _within_two(source: random.Random) -> float:
    value = source.gauss(0.0, 1.0)
    while abs(value) > 2.0:
        value = source.gauss(0.0, 1.0)
    return value
