"""Images of varying size: plans that nobody uses any more are gone, whoever asked for them."""

from __future__ import annotations

import gc
import itertools
import weakref

import numpy as np
import pytest

import fast_impl
from fast_impl.layer import kernel_cache
from fast_impl.planning import gradients, planner
from fast_impl.planning.kept import PLAN_BYTES, PLANS
from fast_impl.runtime import blas

KEPT = (planner.planned, planner.checked, gradients.planned, gradients.checked)
SHAPES = list(itertools.product(range(4, 22), range(4, 22)))


@pytest.fixture
def layer() -> fast_impl.Conv2DTranspose:
    made = fast_impl.Conv2DTranspose(8, 3, 2, "same")
    made(np.zeros((1, 2, 2, 4), np.float32))
    return made


def test_plans_of_many_shapes_are_few(layer: fast_impl.Conv2DTranspose) -> None:
    assert len(SHAPES) > PLANS
    first: weakref.ref[planner.Plan] | None = None
    for height, width in SHAPES:
        x = np.ones((1, height, width, 4), np.float32)
        y = layer(x)
        layer.gradients(x, y)
        fast_impl.conv2d_transpose(x, layer.kernel, 2, "same", bias=layer.bias)
        first = first or weakref.ref(
            layer._packed.get(x, layer.kernel, layer._checked_options()).plan
        )
    gc.collect()
    assert first is not None
    assert first() is None
    for kept in KEPT:
        assert len(kept._kept) == PLANS
        assert 0 < kept._bytes <= PLAN_BYTES
    assert len(layer._packed._kept.shapes) == kernel_cache._SHAPES
    assert len(layer._packed._kept.forms) <= kernel_cache._FORMS


def test_a_size_costs_no_constant_of_its_own(layer: fast_impl.Conv2DTranspose) -> None:
    """They are at fixed addresses, and never given back."""
    before = len(blas._constants._kept)
    for height, width in SHAPES:
        layer(np.ones((1, height, width, 4), np.float32))
    assert len(blas._constants._kept) - before < len(SHAPES)


@pytest.mark.parametrize("algorithm", ["direct", "blocks", "planar", "small", "scatter"])
def test_a_plan_says_how_large_it_is(algorithm: str) -> None:
    small, large = (
        fast_impl.plan((2, size, size, 16), (3, 3, 8, 16), 2, "same", algorithm=algorithm).executor
        for size in (4, 12)
    )
    assert 0 <= small.nbytes <= large.nbytes < 1 << 22
