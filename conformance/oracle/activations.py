"""How far an activation, and its slope, may be off where the argument is exact.

Library functions (`exp`, `tanh`, `erf`) and their composition are off by a few units of the roundoff: Eigen's
by 8, NumPy's by 1. `UNITS` of them are allowed, relative to the result, so that neither end of a function may
be lost. Where TensorFlow itself makes the result as a difference, they are relative to what is subtracted.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import reference_impl.layer.activations as reference
from conformance.model.named import FUNCTIONS, resolve
from conformance.model.values.codec import Array
from conformance.oracle.tolerance import smallest_normal, unit_roundoff

#: Units of roundoff that a composition of library functions may be off; a wrong formula is off by thousands.
UNITS = 32
#: Activations that neither round nor sum: what is exact before is exact after.
EXACT = frozenset({"linear", "relu", "relu6", "triple"})
#: gelu's constant, the root of 2, is a float32 in every dtype up to TensorFlow 2.15 and its inverse is one in 2.21
#: (ADD-03); others have all digits. They differ by less than this, relatively.
_ROOT_OF_2 = 2.0**-24
#: Where the factor of a product may have underflowed: `z * sigmoid(z)`; beyond, the result is zero in any case.
_FARTHEST = 1000.0


def value_error(name: str, before: Array, after: Array, dtype_name: str) -> Array:
    """Return the error allowed in every value of an activation.

    Args:
        name: Keras' name, or that of one of the suite's functions.
        before: exact arguments, float64.
        after: exact values, float64.
        dtype_name: the format of the subject's values.
    """
    if name in EXACT:
        return np.zeros(after.shape)
    scale = np.abs(after)
    # e**x - 1, x / 5 + 1/2, and the logarithm of a sum that is at least 1
    if name in ("elu", "selu", "hard_sigmoid", "log_softmax"):
        scale = np.maximum(scale, 1.0)
    elif name == "gelu":  # x * (1 + erf) / 2
        scale = np.maximum(scale, np.abs(before))
        # By the constant c, the derivative of x * P(c * x) is x**2 * p(c * x).
        x, density = _with_density(before)
        of_the_constant: Array = _ROOT_OF_2 * x**2 * density
        return _allowed(scale, before, dtype_name) + of_the_constant
    return _allowed(scale, before, dtype_name)


def carried_error(name: str, before: Array, error: Array) -> Array:
    """Return how far an activation's values move where its arguments are off by `error`, both ways.

    Args:
        name: Keras' name, or that of one of the suite's functions.
        before: exact arguments, float64.
        error: how far each of them is off at most.
    """
    after = values(name, before)
    if name == "softmax":  # the derivative of share i by argument j is at most share i
        moved: Array = after * np.expm1(2 * error.max(axis=-1, keepdims=True))
        return moved
    ends = [np.abs(values(name, before + sign * error) - after) for sign in (-1, 1)]
    found: Array = np.maximum(*ends)
    return found


def slope_error(
    name: str, before: Array, output_gradient: Array, after: Array, dtype_name: str
) -> Array:
    """Return the error allowed in every number of `output_gradient` after it has gone through the activation.

    Args:
        name: Keras' name.
        before: exact arguments, float64.
        output_gradient: gradient by the activation's values, float64.
        after: what `through` gives.
        dtype_name: the format of the subject's values.
    """
    if name in EXACT:
        return np.zeros(before.shape)
    scale = np.abs(after)
    upstream = np.abs(output_gradient)
    with np.errstate(all="ignore"):
        if name in (
            "elu",
            "selu",
            "tanh",
            "gelu",
            "hard_sigmoid",
        ):  # made of the value: y + 1, 1 - y * y
            scale = np.maximum(scale, upstream)
        elif name == "mish":  # t + x * (1 - t * t) * sigmoid(x)
            tail = through("exponential", -np.maximum(-before, 0), np.ones(before.shape))
            scale = np.maximum(scale, upstream * tail * (1.0 + np.abs(before)))
        elif name == "sigmoid":  # y * (1 - y)
            scale = upstream * through(
                "exponential", -np.maximum(-before, 0), np.ones(before.shape)
            )
        elif name == "softmax":  # y * (g - sum of g * y)
            shares = values("softmax", before)
            scale = shares * (upstream + np.sum(upstream * shares, axis=-1, keepdims=True))
        elif name == "log_softmax":  # g - y * sum of g
            shares = values("softmax", before)
            scale = upstream + shares * np.sum(upstream, axis=-1, keepdims=True)
        allowed: Array = upstream * _allowed(
            scale / np.maximum(upstream, 1e-300), before, dtype_name
        )
        if name == "gelu":  # the derivative of P(c * x) + c * x * p(c * x) by c is at most this
            x, density = _with_density(before)
            allowed += _ROOT_OF_2 * upstream * np.abs(x) * (2.0 + x**2) * density
    return allowed


def _with_density(before: Array) -> tuple[Array, Array]:
    """Return the arguments, far ones made nearer, and the standard normal density there: 0 at the far ones."""
    x: Array = np.fmax(np.fmin(before, 40.0), -40.0)
    density: Array = np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
    return x, density


def _allowed(scale: Array, before: Array, dtype_name: str) -> Array:
    with np.errstate(all="ignore"):
        reach = 1.0 + np.fmin(np.abs(before), _FARTHEST)
    allowed: Array = UNITS * unit_roundoff(dtype_name) * scale + reach * smallest_normal(dtype_name)
    return allowed


def values(name: str, before: Array) -> Array:
    """Return the activation of `before`, float64; it is Keras', or one of the suite's functions."""
    own = resolve({"function": name}) if name in FUNCTIONS else reference.get(name)
    found: Array = np.asarray(own(before))
    return found


def through(name: Any, before: Array, output_gradient: Array) -> Array:
    """Return the gradient of `sum(activation(before) * output_gradient)` by `before`, float64."""
    return reference.gradient(reference.get(name), before, output_gradient)
