"""The activations of Keras 2.15 as formulas for one number, or for one vector.

Each entry has the function and its derivative as TensorFlow defines it where the function has a
corner: 0 at the corners of relu and relu6, the slope of the negative side for leaky_relu, the
slope of the positive side for elu and selu, the inner slope for hard_sigmoid (clause ACT-01).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

__all__ = [
    "FLOAT32_FIFTH",
    "SCALAR",
    "Scalar",
    "exp",
    "leaky",
    "log_softmax",
    "softmax",
    "vector_slopes",
]

FLOAT32_FIFTH = 0.20000000298023224
"""0.2 as a float32: TensorFlow's slope of leaky_relu in every dtype (ADD-03)."""

FLOAT32_ROOT_OF_2 = 1.4142135381698608
"""sqrt(2) as a float32, which gelu divides by in every dtype up to 2.15 (ADD-03)."""

SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


class Scalar(NamedTuple):
    """An activation of single numbers: `value(x)` and its derivative `slope(x)`."""

    value: Callable[[float], float]
    slope: Callable[[float], float]


def exp(x: float) -> float:
    """e**x, infinite where it overflows."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _sigmoid(x: float) -> float:
    if x >= 0:
        return 1.0 / (1.0 + exp(-x))
    return exp(x) / (1.0 + exp(x))


def _sigmoid_slope(x: float) -> float:
    return _sigmoid(x) * _sigmoid(-x)


def _softplus(x: float) -> float:
    """log(1 + e**x), written so that neither end overflows."""
    if math.isnan(x):
        return x
    return (x if x > 0 else 0.0) + math.log1p(exp(-abs(x)))


def _tanh_slope(x: float) -> float:
    """1 - tanh(x)**2 without the cancellation."""
    return 4.0 * _sigmoid_slope(2.0 * x)


def _relu(x: float) -> float:
    return 0 if x <= 0 else x


def _relu6(x: float) -> float:
    return 6 if x > 6 else _relu(x)


def leaky(slope: float) -> Scalar:
    """Leaky relu: x for x > 0, `slope * x` otherwise."""
    return Scalar(lambda x: x if x > 0 else slope * x, lambda x: 1.0 if x > 0 else slope)


def _elu(x: float) -> float:
    return math.expm1(x) if x < 0 else x


def _elu_slope(x: float) -> float:
    return exp(x) if x < 0 else 1.0


def _selu(x: float) -> float:
    return SELU_SCALE * SELU_ALPHA * math.expm1(x) if x < 0 else SELU_SCALE * x


def _selu_slope(x: float) -> float:
    return SELU_SCALE * SELU_ALPHA * exp(x) if x < 0 else SELU_SCALE


def _hard_sigmoid(x: float) -> float:
    y = 0.2 * x + 0.5
    return 0.0 if y < 0 else 1.0 if y > 1 else y


def _hard_sigmoid_slope(x: float) -> float:
    return 0.2 if 0 <= 0.2 * x + 0.5 <= 1 else 0.0


def _normal_probability(x: float) -> float:
    """P(X <= x) for a standard normal X."""
    return 0.5 * math.erfc(-x / FLOAT32_ROOT_OF_2)


def _gelu_slope(x: float) -> float:
    density = exp(-((x / FLOAT32_ROOT_OF_2) ** 2)) / (math.sqrt(math.pi) * FLOAT32_ROOT_OF_2)
    return _normal_probability(x) + x * density


def _softsign_slope(x: float) -> float:
    return 1.0 / (1.0 + abs(x)) ** 2


def _silu_slope(x: float) -> float:
    return _sigmoid(x) + x * _sigmoid_slope(x)


def _mish_slope(x: float) -> float:
    inner = _softplus(x)
    return math.tanh(inner) + x * _tanh_slope(inner) * _sigmoid(x)


_SILU = Scalar(lambda x: x * _sigmoid(x), _silu_slope)

SCALAR: dict[str, Scalar] = {
    "linear": Scalar(lambda x: x, lambda _: 1.0),
    "relu": Scalar(_relu, lambda x: 1.0 if x > 0 else 0.0),
    "relu6": Scalar(_relu6, lambda x: 1.0 if 0 < x < 6 else 0.0),
    "leaky_relu": leaky(FLOAT32_FIFTH),
    "elu": Scalar(_elu, _elu_slope),
    "selu": Scalar(_selu, _selu_slope),
    "sigmoid": Scalar(_sigmoid, _sigmoid_slope),
    "hard_sigmoid": Scalar(_hard_sigmoid, _hard_sigmoid_slope),
    "tanh": Scalar(math.tanh, _tanh_slope),
    "exponential": Scalar(exp, exp),
    "softplus": Scalar(_softplus, _sigmoid),
    "softsign": Scalar(lambda x: x / (1.0 + abs(x)), _softsign_slope),
    "swish": _SILU,
    "silu": _SILU,
    "gelu": Scalar(lambda x: x * _normal_probability(x), _gelu_slope),
    "mish": Scalar(lambda x: x * math.tanh(_softplus(x)), _mish_slope),
}


def _shifted(vector: list[float]) -> list[float]:
    """The vector minus its largest element; NaN where one is NaN or the largest is infinite."""
    largest = math.nan if any(map(math.isnan, vector)) else max(vector, default=0.0)
    return [x - largest for x in vector]


def _total(terms: list[float]) -> float:
    total = 0.0
    for term in terms:
        total += term
    return total


def softmax(vector: list[float]) -> list[float]:
    """e**x divided by the sum of all e**x, shifted by the largest x so that nothing overflows."""
    powers = [exp(x) for x in _shifted(vector)]
    total = _total(powers)
    return [power / total for power in powers]


def log_softmax(vector: list[float]) -> list[float]:
    """The logarithm of `softmax`, computed without taking the logarithm of a small number."""
    shifted = _shifted(vector)
    total = _total([exp(x) for x in shifted])
    return [x - math.log(total) for x in shifted]


def vector_slopes(name: str, vector: list[float], slopes: list[float]) -> list[float]:
    """The gradient of `sum(f(vector) * slopes)`, f being "softmax" or "log_softmax"."""
    shares = softmax(vector)
    if name == "log_softmax":
        total = _total(slopes)
        return [slope - share * total for slope, share in zip(slopes, shares, strict=True)]
    mean = _total([slope * share for slope, share in zip(slopes, shares, strict=True)])
    return [share * (slope - mean) for slope, share in zip(slopes, shares, strict=True)]
