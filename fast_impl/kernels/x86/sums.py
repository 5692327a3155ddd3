"""The generated kernel: sums of products over taps and channels, kept in registers.

A *tile* is some pixels (`rows`) by some lanes (`vectors` times the numbers in 32 bytes). For each tap of the tile
the kernel goes through ``length`` neighbouring numbers of each pixel's input, multiplies each by as
many vectors of packed weights, and adds in registers; the finished sums, with the bias, are written
once. Which numbers those are is data, a *stream* of 32-bit integers:

    tile:  taps, address of each pixel's output (or `NOWHERE`), then for each tap
           length, address of its weights, address of each pixel's input (or `ZEROS`)
    end:   `END`

Addresses are in bytes and relative to those of a *job*, three 64-bit integers: where its stream is, its
inputs and its outputs. One call does all jobs for one panel of weights after the other.

A call may say that outputs go around the caches: a result that is larger than they are need not be read
into them before it is written. Only whole lines do (`whole_lines`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fast_impl.kernels.x86.assembler import (
    NOT_ZERO,
    R8,
    R9,
    R10,
    RAX,
    RBP,
    RBX,
    RCX,
    RDI,
    RDX,
    RSI,
    SIGN,
    ZERO,
    Assembler,
    At,
    Label,
)

VECTOR = 32
ZEROS = NOWHERE = END = -1
SAVED = (RBX, RBP, 12, 13, 14, 15)
# Pixels of a tile for 1, 2, 3 vectors: sums, weights and one input fill the sixteen registers, and
# there are enough sums to hide how long an addition takes.
ROWS = {1: 8, 2: 6, 3: 4}

# The fields of a call, in 8 bytes each; the kernel counts in the last ones.
(
    JOBS, COUNT, STREAMS, INPUTS, WEIGHTS, OUTPUTS, BIAS, NOTHING, PANELS, WEIGHTS_STEP, OUTPUTS_STEP,
    AROUND, _LEFT, _JOB, _OUTPUT, _TILE,
) = range(0, 128, 8)  # fmt: skip
JOB_BYTES = 24
# Numbers of a pixel in a turn of the inner loop.
_STEPS = 4
# Behind the fields, room for the sums of a pixel, and for those of one that is written nowhere.
_SPILL = 128
_NOWHERE = _SPILL + 3 * VECTOR
CALL_WORDS = (_NOWHERE + 3 * VECTOR) // 8


class Run(NamedTuple):
    """Neighbouring lanes that are neighbours in the output, too, ``displacement`` bytes on."""

    lane: int
    lanes: int
    displacement: int


def generate(vectors: int, size: int, runs: tuple[Run, ...], again: bool) -> bytes:
    """Machine code of the kernel for numbers of ``size`` bytes.

    Args:
        vectors: Vectors of a panel.
        size: Bytes of a number.
        runs: What is written of a panel.
        again: Add the sums to what the output holds, and nothing else; not to it a bias.
    """
    rows = ROWS[vectors]
    asm = Assembler()
    sums = [[row * vectors + v for v in range(vectors)] for row in range(rows)]
    weights = list(range(rows * vectors, rows * vectors + vectors))
    pixels = list(range(weights[-1] + 1, 16))[:2]
    pointers = [R8 + row for row in range(rows)]
    panel, job, tile, tap, store, job_done = (Label() for _ in range(6))

    for register in SAVED:
        asm.push(register)
    asm.load(RBP, At(RDI, NOTHING))
    asm.place(panel)
    asm.load(RAX, At(RDI, JOBS))
    asm.store(At(RDI, _JOB), RAX)
    asm.load(RAX, At(RDI, COUNT))
    asm.store(At(RDI, _LEFT), RAX)

    asm.place(job)
    asm.load(RAX, At(RDI, _JOB))
    asm.load(RCX, At(RAX, 0))
    asm.add(RCX, At(RDI, STREAMS))
    asm.load(RDX, At(RAX, 8))
    asm.add(RDX, At(RDI, INPUTS))
    asm.load(RBX, At(RAX, 16))
    asm.add(RBX, At(RDI, OUTPUTS))
    asm.store(At(RDI, _OUTPUT), RBX)

    asm.place(tile)
    asm.load_int32(RSI, At(RCX, 0))
    asm.add_number(RCX, 4)
    asm.store(At(RDI, _TILE), RCX)
    asm.add_number(RCX, 4 * rows)
    for row in sums:
        for register in row:
            asm.zero(register)
    asm.test(RSI)
    asm.jump(job_done, SIGN)
    asm.jump(store, ZERO)

    asm.place(tap)
    asm.load_int32(RAX, At(RCX, 0))
    asm.load_int32(RBX, At(RCX, 4))
    asm.add(RBX, At(RDI, WEIGHTS))
    for i, pointer in enumerate(pointers):
        asm.load_int32(pointer, At(RCX, 8 + 4 * i))
        asm.test(pointer)
        asm.add_two(pointer, RDX, pointer)
        asm.move_if(SIGN, pointer, RBP)

    def step(number: int) -> None:
        for v in range(vectors):
            asm.load_vector(weights[v], At(RBX, (number * vectors + v) * VECTOR))
        for row, pointer in enumerate(pointers):
            pixel = pixels[row % len(pixels)]
            asm.broadcast(pixel, At(pointer, number * size), size)
            for v in range(vectors):
                asm.multiply_add(sums[row][v], pixel, weights[v], size)

    def advance(steps: int) -> None:
        asm.add_number(RBX, steps * vectors * VECTOR)
        for pointer in pointers:
            asm.add_number(pointer, steps * size)

    asm.repeat(RAX, _STEPS, step, advance)
    asm.add_number(RCX, 8 + 4 * rows)
    asm.subtract_number(RSI, 1)
    asm.jump(tap, NOT_ZERO)

    asm.place(store)
    asm.load(RAX, At(RDI, BIAS))
    asm.load(RSI, At(RDI, _TILE))
    asm.load(R9, At(RDI, _OUTPUT))
    asm.move(R10, RDI)
    asm.add_number(R10, _NOWHERE)
    whole = _whole(vectors, size, runs)

    def find_output(row: int) -> None:
        asm.load_int32(R8, At(RSI, 4 * row))
        asm.test(R8)
        asm.add_two(R8, R9, R8)
        asm.move_if(SIGN, R8, R10)

    lines = whole_lines(vectors, size, runs, again)
    if lines:
        near = Label()
        asm.load(RBX, At(RDI, AROUND))
        asm.test(RBX)
        asm.jump(near, ZERO)
        for i, row in enumerate(sums):
            find_output(i)
            for v, register in enumerate(row):
                asm.add_vector(register, register, At(RAX, v * VECTOR), size)
                asm.store_around(At(R8, v * VECTOR), register)
        asm.jump(tile)
        asm.place(near)
    for i, row in enumerate(sums):
        find_output(i)
        for v, register in enumerate(row):
            if not again:
                asm.add_vector(register, register, At(RAX, v * VECTOR), size)
            elif whole:
                asm.add_vector(register, register, At(R8, v * VECTOR), size)
            asm.store_vector(
                At(R8 if whole else RDI, (0 if whole else _SPILL) + v * VECTOR), register
            )
        for run in () if whole else runs:
            _copy_run(asm, run, size, again)
    asm.jump(tile)

    asm.place(job_done)
    asm.add_number(At(RDI, _JOB), JOB_BYTES)
    asm.subtract_number(At(RDI, _LEFT), 1)
    asm.jump(job, NOT_ZERO)
    for field, by in ((WEIGHTS, WEIGHTS_STEP), (OUTPUTS, OUTPUTS_STEP)):
        asm.add_memory(At(RDI, field), At(RDI, by), RAX)
    asm.add_number(At(RDI, BIAS), vectors * VECTOR)
    asm.subtract_number(At(RDI, PANELS), 1)
    asm.jump(panel, NOT_ZERO)
    if lines:
        asm.fence()
    asm.leave_vectors()
    for register in reversed(SAVED):
        asm.pop(register)
    asm.ret()
    return asm.code()


def whole_lines(vectors: int, size: int, runs: tuple[Run, ...], again: bool) -> bool:
    """Whether all that is written of a panel are lines of the cache, where it begins with one."""
    return vectors == 2 and not again and _whole(vectors, size, runs)


def _whole(vectors: int, size: int, runs: tuple[Run, ...]) -> bool:
    """Whether all lanes of a panel are written, one after the other."""
    return [run.lanes * size for run in runs] == [vectors * VECTOR]


def _copy_run(asm: Assembler, run: Run, size: int, again: bool) -> None:
    """Copy (or add) sums of the pixel that was spilled to its output; register 0 is free by now."""
    for start, length in parts(run.lanes * size):
        target = At(R8, run.displacement + start)
        asm.load_vector(0, At(RDI, _SPILL + run.lane * size + start), length)
        if again:
            asm.load_vector(15, target, length)
            asm.add_vector(0, 0, 15, size)
        asm.store_vector(target, 0, length)


def parts(length: int) -> Iterator[tuple[int, int]]:
    """Start and size of the pieces of 32, 16, 8 and 4 bytes that make up ``length`` bytes."""
    start = 0
    for size in (32, 16, 8, 4):
        while length - start >= size:
            yield start, size
            start += size
