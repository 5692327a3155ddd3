"""Another instruction set is another target, and nothing else: plans for two that do not exist."""

import dataclasses
import functools
import re

import numpy as np
import pytest

from fast_impl.gradients.direct import DirectBackward
from fast_impl.kernels import made
from fast_impl.kernels.target import Tile
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.planning import gradients, planner
from fast_impl.problem.dtypes import by_name
from fast_impl.problem.problem import Options, Problem
from fast_impl.tests.targets import interpreted

NARROW = interpreted(16, 32, {1: 8, 2: 7, 3: 5})
WIDE = interpreted(64, 32, {1: 12, 2: 8, 3: 6, 4: 5}, masks=True)
LIMIT = planner.WORKSPACE_LIMIT


def _problem(geometry, dtype="float32", channels=3, filters=5):
    options, number = Options.checked(**geometry.config), by_name(dtype)
    shape = [*geometry.input_shape]
    shape[options.channel_axis] = channels
    kernel = (*geometry.kernel_shape[:2], filters, channels)
    return Problem.checked(tuple(shape), number, kernel, number, options)


given = pytest.mark.parametrize(
    ("target", "channels", "filters", "dtype"),
    [
        (NARROW, 3, 5, "float32"), (NARROW, 6, 3, "float64"), (NARROW, 9, 37, "float32"),
        (WIDE, 3, 5, "float32"), (WIDE, 6, 3, "float64"), (WIDE, 70, 90, "float32"),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)  # fmt: skip


@given
def test_a_plan_for_another_target_equals_the_loops(
    geometry, target, channels, filters, dtype, integers, loops
):
    problem = _problem(geometry, dtype, channels, filters)
    x, k = (integers(shape, dtype) for shape in (problem.input_shape, problem.kernel_shape))
    bias = integers(filters, dtype)
    plan = planner.planned(problem, "direct", 2, LIMIT, target)
    assert plan.algorithm == "direct"
    expected = loops.forward(x, k, geometry.config, bias)
    np.testing.assert_array_equal(plan.run(x, k, bias=bias), expected)


@given
def test_gradients_for_another_target_equal_the_loops(
    geometry, target, channels, filters, dtype, integers, loops
):
    problem = _problem(geometry, dtype, channels, filters)
    shapes = problem.input_shape, problem.kernel_shape, problem.output_shape
    x, k, g = (integers(shape, dtype) for shape in shapes)
    plan = gradients.planned(problem, 2, LIMIT, target, "direct")
    assert isinstance(plan, DirectBackward)
    found = [np.full(shape, np.nan, dtype) for shape in (*shapes[:2], filters)]
    plan.run(x, k, g, tuple(found))
    for got, expected in zip(found, loops.gradients(x, k, g, geometry.config), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_plans_are_kept_by_target(geometry):
    problem = _problem(geometry)
    kept = [
        planner.planned(problem, "direct", 1, LIMIT, target) for target in (NARROW, WIDE, NARROW)
    ]
    assert kept[0] is kept[2]
    assert kept[0] is not kept[1]
    directs = [
        gradients.planned(problem, 1, LIMIT, target, "direct") for target in (NARROW, WIDE, NARROW)
    ]
    assert directs[0] is directs[2]
    assert directs[0] is not directs[1]


@pytest.mark.parametrize(
    ("tiles", "best", "message"),
    [
        ({1: Tile(14, 1, 1, 14), 2: Tile(6, 1, 1, 6)}, 2, None),
        ({1: Tile(15, 1, 1, 8), 2: Tile(6, 1, 1, 6)}, 2, "15 rows by 1 vectors does not fit 16 registers"),
        ({1: Tile(8, 1, 1, 15), 2: Tile(6, 1, 1, 6)}, 2, "15 rows by 1 vectors does not fit 16 registers"),
        ({1: Tile(8, 1, 1, 8), 2: Tile(7, 1, 1, 6)}, 2, "7 rows by 2 vectors does not fit 16 registers"),
        ({1: Tile(8, 1, 1, 8), 2: Tile(6, 1, 1, 7)}, 2, "7 rows by 2 vectors does not fit 16 registers"),
        ({1: Tile(8, 1, 1, 8), 3: Tile(4, 1, 1, 4)}, 1, "tiles must be of 1, 2, ... vectors"),
        ({1: Tile(8, 1, 1, 8)}, 2, "best=2 one of them; got [1]"),
    ],
)  # fmt: skip
def test_a_target_whose_tiles_do_not_fit_its_registers_is_refused(tiles, best, message):
    if message is None:
        assert dataclasses.replace(AVX2, tiles=tiles, best=best).widest == 2
        return
    with pytest.raises(ValueError, match=re.escape(message)):
        dataclasses.replace(AVX2, tiles=tiles, best=best)


def test_kernels_are_made_once_by_target_and_shape():
    asked = []

    def make(*what):
        asked.append(what)
        return functools.partial(print)

    targets = [
        dataclasses.replace(NARROW, copies=NARROW.copies._replace(make=make))
        for _ in range(2)
    ]  # fmt: skip
    for target, length in ((0, 4), (0, 8), (1, 4), (0, 4), (1, 4)):
        made.copies(targets[target], length)
    assert asked == [(targets[0], 4), (targets[0], 8), (targets[1], 4)]
