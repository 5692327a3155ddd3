"""Crops and lengths as they were measured in TensorFlow, and the shapes of results (groups PAD, SHAPE)."""

import itertools

import numpy as np
import pytest

# (before, after) dropped by "same"; a negative number is appended zeros. Rows: kernel 1 to 6.
# Columns: stride 1 to 4. Measured in TensorFlow (clauses PAD-01, PAD-02).
SAME_CROPS = [
    [(0, 0), (0, -1), (0, -2), (0, -3)],
    [(0, 1), (0, 0), (0, -1), (0, -2)],
    [(1, 1), (0, 1), (0, 0), (0, -1)],
    [(1, 2), (1, 1), (0, 1), (0, 0)],
    [(2, 2), (1, 2), (1, 1), (0, 1)],
    [(2, 3), (2, 2), (1, 2), (1, 1)],
]


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize(("kernel", "stride"), list(itertools.product(range(1, 7), range(1, 5))))
def test_same_crops_what_tensorflow_was_measured_to_crop(implementation, kernel, stride, length):
    assert implementation.same_crop(length, kernel, stride) == SAME_CROPS[kernel - 1][stride - 1]


@pytest.mark.parametrize(
    ("kernel", "stride", "extra", "expected"),
    [
        (3, 2, 0, (1, 1)),
        (3, 2, 1, (0, 1)),
        (5, 3, 0, (2, 2)),
        (5, 3, 1, (1, 2)),
        (5, 3, 2, (1, 1)),
        (4, 3, 1, (1, 2)),
        (4, 3, 2, (1, 1)),
        (6, 4, 3, (1, 2)),
        (2, 3, 1, (0, 1)),
        (2, 3, 2, (0, 0)),
        (1, 3, 0, (0, 0)),
        (1, 3, 2, (0, -2)),
    ],
)
def test_same_with_output_padding_crops_what_was_measured(
    implementation, kernel, stride, extra, expected
):
    assert implementation.same_crop(4, kernel, stride, extra=extra) == expected


@pytest.mark.parametrize(
    ("kernel", "dilation", "expected"),
    [(2, 2, (1, 1)), (2, 3, (1, 2)), (3, 2, (2, 2)), (4, 2, (3, 3)), (4, 3, (4, 5))],
)
def test_same_with_dilation_crops_what_was_measured(implementation, kernel, dilation, expected):
    assert implementation.same_crop(6, kernel, 1, dilation=dilation) == expected


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
def test_the_output_shape_follows_the_formulas(implementation, arguments, expected):
    assert implementation.output_shape((2, 4, 5, 6), (2, 3, 3, 6), **arguments) == expected


def test_the_output_shape_of_channels_first_has_the_filters_second(implementation):
    shape = implementation.output_shape((2, 6, 4, 5), (2, 3, 3, 6), data_format="channels_first")
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
def test_unknown_sizes_stay_unknown(implementation, input_shape, expected):
    assert implementation.output_shape(input_shape, (2, 3, 3, 6)) == expected


def test_an_output_padding_below_each_stride_is_accepted(implementation):
    shape = implementation.output_shape((1, 2, 2, 1), (3, 3, 1, 1), (2, 4), output_padding=(1, 3))
    assert shape == (1, 2 + 3 + 1, 4 + 3 + 3, 1)


def test_an_output_of_length_zero_is_no_negative_one(implementation):
    # (0 - 1) * 1 + 1 + 0
    shape = implementation.output_shape((1, 0, 0, 1), (1, 1, 1, 1), 1, output_padding=0)
    assert shape == (1, 0, 0, 1)


@pytest.mark.parametrize(
    ("shape", "strides", "padding", "expected"),
    [
        ((0, 4, 5, 1), (1, 1), "valid", (0, 5, 7, 1)),
        ((2, 0, 5, 1), (1, 1), "valid", (2, 1, 7, 1)),
        ((2, 0, 5, 1), (3, 1), "valid", (2, 0, 7, 1)),
        ((2, 4, 0, 1), (1, 2), "same", (2, 4, 0, 1)),
    ],
)
def test_empty_inputs_have_the_shape_of_the_formula(
    implementation, shape, strides, padding, expected
):
    found = implementation.conv2d_transpose(
        np.zeros(shape), np.zeros((2, 3, 1, 1)), strides, padding
    )
    assert found.shape == expected


def test_no_input_channels_give_the_bias(implementation):
    found = implementation.conv2d_transpose(
        np.zeros((1, 1, 1, 0)), np.zeros((2, 1, 1, 0)), bias=np.array([3.0])
    )
    assert found.ravel().tolist() == [3.0, 3.0]


def test_an_even_kernel_that_covers_an_odd_length_has_an_output_padding_of_zero(implementation):
    # kernel 2 with dilation 2 covers 3: (4-1)*1 + 3 - 2*1 = 4
    image, kernel = np.ones((1, 4, 4, 1)), np.ones((2, 2, 1, 1))
    found = implementation.conv2d_transpose(
        image, kernel, 1, "same", dilation_rate=2, output_padding=0
    )
    assert found.shape == (1, 4, 4, 1)
