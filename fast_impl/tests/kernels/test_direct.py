"""Sums in registers by generated kernels: how outputs are divided, and that every way gives the same."""

import contextlib
import ctypes
import dataclasses
import functools
import itertools
import math
import mmap
from types import SimpleNamespace

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import costs, direct
from fast_impl.gradients import direct as direct_gradients
from fast_impl.gradients import direct_kernel, scatter
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import Chunk, KernelGradient
from fast_impl.gradients.patches import PatchesBackward
from fast_impl.kernels import calls, copying, streams
from fast_impl.kernels.lanes import partitions
from fast_impl.kernels.panels import Lanes, Panel, panels
from fast_impl.kernels.streams import Grid, Reach, Streams, TooLongError, unit
from fast_impl.kernels.x86 import copies, processor, products, sums
from fast_impl.planning import gradients, planner
from fast_impl.problem.geometry import Axis
from fast_impl.runtime import memory, workers
from fast_impl.tests.conftest import GEOMETRIES, forward

generated = pytest.mark.skipif(
    not processor.available(), reason="this processor or system runs no generated code"
)
LAST = {
    name: given for name, given in GEOMETRIES.items() if "data_format" not in given[2]
    or given[2]["data_format"] == "channels_last"
}  # fmt: skip
GIVEN = {
    **LAST,
    "taps that leave the image": ((4, 2), (5, 9), {"strides": (1, 1), "padding": "same"}),
    "taller than wide": ((9, 2), (7, 4), {"strides": (2, 3), "padding": "valid"}),
    "wider than tall": ((2, 9), (3, 8), {"strides": (3, 2), "padding": "same"}),
    "wider than a tile": ((3, 17), (4, 4), {"strides": (2, 2), "padding": "same"}),
    "taps far apart": (
        (4, 5), (2, 2), {"strides": (1, 1), "padding": "same", "dilation_rate": (5, 6)},
    ),
}  # fmt: skip


@functools.cache
def made(name, batch=3, channels=5, filters=3, dtype="float32"):
    """A problem with operands and results that are small integers, exact in every order."""
    size, taps, config = GIVEN[name]
    random = np.random.default_rng(7)
    shapes = (batch, *size, channels), (*taps, filters, channels), (filters,)
    x, k, bias = (random.integers(-3, 4, shape).astype(dtype) for shape in shapes)
    problem = fast_impl.plan(
        x.shape, k.shape, **config, dtype=dtype, algorithm="scatter", threads=1
    ).problem
    g = random.integers(-3, 4, problem.output_shape).astype(dtype)
    to_inputs, to_kernel = np.empty_like(x), np.empty_like(k)
    scatter.input_gradient(problem, k, g, to_inputs)
    scatter.kernel_gradient(problem, x, g, to_kernel)
    return SimpleNamespace(
        problem=problem, x=x, k=k, bias=bias, g=g,
        expected=forward(x, k, config, bias), without_bias=forward(x, k, config),
        to_inputs=to_inputs, to_kernel=to_kernel,
    )  # fmt: skip


# --- how outputs are divided ---------------------------------------------------------------------


def _axes(name):
    problem = made(name).problem
    return [problem.height, problem.width]


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("name", GIVEN)
def test_every_partition_has_every_output_once(name, one_by_one):
    for axis in _axes(name):
        for sides in partitions(axis, one_by_one):
            found = [
                block * axis.stride + side.first + place
                for side in sides
                for block in side.blocks
                for place in range(len(side.taps))
            ]
            assert sorted(found) == list(range(axis.output))


@pytest.mark.parametrize("name", GIVEN)
def test_every_partition_brings_every_tap_where_it_lands(name):
    for axis in _axes(name):
        for sides in partitions(axis, one_by_one=True):
            arrived = sorted(
                (block - shift, tap, block * axis.stride + side.first + place)
                for side in sides
                for block in side.blocks
                for place, taps in enumerate(side.taps)
                for shift, tap in zip(side.shifts, taps, strict=True)
                if tap is not None and 0 <= block - shift < axis.input
            )
            expected = sorted(
                (i, tap, i * axis.stride + tap * axis.dilation - axis.before)
                for i, tap in itertools.product(range(axis.input), range(axis.kernel))
                if 0 <= i * axis.stride + tap * axis.dilation - axis.before < axis.output
            )
            assert arrived == expected


def test_neighbours_with_the_same_shifts_share_lanes_and_others_do_at_the_price_of_zeros():
    axis = Axis(input=3, kernel=5, stride=3, dilation=1, output=11, before=0)
    apart, alike, together = partitions(axis, one_by_one=True)
    assert partitions(axis, one_by_one=False) == [alike, together]
    assert [(side.taps, side.shifts) for side in apart] == [
        (((3, 0),), (1, 0)), (((4, 1),), (1, 0)), (((2,),), (0,)),
    ]  # fmt: skip
    assert [(side.taps, side.blocks) for side in alike] == [
        (((3, 0), (4, 1)), range(4)), (((2,),), range(3)),
    ]  # fmt: skip
    assert [(len(side.taps), side.blocks) for side in together] == [
        (3, range(3)), (1, range(3, 4)), (1, range(3, 4)),
    ]  # fmt: skip
    assert [side.exact for side in (*apart, *alike, *together)] == [True] * 5 + [False, True, True]


def test_blocks_may_begin_where_the_first_tap_lands():
    axis = Axis(input=3, kernel=4, stride=2, dilation=1, output=6, before=1)
    *_, aligned = partitions(axis, one_by_one=False)
    assert [(side.first, side.shifts, side.blocks) for side in aligned] == [
        (-1, (1, 0), range(1, 3)), (-1, (1, 0), range(3, 4)), (0, (1, 0), range(1)),
    ]  # fmt: skip
    assert aligned[0].exact


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("line", [*range(1, 50), 64, 100, 672])
def test_panels_are_all_lanes_in_order(line, size):
    lane = 0
    for panel in panels(Lanes(line), size):
        width = panel.vectors * 32 // size
        (run,) = panel.runs
        assert (panel.lane, run.lane, run.displacement) == (lane, 0, 0)
        assert run.lanes == width or panel.times == 1
        lane += panel.times * run.lanes
    assert lane == line


@pytest.mark.parametrize(
    ("line", "widths"),
    [
        (8, [(1, 1)]), (9, [(2, 1)]), (16, [(2, 1)]), (17, [(3, 1)]), (32, [(2, 2)]), (33, [(2, 1), (3, 1)]),
        (40, [(2, 1), (3, 1)]), (48, [(3, 2)]), (56, [(2, 2), (3, 1)]), (64, [(2, 4)]), (72, [(3, 3)]),
    ],
)  # fmt: skip
def test_panels_are_two_or_three_vectors_wide_where_they_can_be(line, widths):
    found = {}
    for panel in panels(Lanes(line), 4):
        found[panel.vectors] = found.get(panel.vectors, 0) + panel.times
    assert list(found.items()) == widths


