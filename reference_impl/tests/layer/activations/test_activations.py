"""Activations against known values, their derivatives against differences (clauses ACT, FMT-05)."""

import math
import pickle

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer import activations

SMOOTH_AND_CORNERED = [
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh",
    "exponential", "softplus", "softsign", "swish", "silu", "gelu", "mish", "softmax",
    "log_softmax", "ReLU", "LeakyReLU", "ELU", "PReLU", "ThresholdedReLU", "Softmax",
]  # fmt: skip
FLOAT32_FIFTH = float(np.float32(0.2))

# name, x, the value, the derivative. Values are known numbers or elementary formulas.
KNOWN = [
    ("linear", -3.5, -3.5, 1.0),
    ("relu", -2.0, 0.0, 0.0),
    ("relu", 0.0, 0.0, 0.0),
    ("relu", 2.0, 2.0, 1.0),
    ("relu6", 6.0, 6.0, 0.0),
    ("relu6", 6.5, 6.0, 0.0),
    ("relu6", 5.0, 5.0, 1.0),
    ("leaky_relu", -10.0, -10 * FLOAT32_FIFTH, FLOAT32_FIFTH),
    ("leaky_relu", 0.0, 0.0, FLOAT32_FIFTH),
    ("leaky_relu", 3.0, 3.0, 1.0),
    ("elu", -1.0, 1 / math.e - 1, 1 / math.e),
    ("elu", 0.0, 0.0, 1.0),
    ("selu", 1.0, 1.0507009873554805, 1.0507009873554805),
    ("selu", 0.0, 0.0, 1.0507009873554805),
    ("selu", -1.0, -1.1113307378125625, 0.6467686026),
    ("sigmoid", 0.0, 0.5, 0.25),
    ("sigmoid", math.log(3), 0.75, 0.1875),
    ("sigmoid", -math.log(3), 0.25, 0.1875),
    ("hard_sigmoid", 1.0, 0.7, 0.2),
    ("hard_sigmoid", 2.5, 1.0, 0.2),
    ("hard_sigmoid", -3.0, 0.0, 0.0),
    ("hard_sigmoid", 3.0, 1.0, 0.0),
    ("tanh", math.log(2), 0.6, 0.64),
    ("exponential", 1.0, math.e, math.e),
    ("exponential", 1000.0, math.inf, math.inf),
    ("softplus", 0.0, math.log(2), 0.5),
    ("softplus", math.log(3), math.log(4), 0.75),
    ("softsign", 3.0, 0.75, 0.0625),
    ("softsign", -1.0, -0.5, 0.25),
    ("swish", math.log(3), 0.75 * math.log(3), 0.75 + 0.1875 * math.log(3)),
    ("silu", 0.0, 0.0, 0.5),
    ("gelu", 1.0, 0.8413447461, 1.0833154706),
    ("gelu", -1.0, -0.1586552539, -0.0833154706),
    ("mish", 0.0, 0.0, 0.6),
    # softplus(0) = log 2 and tanh(log 2) = 0.6; at 1: tanh(log(1 + e))
    ("mish", 1.0, ((1 + math.e) ** 2 - 1) / ((1 + math.e) ** 2 + 1), 1.0490362200997922),
    ("ReLU", -1.0, 0.0, 0.0),
    ("ReLU", 0.0, 0.0, 0.0),
    ("ReLU", 0.5, 0.5, 1.0),
    ("leaky_relu", 0.5, 0.5, 1.0),
    ("LeakyReLU", 0.0, 0.0, float(np.float32(0.3))),
    ("LeakyReLU", 0.5, 0.5, 1.0),
    ("LeakyReLU", -2.0, -2 * float(np.float32(0.3)), float(np.float32(0.3))),
    ("ELU", 0.0, 0.0, 1.0),
    ("ELU", 0.5, 0.5, 1.0),
    ("PReLU", 0.0, 0.0, 0.0),
    ("PReLU", 0.5, 0.5, 1.0),
    ("hard_sigmoid", -2.5, 0.0, 0.2),
    ("LeakyReLU", -1.0, -float(np.float32(0.3)), float(np.float32(0.3))),
    ("ELU", -1.0, 1 / math.e - 1, 1 / math.e),
    ("PReLU", -1.0, 0.0, 0.0),
    ("ThresholdedReLU", 1.0, 0.0, 0.0),
    ("ThresholdedReLU", 1.5, 1.5, 1.0),
]


def column(*values, dtype="float64"):
    return np.array(values, dtype=dtype).reshape(1, -1, 1, 1)


def layer(name, **options):
    return activations.get({"class_name": name, "config": options})


