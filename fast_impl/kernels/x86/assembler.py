"""An assembler for the few x86-64 instructions that the generated kernels are made of.

Encodings follow the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2. General
registers are numbers as the processor counts them (`RAX` to `R15`), vector registers are 0 to 15.
Sizes and displacements are in bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = range(16)

# Conditions of jumps and moves, by their number in the opcode.
ZERO, NOT_ZERO, SIGN, LESS, NOT_LESS = 0x4, 0x5, 0x8, 0xC, 0xD

# Opcode maps and prefixes of VEX.
_0F, _0F38, _0F3A = 1, 2, 3
_NONE, _66, _F3, _F2 = range(4)


class At(NamedTuple):
    """The memory at a general register plus a displacement."""

    base: int
    displacement: int


class Label:
    """A place in the code; jumps may refer to it before it is placed."""

    def __init__(self) -> None:
        self.place: int | None = None
        self.uses: list[int] = []


class Assembler:
    """Collects instructions; `code` returns their bytes."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._labels: list[Label] = []

    def code(self) -> bytes:
        """Return the machine code, every jump filled in.

        Raises:
            ValueError: A jump to a label that was never placed.
        """
        made = bytearray(self._bytes)
        for label in self._labels:
            if label.place is None:
                raise ValueError("a jump goes to a label that was never placed")
            for use in label.uses:
                struct.pack_into("<i", made, use, label.place - use - 4)
        return bytes(made)

    # --- general registers (64 bits) --------------------------------------------------------------

    def push(self, register: int) -> None:
        """Save a register on the stack."""
        self._emit(*([0x41] if register > 7 else []), 0x50 + (register & 7))

    def pop(self, register: int) -> None:
        """Take a register from the stack."""
        self._emit(*([0x41] if register > 7 else []), 0x58 + (register & 7))

    def ret(self) -> None:
        """Return to the caller."""
        self._emit(0xC3)

    def move(self, target: int, source: int) -> None:
        """``target = source``."""
        self._general(0x8B, target, source)

    def move_number(self, target: int, number: int) -> None:
        """``target = number``, which fits 32 bits with its sign."""
        self._general(0xC7, 0, target)
        self._bytes += struct.pack("<i", number)

    def load(self, target: int, source: At) -> None:
        """``target = memory``."""
        self._general(0x8B, target, source)

    def load_int32(self, target: int, source: At) -> None:
        """``target = memory``, 32 bits with their sign; sets no flags."""
        self._general(0x63, target, source)

    def store(self, target: At, source: int) -> None:
        """``memory = source``."""
        self._general(0x89, source, target)

    def add(self, target: int, source: int | At) -> None:
        """``target += source``."""
        self._general(0x03, target, source)

    def add_two(self, target: int, left: int, right: int) -> None:
        """``target = left + right``, no number rsp; sets no flags."""
        self._emit(0x48 | (target > 7) << 2 | (right > 7) << 1 | (left > 7), 0x8D)
        self._emit(0x44 | (target & 7) << 3, (right & 7) << 3 | left & 7, 0)

    def add_memory(self, target: At, source: At, spare: int) -> None:
        """``memory += memory``, by way of a register."""
        self.load(spare, source)
        self.add(spare, target)
        self.store(target, spare)

    def add_number(self, target: int | At, number: int) -> None:
        """``target += number``, which fits 32 bits with its sign."""
        self._number(0, target, number)

    def subtract_number(self, target: int | At, number: int) -> None:
        """``target -= number``, with the flags of the difference."""
        self._number(5, target, number)

    def test(self, register: int) -> None:
        """Set the flags of a register's value."""
        self._general(0x85, register, register)

    def move_if(self, condition: int, target: int, source: int) -> None:
        """``target = source`` if the flags say so."""
        self._general((0x0F, 0x40 + condition), target, source)

    def place(self, label: Label) -> None:
        """Put a label here."""
        label.place = len(self._bytes)

    def jump(self, label: Label, condition: int | None = None) -> None:
        """Go on at a label, always or if the flags say so."""
        self._emit(*((0xE9,) if condition is None else (0x0F, 0x80 + condition)))
        if not label.uses:
            self._labels.append(label)
        label.uses.append(len(self._bytes))
        self._emit(0, 0, 0, 0)

    def repeat(
        self,
        counter: int,
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
        turn, rest, one, done = Label(), Label(), Label(), Label()
        self.subtract_number(counter, steps)
        self.jump(rest, LESS)
        self.place(turn)
        for number in range(steps):
            body(number)
        advance(steps)
        self.subtract_number(counter, steps)
        self.jump(turn, NOT_LESS)
        self.place(rest)
        self.add_number(counter, steps)
        self.jump(done, ZERO)
        self.place(one)
        body(0)
        advance(1)
        self.subtract_number(counter, 1)
        self.jump(one, NOT_ZERO)
        self.place(done)

    # --- what the processor can do ----------------------------------------------------------------

    def cpuid(self) -> None:
        """Features of the processor by the numbers in rax and rcx; changes rax, rbx, rcx, rdx."""
        self._emit(0x0F, 0xA2)

    def xgetbv(self) -> None:
        """States that the system saves, by the number in rcx; changes rax and rdx."""
        self._emit(0x0F, 0x01, 0xD0)

    # --- vectors: 32 bytes, numbers of 4 or 8 ------------------------------------------------------

    def zero(self, target: int) -> None:
        """Set every number to 0."""
        self._vex(_0F, _NONE, 0x57, target, target, target)

    def store_vector(self, target: At, source: int, size: int = 32) -> None:
        """Write the first 32, 16, 8 or 4 bytes, at any address."""
        prefix = _F3 if size == 4 else _NONE
        self._vex(_0F, prefix, 0x13 if size == 8 else 0x11, source, 0, target, wide=size == 32)

    def store_around(self, target: At, source: int) -> None:
        """Write 32 bytes to an address that divides by 32, past the caches; see `fence`."""
        self._vex(_0F, _NONE, 0x2B, source, 0, target)

    def fence(self) -> None:
        """Let no later write be seen before those that went past the caches."""
        self._emit(0x0F, 0xAE, 0xF8)

    def load_vector(self, target: int, source: At, size: int = 32) -> None:
        """Read 32, 16, 8 or 4 bytes, at any address; what is above them becomes 0."""
        prefix = {32: _NONE, 16: _NONE, 8: _F2, 4: _F3}[size]
        self._vex(_0F, prefix, 0x10, target, 0, source, wide=size == 32)

    def broadcast(self, target: int, source: At, size: int) -> None:
        """Set every number to the one of 4 or 8 bytes in memory."""
        self._vex(_0F38, _66, 0x18 if size == 4 else 0x19, target, 0, source)

    def multiply_add(self, target: int, left: int, right: int, size: int) -> None:
        """``target += left * right``, rounded once, of numbers of 4 or 8 bytes."""
        self._vex(_0F38, _66, 0xB8, target, left, right, double=size == 8)

    def add_vector(self, target: int, left: int, right: int | At, size: int) -> None:
        """``target = left + right``, of numbers of 4 or 8 bytes."""
        self._vex(_0F, _NONE if size == 4 else _66, 0x58, target, left, right)

    def leave_vectors(self) -> None:
        """Clear the upper halves, as the caller wants them."""
        self._emit(0xC5, 0xF8, 0x77)

    # --- encoding -----------------------------------------------------------------------------------

    def _emit(self, *values: int) -> None:
        self._bytes += bytes(values)

    def _general(self, opcode: int | tuple[int, ...], register: int, operand: int | At) -> None:
        base = operand.base if isinstance(operand, At) else operand
        self._emit(0x48 | (register > 7) << 2 | (base > 7))
        self._emit(*((opcode,) if isinstance(opcode, int) else opcode))
        self._operand(register, operand)

    def _number(self, operation: int, target: int | At, number: int) -> None:
        short = -128 <= number < 128
        self._general(0x83 if short else 0x81, operation, target)
        self._bytes += struct.pack("<b" if short else "<i", number)

    def _vex(
        self,
        opcodes: int,
        prefix: int,
        opcode: int,
        register: int,
        first: int,
        operand: int | At,
        *,
        wide: bool = True,
        double: bool = False,
    ) -> None:
        base = operand.base if isinstance(operand, At) else operand
        last = (~first & 15) << 3 | wide << 2 | prefix
        if opcodes == _0F and base < 8:
            self._emit(0xC5, (register < 8) << 7 | last)
        else:
            self._emit(0xC4, (register < 8) << 7 | 0x40 | (base < 8) << 5 | opcodes)
            self._emit(double << 7 | last)
        self._emit(opcode)
        self._operand(register, operand)

    def _operand(self, register: int, operand: int | At) -> None:
        """The ModRM byte and what follows it."""
        middle = (register & 7) << 3
        if not isinstance(operand, At):
            self._emit(0xC0 | middle | operand & 7)
            return
        base, displacement = operand.base & 7, operand.displacement
        short = -128 <= displacement < 128
        kind = 0x00 if displacement == 0 and base != RBP else 0x40 if short else 0x80
        self._emit(kind | middle | base)
        if base == RSP:
            self._emit(0x24)
        if kind:
            self._bytes += struct.pack("<b" if short else "<i", displacement)
