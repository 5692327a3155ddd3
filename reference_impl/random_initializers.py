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
from typing import Any, ClassVar

from reference_impl.initializer import Initializer, Shape, as_floating
from reference_impl.orthogonal import orthonormal_columns
from reference_impl.storage import Array, from_numbers

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
]


class _Random(Initializer):
    """An initializer with a seed. It gives the same values at every call, seeded or not."""

    def __init__(self, seed: int | None = None) -> None:
        self.seed = seed
        self._drawn_seed: int | None = None

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

    def _drawn(self, shape: Shape, dtype: Any, draw: Callable[[random.Random], float]) -> Array:
        dtype = as_floating(dtype)
        source = self._source()
        return from_numbers([draw(source) for _ in range(math.prod(shape))], tuple(shape), dtype)


class RandomUniform(_Random):
    """Uniform between `minval` and `maxval`."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        super().__init__(seed)
        self.minval = minval
        self.maxval = maxval

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        return self._drawn(shape, dtype, lambda source: source.uniform(self.minval, self.maxval))

    def get_config(self) -> dict[str, Any]:
        """The two bounds and the seed."""
        return {"minval": self.minval, "maxval": self.maxval, "seed": self.seed}


class RandomNormal(_Random):
    """Normal with the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        super().__init__(seed)
        self.mean = mean
        self.stddev = stddev

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        return self._drawn(shape, dtype, lambda source: source.gauss(self.mean, self.stddev))

    def get_config(self) -> dict[str, Any]:
        """Mean, standard deviation and seed."""
        return {"mean": self.mean, "stddev": self.stddev, "seed": self.seed}


class TruncatedNormal(RandomNormal):
    """Normal, values further than two standard deviations from the mean drawn again."""

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
        return self._drawn(
            shape, dtype, lambda source: self.mean + self.stddev * _within_two(source)
        )


class VarianceScaling(_Random):
    """Random with a variance of `scale / n`, n being a fan of the shape (INIT-02).

    For a kernel (kernel_height, kernel_width, filters, in_channels) the fans are
    `fan_in = kernel_height * kernel_width * filters` and
    `fan_out = kernel_height * kernel_width * in_channels`: the other way round than the words say.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0.0:
            raise ValueError(f"`scale` must be positive float. Received: scale={scale}.")
        if mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(f"Invalid `mode` argument: {mode}.")
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(f"Invalid `distribution` argument: {distribution}.")
        self.scale = scale
        self.mode = mode
        self.distribution = distribution

    def __call__(self, shape: Shape, dtype: Any = None) -> Array:
        """As `Initializer`."""
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

    def get_config(self) -> dict[str, Any]:
        """The four arguments."""
        return {
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "seed": self.seed,
        }


TRUNCATED_STDDEV = 0.87962566103423978
"""Standard deviation of a standard normal cut off at two standard deviations."""


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


class Orthogonal(_Random):
    """`gain` times a matrix of orthonormal rows or columns, all axes but the last as its rows."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        super().__init__(seed)
        self.gain = gain

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
        rows, columns = math.prod(shape[:-1]), shape[-1]
        matrix = orthonormal_columns(max(rows, columns), min(rows, columns), self._source())
        transposed = rows < columns
        values = [
            self.gain * (matrix[j][i] if transposed else matrix[i][j])
            for i in range(rows)
            for j in range(columns)
        ]
        return from_numbers(values, tuple(shape), dtype)

    def get_config(self) -> dict[str, Any]:
        """Gain and seed."""
        return {"gain": self.gain, "seed": self.seed}


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
