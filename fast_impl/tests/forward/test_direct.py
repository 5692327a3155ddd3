"""Direct sums: that every way to form lanes gives the same, and which problems are left to others."""

import dataclasses
import itertools

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import direct
from fast_impl.gradients import direct as direct_gradients
from fast_impl.kernels.sums import calls, grids, streams
from fast_impl.kernels.sums.streams import TooLongError
from fast_impl.planning import gradients, planner
from fast_impl.tests.made import GIVEN, in_pairs, made, pieces
from fast_impl.tests.targets import IDLE, generated, on_each_target


def test_streams_that_would_be_too_long_are_left_to_other_methods(monkeypatch):
    monkeypatch.setattr(streams, "MOST_WORDS", 20)
    given = made("wider than a tile")
    with pytest.raises(TooLongError):
        direct.Direct(given.problem, pieces(given.problem), IDLE).prepare(1)
    assert direct.propose(given.problem, 1, 1 << 20, IDLE) is None


def _run(method, given, bias=True):
    out = np.full(given.expected.shape, np.nan, given.x.dtype)
    method.run(given.x, method.pack(given.k), given.bias if bias else None, out)
    return out


SIZES = [
    (3, 5, 3, "float32"), (7, 4, 1, "float32"), (13, 9, 16, "float32"), (1, 1, 41, "float32"),
    (2, 6, 2, "float64"), (8, 3, 21, "float64"),
]  # fmt: skip


@on_each_target
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(
    ("name", "batch", "channels", "filters", "dtype", "weights", "cutting"),
    # Row by row, which takes kernels of its own that add; and some rows, borders with the rest; at once; at once,
    # borders with the rest.
    [(name, *sizes, 1, 1) for name, sizes in itertools.product(GIVEN, SIZES)]
    + in_pairs(GIVEN, SIZES, [(400, 1 << 30), (1 << 20, 1), (1 << 20, 1 << 30)]),
)
def test_every_way_to_form_lanes_equals_the_loops(
    target, name, batch, channels, filters, dtype, weights, cutting, monkeypatch
):
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    monkeypatch.setattr(grids, "_WORTH_CUTTING", cutting)
    given = made(name, batch, channels, filters, dtype)
    for method in direct._candidates(given.problem, target):
        for threads, bias in ((1, True), (2, False)):
            method.prepare(threads)
            expected = given.expected if bias else given.without_bias
            np.testing.assert_array_equal(_run(method, given, bias), expected)


@on_each_target
def test_inputs_and_outputs_may_lie_anywhere(target):
    given = made("unequal everything")
    method = direct._candidates(given.problem, target)[0]
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


@pytest.mark.parametrize("dtype", ["int32"])
def test_other_formats_are_left_to_other_methods(dtype):
    problem = fast_impl.plan((1, 4, 5, 3), (2, 2, 6, 3), dtype=dtype, algorithm="scatter").problem
    assert direct.propose(problem, 1, 1 << 20, IDLE) is None
    assert not direct_gradients.suits(problem, 1 << 30)


def test_nothing_to_multiply_and_no_generated_code_are_left_to_other_methods():
    problem = made("plain").problem
    assert direct.propose(dataclasses.replace(problem, batch=0), 1, 1 << 20, IDLE) is None
    assert direct.propose(problem, 1, 1 << 20, None) is None
    assert not isinstance(
        gradients.planned(problem, 1, 1 << 30, None, "direct"), direct_gradients.DirectBackward
    )


def _planned(inputs, kernel, strides):
    problem = fast_impl.plan(inputs, kernel, strides, "same", algorithm="scatter").problem
    return planner.planned(problem, "direct", 1, planner.WORKSPACE_LIMIT, IDLE)


def test_a_direct_plan_says_what_it_does():
    plan = _planned((2, 9, 8, 16), (5, 5, 40, 16), 2)
    assert plan.explanation == (
        "sums in registers by generated kernels: 4 kind(s) of outputs, 1 x 24 lanes, 1 x 16 lanes, "
        "1 x 24 lanes, ..., 8 task(s)"
    )
    assert plan.multiplies_padding
    assert not plan.invents_weights


def test_three_groups_of_lanes_are_all_told():
    plan = _planned((1, 6, 6, 8), (3, 3, 3, 8), 3)
    assert len(plan.executor.calls.chains) == 3
    assert "1 x 16 lanes, 1 x 16 lanes, 1 x 16 lanes, 3 task(s)" in plan.explanation


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
    candidates = direct._candidates(problem, IDLE)
    lines = [max(piece.lanes(problem).lines for piece in each.pieces) for each in candidates]
    assert list(zip((len(each.pieces) for each in candidates), lines, strict=True)) == found


def test_ways_of_too_many_kinds_of_outputs_are_left_out(monkeypatch):
    monkeypatch.setattr(direct, "_MOST_PIECES", 4)
    candidates = direct._candidates(made("odd pixel after").problem, IDLE)
    assert [len(each.pieces) for each in candidates] == [4, 2, 2, 1, 3]


@on_each_target
def test_an_output_in_one_piece_is_written_where_it_lies(target, monkeypatch):
    given = made("plain")
    method = direct._candidates(given.problem, target)[0]
    method.prepare(1)
    written = []
    monkeypatch.setattr(method.prepared, "run", lambda *arrays: written.append(arrays[3]))
    out = np.empty(given.expected.shape, "f4")
    method.run(given.x, method.pack(given.k), None, out)
    assert written[0] is out


def test_many_kinds_of_outputs_are_left_to_other_methods():
    problem = fast_impl.plan((1, 2, 2, 1), (3, 3, 1, 1), 500, algorithm="scatter").problem
    assert direct._candidates(problem, IDLE) == []
    assert direct.propose(problem, 1, 1 << 20, IDLE) is None


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
