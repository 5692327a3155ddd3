"""Instructions of vectors of 64 bytes: how they are encoded, and that what cannot be encoded is refused."""

import re

import pytest

from fast_impl.kernels.x86.assembly.evex import EvexAssembler
from fast_impl.kernels.x86.assembly.registers import (
    R8,
    R9,
    R11,
    R12,
    R13,
    R14,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RSP,
    At,
    Mask,
    Ymm,
    Zmm,
)
from fast_impl.tests.made import named

# The instruction as GNU objdump prints it, how the assembler is asked for it, and its bytes. A displacement is of
# one byte where it is a multiple of what is read: 64 bytes, or a number of 4 or 8 that is broadcast.
ENCODINGS = [
    ("vpxord zmm0,zmm0,zmm0", "zero", (Zmm(0),), "62f17d48efc0"),
    ("vpxord zmm7,zmm7,zmm7", "zero", (Zmm(7),), "62f14548efff"),
    ("vpxord zmm8,zmm8,zmm8", "zero", (Zmm(8),), "62513d48efc0"),
    ("vpxord zmm15,zmm15,zmm15", "zero", (Zmm(15),), "62510548efff"),
    ("vpxord zmm16,zmm16,zmm16", "zero", (Zmm(16),), "62a17d40efc0"),
    ("vpxord zmm31,zmm31,zmm31", "zero", (Zmm(31),), "62010540efff"),
    ("vmovups zmm0,ZMMWORD PTR [rbx+0x40]", "load_vector", (Zmm(0), At(RBX, 64)), "62f17c48104301"),
    ("vmovups zmm7,ZMMWORD PTR [r9+0x4]", "load_vector", (Zmm(7), At(R9, 4)), "62d17c4810b904000000"),
    ("vmovups zmm8,ZMMWORD PTR [r12]", "load_vector", (Zmm(8), At(R12)), "62517c48100424"),
    ("vmovups zmm15,ZMMWORD PTR [r13+0x0]", "load_vector", (Zmm(15), At(R13)), "62517c48107d00"),
    ("vmovups zmm16,ZMMWORD PTR [rsp-0x2000]", "load_vector", (Zmm(16), At(RSP, -8192)), "62e17c4810442480"),
    ("vmovups zmm31,ZMMWORD PTR [rbp+0x1fc0]", "load_vector", (Zmm(31), At(RBP, 8128)), "62617c48107d7f"),
    ("vmovups zmm0{k1}{z},ZMMWORD PTR [rbp+0x0]", "load_vector", (Zmm(0), At(RBP), Mask(1)), "62f17cc9104500"),
    ("vmovups zmm7{k2}{z},ZMMWORD PTR [rsp]", "load_vector", (Zmm(7), At(RSP), Mask(2)), "62f17cca103c24"),
    ("vmovups zmm8{k3}{z},ZMMWORD PTR [r12+0x40]", "load_vector", (Zmm(8), At(R12, 64), Mask(3)),
     "62517ccb10442401"),
    ("vmovups zmm15{k4}{z},ZMMWORD PTR [r13-0x40]", "load_vector", (Zmm(15), At(R13, -64), Mask(4)),
     "62517ccc107dff"),
    ("vmovups zmm16{k5}{z},ZMMWORD PTR [r8+0x2000]", "load_vector", (Zmm(16), At(R8, 8192), Mask(5)),
     "62c17ccd108000200000"),
    ("vmovups zmm31{k6}{z},ZMMWORD PTR [rax-0x2040]", "load_vector", (Zmm(31), At(RAX, -8256), Mask(6)),
     "62617cce10b8c0dfffff"),
    ("vmovups zmm0{k7}{z},ZMMWORD PTR [rdi-0x4]", "load_vector", (Zmm(0), At(RDI, -4), Mask(7)),
     "62f17ccf1087fcffffff"),
    ("vmovups zmm31{k1}{z},ZMMWORD PTR [r15+0x3f]", "load_vector", (Zmm(31), At(R15, 63), Mask(1)),
     "62417cc910bf3f000000"),
    ("vmovups ZMMWORD PTR [r8+0x80],zmm0", "store_vector", (At(R8, 128), Zmm(0)), "62d17c48114002"),
    ("vmovups ZMMWORD PTR [rdi+0x14],zmm7", "store_vector", (At(RDI, 20), Zmm(7)), "62f17c4811bf14000000"),
    ("vmovups ZMMWORD PTR [rbp+0x0],zmm8", "store_vector", (At(RBP), Zmm(8)), "62717c48114500"),
    ("vmovups ZMMWORD PTR [r12-0x2000],zmm15", "store_vector", (At(R12, -8192), Zmm(15)), "62517c48117c2480"),
    ("vmovups ZMMWORD PTR [r13+0x1fc0],zmm16", "store_vector", (At(R13, 8128), Zmm(16)), "62c17c4811457f"),
    ("vmovups ZMMWORD PTR [rsp+0x2000],zmm31", "store_vector", (At(RSP, 8192), Zmm(31)), "62617c4811bc2400200000"),
    ("vmovups ZMMWORD PTR [rdi+0x14]{k1},zmm0", "store_vector", (At(RDI, 20), Zmm(0), Mask(1)),
     "62f17c49118714000000"),
    ("vmovups ZMMWORD PTR [r9+0x40]{k2},zmm7", "store_vector", (At(R9, 64), Zmm(7), Mask(2)), "62d17c4a117901"),
    ("vmovups ZMMWORD PTR [r13+0x0]{k3},zmm8", "store_vector", (At(R13), Zmm(8), Mask(3)), "62517c4b114500"),
    ("vmovups ZMMWORD PTR [rax]{k4},zmm15", "store_vector", (At(RAX), Zmm(15), Mask(4)), "62717c4c1138"),
    ("vmovups ZMMWORD PTR [r12-0x40]{k5},zmm16", "store_vector", (At(R12, -64), Zmm(16), Mask(5)),
     "62c17c4d114424ff"),
    ("vmovups ZMMWORD PTR [rsp-0x2040]{k6},zmm31", "store_vector", (At(RSP, -8256), Zmm(31), Mask(6)),
     "62617c4e11bc24c0dfffff"),
    ("vmovups ZMMWORD PTR [rbx+0xc0]{k7},zmm16", "store_vector", (At(RBX, 192), Zmm(16), Mask(7)),
     "62e17c4f114303"),
    ("vmovntps ZMMWORD PTR [r8+0x40],zmm0", "store_around", (At(R8, 64), Zmm(0)), "62d17c482b4001"),
    ("vmovntps ZMMWORD PTR [rax],zmm7", "store_around", (At(RAX), Zmm(7)), "62f17c482b38"),
    ("vmovntps ZMMWORD PTR [rbp+0x0],zmm8", "store_around", (At(RBP), Zmm(8)), "62717c482b4500"),
    ("vmovntps ZMMWORD PTR [r12-0x2000],zmm15", "store_around", (At(R12, -8192), Zmm(15)), "62517c482b7c2480"),
    ("vmovntps ZMMWORD PTR [r13+0x2000],zmm16", "store_around", (At(R13, 8192), Zmm(16)), "62c17c482b8500200000"),
    ("vmovntps ZMMWORD PTR [rsp],zmm31", "store_around", (At(RSP), Zmm(31)), "62617c482b3c24"),
    ("vbroadcastss zmm0,DWORD PTR [r11+0xc]", "broadcast", (Zmm(0), At(R11, 12), 4), "62d27d48184303"),
    ("vbroadcastss zmm7,DWORD PTR [rbx+0x1fc]", "broadcast", (Zmm(7), At(RBX, 508), 4), "62f27d48187b7f"),
    ("vbroadcastss zmm8,DWORD PTR [rsp+0x200]", "broadcast", (Zmm(8), At(RSP, 512), 4), "62727d4818842400020000"),
    ("vbroadcastss zmm15,DWORD PTR [r12-0x200]", "broadcast", (Zmm(15), At(R12, -512), 4), "62527d48187c2480"),
    ("vbroadcastss zmm16,DWORD PTR [r13+0x0]", "broadcast", (Zmm(16), At(R13), 4), "62c27d48184500"),
    ("vbroadcastss zmm31,DWORD PTR [rbp+0x6]", "broadcast", (Zmm(31), At(RBP, 6), 4), "62627d4818bd06000000"),
    ("vbroadcastsd zmm0,QWORD PTR [rbx+0x8]", "broadcast", (Zmm(0), At(RBX, 8), 8), "62f2fd48194301"),
    ("vbroadcastsd zmm7,QWORD PTR [r12+0x3f8]", "broadcast", (Zmm(7), At(R12, 1016), 8), "62d2fd48197c247f"),
    ("vbroadcastsd zmm8,QWORD PTR [rbp+0x400]", "broadcast", (Zmm(8), At(RBP, 1024), 8), "6272fd48198500040000"),
    ("vbroadcastsd zmm15,QWORD PTR [rsp-0x400]", "broadcast", (Zmm(15), At(RSP, -1024), 8), "6272fd48197c2480"),
    ("vbroadcastsd zmm16,QWORD PTR [r9+0x4]", "broadcast", (Zmm(16), At(R9, 4), 8), "62c2fd48198104000000"),
    ("vbroadcastsd zmm31,QWORD PTR [r13-0x408]", "broadcast", (Zmm(31), At(R13, -1032), 8),
     "6242fd4819bdf8fbffff"),
    ("vfmadd231ps zmm0,zmm7,zmm8", "multiply_add", (Zmm(0), Zmm(7), Zmm(8), 4), "62d24548b8c0"),
    ("vfmadd231ps zmm7,zmm8,zmm15", "multiply_add", (Zmm(7), Zmm(8), Zmm(15), 4), "62d23d48b8ff"),
    ("vfmadd231ps zmm8,zmm15,zmm16", "multiply_add", (Zmm(8), Zmm(15), Zmm(16), 4), "62320548b8c0"),
    ("vfmadd231ps zmm15,zmm16,zmm31", "multiply_add", (Zmm(15), Zmm(16), Zmm(31), 4), "62127d40b8ff"),
    ("vfmadd231ps zmm16,zmm31,zmm0", "multiply_add", (Zmm(16), Zmm(31), Zmm(0), 4), "62e20540b8c0"),
    ("vfmadd231ps zmm31,zmm0,zmm7", "multiply_add", (Zmm(31), Zmm(0), Zmm(7), 4), "62627d48b8ff"),
    ("vfmadd231pd zmm0,zmm16,zmm31", "multiply_add", (Zmm(0), Zmm(16), Zmm(31), 8), "6292fd40b8c7"),
    ("vfmadd231pd zmm31,zmm15,zmm8", "multiply_add", (Zmm(31), Zmm(15), Zmm(8), 8), "62428548b8f8"),
    ("vfmadd231pd zmm16,zmm7,zmm0", "multiply_add", (Zmm(16), Zmm(7), Zmm(0), 8), "62e2c548b8c0"),
    ("vfmadd231ps zmm0,zmm31,DWORD BCST [r14+0x4]", "multiply_add", (Zmm(0), Zmm(31), At(R14, 4), 4),
     "62d20550b84601"),
    ("vfmadd231ps zmm7,zmm16,DWORD BCST [rax+0x1fc]", "multiply_add", (Zmm(7), Zmm(16), At(RAX, 508), 4),
     "62f27d50b8787f"),
    ("vfmadd231ps zmm8,zmm15,DWORD BCST [r12+0x200]", "multiply_add", (Zmm(8), Zmm(15), At(R12, 512), 4),
     "62520558b8842400020000"),
    ("vfmadd231ps zmm15,zmm8,DWORD BCST [rbp-0x200]", "multiply_add", (Zmm(15), Zmm(8), At(RBP, -512), 4),
     "62723d58b87d80"),
    ("vfmadd231ps zmm16,zmm7,DWORD BCST [r13+0x2]", "multiply_add", (Zmm(16), Zmm(7), At(R13, 2), 4),
     "62c24558b88502000000"),
    ("vfmadd231ps zmm31,zmm0,DWORD BCST [rsp]", "multiply_add", (Zmm(31), Zmm(0), At(RSP), 4), "62627d58b83c24"),
    ("vfmadd231pd zmm0,zmm8,QWORD BCST [rax+0x8]", "multiply_add", (Zmm(0), Zmm(8), At(RAX, 8), 8),
     "62f2bd58b84001"),
    ("vfmadd231pd zmm7,zmm31,QWORD BCST [r13+0x3f8]", "multiply_add", (Zmm(7), Zmm(31), At(R13, 1016), 8),
     "62d28550b87d7f"),
    ("vfmadd231pd zmm8,zmm0,QWORD BCST [r15+0x400]", "multiply_add", (Zmm(8), Zmm(0), At(R15, 1024), 8),
     "6252fd58b88700040000"),
    ("vfmadd231pd zmm15,zmm7,QWORD BCST [rsp-0x400]", "multiply_add", (Zmm(15), Zmm(7), At(RSP, -1024), 8),
     "6272c558b87c2480"),
    ("vfmadd231pd zmm16,zmm15,QWORD BCST [r12+0x4]", "multiply_add", (Zmm(16), Zmm(15), At(R12, 4), 8),
     "62c28558b8842404000000"),
    ("vfmadd231pd zmm31,zmm16,QWORD BCST [rbp+0x0]", "multiply_add", (Zmm(31), Zmm(16), At(RBP), 8),
     "6262fd50b87d00"),
    ("vaddps zmm0,zmm7,zmm8", "add_vector", (Zmm(0), Zmm(7), Zmm(8), 4), "62d1444858c0"),
    ("vaddpd zmm16,zmm31,zmm15", "add_vector", (Zmm(16), Zmm(31), Zmm(15), 8), "62c1854058c7"),
    ("vaddps zmm31{k7}{z},zmm16,zmm0", "add_vector", (Zmm(31), Zmm(16), Zmm(0), 4, Mask(7)), "62617cc758f8"),
    ("vaddpd zmm7{k1}{z},zmm8,zmm31", "add_vector", (Zmm(7), Zmm(8), Zmm(31), 8, Mask(1)), "6291bdc958ff"),
    ("vaddps zmm0,zmm0,ZMMWORD PTR [rax+0x40]", "add_vector", (Zmm(0), Zmm(0), At(RAX, 64), 4), "62f17c48584001"),
    ("vaddpd zmm31,zmm31,ZMMWORD PTR [r9+0x4]", "add_vector", (Zmm(31), Zmm(31), At(R9, 4), 8),
     "6241854058b904000000"),
    ("vaddps zmm7{k2}{z},zmm16,ZMMWORD PTR [r15+0x1fc0]", "add_vector",
     (Zmm(7), Zmm(16), At(R15, 8128), 4, Mask(2)), "62d17cc2587f7f"),
    ("vaddps zmm8{k3}{z},zmm7,ZMMWORD PTR [r12+0x4]", "add_vector", (Zmm(8), Zmm(7), At(R12, 4), 4, Mask(3)),
     "625144cb58842404000000"),
    ("vaddpd zmm15{k4}{z},zmm8,ZMMWORD PTR [r13+0x0]", "add_vector", (Zmm(15), Zmm(8), At(R13), 8, Mask(4)),
     "6251bdcc587d00"),
    ("vaddpd zmm16{k5}{z},zmm15,ZMMWORD PTR [rsp-0x2000]", "add_vector",
     (Zmm(16), Zmm(15), At(RSP, -8192), 8, Mask(5)), "62e185cd58442480"),
    ("vaddps zmm31{k6}{z},zmm0,ZMMWORD PTR [rbp+0x2000]", "add_vector",
     (Zmm(31), Zmm(0), At(RBP, 8192), 4, Mask(6)), "62617cce58bd00200000"),
    ("vaddpd zmm0{k7}{z},zmm31,ZMMWORD PTR [rbx-0x8]", "add_vector", (Zmm(0), Zmm(31), At(RBX, -8), 8, Mask(7)),
     "62f185c75883f8ffffff"),
    ("valignd zmm0,zmm7,zmm8,0x0", "align", (Zmm(0), Zmm(7), Zmm(8), 0), "62d3454803c000"),
    ("valignd zmm7,zmm8,zmm15,0x1", "align", (Zmm(7), Zmm(8), Zmm(15), 1), "62d33d4803ff01"),
    ("valignd zmm8,zmm15,zmm16,0x6", "align", (Zmm(8), Zmm(15), Zmm(16), 6), "6233054803c006"),
    ("valignd zmm15,zmm16,zmm31,0xf", "align", (Zmm(15), Zmm(16), Zmm(31), 15), "62137d4003ff0f"),
    ("valignd zmm16,zmm31,zmm0,0x8", "align", (Zmm(16), Zmm(31), Zmm(0), 8), "62e3054003c008"),
    ("valignd zmm31,zmm0,zmm7,0x3", "align", (Zmm(31), Zmm(0), Zmm(7), 3), "62637d4803ff03"),
    ("valignd zmm31,zmm31,zmm31,0x2", "align", (Zmm(31), Zmm(31), Zmm(31), 2), "6203054003ff02"),
    ("mov rax,0x1; kmovw k1,eax", "set_mask", (Mask(1), 1, RAX), "48c7c001000000c5f892c8"),
    ("mov rdi,0x1f; kmovw k2,edi", "set_mask", (Mask(2), 5, RDI), "48c7c71f000000c5f892d7"),
    ("mov rcx,0xff; kmovw k3,ecx", "set_mask", (Mask(3), 8, RCX), "48c7c1ff000000c5f892d9"),
    ("mov r8,0x1ff; kmovw k4,r8d", "set_mask", (Mask(4), 9, R8), "49c7c0ff010000c4c17892e0"),
    ("mov r9,0x7fff; kmovw k5,r9d", "set_mask", (Mask(5), 15, R9), "49c7c1ff7f0000c4c17892e9"),
    ("mov r15,0xffff; kmovw k6,r15d", "set_mask", (Mask(6), 16, R15), "49c7c7ffff0000c4c17892f7"),
    ("mov rax,0xffff; kmovw k7,eax", "set_mask", (Mask(7), 16, RAX), "48c7c0ffff0000c5f892f8"),
]  # fmt: skip


