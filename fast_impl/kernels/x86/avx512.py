"""AVX-512: thirty-two registers of 64 bytes, and masks; with products of bfloat16, or without."""

from __future__ import annotations

import dataclasses

from fast_impl.kernels.target import Generator, Target, Tile
from fast_impl.kernels.x86 import copies, products, sums, team, turns

VECTOR, _WIDEST = 64, 4

# Sums have eight rows at most, one general register each; products read neighbours, and have as many as fit.
AVX512 = Target(
    name="AVX-512",
    vector=VECTOR,
    registers=32,
    masks=True,
    tiles={
        1: Tile(8, 5.0, 1.15, 24),
        2: Tile(8, 8.5, 1.0, 12),
        3: Tile(8, 12.5, 1.0, 8),
        4: Tile(6, 12.5, 1.0, 6),
    },
    best=4,
    tap=14.0,
    tile=24.0,
    cycle=1 / 3e9,
    most_step=1 << 28,
    sums=Generator(sums.kernel, sums.words(VECTOR, _WIDEST)),
    products=Generator(products.kernel, products.words(VECTOR, _WIDEST)),
    copies=Generator(copies.kernel, copies.WORDS),
    team=team.kernels,
    turns=Generator(turns.turn, turns.TURN_WORDS),
    formats=Generator(turns.change, turns.CHANGE_WORDS),
)

AVX512_BF16 = dataclasses.replace(
    AVX512,
    name="AVX-512 with bfloat16",
    pairs=dataclasses.replace(AVX512, name="AVX-512, pairs of bfloat16", of_pairs=True),
)
