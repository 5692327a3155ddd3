"""The kernel of products (`fast_impl.kernels.format`) for x86-64."""

from __future__ import annotations

from fast_impl.kernels.format import JOB_BYTES, Products
from fast_impl.kernels.target import Function, Target
from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembler import Assembler, Condition, Label, parts
from fast_impl.kernels.x86.registers import (
    R8,
    R9,
    R10,
    R11,
    RAX,
    RBX,
    RCX,
    RDX,
    At,
    Ymm,
    vector_registers,
)  # fmt: skip
from fast_impl.runtime import executable

# What the kernel counts in, behind the fields of a call, and room for a row of sums.
_LEFT = Products.SIZE
_SPILL = _LEFT + 16
# Pixels of a turn of the inner loop.
_STEPS = 2


def words(vector: int, widest: int) -> int:
    """Numbers of a call, with room for a row of sums."""
    return (_SPILL + widest * vector) // 8


def kernel(
    target: Target, rows: int, vectors: int, size: int, gradient_step: int, channels: int
) -> Function:
    """The kernel, ready to be called."""
    return executable.load(generate(target, rows, vectors, size, gradient_step, channels))


def generate(
    target: Target, rows: int, vectors: int, size: int, gradient_step: int, channels: int
) -> bytes:
    """Machine code of the kernel; see `fast_impl.kernels.target.Target.products`."""
    vector = target.vector
    registers = vector_registers(vector, target.registers)
    asm = Assembler()
    sums = [registers[row * vectors : (row + 1) * vectors] for row in range(rows)]
    inputs, rest = registers[rows * vectors :][:vectors], registers[(rows + 1) * vectors :]
    spare = rest[:2]
    job, panel, run, store = (Label() for _ in range(4))

    asm.push(RBX)
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
        for v in range(vectors):
            asm.load_vector(inputs[v], At(RDX, (number * vectors + v) * vector))
        for i, row in enumerate(sums):
            register = spare[i % len(spare)]
            asm.broadcast(register, At(RBX, number * gradient_step + i * size), size)
            for v in range(vectors):
                asm.multiply_add(row[v], register, inputs[v], size)

    def advance(steps: int) -> None:
        asm.add_number(RDX, steps * vectors * vector)
        asm.add_number(RBX, steps * gradient_step)

    asm.repeat(RAX, _STEPS, step, advance)
    asm.add_number(RCX, 12)
    asm.jump(run)

    asm.place(store)
    for row in sums:
        _add_row(asm, row, channels * size, size, vector, registers[-1])
        asm.add(R9, field(Products.RESULT_ROW))
    asm.add_number(R11, JOB_BYTES)
    asm.subtract_number(field(_LEFT), 1)
    asm.jump(job, Condition.NOT_ZERO)
    for moved, by in (
        (Products.INPUTS, Products.INPUTS_STEP),
        (Products.RESULT, Products.RESULT_STEP),
    ):
        asm.add_memory(field(moved), field(by), RAX)
    asm.subtract_number(field(Products.PANELS), 1)
    asm.jump(panel, Condition.NOT_ZERO)
    asm.leave_vectors()
    asm.pop(RBX)
    asm.ret()
    return asm.code()


def _add_row(
    asm: Assembler, row: list[Ymm], length: int, size: int, vector: int, free: Ymm
) -> None:
    """Add the first ``length`` bytes of a row of sums to those at r9."""
    if length == len(row) * vector:
        for v, register in enumerate(row):
            asm.add_vector(register, register, At(R9, v * vector), size)
            asm.store_vector(At(R9, v * vector), register)
        return
    for v, register in enumerate(row):
        asm.store_vector(field(_SPILL + v * vector), register)
    for start, piece in parts(length, vector):
        # Row by row, registers whose sums are stored already are free.
        asm.load_vector(row[0], field(_SPILL + start), piece)
        asm.load_vector(free, At(R9, start), piece)
        asm.add_vector(row[0], row[0], free, size)
        asm.store_vector(At(R9, start), row[0], piece)
