"""Weights, names, scopes and the configuration (groups VAR, ATTR; METH-06, METH-07)."""

import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

X = np.ones((1, 2, 2, 3), dtype=np.float32)


@pytest.fixture
def built(Conv2DTranspose):
    def build(**arguments):
        layer = Conv2DTranspose(**{"filters": 2, "kernel_size": (4, 5), **arguments})
        layer.build(X.shape)
        return layer

    return build


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_the_kernel_has_the_filters_before_the_channels_in_both_layouts(
    Conv2DTranspose, data_format
):
    layer = Conv2DTranspose(2, (4, 5), data_format=data_format)
    layer.build((1, 3, 6, 3) if data_format == "channels_last" else (1, 3, 6, 7))
    assert [weight.shape for weight in layer.weights] == [(4, 5, 2, 3), (2,)]


@pytest.mark.parametrize("attribute", ["kernel", "bias"])
def test_an_unbuilt_layer_has_no(Conv2DTranspose, attribute):
    assert not hasattr(Conv2DTranspose(1, 1), attribute)


@pytest.mark.parametrize(
    "attribute", ["weights", "trainable_weights", "non_trainable_weights", "losses"]
)
def test_an_unbuilt_layer_has_an_empty_list_of(Conv2DTranspose, attribute):
    assert getattr(Conv2DTranspose(1, 1), attribute) == []


def test_get_weights_of_an_unbuilt_layer_is_empty(Conv2DTranspose):
    assert Conv2DTranspose(1, 1).get_weights() == []


def test_get_weights_gives_copies(built):
    layer = built()
    layer.get_weights()[0][...] = 7
    assert (layer.kernel != 7).all()


def test_the_exposed_weights_cannot_be_written_into(built):
    with pytest.raises(ValueError, match="read-only"):
        built().kernel[0] = 1


def test_set_weights_casts_to_the_dtype_of_the_weights(built):
    layer = built()
    layer.set_weights([np.full((4, 5, 2, 3), 0.1), np.array([1, 2])])
    assert layer.kernel.flat[0] == np.float32(0.1)


def test_set_weights_copies_what_it_is_given(built):
    layer, kernel = built(use_bias=False), np.ones((4, 5, 2, 3), dtype=np.float32)
    layer.set_weights([kernel])
    kernel[...] = 7
    assert (layer.kernel == 1).all()


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ([np.ones((4, 5, 2, 3))], 'layer "mine" with a weight list of length 1.* 2 weights'),
        ([np.ones((4, 5, 3, 2)), np.ones(2)], "not compatible with provided weight shape"),
        ([np.ones((4, 5, 2, 3)), 1.0], r"provided weight shape \(\)"),
        ([np.ones((4, 5, 2, 3)).tolist(), np.ones(2)], r"provided weight shape \(\)"),
    ],
)
def test_set_weights_refuses(built, weights, text):
    with pytest.raises(ValueError, match=text):
        built(name="mine").set_weights(weights)


@pytest.mark.parametrize("number", [True, 1, Fraction(1), Decimal(1), np.float16(1)])
def test_set_weights_takes_numbers_of_any_kind(built, number):
    layer = built(use_bias=False)
    layer.set_weights([np.full((4, 5, 2, 3), number)])
    assert set(layer.kernel.ravel().tolist()) == {1.0}


def test_refused_weights_change_nothing(built):
    layer = built(kernel_initializer="zeros")
    with pytest.raises(ValueError, match="not compatible"):
        layer.set_weights([np.ones((4, 5, 2, 3)), np.ones(3)])
    assert not layer.kernel.any()


@pytest.mark.parametrize(("use_bias", "count"), [(True, 4 * 5 * 2 * 3 + 2), (False, 4 * 5 * 2 * 3)])
def test_the_parameters_are_counted(built, use_bias, count):
    assert built(use_bias=use_bias).count_params() == count


def test_counting_an_unbuilt_layer_is_refused(Conv2DTranspose):
    with pytest.raises(ValueError, match="isn't built"):
        Conv2DTranspose(1, 1).count_params()


def test_the_weights_keyword_is_applied_once_at_the_first_call(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, weights=[np.full((1, 1, 1, 3), 5.0), np.array([3.0])])
    assert layer(X).ravel().tolist() == [18.0] * 4
    layer.set_weights([np.ones((1, 1, 1, 3)), np.ones(1)])
    assert layer(X).ravel().tolist() == [4.0] * 4


