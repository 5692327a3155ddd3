"""Vectors of 64 bytes: instructions of AVX-512 (F, and masks), encoded with EVEX.

Manual, volume 2, section 2.7. A displacement of one byte counts what the instruction reads or writes: a whole
vector, or the one number that it broadcasts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fast_impl.kernels.x86.assembly.assembler import a
from fast_impl.kernels.x86.assembly.registers import At, Gpr, Mask, Vector, Zmm
from fast_impl.kernels.x86.assembly.vectors import (
    MAP_0F,
    MAP_0F3A,
    MAP_0F38,
    NONE,
    P66,
    PF3,
    Part,
    VectorAssembler,
    double,
    known,
    quarter,
)

# The smallest number that a mask keeps or leaves out, in bytes.
_UNIT = 4


class EvexAssembler(VectorAssembler):
    """The instructions that kernels for AVX-512 are made of."""

    vector = 64
    masks = True
    kind = Zmm

    def __init__(self) -> None:
        super().__init__()
        # Of lengths below a vector: the masks of their bytes, which count numbers of so many.
        self._masks: dict[tuple[int, int], Mask] = {}

    def zero(self, target: Vector) -> None:
        """Set every number to 0."""
        self._evex(MAP_0F, P66, 0xEF, target, target, target)

    def store_vector(self, target: At, source: Vector, mask: Mask | None = None) -> None:
        """Write a vector, at any address, or the numbers of a mask; others are not touched."""
        self._evex(MAP_0F, NONE, 0x11, source, None, a(At, target), mask=mask)

    def store_around(self, target: At, source: Vector) -> None:
        """Write a vector to an address that divides by its size, past the caches; see `fence`."""
        self._evex(MAP_0F, NONE, 0x2B, source, None, a(At, target))

    def load_vector(self, target: Vector, source: At, mask: Mask | None = None) -> None:
        """Read a vector, at any address, or the numbers of a mask: others are not touched, and become 0."""
        self._evex(MAP_0F, NONE, 0x10, target, None, a(At, source), mask=mask, zeros=True)

    def broadcast(self, target: Vector, source: At, size: int) -> None:
        """Set every number to the one of 4 or 8 bytes in memory."""
        wide = double(size)
        opcode = 0x19 if wide else 0x18
        self._evex(MAP_0F38, P66, opcode, target, None, a(At, source), double=wide, unit=size)

    def multiply_add(self, target: Vector, left: Vector, right: Vector | At, size: int) -> None:
        """``target += left * right``, rounded once; ``right`` in memory is one number for all."""
        wide, one = double(size), isinstance(right, At)
        self._evex(
            MAP_0F38, P66, 0xB8, target, a(Zmm, left), right, double=wide, broadcast=one,
            unit=size if one else 64,
        )  # fmt: skip

    def add_vector(
        self,
        target: Vector,
        left: Vector,
        right: Vector | At,
        size: int,
        mask: Mask | None = None,
    ) -> None:
        """``target = left + right``, or 0 where a mask leaves a number out, which is not touched."""
        wide = double(size)
        prefix = P66 if wide else NONE
        given = target, a(Zmm, left), right
        self._evex(MAP_0F, prefix, 0x58, *given, double=wide, mask=mask, zeros=True)

    def align(self, target: Vector, high: Vector, low: Vector, numbers: int) -> None:
        """``target`` = the vector that begins so many numbers of 4 bytes, 0 to 15, after ``low`` does.

        Raises:
            ValueError: As many numbers as there are, or a negative number.
        """
        if numbers not in range(16):
            raise ValueError(f"numbers={numbers!r} must be an integer from 0 to 15")
        self._evex(MAP_0F3A, P66, 0x03, target, a(Zmm, high), a(Zmm, low))
        self._emit(numbers)

    def interleave(
        self, target: Vector, left: Vector, right: Vector, size: int, *, upper: bool = False
    ) -> None:
        """In each 16 bytes, take numbers in turn from the lower or upper 8 bytes of ``left`` and of ``right``."""
        wide = double(size)
        given = target, a(Zmm, left), a(Zmm, right)
        self._evex(MAP_0F, P66 if wide else NONE, 0x15 if upper else 0x14, *given, double=wide)

    def store_quarter(self, target: At, source: Vector, number: int) -> None:
        """Write 16 bytes of a vector, at any address: the first, the second, and so on."""
        quarter(number, self.vector)
        self._evex(MAP_0F3A, P66, 0x19, source, None, a(At, target), unit=16)
        self._emit(number)

    def widen(self, target: Vector, source: At, narrow: str) -> None:
        """Read half a vector of float16 or bfloat16 as float32."""
        pairs = known(narrow)
        self._evex(MAP_0F38, P66, 0x33 if pairs else 0x13, target, None, a(At, source), unit=32)
        if pairs:
            # The upper half of a number of float32: shifted by 16 bits.
            self._evex(MAP_0F, P66, 0x72, Zmm(6), target, target)
            self._emit(16)

    def narrow(self, target: At, source: Vector) -> None:
        """Write a vector of float32 as float16, to nearest, ties to even."""
        self._evex(MAP_0F3A, P66, 0x1D, source, None, a(At, target), unit=32)
        self._emit(0)

    def set_mask(self, mask: Mask, count: int, spare: Gpr) -> None:
        """Let a mask mean the first ``count`` numbers of 4 bytes, 1 to 16.

        Raises:
            ValueError: Another count, or the first mask, which means all.
        """
        if count not in range(1, 17) or a(Mask, mask).number == 0:
            raise ValueError(f"count={count!r} must be an integer from 1 to 16, and {mask} not 0")
        self.move_number(spare, (1 << count) - 1)
        # kmovw, of a register of 32 bits.
        high = spare.number > 7
        self._emit(*((0xC4, 0xC1, 0x78) if high else (0xC5, 0xF8)), 0x92)
        self._emit(0xC0 | mask.number << 3 | spare.number & 7)

    # --- what takes several of them -----------------------------------------------------------------

    def multiply_add_number(
        self, row: Sequence[Vector], source: At, right: Sequence[Vector], size: int, spare: Vector
    ) -> None:
        """Add to each register of ``row`` the number in memory times the same register of ``right``."""
        if len(row) > 1:
            super().multiply_add_number(row, source, right, size, spare)
        else:
            self.multiply_add(row[0], right[0], source, size)

    def load_side_by_side(self, row: Sequence[Vector], source: At, length: int) -> None:
        """Read ``length`` bytes into registers, one after the other; nothing beyond them is touched."""
        for v, register in enumerate(row):
            start = v * self.vector
            if start < length:
                self.load_vector(register, source.after(start), self._mask(length - start))
            else:
                self.zero(register)

    def prepare_parts(self, lengths: Collection[int], size: int, spare: Gpr) -> None:
        """Make ready what parts of vectors need, at the beginning of a kernel."""
        # Vectors are moved in numbers of 4 bytes, but added in those that they hold.
        units = (_UNIT, size) if double(size) else (_UNIT,)
        if any(length % size for length in lengths):
            raise ValueError(f"lengths={lengths} must be multiples of {size} bytes")
        for rest in sorted({length % self.vector for length in lengths} - {0}):
            for unit in units:
                self._masks[rest, unit] = Mask(1 + len(self._masks))
                self.set_mask(self._masks[rest, unit], rest // unit, spare)

    def copy(self, target: At, source: At, length: int, spare: Vector) -> None:
        """Copy ``length`` bytes, a multiple of 4; nothing beyond them is touched."""
        for start in range(0, length, self.vector):
            mask = self._mask(length - start)
            self.load_vector(spare, source.after(start), mask)
            self.store_vector(target.after(start), spare, mask)

    def store_parts(
        self,
        base: Gpr,
        row: Sequence[Vector],
        parts: Sequence[Part],
        size: int,
        *,
        add: bool,
        room: At,  # noqa: ARG002
        spare: tuple[Vector, Vector],
        step: At | None = None,
    ) -> None:
        """Write parts of registers that lie side by side; nothing beyond them is touched."""
        line = 0
        for part in parts:
            self._to_line(base, part.line - line, step)
            line = part.line
            for start in range(0, part.length, self.vector):
                left = part.length - start
                v, offset = divmod(part.start + start, self.vector)
                register, mask = row[v], self._mask(left)
                if offset:
                    beyond = offset + min(left, self.vector) > self.vector
                    register = spare[1]
                    self.align(register, row[v + beyond], row[v], offset // _UNIT)
                target = At(base, part.displacement + start)
                if add:
                    self.add_vector(spare[1], register, target, size, self._mask(left, size))
                    register = spare[1]
                self.store_vector(target, register, mask)

    def _mask(self, length: int, unit: int = _UNIT) -> Mask | None:
        """The mask of the next bytes, of which so many are left, in numbers of ``unit`` bytes."""
        return None if length >= self.vector else self._masks[length, unit]

    def _evex(
        self,
        opcodes: int,
        prefix: int,
        opcode: int,
        register: Vector,
        first: Vector | None,
        operand: Vector | At,
        *,
        double: bool = False,
        broadcast: bool = False,
        mask: Mask | None = None,
        zeros: bool = False,
        unit: int = 64,
    ) -> None:
        number, second = a(Zmm, register).number, 0 if first is None else first.number
        if isinstance(operand, At):
            base, upper = operand.base.number, 0
        else:
            base, upper = a(Zmm, operand).number & 15, operand.number >> 4
        kept = 0 if mask is None else a(Mask, mask).number
        self._emit(
            0x62,
            _no(number >> 3) << 7 | _no(upper) << 6 | _no(base >> 3) << 5 | _no(number >> 4) << 4 | opcodes,
            double << 7 | (~second & 15) << 3 | 1 << 2 | prefix,
            (zeros and kept > 0) << 7 | 2 << 5 | broadcast << 4 | _no(second >> 4) << 3 | kept,
            opcode,
        )  # fmt: skip
        self._operand(number, operand, unit)


class PairsAssembler(EvexAssembler):
    """The same where a number of 4 bytes is a pair of bfloat16 (AVX512_BF16), and a product the sum of both's."""

    def multiply_add(self, target: Vector, left: Vector, right: Vector | At, size: int) -> None:
        """``target += left * right`` of both numbers of each pair, in float32; ``right`` in memory is one for all.

        Subnormal numbers count as zeros.

        Raises:
            ValueError: Numbers that are no pairs.
        """
        if size != _UNIT:
            raise ValueError(f"size={size!r} must be {_UNIT} bytes, a pair of bfloat16")
        given, one = (target, a(Zmm, left), right), isinstance(right, At)
        self._evex(MAP_0F38, PF3, 0x52, *given, broadcast=one, unit=size if one else 64)


def _no(bit: int) -> int:
    """The last bit, inverted."""
    return ~bit & 1
