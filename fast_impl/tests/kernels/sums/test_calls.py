"""How the work is cut into calls, and that every way gives the same."""

import ctypes
import itertools
import math

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import direct
from fast_impl.kernels.format import JOB_BYTES, Run, Sums
from fast_impl.kernels.sums import calls
from fast_impl.kernels.sums.grids import Grid, Reach
from fast_impl.kernels.sums.panels import Lanes, Panel
from fast_impl.runtime import memory
from fast_impl.tests.made import made, pieces
from fast_impl.tests.targets import IDLE, on_each_target, telling


@on_each_target
@pytest.mark.parametrize("cached", [1, 1000, 1 << 20])
@pytest.mark.parametrize("tasks", [1, 3, 50])
def test_tasks_of_any_size_give_the_same_bits(target, tasks, cached, monkeypatch):
    random = np.random.default_rng(3)
    problem = fast_impl.plan((7, 6, 5, 11), (5, 4, 40, 11), 2, "same", algorithm="scatter").problem
    x, k = (
        random.standard_normal(s).astype("f4") for s in (problem.input_shape, problem.kernel_shape)
    )
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(calls, "_TASKS", tasks)
        monkeypatch.setattr(calls, "_CACHED", cached)
        method = direct.Direct(problem, pieces(problem), target)
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
    problem = made("plain", filters=64).problem
    return direct.Direct(problem, pieces(problem), IDLE).calls


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
    return method.prepared._far.template[:, Sums.AROUND // 8].astype(bool)


@pytest.mark.parametrize(
    ("filters", "dtype", "weights", "expected"),
    [
        (16, "float32", 1 << 20, True),
        (16, "float64", 1 << 20, True),
        (8, "float64", 1 << 20, True),
        (48, "float32", 1 << 20, True),
        # Pixels that begin in the middle of a line; lines of three vectors, or two and one.
        (8, "float32", 1 << 20, False),
        (24, "float32", 1 << 20, False),
        (36, "float32", 1 << 20, False),
        (72, "float32", 1 << 20, False),
        # Sums that are added to.
        (16, "float32", 1, False),
    ],
)
def test_whole_lines_may_go_around_the_caches(filters, dtype, weights, expected, monkeypatch):
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    monkeypatch.setattr(calls, "_LARGE", 0)
    problem = made("plain", filters=filters, dtype=dtype).problem
    method = direct.Direct(problem, pieces(problem), IDLE)
    method.prepare(1)
    assert set(_around(method)) == {expected}
    assert not method.prepared._near.template[:, Sums.AROUND // 8].any()


def test_outputs_that_begin_between_lines_do_not_go_around_the_caches():
    grid = Grid(1, range(2), range(3), Reach(2, 1, (0,)), Reach(3, 1, (0,)), 5, 4, (384, 192, 64))
    part = calls.Part(grid, Lanes(32))
    for origin, apart, lane, expected in (
        (0, 192, 0, True), (128, 192, 16, True), (32, 192, 0, False), (0, 96, 0, False), (0, 192, 8, False),
    ):  # fmt: skip
        shifted = grid._replace(origin=origin, outputs=(384, apart, 64))
        panel = Panel(2, 1, lane, (Run(0, 16, 0),))
        section = calls.Section(part._replace(grid=shifted), panel, range(1), 0, 0, 16)
        assert section.whole_lines(4) is expected
        assert section._replace(rows=range(1, 2)).whole_lines(4) is False


def test_only_large_results_that_begin_with_a_line_go_around_the_caches(monkeypatch):
    told = []

    def kernel(place):
        told.append(ctypes.c_int64.from_address(place + Sums.AROUND).value)

    problem = made("plain", filters=16).problem
    room = memory.aligned(math.prod(problem.output_shape) + 16, problem.dtype)
    for first, large, around in ((0, 0, 1), (0, 1, 0), (8, 0, 0)):
        out = room[first : first + math.prod(problem.output_shape)].reshape(problem.output_shape)
        monkeypatch.setattr(calls, "_LARGE", out.nbytes + large)
        method = direct.Direct(problem, pieces(problem), telling(kernel))
        method.prepare(1)
        told.clear()
        method.run(made("plain").x, method.pack(made("plain", filters=16).k), None, out)
        assert set(told) == {around}


@pytest.mark.parametrize(("each", "across"), [(4, 3), (9, 1), (1, 4), (5, 2)])
def test_calls_have_every_job_and_every_panel_once(each, across, monkeypatch):
    made_calls = _four_panels(monkeypatch)
    ready = made_calls.prepare(1)
    (section,) = made_calls.sections
    width, taps = 64, math.prod(section.shape[1:]) * 4
    found = []
    for told in ready._fields(section, range(9), each, across, False):
        words = {field: told[field // 8] for field in (Sums.JOBS, Sums.COUNT, Sums.PANELS)}
        first = (words[Sums.JOBS] - ready._jobs.ctypes.data) // JOB_BYTES
        panel = told[Sums.OUTPUTS // 8] // width
        assert told[Sums.WEIGHTS // 8] == panel * taps
        found += itertools.product(
            range(first, first + words[Sums.COUNT]), range(panel, panel + words[Sums.PANELS])
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


@on_each_target
@pytest.mark.parametrize("shift", [0, 16, 32])
@pytest.mark.parametrize("large", [0, 1 << 30])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["plain", "odd pixel after", "wider than a tile"])
def test_outputs_around_the_caches_are_the_same(target, name, dtype, large, shift, monkeypatch):
    """An address that is not a line's must not be written that way: the process would die."""
    monkeypatch.setattr(calls, "_LARGE", large)
    given = made(name, 3, 5, 32, dtype)
    room = memory.aligned(given.expected.size + 16, np.dtype(dtype))
    first = shift // room.itemsize
    out = room[first : first + given.expected.size].reshape(given.expected.shape)
    around = False
    for method in direct._candidates(given.problem, target):
        for threads in (1, 2):
            method.prepare(threads)
            around |= _around(method).any()
            out[...] = np.nan
            method.run(given.x, method.pack(given.k), given.bias, out)
            np.testing.assert_array_equal(out, given.expected)
    assert around == (large == 0)
