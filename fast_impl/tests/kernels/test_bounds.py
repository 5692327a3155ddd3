"""What kernels must not touch."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import direct
from fast_impl.gradients import direct_inputs, direct_kernel
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import KernelGradient
from fast_impl.kernels.sums import calls
from fast_impl.runtime import checking
from fast_impl.tests import guarded
from fast_impl.tests.gradients.test_direct import take
from fast_impl.tests.made import GIVEN, by_scatter, made, operands
from fast_impl.tests.targets import generated, on_each_target


@on_each_target
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("weights", [1, 1 << 20])
@pytest.mark.parametrize(("channels", "filters"), [(5, 3), (9, 17), (17, 41)])
@pytest.mark.parametrize(
    "name", ["plain", "odd pixel after", "wider than a tile", "dilation, same"]
)
def test_kernels_touch_nothing_beyond_their_arrays(
    target, name, channels, filters, weights, at_end, monkeypatch
):
    """A process that did would die here."""
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    given = made(name, 7, channels, filters)
    x, k, bias, g = (
        guarded.copy(array, at_end) for array in (given.x, given.k, given.bias, given.g)
    )
    out, to_inputs, to_kernel = (
        guarded.copy(array, at_end) for array in (given.expected.astype("f4"), given.x, given.k)
    )
    for method in direct._candidates(given.problem, target):
        method.prepare(1)
        out[...] = np.nan
        packed = guarded.copy(method.pack(k), at_end)
        method.run(x, packed, bias, out)
        np.testing.assert_array_equal(out, given.expected)
    for way in ("where they lie", "in blocks, few pixels"):
        take(monkeypatch, way)
        monkeypatch.setattr(direct_kernel, "_BORDER", 0)
        method = KernelGradient(given.problem, 1, 1 << 26, target)
        assert method.as_it_is == (way == "where they lie" and name == "plain")
        method.run(x, g, to_kernel)
        np.testing.assert_array_equal(to_kernel, given.to_kernel)
    InputGradient(given.problem, 1, target, 1 << 26).run(k, g, to_inputs)
    np.testing.assert_array_equal(to_inputs, given.to_inputs)


# Ways of the kernel's gradient that read what is not copied.
IN_PLACE = (
    "where they lie", "border apart", "border between zeros", "exchanged", "exchanged, border apart",
    "exchanged, border between zeros, row by row", "inputs copied",
)  # fmt: skip


@on_each_target
@pytest.mark.parametrize(
    ("channels", "way", "at_end"),
    # What is read too far is read at the end; before the beginning, any two of them show it.
    [*itertools.product(range(1, 71), IN_PLACE, [True])]
    + [(channels, IN_PLACE[channels % len(IN_PLACE)], False) for channels in range(1, 71)],
)
def test_gradients_of_any_number_of_channels_touch_nothing_beyond_their_arrays(
    target, channels, way, at_end, monkeypatch
):
    """A process that did would die here. As many filters as leave every part of a vector over, too."""
    filters = (channels * 37) % 70 + 1
    _gradients_between_pages(
        monkeypatch, target, made("odd pixel after", 2, channels, filters), way, at_end
    )


@on_each_target
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("way", IN_PLACE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("vectors", [1, 2, 3])
@pytest.mark.parametrize(
    ("taps", "padding"), [(3, "valid"), (5, "same"), (8, "same"), (16, "same")]
)
def test_gradients_whose_pixels_are_as_far_apart_as_a_panel_is_wide_are_read_no_further(
    target, taps, padding, vectors, dtype, way, at_end, monkeypatch
):
    """Whole panels were taken for packed ones, and read beyond the last pixel's gradients."""
    stride = vectors * target.vector // np.dtype(dtype).itemsize
    config = {"strides": (1, stride), "padding": padding, "dtype": dtype, "algorithm": "scatter"}
    problem = fast_impl.plan((2, 3, 4, 3), (2, taps, 1, 3), **config).problem
    x, k, g = operands(problem)
    to_inputs, to_kernel, _ = by_scatter(problem, x, k, g)
    given = SimpleNamespace(
        problem=problem, x=x, k=k, g=g, to_inputs=to_inputs, to_kernel=to_kernel
    )
    _gradients_between_pages(monkeypatch, target, given, way, at_end)


def _gradients_between_pages(monkeypatch, target, given, way, at_end):
    take(monkeypatch, way)
    monkeypatch.setattr(checking, "wanted", lambda: False)
    x, k, g = (guarded.copy(array, at_end) for array in (given.x, given.k, given.g))
    found = [guarded.copy(np.full_like(array, 77), at_end) for array in (x, k)]
    with guarded.everything(at_end):
        KernelGradient(given.problem, 2, 1 << 26, target).run(x, g, found[1])
        for worth in (0, 1e9):
            monkeypatch.setattr(direct_inputs, "_WORTH", worth)
            InputGradient(given.problem, 2, target, 1 << 26).run(k, g, found[0])
            np.testing.assert_array_equal(found[0], given.to_inputs)
    np.testing.assert_array_equal(found[0], given.to_inputs)
    np.testing.assert_array_equal(found[1], given.to_kernel)


@on_each_target
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("filters", range(1, 71))
def test_results_of_any_number_of_filters_touch_nothing_beyond_their_arrays(
    target, filters, dtype, at_end, monkeypatch
):
    monkeypatch.setattr(checking, "wanted", lambda: False)
    given = made("odd pixel after", 2, 3, filters, dtype)
    x, k, bias = (guarded.copy(array, at_end) for array in (given.x, given.k, given.bias))
    out = guarded.copy(given.expected.astype(dtype), at_end)
    with guarded.everything(at_end):
        for method in direct._candidates(given.problem, target):
            method.prepare(1)
            out[...] = np.nan
            method.run(x, method.pack(k), bias, out)
            np.testing.assert_array_equal(out, given.expected)


@generated
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_at_any_address_give_the_same(dtype):
    given = made("odd pixel after", 7, 9, 17, dtype)

    def shifted(array):
        room = np.empty(array.nbytes + 1, np.uint8)
        found = room[1:].view(array.dtype).reshape(array.shape)
        found[...] = array
        assert not found.flags.aligned
        return found

    x, k, g, bias = map(shifted, (given.x, given.k, given.g, given.bias))
    options = GIVEN["odd pixel after"][2]
    plan = fast_impl.plan(x.shape, k.shape, **options, dtype=dtype, algorithm="direct")
    out = shifted(given.expected.astype(dtype))
    np.testing.assert_array_equal(
        plan.run(x[::-1, :, ::-1], k, bias=bias, out=out),
        plan.run(np.ascontiguousarray(x[::-1, :, ::-1]), given.k, bias=given.bias),
    )
    found = fast_impl.conv2d_transpose_gradients(x, k, g, **options)
    np.testing.assert_array_equal(found.inputs, given.to_inputs)
    np.testing.assert_array_equal(found.kernel, given.to_kernel)
