"""Windows added where they overlap: that every way to divide the work gives the same, and what it is left to."""

import contextlib
import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import col2im
from fast_impl.forward.col2im import Col2im
from fast_impl.kernels.format import Sums
from fast_impl.kernels.sums.streams import TooLongError
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512
from fast_impl.planning import planner
from fast_impl.problem.dtypes import by_name
from fast_impl.problem.problem import Options, Problem
from fast_impl.runtime import checking
from fast_impl.runtime.checking import AddressError
from fast_impl.tests import guarded
from fast_impl.tests.made import GIVEN, in_pairs, made
from fast_impl.tests.targets import IDLE, for_each_target, on_each_target

LIMIT = planner.WORKSPACE_LIMIT
# Bands of one row, of some, and of whole images, as many as there are.
BANDS = {"one row": 1, "some rows": 700, "everything": 1 << 30}
by_bands = pytest.mark.parametrize("sums", BANDS.values(), ids=list(BANDS))


def _method(problem, threads, target):
    method = Col2im(problem, threads, target)
    method.prepare()
    return method


def _run(method, x, k, bias=None):
    out = np.full(method.problem.output_shape, np.nan, x.dtype)
    method.run(x, method.pack(k), bias, out)
    return out


@on_each_target
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(
    ("name", "batch", "channels", "filters", "dtype", "sums"),
    in_pairs(
        GIVEN, [
            (3, 5, 3, "float32"), (9, 4, 1, "float32"), (1, 1, 2, "float32"), (2, 17, 7, "float32"),
            (5, 6, 2, "float64"), (1, 3, 11, "float64"),
        ],
        [*BANDS.values()],
    ),
)  # fmt: skip
def test_every_way_to_divide_the_work_equals_the_loops(
    target, name, batch, channels, filters, dtype, sums, monkeypatch
):
    monkeypatch.setattr(col2im, "_SUM_BYTES", sums)
    given = made(name, batch, channels, filters, dtype)
    for threads, bias in ((1, True), (3, False)):
        found = _run(
            _method(given.problem, threads, target), given.x, given.k, given.bias if bias else None
        )
        np.testing.assert_array_equal(found, given.expected if bias else given.without_bias)


def _planned(geometry, target, dtype="float32", threads=1):
    options, number = Options.checked(**geometry.config), by_name(dtype)
    problem = Problem.checked(geometry.input_shape, number, geometry.kernel_shape, number, options)
    plan = planner.planned(problem, "col2im", threads, LIMIT, target)
    assert plan.algorithm == "col2im"
    return plan


@pytest.fixture
def _of_any_size(monkeypatch):
    """Windows of any number of lanes are computed."""
    monkeypatch.setattr(col2im, "_MOST_VECTORS", 1 << 10)


@on_each_target
@pytest.mark.usefixtures("_of_any_size")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
def test_a_plan_equals_the_loops(target, geometry, threads, dtype, integers, loops):
    plan = _planned(geometry, target, dtype, threads)
    x, k = integers(geometry.input_shape, dtype), integers(geometry.kernel_shape, dtype)
    bias = integers(geometry.filters, dtype)
    expected = loops.forward(x, k, geometry.config, bias)
    np.testing.assert_array_equal(plan.run(x, k, bias=bias), expected)


@functools.cache
def _large(name, batch=4, channels=7, filters=3):
    """A problem with some rows more than the geometry has, and any numbers: sums depend on their order."""
    (height, width), taps, config = GIVEN[name]
    random = np.random.default_rng(11)
    shapes = (batch, 6 * height, 5 * width, channels), (*taps, filters, channels)
    x, k = (random.standard_normal(shape).astype("f4") for shape in shapes)
    return fast_impl.plan(x.shape, k.shape, **config, algorithm="scatter").problem, x, k


