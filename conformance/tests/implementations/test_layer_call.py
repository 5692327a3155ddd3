"""Calling the layer: inputs, dtypes, shapes, the activation (SHAPE, DTYPE, METH, ACT)."""

import copy
import pickle

import numpy as np
import pytest


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype=dtype)


@pytest.fixture
def built(Conv2DTranspose):
    def build(channels=1, **arguments):
        layer = Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})
        first = "data_format" in arguments
        layer.build((None, channels, None, None) if first else (1, 1, 1, channels))
        return layer

    return build


@pytest.mark.parametrize(
    "arguments",
    [
        {"strides": (2, 3)},
        {"strides": (3, 1), "padding": "same"},
        {"strides": 3, "output_padding": (2, 1)},
        {"dilation_rate": 2, "padding": "same"},
        {"data_format": "channels_first", "strides": (1, 2)},
    ],
)
def test_the_output_is_the_transposed_convolution_of_its_arguments(implementation, arguments):
    layer = implementation.Conv2DTranspose(3, (2, 5), bias_initializer="ones", **arguments)
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 4))
    output = layer(x)
    expected = implementation.conv2d_transpose(x, layer.kernel, bias=layer.bias, **arguments)
    np.testing.assert_array_equal(output, expected)


def test_channels_first_is_the_transposed_layer(Conv2DTranspose):
    weights = [np.arange(24.0).reshape(2, 2, 3, 2), np.array([1.0, -2.0, 3.0])]
    x = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
    last = Conv2DTranspose(3, 2, 2, weights=weights)
    first = Conv2DTranspose(3, 2, 2, data_format="channels_first", weights=weights)
    np.testing.assert_array_equal(np.moveaxis(first(np.moveaxis(x, 3, 1)), 1, 3), last(x))


@pytest.mark.parametrize(
    ("inputs", "error", "text"),
    [
        (ones(1, 2, 1), "ValueError", r"min_ndim=4, found ndim=3.* received: \(1, 2, 1\)"),
        (3.5, "ValueError", "min_ndim=4, found ndim=0"),
        (True, "ValueError", "min_ndim=4, found ndim=0"),
        (ones(1, 1, 2, 2, 1), "ValueError", "rank 4"),
        (ones(1, 2, 2, 1).tolist(), "ValueError", "received"),
        ([ones(1, 2, 2, 1), ones(1, 2, 2, 1)], "ValueError", "received 2 input"),
        ({"a": ones(1, 2, 2, 1), "b": ones(1, 2, 2, 1)}, "ValueError", "received 2 input"),
        ([], "ValueError", None),
        ([ones(1, 2, 2, 1)], "TypeError", None),
        (None, "TypeError", "Inputs to a layer should be tensors"),
        ("abc", "TypeError", "Inputs to a layer should be tensors"),
        (object(), "TypeError", "Inputs to a layer should be tensors"),
        (ones(1, 2, 2, 1, dtype=object), "ValueError", "object"),
        (ones(1, 2, 2, 1, dtype="int64"), "InvalidArgumentError", "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="int8"), "InvalidArgumentError", "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="uint8"), "InvalidArgumentError", "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="uint16"), "InvalidArgumentError", "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="bool"), "InvalidArgumentError", "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="U"), "InvalidArgumentError", "string"),
        (ones(1, 2, 2, 1, dtype="S"), "InvalidArgumentError", "string"),
        (ones(1, 2, 2, 1, dtype="complex64"), "ValueError", "An initializer for"),
        (ones(1, 2, 2, 1).astype("M8[s]"), "ValueError", "datetime64|Unsupported numpy type"),
        (ones(1, 2, 2, 1).astype("V4"), "ValueError", None),
    ],
)
def test_the_first_call_refuses(Conv2DTranspose, refused, inputs, error, text):
    with refused(error, text):
        Conv2DTranspose(1, 2)(inputs)


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ((2, 2, 1), "expected ndim=4, found ndim=3"),
        ((1, 1, 2, 2, 1), "expected ndim=4, found ndim=5"),
        ((1, 2, 2, 3), "expected axis -1 (of input shape )?to have value 1"),
    ],
)
def test_a_built_layer_refuses_another_rank_or_channel_count(built, shape, text):
    with pytest.raises(ValueError, match=text):
        built()(ones(*shape))


