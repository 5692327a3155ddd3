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
    ("arguments", "expected"),
    [
        ({}, (2, 5, 7, 3)),  # valid: 4+2-1, 5+3-1
        ({"strides": (3, 2)}, (2, 12, 11, 3)),  # 4*3 since 2 < 3; (5-1)*2 + 3
        ({"strides": (3, 2), "padding": "same"}, (2, 12, 10, 3)),
        ({"padding": "SAME"}, (2, 4, 5, 3)),
        ({"strides": 3, "output_padding": (2, 1)}, (2, 13, 16, 3)),  # 9+2+2, 12+3+1
        ({"strides": 3, "padding": "same", "output_padding": 1}, (2, 10, 14, 3)),
        ({"dilation_rate": (3, 2)}, (2, 7, 9, 3)),  # 4+4-1, 5+5-1
        ({"dilation_rate": 2, "padding": "same"}, (2, 4, 5, 3)),
    ],
)
def test_the_output_shape_follows_the_formulas(arguments, expected):
    assert output_shape((2, 4, 5, 6), (2, 3, 3, 6), **arguments) == expected


def test_the_output_shape_of_channels_first_has_the_filters_second():
    shape = output_shape((2, 6, 4, 5), (2, 3, 3, 6), data_format="channels_first")
    assert shape == (2, 3, 5, 7)


@pytest.mark.parametrize(
    ("input_shape", "expected"),
    [
        ((None, 4, 5, 6), (None, 5, 7, 3)),
        ((2, None, 5, 6), (2, None, 7, 3)),
        ((2, 4, None, None), (2, 5, None, 3)),
        ((None, None, None, None), (None, None, None, 3)),
    ],
)
def test_unknown_sizes_stay_unknown(input_shape, expected):
    assert output_shape(input_shape, (2, 3, 3, 6)) == expected


@pytest.mark.parametrize(
    ("shape", "strides", "padding", "expected"),
    [
        ((0, 4, 5, 1), (1, 1), "valid", (0, 5, 7, 1)),
        ((2, 0, 5, 1), (1, 1), "valid", (2, 1, 7, 1)),
        ((2, 0, 5, 1), (3, 1), "valid", (2, 0, 7, 1)),
        ((2, 4, 0, 1), (1, 2), "same", (2, 4, 0, 1)),
    ],
)
def test_empty_inputs_have_the_shape_of_the_formula(shape, strides, padding, expected):
    result = conv2d_transpose(np.zeros(shape), np.zeros((2, 3, 1, 1)), strides, padding)
    assert result.shape == expected


def test_no_input_channels_give_the_bias():
    result = conv2d_transpose(np.zeros((1, 1, 1, 0)), np.zeros((2, 1, 1, 0)), bias=np.array([3.0]))
    assert result.ravel().tolist() == [3.0, 3.0]


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


def test_an_even_kernel_that_covers_an_odd_length_has_an_output_padding_of_zero():
    # kernel 2 with dilation 2 covers 3: (4-1)*1 + 3 - 2*1 = 4
    image, kernel = np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1))
    result = conv2d_transpose(image, kernel, 1, "same", dilation_rate=2, output_padding=0)
    assert result.shape == (1, 4, 4, 1)


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