@named(("name", "arguments", "encoded"), ENCODINGS)
def test_an_instruction_is_encoded_as_the_manual_says(name, arguments, encoded):
    asm = EvexAssembler()
    getattr(asm, name)(*arguments)
    assert asm.code().hex() == encoded


# What the assembler is asked for, and what the error names.
REFUSED = [
    ("register 32", lambda asm: asm.zero(Zmm(32)), "Zmm(32)"),
    ("register -1", lambda asm: asm.load_vector(Zmm(-1), At(RAX)), "Zmm(-1)"),
    ("register by halves", lambda asm: asm.zero(Zmm(0.5)), "Zmm(0.5)"),
    ("mask 8", lambda asm: asm.load_vector(Zmm(0), At(RAX), Mask(8)), "Mask(8)"),
    ("mask -1", lambda asm: asm.store_vector(At(RAX), Zmm(0), Mask(-1)), "Mask(-1)"),
    ("mask that means all", lambda asm: asm.set_mask(Mask(0), 3, RAX), "Mask(number=0) not 0"),
    *[
        (f"mask of {count} numbers", lambda asm, count=count: asm.set_mask(Mask(1), count, RAX),
         f"count={count}")
        for count in (-1, 0, 17, 32)
    ],
    *[
        (f"shift by {count} numbers", lambda asm, count=count: asm.align(Zmm(0), Zmm(1), Zmm(2), count),
         f"numbers={count}")
        for count in (-1, 16, 64)
    ],
    *[
        (f"{size} bytes of {name}", lambda asm, call=call, size=size: call(asm, size), f"size={size}")
        for name, call in (
            ("broadcast", lambda asm, size: asm.broadcast(Zmm(0), At(RAX), size)),
            ("multiply_add", lambda asm, size: asm.multiply_add(Zmm(0), Zmm(1), Zmm(2), size)),
            ("multiply_add by one", lambda asm, size: asm.multiply_add(Zmm(0), Zmm(1), At(RAX), size)),
            ("add_vector", lambda asm, size: asm.add_vector(Zmm(0), Zmm(1), Zmm(2), size)),
            ("parts", lambda asm, size: asm.prepare_parts([64], size, RAX)),
        )
        for size in (0, 2, 16, 64)
    ],
    ("parts of 6 bytes", lambda asm: asm.prepare_parts([8, 6], 4, RAX), "[8, 6] must be multiples of 4"),
    ("parts of half a number", lambda asm: asm.prepare_parts([12], 8, RAX), "[12] must be multiples of 8"),
    ("parts of more lengths than masks", lambda asm: asm.prepare_parts(range(4, 36, 4), 4, RAX), "Mask(8)"),
]  # fmt: skip


