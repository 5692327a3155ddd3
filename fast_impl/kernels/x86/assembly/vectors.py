"""What the generators ask of an instruction set of vectors, and what all encodings of them share."""

from __future__ import annotations

import abc
from collections.abc import Collection, Sequence
from typing import ClassVar, NamedTuple

from fast_impl.kernels.x86.assembly.assembler import Assembler, a
from fast_impl.kernels.x86.assembly.registers import At, Gpr, Vector

# Opcode maps and prefixes of VEX and EVEX.
MAP_0F, MAP_0F38, MAP_0F3A = 1, 2, 3
NONE, P66, PF3, PF2 = range(4)


class Part(NamedTuple):
    """Neighbouring bytes of vectors side by side: from ``start`` on, ``length``.

    In memory they are ``displacement`` bytes from where a line begins, the ``line``-th after the first.
    """

    start: int
    length: int
    displacement: int
    line: int = 0


class VectorAssembler(Assembler, abc.ABC):
    """An assembler that has vectors.

    Attributes:
        vector: Bytes of a vector.
        masks: Whether a part of a vector can be read.
        kind: Its registers.
    """

    vector: ClassVar[int]
    masks: ClassVar[bool]
    kind: ClassVar[type[Vector]]

    def registers(self, count: int) -> list[Vector]:
        """The first ``count`` vector registers."""
        return [self.kind(number) for number in range(count)]

    # --- instructions -------------------------------------------------------------------------------

    @abc.abstractmethod
    def zero(self, target: Vector) -> None:
        """Set every number to 0."""

    @abc.abstractmethod
    def load_vector(self, target: Vector, source: At) -> None:
        """Read a vector, at any address."""

    @abc.abstractmethod
    def store_vector(self, target: At, source: Vector) -> None:
        """Write a vector, at any address."""

    @abc.abstractmethod
    def store_around(self, target: At, source: Vector) -> None:
        """Write a vector to an address that divides by its size, past the caches; see `fence`."""

    @abc.abstractmethod
    def broadcast(self, target: Vector, source: At, size: int) -> None:
        """Set every number to the one of 4 or 8 bytes in memory."""

    @abc.abstractmethod
    def multiply_add(self, target: Vector, left: Vector, right: Vector, size: int) -> None:
        """``target += left * right``, rounded once, of numbers of 4 or 8 bytes."""

    @abc.abstractmethod
    def add_vector(self, target: Vector, left: Vector, right: Vector | At, size: int) -> None:
        """``target = left + right``, of numbers of 4 or 8 bytes."""

    @abc.abstractmethod
    def interleave(
        self, target: Vector, left: Vector, right: Vector, size: int, *, upper: bool = False
    ) -> None:
        """In each 16 bytes, take numbers in turn from the lower or upper 8 bytes of ``left`` and of ``right``."""

    @abc.abstractmethod
    def store_quarter(self, target: At, source: Vector, number: int) -> None:
        """Write 16 bytes of a vector, at any address: the first, the second, and so on."""

    @abc.abstractmethod
    def widen(self, target: Vector, source: At, narrow: str) -> None:
        """Read half a vector of float16 or bfloat16 as float32."""

    @abc.abstractmethod
    def narrow(self, target: At, source: Vector) -> None:
        """Write a vector of float32 as float16, to nearest, ties to even."""

    def fence(self) -> None:
        """Let no later write be seen before those that went past the caches."""
        self._emit(0x0F, 0xAE, 0xF8)

    def leave_vectors(self) -> None:
        """Clear the upper halves, as the caller wants them."""
        self._emit(0xC5, 0xF8, 0x77)

    # --- what takes several of them -----------------------------------------------------------------

    def multiply_add_number(
        self, row: Sequence[Vector], source: At, right: Sequence[Vector], size: int, spare: Vector
    ) -> None:
        """Add to each register of ``row`` the number in memory times the same register of ``right``."""
        self.broadcast(spare, source, size)
        for target, vector in zip(row, right, strict=True):
            self.multiply_add(target, spare, vector, size)

    @abc.abstractmethod
    def load_side_by_side(self, row: Sequence[Vector], source: At, length: int) -> None:
        """Read ``length`` bytes into registers, one after the other; nothing beyond them is touched.

        What registers hold beyond them becomes 0. Without `masks`, only whole registers can be read.
        """

    @abc.abstractmethod
    def prepare_parts(self, lengths: Collection[int], size: int, spare: Gpr) -> None:
        """Make ready what parts of vectors need, at the beginning of a kernel.

        Args:
            lengths: Bytes of the parts that `load_side_by_side`, `copy` and `store_parts` are asked for.
            size: Bytes of a number.
            spare: Is changed.
        """

    @abc.abstractmethod
    def copy(self, target: At, source: At, length: int, spare: Vector) -> None:
        """Copy ``length`` bytes, a multiple of 4; nothing beyond them is touched."""

    @abc.abstractmethod
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
        """Write parts of registers that lie side by side; nothing beyond them is touched.

        Args:
            base: Where displacements of the first line count from; moved to the last line.
            row: The registers.
            parts: What is written, and where.
            size: Bytes of a number.
            add: Whether to add it to what is there.
            room: Memory for all of ``row``.
            spare: Registers that are free, or are stored first.
            step: Where the bytes from line to line are, if there are several; parts come line by line.
        """

    def _to_line(self, base: Gpr, lines: int, step: At | None) -> None:
        """Move ``base`` so many lines on.

        Raises:
            ValueError: Some lines on, and no step from line to line.
        """
        for _ in range(lines):
            if step is None:
                raise ValueError("parts of several lines need a step from line to line")
            self.add(base, step)


def known(narrow: str) -> bool:
    """Whether a format is bfloat16, not float16.

    Raises:
        ValueError: It is neither.
    """
    if a(str, narrow) not in ("float16", "bfloat16"):
        raise ValueError(f"narrow={narrow!r} must be 'float16' or 'bfloat16'")
    return narrow == "bfloat16"


def quarter(number: int, vector: int) -> int:
    """Return ``number`` if a vector has so many 16 bytes.

    Raises:
        ValueError: It has not.
    """
    if type(a(int, number)) is not int or not 0 <= number < vector // 16:
        raise ValueError(f"number={number!r} must be an integer from 0 to {vector // 16 - 1}")
    return number


def double(size: int) -> bool:
    """Whether numbers have 8 bytes, not 4.

    Raises:
        ValueError: They have neither.
    """
    if size not in (4, 8):
        raise ValueError(f"size={size!r} must be 4 or 8 bytes")
    return size == 8
