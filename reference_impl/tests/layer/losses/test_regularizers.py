"""Regularizers of integers, and what this implementation alone takes or says."""

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer.losses import regularizers


@pytest.mark.parametrize(("factor", "expected"), [(0.01, 0), (1.5, 10)])
def test_l1_of_integers_truncates_its_factor(factor, expected):
    penalty = regularizers.L1(factor)(np.array([5, -5], dtype=np.int32))
    assert (penalty.item(), penalty.dtype.name) == (expected, "int32")


@pytest.mark.parametrize(("name", "penalty"), [("L1", 6.0), ("L2", 14.0)])
def test_a_factor_may_be_called_l(name, penalty):
    regularizer = regularizers.get({"class_name": name, "config": {"l": 1.0}})
    assert regularizer(np.array([1.0, -2.0, 3.0])).item() == penalty


@pytest.mark.parametrize(("name", "error"), [("l2", InvalidArgumentError), ("l1_l2", TypeError)])
def test_other_penalties_refuse_integers(name, error):
    with pytest.raises(error, match="int32"):
        regularizers.get(name)(np.array([5], dtype=np.int32))


@pytest.mark.parametrize("factor", [float("nan"), "a"])
def test_a_factor_that_is_no_number_is_refused_by_the_constructor(factor):
    with pytest.raises(ValueError, match="regulariz"):
        Conv2DTranspose(1, 1, kernel_regularizer={"class_name": "L2", "config": {"l2": factor}})


def test_an_unknown_argument_of_a_regularizer_is_a_type_error():
    with pytest.raises(TypeError, match="not recognized by l2"):
        Conv2DTranspose(1, 1, kernel_regularizer={"class_name": "L2", "config": {"foo": 1}})


def test_l1_names_itself_when_it_refuses_an_argument():
    with pytest.raises(TypeError, match="not recognized by l1"):
        regularizers.L1(foo=1)


def test_a_callable_regularizer_may_bring_its_gradient():
    def penalty(weight):
        return weight.sum()

    layer = Conv2DTranspose(1, 1, kernel_regularizer=penalty)
    layer.build((None, None, None, 2))
    with pytest.raises(TypeError, match="attribute gradient"):
        layer.loss_gradients()
    penalty.gradient = np.ones_like
    np.testing.assert_array_equal(layer.loss_gradients()[0], [[[[1.0, 1.0]]]])