@named(("ask", "named"), REFUSED)
def test_what_cannot_be_encoded_is_refused(ask, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        ask(EvexAssembler())


def test_a_narrower_register_is_refused():
    with pytest.raises(TypeError, match="takes a Zmm here; got Ymm"):
        EvexAssembler().zero(Ymm(3))


@pytest.mark.parametrize(
    ("lengths", "size", "expected"),
    [
        # By length and bytes of a number: the mask. Whole vectors need none.
        ([64, 128], 4, {}),
        ([], 8, {}),
        ([4, 68], 4, {(4, 4): Mask(1)}),
        ([100, 12], 4, {(12, 4): Mask(1), (36, 4): Mask(2)}),
        # Vectors of numbers of 8 bytes are moved by numbers of 4, and added by their own.
        ([72, 24], 8, {(8, 4): Mask(1), (8, 8): Mask(2), (24, 4): Mask(3), (24, 8): Mask(4)}),
    ],
)
def test_masks_are_those_of_what_is_left_of_a_vector(lengths, size, expected):
    asm = EvexAssembler()
    asm.prepare_parts(lengths, size, RAX)
    assert asm._masks == expected
    again = EvexAssembler()
    for (length, unit), mask in expected.items():
        again.set_mask(mask, length // unit, RAX)
    assert asm.code() == again.code()
