"""Gradients by generated kernels: that every way gives the same, and how the work is cut."""

import ctypes
import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest

import fast_impl
from fast_impl.gradients import direct as direct_gradients
from fast_impl.gradients import direct_inputs, direct_kernel, small
from fast_impl.gradients.direct_inputs import InputGradient
from fast_impl.gradients.direct_kernel import Chunk, KernelGradient
from fast_impl.gradients.patches import PatchesBackward
from fast_impl.kernels.format import Products
from fast_impl.kernels.sums import calls, grids, streams
from fast_impl.kernels.sums.streams import TooLongError
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512
from fast_impl.planning import gradients, planner
from fast_impl.problem.geometry import Axis
from fast_impl.tests.made import GIVEN, by_scatter, in_pairs, made, operands
from fast_impl.tests.targets import (
    IDLE,
    IDLE_AVX512,
    for_each_target,
    generated,
    needs,
    on_each_target,
)


@on_each_target
def test_gradients_whose_streams_would_be_too_long_are_left_to_other_methods(target, monkeypatch):
    monkeypatch.setattr(streams, "MOST_WORDS", 20)
    problem = made("wider than a tile").problem
    assert direct_gradients.DirectBackward.planned(problem, 1, 1 << 26, target) is None
    monkeypatch.setattr(small, "_MOST", 0)
    assert isinstance(gradients.planned(problem, 1, 1 << 26, target), PatchesBackward)


@on_each_target
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(
    ("name", "batch", "channels", "filters", "dtype", "weights", "cutting"),
    in_pairs(
        GIVEN,
        [(3, 5, 3, "float32"), (7, 64, 4, "float32"), (1, 16, 21, "float32"), (2, 6, 2, "float64")],
        # Row by row; at once; at once, and borders with the rest.
        [(1, 1), (1 << 20, 1), (1 << 20, 1 << 30)],
    ),
)
def test_the_gradient_of_the_inputs_is_that_of_the_scatter(
    target, name, batch, channels, filters, dtype, weights, cutting, monkeypatch
):
    monkeypatch.setattr(calls, "_WEIGHT_BYTES", weights)
    monkeypatch.setattr(grids, "_WORTH_CUTTING", cutting)
    given = made(name, batch, channels, filters, dtype)
    for threads, worth, parts in ((1, 0, 1), (2, 0, 3), (1, 1e9, 5), (2, 1e9, 1)):
        monkeypatch.setattr(direct_inputs, "_WORTH", worth)
        found = np.full_like(given.x, np.nan)
        method = InputGradient(given.problem, threads, target, 1 << 26, parts)
        method.run(given.k, given.g, found)
        np.testing.assert_array_equal(found, given.to_inputs)


@pytest.mark.parametrize(
    ("kernel", "stride", "channels", "limit", "pixels"),
    [
        # Several pixels fill a vector; and rather those of a row than those of several, if both do.
        ((5, 5), (2, 2), 1, 1 << 26, (3, 3)),
        ((16, 16), (8, 8), 21, 1 << 26, (1, 2)),
        # A kernel below the stride, many channels, no memory for planes.
        ((2, 2), (4, 4), 4, 1 << 26, (1, 1)),
        ((4, 4), (2, 2), 32, 1 << 26, (1, 1)),
        ((5, 5), (2, 2), 1, 1 << 10, (1, 1)),
    ],
)
def test_pixels_that_sum_over_the_same_gradients_fill_vectors(
    kernel, stride, channels, limit, pixels
):
    shapes = (2, 9, 9, channels), (*kernel, 21, channels)
    problem = fast_impl.plan(*shapes, stride, "same", algorithm="scatter").problem
    method = InputGradient(problem, 1, IDLE_AVX512, limit)
    assert (method.down.pixels, method.right.pixels) == pixels
    assert method.invents_weights == (kernel == (5, 5) and pixels != (1, 1))


