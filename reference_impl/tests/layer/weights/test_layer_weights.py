"""Weights, names, scopes and the configuration (groups VAR, ATTR; METH-06, METH-07)."""

import base64
import json
import marshal
import types
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from reference_impl import Conv2DTranspose
from reference_impl.layer import initializers, names
from reference_impl.layer.weights import constraints

X = np.ones((1, 2, 2, 3), dtype=np.float32)


def built(**arguments):
    layer = Conv2DTranspose(**{"filters": 2, "kernel_size": (4, 5), **arguments})
    layer.build(X.shape)
    return layer


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_kernel_has_the_filters_before_the_channels_in_both_layouts(data_format):
    layer = Conv2DTranspose(2, (4, 5), data_format=data_format)
    layer.build((1, 3, 3, 3))
    assert [weight.shape for weight in layer.weights] == [(4, 5, 2, 3), (2,)]


@pytest.mark.parametrize("attribute", ["kernel", "bias"])
def test_an_unbuilt_layer_has_no(attribute):
    assert not hasattr(Conv2DTranspose(1, 1), attribute)


@pytest.mark.parametrize(
    "attribute", ["weights", "trainable_weights", "non_trainable_weights", "losses"]
)
def test_an_unbuilt_layer_has_an_empty_list_of(attribute):
    assert getattr(Conv2DTranspose(1, 1), attribute) == []


def test_get_weights_of_an_unbuilt_layer_is_empty():
    assert Conv2DTranspose(1, 1).get_weights() == []


def test_get_weights_gives_copies():
    layer = built()
    layer.get_weights()[0][...] = 7
    assert (layer.kernel != 7).all()


def test_the_exposed_weights_cannot_be_written_into():
    with pytest.raises(ValueError, match="read-only"):
        built().kernel[0] = 1


def test_set_weights_casts_to_the_dtype_of_the_weights():
    layer = built()
    layer.set_weights([np.full((4, 5, 2, 3), 0.1), np.array([1, 2])])
    assert layer.kernel.flat[0] == np.float32(0.1)


def test_set_weights_copies_what_it_is_given():
    layer, kernel = built(use_bias=False), np.ones((4, 5, 2, 3), dtype=np.float32)
    layer.set_weights([kernel])
    kernel[...] = 7
    assert (layer.kernel == 1).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([np.ones((4, 5, 2, 3))], "weight list of length 1"),
        ([np.ones((4, 5, 3, 2)), np.ones(2)], "not compatible with provided weight shape"),
        ([np.ones((4, 5, 2, 3)), 1.0], "not compatible with provided weight shape"),
        ([np.ones((4, 5, 2, 3)).tolist(), np.ones(2)], "not compatible"),
    ],
)
def test_set_weights_refuses(weights, message):
    with pytest.raises(ValueError, match=message):
        built().set_weights(weights)


@pytest.mark.parametrize(
    "bad", [None, "1", b"1", 1j, np.datetime64("2020-01-01"), np.timedelta64(1, "s"), object()]
)
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_set_weights_makes_no_numbers_of_what_is_none(dtype, bad):
    # TensorFlow's NumPy makes NaN of None, 18262 of a date, and drops the imaginary part
    layer = built(dtype=dtype, kernel_initializer="zeros")
    with pytest.raises(ValueError, match="the new bias"):
        layer.set_weights([np.ones((4, 5, 2, 3)), np.full(2, bad)])
    assert not layer.kernel.any()


@pytest.mark.parametrize("number", [True, 1, Fraction(1), Decimal(1), np.float16(1)])
def test_set_weights_takes_numbers_of_any_kind(number):
    layer = built(use_bias=False)
    layer.set_weights([np.full((4, 5, 2, 3), number)])
    assert set(layer.kernel.ravel().tolist()) == {1.0}


def test_refused_weights_change_nothing():
    layer = built(kernel_initializer="zeros")
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([np.ones((4, 5, 2, 3)), np.ones(3)])
    assert not layer.kernel.any()


@pytest.mark.parametrize(("use_bias", "count"), [(True, 4 * 5 * 2 * 3 + 2), (False, 4 * 5 * 2 * 3)])
def test_count_params(use_bias, count):
    assert built(use_bias=use_bias).count_params() == count