@on_each_target
@pytest.mark.parametrize("name", GIVEN)
def test_results_have_the_same_bits_for_any_threads_and_bands(target, name, monkeypatch):
    problem, x, k = _large(name)
    found, bands = [], set()
    for sums in (*BANDS.values(), 4000):
        monkeypatch.setattr(col2im, "_SUM_BYTES", sums)
        for threads in (1, 2, 3, 7):
            method = _method(problem, threads, target)
            bands.add(len(method.bands))
            found.append(_run(method, x, k))
    assert len(bands) > 2
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@on_each_target
def test_an_image_has_the_same_bits_in_any_batch(target):
    problem, x, k = _large("odd pixel after")
    together = _run(_method(problem, 1, target), x, k)
    alone = _method(dataclasses.replace(problem, batch=1), 1, target)
    for image, expected in zip(x, together, strict=True):
        np.testing.assert_array_equal(_run(alone, image[None], k)[0], expected)


@on_each_target
@by_bands
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("channels", "filters"), [(5, 3), (1, 1), (9, 5)])
@pytest.mark.parametrize(
    "name", ["plain", "odd pixel after", "wider than a tile", "dilation, same"]
)
def test_kernels_touch_nothing_beyond_their_arrays(
    target, name, channels, filters, dtype, at_end, sums, monkeypatch
):
    """A process that did would die here."""
    monkeypatch.setattr(col2im, "_SUM_BYTES", sums)
    monkeypatch.setattr(checking, "wanted", lambda: False)
    given = made(name, 3, channels, filters, dtype)
    x, k, bias = (guarded.copy(array, at_end) for array in (given.x, given.k, given.bias))
    out = guarded.copy(given.expected.astype(dtype), at_end)
    with guarded.everything(at_end):
        method = _method(given.problem, 2, target)
        out[...] = np.nan
        method.run(x, method.pack(k), bias, out)
    np.testing.assert_array_equal(out, given.expected)


@on_each_target
def test_inputs_and_outputs_may_lie_anywhere(target):
    given = made("unequal everything")
    plan = planner.planned(given.problem, "col2im", 1, LIMIT, target)
    room = np.full((*given.expected.shape[:3], 2 * given.expected.shape[3]), np.nan, "f4")
    x = np.repeat(given.x, 2, axis=3)[..., ::2]
    plan.run(x, given.k, bias=given.bias, out=room[..., ::2])
    np.testing.assert_array_equal(room[..., ::2], given.expected)
    assert np.isnan(room[..., 1::2]).all()
    upside_down = np.full(given.expected.shape, np.nan, "f4")[::-1, ::-1, ::-1]
    plan.run(x, given.k, bias=given.bias, out=upside_down)
    np.testing.assert_array_equal(upside_down, given.expected)
    turned = np.full(given.expected.shape[::-1], np.nan, "f4").T
    plan.run(x, given.k, bias=given.bias, out=turned)
    np.testing.assert_array_equal(turned, given.expected)


@on_each_target
@pytest.mark.usefixtures("_of_any_size")
@pytest.mark.parametrize(
    ("where", "value"), [(0, np.inf), (0.4, -np.inf), (0.5, np.nan), (1, np.inf)], ids=str
)
@pytest.mark.parametrize("which", ["inputs", "kernel"])
def test_a_special_value_touches_only_its_own_products(
    target, geometry, which, value, where, integers, loops
):
    plan = _planned(geometry, target)
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    flat = (x if which == "inputs" else k).reshape(-1)
    flat[int(where * (flat.size - 1))] = value
    np.testing.assert_array_equal(plan.run(x, k), loops.forward(x, k, geometry.config))


# --- how the work is divided ---------------------------------------------------------------------


@for_each_target
@pytest.mark.parametrize(
    ("name", "batch", "threads", "sums"),
    in_pairs(GIVEN, [*itertools.product([1, 2, 9, 40], [1, 3, 8])], [*BANDS.values()]),
)
def test_bands_are_all_rows_of_all_images_once(target, name, batch, threads, sums, monkeypatch):
    monkeypatch.setattr(col2im, "_SUM_BYTES", sums)
    problem = made(name, batch).problem
    rows = [
        (image, row)
        for band in Col2im(problem, threads, target).bands
        for image in range(band.first_image, band.first_image + band.images)
        for row in range(band.low, band.high)
    ]
    assert sorted(rows) == [(n, p) for n in range(batch) for p in range(problem.height.output)]


