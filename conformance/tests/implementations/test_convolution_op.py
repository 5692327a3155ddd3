"""The forward convolution that `convolution_op` uses (clauses METH-02 to METH-04)."""

import math

import numpy as np
import pytest


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def rows(*values):
    return np.array(values, np.float32).reshape(1, -1, 1, 1)


def taps(*values):
    return np.array(values, np.float32).reshape(-1, 1, 1, 1)


@pytest.fixture
def convolved(Conv2DTranspose):
    def convolve(x, kernel, **arguments):
        return Conv2DTranspose(1, 1, **arguments).convolution_op(x, kernel)

    return convolve


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
def test_a_convolution_worked_out_by_hand(convolved, padding, strides, kernel, expected):
    found = convolved(rows(1, 2, 3, 4), taps(*kernel), padding=padding, strides=strides)
    assert found.ravel().tolist() == expected


def test_the_dilation_of_the_layer_is_taken(convolved):
    found = convolved(rows(1, 2, 3, 4, 5), taps(10, 1), dilation_rate=2)
    assert found.ravel().tolist() == [13, 24, 35]


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_kernel_with_fewer_input_channels_makes_groups(convolved, data_format):
    # four channels, kernel for two: outputs 0 and 1 read channels 0 and 1, the others 2 and 3
    x = np.array([1, 10, 100, 1000], np.float32).reshape(1, 1, 1, 4)
    kernel = np.array([[1, 3, 5, 7], [2, 4, 6, 8]], np.float32).reshape(1, 1, 2, 4)
    first = data_format == "channels_first"
    found = convolved(np.moveaxis(x, 3, 1) if first else x, kernel, data_format=data_format)
    # 1*1+2*10, 3*1+4*10; 5*100+6*1000, 7*100+8*1000
    assert found.ravel().tolist() == [21, 43, 6500, 8700]
    assert found.shape == ((1, 4, 1, 1) if first else (1, 1, 1, 4))


def test_any_kernel_is_taken(convolved):
    assert convolved(ones(1, 5, 4, 2), ones(2, 3, 2, 6)).shape == (1, 4, 2, 6)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_it_is_the_adjoint_of_the_layer_without_bias(Conv2DTranspose, data_format, padding):
    layer = Conv2DTranspose(
        3, (3, 2), (2, 3), padding, data_format=data_format, bias_initializer="ones"
    )
    x = np.random.default_rng(5).normal(size=(2, 4, 4, 4))
    y = layer(x) - 1
    w = np.random.default_rng(6).normal(size=y.shape)
    assert np.vdot(layer.convolution_op(w, layer.kernel), x) == pytest.approx(np.vdot(w, y))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "length"),
    # measured: an input smaller than the kernel, by less than two strides, gives an empty output
    [(1, 2, 1, 0), (0, 2, 2, 0), (0, 5, 3, 0), (2, 5, 2, 0), (3, 2, 2, 1), (4, 5, 1, 0)],
)
def test_valid_may_have_an_empty_output(convolved, size, kernel, stride, length):
    found = convolved(ones(1, size, 1, 1), ones(kernel, 1, 1, 1), strides=(stride, 1))
    assert found.shape == (1, length, 1, 1)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(0, 2, 1), (1, 3, 1), (0, 5, 2), (1, 5, 2)])
@pytest.mark.parametrize("side", ["height", "width"])
def test_an_input_smaller_than_the_kernel_by_two_strides_is_refused(
    convolved, refused, side, size, kernel, stride
):
    x, k = ones(1, size, 9, 1), ones(kernel, 1, 1, 1)
    if side == "width":
        x, k = x.transpose(0, 2, 1, 3), k.transpose(1, 0, 2, 3)
    with refused(
        "InvalidArgumentError", f"inputs of {side} {size} are smaller|output size would be negative"
    ):
        convolved(x, k, strides=(stride, stride))


@pytest.mark.parametrize("kernel", [(1, 1, 3, 1), (1, 1, 0, 2), (0, 1, 4, 1), (1, 1, 2, 3)])
def test_channels_and_taps_that_do_not_fit_are_refused(convolved, refused, kernel):
    with refused("InvalidArgumentError", "divisible|the 3 filters|zero elements"):
        convolved(ones(1, 3, 3, 4), ones(*kernel))


