"""The initializers that Keras 2.15 knows by name.

The distributions are Keras's; the random numbers are NumPy's, so a seed gives the same values
again, but not TensorFlow's values. Without a seed every call draws fresh numbers; NumPy's global
generator is neither read nor moved.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.layer.objects.configs import Configurable, identified
from fast_impl.layer.tensors import cast, number
from fast_impl.problem.doors import about, shown
from fast_impl.problem.dtypes import COMPUTED, is_floating
from fast_impl.problem.errors import InvalidArgumentError

Array = npt.NDArray[Any]
Shape = Sequence[int]
DType = np.dtype[Any]

# Standard deviation of a normal distribution that is cut at two standard deviations.
_TRUNCATED_DEVIATION = 0.87962566103423978


def _floating(dtype: DType) -> None:
    if dtype.name not in COMPUTED or dtype.kind == "i":
        raise ValueError(f"Expected floating point type, got {dtype.name}")


def _truncated_normal(generator: np.random.Generator, shape: Shape) -> Array:
    values = generator.standard_normal(shape)
    outside = np.abs(values) > 2
    while outside.any():
        values[outside] = generator.standard_normal(int(outside.sum()))
        outside = np.abs(values) > 2
    return values


class Initializer(Configurable):
    """First values of a weight: ``initializer(shape, dtype)`` gives an array."""

    module = "keras.initializers"

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """First values of the given shape and dtype."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its values are")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An initializer from its configuration; an old-style ``dtype`` in it means nothing."""
        return cls(**{key: value for key, value in config.items() if key != "dtype"})


class Zeros(Initializer):
    """All zeros.

    ``dtype`` means nothing; the page's default, ``tf.compat.v1.zeros_initializer()``, has it in
    its configuration.
    """

    def __init__(self, dtype: str | None = None) -> None:
        self.dtype = dtype

    def get_config(self) -> dict[str, Any]:
        """Empty, but for the page's default."""
        return {} if self.dtype is None else {"dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Zeros from their configuration."""
        return cls(**config)

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """First values of the given shape and dtype."""
        return np.zeros(shape, dtype)


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """First values of the given shape and dtype."""
        return np.ones(shape, dtype)


@dataclass(eq=False, repr=False)
class Constant(Initializer):
    """One value everywhere, or as many values as the weight has."""

    value: Any = 0

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """First values of the given shape and dtype.

        Raises:
            TypeError: Neither one value nor as many as the weight has (clause INIT-06); a Python number
                that the dtype does not hold, as 1.5 is no integer.
            ValueError: No numbers, or one that is out of range.
        """
        values = cast(self.value, np.dtype(dtype), "value")
        if values.size not in (1, math.prod(shape)):
            raise TypeError(
                f"Constant holds {values.size} values, but a weight of shape {tuple(shape)} needs "
                f"1 or {math.prod(shape)}"
            )
        array = np.empty(shape, dtype)
        array[...] = values if values.size == 1 else values.reshape(shape)
        return array

    def get_config(self) -> dict[str, Any]:
        """The value."""
        value = self.value.tolist() if isinstance(self.value, (np.ndarray, np.generic)) else None
        return {"value": self.value if value is None else value}


class _Random(Initializer):
    """What the random initializers share: each has a seed."""

    seed: int | None

    def draw(self, generator: np.random.Generator, shape: Shape) -> Array:
        """Float64 values of the distribution."""
        raise NotImplementedError

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """First values of the given shape and dtype; the same again for the same seed."""
        _floating(dtype)
        return self.draw(self.generator(), tuple(shape)).astype(dtype)

    def generator(self) -> np.random.Generator:
        """A source of random numbers for one call.

        Raises:
            TypeError: A seed that is no number.
        """
        with about("seed", self.seed, "must be an integer or None"):
            return np.random.default_rng(None if self.seed is None else abs(int(self.seed)))


@dataclass(eq=False, repr=False)
class RandomUniform(_Random):
    """Uniform between two limits, the upper one 1 where it is None; for integers up to, not including it."""

    minval: float = -0.05
    maxval: float | None = 0.05
    seed: int | None = None

    def draw(self, generator: np.random.Generator, shape: Shape) -> Array:
        """Float64 values of the distribution."""
        low = number(self.minval, "minval")
        high = 1.0 if self.maxval is None else number(self.maxval, "maxval")
        return generator.uniform(low, high, shape)

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """First values of the given shape and dtype; the same again for the same seed.

        Raises:
            TypeError: A limit that is no number of the dtype, as the default ones are no integers.
            ValueError: The same; InvalidArgumentError: integers from an empty range.
        """
        dtype = np.dtype(dtype)
        if dtype.name not in ("int32", "int64"):
            return super().__call__(shape, dtype)
        low, high = (
            int(cast(getattr(self, name), dtype, name).item()) for name in ("minval", "maxval")
        )
        if low >= high:
            raise InvalidArgumentError(f"Need minval < maxval, got minval={low} and maxval={high}")
        return self.generator().integers(low, high, tuple(shape), dtype)


@dataclass(eq=False, repr=False)
class RandomNormal(_Random):
    """Normal distribution."""

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None

    def draw(self, generator: np.random.Generator, shape: Shape) -> Array:
        """Float64 values of the distribution."""
        mean, stddev = number(self.mean, "mean"), number(self.stddev, "stddev")
        return mean + stddev * self._standard(generator, shape)

    @staticmethod
    def _standard(generator: np.random.Generator, shape: Shape) -> Array:
        return generator.standard_normal(shape)


class TruncatedNormal(RandomNormal):
    """Normal distribution, drawn again beyond two standard deviations."""

    @staticmethod
    def _standard(generator: np.random.Generator, shape: Shape) -> Array:
        return _truncated_normal(generator, shape)


@dataclass(eq=False, repr=False)
class VarianceScaling(_Random):
    """Variance from the number of inputs or outputs of a unit.

    The fans are taken from the kernel shape ``(kh, kw, filters, in)`` as it stands, so that
    ``fan_in`` is ``kh*kw*filters``: TensorFlow's trap, kept (clause INIT-02).
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None

    def __post_init__(self) -> None:
        with about("scale", self.scale, "must be a positive number"):
            if self.scale <= 0:
                raise ValueError(f"scale={self.scale!r} must be positive")
        modes = ("fan_in", "fan_out", "fan_avg")
        if not isinstance(self.mode, str) or self.mode not in modes:
            raise ValueError(
                f"mode={shown(self.mode)} must be one of 'fan_in', 'fan_out', 'fan_avg'"
            )
        with about("distribution", self.distribution, "must be the name of a distribution"):
            distribution = self.distribution.lower()
        if distribution == "normal":
            distribution = "truncated_normal"
        if distribution not in ("uniform", "truncated_normal", "untruncated_normal"):
            raise ValueError(
                f"distribution={distribution!r} must be one of 'uniform', 'truncated_normal', "
                f"'untruncated_normal'"
            )
        self.distribution = distribution

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object from what `get_config` returned; Keras 3 adds the axes of the fans."""
        unsaid = ("input_axes", "output_axes")
        return super().from_config(
            {k: v for k, v in config.items() if v is not None or k not in unsaid}
        )

    def draw(self, generator: np.random.Generator, shape: Shape) -> Array:
        """Float64 values of the distribution."""
        fan_in, fan_out = _fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0, math.sqrt(variance), shape)
        deviation = math.sqrt(variance) / _TRUNCATED_DEVIATION
        return deviation * _truncated_normal(generator, shape)


