"""Tensors of other libraries are taken where an array is: by `__array__`, or by DLPack."""

import re

import numpy as np
import pytest

import fast_impl

X = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
K = np.arange(8, dtype=np.float32).reshape(2, 2, 1, 2)


class OnlyDLPack:
    """A tensor that NumPy knows by its capsule alone."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


class NeedsDetaching:
    """A tensor that its library does not give away."""

    shape, dtype = (1, 3, 3, 2), np.float32

    def __array__(self, *_args, **_options):
        raise RuntimeError("call detach() first")


def _torch(array):
    return pytest.importorskip("torch").from_numpy(array)


def _jax(array):
    return pytest.importorskip("jax").numpy.asarray(array)


def _tensorflow(array):
    return pytest.importorskip("tensorflow").constant(array)


@pytest.mark.parametrize(
    "made", [OnlyDLPack, _torch, _jax, _tensorflow, np.ndarray.tolist, memoryview]
)
def test_the_functions_take_it(made):
    right = fast_impl.conv2d_transpose(X, K)
    np.testing.assert_array_equal(fast_impl.conv2d_transpose(made(X), made(K)), right)
    found = fast_impl.conv2d_transpose_gradients(made(X), made(K), made(right))
    wanted = fast_impl.conv2d_transpose_gradients(X, K, right)
    np.testing.assert_array_equal(found.kernel, wanted.kernel)


@pytest.mark.parametrize("made", [OnlyDLPack, _torch, _jax, _tensorflow])
def test_the_layer_takes_it(made):
    layer = fast_impl.Conv2DTranspose(1, 2, use_bias=False)
    layer.build(X.shape)
    layer.kernel = made(K)
    right = fast_impl.conv2d_transpose(X, K)
    np.testing.assert_array_equal(layer(made(X)), right)
    assert layer.gradients(made(X), made(right)).kernel.shape == K.shape


@pytest.mark.parametrize(
    "call",
    [lambda x: fast_impl.conv2d_transpose(x, K), lambda x: fast_impl.Conv2DTranspose(1, 2)(x)],
)
def test_a_tensor_that_is_not_given_away_is_named(call):
    with pytest.raises(RuntimeError, match=re.escape("inputs=") + ".*call detach"):
        call(NeedsDetaching())


class Symbolic:
    """A tensor whose library's refusal happens to hold the argument's letters."""

    shape, dtype = (1, 3, 3, 2), np.float32

    def __array__(self, *_args, **_options):
        raise TypeError("call it on Kerasinputs")


@pytest.mark.parametrize("value", [None, {}, Symbolic()])
def test_what_is_no_array_is_named(value):
    with pytest.raises((TypeError, ValueError), match=r"^inputs=.* must be an array of numbers: "):
        fast_impl.conv2d_transpose(value, K)
