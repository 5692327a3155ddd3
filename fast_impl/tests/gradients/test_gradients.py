import numpy as np
import pytest

import fast_impl
from fast_impl.gradients import small
from fast_impl.kernels import native

CONFIG = {"strides": (2, 3), "padding": "same"}


@pytest.fixture(autouse=True, params=["generated", "not generated", "by one look-up"])
def _method(request, monkeypatch):
    """Every gradient with generated kernels, where there are any, without, and as those of small problems."""
    if request.param == "by one look-up":
        return
    monkeypatch.setattr(small, "suits", lambda *_: False)
    if request.param == "not generated":
        monkeypatch.setattr(native, "target", lambda: None)
    elif native.target() is None:
        pytest.skip("this processor or system runs no generated code")


def _drawn(geometry, integers):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    return x, k, integers(fast_impl.output_shape(x.shape, k.shape, **geometry.config))


def test_every_geometry_equals_the_loops(geometry, integers, loops):
    x, k, g = _drawn(geometry, integers)
    got = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    for found, expected in zip(got, loops.gradients(x, k, g, geometry.config), strict=True):
        np.testing.assert_array_equal(found, expected)


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


@pytest.mark.parametrize("limit", [1 << 10, 1 << 14, 64 << 20], ids=["rows", "images", "whole"])
@pytest.mark.parametrize("threads", [1, 3])
def test_pieces_of_any_size_give_the_same_gradients(geometry, limit, threads, integers, loops):
    from fast_impl.gradients import blocks
    from fast_impl.planning.planner import plan

    x, k, g = _drawn(geometry, integers)
    problem = plan(geometry.input_shape, geometry.kernel_shape, **geometry.config).problem
    made = [np.full(shape, np.nan, np.float32) for shape in (x.shape, k.shape, (geometry.filters,))]
    blocks.Backward(problem, threads, limit).run(x, k, g, tuple(made))
    for found, expected in zip(made, loops.gradients(x, k, g, geometry.config), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gradients_repeat_bit_by_bit():
    generator = np.random.default_rng(1)
    x, k = generator.normal(size=(6, 9, 8, 16)), generator.normal(size=(5, 4, 12, 16))
    g = generator.normal(size=fast_impl.output_shape(x.shape, k.shape, 2, "same"))
    first = fast_impl.conv2d_transpose_gradients(x, k, g, 2, "same")
    second = fast_impl.conv2d_transpose_gradients(x, k, g, 2, "same")
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_strided_arrays_have_the_same_gradients(geometry, integers):
    x, k, g = _drawn(geometry, integers)
    expected = fast_impl.conv2d_transpose_gradients(x, k, g, **geometry.config)
    arrays = (np.asfortranarray(x), np.asfortranarray(k), np.asfortranarray(g))
    got = fast_impl.conv2d_transpose_gradients(*arrays, **geometry.config)
    assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("where", [0, 1], ids=["inputs", "kernel"])
def test_an_infinity_in_an_argument_reaches_only_what_it_touched(geometry, where, integers, loops):
    arrays = list(_drawn(geometry, integers))
    arrays[where].reshape(-1)[0] = np.inf
    got = fast_impl.conv2d_transpose_gradients(*arrays, **geometry.config)
    with np.errstate(invalid="ignore"):
        expected = loops.gradients(*arrays, geometry.config)
    np.testing.assert_array_equal(got[1 - where], expected[1 - where])


@pytest.mark.parametrize("threads", [1, 3])
def test_gradients_by_patches_equal_the_loops(geometry, threads, integers, loops):
    from fast_impl.gradients.patches import PatchesBackward
    from fast_impl.planning.planner import plan

    x, k, g = _drawn(geometry, integers)
    problem = plan(geometry.input_shape, geometry.kernel_shape, **geometry.config).problem
    made = [np.full(shape, np.nan, np.float32) for shape in (x.shape, k.shape, (geometry.filters,))]
    PatchesBackward(problem, threads).run(x, k, g, tuple(made))
    for found, expected in zip(made, loops.gradients(x, k, g, geometry.config), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_gradients_by_patches_in_strips_equal_the_scatter(integers):
    x, k = integers((2, 150, 40, 3)), integers((5, 4, 2, 3))
    g = integers(fast_impl.output_shape(x.shape, k.shape, (3, 2), "same"))
    got = fast_impl.conv2d_transpose_gradients(x, k, g, (3, 2), "same")
    y = fast_impl.conv2d_transpose(x, k, (3, 2), "same")
    assert np.vdot(y.astype(np.float64), g) == np.vdot(k.astype(np.float64), got.kernel)
    assert np.vdot(y.astype(np.float64), g) == np.vdot(x.astype(np.float64), got.inputs)
