"""Gradients of small problems by one look-up: whole numbers must come out exactly as by the scatter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fast_impl
from fast_impl.gradients import small
from fast_impl.gradients.small import SmallBackward, suits
from fast_impl.planning import gradients
from fast_impl.problem.problem import Problem
from fast_impl.tests.gradients.test_blocks import problem_of, same
from fast_impl.tests.gradients.test_patches import PROBLEMS, VIEWS
from fast_impl.tests.made import by_scatter, operands

LIMIT = 64 << 20


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("most", [0, 1 << 30], ids=["BLAS on one thread", "NumPy's product"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_are_those_of_the_scatter(
    name: str, most: int, view: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small, "_ALONE", most)
    monkeypatch.setattr(small, "_SUMMED", most)
    problem = PROBLEMS[name]
    given = operands(problem)
    expected = by_scatter(problem, *given)
    x, k, g = (VIEWS[view](array) for array in given)
    found: Any = tuple(np.full_like(array, 77, order="C") for array in expected)
    SmallBackward(problem).run(x, k, g, found)
    assert same(found, expected)


def _wide(problem: Problem) -> int:
    return problem.height.kernel * problem.width.kernel * problem.filters


@pytest.mark.parametrize("constant", ["_MOST", "_ENTRIES", "_PATCHES", "_REACHED"])
def test_a_problem_is_small_by_each_of_its_sizes(
    constant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = problem_of((2, 4, 5, 3), (3, 2, 7, 3), 2)
    sizes = {
        "_MOST": 40 * _wide(problem) * 3,
        "_ENTRIES": 40 * 6,
        "_PATCHES": 40 * _wide(problem),
        "_REACHED": 2 * 8 * 10 * 7,
    }
    for less in (0, 1):
        monkeypatch.setattr(small, constant, sizes[constant] - less)
        assert suits(problem, LIMIT) is (less == 0)


def test_memory_is_taken_within_the_limit() -> None:
    problem = problem_of((2, 4, 5, 3), (3, 2, 7, 3), 2)
    needed = (40 * _wide(problem) + 2 * 8 * 10 * 7 + 7) * 4
    assert [suits(problem, limit) for limit in (needed, needed - 1)] == [True, False]


def test_products_that_wake_threads_are_made_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_of((1, 4, 5, 3), (3, 2, 7, 3), 2)
    adds, reached = 20 * _wide(problem) * 3, 8 * 10 * 7
    for less in (0, 1):
        monkeypatch.setattr(small, "_ALONE", adds - less)
        monkeypatch.setattr(small, "_SUMMED", reached - less)
        made = SmallBackward(problem)
        assert (made.alone, made.ones is not None) == (less == 0, less == 0)


def test_the_smallest_layers_are_computed_so() -> None:
    for shape, kernel, expected in (
        ((1, 7, 7, 16), (3, 3, 8, 16), True),
        ((4, 7, 7, 16), (3, 3, 8, 16), True),
        ((1, 28, 28, 64), (3, 3, 32, 64), False),
    ):
        method = gradients.for_problem(problem_of(shape, kernel, 2)).method
        assert isinstance(method, SmallBackward) is expected


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", range(3))
def test_values_that_are_not_finite_reach_what_they_touched(where: int, value: float) -> None:
    problem = problem_of((1, 4, 5, 3), (3, 2, 2, 3), 2)
    arrays = [array.copy() for array in operands(problem)]
    arrays[where].reshape(-1)[3] = value
    with np.errstate(invalid="ignore"):
        expected = by_scatter(problem, *arrays)
    with np.errstate(all="raise"):
        found = fast_impl.conv2d_transpose_gradients(*arrays, 2, "same")
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)