def test_lines_of_lanes_are_written_where_their_rows_are():
    assert list(panels(Lanes(3, 2, 640), 4)) == [
        Panel(1, 1, 0, (sums.Run(0, 3, 0), sums.Run(3, 3, 640)))
    ]
    assert next(panels(Lanes(6, 4, 100), 4)).vectors == 3
    with pytest.raises(ValueError, match="do not fit 3 vectors of 8 numbers"):
        list(panels(Lanes(7, 4, 100), 4))
    with pytest.raises(ValueError, match="do not fit 3 vectors of 4 numbers"):
        list(panels(Lanes(7, 2, 100), 8))


def _grid(images, rows, columns, taps=(0,), step=1):
    reach = Reach(columns, step, taps)
    return Grid(
        images, range(rows), range(columns), Reach(rows, step, taps), reach, 4, 4, (0, 0, 0)
    )


@pytest.mark.parametrize(
    ("images", "rows", "columns", "taps", "expected"),
    [
        (1, 4, 60, (0,), (1, 1)),
        (1, 4, 62, (0,), (1, 2)),
        (1, 4, 9, (0,), (1, 2)),
        (1, 5, 4, (0,), (1, 3)),
        (1, 1, 4, (0,), (1, 1)),
        (5, 1, 4, (0,), (5, 1)),
        (12, 4, 4, (0,), (1, 3)),
        (12, 4, 4, (-1, 0, 1), (6, 1)),
        (12, 4, 60, (-1, 0, 1), (1, 1)),
    ],
)
def test_a_unit_leaves_few_places_idle(images, rows, columns, taps, expected):
    assert unit(_grid(images, rows, columns, taps), 6)[:2] == expected


def test_places_of_a_unit_are_counted_with_the_idle_ones():
    assert unit(_grid(1, 1, 4), 6).places == 6
    assert unit(_grid(1, 3, 4), 6).places == 12
    assert unit(_grid(1, 4, 12, (-1, 0)), 6).places == pytest.approx(48 * 7 / 8)
    # Eight images: six at once, and two whose four columns take eight places in tiles of six.
    assert unit(_grid(8, 4, 4, (-1, 0)), 6).places == pytest.approx((6 + 3) * 16 * (7 / 8) ** 2)


def test_inputs_that_do_not_exist_are_known():
    reach = Reach(5, 2, (-1, 0, 1))
    assert [reach.valid(block) for block in range(3)] == [
        (False, True, True), (True, True, True), (True, True, False),
    ]  # fmt: skip
    assert [reach.first(block) for block in range(3)] == [0, 1, 3]
    assert reach.idle(range(3)) == pytest.approx(9 / 7)
    assert Reach(5, 1, ()).first(4) == 4
    assert Reach(5, 1, ()).idle(range(3)) == 1
    # An input that no block has counts as idle, and as nothing else.
    assert Reach(5, 1, (0, 9)).idle(range(3)) == 2


def test_a_stream_names_every_input_of_a_tile_and_zeros_for_those_beyond_the_edge():
    grid = Grid(
        1, range(1), range(5), Reach(1, 1, (0,)), Reach(5, 1, (-1, 0)), 2, 4, (0, 0, 12), 100
    )
    found = Streams()
    assert found.add(grid, 4, range(1), 64, 8, once=False) == range(1)
    words, jobs = found.arrays()
    assert jobs.tolist() == [[0, 0, 108]]
    assert words.tolist() == [
        2, 0, 12, 24, 36, 2, 0, sums.ZEROS, 0, 8, 16, 2, 64, 0, 8, 16, 24,
        1, 12, 24, 36, 48, 4, 0, 0, 8, 16, 24,
        sums.END,
    ]  # fmt: skip


def test_a_stream_that_must_write_once_skips_what_was_written_before():
    grid = Grid(1, range(1), range(5), Reach(1, 1, (0,)), Reach(5, 1, (0,)), 2, 4, (0, 0, 12))
    found = Streams()
    found.add(grid, 4, range(1), 64, 0, once=True)
    words, _ = found.arrays()
    assert words[1:5].tolist() == [0, 12, 24, 36]
    assert words[12:16].tolist() == [sums.NOWHERE] * 3 + [48]


def test_rows_that_read_alike_share_a_stream():
    grid = Grid(
        2, range(9), range(6), Reach(9, 1, (-1, 0, 1)), Reach(6, 1, (0,)), 1, 4, (1000, 100, 4)
    )
    found = Streams()
    found.add(grid, 6, range(3), 4, 0, once=False)
    _, jobs = found.arrays()
    assert len(jobs) == 18
    assert len(set(jobs[:, 0].tolist())) == 3
    assert jobs[:4, 1].tolist() == [0, 0, 24, 48]
    assert jobs[8:11, 2].tolist() == [800, 1000, 1100]
    assert jobs[9, 1] == 9 * 24


def test_streams_that_would_be_too_long_are_left_to_other_methods(monkeypatch):
    monkeypatch.setattr(streams, "MOST_WORDS", 20)
    given = made("wider than a tile")
    with pytest.raises(TooLongError):
        direct.Direct(given.problem, _pieces(given.problem)).prepare(1)
    if processor.available():
        assert direct.propose(given.problem, 1, 1 << 20) is None


@generated
def test_gradients_whose_streams_would_be_too_long_are_left_to_other_methods(monkeypatch):
    monkeypatch.setattr(streams, "MOST_WORDS", 20)
    problem = made("wider than a tile").problem
    assert direct_gradients.DirectBackward.planned(problem, 1, 1 << 26) is None
    assert isinstance(gradients.planned(problem, 1, 1 << 26), PatchesBackward)


def test_addresses_of_more_than_32_bits_are_left_to_other_methods():
    assert streams.as_words([0, (1 << 31) - 1, -1]).tolist() == [0, (1 << 31) - 1, -1]
    assert streams.as_words([]).tolist() == []
    with pytest.raises(TooLongError):
        streams.as_words([0, 1 << 31])


def _pieces(problem):
    ways = (
        partitions(problem.height, one_by_one=True)[0],
        partitions(problem.width, one_by_one=False)[0],
    )
    return list(itertools.starmap(direct.Piece, itertools.product(*ways)))


# --- that every way gives the same ----------------------------------------------------------------


def _run(method, given, bias=True):
    out = np.full(given.expected.shape, np.nan, given.x.dtype)
    method.run(given.x, method.pack(given.k), given.bias if bias else None, out)
    return out


