"""The data rules: what is drawn tells mistakes apart, and is accepted."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings

import reference_impl
from conformance.cases import FAMILIES
from conformance.cases.drawn.configurations import Configuration, configurations
from conformance.cases.drawn.data import position_coded, with_specials
from conformance.model.case import Call
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

SETTINGS = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
QUIET = settings(max_examples=2000, deadline=None, database=None)


@pytest.mark.parametrize(
    "pair",
    [
        lambda c: c.size,
        lambda c: c.kernel_size,
        lambda c: (c.filters, c.in_channels),
    ],
    ids=["height and width", "kernel sides", "filters and channels"],
)
def test_sizes_differ_in_most_configurations(
    pair: Callable[[Configuration], tuple[int, int]],
) -> None:
    unequal: list[bool] = []

    @SETTINGS
    @given(configurations())
    def draw(configuration: Configuration) -> None:
        first, second = pair(configuration)
        unequal.append(first != second)

    draw()
    assert np.mean(unequal) > 0.6


@SETTINGS
@given(configurations())
def test_every_configuration_is_accepted_by_the_oracle(configuration: Configuration) -> None:
    layer = reference_impl.Conv2DTranspose(**configuration.arguments())
    outputs = layer(position_coded(configuration.input_shape()))
    assert outputs.shape == configuration.output_shape


@SETTINGS
@given(FAMILIES["geometry"].strategy)
def test_every_geometry_case_runs_through(case: object) -> None:
    observation = observe(case, LayerBackend(reference_impl.Conv2DTranspose))  # type: ignore[arg-type]
    assert [outcome.error for outcome in observation.outcomes] == [None] * len(observation.outcomes)


def test_shrinking_leaves_the_smallest_geometry() -> None:
    smallest = find(
        configurations(), lambda c: c.strides[0] > 1, settings=QUIET, random=random.Random(0)
    )
    assert smallest.batch * smallest.size[0] * smallest.size[1] <= 2


def test_shrinking_leaves_few_elements() -> None:
    case = find(
        FAMILIES["geometry"].strategy, lambda c: c.argument("padding") == "same", settings=QUIET
    )
    (call,) = [step for step in case.steps if isinstance(step, Call)]
    assert call.inputs.size <= 4


def test_position_coded_values_are_all_different() -> None:
    assert len(np.unique(position_coded((2, 3, 4, 5)))) == 120


def test_specials_leave_the_original_alone() -> None:
    original = position_coded((2, 3))
    with_specials(original, seed=1, count=3)
    assert np.array_equal(original, position_coded((2, 3)))
