"""Blocks and planar in every way to cut a problem into tasks, sensible or not; scatter in pieces."""

import dataclasses
import functools
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import fast_impl
from fast_impl.forward import blocks, costs, planar, scatter, small
from fast_impl.problem import dtypes
from fast_impl.runtime import blas
from fast_impl.tests.conftest import GEOMETRIES, forward

GIVEN = {
    **GEOMETRIES,
    "taps that leave the image": ((4, 2), (5, 9), {"strides": (1, 1), "padding": "same"}),
    "taller than wide": ((9, 2), (7, 4), {"strides": (2, 3), "padding": "valid"}),
    "wider than tall": ((2, 9), (3, 8), {"strides": (3, 2), "padding": "same"}),
    "taps far apart": (
        (4, 5),
        (2, 2),
        {"strides": (1, 1), "padding": "same", "dilation_rate": (5, 6)},
    ),
}
TILINGS = [
    blocks.Tiling(images, rows, merged, aligned, apart)
    for images in (1, 2, 3)
    for rows in (1, 2, 100)
    for merged in (False, True)
    for aligned in (False, True)
    for apart in (False, True)
    if images == 1 or not aligned
]


@functools.cache
def made(name):
    size, taps, config = GIVEN[name]
    first = config.get("data_format") == "channels_first"
    shapes = (3, 2, *size) if first else (3, *size, 2), (*taps, 3, 2), (3,)
    random = np.random.default_rng(7)
    x, k, bias = (random.integers(-3, 4, shape).astype(np.float32) for shape in shapes)
    return SimpleNamespace(
        x=x, k=k, bias=bias,
        expected=forward(x, k, config, bias), without_bias=forward(x, k, config),
        problem=fast_impl.plan(x.shape, k.shape, **config).problem,
        half=fast_impl.plan(x.shape, k.shape, **config, dtype="float16").problem,
    )  # fmt: skip


@pytest.fixture(params=GIVEN)
def given(request, poisoned):
    """A problem of three images with its operands and the expected result."""
    return made(request.param)


def run(method, given, dtype=np.float32, change=np.ascontiguousarray):
    """Compute with an executor, into an array that nothing may be left of."""
    x, k, bias = (array.astype(dtype) for array in (given.x, given.k, given.bias))
    out = np.full(given.expected.shape, np.nan, dtype)
    method.run(change(x), method.pack(k), bias, out)
    return out


def test_blocks_in_any_tiling(given):
    for tiling in TILINGS:
        method = blocks.Blocks(given.problem, tiling, 1)
        np.testing.assert_array_equal(run(method, given), given.expected, str(tiling))


def test_blocks_in_any_tiling_of_two_threads_and_another_format(given):
    for tiling in TILINGS:
        method = blocks.Blocks(given.half, tiling, 2)
        np.testing.assert_array_equal(run(method, given, np.float16), given.expected, str(tiling))


@pytest.mark.parametrize(("rows", "threads"), [(1, 1), (4, 1), (5, 2), (1000, 1)])
def test_blocks_in_pieces_that_copy_nothing(given, rows, threads, monkeypatch):
    monkeypatch.setattr(blas, "uncopied_rows", lambda n, k, dtype: rows)
    monkeypatch.setattr(blocks, "_LONG_PIECE", 0)
    for tiling in TILINGS[::2]:
        method = blocks.Blocks(given.problem, tiling, threads)
        assert method.cut
        np.testing.assert_array_equal(run(method, given), given.expected, str(tiling))
        made = method.products(tiling.images, 1, method.up, method.down + 1)
        assert max((p.m for products, _ in made for p in products), default=0) <= rows


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_blocks_in_products_that_are_not_cut(given, dtype, monkeypatch):
    monkeypatch.setattr(blas, "uncopied_rows", lambda n, k, dtype: 0)
    problem = given.problem if dtype is np.float32 else given.half
    for tiling in TILINGS[::2]:
        method = blocks.Blocks(problem, tiling, 1)
        assert not method.cut
        np.testing.assert_array_equal(run(method, given, dtype), given.expected, str(tiling))


