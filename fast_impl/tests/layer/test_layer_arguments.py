"""The layer's arguments, names and configuration, one by one; test_layer_constructor has the rest."""

import json
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError
from fast_impl.layer import naming
from fast_impl.layer.objects import constraints, initializers

X = np.ones((1, 2, 2, 1), np.float32)


def layer(**arguments):
    return Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})


REFUSED = [
    ({"filters": False}, ValueError, "^filters=False: Expected a strictly positive value"),
    ({"filters": [2]}, TypeError, "."),
    ({"kernel_size": 3.0}, ValueError, "^The `kernel_size` argument must be a tuple of 2"),
    ({"kernel_size": None}, ValueError, "^The `kernel_size` argument"),
    ({"kernel_size": (2, None)}, ValueError, "^The `kernel_size` argument"),
    ({"kernel_size": 0}, ValueError, "^The `kernel_size` .* requirement `> 0`"),
    ({"kernel_size": (2, -1)}, ValueError, "requirement `> 0`"),
    ({"kernel_size": "33"}, TypeError, "."),
    ({"strides": 1.0}, ValueError, "^The `strides` argument"),
    ({"strides": (0, 1)}, ValueError, r"cannot contains 0\(s\)"),
    ({"strides": (1, 0)}, ValueError, r"cannot contains 0\(s\)"),
    ({"strides": (1, -1)}, ValueError, "^The `strides` .* requirement `>= 0`"),
    ({"padding": b"same"}, ValueError, "^padding="),
    ({"padding": "Causal"}, ValueError, "^Causal padding"),
    ({"trainable": None}, TypeError, "trainable"),
    ({"rank": 2}, TypeError, "multiple values for keyword argument 'rank'"),
    ({"dynamic": 1}, TypeError, "dynamic"),
    ({"dtype": "f4"}, TypeError, "^dtype='f4'"),
    ({"dtype": int}, TypeError, "^dtype=<class 'int'>"),
    ({"dtype": "mixed_f4"}, TypeError, "^dtype='f4'"),
    ({"dtype": object()}, TypeError, "."),
    (
        {"dtype": SimpleNamespace(compute_dtype="float32", variable_dtype="float64")},
        TypeError,
        "^dtype=.*a policy with compute_dtype='float32' and variable_dtype='float64'",
    ),
    (
        {"dtype": SimpleNamespace(compute_dtype=None, variable_dtype=None)},
        TypeError,
        "compute_dtype=None",
    ),
    ({"dtype": {}}, ValueError, "^dtype={}"),
    ({"dtype": {"config": {"name": "half"}}}, ValueError, "'class_name' and 'config'"),
    ({"dtype": {"class_name": "Policy", "config": 3}}, ValueError, "'class_name' and 'config'"),
    ({"dtype": {"class_name": "Policy", "config": {}}}, TypeError, "'name' must be a string"),
    ({"strides": (2, 3), "output_padding": (1, 3)}, ValueError, "Strides must be greater"),
    ({"strides": (2, 3), "output_padding": (2, 1)}, ValueError, "Strides must be greater"),
    ({"output_padding": -1}, ValueError, "^The `output_padding` .* requirement `>= 0`"),
    ({"dilation_rate": 0}, ValueError, "^The `dilation_rate` .* requirement `> 0`"),
    ({"dilation_rate": 2.0}, ValueError, "^The `dilation_rate` argument"),
    ({"strides": (1, 2), "dilation_rate": (2, 1)}, ValueError, "not supported in conjunction"),
    ({"filters": 4, "groups": 3}, ValueError, "evenly divisible by the number of groups, 3"),
    ({"filters": 4, "groups": "2"}, TypeError, "."),
    ({"_scope": 3}, TypeError, "^_scope=3"),
    ({"name": "mine", "_scope": object()}, TypeError, "^_scope="),
]


