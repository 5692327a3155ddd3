"""The kernels generated for x86-64: what they compute, and their bytes."""

import hashlib

import numpy as np
import pytest

from fast_impl.kernels import made
from fast_impl.kernels.format import END, Products, Run
from fast_impl.kernels.x86 import copies, products, sums
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512
from fast_impl.tests import guarded
from fast_impl.tests.targets import TARGETS, for_each_target, needs, on_each_target


@on_each_target
@pytest.mark.parametrize("numbers", [1, 2, 3, 6, 8, 13, 16, 17, 31, 32, 37])
def test_copies_take_pieces_from_where_they_lie(target, numbers):
    random = np.random.default_rng(1)
    source = random.standard_normal((4, 5, 41)).astype(np.float32)[::2, :, 3:]
    into = np.full((2, 2, 5, numbers + 2), np.nan, np.float32)
    steps = source.strides[0], 4, source.strides[1]
    steps_into = into.strides[1], into.strides[0], into.strides[2]
    told = np.array([source.ctypes.data, into.ctypes.data, 2, 2, 5, *steps, *steps_into])
    made.copies(target, numbers * 4)(told.ctypes.data)
    for panel in range(2):
        expected = source[..., panel : panel + numbers]
        np.testing.assert_array_equal(into[panel, ..., :numbers], expected)
    assert np.isnan(into[..., numbers:]).all()


