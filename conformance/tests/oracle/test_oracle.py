"""The expectation, on a case worked by hand: 1x2 kernel, stride 2, one channel."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values import limits
from conformance.model.values.codec import Array
from conformance.oracle.expectation import Expectation, OracleError
from conformance.oracle.tolerance import unit_roundoff

INPUTS = np.array([1, 2], np.float32).reshape(1, 1, 2, 1)
KERNEL = np.array([3, -4], np.float32).reshape(1, 2, 1, 1)
BIAS = np.array([10], np.float32)
# Stride 2 along the width, kernel 2: each input has two places of its own.
#   1 * [3, -4], 2 * [3, -4] = 3, -4, 6, -8, and 10 everywhere.
OUTPUT = [13, 6, 16, 2]
# S, the same with every sign made positive: 3, 4, 6, 8, and 10 everywhere.
MAGNITUDE = [13, 14, 16, 18]


def _case(inputs: Array, *more: steps.Step, **arguments: object) -> Case:
    given = {"filters": 1, "kernel_size": [1, 2], "strides": [1, 2], **arguments}
    weights = (steps.Build((1, 1, 2, 1)), steps.SetWeights((KERNEL, BIAS)))
    return Case("any", given, (*weights, steps.Call(inputs), *more))


def test_the_output_is_the_one_worked_by_hand() -> None:
    assert Expectation(_case(INPUTS)).linear_output(2).values.ravel().tolist() == OUTPUT


def test_the_linear_output_comes_before_the_activation() -> None:
    expected = Expectation(_case(INPUTS - 5, activation="relu"))
    # -4 * [3, -4] + 10 = -2, 26 and -3 * [3, -4] + 10 = 1, 22.
    assert expected.linear_output(2).values.ravel().tolist() == [-2, 26, 1, 22]
    assert expected.value(2).ravel().tolist() == [0, 26, 1, 22]


def test_small_integers_allow_no_error() -> None:
    assert not Expectation(_case(INPUTS)).linear_output(2).allowed.any()


def test_fractions_are_allowed_the_bound_of_their_sum() -> None:
    found = Expectation(_case(INPUTS * np.float32(0.3))).linear_output(2)
    magnitude = 10 + np.abs(np.float32(0.3) * np.array([3, 4, 6, 8]))
    np.testing.assert_allclose(found.magnitude.ravel(), magnitude, rtol=1e-6)
    assert not found.exact
    # One product and the bias: gamma(2), which is 2u, of S.
    np.testing.assert_allclose(
        found.allowed.ravel(), 2 * unit_roundoff("float32") * magnitude, rtol=1e-5
    )


def test_the_magnitude_of_exact_data_is_no_less_than_the_sum() -> None:
    assert (Expectation(_case(INPUTS)).linear_output(2).magnitude.ravel() >= MAGNITUDE).all()


def test_what_a_subject_may_give_in_float16_is_no_more_than_the_oracle_may() -> None:
    kernel = np.ones((1, 1, 1, limits.ARRAY // 2), np.float16)
    given = {"filters": 1, "kernel_size": 1, "use_bias": False, "dtype": "float16"}
    weights = (steps.Build((1, 1, 1, kernel.size)), steps.SetWeights((kernel,)))
    case = Case("any", given, (*weights, steps.GetWeights()))
    assert np.array_equal(Expectation(case).value(2)[0], kernel)


def test_gradients_are_the_ones_worked_by_hand() -> None:
    upstream = np.array([1, 2, 3, 4], np.float32).reshape(1, 1, 4, 1)
    case = _case(INPUTS, steps.Gradients(INPUTS, upstream))
    inputs, kernel, bias = Expectation(case).gradients(3)
    # inputs: 1*3 - 2*4, 3*3 - 4*4; kernel: 1*1 + 2*3, 1*2 + 2*4; bias: 1 + 2 + 3 + 4.
    assert inputs.values.ravel().tolist() == [-5, -7]
    assert kernel.values.ravel().tolist() == [7, 10]
    assert bias is not None
    assert bias.values.tolist() == [10]


def test_a_layer_without_bias_has_no_gradient_of_it() -> None:
    upstream = np.ones((1, 1, 4, 1), np.float32)
    listed = (
        steps.Build((1, 1, 2, 1)),
        steps.SetWeights((KERNEL,)),
        steps.Gradients(INPUTS, upstream),
    )
    arguments = {"filters": 1, "kernel_size": [1, 2], "strides": [1, 2], "use_bias": False}
    assert Expectation(Case("any", arguments, listed)).gradients(2)[2] is None


def test_weights_are_those_at_the_beginning_of_a_step() -> None:
    other = steps.SetWeights((KERNEL + 1, BIAS + 1))
    expected = Expectation(_case(INPUTS, other, steps.Call(INPUTS)))
    kernels = [expected.weights_at(index)[0].ravel().tolist() for index in (2, 3, 4)]
    assert kernels == [[3, -4], [3, -4], [4, -3]]


def test_narrow_data_is_summed_in_float64() -> None:
    # 2048 + 1 is 2048 in float16.
    inputs = np.array([2048, 0], np.float16).reshape(1, 1, 2, 1)
    listed = (
        steps.Build((1, 1, 2, 1)),
        steps.SetWeights((np.ones((1, 2, 1, 1), np.float16), np.ones(1, np.float16))),
        steps.Call(inputs),
    )
    case = Case("any", {"filters": 1, "kernel_size": [1, 2], "dtype": "float16"}, listed)
    assert Expectation(case).value(2).ravel().tolist() == [2049, 2049, 1]


@pytest.mark.parametrize(
    "case",
    [_case(np.zeros((1, 2), np.float32)), _case(INPUTS, padding="causal")],
    ids=["step", "constructor"],
)
def test_an_oracle_that_raises_is_an_error_of_its_own(case: Case) -> None:
    with pytest.raises(OracleError):
        Expectation(case).value(2)
