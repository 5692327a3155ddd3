"""Pairs of bfloat16, multiplied as they are: two channels of a pixel, or two filters of a gradient."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest

from fast_impl.forward.turned import Turned, taken
from fast_impl.gradients.direct import DirectBackward
from fast_impl.kernels.x86.assembly.evex import PairsAssembler
from fast_impl.kernels.x86.assembly.instructions import assembler
from fast_impl.kernels.x86.assembly.registers import R12, R13, R14, RAX, RBP, RBX, RSP, At, Zmm
from fast_impl.kernels.x86.avx512 import AVX512, AVX512_BF16
from fast_impl.planning import gradients, planner
from fast_impl.problem.problem import Options, Problem
from fast_impl.tests.made import named
from fast_impl.tests.targets import needs

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
LIMIT = planner.WORKSPACE_LIMIT

# As GNU objdump prints it, the operands, the bytes.
ENCODINGS = [
    ("vdpbf16ps zmm0,zmm1,zmm2", (Zmm(0), Zmm(1), Zmm(2)), "62f2764852c2"),
    ("vdpbf16ps zmm7,zmm15,zmm31", (Zmm(7), Zmm(15), Zmm(31)), "6292064852ff"),
    ("vdpbf16ps zmm8,zmm16,zmm7", (Zmm(8), Zmm(16), Zmm(7)), "62727e4052c7"),
    ("vdpbf16ps zmm31,zmm0,zmm8", (Zmm(31), Zmm(0), Zmm(8)), "62427e4852f8"),
    ("vdpbf16ps zmm16,zmm31,zmm15", (Zmm(16), Zmm(31), Zmm(15)), "62c2064052c7"),
    ("vdpbf16ps zmm3,zmm17,DWORD BCST [rbx]", (Zmm(3), Zmm(17), At(RBX, 0)), "62f27650521b"),
    ("vdpbf16ps zmm15,zmm8,DWORD BCST [r14+0x4]", (Zmm(15), Zmm(8), At(R14, 4)), "62523e58527e01"),
    ("vdpbf16ps zmm16,zmm7,DWORD BCST [rbp+0x0]", (Zmm(16), Zmm(7), At(RBP, 0)), "62e24658524500"),
    ("vdpbf16ps zmm31,zmm31,DWORD BCST [r13+0x1fc]", (Zmm(31), Zmm(31), At(R13, 508)), "62420650527d7f"),
    ("vdpbf16ps zmm0,zmm2,DWORD BCST [rsp-0x200]", (Zmm(0), Zmm(2), At(RSP, -512)), "62f26e5852442480"),
    ("vdpbf16ps zmm1,zmm2,DWORD BCST [r12+0x200]", (Zmm(1), Zmm(2), At(R12, 512)), "62d26e58528c2400020000"),
    ("vdpbf16ps zmm1,zmm2,DWORD BCST [rax+0x6]", (Zmm(1), Zmm(2), At(RAX, 6)), "62f26e58528806000000"),
]  # fmt: skip


@named(("operands", "encoded"), ENCODINGS)
def test_an_instruction_is_encoded_as_the_manual_says(operands, encoded):
    asm = PairsAssembler()
    asm.multiply_add(*operands, 4)
    assert asm.code().hex() == encoded


@pytest.mark.parametrize("size", [2, 8])
def test_numbers_that_are_no_pairs_are_refused(size):
    with pytest.raises(ValueError, match=f"size={size} must be 4 bytes, a pair of bfloat16"):
        PairsAssembler().multiply_add(Zmm(0), Zmm(1), Zmm(2), size)


def test_the_target_of_pairs_differs_in_what_it_multiplies_alone():
    pairs = AVX512_BF16.pairs
    assert isinstance(assembler(pairs), PairsAssembler)
    assert not isinstance(assembler(AVX512_BF16), PairsAssembler)
    assert AVX512.pairs is None
    assert pairs.pairs is None
    for field in dataclasses.fields(AVX512):
        if field.name not in ("name", "of_pairs"):
            assert getattr(pairs, field.name) == getattr(AVX512, field.name), field.name


def _options(strides):
    return Options.checked(strides, "same", "channels_last", 1, None)


def _problem(geometry, channels, filters, dtype=BFLOAT16):
    options = Options.checked(**geometry.config)
    shape = [*geometry.input_shape]
    shape[options.channel_axis] = channels
    kernel = (*geometry.kernel_shape[:2], filters, channels)
    return Problem.checked(tuple(shape), dtype, kernel, dtype, options)


@pytest.mark.parametrize(
    ("dtype", "channels", "target", "paired"),
    [
        (BFLOAT16, 6, AVX512_BF16, True),
        (BFLOAT16, 7, AVX512_BF16, False),
        (BFLOAT16, 6, AVX512, False),
        (np.dtype(np.float16), 6, AVX512_BF16, False),
        (np.dtype(np.float32), 6, AVX512_BF16, False),
    ],
    ids=["paired", "odd", "no pairs", "float16", "float32"],
)
def test_an_even_number_of_channels_of_bfloat16_is_paired(dtype, channels, target, paired):
    options = _options(2)
    problem = Problem.checked((2, 5, 6, channels), dtype, (3, 3, 4, channels), dtype, options)
    found, whose = taken(problem, LIMIT, target)
    assert found.dtype == np.float32
    assert found.in_channels == (channels // 2 if paired else channels)
    assert whose is (target.pairs if paired else target)


def _spread(array):
    """The same numbers, not side by side."""
    return np.repeat(array, 2, axis=array.ndim - 1)[..., ::2]


@needs(AVX512_BF16)
@pytest.mark.parametrize("arrange", [np.ascontiguousarray, _spread], ids=["side by side", "spread"])
@pytest.mark.parametrize("algorithm", ["direct", "col2im"])
@pytest.mark.parametrize(("channels", "filters"), [(2, 3), (6, 20), (38, 5)])
def test_pairs_of_channels_equal_the_loops(
    geometry, channels, filters, algorithm, arrange, integers, loops
):
    problem = _problem(geometry, channels, filters)
    x, k = (integers(shape, BFLOAT16) for shape in (problem.input_shape, problem.kernel_shape))
    bias = integers(filters, BFLOAT16)
    plan = planner.planned(problem, algorithm, 2, LIMIT, AVX512_BF16)
    expected = loops.forward(*(array.astype("f8") for array in (x, k)), geometry.config, bias)
    found = plan.run(arrange(x), arrange(k), bias=bias)
    np.testing.assert_array_equal(found.astype("f8"), expected.astype(BFLOAT16).astype("f8"))
    if plan.algorithm == algorithm:
        assert isinstance(plan.executor, Turned)
        assert plan.executor.paired
        assert "read by pairs of channels" in plan.explanation


@needs(AVX512_BF16)
def test_images_are_taken_some_at_a_time_where_room_is_short(integers):
    options = _options(2)
    problem = Problem.checked((6, 20, 20, 8), BFLOAT16, (3, 3, 4, 8), BFLOAT16, options)
    x, k = integers(problem.input_shape, BFLOAT16), integers(problem.kernel_shape, BFLOAT16)
    each = (20 * 20 * 4 + 40 * 40 * 4) * 4
    whole, some = (
        planner.planned(problem, "direct", 1, limit, AVX512_BF16)
        for limit in (LIMIT, 3 * each + (1 << 14))
    )
    assert (whole.executor.method.problem.batch, some.executor.method.problem.batch) == (6, 3)
    np.testing.assert_array_equal(whole.run(x, k), some.run(x, k))


@needs(AVX512_BF16)
def test_sums_are_those_of_float32_rounded_once():
    random = np.random.default_rng(3)
    options = _options(2)
    problem = Problem.checked((2, 9, 9, 64), BFLOAT16, (5, 5, 12, 64), BFLOAT16, options)
    x, k = (
        random.standard_normal(shape).astype(BFLOAT16)
        for shape in (problem.input_shape, problem.kernel_shape)
    )
    wide = dataclasses.replace(problem, dtype=np.dtype(np.float64))
    exact = planner.planned(wide, "scatter", 1, LIMIT, None).run(x.astype("f8"), k.astype("f8"))
    size = planner.planned(wide, "scatter", 1, LIMIT, None).run(
        np.abs(x.astype("f8")), np.abs(k.astype("f8"))
    )
    found = planner.planned(problem, "direct", 1, LIMIT, AVX512_BF16).run(x, k).astype("f8")
    # Half a place of bfloat16, and an error of float32 for each of the products.
    allowed = np.abs(exact) * 2.0**-8 + size * 25 * 64 * 2.0**-24
    assert (np.abs(found - exact) <= allowed).all()


@needs(AVX512_BF16)
@pytest.mark.parametrize("where", ["inputs", "kernel"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_as_the_scatter_has_it(value, where, integers):
    options = _options(2)
    problem = Problem.checked((2, 5, 6, 8), BFLOAT16, (3, 3, 4, 8), BFLOAT16, options)
    x, k = integers(problem.input_shape, BFLOAT16), integers(problem.kernel_shape, BFLOAT16)
    (x if where == "inputs" else k)[1, 2, 1, 3] = value
    exact = planner.planned(problem, "scatter", 1, LIMIT, None).run(x, k)
    for algorithm in ("direct", "col2im"):
        found = planner.planned(problem, algorithm, 1, LIMIT, AVX512_BF16).run(x, k)
        np.testing.assert_array_equal(found.astype("f4"), exact.astype("f4"))


@needs(AVX512_BF16)
def test_subnormal_numbers_count_as_zeros():
    problem = Problem.checked((1, 1, 1, 2), BFLOAT16, (1, 1, 1, 2), BFLOAT16, _options(1))
    x = np.full(problem.input_shape, 2.0**-130, BFLOAT16)
    k = np.full(problem.kernel_shape, 2.0**100, BFLOAT16)
    assert x[0, 0, 0, 0] > 0
    found = planner.planned(problem, "direct", 1, LIMIT, AVX512_BF16).run(x, k)
    assert found.astype("f4").tolist() == [[[[0.0]]]]


@needs(AVX512_BF16)
@pytest.mark.parametrize(("channels", "filters", "paired"), [(5, 6, True), (6, 5, False)])
def test_gradients_with_pairs_of_filters_equal_the_loops(
    geometry, channels, filters, paired, integers, loops
):
    problem = _problem(geometry, channels, filters)
    shapes = problem.input_shape, problem.kernel_shape, problem.output_shape
    x, k, g = (integers(shape, BFLOAT16) for shape in shapes)
    plan = gradients.planned(problem, 2, LIMIT, AVX512_BF16, "direct")
    assert isinstance(plan, DirectBackward)
    assert plan.paired is paired
    found = [np.full(shape, np.nan, BFLOAT16) for shape in (*shapes[:2], filters)]
    plan.run(_spread(x), _spread(k), _spread(g), tuple(found))
    wide = (array.astype("f8") for array in (x, k, g))
    for got, expected in zip(found, loops.gradients(*wide, geometry.config), strict=True):
        np.testing.assert_array_equal(got.astype("f8"), expected.astype(BFLOAT16).astype("f8"))
