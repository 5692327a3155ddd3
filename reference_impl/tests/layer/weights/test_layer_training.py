"""Gradients of the layer, and one step of gradient descent with its constraints (GRAD, CONS)."""

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


@pytest.mark.parametrize("part", ["inputs", "kernel", "bias"])
@pytest.mark.parametrize("activation", ["linear", "tanh", "softplus", "selu", "softmax"])
def test_gradients_are_the_central_differences_of_the_weighted_output(activation, part):
    layer = built(activation=activation, strides=(1, 2), padding="same")
    inputs, step = normal(1, 2, 2, 2, 3), 2.0**-17
    slopes = normal(2, *layer(inputs).shape)
    start = {"inputs": inputs, "kernel": layer.get_weights()[0], "bias": layer.get_weights()[1]}

    def weighted(values):
        moved = {**start, part: values}
        layer.set_weights([moved["kernel"], moved["bias"]])
        return (layer(moved["inputs"]) * slopes).sum()

    found = getattr(layer.gradients(inputs, slopes), part)
    expected = np.empty_like(start[part])
    for position in np.ndindex(expected.shape):
        move = np.zeros_like(start[part])
        move[position] = step
        difference = weighted(start[part] + move) - weighted(start[part] - move)
        expected[position] = difference / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("activation", ["linear", "tanh", "softmax"])
def test_an_output_gradient_of_another_shape_is_refused(activation):
    layer = built(activation=activation)
    with pytest.raises(InvalidArgumentError, match="`output_gradient` must have the shape"):
        layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 4, 3, 2)))


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


def test_the_bias_gradient_of_a_layer_without_bias_is_none():
    layer = built(use_bias=False)
    assert layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 3, 4, 2))).bias is None


def test_gradients_build_the_layer():
    layer = Conv2DTranspose(1, 1)
    layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 2, 2, 1)))
    assert layer.built


