"""The activations that Keras 2.15 knows by name, each with its derivative."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.layer.objects.configs import Configurable, identified, serialize
from fast_impl.layer.tensors import number
from fast_impl.problem.doors import shown
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.errors import InvalidArgumentError

Array = npt.NDArray[Any]
Function = Callable[[Array], Array]
# (before activation, after it, gradient after it) -> gradient before it
Derivative = Callable[[Array, Array, Array], Array]
_Axes = int | tuple[int, ...] | None

_SELU_SCALE = 1.0507009873554805
_SELU_SCALE_ALPHA = 1.7580993408473768
# TensorFlow 2.15 holds these two as float32 in a float64 layer too.
_SQRT_2 = float(np.float32(1.4142135623730951))
_INVERSE_SQRT_PI = 0.5641895835477563
_LEAKY_SLOPE = float(np.float32(0.2))
_ON_INTEGERS = ("linear", "relu", "relu6")


class Activation:
    """A named function of the output with the derivative that training needs."""

    def __init__(self, name: str, function: Function, derivative: Derivative) -> None:
        self.__name__ = name
        self._function = function
        self._derivative = derivative

    def __call__(self, x: Array) -> Array:
        """The activation of ``x``, same shape and dtype; half formats are computed in float32."""
        if x.dtype.kind == "i" and self.__name__ not in _ON_INTEGERS:
            if self.__name__ == "leaky_relu":  # the only one for which TensorFlow leaves integers
                return self(x.astype(np.float32))
            error = TypeError if self.__name__ == "hard_sigmoid" else InvalidArgumentError
            raise error(
                f"activation={self.__name__!r} is not defined on {x.dtype.name} arrays; on "
                f"integers use one of {', '.join(_ON_INTEGERS)}"
            )
        with np.errstate(all="ignore"):
            return self._function(x.astype(self._format(x), copy=False)).astype(x.dtype, copy=False)

    def gradient(self, x: Array, y: Array, output_gradient: Array) -> Array:
        """Gradient before the activation, from the gradient after it."""
        wide = self._format(x)
        arrays = (array.astype(wide, copy=False) for array in (x, y, output_gradient))
        with np.errstate(all="ignore"):
            return self._derivative(*arrays).astype(x.dtype, copy=False)

    def __reduce__(self) -> str | tuple[Any, ...]:
        return get, (self.__name__,)

    def __repr__(self) -> str:
        return f"<activation {self.__name__}>"

    @staticmethod
    def _format(x: Array) -> np.dtype[Any]:
        return accumulator(x.dtype)


def _sigmoid(x: Array) -> Array:
    # The exponent is never positive, so nothing overflows.
    small = np.exp(-np.abs(x))
    result: Array = np.where(x >= 0, 1 / (1 + small), small / (1 + small))
    return result


def _softplus(x: Array) -> Array:
    result: Array = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return result


def _exp_minus_1(x: Array) -> Array:
    result: Array = np.expm1(np.minimum(x, 0))
    return result


def _softmax(x: Array, axis: _Axes = -1) -> Array:
    powers = np.exp(x - x.max(axis=axis, keepdims=True)) if x.size else x
    result: Array = powers / powers.sum(axis=axis, keepdims=True)
    return result


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=-1, keepdims=True) if x.size else x
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _softmax_gradient(y: Array, g: Array, axis: _Axes = -1) -> Array:
    result: Array = y * (g - (g * y).sum(axis=axis, keepdims=True))
    return result


def _erf(x: Array) -> Array:
    # Lazily: SciPy costs more to import than this package, and only gelu needs it.
    from scipy.special import erf

    result: Array = erf(x)
    return result


def _gelu_gradient(x: Array, _: Array, g: Array) -> Array:
    scaled = x / _SQRT_2
    density = np.exp(-scaled * scaled) * (_INVERSE_SQRT_PI / _SQRT_2)
    result: Array = g * (0.5 * (1 + _erf(scaled)) + x * density)
    return result


def _swish_gradient(x: Array, y: Array, g: Array) -> Array:
    slope = _sigmoid(x)
    result: Array = g * (slope + y * (1 - slope))
    return result


def _mish_gradient(x: Array, _: Array, g: Array) -> Array:
    bent = np.tanh(_softplus(x))
    result: Array = g * (bent + x * (1 - bent * bent) * _sigmoid(x))
    return result


_TABLE: dict[str, tuple[Function, Derivative]] = {
    "linear": (lambda x: x, lambda _x, _y, g: g),
    "relu": (lambda x: np.maximum(x, 0), lambda x, _, g: np.where(x > 0, g, 0)),
    "relu6": (
        lambda x: np.minimum(np.maximum(x, 0), 6),
        lambda x, _, g: np.where((x > 0) & (x < 6), g, 0),
    ),
    "leaky_relu": (
        lambda x: np.maximum(x, x * _LEAKY_SLOPE),
        lambda x, _, g: np.where(x > 0, g, g * _LEAKY_SLOPE),
    ),
    "elu": (
        lambda x: np.where(x < 0, _exp_minus_1(x), x),
        lambda _, y, g: np.where(y < 0, g * (y + 1), g),
    ),
    "selu": (
        lambda x: np.where(x < 0, _SELU_SCALE_ALPHA * _exp_minus_1(x), _SELU_SCALE * x),
        lambda _, y, g: np.where(y < 0, g * (y + _SELU_SCALE_ALPHA), g * _SELU_SCALE),
    ),
    "softplus": (_softplus, lambda x, _, g: g * _sigmoid(x)),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x, _, g: g / (1 + np.abs(x)) ** 2),
    "tanh": (np.tanh, lambda _, y, g: g * (1 - y * y)),
    "sigmoid": (_sigmoid, lambda _, y, g: g * y * (1 - y)),
    "hard_sigmoid": (
        lambda x: np.clip(0.2 * x + 0.5, 0, 1),
        lambda x, _, g: np.where(np.abs(x) <= 2.5, g * 0.2, 0),
    ),
    "exponential": (np.exp, lambda _, y, g: g * y),
    "swish": (lambda x: x * _sigmoid(x), _swish_gradient),
    "mish": (lambda x: x * np.tanh(_softplus(x)), _mish_gradient),
    "gelu": (lambda x: 0.5 * x * (1 + _erf(x / _SQRT_2)), _gelu_gradient),
    "softmax": (_softmax, lambda _, y, g: _softmax_gradient(y, g)),
    "log_softmax": (
        _log_softmax,
        lambda _, y, g: g - np.exp(y) * g.sum(axis=-1, keepdims=True),
    ),
}

NAMED = {name: Activation(name, *functions) for name, functions in _TABLE.items()}
_ALIASES = {"silu": "swish"}


class LayerActivation(Configurable):
    """An activation that Keras offers as a layer: with parameters, and computed in float32.

    Keras gives such a layer the format float32 whatever it is used in, so a float64 array is
    cast; integers are not.
    """

    module = "keras.layers"

    def __call__(self, x: Array) -> Array:
        """The activation of ``x``."""
        with np.errstate(all="ignore"):
            return self.function(self._cast(x))

    def gradient(self, x: Array, y: Array, output_gradient: Array) -> Array:
        """Gradient before the activation, from the gradient after it."""
        with np.errstate(all="ignore"):
            gradient = self.derivative(self._cast(x), y, self._cast(output_gradient))
        return gradient.astype(x.dtype, copy=False)

    def function(self, x: Array) -> Array:
        """The activation in float32."""
        raise NotImplementedError

    def derivative(self, x: Array, y: Array, g: Array) -> Array:
        """Its gradient in float32."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Parameters, and what every Keras layer has."""
        name = {"ReLU": "re_lu", "LeakyReLU": "leaky_re_lu", "ThresholdedReLU": "thresholded_re_lu"}
        kind = type(self).__name__
        return {
            "name": name.get(kind, kind.lower()),
            "trainable": True,
            "dtype": "float32",
            **super().get_config(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The activation without what every Keras layer has.

        Raises:
            TypeError: Whatever is wrong with the configuration, as Keras's layers say it.
        """
        options = {k: v for k, v in config.items() if k not in ("name", "trainable", "dtype")}
        try:
            return cls(**options)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"config={shown(config)} of activation {cls.__name__}: {error}"
            ) from None

    @staticmethod
    def _cast(x: Array) -> Array:
        return x if x.dtype.kind == "i" else x.astype(np.float32, copy=False)


@dataclass(eq=False, repr=False)
class ReLU(LayerActivation):
    """``f(x) = max_value`` above, ``x`` between, ``slope * (x - threshold)`` below."""

    max_value: float | None = None
    negative_slope: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        # Keras keeps what it is given in the configuration, and computes with float32.
        limit = math.inf if self.max_value is None else _option(self.max_value, "max_value", 0)
        slope = _option(self.negative_slope, "negative_slope", 0)
        self._numbers = (limit, slope, _option(self.threshold, "threshold", 0))

    def function(self, x: Array) -> Array:
        """The activation in float32; of integers they are integers, but for a slope alone."""
        if self._leaky:
            x = x.astype(np.float32, copy=False)
        limit, slope, threshold = self._of(x)
        kept = x * (x > threshold) if threshold else np.maximum(x, 0)
        if math.isfinite(limit):
            kept = np.minimum(kept, x.dtype.type(limit))
        if slope:
            kept = kept - x.dtype.type(slope) * np.maximum(x.dtype.type(threshold) - x, 0)
        return kept

    def derivative(self, x: Array, y: Array, g: Array) -> Array:  # noqa: ARG002
        """Its gradient in float32: 1 at ``max_value``, but 0 at 6, since that is relu6; 0 at ``threshold``.

        With a slope alone it is `LeakyReLU`, whose gradient at 0 is the slope.
        """
        limit, slope, threshold = self._of(x)
        kept = x > threshold
        if math.isfinite(limit):
            kept &= x <= limit if threshold or limit != 6 else x < limit
        below = ~kept if self._leaky else x < threshold
        return np.where(kept, g, np.where(below, g * x.dtype.type(slope), 0 * g))

    @property
    def _leaky(self) -> bool:
        limit, slope, threshold = self._numbers
        return bool(slope and not threshold and limit == math.inf)

    def _of(self, x: Array) -> tuple[float, float, float]:
        """The three numbers, truncated for integers."""
        if x.dtype.kind != "i":
            return self._numbers
        return tuple(math.trunc(n) if math.isfinite(n) else n for n in self._numbers)  # type: ignore[return-value]


def _option(value: Any, name: str, least: float = -math.inf) -> float:
    """Return an option of a layer as TensorFlow uses it: a float32.

    Raises:
        TypeError: Text.
        ValueError: No number, or one below ``least``.
    """
    found = number(value, name)
    if found < least:
        raise ValueError(f"{name}={value!r} of the activation must be at least {least}")
    with np.errstate(over="ignore"):
        return float(np.float32(found))


@dataclass(eq=False, repr=False)
class LeakyReLU(LayerActivation):
    """``x`` above zero, ``alpha * x`` below."""

    alpha: float = 0.3

    def __post_init__(self) -> None:
        self.alpha = _option(self.alpha, "alpha")

    def function(self, x: Array) -> Array:
        """The activation in float32."""
        x = x.astype(np.float32, copy=False)
        return np.where(x > 0, x, x * np.float32(self.alpha))

    def derivative(self, x: Array, y: Array, g: Array) -> Array:  # noqa: ARG002
        """Its gradient in float32."""
        return np.where(x > 0, g, g * np.float32(self.alpha))


@dataclass(eq=False, repr=False)
class ELU(LayerActivation):
    """``x`` above zero, ``alpha * (exp(x) - 1)`` below."""

    alpha: float = 1.0

    def __post_init__(self) -> None:
        self.alpha = _option(self.alpha, "alpha")

    def function(self, x: Array) -> Array:
        """The activation in float32."""
        return np.where(x > 0, x, _exp_minus_1(x) * np.float32(self.alpha))

    def derivative(self, x: Array, y: Array, g: Array) -> Array:  # noqa: ARG002
        """Its gradient in float32."""
        return np.where(x > 0, g, g * np.float32(self.alpha) * np.exp(np.minimum(x, 0)))


@dataclass(eq=False, repr=False)
class ThresholdedReLU(LayerActivation):
    """``x`` above ``theta``, zero elsewhere."""

    theta: float = 1.0

    def __post_init__(self) -> None:
        self.theta = _option(self.theta, "theta", 0)

    def function(self, x: Array) -> Array:
        """The activation in float32."""
        return x * (x > self.theta)

    def derivative(self, x: Array, y: Array, g: Array) -> Array:  # noqa: ARG002
        """Its gradient in float32."""
        return g * (x > self.theta)


@dataclass(eq=False, repr=False)
class Softmax(LayerActivation):
    """Softmax along ``axis``: one or several; the last one unless said otherwise, all of them for None."""

    axis: int | list[int] | tuple[int, ...] | None = -1

    def __post_init__(self) -> None:
        axis = self.axis
        axes: Any = axis if isinstance(axis, (list, tuple)) else (axis,)
        try:
            self._axes = None if axis is None else tuple(operator.index(one) for one in axes)
        except TypeError:
            self._axes = ()
        if self._axes == ():
            raise TypeError(f"axis={shown(axis)}: must be an integer, a list of integers or None")

    def function(self, x: Array) -> Array:
        """The activation in float32."""
        return _softmax(x, self._within(x))

    def derivative(self, x: Array, y: Array, g: Array) -> Array:
        """Its gradient in float32."""
        return _softmax_gradient(y, g, self._within(x))

    def _within(self, x: Array) -> tuple[int, ...] | None:
        if any(not -x.ndim <= axis < x.ndim for axis in self._axes or ()):
            raise InvalidArgumentError(
                f"axis={shown(self.axis)} of activation Softmax: must be in the range "
                f"[{-x.ndim}, {x.ndim}) for data of {x.ndim} dimensions"
            )
        return self._axes


def _constant_factory(activation: Activation) -> Callable[[], Activation]:
    return lambda: activation


_REGISTRY: dict[str, Callable[..., Any]] = {
    **{name: _constant_factory(activation) for name, activation in NAMED.items()},
    **{name: _constant_factory(NAMED[target]) for name, target in _ALIASES.items()},
    **{kind.__name__: kind for kind in (ReLU, LeakyReLU, ELU, ThresholdedReLU, Softmax)},
}


def get(identifier: Any) -> Callable[..., Any]:
    """The activation for a name (case-sensitive), a configuration, a callable or None.

    Raises:
        ValueError: Unknown name or configuration.
        TypeError: Anything else.
    """
    if identifier is None:
        return NAMED["linear"]
    activation: Callable[..., Any] = identified(
        identifier, _REGISTRY, "activation function", TypeError
    )
    return activation


def to_config(activation: Any) -> Any:
    """A name for a named activation, else the configuration of the object."""
    return activation.__name__ if isinstance(activation, Activation) else serialize(activation)
