"""Gradients by generated kernels: that every way gives the same, and how the work is cut."""

import dataclasses
import itertools
import math

import numpy as np
import pytest

import fast_impl
from fast_impl.gradients import direct as direct_gradients
from fast_impl.gradients import direct_kernel, scatter, small
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import Chunk, KernelGradient
from fast_impl.gradients.patches import PatchesBackward
from fast_impl.kernels import calls, streams
from fast_impl.kernels.streams import TooLongError
from fast_impl.planning import gradients, planner
from fast_impl.problem.geometry import Axis
from fast_impl.tests.made import GIVEN, made
from fast_impl.tests.targets import IDLE, generated, on_each_target


@on_each_target
def test_gradients_whose_streams_would_be_too_long_are_left_to_other_methods(target, monkeypatch):
    monkeypatch.setattr(streams, "MOST_WORDS", 20)
    problem = made("wider than a tile").problem
    assert direct_gradients.DirectBackward.planned(problem, 1, 1 << 26, target) is None
    monkeypatch.setattr(small, "_MOST", 0)
    assert isinstance(gradients.planned(problem, 1, 1 << 26, target), PatchesBackward)


@on_each_target
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("weights", [1, 1 << 20], ids=["row by row", "at once"])
@pytest.mark.parametrize(
    ("batch", "channels", "filters", "dtype"),
    [(3, 5, 3, "float32"), (7, 64, 4, "float32"), (1, 16, 21, "float32"), (2, 6, 2, "float64")],
)
@pytest.mark.parametrize("name", GIVEN)
def test_the_gradient_of_the_inputs_is_that_of_the_scatter(
    target, name, batch, channels, filters, dtype, weights, monkeypatch
):
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    given = made(name, batch, channels, filters, dtype)
    for threads in (1, 2):
        found = np.full_like(given.x, np.nan)
        InputGradient(given.problem, threads, target).run(given.k, given.g, found)
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


@on_each_target
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
    target, name, batch, channels, filters, dtype, way, monkeypatch
):
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    given = made(name, batch, channels, filters, dtype)
    for threads in (1, 2):
        found = np.full_like(given.k, np.nan)
        KernelGradient(given.problem, threads, 1 << 26, target).run(given.x, given.g, found)
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
    assert direct_kernel._vectors(channels * size, IDLE) == vectors


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
        found[pixels] = KernelGradient(given.problem, 1, 1 << 26, IDLE).chunks
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
    assert len(KernelGradient(problem, 1, 1 << 26, IDLE).chunks) == 1
    assert len(KernelGradient(problem, 1, 1000, IDLE).chunks) == 25


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
        found.append(KernelGradient(problem, 1, 1 << 26, IDLE).chunks[0].images)
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
    assert KernelGradient(problem, 1, 1 << 26, IDLE).as_it_is is expected


