import numpy as np
import pytest

import fast_impl

CONFIG = {"strides": (2, 3), "padding": "same"}


def _drawn(geometry, integers):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    return x, k, integers(fast_impl.output_shape(x.shape, k.shape, **geometry.config))


@pytest.mark.parametrize("which", [0, 1, 2], ids=["inputs", "kernel", "bias"])
def test_every_geometry_equals_the_loops(geometry, which, integers, loops):
    x, k, g = _drawn(geometry, integers)
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    np.testing.assert_array_equal(got[which], loops.gradients(x, k, g, geometry.config)[which])


def test_the_input_gradient_is_the_adjoint(geometry, integers):
    x, k, g = _drawn(geometry, integers)
    y = fast_impl.conv2d_transpose(x, k, **geometry.config)
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    assert np.vdot(y, g) == np.vdot(x, got.inputs)


def test_the_kernel_gradient_is_the_adjoint(geometry, integers):
    x, k, g = _drawn(geometry, integers)
    y = fast_impl.conv2d_transpose(x, k, **geometry.config)
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    assert np.vdot(y, g) == np.vdot(k, got.kernel)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_keep_the_format(dtype, integers):
    x, k = integers((2, 3, 4, 3), dtype), integers((3, 4, 2, 3), dtype)
    g = integers((2, 6, 12, 2), dtype)
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **CONFIG)
    assert {array.dtype for array in got} == {np.dtype(dtype)}


def test_a_float16_bias_gradient_is_summed_in_float32():
    x, k = np.ones((1, 60, 60, 1), np.float16), np.ones((1, 1, 1, 1), np.float16)
    got = fast_impl.conv2d_transpose_gradients(x, k, np.ones((1, 60, 60, 1), np.float16))
    assert got.bias.item() == 3600


@pytest.mark.parametrize(
    ("shape", "kernel"),
    [((0, 3, 2, 2), (3, 2, 4, 2)), ((2, 0, 2, 2), (3, 2, 4, 2)), ((2, 0, 2, 2), (1, 1, 4, 2))],
    ids=["no batch", "no rows", "no rows, kernel below stride"],
)
def test_the_kernel_gradient_of_nothing_is_zero(shape, kernel, integers):
    g = np.ones(fast_impl.output_shape(shape, kernel, 2), np.float32)
    got = fast_impl.conv2d_transpose_gradients(integers(shape), integers(kernel), g, 2)
    np.testing.assert_array_equal(got.kernel, np.zeros(kernel, np.float32))


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 2, 0)])
def test_the_input_gradient_of_nothing_has_its_shape(shape, integers):
    kernel = (3, 2, 4, shape[3])
    g = np.ones(fast_impl.output_shape(shape, kernel, 2), np.float32)
    got = fast_impl.conv2d_transpose_gradients(integers(shape), integers(kernel), g, 2)
    assert got.inputs.shape == shape


def test_a_special_value_reaches_only_what_it_touched(geometry, integers, loops):
    x, k, g = _drawn(geometry, integers)
    g.reshape(-1)[g.size // 2] = np.nan
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    with np.errstate(invalid="ignore"):
        expected = loops.gradients(x, k, g, geometry.config)
    np.testing.assert_array_equal(np.isnan(got.inputs), np.isnan(expected[0]))
    np.testing.assert_array_equal(np.isnan(got.kernel), np.isnan(expected[1]))


def test_an_output_gradient_of_another_shape_is_refused(integers):
    with pytest.raises(fast_impl.InvalidArgumentError, match="output_gradient must have shape"):
        fast_impl.conv2d_transpose_gradients(
            integers((1, 2, 2, 1)), integers((1, 1, 1, 1)), integers((1, 2, 3, 1))
        )
