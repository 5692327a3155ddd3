"""The assembler: how instructions are encoded, and that what cannot be encoded is refused."""

import re

import pytest

from fast_impl.kernels.x86.assembler import Assembler, Condition, Label, parts
from fast_impl.kernels.x86.registers import (
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R15,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    RSP,
    At,
    Gpr,
    Ymm,
)  # fmt: skip

# The instruction as GNU objdump prints it, how the assembler is asked for it, and its bytes.
ENCODINGS = [
    ("push rbx", "push", (RBX,), "53"),
    ("push r12", "push", (R12,), "4154"),
    ("pop rbp", "pop", (RBP,), "5d"),
    ("pop r15", "pop", (R15,), "415f"),
    ("ret", "ret", (), "c3"),
    ("mov rax,r9", "move", (RAX, R9,), "498bc1"),
    ("mov r10,rdi", "move", (R10, RDI,), "4c8bd7"),
    ("mov rcx,0xfffffffffffffff9", "move_number", (RCX, -7,), "48c7c1f9ffffff"),
    ("mov r9,0x7", "move_number", (R9, 7,), "49c7c107000000"),
    ("mov rax,QWORD PTR [rdi]", "load", (RAX, At(RDI, 0),), "488b07"),
    ("mov r8,QWORD PTR [rbp+0x0]", "load", (R8, At(RBP, 0),), "4c8b4500"),
    ("mov rcx,QWORD PTR [r13+0x0]", "load", (RCX, At(R13, 0),), "498b4d00"),
    ("mov rdx,QWORD PTR [rsp+0x8]", "load", (RDX, At(RSP, 8),), "488b542408"),
    ("mov rdx,QWORD PTR [r12+0x8]", "load", (RDX, At(R12, 8),), "498b542408"),
    ("mov rax,QWORD PTR [rdi+0x7f]", "load", (RAX, At(RDI, 127),), "488b477f"),
    ("mov rax,QWORD PTR [rdi+0x80]", "load", (RAX, At(RDI, 128),), "488b8780000000"),
    ("mov rax,QWORD PTR [rdi-0x80]", "load", (RAX, At(RDI, -128),), "488b4780"),
    ("mov rax,QWORD PTR [rdi-0x81]", "load", (RAX, At(RDI, -129),), "488b877fffffff"),
    ("movsxd r15,DWORD PTR [rcx+0x24]", "load_int32", (R15, At(RCX, 36),), "4c637924"),
    ("mov QWORD PTR [rdi+0x58],rbx", "store", (At(RDI, 88), RBX,), "48895f58"),
    ("mov QWORD PTR [r8],r9", "store", (At(R8, 0), R9,), "4d8908"),
    ("add rcx,QWORD PTR [rdi+0x10]", "add", (RCX, At(RDI, 16),), "48034f10"),
    ("add rax,r8", "add", (RAX, R8,), "4903c0"),
    ("lea r8,[rdx+r8*1+0x0]", "add_two", (R8, RDX, R8,), "4e8d440200"),
    ("lea rax,[r9+rcx*1+0x0]", "add_two", (RAX, R9, RCX,), "498d440900"),
    ("lea rdi,[rax+rdi*1+0x0]", "add_two", (RDI, RAX, RDI,), "488d7c3800"),
    ("lea rax,[rbp+r12*1+0x0]", "add_two", (RAX, RBP, R12,), "4a8d442500"),
    ("add r8,0x10", "add_number", (R8, 16,), "4983c010"),
    ("add rbx,0x100", "add_number", (RBX, 256,), "4881c300010000"),
    ("add QWORD PTR [rdi+0x58],0x18", "add_number", (At(RDI, 88), 24,), "4883475818"),
    ("sub rax,0x4", "subtract_number", (RAX, 4,), "4883e804"),
    ("sub rax,0x80", "subtract_number", (RAX, 128,), "4881e880000000"),
    ("sub rax,0xffffffffffffff80", "subtract_number", (RAX, -128,), "4883e880"),
    ("sub QWORD PTR [rdi+0x58],0x1", "subtract_number", (At(RDI, 88), 1,), "48836f5801"),
    ("test rsi,rsi", "test", (RSI,), "4885f6"),
    ("test r9,r9", "test", (R9,), "4d85c9"),
    ("cmovs r8,rbp", "move_if", (Condition.SIGN, R8, RBP,), "4c0f48c5"),
    ("cmove rax,r9", "move_if", (Condition.ZERO, RAX, R9,), "490f44c1"),
    ("cpuid", "cpuid", (), "0fa2"),
    ("xgetbv", "xgetbv", (), "0f01d0"),
    ("vxorps ymm3,ymm3,ymm3", "zero", (Ymm(3),), "c5e457db"),
    ("vxorps ymm12,ymm12,ymm12", "zero", (Ymm(12),), "c4411c57e4"),
    ("vmovups ymm1,YMMWORD PTR [rbx+0x40]", "load_vector", (Ymm(1), At(RBX, 64),), "c5fc104b40"),
    ("vmovups ymm14,YMMWORD PTR [r9]", "load_vector", (Ymm(14), At(R9, 0),), "c4417c1031"),
    ("vmovups YMMWORD PTR [r8+0x20],ymm5", "store_vector", (At(R8, 32), Ymm(5),), "c4c17c116820"),
    ("vmovups YMMWORD PTR [rdi+0x80],ymm13", "store_vector", (At(RDI, 128), Ymm(13),), "c57c11af80000000"),
    ("vmovups XMMWORD PTR [r8],xmm2", "store_vector", (At(R8, 0), Ymm(2), 16,), "c4c1781110"),
    ("vmovlps QWORD PTR [r8],xmm2", "store_vector", (At(R8, 0), Ymm(2), 8,), "c4c1781310"),
    ("vmovss DWORD PTR [r8],xmm2", "store_vector", (At(R8, 0), Ymm(2), 4,), "c4c17a1110"),
    ("push rdi", "push", (RDI,), "57"),
    ("push r8", "push", (R8,), "4150"),
    ("pop rdi", "pop", (RDI,), "5f"),
    ("pop r8", "pop", (R8,), "4158"),
    ("lea rax,[rdi+rcx*1+0x0]", "add_two", (RAX, RDI, RCX,), "488d440f00"),
    ("lea rax,[r8+rcx*1+0x0]", "add_two", (RAX, R8, RCX,), "498d440800"),
    ("mov rdi,QWORD PTR [rax+0x8]", "load", (RDI, At(RAX, 8),), "488b7808"),
    ("add rax,0xffffffffffffff80", "add_number", (RAX, -128,), "4883c080"),
    ("add rax,0xffffffffffffff7f", "add_number", (RAX, -129,), "4881c07fffffff"),
    ("vmovntps YMMWORD PTR [r8+0x20],ymm5", "store_around", (At(R8, 32), Ymm(5),), "c4c17c2b6820"),
    ("sfence", "fence", (), "0faef8"),
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
    ("vzeroupper", "leave_vectors", (), "c5f877"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "encoded"),
    [row[1:] for row in ENCODINGS],
    ids=[row[0] for row in ENCODINGS],
)
def test_an_instruction_is_encoded_as_the_manual_says(name, arguments, encoded):
    asm = Assembler()
    getattr(asm, name)(*arguments)
    assert asm.code().hex() == encoded


