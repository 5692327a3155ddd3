import json

import numpy as np
import pytest

import fast_impl

X = np.ones((1, 3, 3, 2), np.float32)

AT_CONSTRUCTION = {
    "filters 0": ({"filters": 0}, ValueError),
    "filters below one": ({"filters": 0.5}, ValueError),
    "filters as text": ({"filters": "3"}, TypeError),
    "kernel_size of three": ({"kernel_size": (1, 2, 3)}, ValueError),
    "kernel_size as a float": ({"kernel_size": 2.0}, ValueError),
    "kernel_size as a NumPy scalar": ({"kernel_size": np.int64(2)}, ValueError),
    "kernel_size 0": ({"kernel_size": (2, 0)}, ValueError),
    "kernel_size as texts": ({"kernel_size": ("2", "3")}, TypeError),
    "strides 0": ({"strides": 0}, ValueError),
    "strides negative": ({"strides": (1, -1)}, ValueError),
    "strides of four": ({"strides": (1, 2, 2, 1)}, ValueError),
    "padding unknown": ({"padding": " same"}, ValueError),
    "padding causal": ({"padding": "causal"}, ValueError),
    "padding None": ({"padding": None}, AttributeError),
    "data_format unknown": ({"data_format": "NHWC"}, ValueError),
    "data_format a number": ({"data_format": 1}, AttributeError),
    "activation unknown": ({"activation": "RELU"}, ValueError),
    "activation a number": ({"activation": 1}, TypeError),
    "initializer unknown": ({"kernel_initializer": "foo"}, ValueError),
    "initializer an array": ({"bias_initializer": np.ones(3)}, ValueError),
    "regularizer a number": ({"kernel_regularizer": 1}, ValueError),
    "constraint unknown": ({"kernel_constraint": "foo"}, ValueError),
    "trainable no Boolean": ({"trainable": 1}, TypeError),
    "unknown keyword": ({"reuse": True}, TypeError),
    "rank": ({"rank": 2}, TypeError),
    "output padding of the stride": ({"strides": 2, "output_padding": 2}, ValueError),
    "output padding as a float": ({"strides": 2, "output_padding": 1.0}, ValueError),
    "dilation with strides": ({"strides": 2, "dilation_rate": 2}, ValueError),
    "filters not divisible by groups": ({"groups": 2}, ValueError),
    "dtype unknown": ({"dtype": "foo"}, TypeError),
}


@pytest.mark.parametrize(("options", "error"), AT_CONSTRUCTION.values(), ids=list(AT_CONSTRUCTION))
def test_a_wrong_argument_is_refused_at_construction(options, error):
    with pytest.raises(error):
        fast_impl.Conv2DTranspose(**{"filters": 3, "kernel_size": 2, **options})


AT_THE_CALL = {
    "filters None": ({"filters": None}, ValueError),
    "filters float32": ({"filters": np.float32(3)}, TypeError),
    "kernel_size of floats": ({"kernel_size": (2.0, 3.0)}, TypeError),
    "kernel_size True": ({"kernel_size": True}, ValueError),
    "strides of floats": ({"strides": (2.0, 2.0)}, TypeError),
    "padding in a list": ({"padding": ["same"]}, TypeError),
    "padding in a tuple": ({"padding": ("same",)}, AssertionError),
    "unequal dilation": ({"dilation_rate": (2, 3)}, ValueError),
    "name a number": ({"name": 3}, ValueError),
    "initializer without dtype": ({"kernel_initializer": lambda shape: np.ones(shape)}, TypeError),
    "initializer of another shape": (
        {"kernel_initializer": lambda shape, dtype: np.ones((1, 2), dtype)},
        ValueError,
    ),
    "orthogonal bias": ({"bias_initializer": "orthogonal"}, ValueError),
    "identity kernel": ({"kernel_initializer": "identity"}, ValueError),
    "activity regularizer unknown": ({"activity_regularizer": "foo"}, TypeError),
    "too few weights": ({"weights": [np.ones((2, 2, 3, 2))]}, ValueError),
}


@pytest.mark.parametrize(("options", "error"), AT_THE_CALL.values(), ids=list(AT_THE_CALL))
def test_a_wrong_argument_that_passes_the_constructor_is_refused_at_the_call(options, error):
    layer = fast_impl.Conv2DTranspose(**{"filters": 3, "kernel_size": 2, **options})
    with pytest.raises(error):
        layer(X)


def test_the_unknown_keyword_is_named():
    with pytest.raises(TypeError) as caught:
        fast_impl.Conv2DTranspose(3, 2, foo=1)
    assert caught.value.args == ("Keyword argument not understood:", "foo")


