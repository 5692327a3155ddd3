"""What activations may be off: neither end of a function may be lost, and TensorFlow's own differences pass."""

from __future__ import annotations

import math

import numpy as np
import pytest

from conformance.cases.drawn.strategies import ACTIVATIONS
from conformance.model import steps
from conformance.model.case import Case
from conformance.oracle.activations import (
    carried_error,
    slope_error,
    through,
    value_error,
    values,
)
from conformance.oracle.expectation import Expectation


def _allowed(name: str, argument: float, dtype: str = "float32") -> float:
    before = np.array([argument])
    return value_error(name, before, values(name, before), dtype).item()


@pytest.mark.parametrize(
    ("name", "argument"),
    [("softplus", -50.0), ("sigmoid", -50.0), ("exponential", -50.0), ("swish", -50.0)],
)
def test_a_tail_may_not_be_lost(name: str, argument: float) -> None:
    assert _allowed(name, argument) < 1e-4 * abs(values(name, np.array([argument])).item())


@pytest.mark.parametrize(
    ("name", "argument", "tensorflow"),
    [("elu", -1e-7, -1.1920929e-07), ("gelu", -6.0, -0.0), ("swish", -88.0, -0.0)],
)
def test_what_tensorflow_makes_as_a_difference_passes(
    name: str, argument: float, tensorflow: float
) -> None:
    exact = values(name, np.array([argument])).item()
    assert abs(tensorflow - exact) <= _allowed(name, argument)


def _slope_allowed(name: str, argument: float, dtype: str = "float32") -> float:
    before, one = np.array([argument]), np.ones(1)
    return slope_error(name, before, one, through(name, before, one), dtype).item()


@pytest.mark.parametrize(
    "constant", [2**-0.5, float(np.float32(2**-0.5)), 1 / float(np.float32(2**0.5))]
)
@pytest.mark.parametrize("argument", [-5.5, -1.0, 0.001, 0.5, 1.0, 3.0])
def test_gelu_passes_with_the_constant_of_each_release(argument: float, constant: float) -> None:
    probability = 0.5 * math.erfc(-argument * constant)
    slope = (
        probability + argument * constant * math.exp(-((argument * constant) ** 2)) / math.pi**0.5
    )
    value_off = argument * probability - values("gelu", np.array([argument])).item()
    slope_off = slope - through("gelu", np.array([argument]), np.ones(1)).item()
    assert abs(value_off) <= _allowed("gelu", argument, "float64")
    assert abs(slope_off) <= _slope_allowed("gelu", argument, "float64")


@pytest.mark.parametrize("argument", [1e308, -1e308, -50.0])
def test_what_gelu_may_be_off_far_away_is_a_number(argument: float) -> None:
    allowed = [_allowed("gelu", argument, "float64"), _slope_allowed("gelu", argument, "float64")]
    assert np.isfinite(allowed).all()


def test_a_float32_gelu_in_a_float64_layer_is_seen() -> None:
    single = float(np.float32(values("gelu", np.array([3.0])).item()))
    assert abs(single - values("gelu", np.array([3.0])).item()) > _allowed("gelu", 3.0, "float64")


@pytest.mark.parametrize(
    ("name", "argument"), [("softplus", -50.0), ("sigmoid", -50.0), ("exponential", -50.0)]
)
def test_the_tail_of_a_slope_may_not_be_lost(name: str, argument: float) -> None:
    exact = through(name, np.array([argument]), np.ones(1)).item()
    assert _slope_allowed(name, argument) < 1e-4 * exact


@pytest.mark.parametrize(
    ("name", "argument", "tensorflow"), [("sigmoid", 20.0, 0.0), ("tanh", 9.5, 0.0), ("elu", -16.0, 1.192e-07)]
)  # fmt: skip
def test_a_slope_made_of_the_value_passes(name: str, argument: float, tensorflow: float) -> None:
    exact = through(name, np.array([argument]), np.ones(1)).item()
    assert abs(tensorflow - exact) <= _slope_allowed(name, argument)


@pytest.mark.parametrize("name", ["linear", "relu", "relu6"])
def test_what_does_not_round_is_exact(name: str) -> None:
    assert (_allowed(name, 3.0), _slope_allowed(name, 3.0)) == (0.0, 0.0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_slope_is_that_of_a_difference_quotient(name: str) -> None:
    before = np.array([[-1.7, -0.4, 0.3, 1.9]])
    weights = np.array([[1.0, -2.0, 3.0, 0.5]])
    found = through(name, before, weights)
    quotients = [
        ((values(name, before + step) - values(name, before - step)) * weights).sum() / 2e-6
        for step in 1e-6 * np.eye(4)
    ]
    np.testing.assert_allclose(found[0], quotients, atol=1e-8)


def test_gradients_through_softmax_are_those_of_its_jacobian() -> None:
    # softmax of (0, 0) is (1/2, 1/2); with g = (1, 0): 1/2 * (1 - 1/2), 1/2 * (0 - 1/2).
    ones, upstream = np.ones((1, 1, 1, 1), np.float32), np.array([1, 0], np.float32)
    given = {"filters": 1, "kernel_size": 1, "data_format": "channels_first", "use_bias": False}
    images = np.zeros((1, 1, 1, 2), np.float32)
    case = Case(
        "any",
        {**given, "activation": "softmax"},
        (
            steps.Build((1, 1, 1, 2)),
            steps.SetWeights((ones,)),
            steps.Gradients(images, upstream.reshape(1, 1, 1, 2)),
        ),
    )
    inputs, kernel, bias = Expectation(case).activated_gradients(2)
    assert (inputs.values.ravel().tolist(), kernel.values.item(), bias) == (
        [0.25, -0.25],
        0.0,
        None,
    )


def test_a_function_of_the_suite_carries_the_error_of_a_transform() -> None:
    assert carried_error("triple", np.array([2.0]), np.array([0.5])).tolist() == [1.5]
