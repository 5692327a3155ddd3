"""The assemblers: how instructions are encoded, and that what cannot be encoded is refused."""

import inspect
import re

import pytest

from fast_impl.kernels.x86.assembly.assembler import Assembler, Condition, Label
from fast_impl.kernels.x86.assembly.evex import EvexAssembler, PairsAssembler
from fast_impl.kernels.x86.assembly.instructions import assembler
from fast_impl.kernels.x86.assembly.registers import (
    R8,
    R9,
    R10,
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
    Mask,
    Ymm,
    Zmm,
)
from fast_impl.kernels.x86.assembly.vex import VexAssembler
from fast_impl.tests.made import named
from fast_impl.tests.targets import for_each_target

ASSEMBLERS = (VexAssembler, EvexAssembler)

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
    ("cmp rax,QWORD PTR [r13+0x8]", "compare", (RAX, At(R13, 8),), "493b4508"),
    ("cmp rbp,r12", "compare", (RBP, R12,), "493bec"),
    ("xchg QWORD PTR [r13+0x0],rax", "exchange", (At(R13, 0), RAX,), "49874500"),
    ("xchg QWORD PTR [rdi+0x8],r9", "exchange", (At(RDI, 8), R9,), "4c874f08"),
    ("lock xadd QWORD PTR [rbx],rax", "exchange_add", (At(RBX, 0), RAX,), "f0480fc103"),
    ("lock xadd QWORD PTR [r13+0x10],r8", "exchange_add", (At(R13, 16), R8,), "f04d0fc14510"),
    ("call QWORD PTR [rbp+0x0]", "call", (At(RBP, 0),), "ff5500"),
    ("call QWORD PTR [r12+0x8]", "call", (At(R12, 8),), "41ff542408"),
    ("syscall", "system_call", (), "0f05"),
    ("cpuid", "cpuid", (), "0fa2"),
    ("xgetbv", "xgetbv", (), "0f01d0"),
    ("push rdi", "push", (RDI,), "57"),
    ("push r8", "push", (R8,), "4150"),
    ("pop rdi", "pop", (RDI,), "5f"),
    ("pop r8", "pop", (R8,), "4158"),
    ("lea rax,[rdi+rcx*1+0x0]", "add_two", (RAX, RDI, RCX,), "488d440f00"),
    ("lea rax,[r8+rcx*1+0x0]", "add_two", (RAX, R8, RCX,), "498d440800"),
    ("mov rdi,QWORD PTR [rax+0x8]", "load", (RDI, At(RAX, 8),), "488b7808"),
    ("add rax,0xffffffffffffff80", "add_number", (RAX, -128,), "4883c080"),
    ("pause", "pause", (), "f390"),
    ("add rax,0xffffffffffffff7f", "add_number", (RAX, -129,), "4881c07fffffff"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ASSEMBLERS)
@named(("name", "arguments", "encoded"), ENCODINGS)
def test_an_instruction_is_encoded_as_the_manual_says(name, arguments, encoded, kind):
    """Those without vectors, which both kinds of vectors leave as they are."""
    asm = kind()
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
    ("register that is a truth", lambda asm: asm.push(Gpr(True)), ValueError, "Gpr(True)"),
    ("no base", lambda asm: asm.load(RAX, At(None, 8)), TypeError, "base=None"),
    ("base by number", lambda asm: asm.load(RAX, At(7, 8)), TypeError, "base=7"),
    ("vector as base", lambda asm: asm.load(RAX, At(Zmm(1), 8)), TypeError, "base=Zmm"),
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
]  # fmt: skip


@named(("ask", "error", "named"), REFUSED)
def test_what_cannot_be_encoded_is_refused(ask, error, named):
    with pytest.raises(error, match=re.escape(named)):
        ask(Assembler())


