"""Axes of one element or none: what NumPy says of their strides reaches no kernel, no product, no address."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fast_impl
from fast_impl.kernels import copying
from fast_impl.runtime.addresses import steps
from fast_impl.tests import guarded
from fast_impl.tests.targets import on_each_target

FCN = """
import numpy as np
import fast_impl

random = np.random.default_rng({seed})
layer = fast_impl.Conv2DTranspose(1, 16, strides=8, padding="same")
for _ in range(60):
    x = random.standard_normal((random.integers(9, 40), 8, 8, 4)).astype("f4")
    y = layer(x)
    layer.gradients(x, np.ones_like(y))
print("trained")
"""


@pytest.mark.parametrize("seed", range(3))
def test_the_last_layer_of_a_segmentation_trains_with_batches_of_any_size(seed):
    """In a process of its own, which died of some batches; unchecked, as at a user's."""
    command = [sys.executable, "-c", FCN.format(seed=seed)]
    environment = {**os.environ, "FAST_IMPL_CHECK": "0"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr


@pytest.mark.parametrize("batch", range(9, 40, 5))
def test_the_last_layer_of_a_segmentation_has_the_gradients_of_the_scatter(batch):
    random = np.random.default_rng(batch)
    x = random.integers(-3, 4, (batch, 8, 8, 4)).astype("f4")
    k = random.integers(-3, 4, (16, 16, 1, 4)).astype("f4")
    g = random.integers(-3, 4, (batch, 64, 64, 1)).astype("f4")
    found = fast_impl.conv2d_transpose_gradients(x, k, g, 8, "same")
    # A layer of two filters, the second of which adds nothing.
    pair = np.concatenate([k, np.zeros_like(k)], axis=2), np.concatenate([g, g * 0], axis=3)
    wanted = fast_impl.conv2d_transpose_gradients(x, *pair, 8, "same")
    assert wanted.bias is not None
    np.testing.assert_array_equal(found.inputs, wanted.inputs)
    np.testing.assert_array_equal(found.kernel, wanted.kernel[:, :, :1])
    np.testing.assert_array_equal(found.bias, wanted.bias[:1])


def odd(array, *strides):
    return np.lib.stride_tricks.as_strided(array, array.shape, strides)


CONTIGUOUS = np.zeros((2, 1, 3, 1), np.float32)
EMPTY = np.zeros((2, 0, 3), np.float32)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (CONTIGUOUS, (12, 12, 4, 4)),
        (odd(CONTIGUOUS, 12, 7, 4, -1), (12, 12, 4, 4)),
        (odd(CONTIGUOUS[:1], 1, 1 << 40, 4, 0), (12, 12, 4, 4)),
        (CONTIGUOUS[:, :, ::2], (12, 16, 8, 4)),
        (CONTIGUOUS[::-1], (-12, 12, 4, 4)),
        (CONTIGUOUS.transpose(2, 1, 0, 3), (4, 24, 12, 4)),
        (EMPTY, (12, 12, 4)),
        (odd(EMPTY, -3, 1, 0), (12, 12, 4)),
        (np.float64(1), ()),
    ],
)
def test_steps_are_strides_where_strides_mean_something(array, expected):
    assert steps(array) == expected


@on_each_target
@pytest.mark.parametrize("stride", [0, 1, 4, 12, 400, -4, 1 << 40])
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize(
    "shape", [(3, 4, 1), (3, 1, 5), (1, 4, 5), (1, 1, 5), (3, 1, 1), (1, 1, 1)]
)
def test_copies_of_arrays_with_one_element_axes(target, shape, at_end, stride):
    outer, inner, numbers = shape
    source = guarded.copy(np.arange(1, outer * inner * numbers + 1, dtype="f4"), at_end)
    source = source.reshape(shape)
    panels = guarded.copy(np.full((1, outer, inner, 8), np.nan, "f4"), at_end)
    one = [stride if size == 1 else step for size, step in zip(shape, source.strides, strict=True)]
    copying.fill(odd(panels, stride, *panels.strides[1:]), odd(source, *one), 0, target)
    np.testing.assert_array_equal(panels[0, ..., :numbers], source)
    np.testing.assert_array_equal(panels[0, ..., numbers:], 0)


# What a problem or a layer calls strides is not where numbers lie in memory.
OF_A_CONVOLUTION = {"options", "self", "layer", "problem", "cls"}
PACKAGE = Path(fast_impl.__file__).parent


def _array_strides(path):
    """Lines of a module that read the strides of something that is no convolution."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr == "strides":
            owner = node.value
            if not (isinstance(owner, ast.Name) and owner.id in OF_A_CONVOLUTION):
                yield f"{path.name}: {ast.unparse(node)}"


def test_only_steps_reads_the_strides_of_an_array():
    modules = [path for path in PACKAGE.rglob("*.py") if "tests" not in path.parts]
    assert [line for path in modules for line in _array_strides(path)] == [
        "addresses.py: array.strides"
    ]
