"""Gradients against differences of integers, which are exact: the map is linear in each argument."""

import numpy as np
import pytest

from reference_impl import InvalidArgumentError, conv2d_transpose, conv2d_transpose_gradients

CASES = [
    pytest.param({"strides": (1, 2), "padding": "valid"}, (2, 3), id="valid"),
    pytest.param({"strides": (3, 2), "padding": "valid"}, (2, 1), id="kernel-below-stride"),
    pytest.param({"strides": (2, 1), "padding": "same"}, (3, 4), id="same"),
    pytest.param({"strides": (3, 2), "padding": "same"}, (1, 5), id="same-mixed"),
    pytest.param(
        {"strides": (2, 3), "padding": "same", "output_padding": (1, 2)}, (2, 3), id="same-extra"
    ),
    pytest.param(
        {"strides": (3, 2), "padding": "valid", "output_padding": (2, 0)}, (1, 3), id="valid-extra"
    ),
    pytest.param({"padding": "same", "dilation_rate": (2, 3)}, (2, 3), id="dilation"),
    pytest.param({"strides": (2, 1), "dilation_rate": (1, 2)}, (3, 2), id="stride-and-dilation"),
    pytest.param(
        {"strides": (2, 1), "padding": "same", "data_format": "channels_first"},
        (3, 2),
        id="channels-first",
    ),
]


def integers(seed, shape):
    return np.random.default_rng(seed).integers(-6, 7, shape)


def differences(function, array, output_gradient):
    """The gradient of `sum(function(array) * output_gradient)`, element by element."""
    base = (function(array) * output_gradient).sum()
    result = np.empty_like(array)
    for position in np.ndindex(array.shape):
        moved = array.copy()
        moved[position] += 1
        result[position] = (function(moved) * output_gradient).sum() - base
    return result


def operands(arguments, kernel_size):
    first = arguments.get("data_format") == "channels_first"
    inputs = integers(1, (2, 3, 2, 2) if first else (2, 2, 2, 3))
    kernel, bias = integers(2, (*kernel_size, 2, 3)), integers(3, (2,))
    shape = conv2d_transpose(inputs, kernel, bias=bias, **arguments).shape
    return inputs, kernel, bias, integers(4, shape)


@pytest.mark.parametrize(("arguments", "kernel_size"), CASES)
def test_the_gradient_of_the_inputs_is_the_finite_difference(arguments, kernel_size):
    inputs, kernel, _, slopes = operands(arguments, kernel_size)
    found = conv2d_transpose_gradients(inputs, kernel, slopes, **arguments).inputs
    expected = differences(lambda x: conv2d_transpose(x, kernel, **arguments), inputs, slopes)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(("arguments", "kernel_size"), CASES)
def test_the_gradient_of_the_kernel_is_the_finite_difference(arguments, kernel_size):
    inputs, kernel, _, slopes = operands(arguments, kernel_size)
    found = conv2d_transpose_gradients(inputs, kernel, slopes, **arguments).kernel
    expected = differences(lambda k: conv2d_transpose(inputs, k, **arguments), kernel, slopes)
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize(("arguments", "kernel_size"), CASES)
def test_the_gradient_of_the_bias_is_the_finite_difference(arguments, kernel_size):
    inputs, kernel, bias, slopes = operands(arguments, kernel_size)
    found = conv2d_transpose_gradients(inputs, kernel, slopes, **arguments).bias
    expected = differences(
        lambda b: conv2d_transpose(inputs, kernel, bias=b, **arguments), bias, slopes
    )
    assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(0, 2, 3, 2), (2, 0, 3, 2), (2, 3, 0, 2)])
@pytest.mark.parametrize("strides", [(1, 1), (4, 4)])
def test_the_kernel_gradient_of_an_empty_input_is_zeros(shape, strides):
    inputs, kernel = np.zeros(shape), np.ones((2, 3, 4, 2))
    slopes = np.ones_like(conv2d_transpose(inputs, kernel, strides))
    found = conv2d_transpose_gradients(inputs, kernel, slopes, strides)
    np.testing.assert_array_equal(found.kernel, np.zeros((2, 3, 4, 2)))


@pytest.mark.parametrize("shape", [(0, 2, 3, 2), (2, 0, 3, 2), (2, 3, 0, 2)])
def test_the_input_gradient_of_an_empty_input_has_its_shape(shape):
    inputs, kernel = np.zeros(shape), np.ones((2, 3, 4, 2))
    slopes = np.ones_like(conv2d_transpose(inputs, kernel))
    assert conv2d_transpose_gradients(inputs, kernel, slopes).inputs.shape == shape


def test_the_cropped_part_of_the_full_result_takes_no_part_even_with_infinite_inputs():
    # kernel 3, "same": the first tap of the only pixel is cropped, so its gradient is an empty sum
    inputs = np.full((1, 1, 1, 1), np.inf)
    found = conv2d_transpose_gradients(
        inputs, np.ones((3, 1, 1, 1)), np.ones((1, 1, 1, 1)), padding="same"
    )
    assert found.kernel.ravel().tolist() == [0.0, np.inf, 0.0]


def test_an_output_gradient_of_another_shape_is_refused():
    with pytest.raises(InvalidArgumentError, match="`output_gradient` must have the result's"):
        conv2d_transpose_gradients(
            np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), np.ones((1, 2, 2, 1))
        )


def test_an_output_gradient_of_another_dtype_is_refused():
    with pytest.raises(InvalidArgumentError, match="`output_gradient` was expected to be float64"):
        conv2d_transpose_gradients(
            np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1)), np.ones((1, 2, 2, 1), dtype=np.float32)
        )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_have_the_dtype_of_the_inputs(dtype):
    one = np.ones((1, 1, 1, 1), dtype=dtype)
    found = conv2d_transpose_gradients(one, one, one)
    assert {part.dtype.name for part in found} == {dtype}


def test_an_output_gradient_of_another_rank_is_named_with_its_axes():
    message = r"`output_gradient` must have 4 axes \(batch, height, width, channels\)"
    with pytest.raises(InvalidArgumentError, match=message):
        conv2d_transpose_gradients(np.ones((1, 1, 1, 1)), np.ones((1, 1, 1, 1)), np.ones((1, 1, 1)))


def test_a_kernel_of_another_dtype_is_named():
    image = np.ones((1, 1, 1, 1))
    with pytest.raises(InvalidArgumentError, match="`kernel` was expected to be float64"):
        conv2d_transpose_gradients(image, image.astype(np.float32), image)


def test_the_gradients_of_no_filters_have_the_shapes_of_their_arrays():
    found = conv2d_transpose_gradients(
        np.ones((1, 2, 3, 2)), np.ones((1, 1, 0, 2)), np.ones((1, 2, 3, 0))
    )
    assert [part.shape for part in found] == [(1, 2, 3, 2), (1, 1, 0, 2), (0,)]