def slope_at(function, x):
    """The derivative at x; the output's gradient has the dtype of the output, as it must."""
    gradient = column(1.0, dtype=function(column(x)).dtype)
    return activations.gradient(function, column(x), gradient).item()


@pytest.mark.parametrize(("name", "x", "value", "slope"), KNOWN)
def test_an_activation_has_its_known_value(name, x, value, slope):
    assert activations.get(name)(column(x)).item() == pytest.approx(value, rel=1e-7)


@pytest.mark.parametrize(("name", "x", "value", "slope"), KNOWN)
def test_an_activation_has_its_known_derivative(name, x, value, slope):
    assert slope_at(activations.get(name), x) == pytest.approx(slope, rel=1e-7)


@pytest.mark.parametrize("x", [-4.1, -0.7, 0.3, 1.9, 5.2])
@pytest.mark.parametrize("name", SMOOTH_AND_CORNERED[:16])
def test_a_derivative_is_the_central_difference_away_from_corners(name, x):
    function, step = activations.get(name), 2.0**-17
    difference = (function(column(x + step)) - function(column(x - step))).item() / (2 * step)
    assert slope_at(function, x) == pytest.approx(difference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_gradient_of_a_vector_activation_is_the_central_difference(name):
    function, step = activations.get(name), 2.0**-17
    x = np.random.default_rng(1).normal(size=(2, 1, 2, 3))
    slopes = np.random.default_rng(2).normal(size=x.shape)
    expected = np.empty_like(x)
    for position in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[position] = step
        difference = function(x + move) - function(x - move)
        expected[position] = (difference * slopes).sum() / (2 * step)
    gradient = activations.gradient(function, x, slopes)
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


def test_softmax_is_the_share_of_each_power():
    # powers of e: log 1, log 2, log 5, so shares of 8
    values = np.log([1.0, 2.0, 5.0]).reshape(1, 1, 1, 3)
    result = activations.get("softmax")(values).ravel()
    assert result.tolist() == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_softmax_of_large_numbers_does_not_overflow():
    result = activations.get("softmax")(np.array([[[[1000.0, 1000.0]]]]))
    assert result.ravel().tolist() == [0.5, 0.5]


def test_log_softmax_is_the_logarithm_of_softmax():
    values = np.log([1.0, 2.0, 5.0]).reshape(1, 1, 1, 3)
    result = activations.get("log_softmax")(values).ravel()
    assert result.tolist() == pytest.approx([-math.log(8), -math.log(4), math.log(5 / 8)])


def test_softmax_of_channels_first_works_along_the_width():
    layer = Conv2DTranspose(2, 1, data_format="channels_first", activation="softmax")
    result = layer(np.random.default_rng(1).normal(size=(1, 3, 2, 4)))
    np.testing.assert_allclose(result.sum(axis=-1), np.ones((1, 2, 2)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("elu", -1.0), ("exponential", 0.0), ("sigmoid", 0.0), ("tanh", -1.0), ("softplus", 0.0),
        ("hard_sigmoid", 0.0), ("relu", 0.0), ("relu6", 0.0), ("leaky_relu", -math.inf),
        ("gelu", math.nan), ("mish", math.nan), ("swish", math.nan), ("softsign", math.nan),
        ("ThresholdedReLU", math.nan), ("PReLU", math.nan), ("ReLU", 0.0),
    ],
)  # fmt: skip
def test_minus_infinity_gives_what_tensorflow_gives(name, value):
    result = activations.get(name)(column(-math.inf)).item()
    assert result == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("name", SMOOTH_AND_CORNERED)
def test_nan_stays_nan(name):
    assert math.isnan(activations.get(name)(column(math.nan)).item())


@pytest.mark.parametrize("name", SMOOTH_AND_CORNERED[:18])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_named_activation_keeps_the_dtype(name, dtype):
    assert activations.get(name)(column(1.0, dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("name", SMOOTH_AND_CORNERED[18:])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_activation_layer_gives_float32(name, dtype):
    assert activations.get(name)(column(1.0, dtype=dtype)).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "expected"),
    [("linear", [-2, 7]), ("relu", [0, 7]), ("relu6", [0, 6]), ("ReLU", [0, 7])],
)
def test_some_activations_take_int32(name, expected):
    result = activations.get(name)(column(-2, 7, dtype="int32"))
    assert (result.dtype.name, result.ravel().tolist()) == ("int32", expected)


@pytest.mark.parametrize("name", ["leaky_relu", "LeakyReLU"])
def test_leaky_relu_turns_int32_into_float32(name):
    assert activations.get(name)(column(-2, dtype="int32")).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "error"),
    [("tanh", InvalidArgumentError), ("hard_sigmoid", TypeError), ("gelu", ValueError)],
)
def test_other_activations_refuse_int32(name, error):
    with pytest.raises(error, match="floating point") as caught:
        activations.get(name)(column(1, dtype="int32"))
    assert caught.type is error


