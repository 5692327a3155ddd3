"""The generated kernel that copies short pieces from place to place, in three nested loops.

NumPy takes about as long for a copy of 24 bytes as for one of 200; packing is made of such copies.
"""

from __future__ import annotations

from fast_impl.kernels.x86.assembler import (
    NOT_ZERO,
    R8,
    R9,
    R10,
    R11,
    RAX,
    RCX,
    RDI,
    RDX,
    RSI,
    Assembler,
    At,
    Label,
)
from fast_impl.kernels.x86.sums import parts

# The fields of a call, in 8 bytes each; the kernel counts in some of them.
(
    SOURCE, TARGET, OUTER, PANELS, INNER, OUTER_STEP, PANEL_STEP, INNER_STEP,
    TARGET_OUTER_STEP, TARGET_PANEL_STEP, TARGET_INNER_STEP,
) = range(0, 88, 8)  # fmt: skip
CALL_WORDS = 11


def generate(length: int) -> bytes:
    """Machine code of the kernel for pieces of ``length`` bytes, a multiple of 4.

    It copies ``OUTER`` times ``PANELS`` times ``INNER`` pieces; after each turn of a loop source and target move
    by their steps of that loop from where the turn began.
    """
    asm = Assembler()
    outer, panel, inner = Label(), Label(), Label()
    asm.load(R8, At(RDI, INNER_STEP))
    asm.load(R9, At(RDI, TARGET_INNER_STEP))
    asm.place(outer)
    asm.load(RSI, At(RDI, SOURCE))
    asm.load(R10, At(RDI, TARGET))
    asm.load(R11, At(RDI, PANELS))
    asm.place(panel)
    asm.load(RCX, At(RDI, INNER))
    asm.move(RAX, RSI)
    asm.move(RDX, R10)
    asm.place(inner)
    for start, size in parts(length):
        asm.load_vector(0, At(RAX, start), size)
        asm.store_vector(At(RDX, start), 0, size)
    asm.add(RAX, R8)
    asm.add(RDX, R9)
    asm.subtract_number(RCX, 1)
    asm.jump(inner, NOT_ZERO)
    asm.add(RSI, At(RDI, PANEL_STEP))
    asm.add(R10, At(RDI, TARGET_PANEL_STEP))
    asm.subtract_number(R11, 1)
    asm.jump(panel, NOT_ZERO)
    asm.add_memory(At(RDI, SOURCE), At(RDI, OUTER_STEP), RAX)
    asm.add_memory(At(RDI, TARGET), At(RDI, TARGET_OUTER_STEP), RAX)
    asm.subtract_number(At(RDI, OUTER), 1)
    asm.jump(outer, NOT_ZERO)
    asm.leave_vectors()
    asm.ret()
    return asm.code()