def test_two_threads_want_longer_pieces(given, monkeypatch):
    tiling = blocks.Tiling(1, 1, True)
    found = []
    for rows in (0, 1, blocks._LONG_PIECE, blocks._LONG_PIECE + 1):
        monkeypatch.setattr(blas, "uncopied_rows", lambda n, k, dtype, rows=rows: rows)
        found.append([blocks.Blocks(given.problem, tiling, n).cut for n in (1, 2)])
    assert found == [[False, False], [True, False], [True, False], [True, True]]


OUTPUTS = {
    "channels apart": lambda room: room[:, :-1, :-1, ::2],
    "images apart": lambda room: room[:, :-1, :-1, : room.shape[3] // 2],
    "rows apart": lambda room: np.ascontiguousarray(room[:, :, :-1, ::2])[:, :-1],
    "last to first": lambda room: np.ascontiguousarray(room[:, :-1, :-1, ::2])[::-1, ::-1],
}


@pytest.mark.parametrize(("images", "biased"), [(3, True), (2, False)])
@pytest.mark.parametrize("view", OUTPUTS.values(), ids=list(OUTPUTS))
def test_blocks_and_planar_write_into_parts_of_other_arrays(given, view, images, biased):
    problem = dataclasses.replace(given.problem, batch=images)
    expected = (given.expected if biased else given.without_bias)[:images]
    n, height, width, last = expected.shape
    methods = [blocks.Blocks(problem, tiling, 1) for tiling in TILINGS[::5]]
    for method in [*methods, planar.Planar(problem, 2, 2, 1)]:
        out = view(np.full((n, height + 1, width + 1, 2 * last), np.nan, np.float32))
        assert out.shape == expected.shape
        method.run(given.x[:images], method.pack(given.k), given.bias if biased else None, out)
        np.testing.assert_array_equal(out, expected)


def test_rows_of_one_kind_apart_are_no_more_work(given):
    for tiling in TILINGS:
        work = []
        for apart in (False, True):
            method = blocks.Blocks(given.problem, dataclasses.replace(tiling, apart=apart), 1)
            real, done = method.product, []

            def note(products, *arrays, real=real, done=done):
                done.append(len(products))
                real(products, *arrays)

            method.product = note
            run(method, given)
            work.append(sorted(done))
        assert work[0] == work[1], str(tiling)


def test_blocks_read_an_input_where_it_lies_when_the_plan_says_so(given):
    for tiling in TILINGS:
        method = blocks.Blocks(given.problem, tiling, 1)
        if not method.in_place:
            continue
        x, real, seen = given.x, method.product, []
        if given.problem.channels_first:
            x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, 3)), 3, 1)

        def note(products, weights, pixels, sums, real=real, x=x, seen=seen):
            seen.append(pixels.size == 0 or np.shares_memory(pixels, x))
            real(products, weights, pixels, sums)

        method.product = note
        run(method, given, change=lambda _, x=x: x)
        assert seen, str(tiling)
        assert all(seen), str(tiling)


def test_blocks_of_an_input_that_is_not_contiguous(given):
    for tiling in TILINGS[::3]:
        method = blocks.Blocks(given.problem, tiling, 1)
        found = run(method, given, change=np.asfortranarray)
        np.testing.assert_array_equal(found, given.expected, str(tiling))


@pytest.mark.parametrize("threads", [1, 2])
def test_planar_in_any_tasks(given, threads):
    for images in (1, 2, 3):
        for rows in (1, 2, 3, 100):
            method = planar.Planar(given.problem, images, rows, threads)
            np.testing.assert_array_equal(run(method, given), given.expected, f"{images}, {rows}")
            method = planar.Planar(given.half, images, rows, threads)
            np.testing.assert_array_equal(run(method, given, np.float16), given.expected)


def test_planar_of_an_input_that_is_not_contiguous(given):
    method = planar.Planar(given.problem, 2, 2, 1)
    found = run(method, given, change=np.asfortranarray)
    np.testing.assert_array_equal(found, given.expected)