def test_the_linear_gradient_is_the_output_gradient_itself():
    slopes = column(7, dtype="int32")
    assert (
        activations.gradient(activations.get("linear"), column(1, dtype="int32"), slopes) is slopes
    )


def test_an_activation_layer_of_one_softmax_row_and_one_of_scalars_differ():
    values = np.log([[1.0, 3.0]])
    assert activations.get("Softmax")(values).ravel().tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(1, 2, 2, 0), (0, 2, 2, 3)])
def test_a_vector_activation_of_nothing_is_nothing(name, shape):
    assert activations.get(name)(np.zeros(shape)).shape == shape


def test_softmax_of_a_vector_with_a_nan_is_nan():
    result = activations.get("softmax")(np.array([[0.0, math.nan, 1.0], [0.0, 1.0, math.nan]]))
    assert np.isnan(result).all()


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


# Values and derivatives that TensorFlow 2.15 was measured to give.
@pytest.mark.parametrize(
    ("options", "x", "value", "slope"),
    [
        ({"max_value": 2.0}, 1.0, 1.0, 1.0),
        ({"max_value": 2.0}, 2.0, 2.0, 1.0),
        ({"max_value": 2.0}, 3.0, 2.0, 0.0),
        ({"max_value": 6.0}, 5.5, 5.5, 1.0),
        ({"max_value": 6.0}, 6.0, 6.0, 0.0),  # relu6
        ({"max_value": 6.0, "negative_slope": 0.5}, 6.0, 6.0, 0.0),
        ({"max_value": 6.0, "negative_slope": 0.5}, 0.0, 0.0, 0.0),
        ({"max_value": 6.0, "threshold": 1.0}, 6.0, 6.0, 1.0),
        ({"max_value": 1.0, "threshold": 6.0}, 7.0, 1.0, 0.0),
        ({"max_value": 0.0}, 0.5, 0.0, 0.0),
        ({"negative_slope": 0.5}, -1.0, -0.5, 0.5),
        ({"negative_slope": 0.5}, 0.0, 0.0, 0.5),  # leaky_relu
        ({"negative_slope": 0.5}, math.nan, math.nan, 0.5),
        ({"negative_slope": math.inf}, 1.0, 1.0, 1.0),
        ({"threshold": 1.0}, 0.5, 0.0, 0.0),
        ({"threshold": 1.0}, 1.0, 0.0, 0.0),
        ({"threshold": 1.0}, 1.5, 1.5, 1.0),
        # 0 - 0.25 * (1 - -3)
        ({"threshold": 1.0, "negative_slope": 0.25}, -3.0, -1.0, 0.25),
        ({"threshold": 1.0, "negative_slope": 0.25}, 1.0, 0.0, 0.0),
        ({"threshold": 1.0, "negative_slope": 0.25}, 1.5, 1.5, 1.0),
    ],
)
def test_the_relu_layer_has_the_values_and_slopes_of_tensorflow(options, x, value, slope):
    relu = layer("ReLU", **options)
    found = [relu(column(x)).item(), slope_at(relu, x)]
    assert found == pytest.approx([value, slope], nan_ok=True)


@pytest.mark.parametrize(
    ("options", "dtype", "expected"),
    [
        ({"max_value": 6.5}, "int32", [0, 0, 6]),
        ({"max_value": 6.0, "negative_slope": 0.5}, "int32", [0, 0, 6]),
        ({"negative_slope": 0.5}, "float32", [-1.5, 0, 7]),
        ({"threshold": 1.5}, "int32", [0, 0, 7]),
    ],
)
def test_the_relu_layer_truncates_its_options_for_integers(options, dtype, expected):
    result = layer("ReLU", **options)(column(-3, 0, 7, dtype="int32"))
    assert (result.dtype.name, result.ravel().tolist()) == (dtype, expected)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(("ReLU", {key: bad}) for key in ("max_value", "negative_slope", "threshold")
          for bad in (-1, -0.5, -math.inf, "1", [1.0], 1j, 10**400)),
        ("ReLU", {"negative_slope": None}),
        ("ReLU", {"threshold": None}),
        *((name, {key: bad}) for name, key in (("LeakyReLU", "alpha"), ("ELU", "alpha"))
          for bad in (None, "a", 1j, 10**400)),
        *(("ThresholdedReLU", {"theta": bad}) for bad in (None, -1, "1")),
        *(("PReLU", {"alpha_initializer": bad}) for bad in (None, "ones", 3)),
    ],
)  # fmt: skip
def test_an_activation_layer_refuses_an_option_when_it_is_made(name, options):
    with pytest.raises(TypeError, match=f"{next(iter(options))}"):
        Conv2DTranspose(1, 1, activation={"class_name": name, "config": options})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ReLU", {"max_value": None}),
        ("ReLU", {"max_value": 0}),
        ("ReLU", {"threshold": np.array([0.5])}),
        ("LeakyReLU", {"alpha": -1}),
        ("LeakyReLU", {"alpha": True}),
        ("ELU", {"alpha": -1.0}),
        ("PReLU", {"alpha_initializer": "zeros"}),
    ],
)
def test_an_activation_layer_takes_what_tensorflow_takes(name, options):
    assert layer(name, **options)(column(1.0)).dtype == np.float32


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