@pytest.mark.parametrize("kernel", [(1, 1, 0, 1), (1, 1, 0, 0)])
def test_a_kernel_without_channels_is_refused(convolved, refused, kernel):
    with refused("InvalidArgumentError", "divisible"):
        convolved(ones(1, 2, 3, 0), ones(*kernel))


@pytest.mark.parametrize("batch", [(2, 3), (2, 3, 4), (0, 3)])
def test_every_axis_before_the_image_is_a_batch_axis(convolved, batch):
    x = np.random.default_rng(1).integers(-3, 4, (*batch, 5, 4, 2)).astype(np.float32)
    kernel = np.random.default_rng(2).integers(-3, 4, (2, 1, 2, 6)).astype(np.float32)
    found = convolved(x, kernel)
    assert found.shape == (*batch, 4, 4, 6)
    flat = convolved(x.reshape(math.prod(batch), 5, 4, 2), kernel)
    np.testing.assert_array_equal(found.ravel(), flat.ravel())


@pytest.mark.parametrize("channels", [1, 2])
def test_no_channels_make_a_convolution_of_nothing(convolved, channels):
    # measured: no channel is a multiple of any number of channels
    found = convolved(ones(1, 2, 3, 0), ones(1, 1, channels, 3))
    assert (found.shape, found.any()) == ((1, 2, 3, 3), False)


def test_a_kernel_without_filters_gives_an_output_without_channels(convolved):
    assert convolved(ones(1, 2, 3, 1), ones(1, 1, 1, 0)).shape == (1, 2, 3, 0)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("float64", "float32"), ("int64", "int32"), ("float16", "float16")]
)
def test_lists_are_read_in_the_formats_of_tensorflow_and_arrays_as_they_are(convolved, kind, dtype):
    image = ones(1, 2, 2, 1, dtype=kind)
    given = image if kind == "float16" else image.tolist()
    assert convolved(given, ones(1, 1, 1, 1, dtype=dtype)).dtype == dtype


def test_an_array_of_doubles_is_not_cast(convolved):
    assert convolved(*[ones(1, 1, 1, 1, dtype="float64")] * 2).dtype == np.float64


@pytest.mark.parametrize("dtypes", [(">f4", "f4"), ("f4", ">f4")])
def test_either_byte_order_is_taken(convolved, dtypes):
    inputs, kernel = (ones(1, 1, 1, 1, dtype=dtype) for dtype in dtypes)
    assert convolved(inputs, kernel).dtype == np.float32


@pytest.mark.parametrize(
    ("x", "kernel", "error", "text"),
    [
        (ones(1, 2, 2, 1), ones(1, 1, 1), "ValueError", "of length"),
        (ones(1, 2, 2, 1), ones(1, 1, 1, 1, 1), "ValueError", "of length"),
        (ones(2, 2, 1), ones(1, 1, 1, 1), "InvalidArgumentError", "rank 4|4-dimensional"),
        (ones(2, 2), ones(1, 1, 1, 1), "InvalidArgumentError", "rank 4|4-dimensional"),
        (
            ones(1, 1, 1, 1),
            ones(1, 1, 1, 1, dtype="float64"),
            "InvalidArgumentError",
            "float32",
        ),
        (
            ones(1, 1, 1, 1, dtype="int64"),
            ones(1, 1, 1, 1, dtype="int64"),
            "InvalidArgumentError",
            "int64",
        ),
    ],
)
def test_operands_that_do_not_fit_are_refused(convolved, refused, x, kernel, error, text):
    with refused(error, text):
        convolved(x, kernel)


@pytest.mark.parametrize(
    "bad",
    [None, np.full((1, 1, 1, 1), None), [[[[None]]]], np.full((1, 1, 1, 1), np.datetime64("2020"))],
)
def test_what_is_none_is_no_number(convolved, bad):
    with pytest.raises(ValueError, match="inputs"):
        convolved(bad, ones(1, 1, 1, 1))
