"""Arguments, configurations and weights of the layer, where this implementation does more, or says more."""

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from fast_impl import Conv2DTranspose
from fast_impl.layer.objects import constraints

X = np.ones((1, 2, 2, 1), np.float32)


def layer(**arguments):
    return Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"filters": False}, ValueError, "^filters=False: Expected a strictly positive value"),
        ({"dtype": "f4"}, TypeError, "^dtype='f4'"),
        ({"dtype": int}, TypeError, "^dtype=<class 'int'>"),
        ({"dtype": "mixed_f4"}, TypeError, "^dtype='f4'"),
        (
            {"dtype": SimpleNamespace(compute_dtype="float32", variable_dtype="float64")},
            TypeError,
            "^dtype=.*a policy with compute_dtype='float32' and variable_dtype='float64'",
        ),
        ({"dtype": {}}, ValueError, "^dtype={}"),
        ({"filters": 4, "groups": 3}, ValueError, "evenly divisible by the number of groups, 3"),
        ({"_scope": 3}, TypeError, "^_scope=3"),
        ({"name": "mine", "_scope": object()}, TypeError, "^_scope="),
    ],
)
def test_the_constructor_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        layer(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"filters": np.float32(2)},
            TypeError,
            "^filters=.*2.0.*: Dimension value must be integer",
        ),
        ({"kernel_size": (2, 2.0)}, TypeError, r"^kernel_size=\(2, 2.0\): Dimension value must"),
        ({"dilation_rate": (1.0, 1.0)}, TypeError, r"^dilation_rate=\(1.0, 1.0\)"),
    ],
)
def test_a_call_names_the_argument_that_it_refuses(arguments, error, text):
    late = layer(**arguments)
    with pytest.raises(error, match=text):
        late(X)


@pytest.mark.parametrize(
    ("attribute", "given", "stored"),
    [
        ("filters", np.int8(3), 3),
        ("dtype", SimpleNamespace(as_numpy_dtype=np.float64), "float64"),
    ],
)
def test_the_constructor_stores(attribute, given, stored):
    found = getattr(layer(**{attribute: given}), attribute)
    assert (found, type(found)) == (stored, type(stored))


@pytest.mark.parametrize(
    ("shape", "error", "text"),
    [
        (None, ValueError, "^input_shape=None"),
        (4, IndexError, r"^input_shape=\(4,\)"),
        ((1, -1, 2, 3), ValueError, "^input_shape=.*got Dimension -1"),
        ((1, 2.0, 3, 4), TypeError, "^input_shape=.*must be integer or None.*; got 2.0"),
    ],
)
def test_a_wrong_shape_is_named(shape, error, text):
    with pytest.raises(error, match=text):
        Conv2DTranspose(3, 2).compute_output_shape(shape)


def test_an_output_of_negative_length_is_refused():
    # (0 - 1) * 3 + 1 + 0
    made = Conv2DTranspose(1, 1, strides=3, output_padding=0)
    with pytest.raises(ValueError, match="Dimension -2"):
        made.compute_output_shape((1, 0, 1, 1))


def test_the_output_padding_of_a_layer_reaches_its_numbers():
    made = layer(strides=3, output_padding=(2, 1), kernel_initializer="ones")
    assert (made(X).shape, made(X).sum()) == ((1, 7, 6, 1), 16)


# --- configuration --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "given", "name"),
    [("activation", np.tanh, "tanh"), ("kernel_constraint", len, "len")],
)
def test_the_configuration_writes_every_function_by_its_name(argument, given, name):
    assert layer(**{argument: given}).get_config()[argument] == {
        "module": "builtins",
        "class_name": "function",
        "config": name,
        "registered_name": "function",
    }


def test_the_configuration_gives_an_activation_layer_a_plain_name():
    config = {"class_name": "ELU", "config": {"alpha": 0.5}}
    assert layer(activation=config).get_config()["activation"] == {
        "module": "keras.layers",
        "class_name": "ELU",
        "config": {"name": "elu", "trainable": True, "dtype": "float32", "alpha": 0.5},
        "registered_name": None,
    }