@pytest.mark.parametrize(("arguments", "error", "text"), REFUSED)
def test_the_constructor_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        layer(**arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"filters": None}, ValueError, "^filters=None"),
        (
            {"filters": np.float32(2)},
            TypeError,
            "^filters=.*2.0.*: Dimension value must be integer",
        ),
        ({"kernel_size": (2, 2.0)}, TypeError, r"^kernel_size=\(2, 2.0\): Dimension value must"),
        ({"kernel_size": (2, True)}, ValueError, "^kernel_size="),
        ({"strides": (1, 2.0)}, TypeError, "^strides="),
        ({"strides": 2, "output_padding": (0.5, 1)}, TypeError, "^output_padding="),
        ({"dilation_rate": (1.0, 1.0)}, TypeError, r"^dilation_rate=\(1.0, 1.0\)"),
        ({"dilation_rate": (1, 2)}, ValueError, "2 dimensions of the `dilation_rate`"),
        ({"padding": ["same"]}, TypeError, "^padding="),
        ({"padding": ("same",)}, AssertionError, "^padding="),
        ({"strides": 10**7}, MemoryError, "."),
        ({"weights": [np.ones(1)]}, ValueError, "weight list of length 1"),
    ],
)
def test_the_constructor_accepts_what_only_the_call_refuses(arguments, error, text):
    late = layer(**arguments)
    with pytest.raises(error, match=text):
        late(X)


@pytest.mark.parametrize(("padding", "error"), [(["same"], TypeError), (("same",), AssertionError)])
def test_the_output_shape_of_a_layer_needs_a_padding_that_is_text(padding, error):
    with pytest.raises(error, match=r"^padding="):
        layer(padding=padding).compute_output_shape((1, 1, 1, 1))


@pytest.mark.parametrize(
    ("attribute", "given", "stored"),
    [
        ("filters", np.int8(3), 3),
        ("filters", True, True),
        ("kernel_size", [3, 2], (3, 2)),
        ("kernel_size", 1, (1, 1)),
        ("strides", np.array([2, 3]), (2, 3)),
        ("padding", "SAME", "same"),
        ("padding", ["same"], ["same"]),
        ("data_format", "Channels_First", "channels_first"),
        ("dilation_rate", 2, (2, 2)),
        ("output_padding", None, None),
        ("output_padding", 0, (0, 0)),
        ("groups", None, 1),
        ("use_bias", "no", "no"),
        ("dtype", "double", "float64"),
        ("dtype", "half", "float16"),
        ("dtype", "float", "float32"),
        ("dtype", np.float16, "float16"),
        ("dtype", np.dtype(np.float64), "float64"),
        ("dtype", float, "float32"),
        ("dtype", SimpleNamespace(as_numpy_dtype=np.float64), "float64"),
        ("dtype", None, None),
        ("dtype", {"class_name": "Policy", "config": {"name": "half"}}, "float16"),
        ("dtype", "mixed_float16", "float32"),
        ("dtype", SimpleNamespace(compute_dtype="float64", variable_dtype="float64"), "float64"),
        ("dtype", SimpleNamespace(compute_dtype="bfloat16", variable_dtype="float32"), "float32"),
        (
            "dtype",
            SimpleNamespace(compute_dtype=np.dtype("f2"), variable_dtype=np.float32),
            "float32",
        ),
        ("dtype", SimpleNamespace(compute_dtype=np.float64, variable_dtype="float64"), "float64"),
        ("name", "any name at all", "any name at all"),
        ("trainable", False, False),
        ("built", None, False),
    ],
)
def test_the_constructor_stores(attribute, given, stored):
    arguments = {} if attribute == "built" else {attribute: given}
    found = getattr(layer(**arguments), attribute)
    assert (found, type(found)) == (stored, type(stored))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "complex128"])
def test_a_format_without_arithmetic_may_be_named(dtype):
    assert layer(dtype=dtype).dtype == dtype


@pytest.mark.parametrize("use_bias", ["no", 2.5, 1, True])
def test_a_true_use_bias_makes_a_bias(use_bias):
    made = layer(use_bias=use_bias)
    made.build(X.shape)
    assert made.bias.shape == (1,)