@pytest.mark.parametrize("piece", [1, 7, 50])
def test_scatter_in_pieces(given, piece, monkeypatch):
    monkeypatch.setattr(scatter, "_PIECE", piece)
    for problem, dtype in ((given.problem, np.float32), (given.half, np.float16)):
        found = run(scatter.Scatter(problem), given, dtype)
        np.testing.assert_array_equal(found, given.expected)


@pytest.mark.parametrize(
    ("shape", "most", "expected"),
    [
        ((5, 2), 4, [((0, 2), (0, 2)), ((2, 4), (0, 2)), ((4, 5), (0, 2))]),
        ((2, 9), 4, [((n, n + 1), (m, min(m + 4, 9))) for n in (0, 1) for m in (0, 4, 8)]),
        ((2, 2), 4, [((0, 2), (0, 2))]),
        ((0, 3), 4, []),
    ],
)
def test_blocks_have_at_most_so_many_elements(shape, most, expected):
    found = [tuple((s.start, s.stop) for s in block) for block in scatter.blocks(shape, most)]
    assert found == expected


@pytest.mark.parametrize("method", fast_impl.algorithms())
def test_every_method_sums_float16_in_float32(method):
    x, k = np.ones((1, 1, 1, 3600), np.float16), np.ones((1, 1, 1, 3600), np.float16)
    plan = fast_impl.plan(x.shape, k.shape, algorithm=method, dtype="float16")
    assert plan.run(x, k).item() == 3600


@pytest.mark.parametrize("method", fast_impl.algorithms())
def test_every_method_adds_taps_of_float16_in_float32(method):
    x, k = np.ones((1, 1, 3, 1), np.float16), np.full((1, 3, 1, 1), 60000, np.float16)
    k[0, 2] = -60000
    plan = fast_impl.plan(x.shape, k.shape, padding="same", algorithm=method, dtype="float16")
    assert plan.run(x, k)[0, 0, 1, 0] == 60000


@pytest.mark.parametrize("method", fast_impl.algorithms())
def test_every_method_adds_the_bias_before_it_rounds(method):
    x, k = np.ones((1, 1, 1, 2), np.float16), np.array([2048, 0.75], np.float16)
    plan = fast_impl.plan(x.shape, (1, 1, 1, 2), algorithm=method, dtype="float16")
    # 2048.75 would be 2048 in float16, and with the bias 2048 again; the sum is nearest to 2050
    bias = np.array([0.75], np.float16)
    assert plan.run(x, k.reshape(1, 1, 1, 2), bias=bias).item() == 2050


SMALL = ((1, 4, 5, 3), (3, 4, 2, 3), (2, 3), "valid")


@pytest.mark.parametrize(
    ("limit", "value", "offered"),
    [
        ("_MOST_ADDS", 4 * 5 * 3 * 4 * 2 * 3, True),
        ("_MOST_ADDS", 4 * 5 * 3 * 4 * 2 * 3 - 1, False),
        ("_MOST_ENTRIES", 9 * 16 * 4, True),
        ("_MOST_ENTRIES", 9 * 16 * 4 - 1, False),
    ],
)
def test_small_is_for_small_problems(limit, value, offered, monkeypatch):
    problem = fast_impl.plan(*SMALL).problem
    monkeypatch.setattr(small, limit, value)
    assert (small.propose(problem, 1, 1 << 20, None) is not None) == offered


def test_small_keeps_to_its_workspace():
    problem = fast_impl.plan(*SMALL).problem
    need = small.propose(problem, 1, 1 << 20, None).workspace
    assert small.propose(problem, 1, need, None) is not None
    assert small.propose(problem, 1, need - 1, None) is None


def test_the_table_of_small_cannot_be_written_to():
    assert not small.Small(fast_impl.plan(*SMALL).problem).table.flags.writeable


@pytest.fixture(params=[False, True], ids=["AVX2", "AVX-512"])
def multiply_add(request, monkeypatch):
    """Seconds of a multiply-add on either kind of processor."""
    monkeypatch.setattr(blas, "has_avx512", lambda: request.param)
    return costs.MULTIPLY_ADD if request.param else costs.MULTIPLY_ADD_AVX2


