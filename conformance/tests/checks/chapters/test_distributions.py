"""The tests of initial values: what follows a distribution passes, and each kind of departure is measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from conformance.checks.chapters.training.initializers import deviations, distribution

SHAPE = (5, 8, 32, 16)
FANS = 1280.0, 640.0
LIMIT = (6 / sum(FANS)) ** 0.5
GENERATOR = np.random.default_rng


def _departures(values: np.ndarray, form: object = None) -> list[str]:
    found = deviations(values.astype(np.float32).astype(np.float64), distribution(form, *FANS))
    return [what.partition(",")[0] for what, measured, limit in found if not measured <= limit]


@pytest.mark.parametrize("seed", range(20))
def test_draws_of_the_distribution_pass(seed: int) -> None:
    assert _departures(GENERATOR(seed).uniform(-LIMIT, LIMIT, SHAPE)) == []


@pytest.mark.parametrize(
    ("form", "deviation"),
    [
        ("random_normal", 0.05),
        (
            {
                "class_name": "VarianceScaling",
                "config": {"scale": 2.0, "distribution": "untruncated_normal"},
            },
            (2 / FANS[0]) ** 0.5,
        ),
        ({"class_name": "RandomNormal", "config": {"stddev": 3.0}}, 3.0),
    ],
    ids=["by name", "scaled", "configured"],
)
def test_the_form_decides_about_the_distribution(form: object, deviation: float) -> None:
    assert _departures(GENERATOR(0).normal(0, deviation, SHAPE), form) == []


#: Departures, made with a generator, and the test that must measure them.
WRONG: dict[str, tuple[Callable[[np.random.Generator], np.ndarray], str]] = {
    "another shape": (
        lambda g: g.normal(0, LIMIT / 3**0.5, SHAPE),
        "chi-square of 64 cells",
    ),
    "4 % too wide": (lambda g: g.uniform(-1.04 * LIMIT, 1.04 * LIMIT, SHAPE), "variance"),
    "a mean of 5 % of the limit": (
        lambda g: g.uniform(-0.95 * LIMIT, 1.05 * LIMIT, SHAPE),
        "mean",
    ),
    "half as wide": (
        lambda g: g.uniform(-LIMIT / 2, LIMIT / 2, SHAPE),
        "Kolmogorov-Smirnov distance",
    ),
    "few levels": (
        lambda g: g.integers(-500, 501, SHAPE) * LIMIT / 500,
        "share of values that occur twice",
    ),
    "filters alike": (
        lambda g: (
            np.broadcast_to(g.uniform(-LIMIT, LIMIT, (5, 8, 1, 16)), SHAPE)
            * (1 + 1e-6 * g.standard_normal(SHAPE))
        ),
        "correlation along axis 2",
    ),
    "channels alike": (
        lambda g: (
            np.broadcast_to(g.uniform(-LIMIT, LIMIT, (5, 8, 32, 1)), SHAPE)
            * (1 + 1e-6 * g.standard_normal(SHAPE))
        ),
        "correlation along axis 3",
    ),
    "NaN": (lambda g: np.full(SHAPE, np.nan), "Kolmogorov-Smirnov distance"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_departure_is_measured(name: str) -> None:
    make, test = WRONG[name]
    assert test in _departures(make(GENERATOR(7)))
