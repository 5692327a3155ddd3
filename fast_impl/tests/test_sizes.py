"""Hostile and odd sizes: time and memory follow the work of a problem, and a limit of memory holds."""

import tracemalloc

import numpy as np
import pytest

import fast_impl
from fast_impl.gradients import scatter
from fast_impl.kernels import native
from fast_impl.planning import gradients, planner
from fast_impl.problem.geometry import Axis
from fast_impl.runtime import checking
from fast_impl.tests.conftest import forward
from fast_impl.tests.conftest import gradients as loops

# The output has at most so many bytes; so much more may be taken by plan and run.
ROOM = 8 << 20


def arrays(images, kernel, dtype="float32"):
    rng = np.random.default_rng(0)
    return [rng.integers(-3, 4, shape).astype(dtype) for shape in (images, kernel)]


def config(options):
    return {"strides": (1, 1), "padding": "valid", **options}


def peak(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


HOSTILE = {
    "tall stride": ((1, 1, 1, 1), (3, 3, 1, 1), {"strides": (200_000, 1)}),
    "wide stride": ((1, 1, 1, 1), (3, 3, 1, 1), {"strides": (1, 200_000)}),
    "both strides": ((1, 2, 2, 1), (3, 2, 1, 1), {"strides": (100, 70), "padding": "same"}),
    "a kernel of many taps": ((1, 2, 1, 1), (300, 400, 1, 1), {}),
    "many taps of many strides": ((1, 2, 2, 1), (150, 150, 1, 1), {"strides": 150}),
    "a long row": ((1, 1, 100_000, 1), (1, 3, 1, 1), {}),
    "a long column": ((1, 100_000, 1, 1), (3, 1, 1, 1), {}),
    "many images": ((5_000, 1, 1, 1), (3, 2, 1, 1), {}),
    "taps far outside": ((1, 4, 5, 2), (3, 3, 1, 2), {"padding": "same", "dilation_rate": (10**6, 10**6)}),
    "even taps far outside": (
        (1, 4, 5, 2), (4, 2, 1, 2), {"padding": "same", "dilation_rate": (10**6, 10**6)},
    ),
    "taps far outside, with a stride": (
        (1, 4, 5, 2), (3, 5, 1, 2), {"padding": "same", "strides": (3, 3), "dilation_rate": (10**5, 10**5)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_size_takes_memory_of_its_own_size_only(name, dtype, monkeypatch):
    # The debug check of addresses makes lists of all streams.
    monkeypatch.setattr(checking, "wanted", lambda: False)
    images, kernel, options = HOSTILE[name]
    x, w = arrays(images, kernel, dtype)
    planner.checked.cache_clear()
    planner.planned.cache_clear()
    taken = peak(lambda: fast_impl.conv2d_transpose(x, w, **options))
    shape = fast_impl.output_shape(images, kernel, **options)
    assert taken < ROOM + 4 * np.dtype(dtype).itemsize * np.prod(shape)


@pytest.mark.parametrize("machine_code", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("name", HOSTILE)
def test_gradients_of_a_hostile_size_take_no_more(name, dtype, machine_code, monkeypatch):
    if not machine_code:
        monkeypatch.setattr(native, "target", lambda: None)
    images, kernel, options = HOSTILE[name]
    x, w = arrays(images, kernel, dtype)
    g = np.ones(fast_impl.output_shape(images, kernel, **options), dtype)
    gradients.planned.cache_clear()
    gradients.checked.cache_clear()
    taken = peak(lambda: fast_impl.conv2d_transpose_gradients(x, w, g, **options))
    assert taken < 2 * ROOM + 4 * g.nbytes


@pytest.mark.parametrize("name", ["taps far outside", "even taps far outside", "both strides"])
def test_what_is_left_of_a_hostile_size_is_right(name):
    images, kernel, options = HOSTILE[name]
    x, w = arrays(images, kernel)
    found = fast_impl.conv2d_transpose(x, w, **options)
    np.testing.assert_array_equal(found, forward(x, w, config(options)))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 3, 7, 50])
def test_gradients_without_the_taps_that_reach_nothing_are_those_of_all(stride, kernel, dilation):
    options = {"strides": (stride, 1), "padding": "same", "dilation_rate": (dilation, 2)}
    x, w = arrays((2, 3, 4, 2), (kernel, 3, 2, 2))
    g = arrays(fast_impl.output_shape(x.shape, w.shape, **options), (1,))[0]
    found = fast_impl.conv2d_transpose_gradients(x, w, g, **options)
    expected = loops(x, w, g, config(options))
    for mine, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, right)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
@pytest.mark.parametrize("limit", [1 << 14, 1 << 26])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_what_is_computed_pixel_by_pixel_is_right(dtype, limit, padding):
    x, w = arrays((3, 2, 3, 2), (5, 4, 3, 2), dtype)
    options = {"strides": (2, 1), "padding": padding, "dilation_rate": (1, 2)}
    plan = fast_impl.plan(
        x.shape, w.shape, **options, dtype=dtype, algorithm="scatter", workspace_limit=limit
    )
    y = plan.run(x, w)
    np.testing.assert_array_equal(y, forward(x, w, config(options)))
    g = arrays(y.shape, (1,), dtype)[0]
    to_inputs, to_kernel = np.empty_like(x), np.empty_like(w)
    scatter.input_gradient(plan.problem, w, g, to_inputs, limit)
    scatter.kernel_gradient(plan.problem, x, g, to_kernel, limit)
    expected = loops(x, w, g, config(options))
    np.testing.assert_array_equal(to_inputs, expected[0])
    np.testing.assert_array_equal(to_kernel, expected[1])


@pytest.mark.parametrize("machine_code", [True, False])
@pytest.mark.parametrize(
    ("images", "kernel", "options"),
    [
        ((1, 8, 2, 17), (1, 3, 1, 17), {"strides": (4, 3), "dilation_rate": (2, 6)}),
        (
            (1, 2, 2, 7), (2, 1, 1, 7),
            {"strides": (2, 1), "dilation_rate": (6, 2), "output_padding": (1, 0)},
        ),
    ],
)  # fmt: skip
def test_gradients_are_right_where_what_is_left_of_the_kernel_does_not_cover_the_output(
    images, kernel, options, machine_code, monkeypatch
):
    """Problems of the fuzz."""
    if not machine_code:
        monkeypatch.setattr(native, "target", lambda: None)
    x, w = arrays(images, kernel)
    options = {"padding": "same", **options}
    g = arrays(fast_impl.output_shape(x.shape, w.shape, **options), (1,))[0]
    found = fast_impl.conv2d_transpose_gradients(x, w, g, **options)
    expected = loops(x, w, g, config(options))
    for mine, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(mine, right)


@pytest.mark.parametrize(
    ("axis", "taps", "before", "dilation"),
    [
        (Axis(4, 3, 1, 2, 4, 2), (0, 3), 2, 2),
        (Axis(4, 3, 1, 9, 4, 9), (1, 2), 0, 1),
        (Axis(4, 5, 1, 3, 4, 6), (1, 4), 3, 3),
        (Axis(4, 2, 1, 9, 4, 4), (0, 2), 4, 9),  # nothing reaches the output
        (Axis(1, 3, 3, 9, 3, 8), (0, 2), 8, 9),  # the only one that does begins inside it
    ],
)
def test_an_axis_keeps_the_taps_that_reach_its_output(axis, taps, before, dilation):
    found, kept = axis.trimmed()
    assert ((kept.start, kept.stop), found.before, found.dilation) == (taps, before, dilation)


@pytest.mark.parametrize("dilation", [1, 2, 5])
@pytest.mark.parametrize("kernel", [3, 4, 9])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_pairs_of_rows_and_taps_are_counted_along_the_shorter_of_both(dilation, kernel, padding):
    for length in (1, 2, 8):
        axis = Axis.resolve("height", length, kernel, 2, padding, dilation, None)
        rows = [axis.span(tap)[0] for tap in range(kernel)]
        assert axis.reached == sum(row.stop - row.start for row in rows)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_scatter_keeps_the_limit_of_memory(dtype):
    x, w = arrays((4, 40, 40, 6), (3, 3, 5, 6), dtype)
    limit = 1 << 16
    plan = fast_impl.plan(
        x.shape, w.shape, 2, dtype=dtype, algorithm="scatter", workspace_limit=limit
    )
    out, packed = np.empty(plan.problem.output_shape, dtype), plan.pack(w)
    taken = peak(lambda: plan.run(x, packed, out=out))
    assert plan.workspace <= limit
    assert taken < limit + 20_000


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
def test_gradients_by_scatter_keep_the_limit_of_memory(dtype):
    x, w = arrays((4, 40, 40, 6), (3, 3, 5, 6), dtype)
    problem = fast_impl.plan(x.shape, w.shape, 2, dtype=dtype).problem
    g = arrays(problem.output_shape, (1,), dtype)[0]
    to_inputs, to_kernel = np.empty_like(x), np.empty_like(w)
    limit = 1 << 16

    def run():
        scatter.input_gradient(problem, w, g, to_inputs, limit)
        scatter.kernel_gradient(problem, x, g, to_kernel, limit)

    assert peak(run) < limit + 20_000
    expected = loops(x[:1], w, g[:1], config({"strides": (2, 2)}))
    np.testing.assert_array_equal(to_inputs[:1], expected[0])


@pytest.mark.parametrize("algorithm", [None, *fast_impl.algorithms()])
def test_no_method_is_planned_beyond_the_limit(algorithm):
    shapes = (4, 64, 64, 8), (3, 3, 4, 8)
    limit = 20_000
    plan = fast_impl.plan(*shapes, algorithm=algorithm, workspace_limit=limit)
    assert plan.workspace <= limit


def test_a_limit_that_no_method_keeps_is_refused():
    with pytest.raises(
        ValueError, match="workspace_limit=0 is too small for this problem: it needs"
    ):
        fast_impl.plan((4, 64, 64, 8), (3, 3, 4, 8), workspace_limit=0)


def test_an_output_that_no_memory_holds_is_refused_before_it_is_planned():
    with pytest.raises(MemoryError, match=r"strides \(1000000000, 1000000000\)"):
        fast_impl.plan((1, 10, 10, 1), (3, 3, 1, 1), 10**9)
