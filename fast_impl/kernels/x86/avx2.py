"""AVX2 with FMA: sixteen registers of 32 bytes."""

from __future__ import annotations

from fast_impl.kernels.target import Generator, Target, Tile
from fast_impl.kernels.x86 import copies, products, sums, team, turns

VECTOR, _WIDEST = 32, 3

# Sums, vectors and one number fill the registers, and there are enough sums to hide how long an addition takes.
AVX2 = Target(
    name="AVX2",
    vector=VECTOR,
    registers=16,
    masks=False,
    tiles={1: Tile(8, 5.5, 1.3, 8), 2: Tile(6, 6.5, 1.0, 6), 3: Tile(4, 6.5, 1.05, 4)},
    best=2,
    tap=14.0,
    tile=24.0,
    # Two multiply-adds of a vector each begin in it.
    cycle=1 / 3e9,
    # Displacements have 32 bits.
    most_step=1 << 28,
    sums=Generator(sums.kernel, sums.words(VECTOR, _WIDEST)),
    products=Generator(products.kernel, products.words(VECTOR, _WIDEST)),
    copies=Generator(copies.kernel, copies.WORDS),
    team=team.kernels,
    turns=Generator(turns.turn, turns.TURN_WORDS),
    formats=Generator(turns.change, turns.CHANGE_WORDS),
)
