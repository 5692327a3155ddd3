"""Activations against known values; test_layer_training has the derivatives by differences."""

import math

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError
from fast_impl.layer.objects import activations

NAMED = [
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "sigmoid", "hard_sigmoid", "tanh",
    "exponential", "softplus", "softsign", "swish", "silu", "gelu", "mish", "softmax",
    "log_softmax",
]  # fmt: skip
LAYERS = ["ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax"]
FIFTH, THREE_TENTHS = float(np.float32(0.2)), float(np.float32(0.3))

# identifier or (class, configuration), x, the value, the derivative.
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
    ("gelu", 1.0, 0.8413447461, 1.0833154706),
    ("gelu", -1.0, -0.1586552539, -0.0833154706),
    # softplus(0) = log 2 and tanh(log 2) = 0.6; at 1: tanh(log(1 + e))
    ("mish", 0.0, 0.0, 0.6),
    ("mish", 1.0, ((1 + math.e) ** 2 - 1) / ((1 + math.e) ** 2 + 1), 1.0490362200997922),
    ("ReLU", -1.0, 0.0, 0.0),
    ("ReLU", 0.0, 0.0, 0.0),
    ("ReLU", 0.5, 0.5, 1.0),
    (("ReLU", {"max_value": 2.0}), 0.5, 0.5, 1.0),
    (("ReLU", {"max_value": 2.0}), -1.0, 0.0, 0.0),
    (("ReLU", {"max_value": 2.0}), 2.0, 2.0, 1.0),
    (("ReLU", {"max_value": 2.0}), 5.0, 2.0, 0.0),
    (("ReLU", {"threshold": 1.0}), 0.5, 0.0, 0.0),
    (("ReLU", {"threshold": 1.0}), 1.0, 0.0, 0.0),
    (("ReLU", {"threshold": 1.0}), 1.5, 1.5, 1.0),
    # 0 - 0.25 * (1 - -3)
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), -3.0, -1.0, 0.25),
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), 0.5, -0.125, 0.25),
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), 1.0, 0.0, 0.0),
    (("ReLU", {"threshold": 1.0, "negative_slope": 0.25}), 1.5, 1.5, 1.0),
    ("LeakyReLU", 0.0, 0.0, THREE_TENTHS),
    ("LeakyReLU", 0.5, 0.5, 1.0),
    ("LeakyReLU", -2.0, -2 * THREE_TENTHS, THREE_TENTHS),
    (("LeakyReLU", {"alpha": 0.5}), -2.0, -1.0, 0.5),
    ("ELU", 0.0, 0.0, 1.0),
    ("ELU", 0.5, 0.5, 1.0),
    ("ELU", -1.0, 1 / math.e - 1, 1 / math.e),
    (("ELU", {"alpha": 2.0}), -1.0, 2 / math.e - 2, 2 / math.e),
    (("ELU", {"alpha": 2.0}), 0.0, 0.0, 2.0),
    ("ThresholdedReLU", 0.5, 0.0, 0.0),
    ("ThresholdedReLU", 1.0, 0.0, 0.0),
    ("ThresholdedReLU", 1.5, 1.5, 1.0),
    (("ThresholdedReLU", {"theta": 0.5}), 0.75, 0.75, 1.0),
    (("ThresholdedReLU", {"theta": 0}), 0.75, 0.75, 1.0),
]  # fmt: skip


def made(identifier):
    if isinstance(identifier, tuple):
        identifier = dict(zip(("class_name", "config"), identifier, strict=True))
    return activations.get(identifier)


def column(*values, dtype="float64"):
    return np.array(values, dtype=dtype).reshape(1, -1, 1, 1)


def slope(function, x, g):
    return function.gradient(x, np.asarray(function(x)), g)


@pytest.mark.parametrize(("identifier", "x", "value", "derivative"), KNOWN)
def test_an_activation_has_its_known_value(identifier, x, value, derivative):
    assert made(identifier)(column(x)).item() == pytest.approx(value, rel=2e-7)


