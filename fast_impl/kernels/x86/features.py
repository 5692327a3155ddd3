"""What the processor can do, and so which targets it is.

Where there is AVX-512, it is used. A processor whose wide units are halves (Zen 4) begins as many multiply-adds of
numbers in a cycle as with AVX2, from twice the registers; only the first ones with AVX-512 that have but one wide
unit lose by it, which cpuid does not tell: the user does (``FAST_IMPL_MACHINE_CODE``). A measurement would
choose now one, now the other where they are alike, and results with it.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import NamedTuple

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembly.assembler import Assembler
from fast_impl.kernels.x86.assembly.registers import RAX, RBX, RCX, Gpr
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512, AVX512_BF16
from fast_impl.runtime import executable


class Features(NamedTuple):
    """What the processor says of itself: registers of cpuid, by leaf; and the states that the system saves."""

    leaf_1_rcx: int
    leaf_7_rbx: int
    states: int
    leaf_7_1_rax: int

    def have(self, needed: Features) -> bool:
        """Whether all these bits are set."""
        return all(have & need == need for have, need in zip(self, needed, strict=True))


# For AVX2: FMA, states by xsave, AVX and F16C; AVX2; SSE and AVX states. For AVX-512 also: F, DQ, BW and VL;
# states of masks and of both kinds of registers. By target, the best first.
_AVX2 = Features(1 << 12 | 1 << 27 | 1 << 28 | 1 << 29, 1 << 5, 0b110, 0)
_AVX512 = _AVX2._replace(
    leaf_7_rbx=_AVX2.leaf_7_rbx | 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31,
    states=_AVX2.states | 0b11100000,
)
_NEEDED = {AVX512_BF16: _AVX512._replace(leaf_7_1_rax=1 << 5), AVX512: _AVX512, AVX2: _AVX2}
# What each is called in ``FAST_IMPL_MACHINE_CODE``, and by Linux.
NAMES = {"avx512_bf16": AVX512_BF16, "avx512": AVX512, "avx2": AVX2}


def possible() -> bool:
    """Whether this is an x86-64 processor under a system whose calling convention we speak."""
    return (
        sys.platform in ("linux", "darwin")
        and platform.machine() in ("x86_64", "AMD64")
        and sys.maxsize > 1 << 32
    )


def targets() -> list[Target]:
    """The targets of this processor, the best first.

    None without AVX2 and FMA, or where the system lets no code run.
    """
    if not possible():
        return []
    try:
        found = features()
    except OSError:
        return []
    return [target for target, needed in _NEEDED.items() if found.have(needed)]


def features() -> Features:
    """Ask the processor.

    Raises:
        OSError: The system does not let this process run generated code.
    """
    leaf_1, leaf_7, most = _cpuid((1, 0, RCX), (7, 0, RBX), (7, 0, RAX))
    states = leaf_7_1 = 0
    if leaf_1 & _AVX2.leaf_1_rcx == _AVX2.leaf_1_rcx:
        # Only a processor with xsave knows this instruction.
        asm = Assembler()
        asm.move_number(RCX, 0)
        asm.xgetbv()
        asm.store(field(0), RAX)
        asm.ret()
        (states,) = _run(asm, 1)
    if most >= 1:
        (leaf_7_1,) = _cpuid((7, 1, RAX))
    return Features(leaf_1, leaf_7, states, leaf_7_1)


def _cpuid(*asked: tuple[int, int, Gpr]) -> list[int]:
    """What cpuid leaves in a register for each leaf and part of a leaf."""
    asm = Assembler()
    asm.push(RBX)
    for place, (leaf, part, register) in enumerate(asked):
        asm.move_number(RAX, leaf)
        asm.move_number(RCX, part)
        asm.cpuid()
        asm.store(field(8 * place), register)
    asm.pop(RBX)
    asm.ret()
    return _run(asm, len(asked))


def _run(asm: Assembler, count: int) -> list[int]:
    """Run code that stores so many integers in its call."""
    found = (ctypes.c_uint64 * count)()
    executable.load(asm.code())(ctypes.addressof(found))
    return list(found)