def test_count_params_of_an_unbuilt_layer_is_refused():
    with pytest.raises(ValueError, match="isn't built"):
        Conv2DTranspose(1, 1).count_params()


def test_the_weights_keyword_is_applied_at_the_first_call():
    layer = Conv2DTranspose(1, 1, weights=[np.full((1, 1, 1, 3), 5.0), np.array([3.0])])
    assert layer(X).ravel().tolist() == [18.0] * 4


def test_the_weights_keyword_is_not_applied_after_a_build():
    layer = Conv2DTranspose(
        1, 1, kernel_initializer="ones", weights=[np.full((1, 1, 1, 3), 5.0), np.array([3.0])]
    )
    layer.build(X.shape)
    assert layer(X).ravel().tolist() == [3.0] * 4


def test_building_twice_adds_a_second_pair_of_weights():
    layer = built()
    layer.build((1, 2, 2, 6))
    assert [w.shape for w in layer.weights] == [(4, 5, 2, 3), (2,), (4, 5, 2, 6), (2,)]


def counts(layer):
    return len(layer.trainable_weights), len(layer.non_trainable_weights)


def test_weights_created_not_trainable_stay_so():
    layer = built(trainable=False)
    layer.trainable = True
    assert counts(layer) == (0, 2)


def test_a_layer_can_be_frozen_and_thawed_after_its_build():
    layer = built()
    layer.trainable = False
    frozen = counts(layer)
    layer.trainable = True
    assert (frozen, counts(layer)) == ((0, 2), (2, 0))


def test_default_names_are_numbered_in_order_of_construction():
    numbers = [int(Conv2DTranspose(1, 1).name.removeprefix("conv2d_transpose_")) for _ in "abc"]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]


def test_a_subclass_is_named_after_itself():
    class MyConvT(Conv2DTranspose):
        pass

    assert MyConvT(1, 1).name.startswith("my_conv_t_")


def test_the_name_of_a_private_subclass_says_so():
    class _Mine(Conv2DTranspose):
        pass

    assert _Mine(1, 1).name.startswith("private__mine_")


@pytest.mark.parametrize("name", [None, ""])
def test_no_name_and_an_empty_name_are_replaced(name):
    assert Conv2DTranspose(1, 1, name=name).name.startswith("conv2d_transpose_")


def scopes(*arguments):
    layers = [Conv2DTranspose(1, 1, **given) for given in arguments]
    for layer in layers:
        layer(X)
    return [layer.scope_name for layer in layers]


def test_scopes_are_made_unique_in_order_of_the_first_call():
    assert scopes({"name": "twin"}, {"name": "twin"}, {"name": "twin_1"}) == [
        "twin",
        "twin_1",
        "twin_1_1",
    ]


def test_opening_an_outer_scope_forgets_the_inner_ones():
    names = [{"name": "outer/in"}, {"name": "outer"}, {"name": "outer/in"}, {"name": "outer/in"}]
    assert scopes(*names) == ["outer/in", "outer", "outer/in", "outer/in_1"]


def test_the_numbers_of_inner_scopes_are_forgotten_with_them():
    names = [{"name": name} for name in ("shell/in", "shell/in", "shell", "shell/in")]
    assert scopes(*names) == ["shell/in", "shell/in_1", "shell", "shell/in"]


def test_reuse_takes_the_name_as_it_is():
    assert scopes({"name": "again", "_reuse": True}, {"name": "again", "_reuse": True}) == [
        "again",
        "again",
    ]


def test_a_given_scope_is_known_at_once():
    assert Conv2DTranspose(1, 1, _scope="known").scope_name == "known"


def test_reuse_does_not_open_another_scope_at_a_later_call():
    layer = Conv2DTranspose(1, 1, name="later", _scope="given", _reuse=True)
    layer(X)
    assert layer.scope_name == "given"


def test_the_scope_argument_of_the_first_call_names_the_scope():
    layer = Conv2DTranspose(1, 1, name="inner")
    layer(X, scope="from_call")
    assert layer.scope_name == "from_call"


