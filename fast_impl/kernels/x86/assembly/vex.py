"""Vectors of 32 bytes: instructions of AVX, AVX2 and FMA, encoded with VEX."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from fast_impl.kernels.x86.assembly.assembler import a
from fast_impl.kernels.x86.assembly.registers import At, Gpr, Vector, Ymm
from fast_impl.kernels.x86.assembly.vectors import (
    MAP_0F,
    MAP_0F3A,
    MAP_0F38,
    NONE,
    P66,
    PF2,
    PF3,
    Part,
    VectorAssembler,
    double,
    known,
    quarter,
)

# Prefix and opcode of the instructions that read and write some bytes of a vector.
_LOADS = {32: (NONE, 0x10), 16: (NONE, 0x10), 8: (PF2, 0x10), 4: (PF3, 0x10)}
_STORES = {32: (NONE, 0x11), 16: (NONE, 0x11), 8: (NONE, 0x13), 4: (PF3, 0x11)}


class VexAssembler(VectorAssembler):
    """The instructions that kernels for AVX2 are made of."""

    vector = 32
    masks = False
    kind = Ymm

    def zero(self, target: Vector) -> None:
        """Set every number to 0."""
        self._vex(MAP_0F, NONE, 0x57, target, target, target)

    def store_vector(self, target: At, source: Vector, size: int = 32) -> None:
        """Write the first 32, 16, 8 or 4 bytes, at any address."""
        prefix, opcode = _STORES[_size(size, _STORES)]
        self._vex(MAP_0F, prefix, opcode, source, None, a(At, target), wide=size == 32)

    def store_around(self, target: At, source: Vector) -> None:
        """Write a vector to an address that divides by its size, past the caches; see `fence`."""
        self._vex(MAP_0F, NONE, 0x2B, source, None, a(At, target))

    def load_vector(self, target: Vector, source: At, size: int = 32) -> None:
        """Read 32, 16, 8 or 4 bytes, at any address; what is above them becomes 0."""
        prefix, opcode = _LOADS[_size(size, _LOADS)]
        self._vex(MAP_0F, prefix, opcode, target, None, a(At, source), wide=size == 32)

    def broadcast(self, target: Vector, source: At, size: int) -> None:
        """Set every number to the one of 4 or 8 bytes in memory."""
        opcode = 0x19 if double(size) else 0x18
        self._vex(MAP_0F38, P66, opcode, target, None, a(At, source))

    def multiply_add(self, target: Vector, left: Vector, right: Vector, size: int) -> None:
        """``target += left * right``, rounded once, of numbers of 4 or 8 bytes."""
        wide = double(size)
        self._vex(MAP_0F38, P66, 0xB8, target, a(Ymm, left), a(Ymm, right), double=wide)

    def add_vector(self, target: Vector, left: Vector, right: Vector | At, size: int) -> None:
        """``target = left + right``, of numbers of 4 or 8 bytes."""
        self._vex(MAP_0F, P66 if double(size) else NONE, 0x58, target, a(Ymm, left), right)

    def interleave(
        self, target: Vector, left: Vector, right: Vector, size: int, *, upper: bool = False
    ) -> None:
        """In each 16 bytes, take numbers in turn from the lower or upper 8 bytes of ``left`` and of ``right``."""
        prefix = P66 if double(size) else NONE
        self._vex(MAP_0F, prefix, 0x15 if upper else 0x14, target, a(Ymm, left), a(Ymm, right))

    def store_quarter(self, target: At, source: Vector, number: int) -> None:
        """Write 16 bytes of a vector, at any address: the first, the second."""
        quarter(number, self.vector)
        self._vex(MAP_0F3A, P66, 0x19, source, None, a(At, target))
        self._emit(number)

    def widen(self, target: Vector, source: At, narrow: str) -> None:
        """Read half a vector of float16 or bfloat16 as float32."""
        pairs = known(narrow)
        self._vex(MAP_0F38, P66, 0x33 if pairs else 0x13, target, None, a(At, source))
        if pairs:
            # The upper half of a number of float32: shifted by 16 bits.
            self._vex(MAP_0F, P66, 0x72, Ymm(6), target, target)
            self._emit(16)

    def narrow(self, target: At, source: Vector) -> None:
        """Write a vector of float32 as float16, to nearest, ties to even."""
        self._vex(MAP_0F3A, P66, 0x1D, source, None, a(At, target))
        self._emit(0)

    def load_side_by_side(self, row: Sequence[Vector], source: At, length: int) -> None:
        """Read ``length`` bytes into registers, one after the other; nothing beyond them is touched."""
        if length != len(row) * self.vector:
            raise ValueError(f"length={length} must be that of {len(row)} whole registers")
        for v, register in enumerate(row):
            self.load_vector(register, source.after(v * self.vector))

    def prepare_parts(self, lengths: Collection[int], size: int, spare: Gpr) -> None:
        """Make ready what parts of vectors need, which is nothing."""

    def copy(self, target: At, source: At, length: int, spare: Vector) -> None:
        """Copy ``length`` bytes, a multiple of 4; nothing beyond them is touched."""
        for start, size in pieces(length):
            self.load_vector(spare, source.after(start), size)
            self.store_vector(target.after(start), spare, size)

    def store_parts(
        self,
        base: Gpr,
        row: Sequence[Vector],
        parts: Sequence[Part],
        size: int,
        *,
        add: bool,
        room: At,
        spare: tuple[Vector, Vector],
        step: At | None = None,
    ) -> None:
        """Write parts of registers that lie side by side; nothing beyond them is touched."""
        # There are no masks: what is not a whole register goes through memory.
        for v, register in enumerate(row):
            self.store_vector(room.after(v * self.vector), register)
        first, second = spare
        line = 0
        for part in parts:
            self._to_line(base, part.line - line, step)
            line = part.line
            for start, length in pieces(part.length):
                target = At(base, part.displacement + start)
                self.load_vector(first, room.after(part.start + start), length)
                if add:
                    self.load_vector(second, target, length)
                    self.add_vector(first, first, second, size)
                self.store_vector(target, first, length)

    def _vex(
        self,
        opcodes: int,
        prefix: int,
        opcode: int,
        register: Vector,
        first: Vector | None,
        operand: Vector | At,
        *,
        wide: bool = True,
        double: bool = False,
    ) -> None:
        high = a(Ymm, register).number > 7
        base = operand.base.number if isinstance(operand, At) else a(Ymm, operand).number
        second = 0 if first is None else a(Ymm, first).number
        last = (~second & 15) << 3 | wide << 2 | prefix
        if opcodes == MAP_0F and base < 8:
            self._emit(0xC5, (not high) << 7 | last)
        else:
            self._emit(0xC4, (not high) << 7 | 0x40 | (base < 8) << 5 | opcodes)
            self._emit(double << 7 | last)
        self._emit(opcode)
        self._operand(register.number, operand)


def pieces(length: int) -> Iterator[tuple[int, int]]:
    """Start and size of the pieces that make up ``length`` bytes: 32, 16, 8 and 4.

    Raises:
        ValueError: A length that does not divide by 4.
    """
    if length % 4:
        raise ValueError(f"length={length} must be a multiple of 4 bytes")
    start = 0
    for size in _STORES:
        while length - start >= size:
            yield start, size
            start += size


def _size(size: int, sizes: dict[int, tuple[int, int]]) -> int:
    if size not in sizes:
        raise ValueError(f"size={size!r} must be one of {', '.join(map(str, sizes))} bytes")
    return size
