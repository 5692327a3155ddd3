"""How a kernel is called on a 64-bit Unix (the System V calling convention), and what it must leave as it was."""

from __future__ import annotations

from fast_impl.kernels.x86.assembly.registers import R12, R13, R14, R15, RBP, RBX, RDI, At

# Holds the address of the call's fields, the only argument.
ARGUMENT = RDI
# Registers that the caller wants back.
SAVED = (RBX, RBP, R12, R13, R14, R15)


def field(place: int) -> At:
    """A field of the call, or of the kernel's own room behind them."""
    return At(ARGUMENT, place)
