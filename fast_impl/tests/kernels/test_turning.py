"""Images in another order in memory or another format: that numbers are the same, and nothing else is touched."""

import dataclasses

import numpy as np
import pytest

from fast_impl.kernels import made, turning
from fast_impl.kernels.format import Formats, Turns
from fast_impl.kernels.x86.assembly.evex import EvexAssembler
from fast_impl.kernels.x86.assembly.registers import R9, RAX, RDX, At, Ymm, Zmm
from fast_impl.kernels.x86.assembly.vex import VexAssembler
from fast_impl.problem.dtypes import by_name
from fast_impl.runtime import checking, workers
from fast_impl.runtime.checking import AddressError
from fast_impl.tests import guarded
from fast_impl.tests.made import named
from fast_impl.tests.targets import HERE, generated, on_each_target

SHAPES = [
    (1, 1, 1, 1), (2, 5, 7, 37), (3, 16, 16, 33), (2, 4, 4, 16), (1, 9, 33, 4), (2, 3, 5, 64), (1, 16, 16, 3),
    (4, 1, 8, 8), (2, 0, 5, 8), (0, 4, 4, 16), (1, 1, 16, 4),
]  # fmt: skip
FORMATS = ["float16", "bfloat16"]


def _numbers(shape, dtype="float32"):
    random = np.random.default_rng(1)
    exponents = 10.0 ** random.integers(-9, 6, shape)
    with np.errstate(all="ignore"):
        return (random.standard_normal(shape) * exponents).astype(by_name(dtype))


@on_each_target
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", SHAPES)
def test_channels_that_come_first_come_last_and_back(target, shape, threads):
    images, height, width, channels = shape
    first = _numbers((images, channels, height, width))
    last = np.full(shape, 7, "f4")
    turning.turn(last, first.transpose(0, 2, 3, 1), threads, target)
    np.testing.assert_array_equal(last, first.transpose(0, 2, 3, 1))
    back = np.full(first.shape, 7, "f4")
    turning.turn(back.transpose(0, 2, 3, 1), last, threads, target)
    np.testing.assert_array_equal(back, first)


def _bits(array):
    return array.view(f"u{array.itemsize}")


@on_each_target
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("narrow", FORMATS)
@pytest.mark.parametrize("shape", SHAPES)
def test_formats_are_changed_as_numpy_does(target, shape, narrow, threads):
    given, wide = _numbers(shape, narrow), np.full(shape, 7, "f4")
    turning.turn(wide, given, threads, target)
    np.testing.assert_array_equal(_bits(wide), _bits(given.astype("f4")))
    numbers, found = _numbers(shape), np.zeros_like(given)
    turning.turn(found, numbers, threads, target)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(_bits(found), _bits(numbers.astype(found.dtype)))


@on_each_target
@pytest.mark.parametrize("narrow", FORMATS)
def test_every_number_of_a_narrow_format_is_made_wide_and_back(target, narrow):
    given = np.arange(1 << 16, dtype="u2").view(by_name(narrow)).reshape(1, 256, 256, 1)
    wide, back = np.zeros(given.shape, "f4"), np.zeros_like(given)
    turning.turn(wide, given, 1, target)
    np.testing.assert_array_equal(wide, given.astype("f4"))
    turning.turn(back, wide, 1, target)
    np.testing.assert_array_equal(back.astype("f4"), wide)
    # The sign of zero, too.
    np.testing.assert_array_equal(np.signbit(back), np.signbit(given))


@on_each_target
def test_ties_are_rounded_to_even_and_what_is_too_large_is_infinite(target):
    # Between 2048 and 2050 and so on; below the smallest number of float16; above the largest.
    some = [
        2049,
        2051,
        -2049,
        2.0**-25,
        2.0**-24 * 1.5,
        65519,
        65520,
        1e30,
        -np.inf,
        np.nan,
        -0.0,
        1,
        2,
        3,
        4,
        5,
    ]
    given, found = np.array(some, "f4").reshape(1, 1, 1, -1), np.zeros((1, 1, 1, 16), "f2")
    turning.turn(found, given, 1, target)
    expected = [
        2048,
        2052,
        -2048,
        0,
        2.0**-23,
        65504,
        np.inf,
        np.inf,
        -np.inf,
        np.nan,
        -0.0,
        1,
        2,
        3,
        4,
        5,
    ]
    np.testing.assert_array_equal(found.ravel(), expected)


