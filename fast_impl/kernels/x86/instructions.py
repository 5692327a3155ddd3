"""The assembler that has a target's vectors."""

from __future__ import annotations

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86.evex import EvexAssembler
from fast_impl.kernels.x86.vectors import VectorAssembler
from fast_impl.kernels.x86.vex import VexAssembler

_ASSEMBLERS: dict[int, type[VectorAssembler]] = {
    kind.vector: kind for kind in (VexAssembler, EvexAssembler)
}


def assembler(target: Target) -> VectorAssembler:
    """Return a new assembler for vectors of the target's size."""
    return _ASSEMBLERS[target.vector]()
