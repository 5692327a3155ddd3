"""Calls of the layer, where this implementation does more: weights by every route, threads, layouts."""

import copy
import threading

import numpy as np
import pytest

import fast_impl

X = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
K = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2) - 12
B = np.array([1, -2, 3], np.float32)


def built(**options):
    return fast_impl.Conv2DTranspose(3, 2, weights=[K, B], **options)


def test_the_weights_given_are_copied():
    kernel = K.copy()
    layer = fast_impl.Conv2DTranspose(3, 2, weights=[kernel, B])
    before = layer(X)
    kernel[...] = 0
    np.testing.assert_array_equal(layer(X), before)


@pytest.mark.parametrize("route", ["set_weights", "assignment", "apply_gradients", "build"])
def test_new_weights_are_used_by_whatever_route_they_came(route):
    layer = built(strides=2)
    before = layer(X)
    if route == "set_weights":
        layer.set_weights([K + 1, B])
    elif route == "assignment":
        layer.kernel = K + 1
    elif route == "apply_gradients":
        layer.apply_gradients([np.full_like(K, -1), None], 1.0)
    else:
        layer.build((1, 3, 3, 2))
        layer.kernel, layer.bias = K + 1, B
    expected = fast_impl.conv2d_transpose(X, K + 1, 2, bias=B)
    np.testing.assert_array_equal(layer(X), expected)
    assert not np.array_equal(before, expected)


def test_a_copied_kernel_is_read_only_too():
    layer = built()
    layer(X)
    assert not copy.deepcopy(layer).kernel.flags.writeable


def test_a_first_call_from_many_threads_builds_once():
    layer = fast_impl.Conv2DTranspose(3, 2)
    barrier = threading.Barrier(8)
    results = []

    def call():
        barrier.wait()
        results.append(layer(X))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(layer.weights) == 2
    assert all(np.array_equal(result, results[0]) for result in results)


@pytest.mark.parametrize(
    ("dtype", "error"),
    [("float32", fast_impl.InvalidArgumentError), ("mixed_float16", ValueError)],
)
def test_the_error_for_another_dtype_depends_on_the_policy(dtype, error):
    layer = fast_impl.Conv2DTranspose(1, 1, dtype=dtype)
    with pytest.raises(ValueError, match="convert it") as caught:
        layer(np.ones((1, 1, 1, 1), np.float64))
    assert caught.type is error


def test_a_shape_may_be_an_array():
    layer = fast_impl.Conv2DTranspose(2, 3)
    assert layer.compute_output_shape(np.array([1, 4, 4, 3])) == (1, 6, 6, 2)
    layer.build(np.array([1, 4, 4, 3]))
    assert layer.kernel.shape == (3, 3, 2, 3)


def test_weights_are_kept_in_rows_whatever_order_they_come_in():
    layer = fast_impl.Conv2DTranspose(2, 3, use_bias=False)
    layer.build((1, 1, 1, 4))
    layer.set_weights([np.asfortranarray(np.ones((3, 3, 2, 4), np.float32))])
    assert (layer.kernel.flags.c_contiguous, layer.kernel.flags.writeable) == (True, False)
