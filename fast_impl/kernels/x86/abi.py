"""How a kernel is called on a 64-bit Unix (the System V calling convention), and what it must leave as it was."""

from __future__ import annotations

from collections.abc import Mapping

from fast_impl.kernels.x86.assembly.assembler import Assembler, Condition, Label
from fast_impl.kernels.x86.assembly.registers import R12, R13, R14, R15, RAX, RBP, RBX, RDI, At

# Holds the address of the call's fields, the only argument.
ARGUMENT = RDI
# Registers that the caller wants back.
SAVED = (RBX, RBP, R12, R13, R14, R15)


def field(place: int) -> At:
    """A field of the call, or of the kernel's own room behind them."""
    return At(ARGUMENT, place)


def turn_again(asm: Assembler, again: Label, left: int, moved: Mapping[int, int | At]) -> None:
    """End a loop over the fields of a call: move some of them on, each by another one or a number, and count down.

    Args:
        asm: Where the code goes; rax is changed.
        again: Where the loop begins.
        left: The field that says how many turns are left.
        moved: The fields, and by what.
    """
    for place, by in moved.items():
        if isinstance(by, At):
            asm.add_memory(field(place), by, RAX)
        else:
            asm.add_number(field(place), by)
    asm.subtract_number(field(left), 1)
    asm.jump(again, Condition.NOT_ZERO)
