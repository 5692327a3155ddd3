"""An assembler for the few x86-64 instructions that the generated kernels are made of.

Here are those of general registers; `fast_impl.kernels.x86.assembly.vex` and
`fast_impl.kernels.x86.assembly.evex` add instructions of vectors. Encodings follow the Intel 64 and IA-32
Architectures Software Developer's Manual, volume 2. Sizes and displacements are in bytes. What an instruction
cannot encode is refused, with a ``TypeError`` for an operand of another kind than its own and a ``ValueError``
for a size or number that it does not have.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable
from typing import TypeVar

from fast_impl.kernels.x86.assembly.registers import RBP, RSP, At, Gpr, Vector, int32

T = TypeVar("T")


class Condition(enum.IntEnum):
    """What a jump or move may ask of the flags, by its number in the opcode."""

    ZERO = 0x4
    NOT_ZERO = 0x5
    SIGN = 0x8
    LESS = 0xC
    NOT_LESS = 0xD


class Label:
    """A place in the code of one assembler; jumps may refer to it before it is placed."""


class Assembler:
    """Collects instructions; `code` returns their bytes."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._places: dict[Label, int] = {}
        self._jumps: list[tuple[int, Label]] = []

    def code(self) -> bytes:
        """Return the machine code, every jump filled in.

        Raises:
            ValueError: A jump to a label that was never placed.
        """
        made = bytearray(self._bytes)
        for use, label in self._jumps:
            if label not in self._places:
                raise ValueError("a jump goes to a label that was never placed")
            struct.pack_into("<i", made, use, self._places[label] - use - 4)
        return bytes(made)

    # --- general registers (64 bits) --------------------------------------------------------------

    def push(self, register: Gpr) -> None:
        """Save a register on the stack."""
        self._short(0x50, register)

    def pop(self, register: Gpr) -> None:
        """Take a register from the stack."""
        self._short(0x58, register)

    def ret(self) -> None:
        """Return to the caller."""
        self._emit(0xC3)

    def move(self, target: Gpr, source: Gpr) -> None:
        """``target = source``."""
        self._general((0x8B,), target, a(Gpr, source))

    def move_number(self, target: Gpr, number: int) -> None:
        """``target = number``, which fits 32 bits with its sign."""
        encoded = struct.pack("<i", int32("number", number))
        self._extended((0xC7,), 0, a(Gpr, target))
        self._bytes += encoded

    def load(self, target: Gpr, source: At) -> None:
        """``target = memory``."""
        self._general((0x8B,), target, a(At, source))

    def load_int32(self, target: Gpr, source: At) -> None:
        """``target = memory``, 32 bits with their sign; sets no flags."""
        self._general((0x63,), target, a(At, source))

    def store(self, target: At, source: Gpr) -> None:
        """``memory = source``."""
        self._general((0x89,), source, a(At, target))

    def add(self, target: Gpr, source: Gpr | At) -> None:
        """``target += source``."""
        self._general((0x03,), target, source)

    def add_two(self, target: Gpr, left: Gpr, right: Gpr) -> None:
        """``target = left + right``; sets no flags. ``right`` cannot be rsp."""
        to, base, index = (a(Gpr, register).number for register in (target, left, right))
        if right == RSP:
            raise ValueError("add_two: right=rsp cannot be encoded; rsp may be the left one")
        self._emit(0x48 | (to > 7) << 2 | (index > 7) << 1 | (base > 7), 0x8D)
        self._emit(0x44 | (to & 7) << 3, (index & 7) << 3 | base & 7, 0)

    def add_memory(self, target: At, source: At, spare: Gpr) -> None:
        """``memory += memory``, by way of a register."""
        if a(At, target).base == spare:
            raise ValueError("add_memory: spare must not be the register that target counts from")
        self.load(spare, source)
        self.add(spare, target)
        self.store(target, spare)

    def add_number(self, target: Gpr | At, number: int) -> None:
        """``target += number``, which fits 32 bits with its sign."""
        self._number(0, target, number)

    def subtract_number(self, target: Gpr | At, number: int) -> None:
        """``target -= number``, with the flags of the difference."""
        self._number(5, target, number)

    def compare(self, left: Gpr, right: Gpr | At) -> None:
        """Set the flags of ``left - right``."""
        self._general((0x3B,), left, right)

    def exchange(self, target: At, register: Gpr) -> None:
        """Exchange memory and a register, in one step for all processors."""
        self._general((0x87,), register, a(At, target))

    def exchange_add(self, target: At, register: Gpr) -> None:
        """``memory, register = memory + register, memory``, in one step for all processors."""
        self._emit(0xF0)
        self._general((0x0F, 0xC1), register, a(At, target))

    def test(self, register: Gpr) -> None:
        """Set the flags of a register's value."""
        self._general((0x85,), register, register)

    def move_if(self, condition: Condition, target: Gpr, source: Gpr) -> None:
        """``target = source`` if the flags say so."""
        self._general((0x0F, 0x40 + a(Condition, condition)), target, a(Gpr, source))

    def place(self, label: Label) -> None:
        """Put a label here.

        Raises:
            ValueError: It is somewhere else already.
        """
        if label in self._places:
            raise ValueError("a label has one place, and this one was placed before")
        self._places[a(Label, label)] = len(self._bytes)

    def jump(self, label: Label, condition: Condition | None = None) -> None:
        """Go on at a label, always or if the flags say so."""
        self._emit(*((0xE9,) if condition is None else (0x0F, 0x80 + a(Condition, condition))))
        self._jumps.append((len(self._bytes), a(Label, label)))
        self._emit(0, 0, 0, 0)

    def call(self, target: At) -> None:
        """Call the function whose address is in memory."""
        self._emit(*([0x41] if a(At, target).base.number > 7 else []), 0xFF)
        self._operand(2, target)

    def repeat(
        self,
        counter: Gpr,
        steps: int,
        body: Callable[[int], None],
        advance: Callable[[int], None],
    ) -> None:
        """Do something as often as a register says, which is 0 afterwards.

        Args:
            counter: The register.
            steps: How often in one turn of the loop, as long as so many are left; then one by one.
            body: Writes the code of step 0, 1, ... of a turn.
            advance: Writes the code that follows so many steps.
        """
        if steps < 1:
            raise ValueError(f"repeat: steps={steps} must be at least 1")
        turn, rest, one, done = Label(), Label(), Label(), Label()
        self.subtract_number(counter, steps)
        self.jump(rest, Condition.LESS)
        self.place(turn)
        for number in range(steps):
            body(number)
        advance(steps)
        self.subtract_number(counter, steps)
        self.jump(turn, Condition.NOT_LESS)
        self.place(rest)
        self.add_number(counter, steps)
        self.jump(done, Condition.ZERO)
        self.place(one)
        body(0)
        advance(1)
        self.subtract_number(counter, 1)
        self.jump(one, Condition.NOT_ZERO)
        self.place(done)

    def pause(self) -> None:
        """Let a loop that waits take less of the core."""
        self._emit(0xF3, 0x90)

    def system_call(self) -> None:
        """Ask the system, by the number in rax; changes rax, rcx and r11."""
        self._emit(0x0F, 0x05)

    # --- what the processor can do ----------------------------------------------------------------

    def cpuid(self) -> None:
        """Features of the processor by the numbers in rax and rcx; changes rax, rbx, rcx, rdx."""
        self._emit(0x0F, 0xA2)

    def xgetbv(self) -> None:
        """States that the system saves, by the number in rcx; changes rax and rdx."""
        self._emit(0x0F, 0x01, 0xD0)

    # --- encoding -----------------------------------------------------------------------------------

    def _emit(self, *values: int) -> None:
        self._bytes += bytes(values)

    def _short(self, opcode: int, register: Gpr) -> None:
        number = a(Gpr, register).number
        self._emit(*([0x41] if number > 7 else []), opcode + (number & 7))

    def _general(self, opcode: tuple[int, ...], register: Gpr, operand: Gpr | At) -> None:
        self._extended(opcode, a(Gpr, register).number, operand)

    def _extended(self, opcode: tuple[int, ...], register: int, operand: Gpr | At) -> None:
        """An instruction whose first operand is a register, or a part of the opcode, by its number."""
        base = operand.base if isinstance(operand, At) else a(Gpr, operand)
        self._emit(0x48 | (register > 7) << 2 | (base.number > 7), *opcode)
        self._operand(register, operand)

    def _number(self, operation: int, target: Gpr | At, number: int) -> None:
        short = -128 <= int32("number", number) < 128
        self._extended((0x83 if short else 0x81,), operation, target)
        self._bytes += struct.pack("<b" if short else "<i", number)

    def _operand(self, register: int, operand: Gpr | Vector | At, unit: int = 1) -> None:
        """The ModRM byte and what follows it; a displacement of one byte counts so many bytes."""
        middle = (register & 7) << 3
        if not isinstance(operand, At):
            self._emit(0xC0 | middle | operand.number & 7)
            return
        base, displacement = operand.base.number & 7, operand.displacement
        short = displacement % unit == 0 and -128 <= displacement // unit < 128
        kind = 0x00 if displacement == 0 and base != RBP.number else 0x40 if short else 0x80
        self._emit(kind | middle | base)
        if base == RSP.number:
            self._emit(0x24)
        if kind:
            self._bytes += (
                struct.pack("<b", displacement // unit)
                if short
                else struct.pack("<i", displacement)
            )


def a(kind: type[T], operand: T) -> T:
    """Return the operand if it is one of the kind that the instruction takes.

    Raises:
        TypeError: It is of another kind.
    """
    if not isinstance(operand, kind):
        raise TypeError(f"an instruction takes a {kind.__name__} here; got {operand!r}")
    return operand
