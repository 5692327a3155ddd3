"""What the processor can do, and the kernels generated for it so far."""

from __future__ import annotations

import ctypes
import functools
import os
from typing import Any

from fast_impl.kernels.x86 import copies, products, sums
from fast_impl.kernels.x86.assembler import RAX, RBX, RCX, RDI, Assembler, At
from fast_impl.runtime import executable

# Bits of cpuid: leaf 1, rcx (FMA, states by xsave, AVX); leaf 7, rbx (AVX2); of xgetbv: SSE and AVX states.
_LEAF_1, _LEAF_7, _STATES = 1 << 12 | 1 << 27 | 1 << 28, 1 << 5, 0b110


@functools.cache
def available() -> bool:
    """Whether generated kernels can run here: AVX2 with FMA, a system that lets them, and the user, too.

    ``FAST_IMPL_MACHINE_CODE=0`` in the environment forbids them.
    """
    if os.environ.get("FAST_IMPL_MACHINE_CODE") == "0" or not executable.possible():
        return False
    try:
        leaf_1, leaf_7, states = features()
    except OSError:
        return False
    return (
        leaf_1 & _LEAF_1 == _LEAF_1 and leaf_7 & _LEAF_7 == _LEAF_7 and states & _STATES == _STATES
    )


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
        asm.store(At(RDI, 8 * place), register)
    asm.pop(RBX)
    asm.ret()
    found = (ctypes.c_uint64 * 3)()
    executable.load(asm.code())(ctypes.addressof(found))
    if found[0] & _LEAF_1 == _LEAF_1:
        # Only a processor with xsave knows this instruction.
        asm = Assembler()
        asm.move_number(RCX, 0)
        asm.xgetbv()
        asm.store(At(RDI, 16), RAX)
        asm.ret()
        executable.load(asm.code())(ctypes.addressof(found))
    return found[0], found[1], found[2]


@functools.lru_cache(maxsize=64)
def sums_kernel(vectors: int, size: int, runs: tuple[sums.Run, ...], again: bool) -> Any:
    """The function that `fast_impl.kernels.x86.sums` describes; it takes the address of a call."""
    return executable.load(sums.generate(vectors, size, runs, again))


@functools.lru_cache(maxsize=64)
def products_kernel(rows: int, vectors: int, size: int, gradient_step: int, channels: int) -> Any:
    """The function that `fast_impl.kernels.x86.products` describes."""
    return executable.load(products.generate(rows, vectors, size, gradient_step, channels))


@functools.lru_cache(maxsize=64)
def copies_kernel(length: int) -> Any:
    """The function that `fast_impl.kernels.x86.copies` describes."""
    return executable.load(copies.generate(length))