@pytest.mark.parametrize("use_bias", ["", 0, None, [], False])
def test_a_false_use_bias_makes_none(use_bias):
    made = layer(use_bias=use_bias)
    made.build(X.shape)
    assert made.bias is None


def test_all_sixteen_arguments_may_be_given_by_position():
    made = Conv2DTranspose(
        2, 3, 1, "same", "channels_last", "relu", True, "ones", "zeros", "l1", "l2", "l1_l2",
        "max_norm", "unit_norm", False, "sixteen",
    )  # fmt: skip
    config = made.get_config()
    assert [
        config[key]["class_name"]
        for key in (
            "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
            "activity_regularizer", "kernel_constraint", "bias_constraint",
        )
    ] == ["Ones", "Zeros", "L1", "L2", "L1L2", "MaxNorm", "UnitNorm"]  # fmt: skip
    assert (config["name"], config["trainable"], config["activation"]) == ("sixteen", False, "relu")


@pytest.mark.parametrize(
    "keywords",
    [
        {"dynamic": True}, {"input_shape": (7, 7, 5)}, {"batch_input_shape": (9, 7, 7, 5)},
        {"batch_size": 9}, {"input_dim": 5}, {"implementation": 2}, {"conv_op": None},
        {"kernel_layout": None}, {"bias_layout": None},
    ],
)  # fmt: skip
def test_keywords_without_effect_are_accepted(keywords):
    assert layer(**keywords)(X).shape == (1, 3, 3, 1)


@pytest.mark.parametrize(
    ("keywords", "shape"),
    [
        ({"input_shape": (4, 5, 6)}, (None, 4, 5, 6)),
        ({"input_shape": (4, 5, 6), "batch_size": 3}, (3, 4, 5, 6)),
        ({"input_dim": 7}, (None, 7)),
        ({"input_dim": 7, "batch_size": 3}, (3, 7)),
        ({"batch_input_shape": [3, 4, 5, 6], "input_shape": (1,)}, (3, 4, 5, 6)),
    ],
)
def test_an_announced_input_shape_is_in_the_configuration(keywords, shape):
    assert layer(**keywords).get_config()["batch_input_shape"] == shape


def test_a_batch_size_alone_announces_nothing():
    assert "batch_input_shape" not in layer(batch_size=3).get_config()


@pytest.mark.parametrize(
    ("arguments", "input_shape", "expected"),
    [
        ({"data_format": "channels_first"}, (2, 7, 4, 5), (2, 3, 5, 7)),
        ({"strides": (2, 3)}, (2, 4, 5, 7), (2, 8, 15, 3)),
        # (4-1)*1 + 2 - 2*1: "same" takes both rows of an even kernel away
        ({"padding": "same", "output_padding": 0}, (2, 4, 5, 7), (2, 3, 5, 3)),
        ({"dilation_rate": (2, 2)}, (2, 4, 5, 7), (2, 6, 9, 3)),
        ({"strides": (2, 3), "output_padding": (1, 2)}, (2, 4, 5, 7), (2, 9, 17, 3)),
        ({}, (None, None, 5, None), (None, None, 7, 3)),
        ({}, (2, 0, 5, 7), (2, 1, 7, 3)),
    ],
)
def test_the_output_shape_of_a_layer_follows_its_arguments(arguments, input_shape, expected):
    # kernel 2 x 3: "valid" adds 1 and 2 at stride 1, twice as much at dilation 2
    made = Conv2DTranspose(3, (2, 3), **arguments)
    assert made.compute_output_shape(input_shape) == expected


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


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("class_name", "base"),
    [
        ("Conv2DTranspose", "conv2d_transpose"),
        ("MyConvT", "my_conv_t"),
        ("HTTPLayer", "http_layer"),
        ("_Mine", "private__mine"),
        ("aB", "a_b"),
    ],
)
def test_a_base_name_is_the_class_in_lower_case(class_name, base):
    assert naming.base_name(class_name) == base


