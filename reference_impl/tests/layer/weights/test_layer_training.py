"""Derivatives that callables bring, and what is no gradient and no learning rate (GRAD, CONS)."""

from fractions import Fraction

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer.weights import constraints


def normal(seed, *shape, dtype="float64"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def built(**arguments):
    layer = Conv2DTranspose(
        **{"filters": 2, "kernel_size": (2, 3), "dtype": "float64", **arguments}
    )
    layer.build((1, 1, 1, 3))
    return layer


def ones(layer):
    return [np.ones_like(weight) for weight in layer.weights]


def test_a_callable_activation_needs_a_derivative():
    layer = built(activation=lambda z: z * z)
    with pytest.raises(TypeError, match="has no known derivative"):
        layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 3, 4, 2)))


def test_a_callable_activation_may_bring_its_derivative():
    def square(values):
        return values * values

    square.derivative = lambda values: 2 * values
    layer = built(activation=square, use_bias=False, kernel_size=1, filters=1,
                  kernel_initializer="ones")  # fmt: skip
    # z = 1 + 2 + 3 = 6, so d(z*z)/dx = 12, times the output's gradient
    inputs = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 1, 3)
    found = layer.gradients(inputs, np.full((1, 1, 1, 1), 2.0))
    assert found.inputs.ravel().tolist() == [24.0, 24.0, 24.0]


def test_a_derivative_of_another_shape_is_refused():
    def odd(values):
        return values

    odd.derivative = lambda values: values[0]
    with pytest.raises(ValueError, match="derivative of"):
        built(activation=odd).gradients(normal(1, 1, 2, 2, 3), np.ones((1, 3, 4, 2)))


def test_a_none_too_many_is_taken_for_the_missing_bias():
    layer = built(use_bias=False, kernel_initializer="ones")
    layer.apply_gradients([np.ones_like(layer.kernel), None], 0.5)
    assert (layer.kernel == 0.5).all()


def test_a_gradient_too_many_is_refused():
    layer = built()
    with pytest.raises(ValueError, match="2 gradients are needed; got 3"):
        layer.apply_gradients([None, None, np.ones(2)], 0.5)


def test_a_constraint_along_an_axis_that_is_not_there_fails_at_the_step():
    layer = built(kernel_constraint=constraints.UnitNorm(9))
    with pytest.raises(InvalidArgumentError, match="Invalid reduction dimension"):
        layer.apply_gradients(ones(layer), 1.0)


def test_a_step_refuses_gradients_of_another_shape():
    with pytest.raises(InvalidArgumentError, match="do not have the same shape"):
        built().apply_gradients([np.ones(1), np.ones(2)], 1.0)


def gradient_of(value, **arguments):
    """A step of a layer with one weight of one number, 1, and this gradient."""
    layer = built(**{"filters": 1, "kernel_size": 1, "use_bias": False, "dtype": "float32",
                     "kernel_initializer": "ones", **arguments})  # fmt: skip
    layer.set_weights([np.ones_like(layer.kernel)])
    layer.apply_gradients([value], 0.5)
    return layer.kernel.ravel().tolist()


def full(value, dtype=None):
    return np.full((1, 1, 1, 3), value, dtype)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ([[[[None, 1.0, 1.0]]]], ValueError),
        (full(None), ValueError),
        (full(1.0, object), ValueError),
        (full(Fraction(1)), ValueError),
        (full(np.datetime64("2020-01-01")), ValueError),
        (full(np.timedelta64(3, "s")), ValueError),
        (full(1.0, "longdouble"), ValueError),
        (np.zeros((1, 1, 1, 3), [("a", "f4")]), ValueError),
        ([[1.0], [1.0, 2.0]], ValueError),
        ({}, ValueError),
        (full("1"), InvalidArgumentError),
        (full(b"1"), InvalidArgumentError),
        ([[[["1", "2", "3"]]]], InvalidArgumentError),
        (full(True), InvalidArgumentError),
        (full(1, "int64"), InvalidArgumentError),
        ([[[[1, 2, 3]]]], InvalidArgumentError),
        (full(1j), InvalidArgumentError),
        (1.0, InvalidArgumentError),
    ],
)
def test_what_is_no_gradient_of_a_weight_is_refused(bad, error):
    with pytest.raises(error, match="kernel") as caught:
        gradient_of(bad)
    assert caught.type is error


def test_a_layer_of_integers_is_not_trained():
    with pytest.raises(InvalidArgumentError, match="kernel of dtype int32"):
        gradient_of(full(1, "int32"), dtype="int32")


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (None, ValueError),
        (np.array(None), ValueError),
        (np.array(0.5, object), ValueError),
        (object(), ValueError),
        ({}, ValueError),
        (10**400, ValueError),
        (1e300, ValueError),
        (np.datetime64("2020-01-01"), ValueError),
        (np.timedelta64(1, "s"), ValueError),
        ("0.5", InvalidArgumentError),
        (b"1", InvalidArgumentError),
        (np.array("0.5"), InvalidArgumentError),
        ([0.5], InvalidArgumentError),
        (np.array([0.5, 0.5]), InvalidArgumentError),
        (1j, InvalidArgumentError),
    ],
)
def test_what_is_no_learning_rate_is_refused(bad, error):
    with pytest.raises(error, match="`learning_rate`") as caught:
        built().apply_gradients(ones(built()), bad)
    assert caught.type is error