def test_jumps_go_forward_and_back_by_the_bytes_between():
    asm = Assembler()
    back, forward = Label(), Label()
    asm.place(back)
    asm.jump(forward)
    asm.jump(back, Condition.NOT_ZERO)
    asm.jump(back, Condition.LESS)
    asm.jump(forward, Condition.NOT_LESS)
    asm.place(forward)
    asm.ret()
    assert asm.code().hex() == ("e9120000000f85f5ffffff0f8cefffffff0f8d00000000c3")


def test_a_jump_to_nowhere_is_refused():
    asm = Assembler()
    asm.jump(Label())
    with pytest.raises(ValueError, match="a jump goes to a label that was never placed"):
        asm.code()


# What the assembler is asked for, the error, and what the error names.
REFUSED = [
    ("general register 16", lambda asm: asm.push(Gpr(16)), ValueError, "Gpr(16)"),
    ("general register -1", lambda asm: asm.pop(Gpr(-1)), ValueError, "Gpr(-1)"),
    ("vector register 16", lambda asm: asm.zero(Ymm(16)), ValueError, "Ymm(16)"),
    ("vector register 19", lambda asm: asm.multiply_add(Ymm(19), Ymm(0), Ymm(1), 4), ValueError, "Ymm(19)"),
    ("vector register -1", lambda asm: asm.load_vector(Ymm(-1), At(RAX)), ValueError, "Ymm(-1)"),
    ("register by halves", lambda asm: asm.zero(Ymm(0.5)), ValueError, "Ymm(0.5)"),
    ("register that is a truth", lambda asm: asm.push(Gpr(True)), ValueError, "Gpr(True)"),
    ("no base", lambda asm: asm.load(RAX, At(None, 8)), TypeError, "base=None"),
    ("base by number", lambda asm: asm.load(RAX, At(7, 8)), TypeError, "base=7"),
    ("vector as base", lambda asm: asm.load_vector(Ymm(0), At(Ymm(1), 8)), TypeError, "base=Ymm"),
    ("displacement of 33 bits", lambda asm: asm.load(RAX, At(RDI, 1 << 31)), ValueError, "2147483648"),
    ("displacement below 32 bits", lambda asm: asm.load(RAX, At(RDI, -(1 << 31) - 1)), ValueError, "-2147483649"),
    ("displacement by halves", lambda asm: asm.load(RAX, At(RDI, 0.5)), ValueError, "0.5"),
    ("rsp as index", lambda asm: asm.add_two(RAX, RBX, RSP), ValueError, "right=rsp"),
    ("rsp as base and index", lambda asm: asm.add_two(RAX, RSP, RSP), ValueError, "right=rsp"),
    ("spare register that the target counts from", lambda asm: asm.add_memory(At(RAX), At(RDI), RAX),
     ValueError, "spare"),
    ("number of 33 bits", lambda asm: asm.move_number(RAX, 1 << 31), ValueError, "2147483648"),
    ("sum with 33 bits", lambda asm: asm.add_number(RAX, 1 << 31), ValueError, "2147483648"),
    ("difference with 33 bits", lambda asm: asm.subtract_number(At(RAX), 1 << 31), ValueError, "2147483648"),
    ("sum with a half", lambda asm: asm.add_number(RAX, 0.5), ValueError, "0.5"),
    ("condition by number", lambda asm: asm.jump(Label(), 5), TypeError, "Condition here; got 5"),
    ("move by number", lambda asm: asm.move_if(5, RAX, RBX), TypeError, "Condition here; got 5"),
    ("loop of no steps", lambda asm: asm.repeat(RAX, 0, print, print), ValueError, "steps=0"),
    ("loop of negative steps", lambda asm: asm.repeat(RAX, -2, print, print), ValueError, "steps=-2"),
    *[
        (f"{size} bytes of {name}", lambda asm, call=call, size=size: call(asm, size), ValueError, f"size={size}")
        for name, sizes, call in (
            ("store_vector", (0, 1, 2, 12, 24, 64), lambda asm, size: asm.store_vector(At(RAX), Ymm(0), size)),
            ("load_vector", (0, 1, 2, 12, 24, 64), lambda asm, size: asm.load_vector(Ymm(0), At(RAX), size)),
            ("broadcast", (0, 2, 16, 32), lambda asm, size: asm.broadcast(Ymm(0), At(RAX), size)),
            ("multiply_add", (0, 2, 16, 32), lambda asm, size: asm.multiply_add(Ymm(0), Ymm(1), Ymm(2), size)),
            ("add_vector", (0, 2, 16, 32), lambda asm, size: asm.add_vector(Ymm(0), Ymm(1), Ymm(2), size)),
        )
        for size in sizes
    ],
]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "error", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_cannot_be_encoded_is_refused(ask, error, named):
    with pytest.raises(error, match=re.escape(named)):
        ask(Assembler())