@pytest.mark.parametrize("name", [None, ""])
def test_no_name_and_an_empty_name_are_replaced(name):
    assert layer(name=name).name.startswith("conv2d_transpose_")


def scopes(*arguments):
    layers = [layer(**given) for given in arguments]
    for made in layers:
        made(X)
    return [made.scope_name for made in layers]


def test_reuse_takes_the_name_as_it_is():
    names = [{"name": "again"}, {"name": "again", "_reuse": True}, {"name": "again"}]
    assert scopes(*names) == ["again", "again", "again_1"]


def test_a_given_scope_counts_as_opened():
    assert scopes({"_scope": "given_first"}, {"name": "given_first"}) == [
        "given_first",
        "given_first_1",
    ]


def test_a_given_scope_stays_at_the_call():
    made = layer(name="later", _scope="kept", _reuse=True)
    made(X, scope="other")
    assert made.scope_name == "kept"


def test_the_scope_argument_of_the_first_call_names_the_scope_as_it_is():
    first, second = layer(name="inner"), layer(name="inner")
    first(X, scope="from_call")
    second(X, scope="from_call")
    first(X, scope="ignored")
    assert (first.scope_name, second.scope_name) == ("from_call", "from_call")


def test_a_failed_call_opens_the_scope_too():
    made = layer(name="failed")
    with pytest.raises(ValueError, match="min_ndim=4"):
        made(np.ones(3))
    assert made.scope_name == "failed"


def test_a_build_opens_the_scope():
    made = layer(name="built_first")
    made.build(X.shape)
    assert made.scope_name == "built_first"


@pytest.mark.parametrize("attribute", ["graph", "scope_name", "name", "weights", "losses"])
def test_the_documented_attributes_are_read_only(attribute):
    with pytest.raises(AttributeError):
        setattr(layer(), attribute, 3)


# --- configuration --------------------------------------------------------------------------


