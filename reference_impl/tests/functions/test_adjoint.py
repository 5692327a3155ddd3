"""The adjoint identity: `<convolution(w), x> = <w, transposed(x)>` for every w and x.

It holds for exactly one linear map, so together with the shape it settles every element: the tests
use a forward convolution of their own (clauses METH-02, GRAD-02, SHAPE-06).
"""

import itertools

import numpy as np
import pytest

from reference_impl import conv2d_transpose, conv2d_transpose_gradients, convolution
from reference_impl.tests.functions.plain_convolution import plain_convolution

GEOMETRIES = [
    pytest.param(kernel, stride, padding, id=f"k{kernel}-s{stride}-{padding}")
    for kernel, stride, padding in itertools.product(
        [(1, 2), (2, 1), (2, 3), (3, 2), (4, 5), (5, 1), (3, 4)],
        [(1, 1), (1, 2), (2, 3), (3, 1), (4, 2)],
        ["valid", "same"],
    )
]


def integers(seed, *shape):
    return np.random.default_rng(seed).integers(-9, 10, shape)


def product(left, right):
    assert left.shape == right.shape
    return int((left * right).sum())


@pytest.mark.parametrize(("kernel_size", "strides", "padding"), GEOMETRIES)
def test_the_transposed_convolution_is_the_adjoint_of_the_plain_convolution(
    kernel_size, strides, padding
):
    x, kernel = integers(1, 2, 3, 4, 3), integers(2, *kernel_size, 2, 3)
    transposed = conv2d_transpose(x, kernel, strides, padding)
    w = integers(3, *transposed.shape)
    assert product(plain_convolution(w, kernel, strides, padding), x) == product(w, transposed)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("dilation_rate", [(1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
def test_the_adjoint_identity_holds_with_dilation(strides, dilation_rate, padding):
    x, kernel = integers(4, 2, 4, 3, 3), integers(5, 3, 2, 2, 3)
    transposed = conv2d_transpose(x, kernel, strides, padding, dilation_rate=dilation_rate)
    w = integers(6, *transposed.shape)
    forward = plain_convolution(w, kernel, strides, padding, dilation_rate)
    assert product(forward, x) == product(w, transposed)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("output_padding", [(0, 0), (1, 2), (0, 1), (1, 0)])
def test_the_adjoint_identity_holds_with_output_padding(output_padding, padding):
    x, kernel = integers(7, 2, 3, 4, 3), integers(8, 3, 5, 2, 3)
    transposed = conv2d_transpose(x, kernel, (2, 3), padding, output_padding=output_padding)
    w = integers(9, *transposed.shape)
    assert product(plain_convolution(w, kernel, (2, 3), padding), x) == product(w, transposed)


@pytest.mark.parametrize(("kernel_size", "strides", "padding"), GEOMETRIES[::3])
def test_channels_first_is_the_same_map_on_transposed_arrays(kernel_size, strides, padding):
    x, kernel = integers(10, 2, 3, 4, 3), integers(11, *kernel_size, 2, 3)
    last = conv2d_transpose(x, kernel, strides, padding)
    first = conv2d_transpose(x.transpose(0, 3, 1, 2), kernel, strides, padding, "channels_first")
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)


@pytest.mark.parametrize(("kernel_size", "strides", "padding"), GEOMETRIES)
def test_the_gradient_of_the_inputs_is_the_plain_convolution_of_the_output_gradient(
    kernel_size, strides, padding
):
    x, kernel = integers(12, 2, 3, 4, 3), integers(13, *kernel_size, 2, 3)
    slopes = integers(14, *conv2d_transpose(x, kernel, strides, padding).shape)
    found = conv2d_transpose_gradients(x, kernel, slopes, strides, padding)
    np.testing.assert_array_equal(found.inputs, plain_convolution(slopes, kernel, strides, padding))


@pytest.mark.parametrize(("kernel_size", "strides", "padding"), GEOMETRIES)
def test_the_own_forward_convolution_equals_the_plain_one(kernel_size, strides, padding):
    images, kernel = integers(15, 2, 7, 8, 3), integers(16, *kernel_size, 3, 2)
    np.testing.assert_array_equal(
        convolution(images, kernel, strides, padding),
        plain_convolution(images, kernel, strides, padding),
    )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("dilation_rate", [(1, 2), (3, 2)])
def test_the_own_forward_convolution_equals_the_plain_one_with_dilation(dilation_rate, padding):
    images, kernel = integers(17, 2, 9, 8, 3), integers(18, 3, 2, 3, 2)
    np.testing.assert_array_equal(
        convolution(images, kernel, (1, 1), padding, dilation_rate=dilation_rate),
        plain_convolution(images, kernel, (1, 1), padding, dilation_rate),
    )
