"""The kernel of products (`fast_impl.kernels.format`) for x86-64."""

from __future__ import annotations

from fast_impl.kernels.format import JOB_BYTES, Products
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
    RBX,
    RCX,
    RDX,
    At,
)
from fast_impl.kernels.x86.assembly.vectors import Part
from fast_impl.runtime import executable

# What the kernel counts in, behind the fields of a call, and room for a row of sums.
_LEFT = Products.SIZE
_SPILL = _LEFT + 16
# Pixels of a turn of the inner loop.
_STEPS = 2


def words(vector: int, widest: int) -> int:
    """Numbers of a call, with room for a row of sums."""
    return (_SPILL + widest * vector) // 8


def kernel(target: Target, *shape: int) -> Function:
    """The kernel, ready to be called; ``shape`` as for `generate`."""
    return executable.load(generate(target, *shape))


def generate(
    target: Target,
    rows: int,
    vectors: int,
    size: int,
    gradient_step: int,
    channels: int,
    input_step: int,
) -> bytes:
    """Machine code of the kernel; see `fast_impl.kernels.target.Target.products`."""
    vector = target.vector
    asm = assembler(target)
    registers = asm.registers(target.registers)
    sums = [registers[row * vectors : (row + 1) * vectors] for row in range(rows)]
    inputs, rest = registers[rows * vectors :][:vectors], registers[(rows + 1) * vectors :]
    spare = rest[:2]
    panel_bytes = vectors * vector
    # Without masks, inputs are packed in whole panels; others may end with the last channel, wherever they lie.
    read = channels * size if target.masks or input_step != panel_bytes else panel_bytes
    job, panel, run, store = (Label() for _ in range(4))

    asm.push(RBX)
    asm.prepare_parts([channels * size], size, RAX)
    asm.place(panel)
    asm.load(R10, field(Products.INPUTS))
    asm.load(R11, field(Products.JOBS))
    asm.load(RAX, field(Products.COUNT))
    asm.store(field(_LEFT), RAX)

    asm.place(job)
    asm.load(RCX, At(R11, 0))
    asm.add(RCX, field(Products.STREAMS))
    asm.load(R8, At(R11, 8))
    asm.add(R8, field(Products.GRADIENTS))
    asm.load(R9, At(R11, 16))
    asm.add(R9, field(Products.RESULT))
    for row in sums:
        for register in row:
            asm.zero(register)

    asm.place(run)
    asm.load_int32(RAX, At(RCX, 0))
    asm.test(RAX)
    asm.jump(store, Condition.SIGN)
    asm.load_int32(RDX, At(RCX, 4))
    asm.add(RDX, R10)
    asm.load_int32(RBX, At(RCX, 8))
    asm.add(RBX, R8)

    def step(number: int) -> None:
        asm.load_side_by_side(inputs, At(RDX, number * input_step), read)
        for i, row in enumerate(sums):
            place = At(RBX, number * gradient_step + i * size)
            asm.multiply_add_number(row, place, inputs, size, spare[i % len(spare)])

    def advance(steps: int) -> None:
        asm.add_number(RDX, steps * input_step)
        asm.add_number(RBX, steps * gradient_step)

    asm.repeat(RAX, _STEPS, step, advance)
    asm.add_number(RCX, 12)
    asm.jump(run)

    asm.place(store)
    for row in sums:
        if channels * size == panel_bytes:
            for v, register in enumerate(row):
                asm.add_vector(register, register, At(R9, v * vector), size)
                asm.store_vector(At(R9, v * vector), register)
        else:
            # Row by row, registers whose sums are stored already are free.
            asm.store_parts(
                R9, row, [Part(0, channels * size, 0)], size, add=True, room=field(_SPILL),
                spare=(row[0], registers[-1]),
            )  # fmt: skip
        asm.add(R9, field(Products.RESULT_ROW))
    asm.add_number(R11, JOB_BYTES)
    asm.subtract_number(field(_LEFT), 1)
    asm.jump(job, Condition.NOT_ZERO)
    steps = {
        Products.INPUTS: field(Products.INPUTS_STEP),
        Products.RESULT: field(Products.RESULT_STEP),
    }
    turn_again(asm, panel, Products.PANELS, steps)
    asm.leave_vectors()
    asm.pop(RBX)
    asm.ret()
    return asm.code()
