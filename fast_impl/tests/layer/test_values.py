"""Values that a layer takes and refuses, and options that change after a call."""

import numpy as np
import pytest

import fast_impl
from fast_impl import activations

IMAGE = np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)


def layer_of(**options):
    rng = np.random.default_rng(0)
    made = fast_impl.Conv2DTranspose(2, 3, **options)
    made.build((1, 4, 4, 3))
    made.set_weights([rng.integers(-3, 4, (3, 3, 2, 3)), rng.integers(-3, 4, 2)])
    return made


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("strides", (2, 3)), ("strides", [2, 2]), ("padding", "same"), ("dilation_rate", (2, 2)),
        ("output_padding", (0, 0)),
    ],
)  # fmt: skip
def test_an_option_that_is_changed_after_a_call_is_honoured(option, value):
    layer = layer_of()
    layer(IMAGE)
    setattr(layer, option, value)
    np.testing.assert_array_equal(layer(IMAGE), layer_of(**{option: value})(IMAGE))


def test_strides_that_are_changed_in_place_are_honoured():
    layer = layer_of()
    layer.strides = [1, 1]
    layer(IMAGE)
    layer.strides[0] = 2
    assert layer(IMAGE).shape == (1, 9, 6, 2)


@pytest.mark.parametrize("activation", [None, "tanh", "relu"])
def test_an_output_gradient_of_another_dtype_is_refused_with_any_activation(activation):
    layer = layer_of(activation=activation)
    with pytest.raises(fast_impl.InvalidArgumentError, match=r"output_gradient .*float64"):
        layer.gradients(IMAGE, np.ones((1, 6, 6, 2)))


POINTS = np.array([-1, 0, 1, 2, 5, 6, 7, np.nan], np.float32)


# TensorFlow's: relu6 is a function of its own, and a slope alone makes a LeakyReLU.
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [0, 0, 1, 1, 1, 1, 1, 0]),
        ({"negative_slope": 0.25}, [0.25, 0.25, 1, 1, 1, 1, 1, 0.25]),
        ({"max_value": 6}, [0, 0, 1, 1, 1, 0, 0, 0]),
        ({"max_value": 5}, [0, 0, 1, 1, 1, 0, 0, 0]),
        ({"threshold": 1}, [0, 0, 0, 1, 1, 1, 1, 0]),
        ({"max_value": 6, "threshold": 1}, [0, 0, 0, 1, 1, 1, 0, 0]),
        ({"max_value": 6, "negative_slope": 0.25}, [0.25, 0, 1, 1, 1, 0, 0, 0]),
        ({"max_value": 5, "negative_slope": 0.25, "threshold": 2}, [0.25] * 3 + [0, 1, 0, 0, 0]),
    ],
)
def test_gradients_of_relu_at_its_corners_are_tensorflows(config, expected):
    made, ones = activations.ReLU(**config), np.ones_like(POINTS)
    np.testing.assert_array_equal(made.gradient(POINTS, made(POINTS), ones), expected)


@pytest.mark.parametrize(
    ("kind", "options", "error"),
    [
        (activations.LeakyReLU, {"alpha": None}, ValueError),
        (activations.ELU, {"alpha": "1"}, TypeError),
        (activations.ReLU, {"negative_slope": None}, ValueError),
        (activations.ReLU, {"max_value": -1}, ValueError),
        (activations.ReLU, {"threshold": 1j}, TypeError),
        (activations.ThresholdedReLU, {"theta": -1}, ValueError),
    ],
)
def test_an_option_of_an_activation_that_is_no_number_is_named(kind, options, error):
    with pytest.raises(error, match=next(iter(options))):
        kind(**options)


def test_a_layer_of_another_byte_order_takes_numbers_of_this_machine():
    layer = fast_impl.Conv2DTranspose(2, 3, dtype=np.dtype(">f4"))
    assert layer(IMAGE).dtype == np.float32


def test_a_result_is_written_in_the_byte_order_of_out():
    kernel = np.arange(54, dtype=np.float32).reshape(3, 3, 2, 3)
    out = np.zeros((1, 6, 6, 2), ">f4")
    assert fast_impl.conv2d_transpose(IMAGE, kernel, out=out) is out
    np.testing.assert_array_equal(out, fast_impl.conv2d_transpose(IMAGE, kernel))


@pytest.mark.parametrize("what", ["plan", "run"])
def test_a_plan_takes_arrays_of_another_byte_order(what):
    plan = fast_impl.plan((1, 4, 4, 3), (3, 3, 2, 3), dtype=">f4" if what == "plan" else "f4")
    kernel = np.arange(54, dtype=np.float32).reshape(3, 3, 2, 3)
    found = plan.run(IMAGE.astype(">f4"), kernel.astype(">f4"))
    np.testing.assert_array_equal(found, fast_impl.conv2d_transpose(IMAGE, kernel))


def test_a_refused_kernel_and_bias_leave_the_weights_as_they_were():
    layer = layer_of()
    before = layer.get_weights()
    with pytest.raises(ValueError, match="bias"):
        layer.set_weights([np.zeros((3, 3, 2, 3)), np.array([None, None])])
    np.testing.assert_equal(layer.get_weights(), before)


def test_a_layer_whose_bias_cannot_be_made_has_no_kernel_yet():
    layer = fast_impl.Conv2DTranspose(2, 3, bias_initializer="orthogonal")
    with pytest.raises(ValueError, match="bias_initializer"):
        layer(IMAGE)
    layer.bias_initializer = fast_impl.initializers.Zeros()
    layer(IMAGE)
    assert [weight.shape for weight in layer.weights] == [(3, 3, 2, 3), (2,)]
