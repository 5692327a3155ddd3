"""The forward convolution behind `convolution_op`; test_layer_training has it as the adjoint."""

import math

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def convolved(x, kernel, **arguments):
    return Conv2DTranspose(1, 1, **arguments).convolution_op(x, kernel)


def rows(*values):
    return np.array(values, np.float32).reshape(1, -1, 1, 1)


def taps(*values):
    return np.array(values, np.float32).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("padding", "strides", "kernel", "expected"),
    [
        # windows of 1, 2, 3, 4 with (10, 1): 10*1+2, 10*2+3, 10*3+4
        ("valid", 1, (10, 1), [12, 23, 34]),
        ("valid", 2, (10, 1), [12, 34]),
        ("valid", (3, 1), (10,), [10, 40]),
        # the last window sees 4 and a zero: the odd row of padding is behind
        ("same", 1, (10, 1), [12, 23, 34, 40]),
        # (2-1)*3 + 1 - 4 = 0 rows of padding
        ("same", (3, 1), (10,), [10, 40]),
        # (2-1)*2 + 5 - 4 = 3 rows, one of them before: 0 1 2 3 4 0 0
        ("same", (2, 1), (1, 10, 100, 1000, 10000), [43210, 432]),
        # 2 rows before: 0 0 1 2 3 4 0 0
        ("same", 1, (1, 10, 100, 1000, 10000), [32100, 43210, 4321, 432]),
    ],
)
def test_a_convolution_worked_out_by_hand(padding, strides, kernel, expected):
    found = convolved(rows(1, 2, 3, 4), taps(*kernel), padding=padding, strides=strides)
    assert found.ravel().tolist() == expected


def test_the_dilation_of_the_layer_is_taken():
    found = convolved(rows(1, 2, 3, 4, 5), taps(10, 1)[:, [0]], dilation_rate=2)
    assert found.ravel().tolist() == [13, 24, 35]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_kernel_with_fewer_input_channels_makes_groups(data_format):
    # four channels, kernel for two: outputs 0 and 1 read channels 0 and 1, the others 2 and 3
    x = np.array([1, 10, 100, 1000], np.float32).reshape(1, 1, 1, 4)
    kernel = np.array([[1, 3, 5, 7], [2, 4, 6, 8]], np.float32).reshape(1, 1, 2, 4)
    first = data_format == "channels_first"
    found = convolved(np.moveaxis(x, 3, 1) if first else x, kernel, data_format=data_format)
    # 1*1+2*10, 3*1+4*10; 5*100+6*1000, 7*100+8*1000
    assert found.ravel().tolist() == [21, 43, 6500, 8700]
    assert found.shape == ((1, 4, 1, 1) if first else (1, 1, 1, 4))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "length"),
    # measured: an input smaller than the kernel, by less than two strides, gives an empty output
    [(1, 2, 1, 0), (0, 2, 2, 0), (0, 5, 3, 0), (2, 5, 2, 0), (3, 2, 2, 1), (4, 5, 1, 0)],
)
def test_valid_may_have_an_empty_output(size, kernel, stride, length):
    found = convolved(ones(1, size, 1, 1), ones(kernel, 1, 1, 1), strides=(stride, 1))
    assert found.shape == (1, length, 1, 1)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(0, 2, 1), (1, 3, 1), (0, 5, 2), (1, 5, 2)])
@pytest.mark.parametrize("side", ["height", "width"])
def test_an_input_smaller_than_the_kernel_by_two_strides_is_refused(side, size, kernel, stride):
    x, k = ones(1, size, 9, 1), ones(kernel, 1, 1, 1)
    if side == "width":
        x, k = x.transpose(0, 2, 1, 3), k.transpose(1, 0, 2, 3)
    with pytest.raises(InvalidArgumentError, match=f"inputs of {side} {size} are smaller"):
        convolved(x, k, strides=(stride, stride))


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        ((1, 1, 3, 1), "divisible by filter depth: 4 vs 3"),
        ((1, 1, 0, 2), "divisible by filter depth: 4 vs 0"),
        ((1, 1, 2, 3), "the 3 filters of the kernel .* 2 groups"),
        ((0, 1, 4, 1), "must not have zero elements"),
        ((1, 0, 4, 1), "must not have zero elements"),
    ],
)
def test_channels_and_taps_that_do_not_fit_are_refused(kernel, text):
    with pytest.raises(InvalidArgumentError, match=text):
        convolved(ones(1, 3, 3, 4), ones(*kernel))


@pytest.mark.parametrize("batch", [(2, 3), (2, 3, 4), (0, 3)])
def test_every_axis_before_the_image_is_a_batch_axis(batch):
    x = np.random.default_rng(1).integers(-3, 4, (*batch, 5, 4, 2)).astype(np.float32)
    kernel = np.random.default_rng(2).integers(-3, 4, (2, 1, 2, 6)).astype(np.float32)
    found = convolved(x, kernel)
    assert found.shape == (*batch, 4, 4, 6)
    flat = convolved(x.reshape(math.prod(batch), 5, 4, 2), kernel)
    np.testing.assert_array_equal(found.ravel(), flat.ravel())


def test_no_channels_make_a_convolution_of_nothing():
    assert not convolved(ones(1, 2, 3, 0), ones(1, 1, 2, 3)).any()


def test_a_kernel_without_filters_gives_an_output_without_channels():
    assert convolved(ones(1, 2, 3, 1), ones(1, 1, 1, 0)).shape == (1, 2, 3, 0)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("float64", "float32"), ("int64", "int32"), ("float16", "float16")]
)
def test_lists_are_read_in_the_formats_of_tensorflow_and_arrays_as_they_are(kind, dtype):
    image = ones(1, 2, 2, 1, dtype=kind)
    given = image if kind == "float16" else image.tolist()
    assert convolved(given, ones(1, 1, 1, 1, dtype=dtype)).dtype == dtype


def test_an_array_of_doubles_is_not_cast():
    assert convolved(*[ones(1, 1, 1, 1, dtype="float64")] * 2).dtype == np.float64


def test_nested_lists_of_booleans_are_refused_as_such():
    with pytest.raises(InvalidArgumentError, match=r"^inputs has dtype bool"):
        convolved([[[[True]]]], [[[[True]]]])


@pytest.mark.parametrize(
    ("x", "kernel", "error", "text"),
    [
        (ones(1, 2, 2, 1), ones(1, 1, 1), ValueError, r"kernel of shape \(1, 1, 1\) .* length 1"),
        (ones(1, 2, 2, 1), ones(1, 1, 1, 1, 1), ValueError, "of length 3"),
        (ones(2, 2, 1), ones(1, 1, 1, 1), InvalidArgumentError, r"rank 4; got shape \(2, 2, 1\)"),
        (
            ones(1, 1, 1, 1),
            ones(1, 1, 1, 1, dtype="float64"),
            InvalidArgumentError,
            "^kernel was expected to be a float32 array .* float64",
        ),
        (
            ones(1, 1, 1, 1, dtype="int64"),
            ones(1, 1, 1, 1, dtype="int64"),
            InvalidArgumentError,
            "^inputs has dtype int64",
        ),
    ],
)
def test_operands_that_do_not_fit_are_refused(x, kernel, error, text):
    with pytest.raises(error, match=text):
        convolved(x, kernel)


def test_a_half_format_is_summed_in_float32():
    x = np.ones((1, 1, 1, 3000), np.float16)
    assert convolved(x, np.ones((1, 1, 3000, 1), np.float16)).item() == 3000
