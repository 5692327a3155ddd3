"""The bound covers every order of summation, and nothing that is less precise than its format."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from conformance.model.values.codec import Array, dtype_of
from conformance.oracle.tolerance import allowed_error, exactly_summable, gamma, unit_roundoff

FORMATS = ("float16", "bfloat16", "float32", "float64")
SIZES = (1, 2, 7, 40)


def _products(size: int, name: str, seed: int) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    dtype = dtype_of(name)
    return (
        generator.standard_normal(size).astype(dtype),
        generator.standard_normal(size).astype(dtype),
    )


def _sequential(x: Array, w: Array) -> Any:
    total = x.dtype.type(0)
    for a, b in zip(x, w):
        total = x.dtype.type(total + x.dtype.type(a * b))
    return total


def _backwards(x: Array, w: Array) -> Any:
    return _sequential(x[::-1], w[::-1])


def _pairwise(x: Array, w: Array) -> Any:
    if len(x) == 1:
        return x.dtype.type(x[0] * w[0])
    half = len(x) // 2
    return x.dtype.type(_pairwise(x[:half], w[:half]) + _pairwise(x[half:], w[half:]))


def _fused(x: Array, w: Array) -> Any:
    """Round once for product and sum together."""
    total = Fraction(0)
    for a, b in zip(x, w):
        exact = total + Fraction(float(a)) * Fraction(float(b))
        total = Fraction(float(x.dtype.type(float(exact))))
    return float(total)


def _exact(x: Array, w: Array) -> tuple[float, Array]:
    terms = [Fraction(float(a)) * Fraction(float(b)) for a, b in zip(x, w)]
    return float(sum(terms)), np.array(float(sum(map(abs, terms))))


@pytest.mark.parametrize("order", [_sequential, _backwards, _pairwise, _fused])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("seed", range(5))
def test_every_order_of_summation_is_within_the_bound(
    order: Callable[[Array, Array], Any], size: int, name: str, seed: int
) -> None:
    x, w = _products(size, name, seed)
    exact, magnitude = _exact(x, w)
    error = abs(float(order(x, w)) - exact)
    assert error <= allowed_error(magnitude, size, name, exact=False)


def _tf32(array: Array) -> Array:
    bits = array.view(np.uint32)
    return ((bits + 0x1000) & np.uint32(0xFFFFE000)).view(np.float32)


@pytest.mark.parametrize(
    "rounding",
    [
        _tf32,
        lambda a: a.astype(np.float16).astype(np.float32),
        lambda a: a.astype(ml_dtypes.bfloat16).astype(np.float32),
    ],
    ids=["tf32", "float16", "bfloat16"],
)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(5))
def test_operands_rounded_to_a_narrower_format_exceed_the_bound(
    rounding: Callable[[Array], Array], size: int, seed: int
) -> None:
    # Many sums, of which the worst counts: one alone may be right by chance.
    pairs = [_products(size, "float32", 1000 * seed + n) for n in range(20)]
    excess = []
    for x, w in pairs:
        exact, magnitude = _exact(x, w)
        error = abs(float(_sequential(rounding(x), rounding(w))) - exact)
        excess.append(error / float(allowed_error(magnitude, size, "float32", exact=False)))
    assert max(excess) > 1


@pytest.mark.parametrize(("name", "bits"), [("float16", 11), ("bfloat16", 8), ("float32", 24)])
def test_the_roundoff_is_half_a_unit_in_the_last_place(name: str, bits: int) -> None:
    assert unit_roundoff(name) == 2.0**-bits


def test_a_sum_too_long_for_its_format_has_no_bound() -> None:
    assert gamma(256, unit_roundoff("bfloat16")) == float("inf")


def test_the_growth_of_an_error_is_that_of_the_book() -> None:
    assert gamma(2, 2.0**-2) == 0.5 / (1 - 0.5)


def test_exact_data_allows_no_error() -> None:
    assert allowed_error(np.array(5.0), 3, "float32", exact=True) == 0


def test_exact_data_allows_no_error_of_any_element() -> None:
    assert allowed_error(np.ones((2, 3)), 3, "float32", exact=True).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("float16", 2.0**-24),
        ("bfloat16", 2.0**-126),
        ("float32", 2.0**-126),
        ("float64", 2.0**-1022),
    ],
)
def test_each_operation_may_lose_the_smallest_number(name: str, smallest: float) -> None:
    assert allowed_error(np.zeros(()), 6, name, exact=False) == 7 * smallest


@pytest.mark.parametrize("name", FORMATS)
def test_the_errors_of_subject_and_oracle_are_added(name: str) -> None:
    growth = gamma(7, unit_roundoff(name)) + gamma(7, unit_roundoff("float64"))
    at_zero = allowed_error(np.zeros(()), 6, name, exact=False)
    assert allowed_error(np.array(4.0), 6, name, exact=False) == 4 * growth + at_zero


@pytest.mark.parametrize(
    ("name", "largest", "value", "exact"),
    [
        ("float16", 2048, 3.0, True),
        ("float16", 2049, 3.0, False),
        ("float32", 100, 0.5, False),
        ("float32", 100, np.nan, False),
        ("int32", 10**12, 3.0, True),
    ],
)
def test_only_small_integers_sum_exactly(
    name: str, largest: float, value: float, exact: bool
) -> None:
    assert exactly_summable(name, largest, np.array([value])) is exact