@pytest.mark.parametrize(("identifier", "x", "value", "derivative"), KNOWN)
def test_an_activation_has_its_known_derivative(identifier, x, value, derivative):
    found = slope(made(identifier), column(x), column(2.0))
    assert found.item() == pytest.approx(2 * derivative, rel=2e-7)


@pytest.mark.parametrize("x", [-4.1, -0.7, 0.3, 1.9, 5.2])
@pytest.mark.parametrize("name", NAMED[:16])
def test_a_derivative_is_the_central_difference(name, x):
    function, step = activations.get(name), 2.0**-17
    difference = (function(column(x + step)) - function(column(x - step))).item() / (2 * step)
    assert slope(function, column(x), column(1.0)).item() == pytest.approx(
        difference, rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "Softmax"])
def test_the_gradient_of_a_vector_activation_is_the_central_difference(name):
    function, wide = activations.get(name), activations.get(name.lower())
    x = np.random.default_rng(1).normal(size=(2, 1, 2, 3))
    g = np.random.default_rng(2).normal(size=x.shape)
    step, expected = 2.0**-17, np.empty_like(x)
    for position in np.ndindex(x.shape):
        move = np.zeros_like(x)
        move[position] = step
        expected[position] = ((wide(x + move) - wide(x - move)) * g).sum() / (2 * step)
    rtol = 1e-6 if name in NAMED else 1e-4
    np.testing.assert_allclose(slope(function, x, g), expected, rtol=rtol, atol=rtol / 100)


@pytest.mark.parametrize("name", ["softmax", "Softmax"])
def test_softmax_is_the_share_of_each_power(name):
    # powers of e: log 1, log 2, log 5, so shares of 8
    values = np.log([1.0, 2.0, 5.0]).reshape(1, 1, 1, 3)
    found = activations.get(name)(values).ravel().tolist()
    assert found == pytest.approx([1 / 8, 2 / 8, 5 / 8])


def test_softmax_has_an_axis():
    values = np.log([[1.0], [3.0]])
    softmax = made(("Softmax", {"axis": 0}))
    assert softmax(values).ravel().tolist() == pytest.approx([0.25, 0.75])
    g = np.array([[1.0], [0.0]])
    # y * (g - sum(g * y)) with y = 1/4, 3/4
    assert slope(softmax, values, g).ravel().tolist() == pytest.approx([0.1875, -0.1875])


def test_softmax_of_large_numbers_does_not_overflow():
    found = activations.get("softmax")(np.array([[[[1000.0, 1000.0]]]]))
    assert found.ravel().tolist() == [0.5, 0.5]


def test_log_softmax_is_the_logarithm_of_softmax_also_of_large_numbers():
    values = 1000 + np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]).reshape(1, 1, 2, 3)
    expected = np.log([1 / 8, 1 / 4, 5 / 8, 1 / 4, 1 / 4, 1 / 2])
    found = activations.get("log_softmax")(values).ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(1, 2, 2, 0), (0, 2, 2, 3)])
def test_a_vector_activation_of_nothing_is_nothing(name, shape):
    assert activations.get(name)(np.zeros(shape)).shape == shape


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("elu", -1.0), ("exponential", 0.0), ("sigmoid", 0.0), ("tanh", -1.0), ("softplus", 0.0),
        ("hard_sigmoid", 0.0), ("relu", 0.0), ("relu6", 0.0), ("leaky_relu", -math.inf),
        ("gelu", math.nan), ("mish", math.nan), ("swish", math.nan), ("softsign", math.nan),
        ("ThresholdedReLU", math.nan), ("ReLU", 0.0), ("ELU", -1.0), ("Softmax", math.nan),
    ],
)  # fmt: skip
def test_minus_infinity_gives_what_tensorflow_gives_without_a_warning(name, value):
    found = activations.get(name)(column(-math.inf)).item()
    assert found == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize("name", ["Softmax", "ThresholdedReLU", "softsign", "swish"])
