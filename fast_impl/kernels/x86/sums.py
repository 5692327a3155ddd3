"""The kernel of sums (`fast_impl.kernels.format`) for x86-64."""

from __future__ import annotations

from fast_impl.kernels.format import JOB_BYTES, Run, Sums, whole, whole_lines
from fast_impl.kernels.target import Function, Target
from fast_impl.kernels.x86.abi import ARGUMENT, SAVED, field, turn_again
from fast_impl.kernels.x86.assembly.assembler import Condition, Label
from fast_impl.kernels.x86.assembly.instructions import assembler
from fast_impl.kernels.x86.assembly.registers import (
    R8,
    R9,
    R10,
    RAX,
    RBP,
    RBX,
    RCX,
    RDX,
    RSI,
    At,
    Gpr,
)
from fast_impl.kernels.x86.assembly.vectors import Part
from fast_impl.runtime import executable

# What the kernel counts in, behind the fields of a call.
_LEFT, _JOB, _OUTPUT, _TILE, _SPILL = range(Sums.SIZE, Sums.SIZE + 40, 8)
# Numbers of a pixel in a turn of the inner loop.
_STEPS = 4


def words(vector: int, widest: int) -> int:
    """Numbers of a call, with room for the sums of a pixel, and for those of one that is written nowhere."""
    return (_SPILL + 2 * widest * vector) // 8


def kernel(target: Target, vectors: int, size: int, runs: tuple[Run, ...], again: bool) -> Function:
    """The kernel, ready to be called."""
    return executable.load(generate(target, vectors, size, runs, again))


def generate(target: Target, vectors: int, size: int, runs: tuple[Run, ...], again: bool) -> bytes:
    """Machine code of the kernel; see `fast_impl.kernels.target.Target.sums`."""
    rows, vector = target.tiles[vectors].rows, target.vector
    asm = assembler(target)
    registers = asm.registers(target.registers)
    sums = [registers[row * vectors : (row + 1) * vectors] for row in range(rows)]
    weights, rest = registers[rows * vectors :][:vectors], registers[(rows + 1) * vectors :]
    pixels = rest[:2]
    pointers = [Gpr(R8.number + row) for row in range(rows)]
    nowhere = _SPILL + target.widest * vector
    panel, job, tile, tap, store, job_done = (Label() for _ in range(6))

    in_order = whole(vectors * vector, size, runs)
    parts = [Part(run.lane * size, run.lanes * size, run.displacement, run.line) for run in runs]

    for saved in SAVED:
        asm.push(saved)
    asm.prepare_parts([part.length for part in parts], size, RAX)
    asm.load(RBP, field(Sums.NOTHING))
    asm.place(panel)
    asm.load(RAX, field(Sums.JOBS))
    asm.store(field(_JOB), RAX)
    asm.load(RAX, field(Sums.COUNT))
    asm.store(field(_LEFT), RAX)

    asm.place(job)
    asm.load(RAX, field(_JOB))
    asm.load(RCX, At(RAX, 0))
    asm.add(RCX, field(Sums.STREAMS))
    asm.load(RDX, At(RAX, 8))
    asm.add(RDX, field(Sums.INPUTS))
    asm.load(RBX, At(RAX, 16))
    asm.add(RBX, field(Sums.OUTPUTS))
    asm.store(field(_OUTPUT), RBX)

    asm.place(tile)
    asm.load_int32(RSI, At(RCX, 0))
    asm.add_number(RCX, 4)
    asm.store(field(_TILE), RCX)
    asm.add_number(RCX, 4 * rows)
    for row in sums:
        for register in row:
            asm.zero(register)
    asm.test(RSI)
    asm.jump(job_done, Condition.SIGN)
    asm.jump(store, Condition.ZERO)

    asm.place(tap)
    asm.load_int32(RAX, At(RCX, 0))
    asm.load_int32(RBX, At(RCX, 4))
    asm.add(RBX, field(Sums.WEIGHTS))
    for i, pointer in enumerate(pointers):
        asm.load_int32(pointer, At(RCX, 8 + 4 * i))
        asm.test(pointer)
        asm.add_two(pointer, RDX, pointer)
        asm.move_if(Condition.SIGN, pointer, RBP)

    def step(number: int) -> None:
        for v in range(vectors):
            asm.load_vector(weights[v], At(RBX, (number * vectors + v) * vector))
        for row, pointer in enumerate(pointers):
            pixel = pixels[row % len(pixels)]
            asm.multiply_add_number(sums[row], At(pointer, number * size), weights, size, pixel)

    def advance(steps: int) -> None:
        asm.add_number(RBX, steps * vectors * vector)
        for pointer in pointers:
            asm.add_number(pointer, steps * size)

    asm.repeat(RAX, _STEPS, step, advance)
    asm.add_number(RCX, 8 + 4 * rows)
    asm.subtract_number(RSI, 1)
    asm.jump(tap, Condition.NOT_ZERO)

    asm.place(store)
    asm.load(RAX, field(Sums.BIAS))
    asm.load(RSI, field(_TILE))
    asm.load(R9, field(_OUTPUT))
    asm.move(R10, ARGUMENT)
    asm.add_number(R10, nowhere)

    def find_output(row: int) -> None:
        asm.load_int32(R8, At(RSI, 4 * row))
        asm.test(R8)
        asm.add_two(R8, R9, R8)
        asm.move_if(Condition.SIGN, R8, R10)

    lines = whole_lines(vectors * vector, size, runs, again)
    if lines:
        near = Label()
        asm.load(RBX, field(Sums.AROUND))
        asm.test(RBX)
        asm.jump(near, Condition.ZERO)
        for i, row in enumerate(sums):
            find_output(i)
            for v, register in enumerate(row):
                asm.add_vector(register, register, At(RAX, v * vector), size)
                asm.store_around(At(R8, v * vector), register)
        asm.jump(tile)
        asm.place(near)
    for i, row in enumerate(sums):
        find_output(i)
        for v, register in enumerate(row):
            if not again:
                asm.add_vector(register, register, At(RAX, v * vector), size)
            elif in_order:
                asm.add_vector(register, register, At(R8, v * vector), size)
            if in_order:
                asm.store_vector(At(R8, v * vector), register)
        if not in_order:
            # The first register is free by now.
            asm.store_parts(
                R8,
                row,
                parts,
                size,
                add=again,
                room=field(_SPILL),
                spare=(registers[0], registers[-1]),
                step=field(Sums.LINE),
            )
    asm.jump(tile)

    asm.place(job_done)
    asm.add_number(field(_JOB), JOB_BYTES)
    asm.subtract_number(field(_LEFT), 1)
    asm.jump(job, Condition.NOT_ZERO)
    steps: dict[int, int | At] = {
        Sums.WEIGHTS: field(Sums.WEIGHTS_STEP),
        Sums.OUTPUTS: field(Sums.OUTPUTS_STEP),
        Sums.BIAS: vectors * vector,
    }
    turn_again(asm, panel, Sums.PANELS, steps)
    if lines:
        asm.fence()
    asm.leave_vectors()
    for saved in reversed(SAVED):
        asm.pop(saved)
    asm.ret()
    return asm.code()
