"""The kernel of copies (`fast_impl.kernels.format`) for x86-64."""

from __future__ import annotations

from fast_impl.kernels.format import Copies
from fast_impl.kernels.target import Function, Target
from fast_impl.kernels.x86.abi import field, turn_again
from fast_impl.kernels.x86.assembly.assembler import Condition, Label
from fast_impl.kernels.x86.assembly.instructions import assembler
from fast_impl.kernels.x86.assembly.registers import (
    R8,
    R9,
    R10,
    R11,
    RAX,
    RCX,
    RDX,
    RSI,
    At,
)
from fast_impl.runtime import executable

WORDS = Copies.SIZE // 8


def kernel(target: Target, length: int) -> Function:
    """The kernel, ready to be called."""
    return executable.load(generate(target, length))


def generate(target: Target, length: int) -> bytes:
    """Machine code of the kernel for pieces of ``length`` bytes, a multiple of 4."""
    asm = assembler(target)
    (free,) = asm.registers(1)
    outer, panel, inner = Label(), Label(), Label()
    asm.prepare_parts([length], 4, RAX)
    asm.load(R8, field(Copies.INNER_STEP))
    asm.load(R9, field(Copies.TARGET_INNER_STEP))
    asm.place(outer)
    asm.load(RSI, field(Copies.SOURCE))
    asm.load(R10, field(Copies.TARGET))
    asm.load(R11, field(Copies.PANELS))
    asm.place(panel)
    asm.load(RCX, field(Copies.INNER))
    asm.move(RAX, RSI)
    asm.move(RDX, R10)
    asm.place(inner)
    asm.copy(At(RDX), At(RAX), length, free)
    asm.add(RAX, R8)
    asm.add(RDX, R9)
    asm.subtract_number(RCX, 1)
    asm.jump(inner, Condition.NOT_ZERO)
    asm.add(RSI, field(Copies.PANEL_STEP))
    asm.add(R10, field(Copies.TARGET_PANEL_STEP))
    asm.subtract_number(R11, 1)
    asm.jump(panel, Condition.NOT_ZERO)
    steps = {
        Copies.SOURCE: field(Copies.OUTER_STEP),
        Copies.TARGET: field(Copies.TARGET_OUTER_STEP),
    }
    turn_again(asm, outer, Copies.OUTER, steps)
    asm.leave_vectors()
    asm.ret()
    return asm.code()
