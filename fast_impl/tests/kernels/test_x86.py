"""The kernels generated for AVX2: what they compute, and their bytes."""

import hashlib

import numpy as np
import pytest

from fast_impl.kernels import made
from fast_impl.kernels.format import END, Products, Run
from fast_impl.kernels.x86 import copies, products, sums
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.tests.targets import generated


@generated
@pytest.mark.parametrize("numbers", [1, 2, 3, 6, 8, 13, 16])
def test_copies_take_pieces_from_where_they_lie(numbers):
    random = np.random.default_rng(1)
    source = random.standard_normal((4, 5, 20)).astype(np.float32)[::2, :, 3:]
    target = np.full((2, 2, 5, numbers + 2), np.nan, np.float32)
    steps = source.strides[0], 4, source.strides[1]
    into = target.strides[1], target.strides[0], target.strides[2]
    told = np.array([source.ctypes.data, target.ctypes.data, 2, 2, 5, *steps, *into])
    made.copies(AVX2, numbers * 4)(told.ctypes.data)
    for panel in range(2):
        expected = source[..., panel : panel + numbers]
        np.testing.assert_array_equal(target[panel, ..., :numbers], expected)
    assert np.isnan(target[..., numbers:]).all()


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("runs", [(Run(0, 16, 0),), (Run(0, 3, 0), Run(3, 3, 640))])
@pytest.mark.parametrize("size", [4, 8])
def test_registers_of_the_caller_are_saved_and_put_back(size, runs, again):
    code = sums.generate(AVX2, 2, size, runs, again)
    assert code.startswith(bytes.fromhex("53554154415541564157"))
    assert code.endswith(bytes.fromhex("c5f877415f415e415d415c5d5bc3"))


# What is generated, and the length and SHA-256 of its bytes: a change must be meant.
GENERATED = [
    ("sums of 1 x 8 lanes", sums, (1, 4, (Run(0, 8, 0),), False),
     1140, "3cba5c09ac84f64e"),
    ("sums of 1 x 8 lanes, again", sums, (1, 4, (Run(0, 8, 0),), True),
     1148, "e0d6215282275aed"),
    ("sums of 2 x 8 lanes", sums, (2, 4, (Run(0, 16, 0),), False),
     1445, "da1a8966b07fb99e"),
    ("sums of 2 x 8 lanes, again", sums, (2, 4, (Run(0, 16, 0),), True),
     1221, "7b5b374d18573fcb"),
    ("sums of 3 x 8 lanes", sums, (3, 4, (Run(0, 24, 0),), False),
     1107, "e5f1411cba861473"),
    ("sums of 3 x 8 lanes, again", sums, (3, 4, (Run(0, 24, 0),), True),
     1119, "0675c8dadb15f591"),
    ("sums of 2 x 4 lanes", sums, (2, 8, (Run(0, 8, 0),), False),
     1445, "035523dfff5fd4a0"),
    ("sums of 2 x 4 lanes, again", sums, (2, 8, (Run(0, 8, 0),), True),
     1221, "bb19be429e40eee3"),
    ("sums of 13 lanes", sums, (2, 4, (Run(0, 13, 0),), False),
     1485, "f0337998133d7450"),
    ("sums of 13 lanes, again", sums, (2, 4, (Run(0, 13, 0),), True),
     1623, "a6cbec4774197826"),
    ("sums of two lines", sums, (3, 8, (Run(0, 5, 0), Run(5, 5, 640)), False),
     1379, "39eb26a1b03a3b0b"),
    ("products of 8 rows by 8 channels", products, (8, 1, 4, 32, 8),
     604, "6ceaad8ec348cfe1"),
    ("products of 6 rows by 16 channels", products, (6, 2, 4, 24, 16),
     710, "f40963b3e4af3777"),
    ("products of 5 rows by 11 channels", products, (5, 2, 4, 24, 11),
     931, "f168ec1b1b745721"),
    ("products of 4 rows by 24 channels", products, (4, 3, 4, 168, 24),
     709, "c6983dcd63f82914"),
    ("products of 2 rows by 7 channels", products, (2, 2, 8, 40, 7),
     500, "88b336e769bbcc29"),
    ("copies of 4 bytes", copies, (4,),
     108, "a03f7e307c3a4d17"),
    ("copies of 24 bytes", copies, (24,),
     118, "447b80093d284cbe"),
    ("copies of 64 bytes", copies, (64,),
     118, "ff8dd6eda4792ecf"),
    ("copies of 100 bytes", copies, (100,),
     138, "bdbaddbdb53f4b99"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "arguments", "length", "digest"),
    [row[1:] for row in GENERATED],
    ids=[row[0] for row in GENERATED],
)
def test_the_code_is_the_recorded_one(kind, arguments, length, digest):
    code = kind.generate(AVX2, *arguments)
    assert (len(code), hashlib.sha256(code).hexdigest()[:16]) == (length, digest)


@generated
@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("stored", ["whole", "part"])
@pytest.mark.parametrize("vectors", [1, 2, 3])
def test_products_add_up_runs_of_pixels(vectors, stored, size):
    """Two jobs over two runs, two panels; what is not stored keeps what it holds."""
    dtype = np.dtype(f"f{size}")
    random = np.random.default_rng(2)
    rows, lanes, pixels = AVX2.tiles[vectors].rows, vectors * 32 // size, 23
    x = random.integers(-3, 4, (2, pixels, lanes)).astype(dtype)
    g = random.integers(-3, 4, (2, pixels, rows)).astype(dtype)
    kept = (rows, lanes) if stored == "whole" else (rows - 1, lanes - 3)
    result = np.full((2, rows, 2 * lanes), 5, dtype)
    streams = np.array(
        [
            *(7, 2 * lanes * size, rows * size), *(1, 0, 0), END,
            *(10, 0, 3 * rows * size), END,
        ],
        np.int32,
    )  # fmt: skip
    jobs = np.array([[0, 0, 0], [28, g[0].nbytes, result[0].nbytes]], np.int64)
    told = np.zeros(AVX2.products.words, np.int64)
    for field, value in (
        (Products.JOBS, jobs.ctypes.data), (Products.COUNT, 2),
        (Products.STREAMS, streams.ctypes.data), (Products.INPUTS, x.ctypes.data),
        (Products.GRADIENTS, g.ctypes.data), (Products.RESULT, result.ctypes.data),
        (Products.PANELS, 2), (Products.INPUTS_STEP, x[0].nbytes),
        (Products.RESULT_STEP, lanes * size), (Products.RESULT_ROW, 2 * lanes * size),
    ):  # fmt: skip
        told[field // 8] = value
    made.products(AVX2, kept[0], vectors, size, rows * size, kept[1])(told.ctypes.data)
    expected = np.full_like(result, 5)
    runs = [[(7, 2, 1), (1, 0, 0)], [(10, 0, 3)]]
    for job, panel in np.ndindex(2, 2):
        for length, first, target in runs[job]:
            added = g[job, target : target + length].T @ x[panel, first : first + length]
            into = expected[job, : kept[0], panel * lanes : panel * lanes + kept[1]]
            into += added[: kept[0], : kept[1]]
    np.testing.assert_array_equal(result, expected)