# Of every instruction that has operands: one that is encoded, in which each operand is then replaced.
GPR, YMM, AT, NUMBER = RBX, Ymm(3), At(RDI, 8), 4
OPERANDS = {
    "push": (GPR,), "pop": (GPR,), "move": (GPR, GPR), "move_number": (GPR, NUMBER), "load": (GPR, AT),
    "load_int32": (GPR, AT), "store": (AT, GPR), "add": (GPR, GPR), "add_two": (GPR, GPR, GPR),
    "add_memory": (AT, AT, GPR), "add_number": (GPR, NUMBER), "subtract_number": (GPR, NUMBER), "test": (GPR,),
    "move_if": (Condition.SIGN, GPR, GPR), "zero": (YMM,), "store_vector": (AT, YMM), "store_around": (AT, YMM),
    "load_vector": (YMM, AT), "broadcast": (YMM, AT, NUMBER), "multiply_add": (YMM, YMM, YMM, NUMBER),
    "add_vector": (YMM, YMM, YMM, NUMBER),
}  # fmt: skip
# Operands that may also be memory.
EITHER = {("add", 1), ("add_number", 0), ("subtract_number", 0), ("add_vector", 2)}


def test_every_instruction_with_operands_is_listed():
    without = {
        "code",
        "ret",
        "cpuid",
        "xgetbv",
        "fence",
        "leave_vectors",
        "place",
        "jump",
        "repeat",
    }
    methods = {name for name in vars(Assembler) if not name.startswith("_")}
    assert methods - without == set(OPERANDS)