@on_each_target
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("pixels", [1, 20, 1 << 20])
@pytest.mark.parametrize("far", [0, 1 << 30])
@pytest.mark.parametrize("name", GIVEN)
def test_gradients_in_one_pass_are_those_one_after_the_other(
    target, name, far, pixels, threads, monkeypatch
):
    monkeypatch.setattr(direct_gradients, "_FAR", far)
    monkeypatch.setattr(direct_gradients, "_SMALL", 0)
    for constant, value in (("_PIXELS", pixels), ("_CHUNK_ADDS", 0), ("_SHARED", 0)):
        monkeypatch.setattr(direct_kernel, constant, value)
    given = made(name, 3, 5, 4)
    method = direct_gradients.DirectBackward(given.problem, threads, 1 << 26, target)
    # Where there are fewer chunks than threads, these share each of them.
    assert method.one_pass == (far == 0 and method.kernel.inner_threads == 1)
    found = [np.full_like(array, np.nan) for array in (given.x, given.k)]
    found.append(np.full(4, np.nan, "f4"))
    method.run(given.x, given.k, given.g, tuple(found))
    np.testing.assert_array_equal(found[0], given.to_inputs)
    np.testing.assert_array_equal(found[1], given.to_kernel)
    np.testing.assert_array_equal(found[2], given.g.sum((0, 1, 2)))


@on_each_target
@pytest.mark.parametrize("threads", [1, 2])
def test_an_infinite_gradient_is_no_nan_elsewhere(target, threads, monkeypatch):
    """Where it meets a weight that is no tap of the kernel."""
    monkeypatch.setattr(direct_inputs, "_WORTH", 1e9)
    monkeypatch.setattr(small, "_MOST", 0)
    problem = fast_impl.plan((2, 9, 9, 1), (5, 5, 4, 1), 2, "same", algorithm="scatter").problem
    random = np.random.default_rng(1)
    x, k, g = (
        random.integers(1, 4, shape).astype("f4")
        for shape in (problem.input_shape, problem.kernel_shape, problem.output_shape)
    )
    g[0, 4, 4, 2] = np.inf
    method = direct_gradients.DirectBackward(problem, threads, 1 << 26, target)
    assert method.inputs.invents_weights
    plan = gradients.GradientPlan(
        problem, problem, (slice(None), slice(None)), method, threads, 1 << 26
    )
    expected, *_ = by_scatter(problem, x, k, g)
    assert 1 < np.isinf(expected).sum() < 9
    np.testing.assert_array_equal(plan.run(x, k, g)[0], expected)


WAYS = {
    "where they lie": {"_FEW": 1000, "_SHORT": 0},
    "in blocks": {"_FEW": 0, "_REUSE": 0},
    "in blocks, few pixels": {"_FEW": 0, "_REUSE": 0, "_PIXELS": 7, "_CHUNK_ADDS": 0},
    "where they lie, row by row": {"_FEW": 1000, "_PIXELS": 1, "_CHUNK_ADDS": 0, "_SHORT": 0},
    "summed once": {"_FEW_WEIGHTS": 0, "_PIXELS": 20, "_CHUNK_ADDS": 0},
    "many calls": {"_RESULT_BYTES": 64, "_TASKS": 7},
    "many pieces": {"_PIECE_BYTES": 1, "_TASKS": 7},
    "inputs copied": {"_FEW_INPUTS": 0},
    # Columns at the border as runs of their own, whatever that takes, and in a copy between zeros.
    "border apart": {"_BORDER": 1e9, "_FEW": 1000, "_SHORT": 0},
    "border apart, row by row": {
        "_BORDER": 1e9,
        "_FEW": 1000,
        "_PIXELS": 1,
        "_CHUNK_ADDS": 0,
        "_SHORT": 0,
    },
    "border apart, many calls": {
        "_BORDER": 1e9,
        "_FEW": 1000,
        "_RESULT_BYTES": 64,
        "_TASKS": 7,
        "_SHORT": 0,
    },
    "border between zeros": {"_BORDER": -1, "_FEW": 1000, "_SHORT": 0},
    # Gradients as the vectors wherever they can be, and nowhere.
    "exchanged": {"_WORTH": 1e9, "_FEW": 1000, "_SHORT": 0},
    "exchanged, border apart": {
        "_WORTH": 1e9,
        "_BORDER": 1e9,
        "_FEW": 1000,
        "_SHORT": 0,
        "_RESULT_BYTES": 64,
        "_TASKS": 7,
    },
    "exchanged, border between zeros, row by row": {
        "_WORTH": 1e9,
        "_BORDER": -1,
        "_FEW": 1000,
        "_SHORT": 0,
        "_PIXELS": 1,
        "_CHUNK_ADDS": 0,
    },
    "not exchanged": {"_WORTH": 0, "_FEW": 1000, "_SHORT": 0},
}


