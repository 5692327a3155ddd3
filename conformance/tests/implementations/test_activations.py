"""Activations against known values, their derivatives against differences (clauses ACT, FMT-05)."""

import math
import pickle

import numpy as np
import pytest

NAMED = [
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh",
    "exponential", "softplus", "softsign", "swish", "silu", "gelu", "mish", "softmax",
    "log_softmax",
]  # fmt: skip
LAYERS = ["ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax"]
FIFTH, THREE_TENTHS = float(np.float32(0.2)), float(np.float32(0.3))

# identifier or (class, configuration), x, the value, the derivative: known numbers or elementary formulas.
KNOWN = [
    ("linear", -3.5, -3.5, 1.0),
    ("relu", -2.0, 0.0, 0.0),
    ("relu", 0.0, 0.0, 0.0),
    ("relu", 0.5, 0.5, 1.0),
    ("relu6", 0.0, 0.0, 0.0),
    ("relu6", 0.5, 0.5, 1.0),
    ("relu6", 5.5, 5.5, 1.0),
    ("relu6", 6.0, 6.0, 0.0),
    ("relu6", 6.5, 6.0, 0.0),
    ("leaky_relu", -10.0, -10 * FIFTH, FIFTH),
    ("leaky_relu", 0.0, 0.0, FIFTH),
    ("leaky_relu", 0.5, 0.5, 1.0),
    ("leaky_relu", 3.0, 3.0, 1.0),
    ("elu", -1.0, 1 / math.e - 1, 1 / math.e),
    ("elu", 0.0, 0.0, 1.0),
    ("elu", 0.5, 0.5, 1.0),
    ("selu", 0.5, 0.5 * 1.0507009873554805, 1.0507009873554805),
    ("selu", 0.0, 0.0, 1.0507009873554805),
    ("selu", -1.0, -1.1113307378125625, 0.6467686026),
    ("sigmoid", 0.0, 0.5, 0.25),
    ("sigmoid", math.log(3), 0.75, 0.1875),
    ("sigmoid", -math.log(3), 0.25, 0.1875),
    ("hard_sigmoid", 1.0, 0.7, 0.2),
    ("hard_sigmoid", 2.5, 1.0, 0.2),
    ("hard_sigmoid", -2.5, 0.0, 0.2),
    ("hard_sigmoid", -3.0, 0.0, 0.0),
    ("hard_sigmoid", 3.0, 1.0, 0.0),
    ("tanh", math.log(2), 0.6, 0.64),
    ("exponential", 1.0, math.e, math.e),
    ("softplus", 0.0, math.log(2), 0.5),
    ("softplus", math.log(3), math.log(4), 0.75),
    ("softplus", -math.log(3), math.log(4 / 3), 0.25),
    ("softsign", 3.0, 0.75, 0.0625),
    ("softsign", -1.0, -0.5, 0.25),
    ("swish", math.log(3), 0.75 * math.log(3), 0.75 + 0.1875 * math.log(3)),
    ("silu", 0.0, 0.0, 0.5),
    ("gelu", 1.0, 0.8413447461, 1.0833154706),
    ("gelu", -1.0, -0.1586552539, -0.0833154706),
    # softplus(0) = log 2 and tanh(log 2) = 0.6; at 1: tanh(log(1 + e))
    ("mish", 0.0, 0.0, 0.6),
    ("mish", 1.0, ((1 + math.e) ** 2 - 1) / ((1 + math.e) ** 2 + 1), 1.0490362200997922),
    ("ReLU", -1.0, 0.0, 0.0),
    ("ReLU", 0.0, 0.0, 0.0),
    ("ReLU", 0.5, 0.5, 1.0),
    # Of the options of the layer ReLU, what TensorFlow 2.15 was measured to give.
    (("ReLU", {"max_value": 2.0}), -1.0, 0.0, 0.0),
    (("ReLU", {"max_value": 2.0}), 0.5, 0.5, 1.0),
    (("ReLU", {"max_value": 2.0}), 2.0, 2.0, 1.0),
    (("ReLU", {"max_value": 2.0}), 3.0, 2.0, 0.0),
    (("ReLU", {"threshold": 1.0}), 0.5, 0.0, 0.0),
    (("ReLU", {"threshold": 1.0}), 1.0, 0.0, 0.0),
    (("ReLU", {"threshold": 1.0}), 1.5, 1.5, 1.0),
    # 0 - 0.25 * (1 - -3)
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), -3.0, -1.0, 0.25),
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), 0.5, -0.125, 0.25),
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), 1.0, 0.0, 0.0),
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), 1.5, 1.5, 1.0),
    (("ReLU", {"max_value": 6.0}), 5.5, 5.5, 1.0),
    (("ReLU", {"max_value": 6.0}), 6.0, 6.0, 0.0),  # relu6
    (("ReLU", {"max_value": 6.0, "negative_slope": 0.5}), 6.0, 6.0, 0.0),
    (("ReLU", {"max_value": 6.0, "negative_slope": 0.5}), 0.0, 0.0, 0.0),
    (("ReLU", {"max_value": 6.0, "threshold": 1.0}), 6.0, 6.0, 1.0),
    (("ReLU", {"max_value": 1.0, "threshold": 6.0}), 7.0, 1.0, 0.0),
    (("ReLU", {"max_value": 0.0}), 0.5, 0.0, 0.0),
    (("ReLU", {"negative_slope": 0.5}), -1.0, -0.5, 0.5),
    (("ReLU", {"negative_slope": 0.5}), 0.0, 0.0, 0.5),  # leaky_relu
    (("ReLU", {"negative_slope": 0.5}), math.nan, math.nan, 0.5),
    ("LeakyReLU", 0.0, 0.0, THREE_TENTHS),
    ("LeakyReLU", 0.5, 0.5, 1.0),
    ("LeakyReLU", -2.0, -2 * THREE_TENTHS, THREE_TENTHS),
    (("LeakyReLU", {"alpha": 0.5}), -2.0, -1.0, 0.5),
    ("ELU", 0.0, 0.0, 1.0),
    ("ELU", 0.5, 0.5, 1.0),
    ("ELU", -1.0, 1 / math.e - 1, 1 / math.e),
    (("ELU", {"alpha": 2.0}), -1.0, 2 / math.e - 2, 2 / math.e),
    (("ELU", {"alpha": 2.0}), 0.0, 0.0, 2.0),
    (("ELU", {"alpha": 2.0}), 0.5, 0.5, 1.0),
    ("ThresholdedReLU", 0.5, 0.0, 0.0),
    ("ThresholdedReLU", 1.0, 0.0, 0.0),
    ("ThresholdedReLU", 1.5, 1.5, 1.0),
    (("ThresholdedReLU", {"theta": 0.5}), 0.75, 0.75, 1.0),
    (("ThresholdedReLU", {"theta": 0}), 0.75, 0.75, 1.0),
]  # fmt: skip