def _fans(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        return (shape[0], shape[0]) if shape else (1, 1)
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


class _NamedScaling(VarianceScaling):
    """A variance scaling that only the seed can change."""

    settings: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.settings, seed=seed)

    def get_config(self) -> dict[str, Any]:
        """The seed."""
        return {"seed": self.seed}


class GlorotUniform(_NamedScaling):
    """U(-L, L) with L = sqrt(6 / (fan_in + fan_out))."""

    settings = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal of variance 2 / (fan_in + fan_out)."""

    settings = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_NamedScaling):
    """Truncated normal of variance 1 / fan_in."""

    settings = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform of variance 1 / fan_in."""

    settings = (1.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal of variance 2 / fan_in."""

    settings = (2.0, "fan_in", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform of variance 2 / fan_in."""

    settings = (2.0, "fan_in", "uniform")


@dataclass(eq=False, repr=False)
class Orthogonal(_Random):
    """An orthogonal matrix of all axes but the last by the last."""

    gain: float = 1.0
    seed: int | None = None

    def draw(self, generator: np.random.Generator, shape: Shape) -> Array:
        """Float64 values of the distribution.

        Raises:
            ValueError: Fewer than two axes, such as a bias has.
        """
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal needs a weight of at least two axes; got shape {tuple(shape)}"
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        matrix = generator.standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(matrix)
        q = q * np.sign(np.diagonal(r))
        gain = number(self.gain, "gain")
        result: Array = gain * (q.T if rows < columns else q).reshape(shape)
        return result


@dataclass(eq=False, repr=False)
class Identity(Initializer):
    """Known by name, but for matrices: the kernel has four axes and the bias one."""

    gain: float = 1.0

    def __call__(self, shape: Shape, dtype: DType) -> Array:
        """The identity matrix times the gain.

        Raises:
            ValueError: A weight that is not a matrix: every weight of this layer.
        """
        _floating(dtype)
        if len(shape) != 2:
            raise ValueError(
                f"Identity matrix initializer can only be used for 2D matrices; got shape "
                f"{tuple(shape)}"
            )
        result: Array = (self.gain * np.eye(shape[0], shape[1])).astype(dtype)
        return result


_CLASSES: tuple[type[Initializer], ...] = (
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Identity,
    Initializer,
    LecunNormal,
    LecunUniform,
    Ones,
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
    VarianceScaling,
    Zeros,
)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


_REGISTRY: dict[str, Callable[..., Any]] = {}
for _class in _CLASSES:
    _REGISTRY[_class.__name__] = _REGISTRY[_snake(_class.__name__)] = _class
    if _class is not Initializer:
        _REGISTRY[_class.__name__ + "V2"] = _class
for _class in (GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform):
    _REGISTRY[_snake(_class.__name__) + "V2"] = _class
_REGISTRY.update(normal=RandomNormal, uniform=RandomUniform, one=Ones, zero=Zeros)


def get(identifier: Any) -> Any:
    """The initializer for a name (case-sensitive), a configuration, a class, a callable or None.

    Raises:
        ValueError: Unknown name or configuration, or anything else.
    """
    made = identifier() if isinstance(identifier, type) else identifier
    return identified(made, _REGISTRY, "initializer")


def default(dtype: DType) -> Initializer:
    """What None means when the weight is made: Glorot uniform, or zeros for integers.

    Raises:
        ValueError: A format that has no default, such as a complex one (clause INIT-07).
    """
    if is_floating(dtype):
        return GlorotUniform()
    if dtype.kind in "iub":
        return Zeros()
    raise ValueError(
        f"An initializer for a variable of {dtype.name} is required: without one, the dtype must be a "
        f"floating one or an integer"
    )