def keras(module, class_name, **config):
    return {
        "module": f"keras.{module}",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def test_the_default_configuration_is_keras_one():
    assert Conv2DTranspose(3, 2, name="given").get_config() == {
        "name": "given", "trainable": True, "dtype": None, "filters": 3, "kernel_size": (2, 2),
        "strides": (1, 1), "padding": "valid", "data_format": "channels_last",
        "dilation_rate": (1, 1), "groups": 1, "activation": "linear", "use_bias": True,
        "kernel_initializer": None,
        "bias_initializer": keras("initializers", "Zeros", dtype="float32"),
        "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
        "kernel_constraint": None, "bias_constraint": None, "output_padding": None,
    }  # fmt: skip


class Mine:
    def __call__(self, weight):
        return weight

    def get_config(self):
        return {"rate": 1}


FUNCTION = {"module": "builtins", "class_name": "function", "registered_name": "function"}


@pytest.mark.parametrize(
    ("argument", "given", "written"),
    [
        ("activation", "silu", "swish"),
        ("activation", np.tanh, {**FUNCTION, "config": "tanh"}),
        ("kernel_constraint", len, {**FUNCTION, "config": "len"}),
        (
            "activation",
            {"class_name": "ELU", "config": {"alpha": 0.5}},
            keras("layers", "ELU", name="elu", trainable=True, dtype="float32", alpha=0.5),
        ),
        ("kernel_initializer", "he_normal", keras("initializers", "HeNormal", seed=None)),
        ("bias_initializer", "one", keras("initializers", "Ones")),
        ("kernel_constraint", "max_norm", keras("constraints", "MaxNorm", max_value=2, axis=0)),
        ("bias_constraint", constraints.NonNeg(), keras("constraints", "NonNeg")),
        (
            "bias_constraint",
            Mine(),
            {
                "module": Mine.__module__,
                "class_name": "Mine",
                "config": {"rate": 1},
                "registered_name": "Mine",
            },
        ),
        ("dtype", "mixed_float16", keras("mixed_precision", "Policy", name="mixed_float16")),
        ("groups", 1, 1),
        ("use_bias", "no", "no"),
        ("data_format", "channels_first", "channels_first"),
        ("output_padding", 0, (0, 0)),
        ("dilation_rate", 3, (3, 3)),
    ],
)
def test_the_configuration_writes_objects_as_keras_does(argument, given, written):
    assert layer(**{argument: given}).get_config()[argument] == written


def test_a_callable_without_a_name_is_not_written():
    made = layer()
    made.kernel_constraint = SimpleNamespace()
    with pytest.raises(TypeError, match="a function with a name, or have a method get_config"):
        made.get_config()


@pytest.mark.parametrize(
    "arguments",
    [
        {"strides": (2, 3), "output_padding": (1, 0), "padding": "same", "trainable": False},
        {"activation": "LeakyReLU", "activity_regularizer": "l1", "filters": 4, "groups": 2},
        {"kernel_initializer": "VarianceScaling", "dtype": "mixed_float16"},
        {"kernel_constraint": {"class_name": "MinMaxNorm", "config": {"rate": 0.5}}},
        {"dilation_rate": 2, "data_format": "channels_first", "use_bias": False},
        {"bias_initializer": initializers.Constant([1.0])},
    ],
)
def test_a_layer_made_from_a_configuration_has_the_same_one(arguments):
    config = layer(**arguments).get_config()
    again = Conv2DTranspose.from_config(json.loads(json.dumps(config))).get_config()
    assert json.loads(json.dumps(again)) == json.loads(json.dumps(config))


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
        ({"class_name": "function", "config": "foo"}, "Unknown constraint: 'foo'"),
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


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_kernel_has_the_filters_before_the_channels_in_both_layouts(data_format):
    made = Conv2DTranspose(2, (4, 5), data_format=data_format)
    made.build((1, 3, 6, 3) if data_format == "channels_last" else (1, 3, 6, 7))
    assert [weight.shape for weight in made.weights] == [(4, 5, 2, 3), (2,)]


@pytest.mark.parametrize("attribute", ["kernel", "bias"])
def test_an_unbuilt_layer_has_no_weights_to_read_or_assign(attribute):
    made = layer()
    assert not hasattr(made, attribute)
    with pytest.raises(AttributeError, match=attribute):
        setattr(made, attribute, np.ones(1))


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


@pytest.mark.parametrize(
    "attribute", ["weights", "trainable_weights", "non_trainable_weights", "losses", "variables"]
)
def test_an_unbuilt_layer_has_an_empty_list_of(attribute):
    assert getattr(layer(), attribute) == []


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([np.ones((2, 2, 1, 1))], 'layer "mine" with a weight list of length 1.* 2 weights'),
        ([np.ones((2, 2, 1, 2)), np.ones(1)], "Layer mine weight shape"),
        ([np.ones((2, 2, 1, 1)), 1.0], r"provided weight shape \(\)"),
        ([np.ones((2, 2, 1, 1)).tolist(), np.ones(1)], r"provided weight shape \(\)"),
    ],
)
def test_set_weights_refuses(weights, text):
    made = layer(name="mine")
    made.build(X.shape)
    with pytest.raises(ValueError, match=text):
        made.set_weights(weights)


@pytest.mark.parametrize(("use_bias", "count"), [(True, 26), (False, 24)])
def test_the_parameters_are_counted(use_bias, count):
    made = Conv2DTranspose(2, 2, use_bias=use_bias)
    made.build((1, 1, 1, 3))
    assert made.count_params() == count


def test_the_weights_keyword_is_applied_once_at_the_first_call():
    made = Conv2DTranspose(1, 1, weights=[np.full((1, 1, 1, 1), 5.0), np.array([3.0])])
    assert made(X).ravel().tolist() == [8.0] * 4
    made.set_weights([np.ones((1, 1, 1, 1)), np.ones(1)])
    assert made(X).ravel().tolist() == [2.0] * 4