def test_a_gradient_beside_infinity_warns_of_nothing(name):
    assert math.isnan(slope(activations.get(name), column(-math.inf), column(math.inf)).item())


@pytest.mark.parametrize("name", NAMED + LAYERS)
def test_nan_stays_nan(name):
    assert math.isnan(activations.get(name)(column(math.nan)).item())


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_named_activation_keeps_the_dtype(name, dtype):
    x = column(1.0, dtype=dtype)
    function = activations.get(name)
    assert (function(x).dtype, slope(function, x, x).dtype) == (dtype, dtype)


def test_a_half_format_is_computed_in_float32():
    # exp(1.25) and 1.25 * sigmoid(1.25), to the nearest float16; the derivative likewise
    x = column(1.25, dtype="float16")
    swish = activations.get("swish")
    share = 1 / (1 + math.exp(-1.25))
    assert swish(x).item() == np.float16(1.25 * share)
    assert slope(swish, x, x).item() == np.float16(
        1.25 * (share + float(np.float16(1.25 * share)) * (1 - share))
    )


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_activation_layer_computes_in_float32_but_its_gradient_has_the_dtype(name, dtype):
    function, x = activations.get(name), column(1.0, dtype=dtype)
    assert (function(x).dtype, slope(function, x, x).dtype) == (np.float32, dtype)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("linear", [-2, 7]), ("relu", [0, 7]), ("relu6", [0, 6]), ("ReLU", [0, 7])],
)
def test_some_activations_take_int32(name, expected):
    found = activations.get(name)(column(-2, 7, dtype="int32"))
    assert (found.dtype.name, found.ravel().tolist()) == ("int32", expected)


@pytest.mark.parametrize(
    ("layer", "dtype", "expected"),
    [
        (activations.ReLU(max_value=3.5, negative_slope=1.5), "int32", [-2, 3]),
        (activations.ReLU(negative_slope=0.5), "float32", [-1, 7]),
        (activations.LeakyReLU(0.5), "float32", [-1, 7]),
    ],
)
def test_a_slope_alone_makes_float32_of_int32(layer, dtype, expected):
    found = layer(column(-2, 7, dtype="int32"))
    assert (found.dtype.name, found.ravel().tolist()) == (dtype, expected)


def test_leaky_relu_turns_int32_into_float32():
    found = activations.get("leaky_relu")(column(-2, 7, dtype="int32"))
    assert (found.dtype.name, found.ravel().tolist()) == ("float32", [np.float32(-2 * FIFTH), 7])


@pytest.mark.parametrize(
    ("name", "error"), [("tanh", InvalidArgumentError), ("hard_sigmoid", TypeError)]
)
def test_other_activations_refuse_int32(name, error):
    with pytest.raises(error, match=f"activation='{name}' is not defined on int32") as caught:
        activations.get(name)(column(1, dtype="int32"))
    assert caught.type is error


@pytest.mark.parametrize("name", ["relu", "swish", "softmax"])
def test_a_new_activation_object_has_name_value_and_derivative(name):
    # The named ones are made when the module is imported; this one is not.
    given = activations.get(name)
    again = activations.Activation(name, given._function, given._derivative)
    x = column(-1.0, 0.5)
    assert (again.__name__, repr(again)) == (given.__name__, f"<activation {name}>")
    np.testing.assert_array_equal(again(x), given(x))
    np.testing.assert_array_equal(slope(again, x, x), slope(given, x, x))


@pytest.mark.parametrize(
    ("name", "config", "culprit"),
    [
        ("ReLU", {"max_value": -1.0}, "max_value"),
        ("ReLU", {"negative_slope": -0.5}, "negative_slope"),
        ("ReLU", {"negative_slope": None}, "negative_slope"),
        ("ReLU", {"threshold": -0.5}, "threshold"),
        ("ReLU", {"threshold": None}, "threshold"),
        ("ThresholdedReLU", {"theta": -0.5}, "theta"),
        ("ThresholdedReLU", {"theta": None}, "theta"),
    ],
)
def test_an_activation_layer_refuses_negative_numbers(name, config, culprit):
    with pytest.raises(TypeError, match=f"{culprit}="):
        made((name, config))