@pytest.mark.parametrize("wide", [False, True])
def test_costs_follow_their_formulas(wide, multiply_add):
    double = 2 if wide else 1
    work = 100 * 32 * 10 * multiply_add
    assert costs.pieces(100, 17, 10, 30, wide) == pytest.approx(
        4 * costs.CALL + double * 1.12 * work
    )
    moved = 17 * 10 * costs.WEIGHT / 2 + 100 * 27 * costs.PIXEL
    assert costs.product(100, 17, 10, wide) == pytest.approx(costs.CALL + double * (work + moved))
    copied = double * 100 * costs.ELEMENT + 10 * costs.LOOP
    assert costs.copy(100, 10, wide) == pytest.approx(costs.NUMPY_CALL + copied)


def test_costs_are_those_of_float32_unless_asked_for():
    assert costs.pieces(100, 17, 10, 30) == costs.pieces(100, 17, 10, 30, False)
    assert costs.product(100, 17, 10) == costs.product(100, 17, 10, False)
    assert costs.copy(100, 10) == costs.copy(100, 10, False)


@pytest.mark.parametrize(("weights", "half"), [(150_000, True), (150_010, False)])
def test_few_weights_cost_half(weights, half, multiply_add):
    each = costs.WEIGHT / 2 if half else costs.WEIGHT
    work = 1 * (-(-weights // 10 // 16) * 16) * 10 * multiply_add
    moved = weights * each + (weights // 10 + 10) * costs.PIXEL
    assert costs.product(1, weights // 10, 10) == pytest.approx(costs.CALL + work + moved)


def test_a_product_of_nothing_costs_its_call():
    assert costs.product(0, 5, 5) == costs.product(5, 5, 0) == costs.CALL
    assert costs.copy(0, 0) == costs.NUMPY_CALL


def test_bfloat16_is_that_of_ml_dtypes(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", SimpleNamespace(bfloat16=np.int16))
    assert dtypes.by_name("bfloat16") == np.int16
    assert (dtypes.by_name("float16"), dtypes.by_name(np.float64)) == (np.float16, np.float64)


@pytest.mark.parametrize("dtype", [np.float16, "float64", np.dtype(np.float32)])
def test_a_plan_may_be_asked_for_any_kind_of_dtype(dtype):
    assert fast_impl.plan(*SMALL, dtype=dtype).problem.dtype == np.dtype(dtype)


def test_blocks_offers_its_smallest_tiling_beyond_the_cache_but_not_beyond_the_limit():
    # one row of sums is 15 MB
    problem = fast_impl.plan((1, 2, 60_000, 8), (1, 1, 64, 8)).problem
    found = blocks.propose(problem, 1, 64 << 20, None)
    assert (found.executor.tiling.rows, found.workspace) == (1, 60_000 * 64 * 4)
    assert blocks.propose(problem, 1, 8 << 20, None) is None


@pytest.mark.parametrize("method", [blocks, planar])
def test_the_limit_holds_for_all_threads_together(method):
    problem = fast_impl.plan((1, 256, 256, 8), (3, 3, 4, 8), 2).problem
    free = method.propose(problem, 2, 1 << 40, None)
    assert free.threads == 2
    assert method.propose(problem, 2, free.workspace, None)[1:] == free[1:]
    assert method.propose(problem, 2, free.workspace - 1, None).workspace < free.workspace


def test_small_leaves_products_that_wake_threads_to_the_blas_of_the_project(monkeypatch):
    """NumPy's own may hang in the child of a fork."""
    rng = np.random.default_rng(0)
    x = rng.integers(-3, 4, (1, 8, 8, 64)).astype(np.float32)
    w = rng.integers(-3, 4, (3, 3, 16, 64)).astype(np.float32)
    expected = fast_impl.plan(x.shape, w.shape, 2, "same", algorithm="scatter").run(x, w)
    plan = fast_impl.plan(x.shape, w.shape, 2, "same", algorithm="small")

    def refuse(*arrays, **options):
        raise AssertionError("a product of NumPy")

    monkeypatch.setattr(np, "matmul", refuse)
    np.testing.assert_array_equal(plan.run(x, w), expected)
    assert plan.algorithm == "small"