def test_a_callable_without_a_name_is_not_written():
    made = layer()
    made.kernel_constraint = SimpleNamespace()
    with pytest.raises(TypeError, match="a function with a name, or have a method get_config"):
        made.get_config()


def test_numpy_integers_become_json():
    config = json.loads(json.dumps(layer(strides=np.array([2, 3])).get_config()))
    assert Conv2DTranspose.from_config(config).strides == (2, 3)


def test_a_layer_does_not_share_the_configuration_that_it_was_made_from():
    config = layer(kernel_constraint={"class_name": "UnitNorm", "config": {"axis": [0, 1]}})
    config = config.get_config()
    made = Conv2DTranspose.from_config(config)
    config["kernel_constraint"]["config"]["axis"].append(2)
    assert made.kernel_constraint.axis == [0, 1]


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"class_name": "foo", "config": {}}, "Unknown constraint: 'foo'. Known names: Constr"),
        ({"class_name": 3, "config": {}}, "Could not interpret constraint configuration"),
        ({"class_name": "NonNeg"}, "Could not interpret constraint configuration"),
        ({"config": {}}, "Could not interpret constraint configuration"),
        ({"class_name": "NonNeg", "config": "x"}, "config='x' of constraint 'NonNeg'"),
        ({"class_name": "function", "config": {}}, "Unknown constraint: 'function'"),
    ],
)
def test_a_configuration_of_another_form_is_refused(config, text):
    with pytest.raises(ValueError, match=text):
        layer(kernel_constraint=config)


def test_a_function_in_a_configuration_is_the_object_of_that_name():
    made = layer(kernel_constraint={"class_name": "function", "config": "non_neg"})
    assert isinstance(made.kernel_constraint, constraints.NonNeg)


def test_the_text_of_a_layer_says_what_it_is():
    made = layer(name="mine")
    before = repr(made)
    made.build((1, 1, 1, 3))
    assert (before, repr(made)) == (
        "<Conv2DTranspose 'mine': 1 filters, not built>",
        "<Conv2DTranspose 'mine': 1 filters, kernel (2, 2, 1, 3)>",
    )


# --- weights --------------------------------------------------------------------------------


def test_an_unbuilt_layer_has_no_variables():
    assert layer().variables == []


@pytest.mark.parametrize("attribute", ["kernel", "bias"])
def test_an_unbuilt_layer_has_no_weights_to_assign(attribute):
    with pytest.raises(AttributeError, match=attribute):
        setattr(layer(), attribute, np.ones(1))


@pytest.mark.parametrize(
    ("attribute", "value"), [("kernel", np.full((2, 2, 1, 1), 7.0)), ("bias", [7.0])]
)
def test_an_assigned_weight_is_cast_and_used(attribute, value):
    made = layer(kernel_initializer="zeros")
    made.build(X.shape)
    setattr(made, attribute, value)
    found = getattr(made, attribute)
    assert (found.dtype, set(found.ravel().tolist())) == (np.float32, {7.0})
    assert made(X)[0, 0, 0, 0] == 7


@pytest.mark.parametrize("attribute", ["kernel", "bias"])
def test_an_assigned_weight_of_another_shape_is_refused(attribute):
    made = layer(name=f"shaped_{attribute}")
    made.build(X.shape)
    with pytest.raises(
        ValueError, match=rf"weight shaped_{attribute}/{attribute}:0 of shape .* \(3,\)"
    ):
        setattr(made, attribute, np.ones(3))


def test_a_pickled_layer_has_weights_that_cannot_be_written_into():
    made = layer()
    made.build(X.shape)
    again = pickle.loads(pickle.dumps(made))
    assert (again.kernel.flags.writeable, again.kernel.dtype) == (False, np.float32)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            {"kernel_initializer": lambda shape, dtype: np.ones(3)},
            r"initializer of kernel.*got shape \(3,\)",
        ),
        ({"kernel_initializer": lambda shape, dtype: None}, "kernel .* got None"),
        ({"bias_initializer": lambda shape, dtype: np.ones(3)}, "initializer of bias"),
        ({"dtype": "complex64"}, "complex64 is required"),
    ],
)
def test_an_initializer_that_does_not_fit_is_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        layer(**arguments).build(X.shape)