# Of every instruction that has operands: one that is encoded, in which each operand is then replaced.
GPR, YMM, ZMM, MASK, AT, NUMBER = RBX, Ymm(3), Zmm(3), Mask(3), At(RDI, 8), 4
GENERAL = {
    "push": (GPR,), "pop": (GPR,), "move": (GPR, GPR), "move_number": (GPR, NUMBER), "load": (GPR, AT),
    "load_int32": (GPR, AT), "store": (AT, GPR), "add": (GPR, GPR), "add_two": (GPR, GPR, GPR),
    "add_memory": (AT, AT, GPR), "add_number": (GPR, NUMBER), "subtract_number": (GPR, NUMBER), "test": (GPR,),
    "compare": (GPR, GPR), "exchange": (AT, GPR), "exchange_add": (AT, GPR), "call": (AT,),
    "move_if": (Condition.SIGN, GPR, GPR),
}  # fmt: skip
OPERANDS = {
    Assembler: GENERAL,
    VexAssembler: {
        **GENERAL, "zero": (YMM,), "store_vector": (AT, YMM), "store_around": (AT, YMM),
        "load_vector": (YMM, AT), "broadcast": (YMM, AT, NUMBER), "multiply_add": (YMM, YMM, YMM, NUMBER),
        "add_vector": (YMM, YMM, YMM, NUMBER), "interleave": (YMM, YMM, YMM, NUMBER),
        "store_quarter": (AT, YMM, 1), "widen": (YMM, AT, "float16"), "narrow": (AT, YMM),
    },
    EvexAssembler: {
        **GENERAL, "zero": (ZMM,), "store_vector": (AT, ZMM, MASK), "store_around": (AT, ZMM),
        "load_vector": (ZMM, AT, MASK), "broadcast": (ZMM, AT, NUMBER), "multiply_add": (ZMM, ZMM, ZMM, NUMBER),
        "add_vector": (ZMM, ZMM, ZMM, NUMBER, MASK), "align": (ZMM, ZMM, ZMM, NUMBER),
        "set_mask": (MASK, NUMBER, GPR), "interleave": (ZMM, ZMM, ZMM, NUMBER),
        "store_quarter": (AT, ZMM, 1), "widen": (ZMM, AT, "float16"), "narrow": (AT, ZMM),
    },
}  # fmt: skip
OPERANDS[PairsAssembler] = OPERANDS[EvexAssembler]
# Operands that may also be memory, and those that may be left out.
EITHER = {
    *(
        (kind, *place)
        for kind in OPERANDS
        for place in (("add", 1), ("compare", 1), ("add_number", 0), ("subtract_number", 0))
    ),
    *((kind, "add_vector", 2) for kind in (VexAssembler, EvexAssembler, PairsAssembler)),
    *((kind, "multiply_add", 2) for kind in (EvexAssembler, PairsAssembler)),
}  # fmt: skip
OPTIONAL = {("store_vector", 2), ("load_vector", 2), ("add_vector", 4)}
# What has no operands of its own, or is made of instructions that have.
WITHOUT = {
    "code",
    "ret",
    "cpuid",
    "xgetbv",
    "pause",
    "system_call",
    "fence",
    "leave_vectors",
    "place",
    "jump",
    "repeat",
    "registers",
    "multiply_add_number",
    "load_side_by_side",
    "prepare_parts",
    "copy",
    "store_parts",
}


@pytest.mark.parametrize("kind", OPERANDS)
def test_every_instruction_with_operands_is_listed(kind):
    methods = {
        name for name in dir(kind) if not name.startswith("_") and inspect.isfunction(getattr(kind, name))
    }  # fmt: skip
    assert methods - WITHOUT == set(OPERANDS[kind])


@pytest.mark.parametrize(
    ("kind", "name", "place", "wrong"),
    [
        (kind, name, place, wrong)
        for kind, instructions in OPERANDS.items()
        for name, operands in instructions.items()
        for place, operand in enumerate(operands)
        if operand is not NUMBER
        for wrong in (RAX, Ymm(0), Zmm(0), Mask(1), At(RAX), 0, 19, None)
        if type(wrong) is not type(operand)
        if not (isinstance(wrong, At) and (kind, name, place) in EITHER)
        if not (wrong is None and (name, place) in OPTIONAL)
    ],
    ids=str,
)
def test_an_operand_of_another_kind_is_refused(kind, name, place, wrong):
    operands = list(OPERANDS[kind][name])
    getattr(kind(), name)(*operands)
    operands[place] = wrong
    with pytest.raises(TypeError, match="an instruction takes a"):
        getattr(kind(), name)(*operands)


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


@pytest.mark.parametrize("kind", ASSEMBLERS)
@pytest.mark.parametrize(
    ("name", "encoded"),
    [("fence", "0faef8"), ("leave_vectors", "c5f877")],
    ids=["sfence", "vzeroupper"],
)
def test_what_ends_a_kernel_is_the_same_for_all_vectors(name, encoded, kind):
    asm = kind()
    getattr(asm, name)()
    assert asm.code().hex() == encoded


@for_each_target
def test_a_target_has_an_assembler_with_its_vectors(target):
    asm = assembler(target)
    assert (asm.vector, asm.masks) == (target.vector, target.masks)
    found = asm.registers(target.registers)
    assert [register.number for register in found] == list(range(target.registers))
    with pytest.raises(ValueError, match=rf"\({target.registers}\): the number must be"):
        asm.registers(target.registers + 1)
