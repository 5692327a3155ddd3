"""Blocks and planar in every way to cut a problem into tasks, sensible or not; scatter in pieces."""

import dataclasses
import functools
from types import SimpleNamespace

import numpy as np
import pytest

import fast_impl
from fast_impl import blas
from fast_impl.methods import blocks, planar, scatter
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
        x=x, k=k, bias=bias, expected=forward(x, k, config, bias),
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


@pytest.mark.parametrize("view", OUTPUTS.values(), ids=list(OUTPUTS))
def test_blocks_and_planar_write_into_parts_of_other_arrays(given, view):
    n, height, width, last = given.expected.shape
    methods = [blocks.Blocks(given.problem, tiling, 1) for tiling in TILINGS[::5]]
    for method in [*methods, planar.Planar(given.problem, 2, 2, 1)]:
        out = view(np.full((n, height + 1, width + 1, 2 * last), np.nan, np.float32))
        assert out.shape == given.expected.shape
        method.run(given.x, method.pack(given.k), given.bias, out)
        np.testing.assert_array_equal(out, given.expected)


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
    ("total", "each", "piece", "expected"),
    [
        (5, 2, 4, [(0, 2), (2, 4), (4, 5)]),
        (3, 9, 4, [(0, 1), (1, 2), (2, 3)]),
        (3, 0, 2, [(0, 2), (2, 3)]),
        (4, 1, 4, [(0, 4)]),
        (0, 1, 4, []),
    ],
)
def test_a_piece_has_about_so_many_elements(total, each, piece, expected, monkeypatch):
    monkeypatch.setattr(scatter, "_PIECE", piece)
    assert [(part.start, part.stop) for part in scatter._steps(total, each)] == expected


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


def test_the_gradient_of_the_bias_sums_bfloat16_in_float32():
    pytest.importorskip("ml_dtypes")
    problem = fast_impl.plan((1, 20, 15, 1), (1, 1, 1, 1), dtype="bfloat16").problem
    out = np.empty(1, problem.dtype)
    scatter.bias_gradient(problem, np.ones((1, 20, 15, 1), problem.dtype), out)
    assert float(out[0]) == 300


LARGE = {"float16": 6e4, "float32": 3e38}


@pytest.mark.parametrize(("dtype", "finite"), [("float16", True), ("float32", False)])
def test_gradients_are_summed_in_float32(dtype, finite):
    # what overflows in float32 does not in float64, and what overflows in float16 not in float32
    large = LARGE[dtype]
    problem = fast_impl.plan((1, 1, 2, 2), (1, 1, 2, 2), dtype=dtype).problem
    signs = np.array([[2, 2], [-2, -2]], dtype)
    ones, g = np.ones((2, 2), dtype), np.full((1, 1, 2, 2), large, dtype)
    to_inputs, to_kernel = np.empty((1, 1, 2, 2), dtype), np.empty((1, 1, 2, 2), dtype)
    to_bias = np.empty(2, dtype)
    with np.errstate(all="ignore"):
        scatter.input_gradient(problem, signs.reshape(1, 1, 2, 2), g, to_inputs)
        row = fast_impl.plan((1, 1, 1, 1), (1, 3, 1, 1), dtype=dtype).problem
        g = np.array([large, large, -large], dtype).reshape(1, 1, 3, 1)
        to_pixel = np.empty((1, 1, 1, 1), dtype)
        scatter.input_gradient(row, np.ones((1, 3, 1, 1), dtype), g, to_pixel)
        g = np.array([large, large, -large, -large], dtype).reshape(1, 1, 2, 2)
        scatter.kernel_gradient(problem, 4 * ones.reshape(1, 1, 2, 2), g, to_kernel)
        g = np.tile(np.repeat(np.array([large, -large], dtype), 4), 2).reshape(1, 4, 4, 1)
        bias_problem = fast_impl.plan((1, 4, 4, 1), (1, 1, 1, 1), dtype=dtype).problem
        scatter.bias_gradient(bias_problem, g, to_bias[:1])
    found = [np.isfinite(a).all() for a in (to_inputs, to_pixel, to_kernel, to_bias[:1])]
    assert found == [finite] * 4
