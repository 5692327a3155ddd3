"""The activations of Keras 2.15, of one number or of one vector, and their derivatives (ACT-01).

A derivative at a corner is TensorFlow's: 0 for relu and relu6, the slope of the negative side for
leaky_relu, of the positive side for elu and selu, the inner slope for hard_sigmoid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

__all__ = ["SCALAR", "VECTOR", "Scalar", "leaky_relu"]

FLOAT32_FIFTH = 0.20000000298023224  # TensorFlow's float32 in every dtype (ADD-03)
FLOAT32_ROOT_OF_2 = 1.4142135381698608  # the same, up to 2.15
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


class Scalar(NamedTuple):
    """An activation of single numbers: `value(x)` and its derivative `slope(x)`."""

    value: Callable[[float], float]
    slope: Callable[[float], float]


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + _exp(-x)) if x >= 0 else _exp(x) / (1.0 + _exp(x))


def _sigmoid_slope(x: float) -> float:
    return _sigmoid(x) * _sigmoid(-x)


def _softplus(x: float) -> float:  # log(1 + e**x); neither end overflows
    return x if math.isnan(x) else max(x, 0.0) + math.log1p(_exp(-abs(x)))


def _tanh_slope(x: float) -> float:  # 1 - tanh(x)**2 without the cancellation
    return 4.0 * _sigmoid_slope(2.0 * x)


def leaky_relu(slope: float) -> Scalar:
    """X above 0, `slope * x` otherwise."""
    return Scalar(lambda x: x if x > 0 else slope * x, lambda x: 1.0 if x > 0 else slope)


def _relu(x: float) -> float:
    return 0 if x <= 0 else x


def _normal_probability(x: float) -> float:  # P(X <= x) for a standard normal X
    return 0.5 * math.erfc(-x / FLOAT32_ROOT_OF_2)


def _gelu_slope(x: float) -> float:
    scaled = x / FLOAT32_ROOT_OF_2
    density = _exp(-scaled * scaled) / (math.sqrt(math.pi) * FLOAT32_ROOT_OF_2)
    return _normal_probability(x) + x * density


def _mish_slope(x: float) -> float:
    inner = _softplus(x)
    return math.tanh(inner) + x * _tanh_slope(inner) * _sigmoid(x)


_SILU = Scalar(lambda x: x * _sigmoid(x), lambda x: _sigmoid(x) + x * _sigmoid_slope(x))

SCALAR: dict[str, Scalar] = {
    "linear": Scalar(lambda x: x, lambda _: 1.0),
    "relu": Scalar(_relu, lambda x: 1.0 if x > 0 else 0.0),
    "relu6": Scalar(lambda x: 6 if x > 6 else _relu(x), lambda x: 1.0 if 0 < x < 6 else 0.0),
    "leaky_relu": leaky_relu(FLOAT32_FIFTH),
    "elu": Scalar(lambda x: math.expm1(x) if x < 0 else x, lambda x: _exp(x) if x < 0 else 1.0),
    "selu": Scalar(
        lambda x: SELU_SCALE * SELU_ALPHA * math.expm1(x) if x < 0 else SELU_SCALE * x,
        lambda x: SELU_SCALE * SELU_ALPHA * _exp(x) if x < 0 else SELU_SCALE,
    ),
    "sigmoid": Scalar(_sigmoid, _sigmoid_slope),
    "hard_sigmoid": Scalar(
        lambda x: min(max(0.2 * x + 0.5, 0.0), 1.0),
        lambda x: 0.2 if 0 <= 0.2 * x + 0.5 <= 1 else 0.0,
    ),
    "tanh": Scalar(math.tanh, _tanh_slope),
    "exponential": Scalar(_exp, _exp),
    "softplus": Scalar(_softplus, _sigmoid),
    "softsign": Scalar(lambda x: x / (1 + abs(x)), lambda x: 1.0 / (1 + abs(x)) / (1 + abs(x))),
    "swish": _SILU,
    "silu": _SILU,
    "gelu": Scalar(lambda x: x * _normal_probability(x), _gelu_slope),
    "mish": Scalar(lambda x: x * math.tanh(_softplus(x)), _mish_slope),
}


def _total(terms: Iterable[float]) -> float:
    total = 0.0
    for term in terms:  # not `sum`, which compensates for rounding in some releases of Python
        total += term
    return total


def _shifted(vector: list[float]) -> list[float]:
    """The vector minus its largest element; NaN where one is NaN or the largest is infinite."""
    largest = math.nan if any(map(math.isnan, vector)) else max(vector, default=0.0)
    return [x - largest for x in vector]


def _softmax(vector: list[float]) -> list[float]:
    """e**x divided by the sum of all e**x, shifted so that nothing overflows."""
    powers = [_exp(x) for x in _shifted(vector)]
    total = _total(powers)
    return [power / total for power in powers]


def _softmax_slopes(vector: list[float], slopes: list[float]) -> list[float]:
    shares = _softmax(vector)
    mean = _total(slope * share for slope, share in zip(slopes, shares, strict=True))
    return [share * (slope - mean) for slope, share in zip(slopes, shares, strict=True)]


def _log_softmax(vector: list[float]) -> list[float]:
    """The logarithm of softmax, without taking that of a small number."""
    total = _total(_exp(x) for x in _shifted(vector))
    return [x - math.log(total) for x in _shifted(vector)]


def _log_softmax_slopes(vector: list[float], slopes: list[float]) -> list[float]:
    total = _total(slopes)
    return [slope - share * total for slope, share in zip(slopes, _softmax(vector), strict=True)]


VECTOR: dict[str, tuple[Callable[..., list[float]], Callable[..., list[float]]]] = {
    "softmax": (_softmax, _softmax_slopes),
    "log_softmax": (_log_softmax, _log_softmax_slopes),
}
"""An activation of vectors as `value(v)` and `slopes(v, g)`, the gradient of `sum(value(v) * g)`."""
