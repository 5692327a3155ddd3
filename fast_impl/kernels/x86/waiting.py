"""The kernel that waits for a while until a word changes: to sleep and be woken takes longer than most tasks."""

from __future__ import annotations

from fast_impl.kernels.target import Function
from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembler import Assembler, Condition, Label
from fast_impl.kernels.x86.registers import R8, RAX, RCX, RDX, At
from fast_impl.runtime import executable
from fast_impl.runtime.workers import Waiting


def kernel() -> Function:
    """The kernel, ready to be called."""
    return executable.load(generate())


def generate() -> bytes:
    """Machine code of the kernel: it reads the word until it is another one, or so many times."""
    asm = Assembler()
    again, done = Label(), Label()
    asm.load(RAX, field(Waiting.WORD))
    asm.load(RCX, field(Waiting.LESS))
    asm.load(RDX, field(Waiting.TURNS))
    asm.place(again)
    asm.load(R8, At(RAX))
    asm.add(R8, RCX)
    asm.jump(done, Condition.NOT_ZERO)
    asm.pause()
    asm.subtract_number(RDX, 1)
    asm.jump(again, Condition.NOT_ZERO)
    asm.place(done)
    asm.ret()
    return asm.code()
