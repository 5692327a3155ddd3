"""The assembler that has a target's vectors."""

from __future__ import annotations

from fast_impl.kernels.target import Target
from fast_impl.kernels.x86.assembly.evex import EvexAssembler, PairsAssembler
from fast_impl.kernels.x86.assembly.vectors import VectorAssembler
from fast_impl.kernels.x86.assembly.vex import VexAssembler

# By bytes of a vector, and whether numbers are pairs.
_ASSEMBLERS: dict[tuple[int, bool], type[VectorAssembler]] = {
    (32, False): VexAssembler, (64, False): EvexAssembler, (64, True): PairsAssembler,
}  # fmt: skip


def assembler(target: Target) -> VectorAssembler:
    """Return a new assembler for vectors of the target's size."""
    return _ASSEMBLERS[target.vector, target.of_pairs]()
