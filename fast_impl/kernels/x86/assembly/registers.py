"""Registers and places in memory, checked where they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class _Register:
    number: int
    count: ClassVar[int] = 16

    def __post_init__(self) -> None:
        if type(self.number) is not int or not 0 <= self.number < self.count:
            raise ValueError(
                f"{type(self).__name__}({self.number!r}): the number must be an integer from 0 to "
                f"{self.count - 1}"
            )


class Gpr(_Register):
    """A general register of 64 bits, by the processor's number of it."""


class Vector(_Register):
    """A vector register."""


class Ymm(Vector):
    """A vector register of 32 bytes."""


class Zmm(Vector):
    """A vector register of 64 bytes."""

    count = 32


class Mask(_Register):
    """A register of masks: which numbers of a vector an instruction touches. The first one means all."""

    count = 8


RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 = map(Gpr, range(16))


@dataclass(frozen=True)
class At:
    """The memory at a general register plus a displacement in bytes."""

    base: Gpr
    displacement: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.base, Gpr):
            raise TypeError(f"At: base={self.base!r} must be a general register (Gpr)")
        int32("At: displacement", self.displacement)

    def after(self, displacement: int) -> At:
        """The memory so many bytes after this."""
        return At(self.base, self.displacement + displacement)


def int32(name: str, number: int) -> int:
    """Return ``number`` if it fits 32 bits with its sign.

    Raises:
        ValueError: It does not, or it is no integer.
    """
    if not isinstance(number, int) or not -(1 << 31) <= number < 1 << 31:
        raise ValueError(f"{name}={number!r} must be an integer that fits 32 bits with its sign")
    return number
