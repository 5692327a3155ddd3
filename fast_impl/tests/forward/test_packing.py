"""Weights in the order in which kernels read them: the same by either way, and shared by sizes of images."""

import numpy as np
import pytest

from fast_impl.forward import direct, packing
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.planning import planner
from fast_impl.tests.made import GIVEN, made
from fast_impl.tests.targets import IDLE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("channels", "filters"), [(5, 3), (9, 17)])
@pytest.mark.parametrize("name", GIVEN)
def test_weights_that_are_looked_up_are_those_that_are_arranged(
    name, channels, filters, dtype, monkeypatch
):
    given = made(name, 2, channels, filters, dtype)
    kernel = given.k.copy()
    kernel[len(kernel) // 2, kernel.shape[1] // 2].reshape(-1)[:3] = np.nan, -np.inf, -0.0
    for method in direct._candidates(given.problem, AVX2):
        form = packing.Packing(kernel.shape, method.form._blocks, method.form.elements)
        found = [form.pack(kernel), form.pack(kernel)]
        monkeypatch.setattr(packing, "_LOOKED_UP", 0)
        found.append(form.pack(kernel))
        monkeypatch.undo()
        assert form._places is not None
        assert {array.tobytes() for array in found} == {found[2].tobytes()}
        assert np.isnan(found[2]).any()


def _plan(shape, kernel=(3, 3, 16, 16), strides=2, **options):
    problem = planner.plan(shape, kernel, strides, "same", algorithm="scatter", **options).problem
    return planner.planned(problem, "direct", 1, planner.WORKSPACE_LIMIT, IDLE)


def test_sizes_of_images_have_one_form():
    forms = {_plan(shape).form for shape in ((1, 30, 40, 16), (3, 20, 21, 16), (1, 57, 33, 16))}
    assert len(forms) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"kernel": (3, 3, 24, 16)},
        {"kernel": (3, 4, 16, 16)},
        {"strides": 1},
        {"dtype": "float64"},
    ],
    ids=str,
)
def test_other_kernels_have_other_forms(other):
    assert _plan((1, 30, 40, 16)).form != _plan((1, 30, 40, 16), **other).form


@pytest.mark.parametrize("filters", [(3, 5), (5, 3)])
def test_kernels_that_fill_the_same_lanes_are_packed_each_in_its_way(filters):
    """Neither panel is full: their blocks are equal, their kernels are not."""
    for number in filters:
        kernel = np.arange(number * 2, dtype=np.float32).reshape(1, 1, number, 2) + 1
        plan = _plan((1, 4, 4, 2), kernel.shape, 1)
        packed = plan.pack(kernel).packed
        assert sorted(packed[packed > 0]) == kernel.reshape(-1).tolist()


def test_taps_that_reach_nothing_are_part_of_the_form():
    near, far = (
        _plan((1, size, size, 2), (9, 9, 3, 2), 1).form for size in (2, 30)
    )  # fmt: skip
    assert near[1] != far[1]


@pytest.mark.parametrize("elements", [0, 1 << 30])
def test_packing_costs_more_for_more_weights(elements, monkeypatch):
    monkeypatch.setattr(packing, "_LOOKED_UP", elements)
    few, many = (
        _plan((1, 9, 9, 16), (3, 3, filters, 16)).executor.form.seconds() for filters in (16, 64)
    )
    assert 0 < few < many
