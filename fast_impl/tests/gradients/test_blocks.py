"""Gradients in chunks, tiles and shares: whole numbers must come out exactly as by the scatter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fast_impl.gradients import layout, scatter
from fast_impl.gradients.blocks import Backward
from fast_impl.gradients.layout import Chunk, Layout
from fast_impl.gradients.pixel_sums import pixel_sums
from fast_impl.planning import gradients as choice
from fast_impl.planning import planner
from fast_impl.planning.gradients import gradients
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory
from fast_impl.tests.made import by_scatter, operands

LIMIT = 64 << 20


def problem_of(
    inputs: Any, kernel: Any, strides: Any = 1, padding: str = "same", **more: Any
) -> Problem:
    return planner.plan(inputs, kernel, strides, padding, **more).problem


def same(found: Any, expected: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))


PROBLEMS = {
    "stride 1": problem_of((3, 6, 7, 4), (3, 3, 24, 4)),
    "stride 2": problem_of((3, 6, 7, 4), (5, 5, 16, 4), 2),
    "odd rows": problem_of((2, 5, 5, 3), (4, 3, 24, 3), (3, 2), "valid"),
    "kernel below stride": problem_of((2, 3, 4, 5), (1, 2, 24, 5), 3, "valid"),
    "one row": problem_of((4, 1, 9, 3), (1, 4, 32, 3), (1, 2)),
    "dilation": problem_of((2, 5, 6, 3), (3, 2, 24, 3), 1, dilation_rate=(2, 3)),
    "output padding": problem_of((2, 4, 5, 3), (3, 3, 24, 3), 2, output_padding=(1, 0)),
    "channels first": problem_of((2, 3, 4, 5), (3, 3, 24, 3), 2, data_format="channels_first"),
    "float64": problem_of((2, 4, 5, 3), (3, 3, 24, 3), 2, dtype="float64"),
    "float16": problem_of((2, 3, 3, 2), (2, 2, 24, 2), 2, dtype="float16"),
    "many channels": problem_of((1, 4, 4, 256), (3, 3, 24, 256), 2),
    "much work": problem_of((2, 20, 20, 32), (3, 3, 32, 32), 1),
    "large kernel": problem_of((1, 6, 6, 96), (7, 7, 64, 96), 2),
    "taps that reach nothing": problem_of((2, 2, 2, 3), (9, 9, 24, 3), 1),
    "output padding, valid": problem_of(
        (2, 4, 5, 3), (2, 2, 24, 3), 3, "valid", output_padding=(2, 2)
    ),
    "few taps": problem_of((1, 4, 4, 512), (2, 1, 300, 512), 2, "valid"),
    "taps far apart": problem_of((2, 4, 5, 3), (2, 2, 24, 3), 1, dilation_rate=(5, 6)),
    "taps far apart, float16": problem_of(
        (2, 4, 5, 3), (2, 2, 24, 3), 1, dilation_rate=(5, 6), dtype="float16"
    ),
}


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("limit", [LIMIT, 40_000, 2_000])
@pytest.mark.parametrize("name", PROBLEMS)
def test_gradients_are_those_of_the_scatter(name: str, limit: int, threads: int) -> None:
    problem = PROBLEMS[name]
    inputs, kernel, gradient = operands(problem)
    found = tuple(np.full_like(a, 77) for a in by_scatter(problem, inputs, kernel, gradient))
    Backward(problem, threads, limit).run(inputs, kernel, gradient, found)  # type: ignore[arg-type]
    assert same(found, by_scatter(problem, inputs, kernel, gradient))


def test_a_lower_limit_makes_smaller_chunks() -> None:
    sizes = [len(Layout(PROBLEMS["stride 2"], 1, limit).chunks) for limit in (LIMIT, 40_000, 2_000)]
    assert sizes == sorted(set(sizes))


def test_chunks_are_all_rows_of_all_images_once() -> None:
    problem = PROBLEMS["stride 1"]
    for limit in (LIMIT, *range(2_000, 60_000, 500)):
        rows = [
            (image, row)
            for chunk in Layout(problem, 2, limit).chunks
            for image in range(chunk.first_image, chunk.first_image + chunk.images)
            for row in range(chunk.first, chunk.last)
        ]
        assert rows == [(image, row) for image in range(3) for row in range(6)]


@pytest.mark.parametrize("name", PROBLEMS)
def test_tiles_are_all_rows_and_channels_of_a_chunk_once(name: str) -> None:
    places = Layout(PROBLEMS[name], 2, LIMIT)
    for chunk in places.chunks:
        cells = [
            (row, channel)
            for tile in places.tiles(chunk)
            for row in range(tile.first, tile.last)
            for channel in range(tile.low, tile.high)
        ]
        channels = PROBLEMS[name].in_channels
        wanted = {(r, c) for r in range(chunk.first, chunk.last) for c in range(channels)}
        assert (set(cells), len(cells)) == (wanted, len(wanted))


def test_little_work_is_for_one_thread() -> None:
    assert (
        Layout(PROBLEMS["one row"], 4, LIMIT).threads,
        Layout(PROBLEMS["much work"], 4, LIMIT).threads,
    ) == (1, 4)


def test_many_weights_are_summed_once() -> None:
    assert (
        Layout(PROBLEMS["much work"], 4, LIMIT).shares,
        Layout(PROBLEMS["large kernel"], 4, LIMIT).shares,
    ) == (4, 1)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_special_values_leave_no_trace_elsewhere(which: int, value: float) -> None:
    problem = PROBLEMS["stride 2"]
    given = operands(problem)
    given[which].flat[5] = value
    with np.errstate(invalid="ignore"):
        expected = by_scatter(problem, *given)
        found = gradients(problem, *given)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, expected, strict=True))


def test_finite_gradients_are_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("computed again by the scatter")

    problem = PROBLEMS["stride 2"]
    given = operands(problem)
    expected = by_scatter(problem, *given)
    for name in ("input_gradient", "kernel_gradient", "bias_gradient"):
        monkeypatch.setattr(scatter, name, refuse)
    for large in (choice._LARGE, 0):
        monkeypatch.setattr(choice, "_LARGE", large)
        assert same(gradients(problem, *given), expected)


def test_large_gradients_are_looked_at_by_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(choice.workers, "run", lambda task, count, n: asked.append((count, n)))
    for size in (choice._LARGE, choice._LARGE + 1):
        choice._all_finite([np.ones(1), np.ones(size)], 5)
    assert asked == [(2, 5)]


@pytest.mark.parametrize("first", [0, 10])
def test_threads_share_the_pixels_of_a_chunk_fairly(first: int) -> None:
    places = Layout(PROBLEMS["much work"], 2, LIMIT)
    pixels = [
        sum(product.k for product in places._share_products(Chunk(0, 1, first, 20), share)[0])
        for share in range(2)
    ]
    assert min(pixels) > 0.8 * max(pixels)


def test_a_second_thread_needs_so_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = PROBLEMS["stride 2"]
    found = []
    for small in (problem.multiply_adds, problem.multiply_adds + 1):
        monkeypatch.setattr(layout, "_SMALL", small)
        found.append(Layout(problem, 3, LIMIT).threads)
    assert found == [3, 1]


def test_taps_that_reach_different_columns_are_one_product_all_the_same() -> None:
    problem = problem_of((1, 4, 4, 3), (3, 3, 24, 3), 2, output_padding=(0, 0))
    assert [(tap.place, tap.places) for tap in Layout(problem, 1, LIMIT).taps[:2]] == [
        (1, 1),
        (0, 2),
    ]


@pytest.mark.parametrize(
    ("channels", "rows", "first", "last", "tiles"),
    [
        # by channels where there are few rows and enough channels for every thread
        (8, 5, 0, 19, [(0, 19, 0, 4), (0, 19, 4, 8)]),
        (8, 5, 10, 20, [(10, 20, 0, 4), (10, 20, 4, 8)]),
        (7, 5, 0, 19, [(0, 4, 0, 7), (4, 8, 0, 7), (8, 12, 0, 7), (12, 16, 0, 7), (16, 19, 0, 7)]),
        # else by rows, at least two for each thread
        (8, 5, 0, 20, [(0, 5, 0, 8), (5, 10, 0, 8), (10, 15, 0, 8), (15, 20, 0, 8)]),
        (8, 2, 10, 20, [(r, r + 2, 0, 8) for r in range(10, 20, 2)]),
        (7, 9, 10, 20, [(r, r + 2, 0, 7) for r in range(10, 20, 2)]),
        (7, 9, 0, 3, [(0, 1, 0, 7), (1, 2, 0, 7), (2, 3, 0, 7)]),
    ],
)
def test_a_chunk_is_cut_by_channels_or_by_rows(
    channels: int, rows: int, first: int, last: int, tiles: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_SMALL", 0)
    monkeypatch.setattr(layout, "_CHANNELS", 4)
    places = Layout(problem_of((3, 20, 6, channels), (3, 3, 24, channels), 1), 2, LIMIT)
    monkeypatch.setattr(layout, "_PIXELS", rows * places.pitch * 3)
    assert list(places.tiles(Chunk(0, 3, first, last))) == tiles


@pytest.mark.parametrize(("channels", "shared"), [(4, False), (9, True)])
def test_threads_share_the_sums_of_the_inputs_only_where_tiles_are_of_some_channels(
    channels: int, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_SMALL", 0)
    monkeypatch.setattr(layout, "_CHANNELS", 4)
    problem = problem_of((3, 20, 6, channels), (3, 3, 24, channels))
    plan = Backward(problem, 2, LIMIT)
    given: list[Any] = []
    monkeypatch.setattr(plan, "product", lambda _products, _weights, _g, sums: given.append(sums))
    inputs, kernel, gradient = operands(problem)
    with memory.scratch() as lender:
        _, g = plan._source(plan.layout.chunks[0], inputs, gradient, lender)
        tasks = [*plan._input_tasks(plan.layout.chunks[0], kernel, g, inputs, lender)]
        for seat in (0, 1):
            tasks[0](seat)
    assert np.may_share_memory(*given) is shared


@pytest.mark.parametrize("change", [np.ascontiguousarray, lambda array: array[:, :, ::-1]])
def test_the_gradient_of_the_bias_is_summed_in_the_format_asked_for(change: Any) -> None:
    images = change(np.full((2, 30, 10, 3), 500, np.float16))
    total, tasks = pixel_sums(images, np.dtype(np.float32), 2)
    for task in tasks:
        task(0)
    assert (total.shape, total.dtype) == ((2, 3), np.float32)
    assert total.sum(axis=0).tolist() == [300_000.0] * 3


def test_the_last_pixels_are_summed_in_the_format_asked_for_too() -> None:
    """Three pixels of 300 numbers are taken at a time; two are left over."""
    pixels = np.zeros((1, 1, 5, 300), np.float16)
    pixels[0, 0, 3:] = [[2048], [1]]
    total, tasks = pixel_sums(pixels, np.dtype(np.float32), 1)
    tasks[0](0)
    assert (total == 2049).all()
