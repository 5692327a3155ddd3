"""Instructions of vectors of 32 bytes: how they are encoded, and that what cannot be encoded is refused."""

import re

import pytest

from fast_impl.kernels.x86.assembly.registers import R8, R9, R11, RAX, RBX, RDI, At, Ymm, Zmm
from fast_impl.kernels.x86.assembly.vex import VexAssembler, pieces
from fast_impl.tests.made import named

# The instruction as GNU objdump prints it, how the assembler is asked for it, and its bytes.
ENCODINGS = [
    ("vxorps ymm3,ymm3,ymm3", "zero", (Ymm(3),), "c5e457db"),
    ("vxorps ymm12,ymm12,ymm12", "zero", (Ymm(12),), "c4411c57e4"),
    ("vmovups ymm1,YMMWORD PTR [rbx+0x40]", "load_vector", (Ymm(1), At(RBX, 64),), "c5fc104b40"),
    ("vmovups ymm14,YMMWORD PTR [r9]", "load_vector", (Ymm(14), At(R9, 0),), "c4417c1031"),
    ("vmovups YMMWORD PTR [r8+0x20],ymm5", "store_vector", (At(R8, 32), Ymm(5),), "c4c17c116820"),
    ("vmovups YMMWORD PTR [rdi+0x80],ymm13", "store_vector", (At(RDI, 128), Ymm(13),), "c57c11af80000000"),
    ("vmovups XMMWORD PTR [r8],xmm2", "store_vector", (At(R8, 0), Ymm(2), 16,), "c4c1781110"),
    ("vmovlps QWORD PTR [r8],xmm2", "store_vector", (At(R8, 0), Ymm(2), 8,), "c4c1781310"),
    ("vmovss DWORD PTR [r8],xmm2", "store_vector", (At(R8, 0), Ymm(2), 4,), "c4c17a1110"),
    ("vmovntps YMMWORD PTR [r8+0x20],ymm5", "store_around", (At(R8, 32), Ymm(5),), "c4c17c2b6820"),
    ("vmovups ymm2,YMMWORD PTR [rax+0x4]", "load_vector", (Ymm(2), At(RAX, 4), 32,), "c5fc105004"),
    ("vmovups xmm2,XMMWORD PTR [rax+0x4]", "load_vector", (Ymm(2), At(RAX, 4), 16,), "c5f8105004"),
    ("vmovsd xmm2,QWORD PTR [rax+0x4]", "load_vector", (Ymm(2), At(RAX, 4), 8,), "c5fb105004"),
    ("vmovss xmm2,DWORD PTR [rax+0x4]", "load_vector", (Ymm(2), At(RAX, 4), 4,), "c5fa105004"),
    ("vbroadcastss ymm14,DWORD PTR [r11+0xc]", "broadcast", (Ymm(14), At(R11, 12), 4,), "c4427d18730c"),
    ("vbroadcastsd ymm2,QWORD PTR [rbx+0x8]", "broadcast", (Ymm(2), At(RBX, 8), 8,), "c4e27d195308"),
    ("vfmadd231ps ymm0,ymm14,ymm12", "multiply_add", (Ymm(0), Ymm(14), Ymm(12), 4,), "c4c20db8c4"),
    ("vfmadd231pd ymm11,ymm3,ymm2", "multiply_add", (Ymm(11), Ymm(3), Ymm(2), 8,), "c462e5b8da"),
    ("vaddps ymm4,ymm4,YMMWORD PTR [rax+0x20]", "add_vector", (Ymm(4), Ymm(4), At(RAX, 32), 4,), "c5dc586020"),
    ("vaddpd ymm9,ymm10,ymm15", "add_vector", (Ymm(9), Ymm(10), Ymm(15), 8,), "c4412d58cf"),
]  # fmt: skip


@named(("name", "arguments", "encoded"), ENCODINGS)
def test_an_instruction_is_encoded_as_the_manual_says(name, arguments, encoded):
    asm = VexAssembler()
    getattr(asm, name)(*arguments)
    assert asm.code().hex() == encoded


# What the assembler is asked for, and what the error names.
REFUSED = [
    ("register 16", lambda asm: asm.zero(Ymm(16)), "Ymm(16)"),
    ("register 19", lambda asm: asm.multiply_add(Ymm(19), Ymm(0), Ymm(1), 4), "Ymm(19)"),
    ("register -1", lambda asm: asm.load_vector(Ymm(-1), At(RAX)), "Ymm(-1)"),
    ("register by halves", lambda asm: asm.zero(Ymm(0.5)), "Ymm(0.5)"),
    *[
        (f"{size} bytes of {name}", lambda asm, call=call, size=size: call(asm, size), f"size={size}")
        for name, sizes, call in (
            ("store_vector", (0, 1, 2, 12, 24, 64), lambda asm, size: asm.store_vector(At(RAX), Ymm(0), size)),
            ("load_vector", (0, 1, 2, 12, 24, 64), lambda asm, size: asm.load_vector(Ymm(0), At(RAX), size)),
            ("broadcast", (0, 2, 16, 32), lambda asm, size: asm.broadcast(Ymm(0), At(RAX), size)),
            ("multiply_add", (0, 2, 16, 32), lambda asm, size: asm.multiply_add(Ymm(0), Ymm(1), Ymm(2), size)),
            ("add_vector", (0, 2, 16, 32), lambda asm, size: asm.add_vector(Ymm(0), Ymm(1), Ymm(2), size)),
        )
        for size in sizes
    ],
    *[
        (f"{length} bytes of two registers", lambda asm, length=length: asm.load_side_by_side(
            [Ymm(0), Ymm(1)], At(RAX), length), f"length={length}")
        for length in (4, 32, 60, 96)
    ],
    ("copy of 6 bytes", lambda asm: asm.copy(At(RAX), At(RBX), 6, Ymm(0)), "length=6"),
]  # fmt: skip


@named(("ask", "named"), REFUSED)
def test_what_cannot_be_encoded_is_refused(ask, named):
    with pytest.raises(ValueError, match=re.escape(named)):
        ask(VexAssembler())


def test_a_vector_as_base_is_refused():
    with pytest.raises(TypeError, match="base=Ymm"):
        VexAssembler().load_vector(Ymm(0), At(Ymm(1), 8))


def test_a_wider_register_is_refused():
    with pytest.raises(TypeError, match="takes a Ymm here; got Zmm"):
        VexAssembler().zero(Zmm(3))


@pytest.mark.parametrize("length", [1, 2, 6, 33])
def test_a_length_that_no_pieces_make_up_is_refused(length):
    with pytest.raises(ValueError, match=f"length={length}"):
        list(pieces(length))


def test_pieces_are_as_wide_as_they_can_be():
    assert list(pieces(124)) == [(0, 32), (32, 32), (64, 32), (96, 16), (112, 8), (120, 4)]
    assert list(pieces(24)) == [(0, 16), (16, 8)]


@pytest.mark.parametrize("length", range(4, 101, 4))
def test_pieces_make_up_a_length_in_order(length):
    found = list(pieces(length))
    assert [start for start, _ in found] == [
        sum(size for _, size in found[:i]) for i in range(len(found))
    ]
    assert sum(size for _, size in found) == length
    assert [size for _, size in found] == sorted((size for _, size in found), reverse=True)
    assert {size for _, size in found} <= {32, 16, 8, 4}
