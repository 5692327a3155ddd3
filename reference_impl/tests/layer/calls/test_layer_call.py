"""Calling the layer: inputs, dtypes, shapes, the activation (SHAPE, DTYPE, METH, ACT)."""

import copy
import pickle

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError, conv2d_transpose
from reference_impl.layer.calls.inputs import as_tensor


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype=dtype)


def built(channels=1, **arguments):
    layer = Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})
    layer.build((None, channels, None, None) if "data_format" in arguments else (1, 1, 1, channels))
    return layer


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
def test_the_output_is_the_transposed_convolution_of_its_arguments(arguments):
    layer = Conv2DTranspose(3, (2, 5), bias_initializer="ones", **arguments)
    x = np.random.default_rng(1).normal(size=(2, 4, 4, 4))
    expected = conv2d_transpose(x, np.asarray((layer(x), layer.kernel)[1]), bias=layer.bias,
                                **arguments)  # fmt: skip
    np.testing.assert_array_equal(layer(x), expected)


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (ones(1, 2, 1), ValueError, "expected min_ndim=4, found ndim=3"),
        (3.5, ValueError, "expected min_ndim=4, found ndim=0"),
        (ones(1, 1, 2, 2, 1), ValueError, "Inputs should have rank 4"),
        (ones(1, 2, 2, 1).tolist(), ValueError, r"expects 1 input\(s\), but it received 4"),
        ([ones(1, 2, 2, 1), ones(1, 2, 2, 1)], ValueError, "but it received 2 input tensors"),
        ([ones(1, 2, 2, 1)], TypeError, "Dimension value must be integer"),
        (None, TypeError, "Inputs to a layer should be tensors"),
        ("abc", TypeError, "Inputs to a layer should be tensors"),
        (ones(1, 2, 2, 1, dtype=object), ValueError, "Unsupported object type"),
        (ones(1, 2, 2, 1, dtype="int64"), InvalidArgumentError, "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="uint8"), InvalidArgumentError, "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="bool"), InvalidArgumentError, "not in the list of allowed"),
        (ones(1, 2, 2, 1, dtype="U"), InvalidArgumentError, "of string is not in the list of"),
        (ones(1, 2, 2, 1, dtype="S"), InvalidArgumentError, "of string is not in the list of"),
        (ones(1, 2, 2, 1, dtype="complex64"), ValueError, "An initializer for variable"),
        (ones(1, 2, 2, 1).astype("M8[s]"), ValueError, "Unsupported numpy type"),
        (ones(1, 2, 2, 1).astype("V4"), ValueError, "Unsupported numpy type"),
    ],
)
def test_the_first_call_refuses(inputs, error, message):
    layer = Conv2DTranspose(1, 2)
    with pytest.raises(error, match=message) as caught:
        layer(inputs)
    assert caught.type is error


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 2, 1), "expected ndim=4, found ndim=3"),
        ((1, 1, 2, 2, 1), "expected ndim=4, found ndim=5"),
        ((1, 2, 2, 3), "expected axis -1 of input shape to have value 1"),
    ],
)
def test_a_built_layer_refuses_another_rank_or_channel_count(shape, message):
    layer = built()
    with pytest.raises(ValueError, match=message):
        layer(ones(*shape))


def test_channels_first_checks_its_own_channel_axis():
    layer = built(2, data_format="channels_first")
    with pytest.raises(ValueError, match="expected axis -3 of input shape to have value 2"):
        layer(ones(1, 3, 2, 2))