def test_the_weights_keyword_is_not_applied_after_a_build(Conv2DTranspose):
    layer = Conv2DTranspose(
        1, 1, kernel_initializer="ones", weights=[np.full((1, 1, 1, 3), 5.0), np.array([3.0])]
    )
    layer.build(X.shape)
    assert layer(X).ravel().tolist() == [3.0] * 4


def test_building_twice_adds_a_second_pair_of_weights(built):
    layer = built()
    layer.build((1, 2, 2, 6))
    assert [w.shape for w in layer.weights] == [(4, 5, 2, 3), (2,), (4, 5, 2, 6), (2,)]
    assert layer.count_params() == 122 + 242


def counts(layer):
    return len(layer.trainable_weights), len(layer.non_trainable_weights)


def test_weights_created_not_trainable_stay_so(built):
    layer = built(trainable=False)
    layer.trainable = True
    assert counts(layer) == (0, 2)


def test_a_layer_can_be_frozen_and_thawed_after_its_build(built):
    layer = built()
    layer.trainable = False
    frozen = counts(layer)
    layer.trainable = True
    assert (frozen, counts(layer)) == ((0, 2), (2, 0))


def test_frozen_weights_come_after_those_that_are_trained_and_so_do_their_gradients(built):
    # a second build adds a second pair, trainable where the layer is at that time
    layer = built(trainable=False, bias_initializer="ones", bias_regularizer="l2")
    layer.trainable = True
    layer.build((1, 1, 1, 1))
    shapes = [weight.shape for weight in layer.weights]
    assert shapes == [(4, 5, 2, 1), (2,), (4, 5, 2, 3), (2,)]
    assert [gradient is None for gradient in layer.loss_gradients()] == [True, False, True, False]


def test_an_initial_value_is_cast_to_the_dtype_of_the_layer(built):
    layer = built(kernel_initializer=lambda shape, **_: np.ones(shape), dtype="float16")
    assert layer.kernel.dtype == np.float16


@pytest.mark.parametrize(
    ("data_format", "shape", "text"),
    [
        ("channels_last", (1, 2, 3), "rank"),
        ("channels_last", (1, 2, 3, 4, 5), "rank"),
        ("channels_last", None, "rank"),
        ("channels_last", (1, 2, 3, None), "channel|axis -1 is None"),
        ("channels_first", (1, None, 2, 2), "channel|axis -3 is None"),
    ],
)
def test_build_refuses(Conv2DTranspose, data_format, shape, text):
    with pytest.raises(ValueError, match=text):
        Conv2DTranspose(3, 2, data_format=data_format).build(shape)


# --- names ----------------------------------------------------------------------------------


def test_default_names_are_numbered_from_the_construction(Conv2DTranspose):
    class NumberedHereAlone(Conv2DTranspose):
        pass

    names = [NumberedHereAlone(1, 1).name for _ in "ab"]
    assert names == ["numbered_here_alone_1", "numbered_here_alone_2"]


@pytest.mark.parametrize(
    ("class_name", "stem"),
    [
        ("MyConvT", "my_conv_t"),
        ("HTTPLayer", "http_layer"),
        ("_Mine", "private__mine"),
        ("aB", "a_b"),
    ],
)
def test_a_layer_is_named_after_its_class(Conv2DTranspose, class_name, stem):
    assert type(class_name, (Conv2DTranspose,), {})(1, 1).name.startswith(f"{stem}_")


@pytest.mark.parametrize("name", [None, ""])
def test_no_name_and_an_empty_name_are_replaced(Conv2DTranspose, name):
    assert Conv2DTranspose(1, 1, name=name).name.startswith("conv2d_transpose_")


@pytest.fixture
def scopes(Conv2DTranspose):
    """The names of the scopes of layers of the arguments given, each called in this order."""

    def opened(*arguments):
        layers = [Conv2DTranspose(1, 1, **given) for given in arguments]
        for layer in layers:
            layer(X)
        return [layer.scope_name for layer in layers]

    return opened


def test_scopes_are_numbered_from_the_first_call(Conv2DTranspose):
    first, second = (Conv2DTranspose(1, 1, name="calls") for _ in range(2))
    second(X)
    first(X)
    assert (second.scope_name, first.scope_name) == ("calls", "calls_1")


def test_a_scope_name_that_is_taken_is_skipped(scopes):
    names = [{"name": name} for name in ("taken", "taken", "taken_1", "taken_2", "taken")]
    assert scopes(*names) == ["taken", "taken_1", "taken_1_1", "taken_2", "taken_3"]