@pytest.mark.parametrize("pair", [(2, 3), [2, 3], np.array([2, 3]), range(2, 4), iter((2, 3))])
def test_any_pair_of_integers_is_a_pair(pair):
    assert fast_impl.Conv2DTranspose(3, pair).kernel_size == (2, 3)


def test_a_float_for_filters_is_truncated():
    assert fast_impl.Conv2DTranspose(3.7, 2).filters == 3


def test_no_data_format_means_channels_last():
    assert fast_impl.Conv2DTranspose(3, 2, data_format=None).data_format == "channels_last"


def test_groups_change_nothing():
    layer = fast_impl.Conv2DTranspose(4, 2, groups=2)
    layer(X)
    assert layer.kernel.shape == (2, 2, 4, 2)


def test_a_unknown_regularizer_fails_when_its_loss_is_read():
    layer = fast_impl.Conv2DTranspose(3, 2, kernel_regularizer="foo")
    layer(X)
    with pytest.raises(TypeError, match="not callable"):
        layer.losses  # noqa: B018


# --- configuration --------------------------------------------------------------------------

CONFIGS = {
    "defaults": {},
    "names": {"activation": "relu", "kernel_initializer": "he_normal", "padding": "SAME"},
    "penalties": {
        "kernel_regularizer": "l1_l2",
        "activity_regularizer": {"class_name": "L2", "config": {"l2": 0.3}},
    },
    "constraints": {"kernel_constraint": "max_norm", "bias_constraint": "NonNeg"},
    "sizes": {"strides": [2, 3], "output_padding": 1, "dtype": "float16", "trainable": False},
    "NumPy integers": {"strides": np.array([2, 3])},
    "layer as activation": {"activation": "LeakyReLU"},
    "input shape": {"input_shape": (3, 3, 2)},
}


@pytest.mark.parametrize("options", CONFIGS.values(), ids=list(CONFIGS))
def test_a_configuration_survives_json_and_the_constructor(options):
    config = fast_impl.Conv2DTranspose(3, 2, **options).get_config()
    read = json.loads(json.dumps(config))
    again = fast_impl.Conv2DTranspose.from_config(read).get_config()
    assert json.dumps(again) == json.dumps(config)


def test_the_configuration_has_the_keys_of_tensorflow_in_its_order():
    assert list(fast_impl.Conv2DTranspose(3, 2).get_config()) == [
        "name", "trainable", "dtype", "filters", "kernel_size", "strides", "padding",
        "data_format", "dilation_rate", "groups", "activation", "use_bias",
        "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
        "activity_regularizer", "kernel_constraint", "bias_constraint", "output_padding",
    ]  # fmt: skip


def test_a_named_regularizer_is_written_as_keras_does():
    config = fast_impl.Conv2DTranspose(3, 2, kernel_regularizer="l2").get_config()
    assert config["kernel_regularizer"] == {
        "module": "keras.regularizers",
        "class_name": "L2",
        "config": {"l2": 0.009999999776482582},
        "registered_name": None,
    }


def test_the_dtype_in_the_configuration_is_none_until_the_first_call():
    layer = fast_impl.Conv2DTranspose(3, 2)
    before = layer.get_config()["dtype"]
    layer(X)
    assert (before, layer.get_config()["dtype"]) == (None, "float32")


# --- names ----------------------------------------------------------------------------------


def test_default_names_are_numbered_from_the_construction():
    class Numbered(fast_impl.Conv2DTranspose):
        pass

    assert [Numbered(1, 1).name, Numbered(1, 1).name] == ["numbered_1", "numbered_2"]


def test_scope_names_are_numbered_from_the_first_call():
    first, second = (fast_impl.Conv2DTranspose(1, 1, name="calls") for _ in range(2))
    second(X)
    first(X)
    assert (second.scope_name, first.scope_name) == ("calls", "calls_1")


def test_a_scope_name_that_is_taken_is_skipped():
    names = ("taken", "taken", "taken_2", "taken")
    layers = [fast_impl.Conv2DTranspose(1, 1, name=name) for name in names]
    for layer in layers:
        layer(X)
    assert [layer.scope_name for layer in layers] == ["taken", "taken_1", "taken_2", "taken_3"]


def test_the_scope_name_is_unknown_before_the_first_call():
    with pytest.raises(ValueError, match="No name available"):
        fast_impl.Conv2DTranspose(1, 1).scope_name  # noqa: B018