def take(monkeypatch, way):
    """Have the gradients of kernels computed in one of the ways."""
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(direct_kernel, constant, value)


# Ways that together make every kernel that any of them makes of a problem; the others divide the work otherwise.
OTHER_KERNELS = (
    "in blocks, few pixels", "inputs copied", "border apart", "exchanged, border apart", "not exchanged",
)  # fmt: skip
SIZES = [
    (3, 5, 3, "float32"), (7, 33, 4, "float32"), (13, 8, 21, "float32"), (1, 21, 9, "float32"),
    (2, 6, 2, "float64"),
]  # fmt: skip


@on_each_target
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(
    ("name", "way", "batch", "channels", "filters", "dtype"),
    [(name, way, *sizes) for name, way, sizes in itertools.product(GIVEN, OTHER_KERNELS, SIZES)]
    + in_pairs(GIVEN, [way for way in WAYS if way not in OTHER_KERNELS], SIZES),
)
def test_the_gradient_of_the_kernel_is_that_of_the_scatter(
    target, name, batch, channels, filters, dtype, way, monkeypatch
):
    take(monkeypatch, way)
    given = made(name, batch, channels, filters, dtype)
    for threads in (1, 2, 5):
        found = np.full_like(given.k, np.nan)
        KernelGradient(given.problem, threads, 1 << 26, target).run(given.x, given.g, found)
        np.testing.assert_array_equal(found, given.to_kernel)


@on_each_target
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "channels", [1, 15, 16, 17, 31, 33, 48, 63, 65, 97, 111, 112, 113, 127, 128, 129]
)
def test_channels_of_any_number_of_vectors_are_summed(target, channels, dtype):
    """Also where the last vectors of a panel have none: 97 to 112 of float32, in panels of two of AVX-512's."""
    given = made("odd pixel after", 2, channels, 3, dtype)
    found = np.full_like(given.k, np.nan)
    KernelGradient(given.problem, 1, 1 << 26, target).run(given.x, given.g, found)
    np.testing.assert_array_equal(found, given.to_kernel)


def test_sides_are_exchanged_where_few_channels_would_leave_vectors_empty(monkeypatch):
    monkeypatch.setattr(direct_kernel, "_SHORT", 0)
    for channels, filters, exchanged in (
        (3, 16, True),
        (16, 3, False),
        (64, 64, False),
        (1, 64, True),
    ):
        problem = made("odd pixel after", 3, channels, filters).problem
        assert KernelGradient(problem, 1, 1 << 26, AVX512).exchanged is exchanged
        assert not KernelGradient(problem, 1, 1 << 26, IDLE).exchanged


@needs(AVX512)
@pytest.mark.parametrize("channels", [3, 16, 33, 70, 100, 128])
@pytest.mark.parametrize("name", GIVEN)
def test_inputs_in_place_and_copied_give_the_same_bits(name, channels, monkeypatch):
    problem = made(name, 3, channels, 4).problem
    random = np.random.default_rng(4)
    x, g = (
        random.standard_normal(shape).astype("f4")
        for shape in (problem.input_shape, problem.output_shape)
    )
    monkeypatch.setattr(direct_kernel, "_WORTH", 0)
    found = []
    for few in (1 << 20, 0):
        monkeypatch.setattr(direct_kernel, "_FEW_INPUTS", few)
        method = KernelGradient(problem, 1, 1 << 26, AVX512)
        assert method.inputs_in_place == (few > 0 and not method.across)
        found.append(np.full(problem.kernel_shape, np.nan, "f4"))
        method.run(x, g, found[-1])
    np.testing.assert_array_equal(*found)


def _recording(target):
    """A target whose kernels of products know what they were made with."""

    def make(*given):
        kernel = functools.partial(print)
        kernel.given = given
        return kernel

    return dataclasses.replace(target, products=target.products._replace(make=make), team=None)