def test_the_weights_keyword_is_not_applied_after_a_build():
    made = Conv2DTranspose(1, 1, weights=[np.full((1, 1, 1, 1), 5.0), np.array([3.0])])
    made.build((1, 2, 2, 1))
    built = [weight.copy() for weight in made.get_weights()]
    made(X)
    assert [weight.tolist() for weight in made.get_weights()] == [w.tolist() for w in built]


def counts(made):
    return len(made.trainable_weights), len(made.non_trainable_weights)


def test_a_layer_can_be_frozen_and_thawed_after_its_build():
    made = layer()
    made.build(X.shape)
    made.trainable = False
    frozen = counts(made)
    made.trainable = True
    assert (frozen, counts(made)) == ((0, 2), (2, 0))


def test_frozen_weights_come_after_those_that_are_trained_and_so_do_their_gradients():
    made = layer(trainable=False, bias_initializer="ones", bias_regularizer="l2")
    made.build((1, 1, 1, 1))
    made.trainable = True
    made.build((1, 1, 1, 3))
    shapes = [weight.shape for weight in made.weights]
    assert shapes == [(2, 2, 1, 3), (1,), (2, 2, 1, 1), (1,)]
    found = made.loss_gradients()
    assert [gradient is None for gradient in found] == [True, False, True, False]


def test_a_pickled_layer_has_weights_that_cannot_be_written_into():
    made = layer()
    made.build(X.shape)
    again = pickle.loads(pickle.dumps(made))
    assert (again.kernel.flags.writeable, again.kernel.dtype) == (False, np.float32)


def test_an_initial_value_is_cast_to_the_dtype_of_the_layer():
    made = layer(kernel_initializer=lambda shape, **_: np.ones(shape), dtype="float16")
    made.build(X.shape)
    assert made.kernel.dtype == np.float16


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"kernel_initializer": lambda shape: np.ones(shape)}, TypeError, "dtype"),
        ({"kernel_initializer": lambda shape, dtype: np.ones(3)}, ValueError, "initializer of ker"),
        ({"kernel_initializer": lambda shape, dtype: None}, ValueError, "kernel .* got None"),
        ({"bias_initializer": lambda shape, dtype: np.ones(3)}, ValueError, "initializer of bias"),
        ({"dtype": "complex64"}, ValueError, "complex64 is required"),
        ({"kernel_initializer": "Initializer"}, NotImplementedError, "Initializer"),
    ],
)
def test_an_initializer_that_does_not_fit_is_refused_at_the_build(arguments, error, text):
    made = layer(**arguments)
    with pytest.raises(error, match=text):
        made.build(X.shape)


@pytest.mark.parametrize(
    ("input_shape", "text"),
    [
        ((1, 2, 3), r"rank 4. Received input_shape=\(1, 2, 3\)"),
        ((1, 2, 3, None), "axis -1 is None"),
        (None, "unknown rank"),
    ],
)
def test_build_refuses(input_shape, text):
    with pytest.raises(ValueError, match=text):
        layer().build(input_shape)


def test_build_of_channels_first_needs_its_channels():
    with pytest.raises(ValueError, match="axis -3 is None"):
        layer(data_format="channels_first").build((1, None, 2, 2))


def test_an_even_kernel_with_output_padding_0_is_refused_at_the_call():
    with pytest.raises(InvalidArgumentError, match="output_padding=0"):
        layer(padding="same", output_padding=0)(X)


@pytest.mark.parametrize(
    "argument", ["kernel_regularizer", "kernel_initializer", "kernel_constraint", "activation"]
)
def test_an_unknown_configuration_is_named_after_its_argument(argument):
    kind = argument.removeprefix("kernel_").replace("activation", "activation function")
    with pytest.raises(ValueError, match=f"Unknown {kind}: 'None of them'"):
        layer(**{argument: {"class_name": "None of them", "config": {}}})


@pytest.mark.parametrize("scope", ["twice", "thrice"])
def test_a_given_scope_is_taken_as_it_is_however_often(scope):
    layers = [layer(_scope=scope) for _ in range(2)]
    for made in layers:
        made.build((1, 1, 1, 1))
    assert [made.scope_name for made in layers] == [scope] * 2