@pytest.mark.parametrize(
    ("name", "place", "wrong"),
    [
        (name, place, wrong)
        for name, operands in OPERANDS.items()
        for place, operand in enumerate(operands)
        if operand is not NUMBER
        for wrong in (RAX, Ymm(0), At(RAX), 0, 19, None)
        if type(wrong) is not type(operand)
        if not (isinstance(wrong, At) and (name, place) in EITHER)
    ],
    ids=str,
)
def test_an_operand_of_another_kind_is_refused(name, place, wrong):
    operands = list(OPERANDS[name])
    getattr(Assembler(), name)(*operands)
    operands[place] = wrong
    with pytest.raises(TypeError, match="an instruction takes a"):
        getattr(Assembler(), name)(*operands)


def test_a_label_has_one_place():
    asm = Assembler()
    label = Label()
    asm.place(label)
    with pytest.raises(ValueError, match="a label has one place"):
        asm.place(label)


def test_a_label_of_another_assembler_has_no_place_in_this_one():
    asm, label = Assembler(), Label()
    Assembler().place(label)
    asm.jump(label)
    with pytest.raises(ValueError, match="never placed"):
        asm.code()


@pytest.mark.parametrize("wrong", [None, 8, "here"])
def test_a_place_is_named_by_a_label(wrong):
    with pytest.raises(TypeError, match="takes a Label"):
        Assembler().place(wrong)
    with pytest.raises(TypeError, match="takes a Label"):
        Assembler().jump(wrong)


@pytest.mark.parametrize("length", [1, 2, 6, 33])
def test_a_length_that_no_pieces_make_up_is_refused(length):
    with pytest.raises(ValueError, match=f"length={length}"):
        list(parts(length, 32))


def test_pieces_are_as_wide_as_the_vectors():
    assert list(parts(124, 64)) == [(0, 64), (64, 32), (96, 16), (112, 8), (120, 4)]
    assert list(parts(24, 16)) == [(0, 16), (16, 8)]


@pytest.mark.parametrize("length", range(4, 101, 4))
def test_parts_make_up_a_length_in_order(length):
    found = list(parts(length, 32))
    assert [start for start, _ in found] == [
        sum(size for _, size in found[:i]) for i in range(len(found))
    ]
    assert sum(size for _, size in found) == length
    assert [size for _, size in found] == sorted((size for _, size in found), reverse=True)
    assert {size for _, size in found} <= {32, 16, 8, 4}