def _added_to(calls, task):
    """The numbers of the result that a task adds to, each as often as it does."""
    for kernel, row in calls.tasks.tasks[task]:
        _, rows, _, size, _, channels, _ = kernel.given
        told = calls.tasks.template[row]
        jobs = (ctypes.c_int64 * (3 * told[Products.COUNT // 8])).from_address(
            int(told[Products.JOBS // 8])
        )
        for panel, result in itertools.product(range(told[Products.PANELS // 8]), jobs[2::3]):
            first = told[Products.RESULT // 8] + panel * told[Products.RESULT_STEP // 8] + result
            for number in range(rows):
                start = (first + number * told[Products.RESULT_ROW // 8]) // size
                yield from range(start, start + channels)


@for_each_target
@pytest.mark.parametrize(
    "way",
    [
        "where they lie",
        "in blocks",
        "many calls",
        "border apart, many calls",
        "exchanged, border apart",
    ],
)
@pytest.mark.parametrize(("channels", "filters", "threads"), [(70, 4, 2), (17, 21, 5)])
@pytest.mark.parametrize("name", GIVEN)
def test_no_two_tasks_add_to_the_same_number(
    target, name, channels, filters, threads, way, monkeypatch
):
    take(monkeypatch, way)
    # Sums of their own would leave one thread, and one task, for each.
    monkeypatch.setattr(direct_kernel, "_FEW_WEIGHTS", 0)
    problem = made(name, 3, channels, filters).problem
    method = KernelGradient(problem, threads, 1 << 26, _recording(target))
    whole = set()
    for chunk in method.chunks:
        calls = method._calls(chunk)
        tasks = [set(_added_to(calls, number)) for number in range(len(calls.tasks.tasks))]
        assert sum(map(len, tasks)) == len(set().union(*tasks))
        whole |= set().union(*tasks)
    numbers = math.prod(problem.kernel_shape)
    assert whole <= set(range(numbers))
    # What is not added to belongs to taps that reach no output.
    taps = {number // (channels * filters) for number in range(numbers) if number not in whole}
    assert all(
        not made(name, 3, channels, filters).to_kernel.reshape(-1, filters * channels)[tap].any()
        for tap in taps
    )


def test_a_border_apart_makes_several_tasks(monkeypatch):
    """Else the test above would show nothing."""
    take(monkeypatch, "border apart, many calls")
    monkeypatch.setattr(direct_kernel, "_FEW_WEIGHTS", 0)
    method = KernelGradient(made("odd pixel after", 3, 5, 3).problem, 2, 1 << 26, _recording(IDLE))
    assert method.border
    assert len(method._calls(method.chunks[0]).tasks.tasks) == 3


def _columns(name, **constants):
    """Kinds of columns of the kernel's gradient, with the taps of each."""
    problem = made(name).problem
    method = KernelGradient(problem, 1, 1 << 26, IDLE)
    return method.border, [
        ((kind.start, kind.stop), (taps.start, taps.stop))
        for kind, taps in method._kinds(method.lanes, 1.0)
    ]


def test_columns_at_the_border_have_the_taps_that_reach_the_output(monkeypatch):
    monkeypatch.setattr(direct_kernel, "_BORDER", 1e9)
    # Four columns, five taps, stride two, one pixel cropped before: the last column reaches over the edge, too.
    assert _columns("odd pixel after") == (
        True, [((1, 3), (0, 5)), ((0, 1), (1, 5)), ((3, 4), (0, 3))],
    )  # fmt: skip
    # Nothing is cropped.
    assert _columns("plain") == (False, [((0, 4), (0, 3))])
    # No column has all taps.
    assert _columns("taps that leave the image") == (False, [])


def test_columns_at_the_border_that_take_too_long_are_left_in_a_copy(monkeypatch):
    monkeypatch.setattr(direct_kernel, "_BORDER", 0)
    assert _columns("odd pixel after") == (False, [])


@pytest.mark.parametrize(
    ("target", "channels", "size", "rows", "vectors"),
    [
        (AVX2, 1, 4, 40, 1), (AVX2, 8, 4, 40, 1), (AVX2, 9, 4, 40, 2), (AVX2, 16, 4, 40, 2),
        (AVX2, 21, 4, 40, 3), (AVX2, 24, 4, 40, 3), (AVX2, 32, 4, 40, 2), (AVX2, 56, 4, 40, 2),
        (AVX2, 3, 8, 40, 1), (AVX2, 8, 8, 40, 2),
        (AVX512, 16, 4, 40, 1), (AVX512, 17, 4, 40, 2), (AVX512, 33, 4, 40, 3), (AVX512, 65, 4, 40, 1),
        (AVX512, 128, 4, 40, 2), (AVX512, 8, 8, 40, 1), (AVX512, 9, 8, 40, 2),
        # Few rows have few sums, which wait for each other: more vectors have more of them.
        (AVX2, 8, 4, 1, 2), (AVX2, 128, 4, 1, 3), (AVX512, 16, 4, 1, 2), (AVX512, 128, 4, 1, 4),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)  # fmt: skip
def test_panels_of_the_kernels_gradient_leave_few_lanes_idle(target, channels, size, rows, vectors):
    assert direct_kernel._vectors(channels * size, rows, target) == vectors


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
    assert found[31] == [Chunk(0, 1, 0, 5), Chunk(1, 2, 0, 5), Chunk(3, 2, 0, 5)]
    assert found[6][:3] == [Chunk(0, 1, 0, 1), Chunk(0, 1, 1, 3), Chunk(0, 1, 3, 5)]


@pytest.mark.parametrize(
    ("batch", "threads", "chunks"),
    [(1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 2, 2), (5, 2, 2), (5, 3, 3), (5, 4, 4), (3, 4, 12)],
)
def test_threads_with_sums_of_their_own_have_as_many_chunks(batch, threads, chunks, monkeypatch):
    monkeypatch.setattr(direct_kernel, "_SHARED", 0)
    problem = made("unequal everything", batch=batch).problem
    found = KernelGradient(problem, threads, 1 << 26, IDLE)
    assert (len(found.chunks), found.shares) == (chunks, threads)
    pixels = [chunk.images * (chunk.last - chunk.first) for chunk in found.chunks]
    assert max(pixels) <= 2 * min(pixels)


def test_small_problems_are_not_divided_for_threads():
    problem = made("unequal everything", batch=5).problem
    assert problem.multiply_adds < direct_kernel._SHARED
    assert len(KernelGradient(problem, 2, 1 << 26, IDLE).chunks) == 1


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
    # At most 2, 9 and 4, and as many in each chunk: 40 in five chunks are eight.
    assert found == [2, 8, 4]


@pytest.mark.parametrize(
    ("padding", "batch", "size", "strides", "expected"),
    [
        ("valid", 1, (4, 5), 2, True),
        ("valid", 3, (4, 5), 2, True),
        ("same", 1, (4, 5), 2, False),
        # Rows below the last one that a tap reaches.
        ("valid", 1, (4, 5), (4, 1), True),
        ("valid", 3, (4, 5), (4, 1), True),
    ],
)
def test_gradients_without_a_border_are_read_as_they_are(
    padding, batch, size, strides, expected, monkeypatch
):
    monkeypatch.setattr(direct_kernel, "_BORDER", -1)
    problem = fast_impl.plan(
        (batch, *size, 5), (3, 3, 4, 5), strides, padding, algorithm="scatter"
    ).problem
    assert KernelGradient(problem, 1, 1 << 26, IDLE).as_it_is is expected


@pytest.mark.parametrize("way", ["where they lie, row by row", "in blocks", "many pieces"])
@pytest.mark.parametrize("name", GIVEN)
def test_pieces_are_all_rows_of_a_chunk_once(name, way, monkeypatch):
    take(monkeypatch, way)
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
    for batch, width, across in ((7, 6, False), (6, 5, True), (5, 5, False)):
        found = _gradient_of(batch, width, 4)
        assert (found.in_place, found.across) == (not across, across)


def test_few_filters_or_little_reuse_leave_gradients_where_they_are(monkeypatch):
    monkeypatch.setattr(direct_kernel, "_FEW", 4 * 4)
    monkeypatch.setattr(direct_kernel, "_REUSE", 0)
    assert [_gradient_of(1, 9, filters).in_place for filters in (4, 5)] == [True, False]
    reuse = 3 * 3 * 5 // 4
    monkeypatch.setattr(direct_kernel, "_FEW", 0)
    for most, in_place in ((reuse, False), (reuse + 1, True)):
        monkeypatch.setattr(direct_kernel, "_REUSE", most)
        assert _gradient_of(1, 9, 4).in_place is in_place


def test_gradients_in_blocks_have_no_border_and_two_images_lie_side_by_side(monkeypatch):
    take(monkeypatch, "in blocks")
    for batch, across in ((1, False), (2, True)):
        found = _gradient_of(batch, 9, 4, kernel=5)
        assert (found.problem.width.before, found.left, found.across) == (1, 0, across)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_every_thread_has_sums_of_its_own_where_they_find_room(padding, monkeypatch):
    monkeypatch.setattr(direct_kernel, "_BORDER", -1)
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
    shape = (4, 6, 5, 9) if data_format == "channels_first" else (4, 5, 9, 6)
    problem = fast_impl.plan(
        shape, (3, 4, 7, 6), (2, 3), "same", data_format, algorithm="scatter"
    ).problem
    given = operands(problem)
    expected = by_scatter(problem, *given)
    plan = gradients.planned(problem, 2, planner.WORKSPACE_LIMIT, target, "direct")
    assert isinstance(plan, direct_gradients.DirectBackward)
    found = [np.full_like(array, np.nan) for array in expected]
    plan.run(*given, tuple(found))
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


@on_each_target
@pytest.mark.parametrize("which", [0, 1, 2], ids=["inputs", "kernel", "output gradient"])
@pytest.mark.parametrize(
    ("name", "way", "where", "value"),
    in_pairs(
        ["plain", "odd pixel after", "stride above kernel", "dilation, same"],
        WAYS,
        [(0, np.inf), (0.5, -np.inf), (0.7, np.nan), (1, np.inf)],
    ),
)
def test_special_values_in_gradients_reach_only_what_they_touched(
    target, name, which, where, value, way, monkeypatch
):
    take(monkeypatch, way)
    given = made(name, 7, 9, 5)
    arrays = [array.copy() for array in (given.x, given.k, given.g)]
    flat = arrays[which].reshape(-1)
    flat[int(where * (flat.size - 1))] = value
    with np.errstate(invalid="ignore"):
        expected = by_scatter(given.problem, *arrays)
    plan = gradients.for_problem(given.problem, "direct", target)
    assert isinstance(plan.method, direct_gradients.DirectBackward)
    for found, wanted in zip(plan.run(*arrays), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("border", "channels", "batch", "looked_at"),
    [
        # Pixels beyond the edge meet the kernel, columns beyond it the inputs: what is smaller tells.
        (-1, 3, 1, ["gradient of the inputs", "inputs"]),
        (-1, 3, 9, ["kernel", "gradient of the kernel"]),
        # Columns at the border that are runs of their own meet nothing.
        (1e9, 3, 1, ["gradient of the inputs"]),
        (1e9, 3, 9, ["kernel"]),
    ],
)
def test_the_smaller_of_what_met_zeros_and_its_result_is_looked_at(
    border, channels, batch, looked_at, monkeypatch
):
    monkeypatch.setattr(direct_kernel, "_BORDER", border)
    monkeypatch.setattr(direct_kernel, "_SHORT", 0)
    monkeypatch.setattr(direct_inputs, "_WORTH", 0)
    problem = made("odd pixel after", batch, channels, 3).problem
    method = direct_gradients.DirectBackward(problem, 1, 1 << 26, IDLE)
    arrays = {
        name: np.zeros(shape, "f4") for name, shape in (
            ("inputs", problem.input_shape), ("kernel", problem.kernel_shape),
            ("gradient of the inputs", problem.input_shape), ("gradient of the kernel", problem.kernel_shape),
        )
    }  # fmt: skip
    found = arrays["gradient of the inputs"], arrays["gradient of the kernel"], np.zeros(3, "f4")
    suspects = method.suspects(arrays["inputs"], arrays["kernel"], found)
    assert [
        name for each in suspects for name, array in arrays.items() if array is each
    ] == looked_at


def test_gradients_that_lie_too_far_apart_are_left_to_other_methods():
    problem = fast_impl.plan((1, 1, 1, 1), (1, 1, 1, 1), (1, 1), algorithm="scatter").problem
    wide = dataclasses.replace(problem, width=Axis(1, 1, 1 << 28, 1, 1 << 28, 0))
    with pytest.raises(TooLongError):
        KernelGradient(wide, 1, 1 << 26, IDLE)