@pytest.mark.parametrize(
    ("x", "value", "slope"), [(-1.0, 2 / math.e - 2, 2 / math.e), (0.0, 0.0, 2.0), (0.5, 0.5, 1.0)]
)
def test_the_elu_layer_scales_its_negative_side(x, value, slope):
    elu = layer("ELU", alpha=2.0)
    assert [elu(column(x)).item(), slope_at(elu, x)] == pytest.approx([value, slope])


def test_an_activation_layer_refuses_an_unknown_option():
    with pytest.raises(TypeError, match="not understood: 'foo'"):
        activations.get({"class_name": "ReLU", "config": {"foo": 1}})


def test_no_activation_is_the_linear_one():
    assert Conv2DTranspose(1, 1).activation is activations.get("linear")


@pytest.mark.parametrize("identifier", ["RELU", "", "deserialize", {"class_name": "x"}])
def test_an_unknown_activation_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match=r"Unknown activation function|Improper config"):
        Conv2DTranspose(1, 1, activation=identifier)


@pytest.mark.parametrize("identifier", [3, ["relu"], {"class_name": "relu", "config": {}}])
def test_what_is_no_activation_at_all_is_a_type_error(identifier):
    with pytest.raises(TypeError):
        Conv2DTranspose(1, 1, activation=identifier)


def test_a_function_may_be_given_as_keras_writes_it():
    assert activations.get({"class_name": "function", "config": "relu"}) is activations.get("relu")


@pytest.mark.parametrize("class_name", ["function", "Foo"])
def test_an_unknown_activation_in_a_config_dict_is_called_an_activation_function(class_name):
    with pytest.raises(ValueError, match=r"^Unknown activation function: 'Foo'"):
        activations.get({"class_name": class_name, "config": "Foo"})


@pytest.mark.parametrize("name", ["relu", "softmax", "log_softmax"])
def test_a_pickled_activation_is_the_same_function(name):
    values = np.log([[1.0, 3.0]])
    function = activations.get(name)
    again = pickle.loads(pickle.dumps(function))
    assert (repr(again), again(values).tolist()) == (repr(function), function(values).tolist())


@pytest.mark.parametrize(("name", "value"), [("softmax", 1.0), ("log_softmax", 0.0)])
def test_a_vector_activation_takes_a_number_for_a_vector_of_one(name, value):
    assert activations.get(name)(np.array(3.0)).tolist() == value


@pytest.mark.parametrize("axis", [0, 1, -1, [2], (1, 2), (3, 0), None])
def test_a_softmax_along_axes_is_one_along_them_moved_to_the_end(axis):
    layer = activations.get({"class_name": "Softmax", "config": {"axis": axis}})
    x, g = np.random.default_rng(1).normal(size=(2, 2, 3, 2, 4)).astype(np.float32)
    powers = np.exp(x.astype(np.float64))
    along = tuple(axis) if isinstance(axis, list) else axis
    shares = powers / powers.sum(axis=along, keepdims=True)
    slopes = shares * (g - (g * shares).sum(axis=along, keepdims=True))
    assert layer(x) == pytest.approx(shares, rel=1e-5)
    assert layer.gradient(x, g) == pytest.approx(slopes, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("axis", [4, -5, (0, 7)])
def test_a_softmax_has_no_axis_that_the_data_lacks(axis):
    layer = activations.get({"class_name": "Softmax", "config": {"axis": axis}})
    with pytest.raises(InvalidArgumentError, match=r"axis.*\[-4, 4\)"):
        layer(np.zeros((1, 1, 1, 2), np.float32))