def test_channels_first_checks_its_own_channel_axis(built):
    layer = built(2, data_format="channels_first")
    with pytest.raises(ValueError, match=r"expected axis -3 (of input shape )?to have value 2"):
        layer(ones(1, 3, 2, 2))


@pytest.mark.parametrize("shape", [(1, 2, 2, 1), (3, 5, 1, 1), (0, 2, 2, 1)])
def test_later_calls_may_have_other_sizes(built, shape):
    layer = built()
    layer(ones(2, 3, 3, 1))
    assert layer(ones(*shape)).shape == (shape[0], shape[1] + 1, shape[2] + 1, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_the_dtype_comes_from_the_first_input(Conv2DTranspose, dtype):
    layer = Conv2DTranspose(1, 2)
    output = layer(ones(1, 2, 2, 1, dtype=dtype))
    assert (layer.dtype, output.dtype, layer.kernel.dtype) == (dtype, dtype, dtype)


def test_an_int32_layer_starts_with_zeros(Conv2DTranspose):
    assert not Conv2DTranspose(3, 2)(ones(1, 2, 2, 1, dtype="int32")).any()


def test_a_layer_that_is_built_before_its_first_call_is_float32(built):
    layer = built()
    assert (layer.dtype, layer.kernel.dtype) == ("float32", np.float32)


def test_another_dtype_than_the_layers_is_refused(built, refused):
    layer = built(dtype="float64")
    with refused("InvalidArgumentError", "expected to be a float64"):
        layer(ones(1, 2, 2, 1))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_autocast_casts_floating_inputs_to_the_dtype_of_the_layer(built, dtype):
    layer = built(dtype="float32", autocast=True)
    assert layer(ones(1, 2, 2, 1, dtype=dtype)).dtype == np.float32


def test_autocast_does_not_cast_integers(built, refused):
    layer = built(dtype="float32", autocast=True)
    with refused("InvalidArgumentError", "expected to be a float32"):
        layer(ones(1, 2, 2, 1, dtype="int32"))


def test_autocast_without_a_dtype_takes_that_of_the_first_input(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, autocast=True)
    assert layer(ones(1, 1, 1, 1, dtype="float64")).dtype == np.float64


def test_mixed_precision_computes_in_float16_with_float32_weights(Conv2DTranspose):
    layer = Conv2DTranspose(1, 2, dtype="mixed_float16", autocast=True)
    output = layer(ones(1, 2, 2, 1))
    assert (output.dtype.name, layer.kernel.dtype.name) == ("float16", "float32")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mixed_precision_without_autocast_refuses_wider_inputs(Conv2DTranspose, refused, dtype):
    layer = Conv2DTranspose(1, 2, dtype="mixed_float16")
    with refused("ValueError", "Incompatible type conversion|expected to be a float16"):
        layer(ones(1, 2, 2, 1, dtype=dtype))


def test_a_bias_is_rounded_to_the_format_of_the_computation(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, dtype="mixed_float16", autocast=True)
    layer.build((1, 1, 1, 1))
    layer.set_weights([np.full((1, 1, 1, 1), 2.0**-11), np.array([1 + 2.0**-12])])
    # 1 + 2**-12 is 1 as a float16, and 1 + 2**-11 a tie: the even one of 1 and 1 + 2**-10 is 1
    assert layer(ones(1, 1, 1, 1, dtype="float16")).item() == 1


def test_big_endian_inputs_are_ordinary_inputs(built):
    layer = built(kernel_initializer="ones")
    result = layer((ones(1, 1, 1, 1) * 3).astype(">f4"))
    assert (result.dtype.isnative, result.ravel().tolist()) == (True, [3.0] * 4)


@pytest.mark.parametrize(
    "call",
    [
        lambda layer, x: layer.apply(x),
        lambda layer, x: layer(inputs=x),
        lambda layer, x: layer(x, training=True),
        lambda layer, x: layer.apply(inputs=x, training=True),
    ],
)
def test_apply_and_keywords_are_the_same_as_a_call(built, call):
    layer, x = built(), ones(1, 2, 2, 1)
    np.testing.assert_array_equal(call(layer, x), layer(x))


@pytest.mark.parametrize(
    ("arguments", "keywords"), [((1,), {}), ((1, 2), {"foo": 1}), ((), {"mask": None})]
)
def test_further_arguments_of_a_call_are_refused(built, arguments, keywords):
    with pytest.raises(TypeError, match=r"further arguments|positional|'mask'"):
        built()(ones(1, 2, 2, 1), *arguments, **keywords)


def test_a_call_without_inputs_is_refused(built):
    with pytest.raises(TypeError, match="inputs"):
        built()()


def test_the_activation_comes_after_the_bias(Conv2DTranspose):
    layer = Conv2DTranspose(
        1, 1, kernel_initializer="ones", activation="relu",
        bias_initializer={"class_name": "Constant", "config": {"value": -2}},
    )  # fmt: skip
    assert layer(np.array([1.0, 5.0]).reshape(1, 2, 1, 1)).ravel().tolist() == [0.0, 3.0]


@pytest.mark.parametrize("result", [None, 3.0, "text", (1, 2)])
def test_whatever_an_activation_returns_is_the_output(built, result):
    assert built(activation=lambda _: result)(ones(1, 2, 2, 1)) is result


def test_a_bias_of_zero_padding_goes_through_the_activation_too(built):
    # kernel 1, stride 2: the second row is padding and holds exp(0) = 1
    layer = built(kernel_size=1, strides=(2, 1), activation="exponential")
    assert layer(ones(1, 1, 1, 1))[0, 1, 0, 0] == 1.0


def test_the_inputs_are_not_changed(built):
    x = np.random.default_rng(1).normal(size=(1, 2, 2, 1)).astype("float32")
    kept = x.copy()
    built(activation="relu")(x)
    np.testing.assert_array_equal(x, kept)


def test_the_output_is_new_each_time(built):
    layer, x = built(), ones(1, 2, 2, 1)
    assert not np.may_share_memory(layer(x), layer(x))


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_a_copy_has_the_same_function_and_weights_of_its_own(built, duplicate):
    layer = built(activation="tanh", kernel_constraint="unit_norm", activity_regularizer="l2")
    x = ones(1, 2, 2, 1)
    expected = layer(x)
    other = duplicate(layer)
    layer.set_weights([weight * 2 for weight in layer.get_weights()])
    np.testing.assert_array_equal(other(x), expected)


@pytest.mark.parametrize(
    ("inputs", "error"), [(None, TypeError), (ones(1, 2, 1), ValueError), ([], ValueError)]
)
def test_a_call_names_the_layer_that_refuses_its_inputs(Conv2DTranspose, inputs, error):
    with pytest.raises(error, match=r"ayer .?mine"):
        Conv2DTranspose(1, 2, name="mine")(inputs)


@pytest.mark.parametrize(("value", "kept"), [(1e300, np.inf), (1e-300, 0.0)])
def test_a_weight_beyond_the_range_of_its_dtype_is_rounded_without_a_warning(built, value, kept):
    layer = built(dtype="float16", use_bias=False)
    layer.set_weights([np.full((2, 2, 1, 1), value)])
    assert set(layer.kernel.ravel().tolist()) == {kept}


def test_a_weight_that_is_no_number_becomes_an_integer_without_a_warning(built):
    layer = built(dtype="int32", use_bias=False)
    layer.set_weights([np.full((2, 2, 1, 1), np.nan)])
    assert layer.kernel.dtype == np.int32


def test_true_is_one_filter(Conv2DTranspose):
    layer = Conv2DTranspose(True, 1)
    layer.build((1, 1, 1, 1))
    assert layer.kernel.shape == (1, 1, 1, 1)