@pytest.mark.parametrize("way", ["where they lie, row by row", "in blocks", "many pieces"])
@pytest.mark.parametrize("name", GIVEN)
def test_pieces_are_all_rows_of_a_chunk_once(name, way, monkeypatch):
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)
    method = KernelGradient(made(name, 3).problem, 1, 1 << 26, IDLE)
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
    return KernelGradient(problem, 1, 1 << 26, IDLE)


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
    found = KernelGradient(problem, 2, 1 << 26, IDLE)
    assert (len(found.chunks), found.as_it_is) == (6, padding == "valid")
    copied = found.panels * found.lanes * 18
    if padding == "same":
        shape = found._gradient_shape(found.chunks[0])
        assert shape == (1, 1, 1, 5, found.columns, 4)
        copied += math.prod(shape)
    limit = 2 * 2 * (copied + math.prod(problem.kernel_shape)) * 4
    for room, shares in ((limit, 2), (limit + 1, 2), (limit - 1, 1)):
        again = KernelGradient(problem, 2, room, IDLE)
        assert (len(again.chunks), again.shares, again.inner_threads) == (6, shares, 2 // shares)


def test_chunks_take_half_of_the_limit():
    problem = _gradient_of(1, 9, 4).problem
    row, line = 9 * 5 * 4, problem.width.output * 4 * 4
    needed = 2 * (2 * (row + 2 * line) + line)
    for limit, rows in ((needed, 2), (needed + 1, 2), (needed - 1, 1)):
        assert KernelGradient(problem, 1, limit, IDLE).chunks[0] == Chunk(0, 1, 0, rows)


def test_streams_of_the_kernels_gradient_have_a_limit(monkeypatch):
    found = _gradient_of(1, 9, 4)
    most = len(found._calls(found.chunks[0]).streams)
    monkeypatch.setattr(direct_kernel, "MOST_WORDS", most)
    _gradient_of(1, 9, 4)
    monkeypatch.setattr(direct_kernel, "MOST_WORDS", most - 1)
    with pytest.raises(TooLongError):
        _gradient_of(1, 9, 4)


def test_steps_from_gradient_to_gradient_are_what_an_instruction_can_take():
    problem = _gradient_of(1, 9, 4).problem
    step = 2 * 4 * 4
    KernelGradient(problem, 1, 1 << 26, dataclasses.replace(IDLE, most_step=step))
    with pytest.raises(TooLongError):
        KernelGradient(problem, 1, 1 << 26, dataclasses.replace(IDLE, most_step=step - 1))


def test_a_piece_is_what_stays_in_the_cache(monkeypatch):
    problem = fast_impl.plan((2, 12, 5, 9), (3, 3, 4, 9), 2, "same", algorithm="scatter").problem
    method = KernelGradient(problem, 1, 1 << 26, IDLE)
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
    found = KernelGradient(problem, 2, 1 << 26, IDLE)
    assert (len(found.chunks), found.shares, found.inner_threads) == (4, 2, 1)
    found = KernelGradient(problem, 5, 1 << 26, IDLE)
    assert (found.shares, found.inner_threads) == (1, 5)
    weights = math.prod(problem.kernel_shape)
    for few, shares in ((weights, 2), (weights - 1, 1)):
        monkeypatch.setattr(direct_kernel, "_FEW_WEIGHTS", few)
        assert KernelGradient(problem, 2, 1 << 26, IDLE).shares == shares


def test_calls_are_made_once_for_chunks_that_are_alike_but_for_their_place(monkeypatch):
    monkeypatch.setattr(direct_kernel, "_CHUNK_ADDS", 0)
    monkeypatch.setattr(direct_kernel, "_PIXELS", 6)
    problem = fast_impl.plan((2, 9, 6, 2), (5, 3, 4, 2), 2, "same", algorithm="scatter").problem
    method = KernelGradient(problem, 1, 1 << 26, IDLE)
    assert len(method.chunks) == 18
    found = {id(method._calls(chunk)) for chunk in method.chunks}
    # The first row and the last one lack a row of taps; those between them are alike.
    assert len(found) == 3
    assert method._calls(method.chunks[4]) is method._calls(method.chunks[14])


@on_each_target
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_generated_gradients_are_those_of_the_scatter_in_both_layouts(target, data_format):
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
    plan = gradients.planned(problem, 2, planner.WORKSPACE_LIMIT, target, "direct")
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


@on_each_target
def test_little_work_is_for_one_thread(target, monkeypatch):
    problem = made("plain").problem
    for least, threads in ((problem.multiply_adds, 2), (problem.multiply_adds + 1, 1)):
        monkeypatch.setattr(direct_gradients, "_SMALL", least)
        assert direct_gradients.DirectBackward(problem, 2, 1 << 26, target).threads == threads


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


def test_gradients_that_lie_too_far_apart_are_left_to_other_methods():
    problem = fast_impl.plan((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), algorithm="scatter").problem
    wide = dataclasses.replace(problem, width=Axis(1, 1, 1 << 28, 1, 1 << 28, 0))
    with pytest.raises(TooLongError):
        KernelGradient(wide, 1, 1 << 26, IDLE)
