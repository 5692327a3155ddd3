"""What kernels must not touch."""

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import direct
from fast_impl.gradients import direct_kernel
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import KernelGradient
from fast_impl.kernels import calls
from fast_impl.tests import guarded
from fast_impl.tests.gradients.test_direct import WAYS
from fast_impl.tests.made import GIVEN, made
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
        for constant, value in WAYS[way].items():
            monkeypatch.setattr(direct_kernel, constant, value)
        method = KernelGradient(given.problem, 1, 1 << 26, target)
        assert method.as_it_is == (way == "where they lie" and name == "plain")
        method.run(x, g, to_kernel)
        np.testing.assert_array_equal(to_kernel, given.to_kernel)
    InputGradient(given.problem, 1, target).run(k, g, to_inputs)
    np.testing.assert_array_equal(to_inputs, given.to_inputs)


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