@pytest.mark.parametrize("name", NAMED)
def test_a_named_activation_is_configured_by_its_name(name):
    config = Conv2DTranspose(1, 1, activation=name).get_config()["activation"]
    assert config == ("swish" if name == "silu" else name)


def test_no_activation_is_the_linear_one():
    assert Conv2DTranspose(1, 1).activation is activations.get("linear")


def test_a_function_may_be_given_as_keras_writes_it():
    assert activations.get({"class_name": "function", "config": "relu"}) is activations.get("relu")


@pytest.mark.parametrize("identifier", ["RELU", "", {"class_name": "x"}])
def test_an_unknown_activation_is_a_value_error(identifier):
    with pytest.raises(ValueError, match="activation function"):
        activations.get(identifier)


@pytest.mark.parametrize("identifier", [3, ["relu"]])
def test_what_is_no_activation_at_all_is_a_type_error(identifier):
    with pytest.raises(TypeError, match="Could not interpret activation function"):
        activations.get(identifier)


@pytest.mark.parametrize(
    ("given", "computed"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")],
)  # fmt: skip
def test_an_activation_is_computed_in_the_format_of_the_sums(given, computed):
    seen = []
    probe = activations.Activation(
        "probe",
        lambda x: seen.append(x.dtype) or x,
        lambda x, y, g: seen.extend([x.dtype, y.dtype, g.dtype]) or g,
    )
    x = column(1.0, dtype=given)
    assert (probe(x).dtype, probe.gradient(x, x, x).dtype) == (given, given)
    assert seen == [computed] * 4


def test_log_softmax_is_shifted_by_each_vector_alone():
    x = np.array([[0.0, 0.0], [2000.0, 2000.0]], np.float32)
    np.testing.assert_allclose(activations.get("log_softmax")(x), np.log(0.5), rtol=1e-6)


@pytest.mark.parametrize(("x", "slope_there"), [(0.5, 1.0), (2.0, 1.0), (-1.0, 3 / math.e)])
def test_elu_has_its_alpha_below_zero_only(x, slope_there):
    function = activations.ELU(alpha=3.0)
    array = column(x)
    assert slope(function, array, np.ones_like(array)).item() == pytest.approx(
        slope_there, rel=1e-6
    )


def test_a_registered_activation_is_made_once():
    found = activations.NAMED["relu"]
    assert activations._constant_factory(found)() is found


@pytest.mark.parametrize("axis", [0, 1, -1, [2], (1, 2), (3, 0), None])
def test_a_softmax_along_axes_is_one_along_them_moved_to_the_end(axis):
    layer = activations.get({"class_name": "Softmax", "config": {"axis": axis}})
    x, g = np.random.default_rng(1).normal(size=(2, 2, 3, 2, 4)).astype(np.float32)
    powers = np.exp(x.astype(np.float64))
    along = tuple(axis) if isinstance(axis, list) else axis
    shares = powers / powers.sum(axis=along, keepdims=True)
    slopes = shares * (g - (g * shares).sum(axis=along, keepdims=True))
    assert layer(x) == pytest.approx(shares, rel=1e-5)
    assert layer.gradient(x, layer(x), g) == pytest.approx(slopes, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("axis", [4, -5, (0, 7)])
def test_a_softmax_has_no_axis_that_the_data_lacks(axis):
    layer = activations.get({"class_name": "Softmax", "config": {"axis": axis}})
    with pytest.raises(InvalidArgumentError, match=r"axis.*\[-4, 4\)"):
        layer(np.zeros((1, 1, 1, 2), np.float32))
