"""The kernels of turns and of formats (`fast_impl.kernels.format`) for x86-64."""

from __future__ import annotations

from fast_impl.kernels.format import Formats, Turns
from fast_impl.kernels.target import Function, Target
from fast_impl.kernels.x86.abi import field, turn_again
from fast_impl.kernels.x86.assembly.assembler import Condition, Label
from fast_impl.kernels.x86.assembly.instructions import assembler
from fast_impl.kernels.x86.assembly.registers import R8, R9, R10, R11, RAX, RCX, RDX, RSI, At
from fast_impl.runtime import executable

# Rows that are turned together: as many numbers as a quarter of a vector of 64 bytes.
_ROWS = 4
# Behind the fields of a call of turns: where columns begin in the target.
_COLUMN = Turns.SIZE
TURN_WORDS, CHANGE_WORDS = (_COLUMN + 8) // 8, Formats.SIZE // 8


def turn(target: Target) -> Function:
    """The kernel that turns images, ready to be called."""
    return executable.load(generate_turn(target))


def change(target: Target, narrow: str, widens: bool) -> Function:
    """The kernel from a format, if it ``widens``, or to it, ready to be called."""
    return executable.load(generate_change(target, narrow, widens))


def generate_turn(target: Target) -> bytes:
    """Machine code of the kernel; see `fast_impl.kernels.target.Target.turns`."""
    asm = assembler(target)
    rows, halves = asm.registers(2 * _ROWS)[:_ROWS], asm.registers(2 * _ROWS)[_ROWS:]
    image, column, row = Label(), Label(), Label()
    asm.load(R8, field(Turns.SOURCE_ROW))
    asm.load(R9, field(Turns.TARGET_ROW))
    asm.place(image)
    # Where the columns begin that are turned next, in the source and in the target.
    asm.load(RSI, field(Turns.SOURCE))
    asm.load(R10, field(Turns.TARGET))
    asm.store(field(_COLUMN), R10)
    asm.load(R11, field(Turns.COLUMNS))

    asm.place(column)
    asm.load(RCX, field(Turns.ROWS))
    asm.move(RAX, RSI)
    asm.place(row)
    for register in rows:
        asm.load_vector(register, At(RAX))
        asm.add(RAX, R8)
    # Numbers of two rows in turn, and of four: each 16 bytes are a column.
    for upper in (False, True):
        asm.interleave(halves[upper], rows[0], rows[1], 4, upper=upper)
        asm.interleave(halves[2 + upper], rows[2], rows[3], 4, upper=upper)
    for number, register in enumerate(rows):
        second, odd = divmod(number, 2)
        asm.interleave(register, halves[second], halves[2 + second], 8, upper=odd == 1)
    asm.move(RDX, R10)
    for quarter in range(target.vector // 16):
        for register in rows:
            asm.store_quarter(At(RDX), register, quarter)
            asm.add(RDX, R9)
    asm.add_number(R10, 16)
    asm.subtract_number(RCX, 1)
    asm.jump(row, Condition.NOT_ZERO)
    asm.add_number(RSI, target.vector)
    asm.load(R10, field(_COLUMN))
    asm.move(RAX, R9)
    for _ in range(target.vector.bit_length() - 3):
        asm.add(RAX, RAX)
    asm.add(R10, RAX)
    asm.store(field(_COLUMN), R10)
    asm.subtract_number(R11, 1)
    asm.jump(column, Condition.NOT_ZERO)

    steps = {Turns.SOURCE: field(Turns.SOURCE_IMAGE), Turns.TARGET: field(Turns.TARGET_IMAGE)}
    turn_again(asm, image, Turns.IMAGES, steps)
    asm.leave_vectors()
    asm.ret()
    return asm.code()


def generate_change(target: Target, narrow: str, widens: bool) -> bytes:
    """Machine code of the kernel; see `fast_impl.kernels.target.Target.formats`."""
    asm = assembler(target)
    (register,) = asm.registers(1)
    image, number = Label(), Label()
    half = target.vector // 2
    asm.place(image)
    asm.load(RAX, field(Formats.SOURCE))
    asm.load(RDX, field(Formats.TARGET))
    asm.load(RCX, field(Formats.COUNT))
    asm.place(number)
    if widens:
        asm.widen(register, At(RAX), narrow)
        asm.store_vector(At(RDX), register)
    else:
        asm.load_vector(register, At(RAX))
        asm.narrow(At(RDX), register)
    asm.add_number(RAX, half if widens else target.vector)
    asm.add_number(RDX, target.vector if widens else half)
    asm.subtract_number(RCX, 1)
    asm.jump(number, Condition.NOT_ZERO)
    steps = {
        Formats.SOURCE: field(Formats.SOURCE_IMAGE),
        Formats.TARGET: field(Formats.TARGET_IMAGE),
    }
    turn_again(asm, image, Formats.IMAGES, steps)
    asm.leave_vectors()
    asm.ret()
    return asm.code()