@for_each_target
@by_bands
@pytest.mark.parametrize("name", GIVEN)
def test_a_band_has_every_input_row_that_reaches_its_outputs(target, name, sums, monkeypatch):
    monkeypatch.setattr(col2im, "_SUM_BYTES", sums)
    height = made(name).problem.height
    for band in Col2im(made(name).problem, 3, target).bands:
        reaching = {
            i
            for i in range(height.input)
            for a in range(height.kernel)
            if band.low <= i * height.stride + a * height.dilation - height.before < band.high
        }
        assert reaching <= set(range(band.first, band.last))


@pytest.mark.parametrize("sums", [1, 1 << 14, 256 << 10])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize(
    ("inputs", "kernel", "strides"),
    [
        ((1, 300, 300, 8), (5, 5, 2, 8), 2), ((64, 7, 7, 8), (3, 3, 1, 8), 1),
        ((1, 40, 9000, 2), (3, 3, 1, 2), 2), ((3, 9000, 2, 2), (9, 2, 1, 2), 4),
    ],
)  # fmt: skip
def test_the_workspace_of_a_thread_is_a_band_of_so_many_bytes_or_one_row(
    inputs, kernel, strides, threads, sums, monkeypatch
):
    monkeypatch.setattr(col2im, "_SUM_BYTES", sums)
    problem = fast_impl.plan(inputs, kernel, strides, "same", algorithm="scatter").problem
    method = _method(problem, threads, IDLE)
    height, line = problem.height, method.line * 4
    # One row of inputs, with those above it that reach the same outputs; and what every image reaches beyond.
    halo = -(-height.extent // height.stride) - 1
    row = (halo * height.stride + height.extent) * line
    beyond = max(height.extent - height.stride, 0) * line
    images = max(band.images for band in method.bands)
    assert method.workspace <= method.threads * max(sums + images * beyond, row)
    assert method.workspace == method.threads * method.elements * 4


@on_each_target
def test_a_plan_says_what_it_needs_and_is_refused_where_there_is_less(target):
    problem, _, _ = _large("odd pixel after")
    plan = planner.planned(problem, "col2im", 1, LIMIT, target)
    needed = plan.workspace
    assert needed == plan.executor.workspace
    assert planner.planned(problem, "col2im", 1, needed, target).algorithm == "col2im"
    assert planner.planned(problem, "col2im", 1, needed - 1, target).algorithm == "scatter"


@for_each_target
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("filters", [1, 2, 3, 7, 16])
@pytest.mark.parametrize("name", GIVEN)
def test_panels_write_every_lane_of_a_window_where_it_belongs(target, name, filters, dtype):
    problem = made(name, 2, 3, filters, dtype).problem
    method = Col2im(problem, 1, target)
    height, width = problem.height, problem.width
    found = {}
    for panel in method.panels:
        numbers = panel.vectors * method.lanes
        for run in panel.runs:
            assert 0 <= run.lane < run.lane + run.lanes <= numbers
            for lane in range(run.lanes):
                at = panel.lane + run.lane + lane
                assert at not in found
                # Lines are as far apart as the rows of sums that the taps reach.
                row = run.line * height.dilation * method.line
                found[at] = row + run.displacement // method.size + lane
    expected = {
        (a * width.kernel + b) * filters + f: a * height.dilation * method.line
        + b * width.dilation * filters + f
        for a in range(height.kernel) for b in range(width.kernel) for f in range(filters)
    }  # fmt: skip
    assert found == expected


# --- what is checked --------------------------------------------------------------------------------


@on_each_target
@pytest.mark.parametrize("end", [slice(1, None), slice(None, -1)], ids=["begins", "ends"])
@pytest.mark.parametrize(
    "field",
    [Sums.INPUTS, Sums.WEIGHTS, Sums.OUTPUTS],
    ids=["inputs", "weights", "sums"],
)
def test_every_number_of_the_operands_is_needed(target, field, end, monkeypatch):
    proved = checking.prove

    def shortened(tasks, told, arrays):
        proved(tasks, told, {**arrays, field: arrays[field].reshape(-1)[end]})

    given = made("plain", 3, 5, 3)
    method = _method(given.problem, 1, target)
    _run(method, given.x, given.k)
    monkeypatch.setattr(checking, "prove", shortened)
    with pytest.raises(AddressError, match="nothing was run"):
        _run(method, given.x, given.k)


@on_each_target
@pytest.mark.parametrize("by", [1 << 24, -(1 << 24)])
@pytest.mark.parametrize("number", range(24))
def test_a_stream_with_one_wrong_word_runs_only_inside_its_arrays(target, number, by):
    """A word may be unused, or another place in the array; a kernel that left it would die here."""
    given = made("odd pixel after", 3, 5, 3)
    method = _method(given.problem, 1, target)
    words = next(iter(method._streams.values()))
    word = number * len(words) // 24
    kept = int(words[word])
    words[word] = np.clip(kept + by, -(1 << 31), (1 << 31) - 1)
    with contextlib.suppress(AddressError):
        _run(method, given.x, given.k)
    words[word] = kept
    np.testing.assert_array_equal(_run(method, given.x, given.k), given.without_bias)


# --- what is left to other methods ---------------------------------------------------------------


def test_nothing_to_multiply_integers_and_no_generated_code_are_left_to_other_methods():
    problem = made("plain").problem
    assert col2im.offer(problem, 1, LIMIT, IDLE) is not None
    assert col2im.offer(dataclasses.replace(problem, batch=0), 1, LIMIT, IDLE) is None
    assert col2im.offer(dataclasses.replace(problem, dtype=np.dtype("i4")), 1, LIMIT, IDLE) is None
    assert col2im.offer(problem, 1, LIMIT, None) is None


@pytest.mark.parametrize(
    ("target", "most"), [(AVX2, 8 * 16), (AVX512, 16 * 16)], ids=["AVX2", "AVX-512"]
)
def test_windows_of_many_lanes_are_left_to_other_methods(target, most):
    for filters, offered in ((most // 4, True), (most // 4 + 1, False)):
        problem = fast_impl.plan((1, 3, 3, 2), (2, 2, filters, 2), algorithm="scatter").problem
        assert (col2im.offer(problem, 1, LIMIT, target) is not None) is offered


def test_kernels_of_many_taps_are_left_to_other_methods(monkeypatch):
    problem = made("plain").problem
    taps = problem.height.kernel * problem.width.kernel
    for most, offered in ((taps, True), (taps - 1, False)):
        monkeypatch.setattr(col2im, "MOST_TAPS", most)
        assert (col2im.offer(problem, 1, LIMIT, IDLE) is not None) is offered


def test_streams_that_would_be_too_long_are_left_to_other_methods(monkeypatch):
    def refuse(words):
        raise TooLongError

    monkeypatch.setattr(col2im, "as_words", refuse)
    assert col2im.offer(made("plain").problem, 1, LIMIT, IDLE).propose() is None


def test_images_that_find_no_room_to_be_turned_are_left_to_other_methods():
    problem = dataclasses.replace(made("plain", 1).problem, channels_first=True)
    each = 4 * (math.prod(problem.input_shape[1:]) + math.prod(problem.output_shape[1:]))
    assert col2im.offer(problem, 1, each, IDLE) is not None
    assert col2im.offer(problem, 1, each - 1, IDLE) is None


def test_a_plan_says_what_it_does():
    problem = fast_impl.plan((2, 9, 8, 16), (5, 5, 3, 16), 2, "same", algorithm="scatter").problem
    plan = planner.planned(problem, "col2im", 1, LIMIT, IDLE)
    assert plan.explanation == (
        "windows of 16 + 16 + 16 + 16 + 16 lanes by generated kernels, added where they overlap; 1 task(s)"
    )
    assert plan.multiplies_padding
    assert not plan.invents_weights
