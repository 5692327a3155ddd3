"""The generated kernel that copies short pieces from place to place, in two nested loops.

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

(
    SOURCE, TARGET, OUTER, INNER, OUTER_STEP, INNER_STEP, TARGET_STEP,
) = range(0, 56, 8)  # fmt: skip
CALL_WORDS = 7


def generate(length: int) -> bytes:
    """Machine code of the kernel for pieces of ``length`` bytes, a multiple of 4.

    It copies ``OUTER`` times ``INNER`` pieces; the source moves by ``INNER_STEP`` after a piece, and from the
    start of one inner loop to the next by ``OUTER_STEP``; the target moves by ``TARGET_STEP`` after each piece.
    """
    asm = Assembler()
    outer, inner = Label(), Label()
    asm.load(RSI, At(RDI, SOURCE))
    asm.load(RDX, At(RDI, TARGET))
    asm.load(R8, At(RDI, INNER_STEP))
    asm.load(R9, At(RDI, TARGET_STEP))
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
    asm.subtract_number(At(RDI, OUTER), 1)
    asm.jump(outer, NOT_ZERO)
    asm.leave_vectors()
    asm.ret()
    return asm.code()