@for_each_target
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize("size", [4, 8])
def test_registers_of_the_caller_are_saved_and_put_back(size, lines, again, target):
    whole = (Run(0, 2 * target.vector // size, 0),)
    runs = whole if lines == 1 else (Run(0, 3, 0), Run(3, 3, 0, 1))
    code = sums.generate(target, 2, size, runs, again)
    assert code.startswith(bytes.fromhex("53554154415541564157"))
    assert code.endswith(bytes.fromhex("c5f877415f415e415d415c5d5bc3"))


# What is generated, and the length and SHA-256 of its bytes: a change must be meant.
GENERATED = [
    ("sums of 1 x 8 lanes", AVX2, sums, (1, 4, (Run(0, 8, 0),), False),
     1146, "d370288ea41408f2"),
    ("sums of 1 x 8 lanes, again", AVX2, sums, (1, 4, (Run(0, 8, 0),), True),
     1154, "44f4f6205fee7082"),
    ("sums of 2 x 8 lanes", AVX2, sums, (2, 4, (Run(0, 16, 0),), False),
     1451, "8ebdbeda402a588a"),
    ("sums of 2 x 8 lanes, again", AVX2, sums, (2, 4, (Run(0, 16, 0),), True),
     1227, "7d82643d01e67a5a"),
    ("sums of 3 x 8 lanes", AVX2, sums, (3, 4, (Run(0, 24, 0),), False),
     1113, "a30c544a903c13ce"),
    ("sums of 3 x 8 lanes, again", AVX2, sums, (3, 4, (Run(0, 24, 0),), True),
     1125, "200c9393423c0f9d"),
    ("sums of 2 x 4 lanes", AVX2, sums, (2, 8, (Run(0, 8, 0),), False),
     1451, "6a78048c512b18e5"),
    ("sums of 2 x 4 lanes, again", AVX2, sums, (2, 8, (Run(0, 8, 0),), True),
     1227, "67630788d539b2bb"),
    ("sums of 13 lanes", AVX2, sums, (2, 4, (Run(0, 13, 0),), False),
     1491, "d897b36018848006"),
    ("sums of 13 lanes, again", AVX2, sums, (2, 4, (Run(0, 13, 0),), True),
     1629, "38fc8debeb7c6f87"),
    ("sums of two lines", AVX2, sums, (3, 8, (Run(0, 5, 0), Run(5, 5, 0, 1)), False),
     1373, "e51ca5c74493b6d2"),
    ("products of 8 rows by 8 channels", AVX2, products, (8, 1, 4, 32, 8, 32),
     604, "6ceaad8ec348cfe1"),
    ("products of 6 rows by 16 channels", AVX2, products, (6, 2, 4, 24, 16, 64),
     710, "f40963b3e4af3777"),
    ("products of 5 rows by 11 channels", AVX2, products, (5, 2, 4, 24, 11, 64),
     931, "f168ec1b1b745721"),
    ("products of 4 rows by 24 channels", AVX2, products, (4, 3, 4, 168, 24, 96),
     709, "c6983dcd63f82914"),
    ("products of 2 rows by 7 channels", AVX2, products, (2, 2, 8, 40, 7, 64),
     500, "88b336e769bbcc29"),
    ("copies of 4 bytes", AVX2, copies, (4,),
     108, "a03f7e307c3a4d17"),
    ("copies of 24 bytes", AVX2, copies, (24,),
     118, "447b80093d284cbe"),
    ("copies of 64 bytes", AVX2, copies, (64,),
     118, "ff8dd6eda4792ecf"),
    ("copies of 100 bytes", AVX2, copies, (100,),
     138, "bdbaddbdb53f4b99"),
    ("sums of 1 x 16 lanes", AVX512, sums, (1, 4, (Run(0, 16, 0),), False),
     1280, "82a24a23413f15b7"),
    ("sums of 1 x 16 lanes, again", AVX512, sums, (1, 4, (Run(0, 16, 0),), True),
     1036, "a1beb9e11f4293d1"),
    ("sums of 2 x 16 lanes", AVX512, sums, (2, 4, (Run(0, 32, 0),), False),
     2073, "5dee80e0ddfda9da"),
    ("sums of 2 x 16 lanes, again", AVX512, sums, (2, 4, (Run(0, 32, 0),), True),
     1717, "3b4de1749bf05071"),
    ("sums of 3 x 16 lanes", AVX512, sums, (3, 4, (Run(0, 48, 0),), False),
     2620, "febd3660dfb0f373"),
    ("sums of 4 x 16 lanes", AVX512, sums, (4, 4, (Run(0, 64, 0),), False),
     2485, "b0faa4c9ef77b53b"),
    ("sums of 4 x 16 lanes, again", AVX512, sums, (4, 4, (Run(0, 64, 0),), True),
     2045, "e74283c558f3a421"),
    ("sums of 4 x 8 lanes", AVX512, sums, (4, 8, (Run(0, 32, 0),), False),
     2485, "a20c5b6a19aedb17"),
    ("sums of 29 lanes", AVX512, sums, (2, 4, (Run(0, 29, 0),), False),
     1728, "ae1d1b312766efee"),
    ("sums of 29 lanes, again", AVX512, sums, (2, 4, (Run(0, 29, 0),), True),
     1728, "82639e9ef5519e12"),
    ("sums of two lines", AVX512, sums, (3, 8, (Run(0, 11, 0), Run(11, 11, 0, 1)), False),
     2366, "4f0d91b91b7a80f9"),
    ("sums of two lines, again", AVX512, sums, (3, 8, (Run(0, 11, 0), Run(11, 11, 0, 1)), True),
     2414, "8662e76f05554ff4"),
    ("products of 24 rows by 16 channels", AVX512, products, (24, 1, 4, 96, 16, 64),
     1240, "a5745aa0b0b817d3"),
    ("products of 12 rows by 32 channels", AVX512, products, (12, 2, 4, 48, 32, 128),
     1417, "0fe41bfb192f778e"),
    ("products of 5 rows by 27 channels", AVX512, products, (5, 2, 4, 24, 27, 128),
     735, "696511cf071ba0fc"),
    ("products of 6 rows by 64 channels", AVX512, products, (6, 4, 4, 168, 64, 256),
     1327, "17af95490d4333e0"),
    ("products of 3 rows by 21 channels where they lie", AVX512, products, (3, 2, 4, 24, 21, 84),
     540, "e79b54bdd6781bd8"),
    ("products of 2 rows by 7 channels", AVX512, products, (2, 1, 8, 40, 7, 64),
     313, "99ed44bb02ca6f6b"),
    ("products of 2 rows by 9 channels where they lie", AVX512, products, (2, 2, 8, 40, 9, 72),
     452, "9816c40aed68814b"),
    ("copies of 4 bytes", AVX512, copies, (4,),
     123, "78d89c299e346b48"),
    ("copies of 64 bytes", AVX512, copies, (64,),
     112, "b4b048221075637a"),
    ("copies of 100 bytes", AVX512, copies, (100,),
     137, "a317fe75352bc36a"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "kind", "arguments", "length", "digest"),
    [row[1:] for row in GENERATED],
    ids=[f"{row[1].name}: {row[0]}" for row in GENERATED],
)
def test_the_code_is_the_recorded_one(target, kind, arguments, length, digest):
    code = kind.generate(target, *arguments)
    assert (len(code), hashlib.sha256(code).hexdigest()[:16]) == (length, digest)


# Only a target with masks reads inputs where they lie.
TILES = [
    pytest.param(target, vectors, inputs, id=f"{name}-{vectors}-{inputs}", marks=needs(target))
    for name, target in TARGETS.items()
    for vectors in target.tiles
    for inputs in ("packed", *(["where they lie"] if target.masks else []))
]


@pytest.mark.parametrize(("target", "vectors", "inputs"), TILES)
@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("stored", ["whole", "part", "one"])
def test_products_add_up_runs_of_pixels(target, vectors, inputs, stored, size):
    """Two jobs over two runs, two panels; what is not stored keeps what it holds."""
    dtype = np.dtype(f"f{size}")
    random = np.random.default_rng(2)
    rows, lanes, pixels = target.tiles[vectors].product_rows, vectors * target.vector // size, 23
    x = random.integers(-3, 4, (2, pixels, lanes)).astype(dtype)
    g = random.integers(-3, 4, (2, pixels, rows)).astype(dtype)
    kept = {"whole": (rows, lanes), "part": (rows - 1, lanes - 3), "one": (1, 1)}[stored]
    kept = max(kept[0], 1), max(kept[1], 1)
    pixel, panel = lanes * size, x[0].nbytes
    if inputs == "where they lie":
        # Both panels side by side, of the second one as many channels as are kept; there is no more memory.
        beside = np.concatenate([x[0], x[1, :, : kept[1]]], axis=1)
        given, pixel, panel = guarded.copy(beside, at_end=True), beside.strides[0], lanes * size
    else:
        given = x
    result = np.full((2, rows, 2 * lanes), 5, dtype)
    streams = np.array(
        [
            *(7, 2 * pixel, rows * size), *(1, 0, 0), END,
            *(10, 0, 3 * rows * size), *(3, 20 * pixel, 20 * rows * size), END,
        ],
        np.int32,
    )  # fmt: skip
    jobs = np.array([[0, 0, 0], [28, g[0].nbytes, result[0].nbytes]], np.int64)
    told = np.zeros(target.products.words, np.int64)
    for field, value in (
        (Products.JOBS, jobs.ctypes.data), (Products.COUNT, 2),
        (Products.STREAMS, streams.ctypes.data), (Products.INPUTS, given.ctypes.data),
        (Products.GRADIENTS, g.ctypes.data), (Products.RESULT, result.ctypes.data),
        (Products.PANELS, 2), (Products.INPUTS_STEP, panel),
        (Products.RESULT_STEP, lanes * size), (Products.RESULT_ROW, 2 * lanes * size),
    ):  # fmt: skip
        told[field // 8] = value
    kernel = made.products(target, kept[0], vectors, size, rows * size, kept[1], pixel)
    kernel(told.ctypes.data)
    expected = np.full_like(result, 5)
    runs = [[(7, 2, 1), (1, 0, 0)], [(10, 0, 3), (3, 20, 20)]]
    for job, number in np.ndindex(2, 2):
        for length, first, start in runs[job]:
            added = g[job, start : start + length].T @ x[number, first : first + length]
            into = expected[job, : kept[0], number * lanes : number * lanes + kept[1]]
            into += added[: kept[0], : kept[1]]
    np.testing.assert_array_equal(result, expected)