def test_a_given_scope_is_known_at_once():
    assert fast_impl.Conv2DTranspose(1, 1, _scope="given").scope_name == "given"


def test_the_graph_is_not_supported():
    layer = fast_impl.Conv2DTranspose(1, 1)
    with pytest.warns(UserWarning, match="deprecated"), pytest.raises(RuntimeError):
        layer.graph  # noqa: B018


# --- output shape ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        ((2, 3, 4, 1), {}, (2, 4, 5, 3)),
        ((None, None, 4, None), {"strides": 2, "padding": "same"}, (None, None, 8, 3)),
        ((2, 5, 3, 4), {"data_format": "channels_first"}, (2, 3, 4, 5)),
        ((1, 2, 3, 4, 5), {}, (1, 3, 4, 3, 5)),
    ],
)
def test_the_output_shape_is_computed_from_any_shape(shape, options, expected):
    assert fast_impl.Conv2DTranspose(3, 2, **options).compute_output_shape(shape) == expected


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        ((1, 2, 3), IndexError),
        (5, IndexError),
        (None, ValueError),
        ((1, -1, 2, 2), ValueError),
        ((1, 2.0, 2, 2), TypeError),
    ],
)
def test_a_shape_that_is_none_is_refused(shape, error):
    with pytest.raises(error):
        fast_impl.Conv2DTranspose(3, 2).compute_output_shape(shape)


@pytest.mark.parametrize("shape", [(1, 2, 3), (1, 2, 3, 4, 5), None, (1, 2, 2, None)], ids=str)
def test_a_layer_cannot_be_built_without_rank_and_channels(shape):
    with pytest.raises(ValueError, match=r"rank|channel"):
        fast_impl.Conv2DTranspose(3, 2).build(shape)


def test_building_twice_adds_a_second_pair():
    layer = fast_impl.Conv2DTranspose(3, 2)
    layer.build((1, 2, 2, 2))
    layer.build((1, 2, 2, 3))
    assert (len(layer.weights), layer.count_params()) == (4, 27 + 39)


def test_counting_an_unbuilt_layer_is_refused():
    with pytest.raises(ValueError, match="isn't built"):
        fast_impl.Conv2DTranspose(3, 2).count_params()


# --- initializers ---------------------------------------------------------------------------


def _kernel(initializer, filters=50, channels=8):
    layer = fast_impl.Conv2DTranspose(filters, 3, kernel_initializer=initializer)
    layer.build((1, 1, 1, channels))
    return layer.kernel


def test_the_default_kernel_is_glorot_uniform():
    kernel = _kernel(None)
    limit = np.sqrt(6 / (9 * (50 + 8)))
    assert 0.95 * limit < np.abs(kernel).max() <= limit * (1 + 1e-6)


def test_no_bias_initializer_means_glorot_uniform():
    layer = fast_impl.Conv2DTranspose(300, 1, bias_initializer=None)
    layer.build((1, 1, 1, 1))
    assert 0.9 * 0.1 < np.abs(layer.bias).max() <= 0.1 * (1 + 1e-6)


def test_the_default_bias_is_zero():
    layer = fast_impl.Conv2DTranspose(3, 1)
    layer.build((1, 1, 1, 1))
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("he_normal", 2 / (9 * 50)),
        ("HeUniform", 2 / (9 * 50)),
        ("lecun_normal", 1 / (9 * 50)),
        ("glorot_normal", 2 / (9 * 58)),
        ("random_normal", 0.05**2),
        ("uniform", 0.1**2 / 12),
        ({"class_name": "VarianceScaling", "config": {"mode": "fan_out"}}, 1 / (9 * 8)),
    ],
)
def test_the_fans_are_taken_from_the_kernel_as_it_stands(name, variance):
    assert _kernel(name).var() == pytest.approx(variance, rel=0.15)


def test_a_seed_gives_the_same_values_again():
    config = {"class_name": "GlorotUniform", "config": {"seed": 7}}
    np.testing.assert_array_equal(_kernel(config), _kernel(config))


def test_without_a_seed_every_layer_differs():
    assert not np.array_equal(_kernel(None), _kernel(None))


def test_an_orthogonal_kernel_has_orthonormal_columns():
    flat = _kernel("orthogonal").reshape(-1, 8)
    np.testing.assert_allclose(flat.T @ flat, np.eye(8), atol=1e-5)


def test_a_constant_of_another_size_is_refused():
    config = {"class_name": "Constant", "config": {"value": [1, 2, 3]}}
    with pytest.raises(TypeError, match="holds 3 values"):
        _kernel(config)
