"""The forward convolution that `convolution_op` uses (clauses METH-02 to METH-04)."""

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError, convolution


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype=dtype)


def test_a_convolution_worked_out_by_hand():
    # windows of [1,2,3,4] with [10,1]: 10*1+2, 10*2+3, 10*3+4
    x = np.array([1, 2, 3, 4]).reshape(1, 4, 1, 1)
    result = convolution(x, np.array([10, 1]).reshape(2, 1, 1, 1))
    assert result.ravel().tolist() == [12, 23, 34]


def test_same_pads_the_extra_row_behind():
    # the last window sees 4 and a zero
    x = np.array([1, 2, 3, 4]).reshape(1, 4, 1, 1)
    result = convolution(x, np.array([10, 1]).reshape(2, 1, 1, 1), padding="same")
    assert result.ravel().tolist() == [12, 23, 34, 40]


def test_a_kernel_with_fewer_input_channels_makes_groups():
    # four channels, kernel for two: output 0 reads channels 0 and 1, output 1 channels 2 and 3
    x = np.array([1, 10, 100, 1000]).reshape(1, 1, 1, 4)
    kernel = np.array([[1, 3], [2, 4]]).reshape(1, 1, 2, 2)
    # 1*1 + 2*10; 3*100 + 4*1000
    assert convolution(x, kernel).ravel().tolist() == [21, 4300]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "length"),
    # measured: an input smaller than the kernel, by less than two strides, gives an empty output
    [(1, 2, 1, 0), (0, 2, 2, 0), (0, 5, 3, 0), (2, 5, 2, 0), (3, 2, 2, 1), (4, 5, 1, 0)],
)
def test_valid_may_have_an_empty_output(size, kernel, stride, length):
    result = convolution(ones(1, size, 1, 1), ones(kernel, 1, 1, 1), (stride, 1))
    assert result.shape == (1, length, 1, 1)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(0, 2, 1), (1, 3, 1), (0, 5, 2), (1, 5, 2)])
def test_an_input_smaller_than_the_kernel_by_two_strides_is_refused(size, kernel, stride):
    with pytest.raises(InvalidArgumentError, match="output size would be negative"):
        convolution(ones(1, size, 1, 1), ones(kernel, 1, 1, 1), (stride, 1))


@pytest.mark.parametrize("kernel", [(1, 1, 3, 1), (1, 1, 0, 2), (0, 1, 4, 1), (1, 1, 2, 3)])
def test_channels_that_do_not_divide_are_refused(kernel):
    with pytest.raises(InvalidArgumentError, match="evenly divisible"):
        convolution(ones(1, 3, 3, 4), ones(*kernel))


def test_convolution_op_is_the_adjoint_of_the_layer_without_bias():
    layer = Conv2DTranspose(2, (3, 2), strides=(2, 1), padding="same", bias_initializer="ones")
    rng = np.random.default_rng(1)
    x = rng.integers(-4, 5, (2, 3, 4, 3)).astype("float64")
    y = layer(x) - layer.bias
    w = rng.integers(-4, 5, y.shape).astype("float64")
    left = (layer.convolution_op(w, layer.kernel) * x).sum()
    assert left == pytest.approx((w * y).sum(), rel=1e-13)


def test_convolution_op_needs_no_built_layer_and_takes_any_kernel():
    assert Conv2DTranspose(1, 7).convolution_op(ones(1, 5, 4, 2), ones(2, 3, 2, 6)).shape == (
        1,
        4,
        2,
        6,
    )


@pytest.mark.parametrize("batch", [(2, 3), (2, 3, 4)])
def test_convolution_op_takes_several_batch_axes(batch):
    result = Conv2DTranspose(1, 1).convolution_op(ones(*batch, 5, 4, 2), ones(2, 1, 2, 6))
    assert result.shape == (*batch, 4, 4, 6)


def test_convolution_op_takes_channels_first():
    layer = Conv2DTranspose(1, 1, data_format="channels_first")
    assert layer.convolution_op(ones(1, 2, 5, 4), ones(2, 1, 2, 6)).shape == (1, 6, 4, 4)


@pytest.mark.parametrize(
    ("inputs", "dtype"),
    [(ones(1, 2, 2, 1).tolist(), "float32"), (ones(1, 2, 2, 1, dtype=int).tolist(), "int32")],
)
def test_convolution_op_takes_nested_lists(inputs, dtype):
    kernel = ones(1, 1, 1, 1, dtype=dtype)
    assert Conv2DTranspose(1, 1).convolution_op(inputs, kernel).dtype.name == dtype


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 1, 1, 1)])
def test_convolution_op_refuses_a_kernel_without_four_axes(shape):
    with pytest.raises(ValueError, match="`dilations` should be of length"):
        Conv2DTranspose(1, 1).convolution_op(ones(1, 2, 2, 1), ones(*shape))