def column(*values, dtype="float64"):
    return np.array(values, dtype=dtype).reshape(1, -1, 1, 1)


@pytest.fixture
def made(activations):
    """What an identifier, or a class and its configuration, names."""

    def make(identifier):
        if isinstance(identifier, tuple):
            identifier = dict(zip(("class_name", "config"), identifier, strict=True))
        return activations.get(identifier)

    return make


@pytest.fixture
def slope_at(slope):
    """The derivative at x; the output's gradient has the dtype of the output."""

    def derivative(function, x):
        ones = np.ones_like(function(column(x)))
        return slope(function, column(x), ones).item()

    return derivative


@pytest.mark.parametrize(("identifier", "x", "value", "derivative"), KNOWN)
def test_an_activation_has_its_known_value(made, identifier, x, value, derivative):
    assert made(identifier)(column(x)).item() == pytest.approx(value, rel=1e-7, nan_ok=True)


@pytest.mark.parametrize(("identifier", "x", "value", "derivative"), KNOWN)
def test_an_activation_has_its_known_derivative(made, slope_at, identifier, x, value, derivative):
    assert slope_at(made(identifier), x) == pytest.approx(derivative, rel=1e-7)


@pytest.mark.parametrize("x", [-4.1, -0.7, 0.3, 1.9, 5.2])
@pytest.mark.parametrize("name", NAMED[:16])
def test_a_derivative_is_the_central_difference_away_from_corners(activations, slope_at, name, x):
    function, step = activations.get(name), 2.0**-17
    difference = (function(column(x + step)) - function(column(x - step))).item() / (2 * step)
    assert slope_at(function, x) == pytest.approx(difference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_the_gradient_of_a_vector_activation_is_the_central_difference(activations, slope, name):
    function, step = activations.get(name), 2.0**-17
    x = np.random.default_rng(1).normal(size=(2, 1, 2, 3))
    g = np.random.default_rng(2).normal(size=x.shape)
    expected = np.empty_like(x)
    for position in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[position] = step
        expected[position] = ((function(x + move) - function(x - move)) * g).sum() / (2 * step)
    np.testing.assert_allclose(slope(function, x, g), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["softmax", "Softmax"])
def test_softmax_is_the_share_of_each_power(activations, name):
    # powers of e: log 1, log 2, log 5, so shares of 8
    values = np.log([1.0, 2.0, 5.0]).reshape(1, 1, 1, 3)
    found = activations.get(name)(values).ravel().tolist()
    assert found == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_softmax_of_large_numbers_does_not_overflow(activations):
    found = activations.get("softmax")(np.array([[[[1000.0, 1000.0]]]]))
    assert found.ravel().tolist() == [0.5, 0.5]


def test_softmax_of_channels_first_works_along_the_width(Conv2DTranspose):
    layer = Conv2DTranspose(2, 1, data_format="channels_first", activation="softmax")
    result = layer(np.random.default_rng(1).normal(size=(1, 3, 2, 4)))
    np.testing.assert_allclose(result.sum(axis=-1), np.ones((1, 2, 2)))


def test_softmax_of_a_vector_with_a_nan_is_nan(activations):
    found = activations.get("softmax")(np.array([[0.0, math.nan, 1.0], [0.0, 1.0, math.nan]]))
    assert np.isnan(found).all()


@pytest.mark.parametrize("axis", [0, 1, -1, [2], (1, 2), (3, 0), None])
def test_a_softmax_along_axes_is_one_along_them_moved_to_the_end(made, slope, axis):
    layer = made(("Softmax", {"axis": axis}))
    x, g = np.random.default_rng(1).normal(size=(2, 2, 3, 2, 4)).astype(np.float32)
    powers = np.exp(x.astype(np.float64))
    along = tuple(axis) if isinstance(axis, list) else axis
    shares = powers / powers.sum(axis=along, keepdims=True)
    slopes = shares * (g - (g * shares).sum(axis=along, keepdims=True))
    assert layer(x) == pytest.approx(shares, rel=1e-5)
    assert slope(layer, x, g) == pytest.approx(slopes, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("axis", [4, -5, (0, 7)])
def test_a_softmax_has_no_axis_that_the_data_lacks(made, refused, axis):
    layer = made(("Softmax", {"axis": axis}))
    with refused("InvalidArgumentError", r"axis.*\[-4, 4\)"):
        layer(np.zeros((1, 1, 1, 2), np.float32))


def test_log_softmax_is_the_logarithm_of_softmax_also_of_large_numbers(activations):
    shares = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])
    values = np.add(shares, [[1000.0], [-2000.0]]).reshape(1, 1, 2, 3)
    expected = np.log([1 / 8, 1 / 4, 5 / 8, 1 / 4, 1 / 4, 1 / 2])
    found = activations.get("log_softmax")(values).ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(1, 2, 2, 0), (0, 2, 2, 3)])
