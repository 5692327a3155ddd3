"""Activations that this implementation alone has, and the gradients that it takes (clauses ACT, FMT-05)."""

import math

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer import activations


def column(*values, dtype="float64"):
    return np.array(values, dtype=dtype).reshape(1, -1, 1, 1)


def layer(name, **options):
    return activations.get({"class_name": name, "config": options})


def slope_at(function, x):
    """The derivative at x; the output's gradient has the dtype of the output, as it must."""
    gradient = column(1.0, dtype=function(column(x)).dtype)
    return activations.gradient(function, column(x), gradient).item()


@pytest.mark.parametrize(
    ("function", "x", "value", "slope"),
    [
        (activations.get("exponential"), 1000.0, math.inf, math.inf),
        (layer("ReLU", negative_slope=math.inf), 1.0, 1.0, 1.0),
        (layer("PReLU"), 0.0, 0.0, 0.0),
        (layer("PReLU"), 0.5, 0.5, 1.0),
        (layer("PReLU"), -1.0, 0.0, 0.0),
    ],
)
def test_an_activation_has_its_known_value_and_slope(function, x, value, slope):
    assert [function(column(x)).item(), slope_at(function, x)] == [value, slope]


@pytest.mark.parametrize("x", [math.nan, -math.inf])
def test_prelu_gives_nan(x):
    assert math.isnan(layer("PReLU")(column(x)).item())


@pytest.mark.parametrize("options", [{}, {"alpha_initializer": "zeros"}])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_prelu_gives_float32(options, dtype):
    assert layer("PReLU", **options)(column(1.0, dtype=dtype)).dtype == np.float32


@pytest.mark.parametrize("bad", [None, "ones", 3])
def test_prelu_starts_with_zeros_alone(bad):
    config = {"class_name": "PReLU", "config": {"alpha_initializer": bad}}
    with pytest.raises(TypeError, match="alpha_initializer"):
        Conv2DTranspose(1, 1, activation=config)


def test_a_function_is_no_class():
    with pytest.raises(TypeError, match="given by its name alone"):
        Conv2DTranspose(1, 1, activation={"class_name": "relu", "config": {}})


def test_gelu_refuses_int32():
    with pytest.raises(ValueError, match="floating point") as caught:
        activations.get("gelu")(column(1, dtype="int32"))
    assert caught.type is ValueError


def test_the_linear_gradient_is_the_output_gradient_itself():
    slopes = column(7, dtype="int32")
    assert (
        activations.gradient(activations.get("linear"), column(1, dtype="int32"), slopes) is slopes
    )


def test_activation_layers_are_numbered_by_class_and_may_be_named():
    first, second = (activations.get("ThresholdedReLU").get_config()["name"] for _ in range(2))
    stem, _, number = first.rpartition("_")
    # the very first one has no number
    expected = f"{stem}_{int(number) + 1}" if number.isdecimal() else f"{first}_1"
    assert second == expected


def test_an_activation_layer_keeps_a_given_name():
    layer = activations.get({"class_name": "ELU", "config": {"name": "mine"}})
    assert layer.get_config()["name"] == "mine"


@pytest.mark.parametrize("name", ["tanh", "Softmax", "PReLU"])
def test_an_activation_is_called_what_it_is(name):
    assert activations.get(name).__name__ == name


def test_a_leaky_relu_without_a_slope_is_a_relu():
    # not -0.0, as 0 * -1 would be
    assert not np.signbit(layer("LeakyReLU", alpha=0)(column(-1.0))).any()


@pytest.mark.parametrize(("name", "slopes"), [("softsign", [0.0, 0.0]), ("gelu", [1.0, 0.0])])
def test_the_slope_of_a_huge_number_does_not_overflow(name, slopes):
    assert [slope_at(activations.get(name), x) for x in (1e300, -1e300)] == slopes


def test_the_gradient_of_a_softmax_layer_is_that_of_its_float32_values():
    # 1e300 is infinite as a float32
    gradient = layer("Softmax").gradient(column(1e300), column(1.0, dtype="float32"))
    assert math.isnan(gradient.item())


@pytest.mark.parametrize("name", ["linear", "relu", "tanh", "softmax", "ReLU", "Softmax"])
@pytest.mark.parametrize("dtype", ["float16", "float64", "int32"])
def test_an_output_gradient_of_another_dtype_than_the_output_is_refused(name, dtype):
    made = Conv2DTranspose(1, 1, activation=name)
    with pytest.raises(InvalidArgumentError, match=f"expected to be float32.* but is {dtype}"):
        made.gradients(column(1.0, dtype="float32"), column(1, dtype=dtype))


def test_an_output_gradient_of_another_dtype_than_a_callables_values_is_refused():
    made = Conv2DTranspose(1, 1, activation=np.tanh)
    with pytest.raises(InvalidArgumentError, match="`output_gradient`"):
        made.gradients(column(1.0, dtype="float32"), column(1.0))


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (None, ValueError),
        (np.full((1, 1, 1, 1), None), ValueError),
        (np.full((1, 1, 1, 1), 1.0, object), ValueError),
        (np.full((1, 1, 1, 1), np.datetime64("2020-01-01")), ValueError),
        (np.full((1, 1, 1, 1), np.timedelta64(1, "s")), ValueError),
        ([[[[None]]]], ValueError),
        ([[1.0], [1.0, 2.0]], ValueError),
        (np.full((1, 1, 1, 1), "1"), InvalidArgumentError),
        ([[[["1"]]]], InvalidArgumentError),
        (np.ones((1, 1, 1, 1), bool), InvalidArgumentError),
        (np.ones((1, 1, 1, 1), "complex64"), InvalidArgumentError),
    ],
)
@pytest.mark.parametrize("name", ["linear", "relu"])
def test_what_is_no_gradient_is_refused(name, bad, error):
    made = Conv2DTranspose(1, 1, activation=name)
    with pytest.raises(error, match="`output_gradient`") as caught:
        made.gradients(column(1.0, dtype="float32"), bad)
    assert caught.type is error


def test_an_output_gradient_may_be_a_list_or_in_another_byte_order():
    made = Conv2DTranspose(1, 1, activation="relu", kernel_initializer="ones")
    x = column(1.0, dtype="float32")
    gradients = [made.gradients(x, g).inputs.item() for g in ([[[[2.0]]]], column(2, dtype=">f4"))]
    assert gradients == [2.0, 2.0]


def test_an_activation_that_is_taken_away_is_the_linear_one():
    made = Conv2DTranspose(1, 1, activation="relu", kernel_initializer="ones")
    made.activation = None
    assert made(column(-1.0, dtype="float32")).item() == -1.0


def test_an_activation_layer_refuses_an_unknown_option():
    with pytest.raises(TypeError, match="not understood: 'foo'"):
        activations.get({"class_name": "ReLU", "config": {"foo": 1}})
