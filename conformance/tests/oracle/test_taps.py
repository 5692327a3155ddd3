"""The oracle of one matrix product for each tap equals the loops."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reference_impl
from conformance.cases.drawn.configurations import Configuration, configurations
from conformance.cases.drawn.data import nonzero_integers
from conformance.cases.sizes import Layer
from conformance.model import steps
from conformance.model.case import Case
from conformance.oracle import expectation, taps
from conformance.oracle.expectation import Expectation, function_arguments

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 99)


def _made(c: Configuration, seed: int) -> tuple[np.ndarray, ...]:
    shapes = (c.input_shape(), c.kernel_shape, (c.filters,), c.output_shape)
    return tuple(nonzero_integers(s, seed + n, "float64", 9) for n, s in enumerate(shapes))


@SETTINGS
@given(configurations(), SEEDS)
def test_the_output_is_that_of_the_loops(c: Configuration, seed: int) -> None:
    inputs, kernel, bias, _ = _made(c, seed)
    bias = bias if c.use_bias else None
    keywords = function_arguments(Case("any", c.arguments(), ()))
    expected = reference_impl.conv2d_transpose(inputs, kernel, bias=bias, **keywords)
    np.testing.assert_array_equal(taps.conv2d_transpose(c.geometry, inputs, kernel, bias), expected)


@pytest.mark.parametrize("place", range(3), ids=["inputs", "kernel", "bias"])
def test_gradients_are_those_of_the_loops(place: int) -> None:
    @SETTINGS
    @given(configurations(), SEEDS)
    def compare(c: Configuration, seed: int) -> None:
        inputs, kernel, _, upstream = _made(c, seed)
        keywords = function_arguments(Case("any", c.arguments(), ()))
        expected = reference_impl.conv2d_transpose_gradients(inputs, kernel, upstream, **keywords)
        found = taps.conv2d_transpose_gradients(c.geometry, inputs, kernel, upstream)
        np.testing.assert_array_equal(found[place], expected[place])

    compare()


WIDE = Layer(
    height=3, width=17, in_channels=9, filters=33, kernel_height=2, kernel_width=3, stride_width=2
)


def test_a_large_case_is_not_left_to_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(reference_impl, "conv2d_transpose")
    found = Expectation(WIDE.case(0)).linear_output(2)
    assert (found.exact, found.values.shape) == (True, WIDE.configuration.output_shape)


def test_a_large_case_of_fractions_has_the_bound_of_its_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = WIDE.case(0, real=True)
    products = Expectation(case).linear_output(2)
    monkeypatch.setattr(expectation, "LOOPS", 10**9)
    loops = Expectation(case).linear_output(2)
    np.testing.assert_allclose(products.allowed, loops.allowed, rtol=1e-12)


def test_what_is_not_finite_is_left_to_the_loops() -> None:
    case = WIDE.case(0)
    inputs = case.steps[2].inputs.copy()
    inputs[0, 0, 0, 0] = np.nan
    special = Case(case.family, case.arguments, (*case.steps[:2], steps.Call(inputs)))
    expected = Expectation(special).linear_output(2).values
    assert np.isnan(expected).sum() == 2 * 3 * 33


def test_integers_that_wrap_around_are_left_to_the_loops() -> None:
    layer = Layer(width=40, in_channels=9, filters=40, dtype="int32")
    case = layer.case(0)
    inputs = np.full(layer.configuration.input_shape(), 2**30, np.int32)
    large = Case(case.family, case.arguments, (*case.steps[:2], steps.Call(inputs)))
    kernel, bias = (value.astype(np.int64) for value in case.steps[1].values)
    exact = (inputs.astype(np.int64) @ kernel[0, 0].T + bias).astype(np.int32)
    np.testing.assert_array_equal(Expectation(large).linear_output(2).values, exact)


def test_weights_that_are_set_are_read_without_running_the_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(reference_impl, "Conv2DTranspose")
    case = WIDE.case(0)
    kernel, bias = Expectation(case).weights_at(3)
    assert (kernel.dtype, kernel.tolist()) == (np.float64, case.steps[1].values[0].tolist())
    assert bias is not None


def test_weights_after_training_are_the_reference_layers() -> None:
    case = Layer(width=2).case(0)
    ones = np.ones((1, 1, 2, 1), np.float32)
    trained = Case(
        "any", case.arguments, (*case.steps[:2], steps.Train(ones, ones, 1.0), steps.Call(ones))
    )
    kernel, _ = Expectation(trained).weights_at(3)
    assert kernel.ravel().tolist() == [case.steps[1].values[0].item() - 2]


def _changed(**changes: Any) -> Case:
    """A large case of a call and of gradients, with other arguments, inputs or output gradient."""
    case = WIDE.case(0, asked=("call", "gradients"))
    call, gradients = case.steps[2:]
    inputs = changes.pop("inputs", call.inputs)
    upstream = changes.pop("output_gradient", gradients.output_gradient)
    given = (steps.Call(inputs), steps.Gradients(inputs, upstream))
    return Case(case.family, {**case.arguments, **changes}, (*case.steps[:2], *given))


_RIGHT = _changed()
_INPUTS, _UPSTREAM = _RIGHT.steps[3].inputs, _RIGHT.steps[3].output_gradient


@pytest.mark.parametrize(
    "case",
    [
        _RIGHT,
        _changed(strides=2, dilation_rate=2),
        _changed(padding="full"),
        _changed(activation="none such"),
        _changed(inputs=_INPUTS[..., :1]),
        _changed(inputs=_INPUTS[0]),
        _changed(inputs=_INPUTS.astype(np.int32)),
        _changed(output_gradient=_UPSTREAM[:, :1]),
        _changed(output_gradient=_UPSTREAM[:1]),
        _changed(output_gradient=_UPSTREAM[..., 0]),
        _changed(filters=5),
    ],
)
def test_what_the_right_layer_refuses_is_told_without_the_images_of_a_large_case(
    case: Case,
) -> None:
    right = Expectation(case).observation
    is_made = right.constructed.error is None
    refused = [not is_made or outcome.error is not None for outcome in right.outcomes]
    found = [Expectation(case).refuses(index) for index in range(len(case.steps))]
    assert Expectation(case).refuses(None) == (not is_made)
    assert found == (refused if is_made else [True] * len(found))


def test_no_loop_runs_over_a_large_case_to_tell_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(images: np.ndarray, *others: Any, **more: Any) -> np.ndarray:
        assert not len(images)
        return found(images, *others, **more)

    module = sys.modules["reference_impl.layer.conv2d_transpose"]
    found = module.conv2d_transpose
    monkeypatch.setattr(module, "conv2d_transpose", made)
    assert not Expectation(_RIGHT).refuses(2)
