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

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembler import Assembler
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512
from fast_impl.kernels.x86.registers import RAX, RBX, RCX
from fast_impl.runtime import executable

# Bits of cpuid's leaf 1, rcx, of leaf 7, rbx, and of xgetbv, by target, the best first. For AVX2: FMA, states by
# xsave and AVX; AVX2; SSE and AVX states. For AVX-512 also: F, DQ, BW and VL; states of masks and of both kinds of
# registers.
_AVX2 = (1 << 12 | 1 << 27 | 1 << 28, 1 << 5, 0b110)
_NEEDED = {
    AVX512: (_AVX2[0], _AVX2[1] | 1 << 16 | 1 << 17 | 1 << 30 | 1 << 31, _AVX2[2] | 0b11100000),
    AVX2: _AVX2,
}  # fmt: skip
# What each is called in ``FAST_IMPL_MACHINE_CODE``.
NAMES = {"avx512": AVX512, "avx2": AVX2}


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
    return [
        target
        for target, needed in _NEEDED.items()
        if all(have & need == need for have, need in zip(found, needed, strict=True))
    ]


def features() -> tuple[int, int, int]:
    """Return rcx of cpuid's leaf 1, rbx of leaf 7, and the states that the system saves.

    Raises:
        OSError: The system does not let this process run generated code.
    """
    asm = Assembler()
    asm.push(RBX)
    for place, (leaf, register) in enumerate(((1, RCX), (7, RBX))):
        asm.move_number(RAX, leaf)
        asm.move_number(RCX, 0)
        asm.cpuid()
        asm.store(field(8 * place), register)
    asm.pop(RBX)
    asm.ret()
    found = (ctypes.c_uint64 * 3)()
    executable.load(asm.code())(ctypes.addressof(found))
    if found[0] & _AVX2[0] == _AVX2[0]:
        # Only a processor with xsave knows this instruction.
        asm = Assembler()
        asm.move_number(RCX, 0)
        asm.xgetbv()
        asm.store(field(16), RAX)
        asm.ret()
        executable.load(asm.code())(ctypes.addressof(found))
    return found[0], found[1], found[2]