def test_a_failed_call_opens_the_scope_too():
    layer = Conv2DTranspose(1, 1, name="failed")
    with pytest.raises(ValueError, match="min_ndim=4"):
        layer(np.ones(3))
    assert layer.scope_name == "failed"


def test_the_scope_name_is_unknown_before_the_first_call():
    with pytest.raises(ValueError, match="No name available for layer scope"):
        _ = Conv2DTranspose(1, 1).scope_name


def test_graph_warns_and_raises():
    with (
        pytest.warns(UserWarning, match="deprecated"),
        pytest.raises(RuntimeError, match="not supported when executing eagerly"),
    ):
        _ = Conv2DTranspose(1, 1).graph


@pytest.mark.parametrize("attribute", ["graph", "scope_name"])
def test_the_documented_attributes_are_read_only(attribute):
    with pytest.raises(AttributeError):
        setattr(Conv2DTranspose(1, 1), attribute, 3)


def keras(module, class_name, **config):
    return {
        "module": f"keras.{module}",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def test_the_default_configuration_is_keras_one():
    assert Conv2DTranspose(3, 2, name="given").get_config() == {
        "name": "given",
        "trainable": True,
        "dtype": None,
        "filters": 3,
        "kernel_size": (2, 2),
        "strides": (1, 1),
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": (1, 1),
        "groups": 1,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": None,
        "bias_initializer": keras("initializers", "Zeros", dtype="float32"),
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        "output_padding": None,
    }


@pytest.mark.parametrize(
    ("argument", "given", "written"),
    [
        ("activation", "silu", "swish"),
        ("activation", "softmax", "softmax"),
        ("bias_regularizer", "l1", keras("regularizers", "L1", l1=0.009999999776482582)),
        (
            "kernel_initializer",
            initializers.Zeros("float16"),
            keras("initializers", "Zeros", dtype="float16"),
        ),
        (
            "activation",
            {"class_name": "ELU", "config": {"name": "elu"}},
            keras("layers", "ELU", name="elu", trainable=True, dtype="float32", alpha=1.0),
        ),
        (
            "kernel_constraint",
            len,
            {
                "module": "builtins",
                "class_name": "builtin_function_or_method",
                "config": "len",
                "registered_name": "builtin_function_or_method",
            },
        ),
        ("kernel_initializer", "he_normal", keras("initializers", "HeNormal", seed=None)),
        ("bias_initializer", "one", keras("initializers", "Ones")),
        (
            "kernel_initializer",
            "orthogonal",
            keras("initializers", "Orthogonal", gain=1.0, seed=None),
        ),
        (
            "kernel_regularizer",
            "l1_l2",
            keras("regularizers", "L1L2", l1=0.009999999776482582, l2=0.009999999776482582),
        ),
        ("activity_regularizer", "l2", keras("regularizers", "L2", l2=0.009999999776482582)),
        ("kernel_constraint", "max_norm", keras("constraints", "MaxNorm", max_value=2, axis=0)),
        ("bias_constraint", constraints.NonNeg(), keras("constraints", "NonNeg")),
        ("dtype", "mixed_float16", keras("mixed_precision", "Policy", name="mixed_float16")),
    ],
)
def test_the_configuration_writes_objects_as_keras_does(argument, given, written):
    assert Conv2DTranspose(1, 1, **{argument: given}).get_config()[argument] == written


def test_the_dtype_of_the_first_input_is_in_the_configuration():
    layer = Conv2DTranspose(1, 1)
    layer(X.astype("float64"))
    assert layer.get_config()["dtype"] == "float64"


@pytest.mark.parametrize(
    ("keywords", "shape"),
    [
        ({"input_shape": (4, 5, 6)}, (None, 4, 5, 6)),
        ({"input_shape": (4, 5, 6), "batch_size": 3}, (3, 4, 5, 6)),
        ({"input_dim": 7}, (None, 7)),
        ({"batch_input_shape": [3, 4, 5, 6]}, (3, 4, 5, 6)),
    ],
)
def test_an_announced_input_shape_is_in_the_configuration(keywords, shape):
    assert Conv2DTranspose(1, 1, **keywords).get_config()["batch_input_shape"] == shape


@pytest.mark.parametrize(
    "arguments",
    [
        {"bias_initializer": "zeros"},
        {"strides": (2, 3), "output_padding": (1, 0), "padding": "same", "trainable": False},
        {"activation": "LeakyReLU", "activity_regularizer": "l1", "groups": 2},
        {"kernel_initializer": "VarianceScaling", "dtype": "mixed_float16"},
        {"kernel_constraint": {"class_name": "MinMaxNorm", "config": {"rate": 0.5}}},
        {"dilation_rate": 2, "data_format": "channels_first", "use_bias": False},
    ],
)
def test_a_layer_made_from_a_configuration_has_the_same_one(arguments):
    config = Conv2DTranspose(2, 3, bias_initializer="ones", **{
        key: value for key, value in arguments.items() if key != "bias_initializer"
    }).get_config()  # fmt: skip
    again = Conv2DTranspose.from_config(json.loads(json.dumps(config))).get_config()
    assert json.loads(json.dumps(again)) == json.loads(json.dumps(config))


def test_the_default_bias_initializer_loses_its_dtype_on_the_way_as_in_keras():
    config = Conv2DTranspose(1, 1).get_config()
    again = Conv2DTranspose.from_config(config).get_config()
    assert again["bias_initializer"] == keras("initializers", "Zeros")


def named(values):
    return values


def test_a_function_is_written_by_its_name():
    written = Conv2DTranspose(1, 1, activation=named).get_config()["activation"]
    assert (written["class_name"], written["config"]) == ("function", "named")


@pytest.mark.parametrize(("home", "module"), [("__main__", None), ("my.own", "my.own")])
def test_an_object_of_the_users_is_written_with_its_module_and_registered_name(home, module):
    body = {
        "__module__": home,
        "__call__": lambda self, weight: weight,
        "get_config": lambda self: {"rate": 1},
    }
    layer = Conv2DTranspose(1, 1, kernel_constraint=type("Mine", (), body)())
    assert layer.get_config()["kernel_constraint"] == {
        "module": module,
        "class_name": "Mine",
        "config": {"rate": 1},
        "registered_name": "Mine",
    }


def test_a_lambda_is_written_as_its_code_defaults_and_closure():
    closed = 3
    config = Conv2DTranspose(1, 1, activation=lambda z, y=2: z * y * closed).get_config()
    code, defaults, closure = config["activation"]["value"]
    function = types.FunctionType(
        marshal.loads(base64.decodebytes(code.encode("ascii"))), {}, "f", defaults,
        tuple(map(types.CellType, closure)),
    )  # fmt: skip
    assert function(7) == 42


def test_a_lambda_without_closure_is_written_with_none():
    config = Conv2DTranspose(1, 1, kernel_constraint=lambda w: w).get_config()
    assert config["kernel_constraint"]["config"]["value"][1:] == (None, None)


def test_a_lambda_is_written_as_json_too():
    config = Conv2DTranspose(1, 1, kernel_constraint=lambda w: w).get_config()
    assert json.loads(json.dumps(config))["kernel_constraint"]["class_name"] == "__lambda__"


@pytest.mark.parametrize(
    "changes",
    [{"foo": 1}, {"filters": -1}, {"activation": {"class_name": "function", "config": "named"}}],
)
def test_from_config_turns_every_failure_into_a_type_error(changes):
    config = {**Conv2DTranspose(1, 1).get_config(), **changes}
    with pytest.raises(TypeError, match="Error when deserializing class 'Conv2DTranspose'"):
        Conv2DTranspose.from_config(config)


def test_frozen_weights_come_after_those_that_are_trained():
    # a second build adds a second pair, trainable where the layer is at that time
    layer = Conv2DTranspose(1, 1, trainable=False, bias_initializer="ones")
    layer.build((1, 1, 1, 1))
    layer.trainable = True
    layer.build((1, 1, 1, 2))
    assert [weight.shape for weight in layer.weights] == [
        (1, 1, 1, 2), (1,), (1, 1, 1, 1), (1,),
    ]  # fmt: skip


def test_the_first_of_keras_own_layers_of_a_kind_has_no_number():
    assert [names.keras_name("used here only") for _ in "abc"] == [
        "used here only",
        "used here only_1",
        "used here only_2",
    ]
