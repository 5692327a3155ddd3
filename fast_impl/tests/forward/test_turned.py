"""Arrays that kernels do not take: turned round, or made wider, some images at a time, and rounded once."""

import dataclasses
import math
import warnings

import ml_dtypes
import numpy as np
import pytest

import fast_impl
from fast_impl.forward import col2im, costs, direct
from fast_impl.forward.turned import Turned, taken
from fast_impl.gradients.direct import DirectBackward
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.planning import gradients, planner
from fast_impl.problem.dtypes import by_name
from fast_impl.problem.problem import Options, Problem
from fast_impl.tests.made import pieces
from fast_impl.tests.targets import IDLE, on_each_target

LIMIT = planner.WORKSPACE_LIMIT
FORMATS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
METHODS = {"direct": direct, "col2im": col2im}


def _problem(dtype, data_format, shape=(6, 5, 7, 4), kernel=(3, 2, 5), strides=(2, 1)):
    """A problem of a batch, channels, rows and columns, and of taps and filters."""
    batch, channels, *size = shape
    first = data_format == "channels_first"
    options = Options.checked(strides, "same", data_format, (1, 1), None)
    number = by_name(dtype)
    inputs = (batch, channels, *size) if first else (batch, *size, channels)
    return Problem.checked(inputs, number, (*kernel, channels), number, options)


def _config(problem):
    return {
        "strides": (problem.height.stride, problem.width.stride), "padding": "same",
        "data_format": "channels_first" if problem.channels_first else "channels_last",
    }  # fmt: skip


kinds = pytest.mark.parametrize(
    ("dtype", "data_format"),
    [
        (dtype, data_format)
        for dtype in ("float16", "bfloat16", "float32", "float64")
        for data_format in ("channels_last", "channels_first")
        if dtype in FORMATS or data_format == "channels_first"
    ],
)


@on_each_target
@kinds
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("images", [6, 3, 1])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_images_at_a_time_give_the_loops_results(
    target, method, threads, images, dtype, data_format, loops, integers
):
    problem = _problem(dtype, data_format)
    whole = dataclasses.replace(problem, batch=images)
    size = 4 if dtype != "float64" else 8
    limit = size * (math.prod(whole.input_shape) + math.prod(whole.output_shape))
    proposal = METHODS[method].offer(problem, threads, limit, target).propose()
    assert isinstance(proposal.executor, Turned)
    assert f", {images} image(s)" in proposal.explanation
    assert ("turned" in proposal.explanation) is problem.channels_first
    assert ("made float32" in proposal.explanation) is (dtype in FORMATS)
    assert proposal.workspace >= limit
    x, k = (
        integers(problem.input_shape, problem.dtype),
        integers(problem.kernel_shape, problem.dtype),
    )
    bias = integers(5, problem.dtype)
    out = np.full(problem.output_shape, np.nan, problem.dtype)
    proposal.executor.run(x, proposal.executor.pack(k), bias, out)
    expected = loops.forward(x.astype("f8"), k.astype("f8"), _config(problem), bias.astype("f8"))
    np.testing.assert_array_equal(out.astype("f8"), expected)


@on_each_target
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_results_are_rounded_once(target, method, dtype, data_format, loops):
    """Operands whose products and sums are exact in float32: then rounding once gives one result."""
    random = np.random.default_rng(12)
    problem = _problem(dtype, data_format)
    x, k = (
        (random.integers(-127, 128, shape) / 16).astype(problem.dtype)
        for shape in (problem.input_shape, problem.kernel_shape)
    )
    bias = (random.integers(-127, 128, 5) / 64).astype(problem.dtype)
    exact = loops.forward(x.astype("f8"), k.astype("f8"), _config(problem), bias.astype("f8"))
    assert not np.array_equal(exact.astype(problem.dtype).astype("f8"), exact)
    plan = planner.planned(problem, method, 1, LIMIT, target)
    assert plan.algorithm == method
    found = plan.run(x, k, bias=bias)
    assert found.dtype == problem.dtype
    np.testing.assert_array_equal(found.astype("f8"), exact.astype(problem.dtype).astype("f8"))


@on_each_target
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_results_beyond_the_format_are_infinite_without_a_warning(target, method, dtype):
    problem = _problem(dtype, "channels_first")
    most = float(ml_dtypes.finfo(problem.dtype).max)
    x = np.full(problem.input_shape, most, problem.dtype)
    k = np.ones(problem.kernel_shape, problem.dtype)
    plan = planner.planned(problem, method, 2, LIMIT, target)
    assert plan.algorithm == method
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = plan.run(x, k)
    assert np.isposinf(found.astype("f8")).any()
    assert not np.isnan(found.astype("f8")).any()


