"""The generated kernel that copies short pieces from place to place, in three nested loops.

NumPy takes about as long for a copy of 24 bytes as for one of 200; packing is made of such copies.
"""

from __future__ import annotations

from fast_impl.machine.assembler import (
    NOT_ZERO,
    R8,
    R9,
    RAX,
    RCX,
    RDI,
    RDX,
    RSI,
    Assembler,
    At,
    Label,
)
from fast_impl.machine.sums import parts

# The fields of a call, in 8 bytes each; the kernel counts in the last one.
(
    SOURCE, TARGET, PANELS, OUTER, INNER, PANEL_STEP, OUTER_STEP, INNER_STEP, TARGET_STEP, _LEFT,
) = range(0, 80, 8)  # fmt: skip
CALL_WORDS = 10


def generate(length: int) -> bytes:
    """Machine code of the kernel for pieces of ``length`` bytes, a multiple of 4.

    It copies ``PANELS`` times ``OUTER`` times ``INNER`` pieces; after each turn of a loop the source moves by
    the step of that loop from where the turn began; after each piece the target moves by ``TARGET_STEP``.
    """
    asm = Assembler()
    panel, outer, inner = Label(), Label(), Label()
    asm.load(RDX, At(RDI, TARGET))
    asm.load(R8, At(RDI, INNER_STEP))
    asm.load(R9, At(RDI, TARGET_STEP))
    asm.place(panel)
    asm.load(RSI, At(RDI, SOURCE))
    asm.load(RAX, At(RDI, OUTER))
    asm.store(At(RDI, _LEFT), RAX)
    asm.place(outer)
    asm.load(RCX, At(RDI, INNER))
    asm.move(RAX, RSI)
    asm.place(inner)
    for start, size in parts(length):
        asm.load_vector(0, At(RAX, start), size)
        asm.store_vector(At(RDX, start), 0, size)
    asm.add(RAX, R8)
    asm.add(RDX, R9)
    asm.subtract_number(RCX, 1)
    asm.jump(inner, NOT_ZERO)
    asm.add(RSI, At(RDI, OUTER_STEP))
    asm.subtract_number(At(RDI, _LEFT), 1)
    asm.jump(outer, NOT_ZERO)
    asm.add_memory(At(RDI, SOURCE), At(RDI, PANEL_STEP), RAX)
    asm.subtract_number(At(RDI, PANELS), 1)
    asm.jump(panel, NOT_ZERO)
    asm.leave_vectors()
    asm.ret()
    return asm.code()
