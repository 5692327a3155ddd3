"""The layer's packed kernels: packed once, and never one of older weights."""

import dataclasses

import numpy as np
import pytest

import fast_impl
from fast_impl.layer import kernel_cache
from fast_impl.layer.kernel_cache import PackedKernels
from fast_impl.planning import planner
from fast_impl.planning.planner import PackedKernel
from fast_impl.problem.problem import Options

OPTIONS = Options((1, 1), "valid", "channels_last", (1, 1), None)


def image(size):
    return np.ones((1, size, size, 1), np.float32)


def kernel(value):
    return np.full((1, 1, 1, 1), value, np.float32)


def test_a_kernel_is_packed_once_for_each_shape():
    packed, weights = PackedKernels(), kernel(1)
    found = [packed.get(image(size), weights, OPTIONS) for size in (1, 2, 1, 2)]
    assert (found[0] is found[2], found[1] is found[3], found[0] is found[1]) == (True, True, False)


def test_a_new_kernel_is_packed_for_every_shape():
    packed, old, new = PackedKernels(), kernel(1), kernel(2)
    for size in (1, 2):
        packed.get(image(size), old, OPTIONS)
    assert [packed.get(image(size), new, OPTIONS).kernel.item() for size in (1, 2, 1)] == [2, 2, 2]


def test_the_latest_shapes_are_kept():
    packed, weights = PackedKernels(), kernel(1)
    for size in range(1, kernel_cache._SHAPES + 4):
        packed.get(image(size), weights, OPTIONS)
    kept = [shape[1] for shape, _ in packed._kept.shapes]
    assert kept == list(range(4, kernel_cache._SHAPES + 4))


def test_a_kernel_is_packed_once_for_all_shapes_that_want_it_alike():
    packed, weights = PackedKernels("planar"), np.ones((3, 3, 8, 8), np.float32)
    options = Options((2, 2), "same", "channels_last", (1, 1), None)
    shapes = [(1, 30, 40, 8), (2, 33, 41, 8), (1, 55, 37, 8)]
    found = [packed.get(np.ones(shape, np.float32), weights, options) for shape in shapes]
    assert len({id(each.plan) for each in found}) == 3
    assert len({id(each.packed) for each in found}) == len({each.plan.form for each in found}) == 1
    assert len(packed._kept.forms) == 1


def test_the_latest_forms_are_kept(monkeypatch):
    monkeypatch.setattr(kernel_cache, "_FORMS", 2)
    packed, weights = PackedKernels(), kernel(1)
    plans = [
        fast_impl.plan((1, 2, 2, 1), weights.shape, algorithm=name)
        for name in ("small", "planar", "scatter")
    ]
    for number, plan in enumerate(plans):
        monkeypatch.setattr(planner, "for_arrays", lambda *_, plan=plan: plan)
        packed.get(image(number + 5), weights, OPTIONS)
    assert list(packed._kept.forms) == [plan.form for plan in plans[1:]]


@pytest.mark.parametrize("value", [1, np.inf])
def test_a_kernel_that_was_packed_by_another_plan_is_finite_or_not(value):
    weights = kernel(value)
    exact = fast_impl.plan((1, 2, 2, 1), weights.shape, algorithm="scatter")
    minds = dataclasses.replace(exact, multiplies_padding=True)
    first = PackedKernel(exact, weights)
    assert first.exact
    second = PackedKernel(minds, weights, first)
    assert (second.packed is first.packed, second.exact) == (True, value == 1)
    assert PackedKernel(minds, weights, second).exact is (value == 1)


@pytest.mark.parametrize("sizes", [(1, 2), (1, 2, 3, 4, 5, 6)])
def test_a_layer_computes_with_its_present_weights(sizes):
    layer = fast_impl.Conv2DTranspose(1, 1, use_bias=False, kernel_initializer="ones")
    for value in (1, 2, 3):
        layer(image(1))
        layer.set_weights([kernel(value)])
        assert [layer(image(size)).max() for size in sizes] == [value] * len(sizes)
