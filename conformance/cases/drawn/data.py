"""Tensor contents: made from a pattern and a drawn seed, not drawn element by element."""

from __future__ import annotations

import numpy as np

from conformance.model.values.codec import Array, dtype_of


def position_coded(shape: tuple[int, ...], dtype_name: str = "float32", start: int = 1) -> Array:
    """Return distinct integers counting up: a value tells where it came from."""
    count = int(np.prod(shape))
    return np.arange(start, start + count).reshape(shape).astype(dtype_of(dtype_name))


def small_integers(
    shape: tuple[int, ...], seed: int, dtype_name: str = "float32", largest: int = 2
) -> Array:
    """Return integers from -largest to largest: sums stay exact even in float16."""
    values = np.random.default_rng(seed).integers(-largest, largest + 1, shape)
    return values.astype(dtype_of(dtype_name))


def nonzero_integers(
    shape: tuple[int, ...], seed: int, dtype_name: str = "float32", largest: int = 3
) -> Array:
    """Return integers from -largest to largest without zero: a product that is left out always shows."""
    generator = np.random.default_rng(seed)
    values: Array = generator.integers(1, largest + 1, shape) * generator.choice((-1, 1), shape)
    return values.astype(dtype_of(dtype_name))


def reals(shape: tuple[int, ...], seed: int, dtype_name: str = "float32") -> Array:
    """Return normally distributed numbers, each rounded to the dtype."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype_of(dtype_name))


def with_specials(array: Array, seed: int, count: int) -> Array:
    """Return a copy in which up to `count` elements are NaN, an infinity or a negative zero."""
    result: Array = array.copy()
    generator = np.random.default_rng(seed)
    specials = np.array([np.nan, np.inf, -np.inf, -0.0])
    for place in generator.integers(0, max(array.size, 1), min(count, array.size)):
        result.flat[place] = generator.choice(specials)
    return result