def test_gradients_record_no_call_and_add_no_losses():
    layer = built(activity_regularizer="l2", kernel_regularizer="l2")
    inputs = normal(1, 1, 2, 2, 3)
    layer(inputs)
    before = [loss.item() for loss in layer.losses]
    layer.gradients(inputs * 5, np.ones((1, 3, 4, 2)))
    assert [loss.item() for loss in layer.losses] == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradients_of_an_empty_image_are_zeros_of_the_right_shape(dtype):
    layer = built(kernel_size=(2, 3), strides=(3, 1), dtype=dtype, autocast=True)
    found = layer.gradients(np.zeros((1, 0, 2, 3)), np.ones((1, 0, 4, 2), dtype))
    assert [part.shape for part in found] == [(1, 0, 2, 3), (2, 3, 2, 3), (2,)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_have_the_dtype_of_the_layer(dtype):
    layer = built(dtype=dtype, activation="tanh")
    found = layer.gradients(normal(1, 1, 2, 2, 3, dtype=dtype), np.ones((1, 3, 4, 2), dtype))
    assert {part.dtype.name for part in found} == {dtype}


def test_the_gradient_of_an_input_that_was_cast_has_the_dtype_of_the_input():
    found = built(autocast=True).gradients(
        normal(1, 1, 2, 2, 3, dtype="float32"), np.ones((1, 3, 4, 2))
    )
    assert [part.dtype.name for part in found] == ["float32", "float64", "float64"]


def test_a_none_too_many_is_taken_for_the_missing_bias():
    layer = built(use_bias=False, kernel_initializer="ones")
    layer.apply_gradients([np.ones_like(layer.kernel), None], 0.5)
    assert (layer.kernel == 0.5).all()


def test_a_gradient_too_many_is_refused():
    layer = built()
    with pytest.raises(ValueError, match="2 gradients are needed; got 3"):
        layer.apply_gradients([None, None, np.ones(2)], 0.5)


def test_a_step_takes_the_learning_rate_times_the_gradient_away():
    layer = built(kernel_initializer="ones")
    layer.apply_gradients(ones(layer), 0.25)
    assert [set(weight.ravel()) for weight in layer.weights] == [{0.75}, {-0.25}]


def test_the_gradient_of_a_step_may_be_nested_lists():
    layer = built(use_bias=False, filters=1, kernel_size=1, kernel_initializer="ones")
    layer.apply_gradients([[[[[1.0, 2.0, 4.0]]]]], 0.125)
    assert layer.kernel.ravel().tolist() == [0.875, 0.75, 0.5]


def test_the_gradient_of_a_step_is_rounded_to_the_dtype_of_the_weight():
    # 1 + 2**-11 + 2**-20 is 1 + 2**-10 as a float16
    layer = built(dtype="float16", use_bias=False, kernel_initializer="ones")
    layer.apply_gradients([np.full(layer.kernel.shape, 1 + 2.0**-11 + 2.0**-20)], 1.0)
    assert set(layer.kernel.ravel().tolist()) == {-(2.0**-10)}


def test_the_constraint_comes_after_the_step():
    # the kernel goes from 1 to -1, and is then made non-negative
    layer = built(kernel_initializer="ones", kernel_constraint="non_neg")
    layer.apply_gradients(ones(layer), 2.0)
    assert not layer.kernel.any()


def test_a_constraint_sees_the_updated_weight():
    seen = []
    layer = built(kernel_initializer="ones", bias_constraint=lambda w: seen.append(w.tolist()) or w)
    layer.apply_gradients(ones(layer), 0.5)
    assert seen == [[-0.5, -0.5]]


def test_a_constraint_is_not_applied_without_a_step():
    layer = built(kernel_initializer="ones", kernel_constraint=constraints.MaxNorm(0.5))
    layer(normal(1, 1, 2, 2, 3))
    assert (layer.kernel == 1).all()


def test_a_weight_without_gradient_is_neither_updated_nor_projected():
    layer = built(kernel_initializer="ones", kernel_constraint=constraints.MaxNorm(0.5))
    layer.apply_gradients([None, np.ones(2)], 1.0)
    assert ((layer.kernel == 1).all(), layer.bias.tolist()) == (True, [-1.0, -1.0])


def test_a_numpy_constraint_is_cast_to_the_dtype_of_the_weight():
    layer = built(dtype="float32", kernel_constraint=lambda w: np.full(w.shape, 0.1))
    layer.apply_gradients(ones(layer), 0.0)
    assert layer.kernel.dtype == np.float32


@pytest.mark.parametrize(
    ("constraint", "error", "message"),
    [
        (lambda w: None, ValueError, "returned None"),
        (lambda w: w[0], ValueError, "Shape mismatch"),
        (lambda w: 1.0, ValueError, "Shape mismatch"),
        (constraints.UnitNorm, TypeError, "class given instead of an instance"),
        (constraints.RadialConstraint(), InvalidArgumentError, "square kernel"),
        (constraints.UnitNorm(9), InvalidArgumentError, "Invalid reduction dimension"),
    ],
)
def test_a_constraint_that_does_not_fit_fails_at_the_step(constraint, error, message):
    layer = built(kernel_constraint=constraint)
    with pytest.raises(error, match=message) as caught:
        layer.apply_gradients(ones(layer), 1.0)
    assert caught.type is error


@pytest.mark.parametrize(
    ("arguments", "gradients", "error", "message"),
    [
        ({"trainable": False}, [1.0, 1.0], ValueError, "No variables to optimize"),
        ({}, [None, None], ValueError, "No gradients provided for any variable"),
        ({}, [np.ones((2, 3, 2, 3))], ValueError, "2 gradients are needed"),
        ({}, [np.ones(1), np.ones(2)], InvalidArgumentError, "do not have the same shape"),
    ],
)
def test_a_step_refuses(arguments, gradients, error, message):
    with pytest.raises(error, match=message) as caught:
        built(**arguments).apply_gradients(gradients, 1.0)
    assert caught.type is error


@pytest.mark.parametrize("gradients", [[np.ones((2, 3, 2, 3))], [np.ones((2, 3, 2, 3)), None]])
def test_a_layer_without_bias_takes_one_gradient_or_none_for_the_bias(gradients):
    layer = built(use_bias=False, kernel_initializer="ones")
    layer.apply_gradients(gradients, 1.0)
    assert not layer.kernel.any()


def test_the_learning_rate_is_taken_in_the_dtype_of_the_weights():
    layer = built(dtype="float32", kernel_initializer="zeros")
    layer.apply_gradients(ones(layer), 0.1)
    assert layer.kernel.flat[0] == -np.float32(0.1)


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


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_a_gradient_of_another_floating_dtype_is_rounded(dtype):
    assert gradient_of(full(1, dtype)) == [0.5, 0.5, 0.5]


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


@pytest.mark.parametrize("rate", [0.5, np.float64(0.5), np.array(0.5), np.float16(0.5)])
def test_a_learning_rate_may_be_any_one_number(rate):
    layer = built(kernel_initializer="ones")
    layer.apply_gradients(ones(layer), rate)
    assert set(layer.kernel.ravel()) == {0.5}


def test_a_refused_gradient_of_the_bias_leaves_the_kernel_as_it_was():
    layer = built(kernel_initializer="ones")
    with pytest.raises(ValueError, match="bias"):
        layer.apply_gradients([np.ones_like(layer.kernel), [None, 1.0]], 0.5)
    assert (layer.kernel == 1).all()