@pytest.mark.parametrize("shape", [(2, 2, 1), (2, 2)])
def test_convolution_op_refuses_an_input_with_fewer_than_four_axes(shape):
    with pytest.raises(InvalidArgumentError, match="4-dimensional"):
        Conv2DTranspose(1, 1).convolution_op(ones(*shape), ones(1, 1, 1, 1))


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("int64", "int64")])
def test_convolution_op_refuses_dtypes_that_differ_or_are_not_computed_in(dtypes):
    inputs, kernel = (ones(1, 1, 1, 1, dtype=dtype) for dtype in dtypes)
    with pytest.raises(InvalidArgumentError):
        Conv2DTranspose(1, 1).convolution_op(inputs, kernel)


@pytest.mark.parametrize(
    ("inputs", "kernel", "message"),
    [
        ((3, 3, 1), (1, 1, 1, 1), r"`inputs` must have 4 axes \(batch, height, width, channels\)"),
        ((1, 3, 3, 1), (1, 1, 1), r"`kernel` must have 4 axes \(kernel_height, kernel_width, in, "),
    ],
)
def test_an_operand_of_another_rank_is_named_with_its_axes(inputs, kernel, message):
    with pytest.raises(InvalidArgumentError, match=message):
        convolution(ones(*inputs), ones(*kernel))


def test_a_kernel_of_another_dtype_is_named():
    with pytest.raises(InvalidArgumentError, match="`kernel` was expected to be float32"):
        convolution(ones(1, 1, 1, 1), ones(1, 1, 1, 1, dtype="float64"))


@pytest.mark.parametrize("name", ["strides", "dilation_rate"])
def test_a_number_out_of_its_range_is_named(name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        convolution(ones(1, 2, 2, 1), ones(1, 1, 1, 1), **{name: 0})


def test_a_kernel_without_filters_gives_an_output_without_channels():
    assert convolution(ones(1, 2, 3, 1), ones(1, 1, 1, 0)).shape == (1, 2, 3, 0)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_stride_beyond_the_kernel_needs_no_padding(padding):
    # "same" would pad max(0, (2-1)*3 + 1 - 4) = 0 in all
    x = np.array([1, 2, 3, 4]).reshape(1, 4, 1, 1)
    result = convolution(x, np.array([10]).reshape(1, 1, 1, 1), (3, 1), padding)
    assert result.ravel().tolist() == [10, 40]


def test_integers_beyond_float64_are_exact():
    x = np.array([2**63 + 1, -1], dtype=object).reshape(1, 2, 1, 1)
    result = convolution(x, np.array([1], dtype=object).reshape(1, 1, 1, 1))
    assert result.ravel().tolist() == [2**63 + 1, -1]


def test_convolution_op_takes_the_dilation_of_the_layer():
    layer = Conv2DTranspose(1, 1, dilation_rate=2)
    assert layer.convolution_op(ones(1, 5, 5, 1), ones(2, 2, 1, 1)).shape == (1, 3, 3, 1)


def test_an_input_without_channels_gives_zeros():
    # measured: no channel is a multiple of one channel
    assert (
        convolution(ones(1, 2, 3, 0), ones(1, 1, 1, 2)).tolist() == np.zeros((1, 2, 3, 2)).tolist()
    )


@pytest.mark.parametrize("kernel", [(1, 1, 0, 1), (1, 1, 0, 0)])
def test_a_kernel_without_channels_is_refused(kernel):
    with pytest.raises(InvalidArgumentError, match="evenly divisible"):
        convolution(ones(1, 2, 3, 0), ones(*kernel))


@pytest.mark.parametrize("dtypes", [(">f4", "f4"), ("f4", ">f4")])
def test_convolution_op_takes_either_byte_order(dtypes):
    inputs, kernel = (ones(1, 1, 1, 1, dtype=dtype) for dtype in dtypes)
    assert Conv2DTranspose(1, 1).convolution_op(inputs, kernel).dtype == np.float32


@pytest.mark.parametrize(
    "bad",
    [None, np.full((1, 1, 1, 1), None), [[[[None]]]], np.full((1, 1, 1, 1), np.datetime64("2020"))],
)
def test_convolution_op_makes_no_numbers_of_what_is_none(bad):
    with pytest.raises(ValueError, match="`inputs`"):
        Conv2DTranspose(1, 1).convolution_op(bad, ones(1, 1, 1, 1))
