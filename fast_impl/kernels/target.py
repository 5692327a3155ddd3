"""A target: an instruction set as plans see it.

Everything that a plan asks of the processor is in one object, which is passed to it and is part of
the key under which it is kept. To add an instruction set is to make another one, in a folder beside
`fast_impl.kernels.x86` or in it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from fast_impl.runtime.workers import TeamKernels

# A kernel: a function of the address of a call, which does not hold the GIL.
Function = Callable[[int], Any]


class Tile(NamedTuple):
    """What fills the registers: so many rows by some vectors.

    Attributes:
        rows: Pixels of a tile of sums.
        step: Cycles of a number of each pixel times a panel.
        slower: How much slower products are, by lane, than with the best number of vectors.
        product_rows: Most rows of a tile of products.
    """

    rows: int
    step: float
    slower: float
    product_rows: int


class Generator(NamedTuple):
    """How kernels of one kind (see `fast_impl.kernels.format`) are made.

    Attributes:
        make: Takes the target and the shape of the kernel.
        words: Numbers of 64 bits of a call: its fields, and room for the kernel's own use.
    """

    make: Callable[..., Function]
    words: int


@dataclass(frozen=True, eq=False)
class Target:
    """An instruction set, and what it costs on a usual processor.

    Attributes:
        name: For people.
        vector: Bytes of a vector.
        registers: How many vectors the registers hold.
        masks: Whether a part of a vector can be read, and nothing beyond it is touched.
        tiles: By vectors of a panel: 1, 2, and so on.
        best: Vectors of the panels that most lanes are cut into.
        tap: Cycles of a tap of a tile.
        tile: Cycles of a tile.
        cycle: Seconds of a cycle.
        most_step: Bytes from gradient to gradient that an instruction can take in a few steps.
        sums: ``make(target, vectors, size, runs, again)``. Panels have so many vectors, numbers
            ``size`` bytes, and ``runs`` are written. ``again`` adds the sums to what the output
            holds, without a bias.
        products: ``make(target, rows, vectors, size, gradient_step, channels, input_step)``. Of a
            pixel, ``rows`` gradients are read and ``vectors`` of inputs, which lie side by side; pixels
            of the gradients lie ``gradient_step`` bytes apart, and those of the inputs ``input_step``. So
            many ``channels`` of the panel are added to the result, and no others are read where there are
            `masks`; without them, the inputs have whole panels.
        copies: ``make(target, length)``. Pieces have ``length`` bytes, a multiple of 4.
        team: The kernels by which threads share calls (`fast_impl.runtime.workers.TeamKernels`), made when they
            are asked for; None where tasks are shared out in Python.
        turns: ``make(target)``; None where NumPy turns arrays.
        formats: ``make(target, narrow, widens)``. Numbers of a format, ``float16`` or ``bfloat16``, are made
            float32, or float32 is made ``float16``. None where NumPy does both.
        of_pairs: Whether numbers of 4 bytes are pairs of bfloat16, which are multiplied each by each and
            summed in float32.
        pairs: The target of the same processor whose numbers are such pairs, if it has one.
    """

    name: str
    vector: int
    registers: int
    masks: bool
    tiles: Mapping[int, Tile]
    best: int
    tap: float
    tile: float
    cycle: float
    most_step: int
    sums: Generator
    products: Generator
    copies: Generator
    team: Callable[[], TeamKernels] | None = None
    turns: Generator | None = None
    formats: Generator | None = None
    of_pairs: bool = False
    pairs: Target | None = None

    def __post_init__(self) -> None:
        if sorted(self.tiles) != [*range(1, len(self.tiles) + 1)] or self.best not in self.tiles:
            raise ValueError(
                f"{self.name}: tiles must be of 1, 2, ... vectors, and best={self.best} one of them; "
                f"got {sorted(self.tiles)}"
            )
        object.__setattr__(self, "tiles", MappingProxyType(dict(self.tiles)))
        for vectors, tile in self.tiles.items():
            # Sums, the vectors that they are multiplied by, and one number of a row.
            rows = max(tile.rows, tile.product_rows)
            if rows * vectors + vectors + 1 > self.registers:
                raise ValueError(
                    f"{self.name}: a tile of {rows} rows by {vectors} vectors does not fit "
                    f"{self.registers} registers"
                )

    @property
    def widest(self) -> int:
        """Vectors of the widest panel."""
        return len(self.tiles)

    def tile_cycles(self, vectors: int, rows: int, taps: int, channels: int) -> float:
        """Cycles of a tile of panels of so many vectors: ``taps`` in ``rows``, of so many numbers each."""
        return taps * channels * self.tiles[vectors].step + rows * self.tap + self.tile

    @functools.lru_cache(maxsize=256)  # noqa: B019 (there are a few targets, which are there for good)
    def least_cycles(self, vectors: int, rows: int, taps: int, channels: int) -> float:
        """The same for each place of a tile, whose lanes are cut into panels of at most so many vectors."""
        return vectors * min(
            self.tile_cycles(count, rows, taps, channels) / (tile.rows * count)
            for count, tile in self.tiles.items()
            if count <= vectors
        )
