"""Gradient descent, momentum and Adam by the formulas of ``tf.compat.v1.train``, and a constraint.

Each is written twice, side by side: what it does in float32, and how far that may take two right runs apart. The
reasons are in docs/examples.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_UNIT = 2.0**-24
# What TensorFlow's float32 betas leave of one.
_NEW_MEAN, _NEW_SQUARE = (np.float32(1) - np.float32(beta) for beta in (0.9, 0.999))


@dataclass
class Run:
    """A weight while it is trained.

    Args:
        value: Its values, float32.
        slots: What the optimizer keeps for it.
    """

    value: Array
    slots: dict[str, Array] = field(default_factory=dict)

    def slot(self, name: str) -> Array:
        """Return what is kept under a name; zeros at first."""
        return self.slots.setdefault(name, np.zeros_like(self.value))


@dataclass
class Errors:
    """How far the values of any right float32 run may be from the exact ones, for each element, in float64."""

    value: Array
    slots: dict[str, Array] = field(default_factory=dict)

    def slot(self, name: str) -> Array:
        """Return the error of what is kept under a name; none at first."""
        return self.slots.setdefault(name, np.zeros_like(self.value))


@dataclass
class OfGradient:
    """How far a computed gradient may be from the exact kernel's.

    Args:
        passed: What the error of the kernel makes of it.
        rounded: The roundings of its sums.
    """

    passed: Array
    rounded: Array

    @property
    def whole(self) -> Array:
        """Both."""
        return self.passed + self.rounded


#: ``(run, gradient, step)`` changes the run.
Update = Callable[[Run, Array, int], None]
#: ``(errors, run before, gradient, error of the gradient, step)`` changes the errors.
Propagate = Callable[[Errors, Run, Array, OfGradient, int], None]


def descend(run: Run, gradient: Array, _: int, rate: float = 0.1) -> None:
    """``w <- w - rate * g``."""
    run.value = run.value - np.float32(rate) * gradient


def descend_errors(
    errors: Errors, run: Run, gradient: Array, of_gradient: OfGradient, _: int, rate: float = 0.1
) -> None:
    """A step and the constraint bring no two kernels farther apart, so only the roundings add up, in the 2-norm.

    That holds while `rate` is at most 2 divided by the largest curvature of the loss; the caller checks it.
    """
    step = rate * (np.abs(gradient) + 2 * of_gradient.whole)
    rounded = rate * of_gradient.rounded + 3 * _UNIT * (np.abs(run.value) + 2 * errors.value + step)
    norm = errors.slot("norm")
    errors.slots["norm"] = norm + np.sqrt(np.sum(rounded**2))
    errors.value = errors.slots["norm"]


def momentum(run: Run, gradient: Array, _: int, rate: float = 0.01, kept: float = 0.9) -> None:
    """``a <- kept * a + g``, ``w <- w - rate * a``."""
    run.slots["momentum"] = run.slot("momentum") * np.float32(kept) + gradient
    run.value = run.value - run.slots["momentum"] * np.float32(rate)


def momentum_errors(
    errors: Errors,
    run: Run,
    gradient: Array,
    of_gradient: OfGradient,
    _: int,
    rate: float = 0.01,
    kept: float = 0.9,
) -> None:
    """Two sums of two terms."""
    old, of_old, of_new = run.slot("momentum"), errors.slot("momentum"), of_gradient.whole
    error = kept * of_old + of_new
    error += 3 * _UNIT * (kept * (np.abs(old) + 2 * of_old) + np.abs(gradient) + 2 * of_new)
    errors.slots["momentum"] = error
    step = rate * (np.abs(kept * old + gradient) + 2 * error)
    errors.value = errors.value + rate * error
    errors.value += 3 * _UNIT * (np.abs(run.value) + 2 * errors.value + step)


def _adam_rate(step: int, rate: float) -> np.float32:
    """Return TensorFlow's rate of a step: the powers of beta are kept in float32, a product a step."""
    first = second = np.float32(1)
    for _ in range(step + 1):
        first, second = first * np.float32(0.9), second * np.float32(0.999)
    one = np.float32(1)
    found: np.float32 = np.float32(rate) * np.sqrt(one - second) / (one - first)
    return found


def adam(run: Run, gradient: Array, step: int, rate: float = 0.001) -> None:
    """``m += (g - m) * 0.1``, ``v += (g**2 - v) * 0.001``, ``w -= m * rate_t / (sqrt(v) + 1e-8)``."""
    mean, square = run.slot("mean"), run.slot("square")
    run.slots["mean"] = mean + (gradient - mean) * _NEW_MEAN
    run.slots["square"] = square + (gradient * gradient - square) * _NEW_SQUARE
    root = np.sqrt(run.slots["square"]) + np.float32(1e-8)
    run.value = run.value - run.slots["mean"] * _adam_rate(step, rate) / root


def adam_errors(
    errors: Errors, run: Run, gradient: Array, told: OfGradient, step: int, rate: float = 0.001
) -> None:
    """Sums of two terms; the quotient is as sensitive as its divisor is small, and never above a known size."""
    size, of_gradient = np.abs(gradient), told.whole
    of_mean, of_square = errors.slot("mean"), errors.slot("square")
    mean, square = run.slot("mean").astype("f8"), run.slot("square").astype("f8")
    new_mean, new_square = float(_NEW_MEAN), float(_NEW_SQUARE)
    of_mean = (1 - new_mean) * of_mean + new_mean * of_gradient
    of_mean += 5 * _UNIT * (np.abs(mean) + size + 2 * (of_mean + of_gradient))
    of_squared = (2 * size + of_gradient) * of_gradient
    of_square = (1 - new_square) * of_square + new_square * of_squared
    of_square += (
        5 * _UNIT * (square + new_square * size**2 + 2 * (of_square + new_square * of_squared))
    )
    errors.slots |= {"mean": of_mean, "square": of_square}
    mean, square = (
        mean + (gradient - mean) * new_mean,
        square + (gradient.astype("f8") ** 2 - square) * new_square,
    )
    # Of a computed and the exact square, none is below this.
    least = np.maximum(square - 2 * of_square, 0)
    root = np.sqrt(least) + 1e-8
    of_root = of_square / np.maximum(2 * np.sqrt(least), 1e-300)
    quotient = (np.abs(mean) + of_mean) / root
    # By the inequality of Cauchy and Schwarz |m| / sqrt(v) is at most 7.3, whatever the gradients were.
    known = np.minimum(quotient, 7.3)
    of_quotient = np.minimum(of_mean / root + known * of_root / root, 2 * 7.3)
    alpha = float(_adam_rate(step, rate))
    errors.value = errors.value + alpha * of_quotient
    errors.value += 8 * _UNIT * (np.abs(run.value) + 2 * errors.value + alpha * known)


def non_neg(value: Array) -> Array:
    """Return a kernel without values below zero: Keras' ``NonNeg``.

    It rounds nothing and brings no two values farther apart, so it leaves errors as they are.
    """
    found: Array = value * (value >= 0)
    return found


OPTIMIZERS: Mapping[str, tuple[Update, Propagate]] = {
    "gradient descent": (descend, descend_errors),
    "momentum": (momentum, momentum_errors),
    "Adam": (adam, adam_errors),
}