@on_each_target
@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("shape", [(2, 5, 7, 37), (3, 4, 4, 16), (1, 8, 6, 9)])
def test_nothing_beyond_the_arrays_is_touched(target, shape, at_end, monkeypatch):
    """A process that did would die here."""
    monkeypatch.setattr(checking, "wanted", lambda: False)
    images, height, width, channels = shape
    first = guarded.copy(_numbers((images, channels, height, width)), at_end)
    last = guarded.copy(np.zeros(shape, "f4"), at_end)
    turning.turn(last, first.transpose(0, 2, 3, 1), 2, target)
    turning.turn(first.transpose(0, 2, 3, 1), last, 2, target)
    np.testing.assert_array_equal(last, first.transpose(0, 2, 3, 1))
    for narrow in FORMATS:
        given = guarded.copy(_numbers(shape, narrow), at_end)
        turning.turn(last, given, 2, target)
        np.testing.assert_array_equal(last, given.astype("f4"))
        turning.turn(given, last, 2, target)
        np.testing.assert_array_equal(last, given.astype("f4"))


@pytest.mark.parametrize(
    ("into", "source"),
    [
        # Rows that do not follow each other, pixels in another order, every second channel, other formats.
        (np.zeros((2, 4, 4, 16), "f4"), np.ones((2, 16, 4, 9), "f4")[..., :4].transpose(0, 2, 3, 1)),
        (np.zeros((2, 4, 4, 16), "f4"), np.ones((2, 16, 4, 4), "f4").transpose(0, 3, 2, 1)),
        (np.zeros((2, 4, 4, 32), "f4")[..., ::2], np.ones((2, 16, 4, 4), "f4").transpose(0, 2, 3, 1)),
        (np.zeros((2, 4, 4, 16), "f8"), np.ones((2, 16, 4, 4), "f8").transpose(0, 2, 3, 1)),
        (np.zeros((2, 4, 4, 16), "f4"), np.ones((2, 16, 4, 4), "f2").transpose(0, 2, 3, 1)),
        (np.zeros((2, 4, 4, 16), "f4"), np.ones((2, 4, 4, 16), "f8")),
        (np.zeros((2, 4, 4, 16), "f4"), np.ones((2, 4, 4, 16), ">f2")),
        (np.zeros((2, 4, 4, 16), "f4"), np.ones((2, 4, 4, 16), "f4")),
    ],
)  # fmt: skip
@on_each_target
def test_what_no_kernel_takes_is_copied_all_the_same(target, into, source):
    into[...] = 0
    turning.turn(into, source, 2, target)
    assert (into == 1).all()


@generated
def test_without_kernels_numpy_copies():
    for target in (None, dataclasses.replace(HERE[0], turns=None, formats=None)):
        last = np.zeros((2, 4, 4, 16), "f4")
        turning.turn(last, np.ones((2, 16, 4, 4), "f4").transpose(0, 2, 3, 1), 2, target)
        assert (last == 1).all()
        turning.turn(last, np.full(last.shape, 2, "f2"), 1, target)
        assert (last == 2).all()


def test_every_thread_turns_rows_of_its_own(monkeypatch):
    monkeypatch.setattr(workers, "run", lambda task, count, threads: task(1, 0))
    source = np.arange(2 * 8 * 3 * 4.0).reshape(2, 8, 3, 4)
    into = np.zeros_like(source)
    turning.turn(into, source, 3, None)
    np.testing.assert_array_equal(into[:, 2:5], source[:, 2:5])
    assert not into[:, :2].any()
    assert not into[:, 5:].any()


# --- what is refused -------------------------------------------------------------------------------


