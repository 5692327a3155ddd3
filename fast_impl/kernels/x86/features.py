"""What the processor can do, and so which target it is."""

from __future__ import annotations

import ctypes
import platform
import sys

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86.abi import field
from fast_impl.kernels.x86.assembler import Assembler
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.registers import RAX, RBX, RCX
from fast_impl.runtime import executable

# Bits of cpuid: leaf 1, rcx (FMA, states by xsave, AVX); leaf 7, rbx (AVX2); of xgetbv: SSE and AVX states.
_LEAF_1, _LEAF_7, _STATES = 1 << 12 | 1 << 27 | 1 << 28, 1 << 5, 0b110


def possible() -> bool:
    """Whether this is an x86-64 processor under a system whose calling convention we speak."""
    return (
        sys.platform in ("linux", "darwin")
        and platform.machine() in ("x86_64", "AMD64")
        and sys.maxsize > 1 << 32
    )


def target() -> Target | None:
    """The best target of this processor, or None: without AVX2 and FMA, or where the system lets no code run."""
    if not possible():
        return None
    try:
        leaf_1, leaf_7, states = features()
    except OSError:
        return None
    found = (leaf_1 & _LEAF_1, leaf_7 & _LEAF_7, states & _STATES)
    return AVX2 if found == (_LEAF_1, _LEAF_7, _STATES) else None


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
    if found[0] & _LEAF_1 == _LEAF_1:
        # Only a processor with xsave knows this instruction.
        asm = Assembler()
        asm.move_number(RCX, 0)
        asm.xgetbv()
        asm.store(field(16), RAX)
        asm.ret()
        executable.load(asm.code())(ctypes.addressof(found))
    return found[0], found[1], found[2]