def test_reuse_takes_the_name_as_it_is(scopes):
    names = [{"name": "again"}, {"name": "again", "_reuse": True}, {"name": "again"}]
    assert scopes(*names) == ["again", "again", "again_1"]


def test_a_given_scope_is_known_at_once_however_often(Conv2DTranspose):
    layers = [Conv2DTranspose(1, 1, _scope="known") for _ in range(2)]
    assert [layer.scope_name for layer in layers] == ["known", "known"]
    for layer in layers:
        layer.build(X.shape)
    assert [layer.scope_name for layer in layers] == ["known", "known"]


def test_a_given_scope_counts_as_opened(scopes):
    names = [{"_scope": "given_first"}, {"name": "given_first"}]
    assert scopes(*names) == ["given_first", "given_first_1"]


def test_a_given_scope_stays_at_the_call(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, name="later", _scope="kept", _reuse=True)
    layer(X, scope="other")
    assert layer.scope_name == "kept"


def test_the_scope_argument_of_the_first_call_names_the_scope_as_it_is(Conv2DTranspose):
    first, second = (Conv2DTranspose(1, 1, name="inner") for _ in range(2))
    first(X, scope="from_call")
    second(X, scope="from_call")
    first(X, scope="ignored")
    assert (first.scope_name, second.scope_name) == ("from_call", "from_call")


def test_a_failed_call_opens_the_scope_too(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, name="failed")
    with pytest.raises(ValueError, match="min_ndim=4"):
        layer(np.ones(3))
    assert layer.scope_name == "failed"


def test_a_build_opens_the_scope(built):
    assert built(name="built_first").scope_name == "built_first"


def test_the_scope_name_is_unknown_before_the_first_call(Conv2DTranspose):
    with pytest.raises(ValueError, match="No name available for layer scope"):
        Conv2DTranspose(1, 1).scope_name  # noqa: B018


def test_graph_warns_and_raises(Conv2DTranspose):
    with (
        pytest.warns(UserWarning, match="deprecated"),
        pytest.raises(RuntimeError, match="not supported when executing eagerly"),
    ):
        Conv2DTranspose(1, 1).graph  # noqa: B018


@pytest.mark.parametrize("attribute", ["graph", "scope_name", "name", "weights", "losses"])
def test_the_documented_attributes_are_read_only(Conv2DTranspose, attribute):
    with pytest.raises(AttributeError):
        setattr(Conv2DTranspose(1, 1), attribute, 3)


# --- configuration --------------------------------------------------------------------------


