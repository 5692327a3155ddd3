"""Sizes: every boundary is shown, loops can run the cases, and a failing case becomes the smallest one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from conformance.cases import FAMILIES
from conformance.cases.sizes import BOUNDARIES, TRAINED, Layer, few, many, smallest
from conformance.judge.exploring import drawn_cases
from conformance.model import steps
from conformance.model.case import Case

LAYOUTS = [*itertools.product(("channels_last", "channels_first"), ("valid", "same"))]
IMAGE = ("batch", "height", "width", "in_channels", "filters")


@pytest.fixture(scope="module")
def layers() -> list[Layer]:
    return [Layer.of(case) for case in (*few(), *many())]


@pytest.mark.parametrize(("data_format", "padding"), LAYOUTS)
def test_every_boundary_is_shown_in_each_layout(
    layers: list[Layer], data_format: str, padding: str
) -> None:
    plain = [
        layer
        for layer in layers
        if (layer.data_format, layer.padding, layer.dtype) == (data_format, padding, "float32")
        and layer.activation is None
    ]
    missing = [
        (name, size)
        for name, sizes in BOUNDARIES.items()
        for size in sizes
        if not any(getattr(layer, name) == size for layer in plain)
    ]
    assert missing == []


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16", "int32"])
@pytest.mark.parametrize("axis", IMAGE)
def test_every_dtype_is_large_along_every_axis(layers: list[Layer], dtype: str, axis: str) -> None:
    assert max(getattr(layer, axis) for layer in layers if layer.dtype == dtype) > 64


@pytest.mark.parametrize("pair", [*itertools.combinations(IMAGE, 2)], ids=" and ".join)
def test_two_axes_are_large_together(layers: list[Layer], pair: tuple[str, str]) -> None:
    assert max(min(getattr(layer, name) for name in pair) for layer in layers) > 32


def test_a_dilation_has_taps_to_move(layers: list[Layer]) -> None:
    dilated = [layer for layer in layers if layer.dilation > 1]
    assert min(min(layer.kernel_height, layer.kernel_width) for layer in dilated) > 1


@pytest.mark.parametrize("limit", [2**15, 2**20], ids=["32 kB", "1 MB"])
@pytest.mark.parametrize("array", ["inputs", "kernel", "output_gradient"])
def test_some_array_is_above_each_cache(array: str, limit: int) -> None:
    sizes = [
        (step.values[0] if array == "kernel" else getattr(step, array)).nbytes
        for case in many()
        for step in case.steps
        if hasattr(step, "values" if array == "kernel" else array)
    ]
    assert max(sizes) > limit


def test_gradients_are_asked_for_wherever_they_can_be(layers: list[Layer]) -> None:
    asked = {
        any(isinstance(step, steps.Gradients) for step in case.steps)
        for case, layer in zip((*few(), *many()), layers)
        if layer.dtype in TRAINED and layer.activation is None
    }
    assert asked == {True}


def test_loops_can_run_every_case(layers: list[Layer]) -> None:
    assert sum(layer.products for layer in layers) < 40e6


@pytest.mark.parametrize("dtype", TRAINED)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_large_layers_of_each_layout_are_asked_for_fractions(dtype: str, data_format: str) -> None:
    asked = [
        layer.in_channels
        for case in many()
        for layer in (Layer.of(case),)
        if (layer.dtype, layer.data_format) == (dtype, data_format)
        and _has_fractions(case.steps[2].inputs)
    ]
    assert max(asked) > 100


def _has_fractions(inputs: Any) -> bool:
    return not np.array_equal(inputs, np.round(inputs))


def test_one_factor_of_32_bit_integers_is_longer_than_16() -> None:
    largest = {
        int(np.abs(array).max()).bit_length() > 16
        for case in many()
        if Layer.of(case).dtype == "int32"
        for array in (case.steps[2].inputs, case.steps[1].values[0])
    }
    assert largest == {True, False}


@pytest.mark.parametrize("sides", [(1, 1), (2, 2), (3, 1), (3, 2), (4, 2), (5, 2)])
def test_kernels_and_strides_as_users_have_them_are_large(
    layers: list[Layer], sides: tuple[int, int]
) -> None:
    kernel, stride = sides
    assert any(
        (layer.kernel_height, layer.kernel_width) == (kernel, kernel)
        and (layer.stride_height, layer.stride_width) == (stride, stride)
        and min(layer.batch, layer.height, layer.width) > 1
        and max(layer.in_channels, layer.filters) > 16
        for layer in layers
    )


def test_a_smoke_run_tries_few_cases() -> None:
    assert len(FAMILIES["sizes"].listed(12)) < 40


def test_a_layer_is_read_off_its_case(layers: list[Layer]) -> None:
    again = [Layer.of(layer.case(1)) for layer in layers]
    assert again == layers


def test_drawn_layers_are_legal() -> None:
    drawn = [Layer.of(c) for c in drawn_cases(FAMILIES["sizes"], examples=100, run_seed=3)]
    assert all(layer.is_legal for layer in drawn)


def test_most_drawn_layers_are_larger_than_those_of_other_families() -> None:
    drawn = [Layer.of(c) for c in drawn_cases(FAMILIES["sizes"], examples=100, run_seed=3)]
    usual = {
        **dict.fromkeys(BOUNDARIES, 6),
        "batch": 3,
        "dilation": 3,
        "stride_height": 4,
        "stride_width": 4,
    }
    large = [any((getattr(layer, a) or 0) > usual[a] for a in BOUNDARIES) for layer in drawn]
    assert np.mean(large) > 0.8


START = Layer(
    batch=3, height=40, width=70, in_channels=2, filters=65, kernel_height=2, kernel_width=9,
    stride_width=5, extra_height=0, extra_width=3, data_format="channels_first",
)  # fmt: skip
#: What fails, and the layer that is left of `START`.
FAILING: dict[str, tuple[Callable[[Layer], bool], Layer]] = {
    "filters above 8": (lambda layer: layer.filters > 8, Layer(filters=9, use_bias=False)),
    "a tail": (
        lambda layer: layer.width > 16 and layer.width % 8 > 0,
        Layer(width=17, use_bias=False),
    ),
    "two axes": (
        lambda layer: layer.height > 7 and layer.kernel_width > 4,
        Layer(height=8, kernel_width=5, use_bias=False),
    ),
    "a layout": (
        lambda layer: layer.data_format == "channels_first" and layer.batch > 1,
        Layer(batch=2, data_format="channels_first", use_bias=False),
    ),
    "an output padding": (
        lambda layer: (layer.extra_width or 0) > 1,
        Layer(stride_width=3, extra_height=0, extra_width=2, use_bias=False),
    ),
    "the bias": (lambda layer: layer.use_bias, Layer()),
}


@pytest.mark.parametrize("name", FAILING)
def test_the_smallest_failing_layer_is_found(name: str) -> None:
    broken, expected = FAILING[name]
    found = smallest(START.case(5), lambda case: broken(Layer.of(case)))
    assert Layer.of(found) == expected


def test_few_cases_are_tried_for_it() -> None:
    tried: list[Case] = []

    def fails(case: Case) -> bool:
        tried.append(case)
        return Layer.of(case).filters > 8

    smallest(START.case(5), fails)
    assert len(tried) < 40


def test_a_failure_of_one_step_keeps_that_step_alone() -> None:
    found = smallest(START.case(5), lambda case: isinstance(case.steps[-1], steps.Gradients))
    assert [step.tag for step in found.steps] == ["build", "set_weights", "gradients"]


def test_a_failure_of_its_data_alone_stays_as_it_is() -> None:
    case = START.case(5)
    assert smallest(case, lambda tried: tried is case) is case


def test_fractions_stay_fractions() -> None:
    found = smallest(attrs.evolve(START, filters=9).case(5, real=True), lambda _: True)
    inputs = found.steps[2].inputs
    assert not np.array_equal(inputs, np.round(inputs))