@on_each_target
@kinds
@pytest.mark.parametrize("threads", [1, 3])
def test_gradients_equal_the_loops(target, threads, dtype, data_format, loops, integers):
    problem = _problem(dtype, data_format)
    shapes = problem.input_shape, problem.kernel_shape, problem.output_shape
    x, k, g = (integers(shape, problem.dtype) for shape in shapes)
    method = gradients.planned(problem, threads, LIMIT, target, "direct")
    assert isinstance(method, DirectBackward)
    found = tuple(np.full(shape, np.nan, problem.dtype) for shape in (*shapes[:2], (5,)))
    method.run(x, k, g, found)
    expected = loops.gradients(x, k.astype("f8"), g, _config(problem))
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got.astype("f8"), wanted.astype(problem.dtype).astype("f8"))


@on_each_target
@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("which", ["inputs", "kernel"])
@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("method", METHODS)
def test_a_special_value_touches_only_its_own_products(
    target, method, dtype, which, value, loops, integers
):
    problem = _problem(dtype, "channels_first")
    x, k = (
        integers(problem.input_shape, problem.dtype),
        integers(problem.kernel_shape, problem.dtype),
    )
    flat = (x if which == "inputs" else k).reshape(-1)
    flat[flat.size // 2] = value
    found = planner.planned(problem, method, 1, LIMIT, target).run(x, k)
    with np.errstate(invalid="ignore"):
        expected = loops.forward(x.astype("f8"), k.astype("f8"), _config(problem))
    np.testing.assert_array_equal(found.astype("f8"), expected)


# --- which images, and what it takes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("room", "images"), [(0, None), (1, 1), (2, 2), (3, 3), (5, 3), (6, 6), (99, 6)]
)
def test_as_many_images_are_turned_as_find_room_and_divide_the_batch(room, images):
    problem = _problem("float16", "channels_first")
    inner = dataclasses.replace(problem, batch=1)
    each = 4 * (math.prod(inner.input_shape) + math.prod(inner.output_shape))
    for more in (0, each - 1):
        found = taken(problem, room * each + more, IDLE)
        assert (found and found[0].batch) == images


def test_problems_in_the_form_of_kernels_are_taken_as_they_are():
    problem = _problem("float32", "channels_last")
    assert taken(problem, 0, IDLE) == (problem, IDLE)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_integers_are_not_taken(data_format):
    assert taken(_problem("int32", data_format), LIMIT, IDLE) is None


@pytest.mark.parametrize(
    ("dtype", "wide"), [("float16", False), ("float32", False), ("float64", True)]
)
def test_turning_costs_copies_of_short_runs(dtype, wide):
    problem = _problem(dtype, "channels_first")
    inner, _ = taken(dataclasses.replace(problem, batch=2), LIMIT, IDLE)
    method = direct.Direct(inner, pieces(inner), IDLE)
    numbers = math.prod(problem.input_shape) + math.prod(problem.output_shape)
    copied = costs.copy(numbers, costs.TURNED_RUN, wide)
    for threads in (1, 2):
        found = Turned(problem, method, threads).seconds(7.0)
        assert found == pytest.approx(3 * 7.0 + copied / threads, rel=1e-12)


@pytest.mark.parametrize(
    ("dtype", "data_format", "by_kernels"),
    [
        ("float32", "channels_first", True), ("float16", "channels_last", True),
        ("float16", "channels_first", False), ("float64", "channels_first", False),
    ],
)  # fmt: skip
def test_what_kernels_turn_costs_less(dtype, data_format, by_kernels):
    problem = _problem(dtype, data_format)
    inner, _ = taken(problem, LIMIT, AVX2)
    numbers = math.prod(problem.input_shape) + math.prod(problem.output_shape)
    found = Turned(problem, direct.Direct(inner, pieces(inner), AVX2), 1).seconds(0.0)
    assert (found == pytest.approx(costs.TURN * numbers)) is by_kernels


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_images_that_find_no_room_to_be_turned_are_left_to_other_methods(method):
    problem = _problem("float16", "channels_last", shape=(2, 5, 7, 4))
    inner = dataclasses.replace(problem, batch=1)
    each = 4 * (math.prod(inner.input_shape) + math.prod(inner.output_shape))
    assert method.offer(problem, 1, each, IDLE) is not None
    assert method.offer(problem, 1, each - 1, IDLE) is None


def test_a_layer_of_half_precision_is_computed_by_generated_kernels():
    problem = fast_impl.plan(
        (2, 32, 32, 64), (5, 5, 32, 64), 2, "same", dtype="float16", algorithm="scatter"
    ).problem
    # Whatever the products of the BLAS cost here.
    cheap = dataclasses.replace(IDLE, cycle=1e-12)
    assert planner.planned(problem, None, 1, LIMIT, cheap).algorithm == "direct"