def keras(module, class_name, **config):
    return {
        "module": f"keras.{module}",
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def test_the_default_configuration_is_keras_one_in_its_order(Conv2DTranspose):
    config = {
        "name": "given", "trainable": True, "dtype": None, "filters": 3, "kernel_size": (2, 2),
        "strides": (1, 1), "padding": "valid", "data_format": "channels_last",
        "dilation_rate": (1, 1), "groups": 1, "activation": "linear", "use_bias": True,
        "kernel_initializer": None,
        "bias_initializer": keras("initializers", "Zeros", dtype="float32"),
        "kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None,
        "kernel_constraint": None, "bias_constraint": None, "output_padding": None,
    }  # fmt: skip
    assert [*Conv2DTranspose(3, 2, name="given").get_config().items()] == [*config.items()]


HUNDREDTH = 0.009999999776482582


@pytest.mark.parametrize(
    ("argument", "given", "written"),
    [
        ("activation", "silu", "swish"),
        ("activation", "softmax", "softmax"),
        ("kernel_initializer", "he_normal", keras("initializers", "HeNormal", seed=None)),
        ("bias_initializer", "one", keras("initializers", "Ones")),
        (
            "kernel_initializer",
            "orthogonal",
            keras("initializers", "Orthogonal", gain=1.0, seed=None),
        ),
        ("kernel_regularizer", "l1_l2", keras("regularizers", "L1L2", l1=HUNDREDTH, l2=HUNDREDTH)),
        ("bias_regularizer", "l1", keras("regularizers", "L1", l1=HUNDREDTH)),
        ("activity_regularizer", "l2", keras("regularizers", "L2", l2=HUNDREDTH)),
        ("kernel_constraint", "max_norm", keras("constraints", "MaxNorm", max_value=2, axis=0)),
        ("bias_constraint", "NonNeg", keras("constraints", "NonNeg")),
        ("dtype", "mixed_float16", keras("mixed_precision", "Policy", name="mixed_float16")),
        ("groups", 1, 1),
        ("use_bias", "no", "no"),
        ("data_format", "channels_first", "channels_first"),
        ("output_padding", 0, (0, 0)),
        ("dilation_rate", 3, (3, 3)),
    ],
)
def test_the_configuration_writes_objects_as_keras_does(Conv2DTranspose, argument, given, written):
    assert Conv2DTranspose(1, 1, **{argument: given}).get_config()[argument] == written


def test_the_configuration_writes_the_dtype_that_zeros_were_given(Conv2DTranspose, initializers):
    layer = Conv2DTranspose(1, 1, kernel_initializer=initializers.Zeros("float16"))
    expected = keras("initializers", "Zeros", dtype="float16")
    assert layer.get_config()["kernel_initializer"] == expected


def test_the_dtype_in_the_configuration_is_that_of_the_first_input(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1)
    before = layer.get_config()["dtype"]
    layer(X.astype("float64"))
    assert (before, layer.get_config()["dtype"]) == (None, "float64")


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
def test_an_announced_input_shape_is_in_the_configuration(Conv2DTranspose, keywords, shape):
    assert Conv2DTranspose(1, 1, **keywords).get_config()["batch_input_shape"] == shape


def test_a_batch_size_alone_announces_nothing(Conv2DTranspose):
    assert "batch_input_shape" not in Conv2DTranspose(1, 1, batch_size=3).get_config()


@pytest.mark.parametrize(
    "arguments",
    [
        {"padding": "SAME", "strides": [2, 3]},
        {"strides": (2, 3), "output_padding": (1, 0), "padding": "same", "trainable": False},
        {"activation": "LeakyReLU", "activity_regularizer": "l1", "filters": 4, "groups": 2},
        {"kernel_initializer": "VarianceScaling", "dtype": "mixed_float16"},
        {"kernel_regularizer": "l1_l2", "bias_constraint": "NonNeg"},
        {"kernel_constraint": {"class_name": "MinMaxNorm", "config": {"rate": 0.5}}},
        {"dilation_rate": 2, "data_format": "channels_first", "use_bias": False},
        {"bias_initializer": {"class_name": "Constant", "config": {"value": [1.0]}}},
        {"input_shape": (3, 3, 2)},
    ],
)
def test_a_layer_made_from_a_configuration_has_the_same_one(Conv2DTranspose, arguments):
    given = {"filters": 2, "kernel_size": 3, "bias_initializer": "ones", **arguments}
    config = json.loads(json.dumps(Conv2DTranspose(**given).get_config()))
    again = Conv2DTranspose.from_config(config).get_config()
    assert json.loads(json.dumps(again)) == config


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"class_name": "foo", "config": {}}, "Unknown constraint: 'foo'"),
        ({"class_name": 3, "config": {}}, "constraint"),
        ({"class_name": "NonNeg"}, "constraint|Improper config"),
        ({"config": {}}, "constraint|Improper config"),
        ({"class_name": "function", "config": "foo"}, "Unknown constraint: 'foo'"),
    ],
)
def test_a_configuration_of_another_form_is_refused(Conv2DTranspose, config, text):
    with pytest.raises(ValueError, match=text):
        Conv2DTranspose(1, 1, kernel_constraint=config)


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        ("kernel_regularizer", "regularizer"),
        ("kernel_initializer", "initializer"),
        ("kernel_constraint", "constraint"),
        ("activation", "activation function"),
    ],
)
def test_an_unknown_configuration_is_named_after_its_argument(Conv2DTranspose, argument, kind):
    with pytest.raises(ValueError, match=f"Unknown {kind}: 'None of them'"):
        Conv2DTranspose(1, 1, **{argument: {"class_name": "None of them", "config": {}}})


def named(values):
    return values


@pytest.mark.parametrize("argument", ["activation", "kernel_constraint"])
def test_a_function_is_written_by_its_name(Conv2DTranspose, argument):
    written = Conv2DTranspose(1, 1, **{argument: named}).get_config()[argument]
    assert written == {
        "module": "builtins",
        "class_name": "function",
        "config": "named",
        "registered_name": "function",
    }


class Mine:
    def __call__(self, weight):
        return weight

    def get_config(self):
        return {"rate": 1}


def test_an_object_of_the_users_is_written_with_its_module_and_registered_name(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, kernel_constraint=Mine())
    assert layer.get_config()["kernel_constraint"] == {
        "module": Mine.__module__,
        "class_name": "Mine",
        "config": {"rate": 1},
        "registered_name": "Mine",
    }