@on_each_target
@pytest.mark.parametrize("short", [Turns.SOURCE, Turns.TARGET])
@pytest.mark.parametrize("end", [slice(1, None), slice(None, -1)], ids=["begins", "ends"])
def test_turns_need_every_number_of_their_arrays(target, short, end):
    source, into = np.ones(16 * 16, "f4"), np.zeros(16 * 16, "f4")
    arrays = {Turns.SOURCE: source, Turns.TARGET: into}
    arrays[short] = arrays[short][end]
    words = np.zeros(target.turns.words, np.int64)
    for field, value in (
        (Turns.SOURCE, source.ctypes.data), (Turns.TARGET, into.ctypes.data), (Turns.IMAGES, 1),
        (Turns.COLUMNS, 64 // target.vector), (Turns.ROWS, 4), (Turns.SOURCE_ROW, 64), (Turns.TARGET_ROW, 64),
    ):  # fmt: skip
        words[field // 8] = value
    if target.vector == 32:
        words[Turns.COLUMNS // 8] = 2
    with pytest.raises(AddressError, match="nothing was run"):
        checking.prove([[(made.turns(target), 0)]], words[None], arrays)


@on_each_target
@pytest.mark.parametrize("short", [Formats.SOURCE, Formats.TARGET])
@pytest.mark.parametrize("widens", [False, True])
def test_formats_need_every_number_of_their_arrays(target, widens, short):
    kinds = ("f2", "f4") if widens else ("f4", "f2")
    arrays = {
        field: np.zeros(64, kind)
        for field, kind in zip((Formats.SOURCE, Formats.TARGET), kinds, strict=True)
    }
    words = np.zeros(target.formats.words, np.int64)
    for field, value in (
        (Formats.SOURCE, arrays[Formats.SOURCE].ctypes.data), (Formats.IMAGES, 1),
        (Formats.TARGET, arrays[Formats.TARGET].ctypes.data), (Formats.COUNT, 256 // target.vector),
    ):  # fmt: skip
        words[field // 8] = value
    arrays[short] = arrays[short][:-1]
    with pytest.raises(AddressError, match="nothing was run"):
        checking.prove([[(made.formats(target, "float16", widens), 0)]], words[None], arrays)


@generated
def test_bfloat16_is_only_made_wider():
    assert made.formats(HERE[0], "bfloat16", False) is None
    assert made.formats(HERE[0], "bfloat16", True) is not None


# The instruction as GNU objdump prints it, how the assembler is asked for it, and its bytes.
ENCODINGS = [
    ("vunpcklps ymm1,ymm2,ymm13", VexAssembler, "interleave", (Ymm(1), Ymm(2), Ymm(13), 4), {"upper": False},
     "c4c16c14cd"),
    ("vunpckhps ymm1,ymm2,ymm13", VexAssembler, "interleave", (Ymm(1), Ymm(2), Ymm(13), 4), {"upper": True},
     "c4c16c15cd"),
    ("vunpcklpd ymm1,ymm2,ymm13", VexAssembler, "interleave", (Ymm(1), Ymm(2), Ymm(13), 8), {"upper": False},
     "c4c16d14cd"),
    ("vunpckhpd ymm1,ymm2,ymm13", VexAssembler, "interleave", (Ymm(1), Ymm(2), Ymm(13), 8), {"upper": True},
     "c4c16d15cd"),
    ("vextractf128 XMMWORD PTR [rdx],ymm13,0x1", VexAssembler, "store_quarter", (At(RDX), Ymm(13), 1), {},
     "c4637d192a01"),
    ("vextractf128 XMMWORD PTR [r9+0x20],ymm3,0x0", VexAssembler, "store_quarter", (At(R9, 32), Ymm(3), 0), {},
     "c4c37d19592000"),
    ("vcvtph2ps ymm13,XMMWORD PTR [r9+0x40]", VexAssembler, "widen", (Ymm(13), At(R9, 64), "float16"), {},
     "c4427d136940"),
    ("vpmovzxwd ymm2,XMMWORD PTR [rax]; vpslld ymm2,ymm2,0x10", VexAssembler, "widen",
     (Ymm(2), At(RAX), "bfloat16"), {}, "c4e27d3310c5ed72f210"),
    ("vpmovzxwd ymm13,XMMWORD PTR [r9+0x40]; vpslld ymm13,ymm13,0x10", VexAssembler, "widen",
     (Ymm(13), At(R9, 64), "bfloat16"), {}, "c4427d336940c4c11572f510"),
    ("vcvtps2ph XMMWORD PTR [r9+0x40],ymm13,0x0", VexAssembler, "narrow", (At(R9, 64), Ymm(13)), {},
     "c4437d1d694000"),
    ("vunpcklps zmm29,zmm28,zmm3", EvexAssembler, "interleave", (Zmm(29), Zmm(28), Zmm(3), 4), {"upper": False},
     "62611c4014eb"),
    ("vunpckhps zmm1,zmm2,zmm29", EvexAssembler, "interleave", (Zmm(1), Zmm(2), Zmm(29), 4), {"upper": True},
     "62916c4815cd"),
    ("vunpcklpd zmm1,zmm2,zmm29", EvexAssembler, "interleave", (Zmm(1), Zmm(2), Zmm(29), 8), {"upper": False},
     "6291ed4814cd"),
    ("vunpckhpd zmm1,zmm2,zmm29", EvexAssembler, "interleave", (Zmm(1), Zmm(2), Zmm(29), 8), {"upper": True},
     "6291ed4815cd"),
    ("vextractf32x4 XMMWORD PTR [rdx],zmm29,0x3", EvexAssembler, "store_quarter", (At(RDX), Zmm(29), 3), {},
     "62637d48192a03"),
    ("vextractf32x4 XMMWORD PTR [r9+0x20],zmm3,0x1", EvexAssembler, "store_quarter", (At(R9, 32), Zmm(3), 1), {},
     "62d37d4819590201"),
    ("vcvtph2ps zmm29,YMMWORD PTR [r9+0x40]", EvexAssembler, "widen", (Zmm(29), At(R9, 64), "float16"), {},
     "62427d48136902"),
    ("vpmovzxwd zmm2,YMMWORD PTR [rax]; vpslld zmm2,zmm2,0x10", EvexAssembler, "widen",
     (Zmm(2), At(RAX), "bfloat16"), {}, "62f27d48331062f16d4872f210"),
    ("vpmovzxwd zmm29,YMMWORD PTR [r9+0x40]; vpslld zmm29,zmm29,0x10", EvexAssembler, "widen",
     (Zmm(29), At(R9, 64), "bfloat16"), {}, "62427d483369026291154072f510"),
    ("vcvtps2ph YMMWORD PTR [r9+0x40],zmm29,0x0", EvexAssembler, "narrow", (At(R9, 64), Zmm(29)), {},
     "62437d481d690200"),
]  # fmt: skip


@named(("kind", "name", "arguments", "options", "encoded"), ENCODINGS)
def test_an_instruction_is_encoded_as_the_manual_says(kind, name, arguments, options, encoded):
    asm = kind()
    getattr(asm, name)(*arguments, **options)
    assert asm.code().hex() == encoded


@pytest.mark.parametrize("kind", [VexAssembler, EvexAssembler])
@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (lambda asm, v: asm.interleave(v, v, v, 2, upper=True), "size=2"),
        (lambda asm, v: asm.store_quarter(At(RAX), v, asm.vector // 16), "number="),
        (lambda asm, v: asm.store_quarter(At(RAX), v, -1), "number=-1"),
        (lambda asm, v: asm.store_quarter(At(RAX), v, True), "number=True"),
        (lambda asm, v: asm.widen(v, At(RAX), "float32"), "narrow='float32'"),
    ],
)
def test_what_cannot_be_encoded_is_refused(ask, named, kind):
    asm = kind()
    with pytest.raises(ValueError, match=named):
        ask(asm, asm.kind(1))
