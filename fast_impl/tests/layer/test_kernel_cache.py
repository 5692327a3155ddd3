"""The layer's packed kernels: packed once, and never one of older weights."""

import numpy as np
import pytest

import fast_impl
from fast_impl.layer.kernel_cache import PackedKernels
from fast_impl.problem.problem import Options

OPTIONS = Options((1, 1), "valid", "channels_last", (1, 1), None)


def image(size):
    return np.ones((1, size, size, 1), np.float32)


def kernel(value):
    return np.full((1, 1, 1, 1), value, np.float32)


def test_a_kernel_is_packed_once_for_each_shape():
    packed, weights = PackedKernels(), kernel(1)
    found = [packed.get(image(size), weights, OPTIONS) for size in (1, 2, 1, 2)]
    assert (found[0] is found[2], found[1] is found[3], found[0] is found[1]) == (True, True, False)


def test_a_new_kernel_is_packed_for_every_shape():
    packed, old, new = PackedKernels(), kernel(1), kernel(2)
    for size in (1, 2):
        packed.get(image(size), old, OPTIONS)
    assert [packed.get(image(size), new, OPTIONS).kernel.item() for size in (1, 2, 1)] == [2, 2, 2]


def test_four_shapes_are_kept():
    packed, weights = PackedKernels(), kernel(1)
    sizes = []
    for size in range(1, 8):
        packed.get(image(size), weights, OPTIONS)
        sizes.append(len(packed._current[2]))
    assert sizes == [1, 2, 3, 4, 1, 2, 3]


@pytest.mark.parametrize("sizes", [(1, 2), (1, 2, 3, 4, 5, 6)])
def test_a_layer_computes_with_its_present_weights(sizes):
    layer = fast_impl.Conv2DTranspose(1, 1, use_bias=False, kernel_initializer="ones")
    for value in (1, 2, 3):
        layer(image(1))
        layer.set_weights([kernel(value)])
        assert [layer(image(size)).max() for size in sizes] == [value] * len(sizes)