def test_a_vector_activation_of_nothing_is_nothing(activations, name, shape):
    assert activations.get(name)(np.zeros(shape)).shape == shape


@pytest.mark.parametrize(("name", "value"), [("softmax", 1.0), ("log_softmax", 0.0)])
def test_a_vector_activation_takes_a_number_for_a_vector_of_one(activations, name, value):
    assert activations.get(name)(np.array(3.0)).tolist() == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("elu", -1.0), ("exponential", 0.0), ("sigmoid", 0.0), ("tanh", -1.0), ("softplus", 0.0),
        ("hard_sigmoid", 0.0), ("relu", 0.0), ("relu6", 0.0), ("leaky_relu", -math.inf),
        ("gelu", math.nan), ("mish", math.nan), ("swish", math.nan), ("softsign", math.nan),
        ("ThresholdedReLU", math.nan), ("ReLU", 0.0), ("ELU", -1.0), ("Softmax", math.nan),
    ],
)  # fmt: skip
def test_minus_infinity_gives_what_tensorflow_gives_without_a_warning(activations, name, value):
    found = activations.get(name)(column(-math.inf)).item()
    assert found == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("name", NAMED + LAYERS)
def test_nan_stays_nan(activations, name):
    assert math.isnan(activations.get(name)(column(math.nan)).item())


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_named_activation_keeps_the_dtype(activations, slope, name, dtype):
    function, x = activations.get(name), column(1.0, dtype=dtype)
    assert (function(x).dtype, slope(function, x, x).dtype) == (dtype, dtype)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_activation_layer_gives_float32(activations, name, dtype):
    assert activations.get(name)(column(1.0, dtype=dtype)).dtype == np.float32