@generated
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("weights", [1, 400, 1 << 20], ids=["row by row", "some rows", "at once"])
@pytest.mark.parametrize(
    ("batch", "channels", "filters", "dtype"),
    [
        (3, 5, 3, "float32"), (7, 4, 1, "float32"), (13, 9, 16, "float32"), (1, 1, 41, "float32"),
        (2, 6, 2, "float64"), (8, 3, 21, "float64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", GIVEN)
def test_every_way_to_form_lanes_equals_the_loops(
    name, batch, channels, filters, dtype, weights, monkeypatch
):
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    given = made(name, batch, channels, filters, dtype)
    for method in direct._candidates(given.problem):
        for threads, bias in ((1, True), (2, False)):
            method.prepare(threads)
            expected = given.expected if bias else given.without_bias
            np.testing.assert_array_equal(_run(method, given, bias), expected)


@generated
@pytest.mark.parametrize("cached", [1, 1000, 1 << 20])
@pytest.mark.parametrize("tasks", [1, 3, 50])
def test_tasks_of_any_size_give_the_same_bits(tasks, cached, monkeypatch):
    random = np.random.default_rng(3)
    problem = fast_impl.plan((7, 6, 5, 11), (5, 4, 40, 11), 2, "same", algorithm="scatter").problem
    x, k = (
        random.standard_normal(s).astype("f4") for s in (problem.input_shape, problem.kernel_shape)
    )
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(calls, "_TASKS", tasks)
        monkeypatch.setattr(calls, "_CACHED", cached)
        method = direct.Direct(problem, _pieces(problem))
        method.prepare(threads)
        out = np.empty(problem.output_shape, "f4")
        method.run(x, method.pack(k), None, out)
        found.append(out)
        if threads > 1:
            assert method.prepared.tasks >= min(threads, 4)
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def _four_panels(monkeypatch):
    """Calls of one section, four panels of 16 lanes, for kernels that do nothing."""
    monkeypatch.setattr(processor, "sums_kernel", lambda *_: None)
    problem = made("plain", filters=64).problem
    return direct.Direct(problem, _pieces(problem)).calls


def test_weights_that_fill_the_cache_are_divided_before_the_pixels_are(monkeypatch):
    for cached, expected in ((1, (9, 2)), (1 << 30, (3, 4))):
        monkeypatch.setattr(calls, "_CACHED", cached)
        made_calls = _four_panels(monkeypatch)
        ready = made_calls.prepare(2)
        (chain,) = made_calls.chains
        assert chain[0].panel.times == 4
        assert ready._cut(chain, 9, 2) == ((9, 2) if cached == 1 else (5, 4))
        assert ready._cut(chain, 9, 3)[0] == expected[0]


@pytest.mark.parametrize(
    ("rows", "fitting", "lines", "expected"),
    [
        (5, 5, 1, [(0, 5)]),
        (5, 4, 1, [(0, 2), (2, 5)]),
        (5, 2, 1, [(0, 1), (1, 3), (3, 5)]),
        (5, 0, 1, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]),
        # Lanes on several lines are never added to; rows without taps need one step, too.
        (5, 1, 2, [(0, 5)]),
        (0, 1, 1, [(0, 0)]),
    ],
)
def test_rows_of_taps_are_cut_into_steps_whose_weights_fit(
    rows, fitting, lines, expected, monkeypatch
):
    down, right = Reach(9, 1, tuple(range(rows))), Reach(9, 1, (0, 1))
    grid = Grid(1, range(3), range(3), down, right, 7, 4, (0, 0, 0))
    each = 2 * 7 * 64
    for more in (0, each - 1):
        monkeypatch.setattr(calls, "_WEIGHT_BYTES", fitting * each + more)
        steps = calls._steps(calls.Part(grid, Lanes(8, lines, 99)), 64)
        assert [(step.start, step.stop) for step in steps] == expected


def _around(method):
    """Which calls say that outputs go around the caches."""
    return method.prepared._template[:, sums.AROUND // 8].astype(bool)


@pytest.mark.parametrize(
    ("filters", "dtype", "weights", "expected"),
    [
        (16, "float32", 1 << 20, True),
        (16, "float64", 1 << 20, True),
        (8, "float64", 1 << 20, True),
        # Pixels that begin in the middle of a line; lines of three vectors, or two and three.
        (8, "float32", 1 << 20, False),
        (24, "float32", 1 << 20, False),
        (36, "float32", 1 << 20, False),
        (48, "float32", 1 << 20, False),
        # Sums that are added to.
        (16, "float32", 1, False),
    ],
)
def test_whole_lines_may_go_around_the_caches(filters, dtype, weights, expected, monkeypatch):
    monkeypatch.setattr(processor, "sums_kernel", lambda *_: None)
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    problem = made("plain", filters=filters, dtype=dtype).problem
    method = direct.Direct(problem, _pieces(problem))
    method.prepare(1)
    assert set(_around(method)) == {expected}
    assert method.prepared._around is expected


def test_outputs_that_begin_between_lines_do_not_go_around_the_caches():
    grid = Grid(1, range(2), range(3), Reach(2, 1, (0,)), Reach(3, 1, (0,)), 5, 4, (384, 192, 64))
    part = calls.Part(grid, Lanes(32))
    for origin, apart, lane, expected in (
        (0, 192, 0, True), (128, 192, 16, True), (32, 192, 0, False), (0, 96, 0, False), (0, 192, 8, False),
    ):  # fmt: skip
        shifted = dataclasses.replace(grid, origin=origin, outputs=(384, apart, 64))
        panel = Panel(2, 1, lane, (sums.Run(0, 16, 0),))
        section = calls.Section(part._replace(grid=shifted), panel, range(1), 0, 0, 16)
        assert section.whole_lines(4) is expected
        assert section._replace(rows=range(1, 2)).whole_lines(4) is False


def test_only_large_results_that_begin_with_a_line_go_around_the_caches(monkeypatch):
    told = []

    def kernel(place):
        told.append(ctypes.c_int64.from_address(place + sums.AROUND).value)

    monkeypatch.setattr(processor, "sums_kernel", lambda *_: kernel)
    problem = made("plain", filters=16).problem
    method = direct.Direct(problem, _pieces(problem))
    method.prepare(1)
    room = memory.aligned(math.prod(problem.output_shape) + 16, problem.dtype)
    kernel_of = method.pack(made("plain", filters=16).k)
    for first, large, around in ((0, 0, 1), (0, 1, 0), (8, 0, 0)):
        out = room[first : first + math.prod(problem.output_shape)].reshape(problem.output_shape)
        monkeypatch.setattr(calls, "_LARGE", out.nbytes + large)
        told.clear()
        method.run(made("plain").x, kernel_of, None, out)
        assert set(told) == {around}


@pytest.mark.parametrize(("each", "across"), [(4, 3), (9, 1), (1, 4), (5, 2)])
def test_calls_have_every_job_and_every_panel_once(each, across, monkeypatch):
    made_calls = _four_panels(monkeypatch)
    ready = made_calls.prepare(1)
    (section,) = made_calls.sections
    width, taps = 64, math.prod(section.shape[1:]) * 4
    found = []
    for told in ready._fields(section, range(9), each, across, False):
        words = {field: told[field // 8] for field in (sums.JOBS, sums.COUNT, sums.PANELS)}
        first = (words[sums.JOBS] - ready._jobs.ctypes.data) // sums.JOB_BYTES
        panel = told[sums.OUTPUTS // 8] // width
        assert told[sums.WEIGHTS // 8] == panel * taps
        found += itertools.product(
            range(first, first + words[sums.COUNT]), range(panel, panel + words[sums.PANELS])
        )
    assert sorted(found) == list(itertools.product(range(9), range(4)))


def test_a_panel_of_the_caches_size_is_divided_by_panels(monkeypatch):
    made_calls = _four_panels(monkeypatch)
    ready = made_calls.prepare(1)
    (chain,) = made_calls.chains
    panel = math.prod(chain[0].shape[1:]) * 4
    for cached, expected in ((panel, (9, 2)), (panel + 1, (5, 4))):
        monkeypatch.setattr(calls, "_CACHED", cached)
        assert ready._cut(chain, 9, 2) == expected


@generated
@pytest.mark.parametrize("shift", [0, 16, 32])
@pytest.mark.parametrize("large", [0, 1 << 30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["plain", "odd pixel after", "wider than a tile"])
def test_outputs_around_the_caches_are_the_same(name, dtype, large, shift, monkeypatch):
    """An address that is not a line's must not be written that way: the process would die."""
    monkeypatch.setattr(calls, "_LARGE", large)
    given = made(name, 3, 5, 32, dtype)
    room = memory.aligned(given.expected.size + 16, np.dtype(dtype))
    first = shift // room.itemsize
    out = room[first : first + given.expected.size].reshape(given.expected.shape)
    around = False
    for method in direct._candidates(given.problem):
        for threads in (1, 2):
            method.prepare(threads)
            around |= method.prepared._around
            out[...] = np.nan
            method.run(given.x, method.pack(given.k), given.bias, out)
            np.testing.assert_array_equal(out, given.expected)
    assert around


@generated
def test_inputs_and_outputs_may_lie_anywhere():
    given = made("unequal everything")
    method = direct._candidates(given.problem)[0]
    method.prepare(1)
    room = np.full((*given.expected.shape[:3], 2 * given.expected.shape[3]), np.nan, "f4")
    x = np.repeat(given.x, 2, axis=3)[..., ::2]
    assert not x.flags.c_contiguous
    method.run(x, method.pack(given.k), given.bias, room[..., ::2])
    np.testing.assert_array_equal(room[..., ::2], given.expected)
    assert np.isnan(room[..., 1::2]).all()


@generated
@pytest.mark.parametrize("algorithm", [None, "direct"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("which", ["inputs", "kernel"])
def test_a_special_value_meets_no_zero_that_was_made_up(which, value, algorithm):
    random = np.random.default_rng(8)
    x, k = (random.integers(-3, 4, s).astype("f4") for s in ((2, 16, 16, 32), (5, 5, 3, 32)))
    (x if which == "inputs" else k)[1, 1, 1, 1] = value
    options = {"strides": 2, "padding": "same"}
    plans = [
        fast_impl.plan(x.shape, k.shape, **options, algorithm=name)
        for name in (algorithm, "scatter")
    ]
    if algorithm == "direct":
        assert plans[0].invents_weights
    np.testing.assert_array_equal(plans[0].run(x, k), plans[1].run(x, k))


@generated
@pytest.mark.parametrize("room", [1 << 30, 0])
@pytest.mark.parametrize("threads", [1, 2])
def test_channels_first_is_turned_some_images_at_a_time(threads, room):
    random = np.random.default_rng(5)
    x = random.integers(-3, 4, (6, 5, 7, 4)).astype("f4")
    k = random.integers(-3, 4, (3, 2, 6, 5)).astype("f4")
    options = {"strides": (2, 1), "padding": "same", "data_format": "channels_first"}
    plan = fast_impl.plan(x.shape, k.shape, **options, algorithm="scatter")
    each = math.prod(plan.problem.input_shape[1:]) + math.prod(plan.problem.output_shape[1:])
    limit = room or each * 4 * 4
    proposal = direct.propose(plan.problem, threads, limit)
    images = 6 if room else 3
    assert f", {images} image(s) turned at a time" in proposal.explanation
    assert proposal.workspace >= images * each * 4
    out = np.full(plan.problem.output_shape, np.nan, "f4")
    bias = np.arange(6, dtype="f4")
    method = proposal.executor
    method.run(x, method.pack(k), bias, out)
    np.testing.assert_array_equal(out, plan.run(x, k, bias=bias))


@generated
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("block", [1, 2 * 44, 4 * 44, 5 * 44, 1 << 20])
@pytest.mark.parametrize("panels", [1, 2, 3])
@pytest.mark.parametrize("first", [0, 3, 4])
def test_panels_take_what_there_is_and_zeros_for_the_rest(
    panels, first, block, together, monkeypatch
):
    monkeypatch.setattr(copying, "_BLOCK_BYTES", block)
    source = np.arange(2 * 3 * 11, dtype="f4").reshape(2, 3, 11)
    if not together:
        source = np.repeat(source, 2, axis=0)[::2]
    into = np.full((panels, 2, 3, 4), np.nan, "f4")
    padded = np.pad(source, ((0, 0), (0, 0), (0, 10)))
    if panels * 4 < 11 - first + 4:  # at most one of them lacks numbers
        copying.fill(into, source, first)
        for panel in range(panels):
            start = first + 4 * panel
            np.testing.assert_array_equal(into[panel], padded[..., start : start + 4])
    nothing = np.full((panels, 0, 3, 4), np.nan, "f4")
    copying.fill(nothing, source[:0], 0)


@pytest.mark.parametrize(
    ("shape", "apart", "expected"),
    [
        # Blocks of two pixels of 24 bytes, and a rest of one.
        ((3, 3, 6), False, [(4, 2, 48), (1, 1, 48)]),
        ((2, 3, 6), False, [(3, 2, 48)]),
        ((1, 2, 6), False, [(1, 2, 48)]),
        ((1, 1, 6), False, [(1, 1, 24)]),
        ((3, 2, 6), True, [(3, 2, 96)]),
    ],
)
def test_a_long_axis_is_copied_in_blocks(shape, apart, expected, monkeypatch):
    told = []

    def kernel(place):
        fields = copies.OUTER, copies.INNER, copies.OUTER_STEP, copies.TARGET_PANEL_STEP
        *found, step = (ctypes.c_int64.from_address(place + field).value for field in fields)
        assert step == math.prod(shape) * 4
        told.append(tuple(found))

    monkeypatch.setattr(processor, "copies_kernel", lambda _: kernel)
    monkeypatch.setattr(copying, "_BLOCK_BYTES", 50)
    source = np.zeros((2 * shape[0], *shape[1:]), "f4")[::2] if apart else np.zeros(shape, "f4")
    copying.fill(np.zeros((1, *shape), "f4"), source, 0)
    assert told == expected


@pytest.mark.parametrize(
    ("count", "parts", "expected"),
    [
        (7, 3, [(0, 2), (2, 4), (4, 7)]),
        (2, 5, [(0, 1), (1, 2)]),
        (4, 1, [(0, 4)]),
        (0, 2, [(0, 0)]),
    ],
)
def test_shares_are_even(count, parts, expected):
    assert [(share.start, share.stop) for share in copying.shares(count, parts)] == expected


def test_every_thread_turns_rows_of_its_own(monkeypatch):
    monkeypatch.setattr(workers, "run", lambda task, count, threads: task(1, 0))
    source = np.arange(2 * 8 * 3 * 4.0).reshape(2, 8, 3, 4)
    into = np.zeros_like(source)
    copying.turn(into, source, 3)
    np.testing.assert_array_equal(into[:, 2:5], source[:, 2:5])
    assert not into[:, :2].any()
    assert not into[:, 5:].any()


@pytest.mark.parametrize(
    ("room", "images"), [(0, 0), (1, 1), (2, 2), (3, 3), (5, 3), (6, 6), (99, 6)]
)
def test_as_many_images_are_turned_as_find_room_and_divide_the_batch(room, images):
    options = {"data_format": "channels_first", "algorithm": "scatter"}
    problem = fast_impl.plan((6, 3, 4, 5), (2, 2, 6, 3), **options).problem
    assert direct.Turned.images(problem, room * 960) == images


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_turning_costs_copies_of_short_runs(dtype):
    options = {"data_format": "channels_first", "algorithm": "scatter", "dtype": dtype}
    problem = fast_impl.plan((6, 3, 4, 5), (2, 2, 6, 3), **options).problem
    inner = dataclasses.replace(problem, channels_first=False, batch=2)
    method = direct.Direct(inner, _pieces(inner))
    copied = costs.copy(6 * 240, costs.TURNED_RUN, dtype == "float64")
    for threads in (1, 2):
        expected = 3 * method.seconds(threads) + copied / threads
        assert direct.Turned(problem, method, 1).seconds(threads) == pytest.approx(expected)


@generated
def test_images_that_find_no_room_to_be_turned_are_left_to_other_methods():
    options = {"data_format": "channels_first", "algorithm": "scatter"}
    problem = fast_impl.plan((2, 3, 4, 5), (2, 2, 6, 3), **options).problem
    assert direct.Turned.images(problem, 959) == 0
    assert direct.propose(problem, 1, 959) is None


@pytest.mark.parametrize("dtype", ["float16", "int32"])
def test_other_formats_are_left_to_other_methods(dtype):
    problem = fast_impl.plan((1, 4, 5, 3), (2, 2, 6, 3), dtype=dtype, algorithm="scatter").problem
    assert direct.propose(problem, 1, 1 << 20) is None
    assert not direct_gradients.suits(problem, 1 << 30)


def test_nothing_to_multiply_and_no_generated_code_are_left_to_other_methods(monkeypatch):
    problem = made("plain").problem
    assert direct.propose(dataclasses.replace(problem, batch=0), 1, 1 << 20) is None
    monkeypatch.setattr(processor, "available", lambda: False)
    assert direct.propose(problem, 1, 1 << 20) is None
    assert not direct_gradients.suits(problem, 1 << 30)


@generated
def test_a_direct_plan_says_what_it_does():
    plan = fast_impl.plan((2, 9, 8, 16), (5, 5, 40, 16), 2, "same", algorithm="direct", threads=1)
    assert plan.explanation == (
        "sums in registers by generated kernels: 4 kind(s) of outputs, 1 x 16 lanes, 1 x 24 lanes, "
        "1 x 16 lanes, ..., 8 task(s)"
    )
    assert plan.multiplies_padding
    assert not plan.invents_weights


# --- gradients ----------------------------------------------------------------------------------


@generated
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("weights", [1, 1 << 20], ids=["row by row", "at once"])
@pytest.mark.parametrize(
    ("batch", "channels", "filters", "dtype"),
    [(3, 5, 3, "float32"), (7, 64, 4, "float32"), (1, 16, 21, "float32"), (2, 6, 2, "float64")],
)
@pytest.mark.parametrize("name", GIVEN)
def test_the_gradient_of_the_inputs_is_that_of_the_scatter(
    name, batch, channels, filters, dtype, weights, monkeypatch
):
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    given = made(name, batch, channels, filters, dtype)
    for threads in (1, 2):
        found = np.full_like(given.x, np.nan)
        InputGradient(given.problem, threads).run(given.k, given.g, found)
        np.testing.assert_array_equal(found, given.to_inputs)


WAYS = {
    "where they lie": {"_FEW": 1000, "_SHORT": 0},
    "in blocks": {"_FEW": 0, "_REUSE": 0},
    "in blocks, few pixels": {"_FEW": 0, "_REUSE": 0, "_PIXELS": 7, "_CHUNK_ADDS": 0},
    "where they lie, row by row": {"_FEW": 1000, "_PIXELS": 1, "_CHUNK_ADDS": 0, "_SHORT": 0},
    "summed once": {"_FEW_WEIGHTS": 0, "_PIXELS": 20, "_CHUNK_ADDS": 0},
    "many calls": {"_RESULT_BYTES": 64, "_TASKS": 7},
    "many pieces": {"_PIECE_BYTES": 1, "_TASKS": 7},
}


@generated
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("batch", "channels", "filters", "dtype"),
    [
        (3, 5, 3, "float32"), (7, 33, 4, "float32"), (13, 8, 21, "float32"), (1, 21, 9, "float32"),
        (2, 6, 2, "float64"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", GIVEN)
def test_the_gradient_of_the_kernel_is_that_of_the_scatter(
    name, batch, channels, filters, dtype, way, monkeypatch
):
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    given = made(name, batch, channels, filters, dtype)
    for threads in (1, 2):
        found = np.full_like(given.k, np.nan)
        KernelGradient(given.problem, threads, 1 << 26).run(given.x, given.g, found)
        np.testing.assert_array_equal(found, given.to_kernel)


@pytest.mark.parametrize(
    ("channels", "size", "vectors"),
    [
        (1, 4, 1),
        (8, 4, 1),
        (9, 4, 2),
        (16, 4, 2),
        (21, 4, 3),
        (24, 4, 3),
        (32, 4, 2),
        (56, 4, 2),
        (3, 8, 1),
        (8, 8, 2),
    ],
)
def test_panels_of_the_kernels_gradient_leave_few_lanes_idle(channels, size, vectors):
    assert direct_kernel._vectors(channels * size) == vectors


@generated
def test_three_groups_of_lanes_are_all_told():
    plan = fast_impl.plan((1, 6, 6, 8), (3, 3, 3, 8), 3, "same", algorithm="direct", threads=1)
    assert len(plan.executor.calls.chains) == 3
    assert "1 x 16 lanes, 1 x 16 lanes, 1 x 16 lanes, 3 task(s)" in plan.explanation


@pytest.mark.parametrize(
    ("total", "most", "rows"),
    [
        (1, 6, 1),
        (5, 6, 5),
        (6, 6, 6),
        (9, 6, 5),
        (12, 6, 6),
        (15, 6, 5),
        (64, 6, 6),
        (8, 6, 4),
        (21, 4, 3),
        (10, 8, 6),
    ],
)
def test_rows_of_a_tile_leave_few_of_the_last_one_idle(total, most, rows):
    assert direct_kernel._rows(total, most) == rows


def test_chunks_are_all_rows_of_all_images_once(monkeypatch):
    given = made("unequal everything", batch=5)
    monkeypatch.setattr(direct_kernel, "_CHUNK_ADDS", 0)
    found = {}
    for pixels in (1, 6, 15, 31, 1000):
        monkeypatch.setattr(direct_kernel, "_PIXELS", pixels)
        found[pixels] = KernelGradient(given.problem, 1, 1 << 26).chunks
        rows = [
            (image, row)
            for chunk in found[pixels]
            for image in range(chunk.first_image, chunk.first_image + chunk.images)
            for row in range(chunk.first, chunk.last)
        ]
        assert rows == list(itertools.product(range(5), range(5)))
    assert [len(chunks) for chunks in found.values()] == [25, 15, 5, 3, 1]
    assert found[31][1:] == [Chunk(2, 2, 0, 5), Chunk(4, 1, 0, 5)]
    assert found[6][:3] == [Chunk(0, 1, 0, 2), Chunk(0, 1, 2, 4), Chunk(0, 1, 4, 5)]


def test_a_lower_limit_makes_smaller_chunks():
    problem = made("unequal everything", batch=5).problem
    assert len(KernelGradient(problem, 1, 1 << 26).chunks) == 1
    assert len(KernelGradient(problem, 1, 1000).chunks) == 25


def test_chunks_grow_with_the_result_up_to_a_limit(monkeypatch):
    problem = made("plain", batch=40).problem
    monkeypatch.setattr(direct_kernel, "_CHUNK_ADDS", 1 << 60)
    height, width = problem.height, problem.width
    line = width.output * problem.filters * 4
    image = height.input * (width.input * problem.in_channels * 4 + height.stride * line)
    more = (height.extent - height.stride) * line
    result = math.prod(problem.kernel_shape) * 4
    found = []
    for times in (0, 10, 4):
        monkeypatch.setattr(direct_kernel, "_CHUNK_BYTES", 2 * image + more)
        monkeypatch.setattr(direct_kernel, "_LARGE_CHUNK_BYTES", 9 * image + more)
        monkeypatch.setattr(direct_kernel, "_RESULTS", -(-(times * image + more) // result))
        found.append(KernelGradient(problem, 1, 1 << 26).chunks[0].images)
    assert found == [2, 9, 4]


@pytest.mark.parametrize(
    ("padding", "batch", "size", "strides", "expected"),
    [
        ("valid", 1, (4, 5), 2, True),
        ("valid", 3, (4, 5), 2, True),
        ("same", 1, (4, 5), 2, False),
        # Rows below the last one that a tap reaches.
        ("valid", 1, (4, 5), (4, 1), True),
        ("valid", 3, (4, 5), (4, 1), False),
    ],
)
def test_gradients_without_a_border_are_read_as_they_are(padding, batch, size, strides, expected):
    problem = fast_impl.plan(
        (batch, *size, 5), (3, 3, 4, 5), strides, padding, algorithm="scatter"
    ).problem
    assert KernelGradient(problem, 1, 1 << 26).as_it_is is expected


@pytest.mark.parametrize("way", ["where they lie, row by row", "in blocks", "many pieces"])
@pytest.mark.parametrize("name", GIVEN)
def test_pieces_are_all_rows_of_a_chunk_once(name, way, monkeypatch):
    monkeypatch.setattr(processor, "products_kernel", lambda *_: None)
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    method = KernelGradient(made(name, 3).problem, 1, 1 << 26)
    for chunk in method.chunks:
        pieces = method._pieces(chunk)
        rows = list(itertools.chain.from_iterable(pieces))
        assert rows == list(range(chunk.first, chunk.last))
        assert len(pieces) == (len(rows) if way == "many pieces" else 1)


def _gradient_of(batch, width, filters, kernel=3, channels=5, strides=2, padding="same"):
    problem = fast_impl.plan(
        (batch, 4, width, channels), (kernel, kernel, filters, channels), strides, padding,
        algorithm="scatter",
    ).problem  # fmt: skip
    return KernelGradient(problem, 1, 1 << 26)


def test_short_rows_of_many_images_are_taken_across_images():
    for batch, width, across in ((13, 12, False), (12, 11, True), (11, 11, False)):
        found = _gradient_of(batch, width, 4)
        assert (found.in_place, found.across) == (not across, across)


def test_few_filters_or_little_reuse_leave_gradients_where_they_are(monkeypatch):
    monkeypatch.setattr(direct_kernel, "_FEW", 4)
    monkeypatch.setattr(direct_kernel, "_REUSE", 0)
    assert [_gradient_of(1, 9, filters).in_place for filters in (4, 5)] == [True, False]
    reuse = 3 * 3 * 5 // 4
    monkeypatch.setattr(direct_kernel, "_FEW", 0)
    for most, in_place in ((reuse, False), (reuse + 1, True)):
        monkeypatch.setattr(direct_kernel, "_REUSE", most)
        assert _gradient_of(1, 9, 4).in_place is in_place


def test_gradients_in_blocks_have_no_border_and_two_images_lie_side_by_side(monkeypatch):
    for constant, value in WAYS["in blocks"].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    for batch, across in ((1, False), (2, True)):
        found = _gradient_of(batch, 9, 4, kernel=5)
        assert (found.problem.width.before, found.left, found.across) == (1, 0, across)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_thread_has_sums_of_its_own_where_they_find_room(padding, monkeypatch):
    monkeypatch.setattr(direct_kernel, "_PIXELS", 18)
    monkeypatch.setattr(direct_kernel, "_CHUNK_ADDS", 0)
    problem = _gradient_of(3, 9, 4, padding=padding).problem
    found = KernelGradient(problem, 2, 1 << 26)
    assert (len(found.chunks), found.as_it_is) == (6, padding == "valid")
    copied = found.panels * found.lanes * 18
    if padding == "same":
        shape = found._gradient_shape(found.chunks[0])
        assert shape == (1, 1, 1, 5, found.columns, 4)
        copied += math.prod(shape)
    limit = 2 * 2 * (copied + math.prod(problem.kernel_shape)) * 4
    for room, shares in ((limit, 2), (limit + 1, 2), (limit - 1, 1)):
        again = KernelGradient(problem, 2, room)
        assert (len(again.chunks), again.shares, again.inner_threads) == (6, shares, 2 // shares)


def test_chunks_take_half_of_the_limit():
    problem = _gradient_of(1, 9, 4).problem
    row, line = 9 * 5 * 4, problem.width.output * 4 * 4
    needed = 2 * (2 * (row + 2 * line) + line)
    for limit, rows in ((needed, 2), (needed + 1, 2), (needed - 1, 1)):
        assert KernelGradient(problem, 1, limit).chunks[0] == Chunk(0, 1, 0, rows)


@pytest.mark.parametrize("constant", ["_MOST_STEP", "MOST_WORDS"])
def test_steps_and_streams_of_the_kernels_gradient_have_a_limit(constant, monkeypatch):
    monkeypatch.setattr(processor, "products_kernel", lambda *_: None)
    found = _gradient_of(1, 9, 4)
    most = 2 * 4 * 4 if constant == "_MOST_STEP" else len(found._calls(found.chunks[0]).streams)
    monkeypatch.setattr(direct_kernel, constant, most)
    _gradient_of(1, 9, 4)
    monkeypatch.setattr(direct_kernel, constant, most - 1)
    with pytest.raises(TooLongError):
        _gradient_of(1, 9, 4)


def test_a_piece_is_what_stays_in_the_cache(monkeypatch):
    problem = fast_impl.plan((2, 12, 5, 9), (3, 3, 4, 9), 2, "same", algorithm="scatter").problem
    method = KernelGradient(problem, 1, 1 << 26)
    (chunk,) = method.chunks
    row = 2 * 4 * (5 * 16 + method.columns * 4)
    for rows, lengths in ((1, [1] * 12), (3, [3] * 4), (5, [4] * 3), (11, [6, 6]), (12, [12])):
        for more, expected in ((0, lengths), (row - 1, lengths)):
            monkeypatch.setattr(direct_kernel, "_PIECE_BYTES", rows * row + more)
            assert [len(piece) for piece in method._pieces(chunk)] == expected


def test_few_weights_are_summed_by_every_thread_for_itself(monkeypatch):
    problem = made("plain", batch=8).problem
    monkeypatch.setattr(direct_kernel, "_PIXELS", 24)
    monkeypatch.setattr(direct_kernel, "_CHUNK_ADDS", 0)
    found = KernelGradient(problem, 2, 1 << 26)
    assert (len(found.chunks), found.shares, found.inner_threads) == (4, 2, 1)
    found = KernelGradient(problem, 5, 1 << 26)
    assert (found.shares, found.inner_threads) == (1, 5)
    weights = math.prod(problem.kernel_shape)
    for few, shares in ((weights, 2), (weights - 1, 1)):
        monkeypatch.setattr(direct_kernel, "_FEW_WEIGHTS", few)
        assert KernelGradient(problem, 2, 1 << 26).shares == shares


def test_calls_are_made_once_for_chunks_that_are_alike_but_for_their_place(monkeypatch):
    monkeypatch.setattr(processor, "products_kernel", lambda *_: None)
    monkeypatch.setattr(direct_kernel, "_CHUNK_ADDS", 0)
    monkeypatch.setattr(direct_kernel, "_PIXELS", 6)
    problem = fast_impl.plan((2, 9, 6, 2), (5, 3, 4, 2), 2, "same", algorithm="scatter").problem
    method = KernelGradient(problem, 1, 1 << 26)
    assert len(method.chunks) == 18
    found = {id(method._calls(chunk)) for chunk in method.chunks}
    # The first row and the last one lack a row of taps; those between them are alike.
    assert len(found) == 3
    assert method._calls(method.chunks[4]) is method._calls(method.chunks[14])


@generated
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_generated_gradients_are_those_of_the_scatter_in_both_layouts(data_format):
    random = np.random.default_rng(6)
    first = data_format == "channels_first"
    shape = (4, 6, 5, 9) if first else (4, 5, 9, 6)
    x = random.integers(-3, 4, shape).astype("f4")
    k = random.integers(-3, 4, (3, 4, 7, 6)).astype("f4")
    problem = fast_impl.plan(
        shape, k.shape, (2, 3), "same", data_format, algorithm="scatter"
    ).problem
    g = random.integers(-3, 4, problem.output_shape).astype("f4")
    expected = [np.empty_like(x), np.empty_like(k), np.empty(7, "f4")]
    scatter.input_gradient(problem, k, g, expected[0])
    scatter.kernel_gradient(problem, x, g, expected[1])
    scatter.bias_gradient(problem, g, expected[2])
    plan = gradients.planned(problem, 2, planner.WORKSPACE_LIMIT)
    assert isinstance(plan, direct_gradients.DirectBackward)
    found = [np.full_like(array, np.nan) for array in expected]
    plan.run(x, k, g, tuple(found))
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


@generated
def test_images_that_find_no_room_to_be_turned_have_other_gradients():
    problem = fast_impl.plan(
        (2, 3, 4, 5), (2, 2, 6, 3), data_format="channels_first", algorithm="scatter"
    ).problem
    pixels = 2 * 2 * 3 * 4 * 5 + 2 * 6 * 5 * 6
    assert direct_gradients.suits(problem, 4 * pixels)
    assert not direct_gradients.suits(problem, 4 * pixels - 1)
    assert direct_gradients.suits(dataclasses.replace(problem, channels_first=False), 0)


@generated
def test_little_work_is_for_one_thread(monkeypatch):
    problem = made("plain").problem
    for small, threads in ((problem.multiply_adds, 2), (problem.multiply_adds + 1, 1)):
        monkeypatch.setattr(direct_gradients, "_SMALL", small)
        assert direct_gradients.DirectBackward(problem, 2, 1 << 26).threads == threads


def test_a_call_of_the_products_has_room_for_a_row_of_three_vectors():
    assert products.CALL_WORDS * 8 >= products._SPILL + 3 * sums.VECTOR


@pytest.mark.parametrize(
    ("name", "filters", "found"),
    [
        # Ways to form lanes, each with its kinds of outputs and the rows that its panels write.
        ("plain", 3, [(1, 1)]),
        ("odd pixel after", 3, [(4, 1), (2, 1), (6, 1), (2, 2), (1, 2), (3, 2)]),
        ("unequal everything", 3, [(6, 1), (6, 1), (4, 2), (4, 2), (4, 3), (4, 3)]),
        ("large stride", 3, [(16, 1), (8, 1)]),
        # Two rows of lanes must fit a panel of 24.
        ("stride equal to kernel", 4, [(2, 1), (1, 2)]),
        ("stride equal to kernel", 5, [(2, 1)]),
    ],
)
def test_ways_to_form_lanes(name, filters, found):
    problem = made(name, filters=filters).problem
    candidates = direct._candidates(problem)
    lines = [max(piece.lanes(problem).lines for piece in each.pieces) for each in candidates]
    assert list(zip((len(each.pieces) for each in candidates), lines, strict=True)) == found


def test_ways_of_too_many_kinds_of_outputs_are_left_out(monkeypatch):
    monkeypatch.setattr(direct, "_MOST_PIECES", 4)
    candidates = direct._candidates(made("odd pixel after").problem)
    assert [len(each.pieces) for each in candidates] == [4, 2, 2, 1, 3]


@generated
def test_an_output_in_one_piece_is_written_where_it_lies(monkeypatch):
    given = made("plain")
    method = direct._candidates(given.problem)[0]
    method.prepare(1)
    written = []
    monkeypatch.setattr(method.prepared, "run", lambda *arrays: written.append(arrays[3]))
    out = np.empty(given.expected.shape, "f4")
    method.run(given.x, method.pack(given.k), None, out)
    assert written[0] is out


# --- what the kernels must not touch ------------------------------------------------------------


class Guarded:
    """Arrays that begin right behind a page nobody may touch, or end right before one."""

    def __init__(self):
        self._kept = []

    def copy(self, array, at_end):
        page = mmap.PAGESIZE
        room = -(-max(array.nbytes, 1) // page) * page
        memory = mmap.mmap(-1, room + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
        protect = ctypes.CDLL(None).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for guard in (start, start + page + room):
            assert protect(guard, page, 0) == 0
        self._kept.append(memory)
        offset = page + (room - array.nbytes if at_end else 0)
        found = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
        found[...] = array
        return found


@generated
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("weights", [1, 1 << 20])
@pytest.mark.parametrize(("channels", "filters"), [(5, 3), (9, 17), (17, 41)])
@pytest.mark.parametrize(
    "name", ["plain", "odd pixel after", "wider than a tile", "dilation, same"]
)
def test_kernels_touch_nothing_beyond_their_arrays(
    name, channels, filters, weights, at_end, monkeypatch
):
    """A process that did would die here."""
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    given = made(name, 7, channels, filters)
    guarded = Guarded()
    x, k, bias, g = (
        guarded.copy(array, at_end) for array in (given.x, given.k, given.bias, given.g)
    )
    out, to_inputs, to_kernel = (
        guarded.copy(array, at_end) for array in (given.expected.astype("f4"), given.x, given.k)
    )
    for method in direct._candidates(given.problem):
        method.prepare(1)
        out[...] = np.nan
        packed = guarded.copy(method.pack(k), at_end)
        method.run(x, packed, bias, out)
        np.testing.assert_array_equal(out, given.expected)
    for way in ("where they lie", "in blocks, few pixels"):
        for constant, value in WAYS[way].items():
            monkeypatch.setattr(direct_kernel, constant, value)
        method = KernelGradient(given.problem, 1, 1 << 26)
        assert method.as_it_is == (way == "where they lie" and name == "plain")
        method.run(x, g, to_kernel)
        np.testing.assert_array_equal(to_kernel, given.to_kernel)
    InputGradient(given.problem, 1).run(k, g, to_inputs)
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


@generated
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("which", [0, 1, 2], ids=["inputs", "kernel", "output gradient"])
def test_special_values_in_gradients_reach_only_what_they_touched(which, way, monkeypatch):
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    given = made("odd pixel after", 7, 9, 5)
    arrays = [array.copy() for array in (given.x, given.k, given.g)]
    arrays[which][1, 2, 1, 1] = np.inf
    expected = np.empty_like(given.x), np.empty_like(given.k)
    with np.errstate(invalid="ignore"):
        scatter.input_gradient(given.problem, arrays[1], arrays[2], expected[0])
        scatter.kernel_gradient(given.problem, arrays[0], arrays[2], expected[1])
    found = fast_impl.conv2d_transpose_gradients(*arrays, **GIVEN["odd pixel after"][2])
    np.testing.assert_array_equal(found.inputs, expected[0])
    np.testing.assert_array_equal(found.kernel, expected[1])


# --- sizes that would take too long, or too much --------------------------------------------------


def test_many_kinds_of_outputs_are_left_to_other_methods():
    problem = fast_impl.plan((1, 2, 2, 1), (3, 3, 1, 1), 500, algorithm="scatter").problem
    assert direct._candidates(problem) == []
    assert direct.propose(problem, 1, 1 << 20) is None


def test_a_row_of_too_many_tiles_is_refused_before_it_is_cut():
    grid = _grid(1, 1, 2_000_000)
    with pytest.raises(TooLongError):
        Streams().add(grid, 8, range(1), 64, 0, once=False)


class NotCutError(Exception):
    """The row was to be cut."""


@pytest.mark.parametrize(
    ("images", "rows", "columns", "before", "least"),
    [
        # Two rows of 13 make 7 tiles of 4; so do 28 columns, and 4 images by 7 columns.
        (1, 2, 13, 0, 35), (1, 1, 28, 0, 35), (1, 1, 25, 0, 35), (4, 1, 7, 0, 35), (1, 1, 28, 10, 45),
    ],
)  # fmt: skip
def test_words_are_counted_before_a_row_is_cut(images, rows, columns, before, least, monkeypatch):
    def cut(*_):
        raise NotCutError

    monkeypatch.setattr(streams, "_tiles", cut)
    monkeypatch.setattr(streams, "unit", lambda *_: streams.Unit(images, rows, 0))
    for most, error in ((least, NotCutError), (least - 1, TooLongError)):
        monkeypatch.setattr(streams, "MOST_WORDS", most)
        with pytest.raises(error):
            Streams(_words=[0] * before).add(
                _grid(images, rows, columns), 4, range(1), 64, 0, once=False
            )


@pytest.mark.parametrize("unit", [(1, 1), (2, 1), (1, 2)])
def test_jobs_are_counted_before_a_row_is_cut(unit, monkeypatch):
    monkeypatch.setattr(streams, "unit", lambda *_: streams.Unit(*unit, 0))
    grid = _grid(5, 3, 4)
    jobs = Streams().add(grid, 4, range(1), 64, 0, once=False)
    assert len(jobs) == {(1, 1): 15, (2, 1): 9, (1, 2): 10}[unit]
    for most, refused in ((len(jobs), False), (len(jobs) - 1, True)):
        monkeypatch.setattr(streams, "_MOST_JOBS", most)
        with pytest.raises(TooLongError) if refused else contextlib.nullcontext():
            Streams().add(grid, 4, range(1), 64, 0, once=False)


def test_words_have_a_limit_while_they_are_made(monkeypatch):
    grid = _grid(1, 3, 9)
    made_words = Streams()
    made_words.add(grid, 4, range(1), 64, 0, once=False)
    words = len(made_words.arrays()[0])
    for most, refused in ((words - 1, False), (words - 2, True)):  # the last one is the end
        monkeypatch.setattr(streams, "MOST_WORDS", most)
        with pytest.raises(TooLongError) if refused else contextlib.nullcontext():
            Streams().add(grid, 4, range(1), 64, 0, once=False)


@pytest.mark.parametrize("name", GIVEN)
def test_taps_that_reach_nothing_have_no_place(name):
    for axis in _axes(name):
        reaching = {tap for tap in range(axis.kernel) if _reached_by(axis, tap)}
        for sides in partitions(axis, one_by_one=True):
            taps = {tap for side in sides for taps in side.taps for tap in taps}
            assert taps - {None} == reaching


def _reached_by(axis, tap):
    return [
        i for i in range(axis.input)
        if 0 <= i * axis.stride + tap * axis.dilation - axis.before < axis.output
    ]  # fmt: skip


def test_too_many_jobs_are_refused():
    with pytest.raises(TooLongError):
        Streams().add(_grid(1, 140_000, 60), 6, range(1), 64, 0, once=False)


def test_gradients_that_lie_too_far_apart_are_left_to_other_methods():
    problem = fast_impl.plan((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), algorithm="scatter").problem
    wide = dataclasses.replace(problem, width=Axis(1, 1, 1 << 28, 1, 1 << 28, 0))
    with pytest.raises(TooLongError):
        KernelGradient(wide, 1, 1 << 26)


@generated
@pytest.mark.parametrize("threads", [2, 3])
def test_forward_results_do_not_depend_on_the_number_of_threads(threads):
    random = np.random.default_rng(9)
    x = random.standard_normal((5, 14, 13, 24)).astype("f4")
    k = random.standard_normal((5, 3, 40, 24)).astype("f4")
    one, many = (
        fast_impl.plan(x.shape, k.shape, 2, "same", algorithm="direct", threads=n)
        for n in (1, threads)
    )
    np.testing.assert_array_equal(one.run(x, k), many.run(x, k))
