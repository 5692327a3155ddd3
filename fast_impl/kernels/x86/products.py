"""The generated kernel of the kernel's gradient: sums of products over pixels, kept in registers.

A tile of the result is some *rows* (neighbouring numbers of one pixel of the output's gradient) by a
panel of vectors (neighbouring channels of an input pixel). For each run of pixels the kernel
multiplies them all, pixel after pixel, and adds in registers; the sums are then added to what the
result held before. Which pixels those are is data, a *stream* of 32-bit integers: for each run its
length, the address of its inputs and of its gradients; then `END`. A *job*, three 64-bit integers, is
where a stream is, the gradients it counts from, and its tile of the result. One call does all jobs for
one panel of inputs after the other. All addresses and distances are in bytes.
"""

from __future__ import annotations

from fast_impl.kernels.x86.assembler import (
    NOT_ZERO,
    R8,
    R9,
    R10,
    R11,
    RAX,
    RBX,
    RCX,
    RDI,
    RDX,
    SIGN,
    Assembler,
    At,
    Label,
)
from fast_impl.kernels.x86.sums import VECTOR, parts

END = -1
# Pixels of a turn of the inner loop.
_STEPS = 2
JOB_BYTES = 24
# Most rows of a tile with 1, 2 or 3 vectors.
ROWS = {1: 8, 2: 6, 3: 4}

(
    JOBS, COUNT, STREAMS, INPUTS, GRADIENTS, RESULT, PANELS, INPUTS_STEP, RESULT_STEP, RESULT_ROW,
    _LEFT,
) = range(0, 88, 8)  # fmt: skip
_SPILL = 96
CALL_WORDS = (_SPILL + 3 * VECTOR) // 8


def generate(rows: int, vectors: int, size: int, gradient_step: int, channels: int) -> bytes:
    """Machine code of the kernel.

    Args:
        rows: Gradients of a pixel that it reads.
        vectors: Vectors of inputs of a pixel that it reads; the pixels of a panel lie side by side.
        size: Bytes of a number.
        gradient_step: Bytes from pixel to pixel of the gradients.
        channels: Those of the panel that exist in the result.
    """
    asm = Assembler()
    sums = [[row * vectors + v for v in range(vectors)] for row in range(rows)]
    inputs = list(range(rows * vectors, rows * vectors + vectors))
    spare = list(range(inputs[-1] + 1, 16))[:2]
    job, panel, run, store = (Label() for _ in range(4))

    asm.push(RBX)
    asm.place(panel)
    asm.load(R10, At(RDI, INPUTS))
    asm.load(R11, At(RDI, JOBS))
    asm.load(RAX, At(RDI, COUNT))
    asm.store(At(RDI, _LEFT), RAX)

    asm.place(job)
    asm.load(RCX, At(R11, 0))
    asm.add(RCX, At(RDI, STREAMS))
    asm.load(R8, At(R11, 8))
    asm.add(R8, At(RDI, GRADIENTS))
    asm.load(R9, At(R11, 16))
    asm.add(R9, At(RDI, RESULT))
    for row in sums:
        for register in row:
            asm.zero(register)

    asm.place(run)
    asm.load_int32(RAX, At(RCX, 0))
    asm.test(RAX)
    asm.jump(store, SIGN)
    asm.load_int32(RDX, At(RCX, 4))
    asm.add(RDX, R10)
    asm.load_int32(RBX, At(RCX, 8))
    asm.add(RBX, R8)

    def step(number: int) -> None:
        for v in range(vectors):
            asm.load_vector(inputs[v], At(RDX, (number * vectors + v) * VECTOR))
        for i, row in enumerate(sums):
            register = spare[i % len(spare)]
            asm.broadcast(register, At(RBX, number * gradient_step + i * size), size)
            for v in range(vectors):
                asm.multiply_add(row[v], register, inputs[v], size)

    def advance(steps: int) -> None:
        asm.add_number(RDX, steps * vectors * VECTOR)
        asm.add_number(RBX, steps * gradient_step)

    asm.repeat(RAX, _STEPS, step, advance)
    asm.add_number(RCX, 12)
    asm.jump(run)

    asm.place(store)
    for row in sums:
        _add_row(asm, row, channels, size)
        asm.add(R9, At(RDI, RESULT_ROW))
    asm.add_number(R11, JOB_BYTES)
    asm.subtract_number(At(RDI, _LEFT), 1)
    asm.jump(job, NOT_ZERO)
    for field, by in ((INPUTS, INPUTS_STEP), (RESULT, RESULT_STEP)):
        asm.add_memory(At(RDI, field), At(RDI, by), RAX)
    asm.subtract_number(At(RDI, PANELS), 1)
    asm.jump(panel, NOT_ZERO)
    asm.leave_vectors()
    asm.pop(RBX)
    asm.ret()
    return asm.code()


def _add_row(asm: Assembler, row: list[int], numbers: int, size: int) -> None:
    """Add the first numbers of a row of sums to those at r9."""
    if numbers * size == len(row) * VECTOR:
        for v, register in enumerate(row):
            asm.add_vector(register, register, At(R9, v * VECTOR), size)
            asm.store_vector(At(R9, v * VECTOR), register)
        return
    for v, register in enumerate(row):
        asm.store_vector(At(RDI, _SPILL + v * VECTOR), register)
    for start, length in parts(numbers * size):
        # Row by row, registers whose sums are stored already are free.
        asm.load_vector(row[0], At(RDI, _SPILL + start), length)
        asm.load_vector(15, At(R9, start), length)
        asm.add_vector(row[0], row[0], 15, size)
        asm.store_vector(At(R9, start), row[0], length)