@pytest.mark.parametrize(
    ("identifier", "dtype", "expected"),
    [
        ("linear", "int32", [-2, 7]),
        ("relu", "int32", [0, 7]),
        ("relu6", "int32", [0, 6]),
        ("ReLU", "int32", [0, 7]),
        (("ReLU", {"max_value": 3.5, "negative_slope": 1.5}), "int32", [-2, 3]),
        (("ReLU", {"max_value": 6.0, "negative_slope": 0.5}), "int32", [0, 6]),
        (("ReLU", {"threshold": 1.5}), "int32", [0, 7]),
        # A slope alone makes float32 of int32.
        (("ReLU", {"negative_slope": 0.5}), "float32", [-1, 7]),
        (("LeakyReLU", {"alpha": 0.5}), "float32", [-1, 7]),
        ("leaky_relu", "float32", [np.float32(-2 * FIFTH), 7]),
    ],
)
def test_some_activations_take_int32_and_truncate_their_options(made, identifier, dtype, expected):
    found = made(identifier)(column(-2, 7, dtype="int32"))
    assert (found.dtype.name, found.ravel().tolist()) == (dtype, expected)


@pytest.mark.parametrize(
    ("name", "error"), [("tanh", "InvalidArgumentError"), ("hard_sigmoid", "TypeError")]
)
def test_other_activations_refuse_int32(activations, refused, name, error):
    with refused(error, f"floating point|activation='{name}' is not defined on int32"):
        activations.get(name)(column(1, dtype="int32"))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *(("ReLU", {key: bad}) for key in ("max_value", "negative_slope", "threshold")
          for bad in (-1, -0.5, -math.inf, "1", [1.0], 1j, 10**400)),
        ("ReLU", {"negative_slope": None}),
        ("ReLU", {"threshold": None}),
        *((name, {key: bad}) for name, key in (("LeakyReLU", "alpha"), ("ELU", "alpha"))
          for bad in (None, "a", 1j, 10**400)),
        *(("ThresholdedReLU", {"theta": bad}) for bad in (None, -1, -0.5, "1")),
    ],
)  # fmt: skip
def test_an_activation_layer_refuses_an_option_when_it_is_made(Conv2DTranspose, name, options):
    with pytest.raises(TypeError, match=next(iter(options))):
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
    ],
)
def test_an_activation_layer_takes_what_tensorflow_takes(made, name, options):
    assert made((name, options))(column(1.0)).dtype == np.float32


def test_no_activation_is_the_linear_one(Conv2DTranspose, activations):
    assert Conv2DTranspose(1, 1).activation is activations.get("linear")


def test_a_function_may_be_given_as_keras_writes_it(activations):
    assert activations.get({"class_name": "function", "config": "relu"}) is activations.get("relu")


@pytest.mark.parametrize("identifier", ["RELU", "", "deserialize", {"class_name": "x"}])
def test_an_unknown_activation_is_a_value_error(Conv2DTranspose, identifier):
    with pytest.raises(ValueError, match=r"activation function|Improper config"):
        Conv2DTranspose(1, 1, activation=identifier)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_activation_is_configured_by_its_name(Conv2DTranspose, name):
    config = Conv2DTranspose(1, 1, activation=name).get_config()["activation"]
    assert config == ("swish" if name == "silu" else name)


@pytest.mark.parametrize("class_name", ["function", "Foo"])
def test_an_unknown_activation_in_a_config_dict_is_called_an_activation_function(
    activations, class_name
):
    with pytest.raises(ValueError, match=r"^Unknown activation function: 'Foo'"):
        activations.get({"class_name": class_name, "config": "Foo"})


@pytest.mark.parametrize("identifier", [3, ["relu"]])
def test_what_is_no_activation_at_all_is_a_type_error(activations, identifier):
    with pytest.raises(TypeError, match="Could not interpret activation function"):
        activations.get(identifier)


@pytest.mark.parametrize("name", ["relu", "softmax", "log_softmax"])
def test_a_pickled_activation_is_the_same_function(activations, name):
    values = np.log([[1.0, 3.0]])
    function = activations.get(name)
    again = pickle.loads(pickle.dumps(function))
    assert (repr(again), again(values).tolist()) == (repr(function), function(values).tolist())