@pytest.mark.parametrize("shape", [(1, 2, 2, 1), (3, 5, 1, 1), (0, 2, 2, 1)])
def test_later_calls_may_have_other_sizes(shape):
    layer = built()
    assert layer(ones(*shape)).shape == (shape[0], shape[1] + 1, shape[2] + 1, 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_the_dtype_comes_from_the_first_input(dtype):
    layer = Conv2DTranspose(1, 2)
    output = layer(ones(1, 2, 2, 1, dtype=dtype))
    assert (layer.dtype, output.dtype, layer.kernel.dtype) == (dtype, dtype, dtype)


def test_a_layer_that_is_built_before_its_first_call_is_float32():
    assert built().dtype == "float32"


def test_another_dtype_than_the_layers_is_refused():
    layer = built(dtype="float64")
    with pytest.raises(InvalidArgumentError, match="expected to be a float64 tensor"):
        layer(ones(1, 2, 2, 1))


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_autocast_casts_floating_inputs_to_the_dtype_of_the_layer(dtype):
    layer = built(dtype="float32", autocast=True)
    assert layer(ones(1, 2, 2, 1, dtype=dtype)).dtype == np.float32


def test_autocast_does_not_cast_integers():
    layer = built(dtype="float32", autocast=True)
    with pytest.raises(InvalidArgumentError, match="expected to be a float32 tensor"):
        layer(ones(1, 2, 2, 1, dtype="int32"))


def test_mixed_precision_computes_in_float16_with_float32_weights():
    layer = Conv2DTranspose(1, 2, dtype="mixed_float16", autocast=True)
    output = layer(ones(1, 2, 2, 1))
    assert (output.dtype.name, layer.kernel.dtype.name) == ("float16", "float32")


def test_mixed_precision_without_autocast_refuses_float32_inputs():
    layer = Conv2DTranspose(1, 2, dtype="mixed_float16")
    with pytest.raises(ValueError, match="Incompatible type conversion"):
        layer(ones(1, 2, 2, 1))


def test_big_endian_inputs_are_ordinary_inputs():
    layer = built(kernel_initializer="ones")
    result = layer(ones(1, 1, 1, 1, dtype=">f4"))
    assert (result.dtype.isnative, result.ravel().tolist()) == (True, [1.0] * 4)


@pytest.mark.parametrize("call", [lambda layer, x: layer.apply(x), lambda layer, x: layer(inputs=x),
                                  lambda layer, x: layer.apply(inputs=x, training=True)])  # fmt: skip
def test_apply_and_keywords_are_the_same_as_a_call(call):
    layer, x = built(), ones(1, 2, 2, 1)
    np.testing.assert_array_equal(call(layer, x), layer(x))


@pytest.mark.parametrize("arguments", [((1,), {}), ((), {"mask": None}), ((), {"foo": 1})])
def test_further_arguments_of_a_call_are_refused(arguments):
    layer = built()
    with pytest.raises(TypeError, match="further arguments"):
        layer(ones(1, 2, 2, 1), *arguments[0], **arguments[1])


def test_a_call_without_inputs_is_refused():
    with pytest.raises(TypeError, match="inputs"):
        built()()


def test_the_activation_comes_after_the_bias():
    layer = Conv2DTranspose(
        1, 1, kernel_initializer="ones", activation="relu",
        bias_initializer={"class_name": "Constant", "config": {"value": -2}},
    )  # fmt: skip
    assert layer(np.array([1.0, 5.0]).reshape(1, 2, 1, 1)).ravel().tolist() == [0.0, 3.0]


@pytest.mark.parametrize("result", [None, 3.0, "text", (1, 2)])
def test_whatever_an_activation_returns_is_the_output(result):
    assert built(activation=lambda _: result)(ones(1, 2, 2, 1)) is result


def test_a_bias_of_zero_padding_goes_through_the_activation_too():
    # kernel 1, stride 2: the second row is padding and holds exp(0) = 1
    layer = built(kernel_size=1, strides=(2, 1), activation="exponential")
    assert layer(ones(1, 1, 1, 1))[0, 1, 0, 0] == 1.0


def test_the_inputs_are_not_changed():
    x = np.random.default_rng(1).normal(size=(1, 2, 2, 1)).astype("float32")
    kept = x.copy()
    built(activation="relu")(x)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))]
)
def test_a_copy_has_the_same_function_and_weights_of_its_own(duplicate):
    layer, x = built(activation="tanh", kernel_constraint="unit_norm"), ones(1, 2, 2, 1)
    expected = layer(x)
    other = duplicate(layer)
    layer.set_weights([weight * 2 for weight in layer.get_weights()])
    np.testing.assert_array_equal(other(x), expected)


