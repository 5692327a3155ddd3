"""Shapes of the results, and the arguments of the functions."""

import tracemalloc

import numpy as np
import pytest

from reference_impl import (
    InvalidArgumentError,
    conv2d_transpose,
    conv2d_transpose_gradients,
    output_shape,
)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strides": 0}, "`strides` must be"),
        ({"strides": (1, 2, 3)}, "`strides` must be"),
        ({"strides": 1.5}, "`strides` must be"),
        ({"strides": None}, "`strides` must be"),
        ({"dilation_rate": (0, 1)}, "`dilation_rate` must be"),
        ({"output_padding": -1}, "`output_padding` must be"),
        ({"output_padding": 1}, "Strides must be greater than output padding"),
        ({"padding": "full"}, "`padding` must be"),
        ({"padding": None}, "`padding` must be"),
        ({"data_format": "NHWC"}, "`data_format` must be"),
    ],
)
def test_an_argument_out_of_its_range_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        conv2d_transpose(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), **arguments)


def test_same_with_an_even_kernel_and_output_padding_zero_is_refused():
    with pytest.raises(InvalidArgumentError, match="doesn't match"):
        output_shape((1, 4, 4, 1), (2, 3, 1, 1), 2, "same", output_padding=0)


def test_a_negative_length_is_refused():
    # (0-1)*3 + 1 + 0 = -2
    with pytest.raises(InvalidArgumentError, match="length -2"):
        output_shape((1, 0, 4, 1), (1, 1, 1, 1), 3, output_padding=0)


def test_channels_that_contradict_the_kernel_are_refused():
    with pytest.raises(ValueError, match="3 channels and the kernel takes 2"):
        conv2d_transpose(np.ones((1, 2, 2, 3)), np.ones((2, 2, 1, 2)))


@pytest.mark.parametrize("shapes", [((2, 2, 1), (1, 1, 1, 1)), ((1, 2, 2, 1), (1, 1, 1))])
def test_another_number_of_axes_is_refused(shapes):
    with pytest.raises(InvalidArgumentError, match="must have 4 axes"):
        conv2d_transpose(np.ones(shapes[0]), np.ones(shapes[1]))


@pytest.mark.parametrize(
    ("data_format", "axes"),
    [("channels_last", "height, width, channels"), ("channels_first", "channels, height, width")],
)
def test_the_axes_that_the_inputs_should_have_are_named(data_format, axes):
    with pytest.raises(InvalidArgumentError, match=rf"`inputs` must have 4 axes \(batch, {axes}\)"):
        conv2d_transpose(np.ones((2, 2, 1)), np.ones((1, 1, 1, 1)), data_format=data_format)


def test_the_axes_that_the_kernel_should_have_are_named():
    message = r"`kernel` must have 4 axes \(kernel_height, kernel_width, filters, in_channels\)"
    with pytest.raises(InvalidArgumentError, match=message):
        conv2d_transpose(np.ones((1, 2, 2, 1)), np.ones((1, 1, 1)))


@pytest.mark.parametrize("bias", [np.ones(2), np.ones((1, 1)), np.array(1.0)])
def test_a_bias_of_another_shape_is_refused(bias):
    with pytest.raises(InvalidArgumentError, match="`bias` must have the shape"):
        conv2d_transpose(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), bias=bias)


def test_a_result_beyond_the_oracles_means_is_refused_at_once():
    with pytest.raises(MemoryError, match="OOM"):
        conv2d_transpose(np.ones((1, 4, 5, 1)), np.ones((1, 1, 1, 1)), 10**6)


def test_no_images_are_no_elements_however_large_they_would_be():
    result = conv2d_transpose(np.ones((0, 4, 5, 1)), np.ones((1, 1, 1, 1)), 10**6)
    assert result.shape == (0, 4 * 10**6, 5 * 10**6, 1)


@pytest.mark.parametrize("shapes", [((1, 2, 2), (1, 1, 1, 1)), ((1, 2, 2, 1), (1, 1, 1))])
def test_the_output_shape_needs_four_sizes_of_both(shapes):
    with pytest.raises(ValueError, match=r"`(input|kernel)_shape` must be four sizes"):
        output_shape(*shapes)


@pytest.mark.parametrize(
    "shape",
    [(1, 2.5, 2, 1), (1, float("nan"), 2, 1), (1, -1, 2, 1), b"a", "abcd", 4, None, ["1"] * 4],
)
@pytest.mark.parametrize("at", [0, 1])
def test_what_is_no_shape_is_refused_by_name(shape, at):
    shapes = [(1, 2, 2, 1), (1, 1, 1, 1)]
    shapes[at] = shape
    with pytest.raises(ValueError, match=f"`{('input', 'kernel')[at]}_shape` must be four sizes"):
        output_shape(*shapes)


def test_ragged_lists_are_refused_by_name():
    with pytest.raises(ValueError, match="`inputs` must be an array"):
        conv2d_transpose([[1.0], [1.0, 2.0]], np.ones((1, 1, 1, 1)))


@pytest.mark.parametrize("dilation", [1000, 10**9])
def test_the_memory_of_a_call_is_that_of_its_result_not_of_the_dilated_kernel(dilation):
    arguments = {"padding": "same", "dilation_rate": dilation}
    inputs, kernel = np.ones((1, 3, 4, 1)), np.ones((2, 3, 1, 1))
    tracemalloc.start()
    try:
        result = conv2d_transpose(inputs, kernel, **arguments)
        conv2d_transpose_gradients(inputs, kernel, result, **arguments)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