@pytest.mark.parametrize(
    ("input_shape", "expected"),
    [
        ((2, 4, 5, 6), (2, 5, 7, 3)),
        ([None, None, 5, None], (None, None, 7, 3)),
        ((1, 4, 5, 6, 7), (1, 5, 7, 3, 7)),
    ],
)
def test_compute_output_shape_needs_no_built_layer(input_shape, expected):
    assert Conv2DTranspose(3, (2, 3)).compute_output_shape(input_shape) == expected


@pytest.mark.parametrize(
    ("input_shape", "error"),
    [
        ((1, 4, 5), IndexError),
        (4, IndexError),
        (None, ValueError),
        ((1, -1, 2, 3), ValueError),
        ((1, 2.0, 3, 4), TypeError),
    ],
)
def test_compute_output_shape_refuses_little(input_shape, error):
    with pytest.raises(error):
        Conv2DTranspose(3, 2).compute_output_shape(input_shape)


@pytest.mark.parametrize(
    ("input_shape", "message"),
    [
        ((1, 2, 3), "Inputs should have rank 4"),
        ((1, 2, 3, None), "channel dimension of the inputs"),
        (None, "unknown rank"),
    ],
)
def test_build_refuses(input_shape, message):
    with pytest.raises(ValueError, match=message):
        Conv2DTranspose(3, 2).build(input_shape)


@pytest.mark.parametrize(
    ("inputs", "error"), [(None, TypeError), (ones(1, 2, 1), ValueError), ([], ValueError)]
)
def test_a_call_names_the_layer_that_refuses_its_inputs(inputs, error):
    with pytest.raises(error, match=r"ayer .?mine"):
        Conv2DTranspose(1, 2, name="mine")(inputs)


@pytest.mark.parametrize("dtype", ["longdouble", "O"])
def test_numbers_that_no_tensor_holds_are_refused(dtype):
    with pytest.raises(ValueError, match="Unsupported object type"):
        Conv2DTranspose(1, 2)(ones(1, 2, 2, 1, dtype=dtype))


def test_a_native_array_is_not_copied():
    inputs = ones(1, 2, 2, 1)
    assert as_tensor(inputs, "layer") is inputs


def test_the_full_shape_is_shown_where_the_rank_is_wrong():
    with pytest.raises(ValueError, match=r"Full shape received: \(1, 2, 1\)"):
        Conv2DTranspose(1, 2)(ones(1, 2, 1))


def test_an_initial_value_is_cast_to_the_dtype_of_the_layer():
    layer = built(kernel_initializer=lambda shape, **_: np.ones(shape))
    assert layer.kernel.dtype == np.float32


@pytest.mark.parametrize(("value", "kept"), [(1e300, np.inf), (1e-300, 0.0)])
def test_a_weight_beyond_the_range_of_its_dtype_is_rounded_without_a_warning(value, kept):
    layer = built(dtype="float16", use_bias=False)
    layer.set_weights([np.full((2, 2, 1, 1), value)])
    assert set(layer.kernel.ravel().tolist()) == {kept}


def test_a_weight_that_is_no_number_becomes_an_integer_without_a_warning():
    layer = built(dtype="int32", use_bias=False)
    layer.set_weights([np.full((2, 2, 1, 1), np.nan)])
    assert layer.kernel.dtype == np.int32


def test_true_is_one_filter():
    layer = Conv2DTranspose(True, 1)
    layer.build((1, 1, 1, 1))
    assert layer.kernel.shape == (1, 1, 1, 1)
