"""Direct sums by generated kernels, in registers.

Pixels are read where they lie, in tiles of a few, times a panel of a few vectors of packed weights
(`fast_impl.kernels.format`). Nothing is gathered, nothing is scattered, and a task is one call
outside the GIL. Where a tile reaches over the edge of the image, the kernel reads zeros for the
pixels that do not exist. An output is summed in the same order however the work is divided.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import MOST_TAPS, Offer, Proposal
from fast_impl.forward.packing import Block, Packing, packing
from fast_impl.forward.turned import Turned, taken
from fast_impl.kernels.sums.calls import Calls, Part
from fast_impl.kernels.sums.grids import Grid, Reach
from fast_impl.kernels.sums.lanes import Side, partitions
from fast_impl.kernels.sums.panels import Lanes
from fast_impl.kernels.sums.streams import TooLongError
from fast_impl.kernels.target import Target
from fast_impl.problem.problem import Problem

Array = npt.NDArray[Any]

# Kinds of outputs beyond which packing takes more time than it saves.
_MOST_PIECES = 256


class Piece(NamedTuple):
    """Some places of some blocks of rows, by some of columns: all of them read the same inputs."""

    down: Side
    right: Side

    def lanes(self, problem: Problem) -> Lanes:
        """The filters of all places."""
        row = problem.width.output * problem.filters * problem.dtype.itemsize
        return Lanes(len(self.right.taps) * problem.filters, len(self.down.taps), row)

    def part(self, problem: Problem) -> Part:
        """The piece as the kernel sees it."""
        size = problem.dtype.itemsize
        pixel = problem.filters * size
        row = problem.width.output * pixel
        height, width = problem.height, problem.width
        grid = Grid(
            problem.batch,
            self.down.blocks,
            self.right.blocks,
            Reach(height.input, 1, tuple(-shift for shift in self.down.shifts)),
            Reach(width.input, 1, tuple(-shift for shift in self.right.shifts)),
            problem.in_channels,
            size,
            (height.output * row, height.stride * row, width.stride * pixel),
            self.down.first * row + self.right.first * pixel,
        )
        return Part(grid, self.lanes(problem))

    def total(self, problem: Problem) -> int:
        """How many lanes these are."""
        return len(self.down.taps) * len(self.right.taps) * problem.filters

    def least_cycles(self, problem: Problem, target: Target) -> float:
        """Predicted at the least: as if no lanes and no places of tiles were idle."""
        down, right = self
        vectors = -(-self.total(problem) * problem.dtype.itemsize // target.vector)
        rows, taps = len(down.shifts), len(down.shifts) * len(right.shifts)
        places = problem.batch * down.reached * right.reached / max(taps, 1)
        return places * target.least_cycles(vectors, rows, taps, problem.in_channels)


class Direct:
    """The method for one problem."""

    silent = True

    def __init__(self, problem: Problem, pieces: list[Piece], target: Target) -> None:
        self.problem, self.pieces, self.target = problem, pieces, target

    @functools.cached_property
    def parts(self) -> list[Part]:
        """The pieces as the kernels see them."""
        return [piece.part(self.problem) for piece in self.pieces]

    @functools.cached_property
    def calls(self) -> Calls:
        """What is to be called."""
        return Calls(self.parts, self.problem.dtype, self.target)

    @functools.cached_property
    def exact(self) -> bool:
        """Whether no input meets a weight that was made up."""
        return all(side.exact for piece in self.pieces for side in piece)

    def prepare(self, threads: int) -> None:
        """Make what `run` calls: separate, because most ways that are weighed are never used."""
        self.prepared = self.calls.prepare(threads)
        filters = np.concatenate(
            [
                np.arange(first.panel.lane, first.panel.lane + first.shape[0] * first.width)
                % self.problem.filters
                for first, *_ in self.calls.chains
            ]
        )
        # The filter of each lane, unless these are the filters as they are.
        as_they_are = np.array_equal(filters, np.arange(self.problem.filters))
        self._filters = None if as_they_are else filters

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        return self.prepared.nbytes

    @functools.cached_property
    def form(self) -> Packing:
        """How kernels are packed: the same object for all problems that want them packed alike."""
        pieces = {id(part): piece for part, piece in zip(self.parts, self.pieces, strict=True)}
        blocks = []
        for section in self.calls.sections:
            down, right = pieces[id(section.part)]
            given = section.start, section.panel.lane, section.shape, section.taps
            blocks.append(Block(*given, down.taps, right.taps))
        return packing(self.problem.kernel_shape, tuple(blocks), self.calls.elements)

    def pack(self, kernel: Array) -> Array:
        """The weights of each panel, in the order in which the kernels read them."""
        return self.form.pack(kernel)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        found = out if out.flags.c_contiguous else np.empty(out.shape, out.dtype)
        if bias is None:
            lanes = self.prepared.no_bias
        elif self._filters is None:
            lanes = np.ascontiguousarray(bias)
        else:
            lanes = bias.take(self._filters)
        self.prepared.run(np.ascontiguousarray(inputs), packed, lanes, found)
        if found is not out:
            out[...] = found

    def seconds(self, threads: int) -> float:
        """Predicted time of the whole problem."""
        return self._seconds(len(self.calls.chains), self.calls.cycles, threads)

    def least_seconds(self, threads: int) -> float:
        """No more than that, found in a small part of the time."""
        cycles = sum(piece.least_cycles(self.problem, self.target) for piece in self.pieces)
        return self._seconds(len(self.pieces), cycles, threads)

    def _seconds(self, calls: int, cycles: float, threads: int) -> float:
        called = costs.KERNEL_CALL * calls
        seconds = costs.BOUND_START + called + self.target.cycle * cycles / threads
        # A result that must be looked at for infinities is summed up.
        numbers = math.prod(self.problem.output_shape)
        look = 0.0 if self.exact else costs.NUMPY_CALL + costs.copy(numbers, 64) / 3
        return seconds + look + (costs.JOIN if threads > 1 else 0)


def _candidates(problem: Problem, target: Target) -> list[Direct]:
    """Every way to form lanes; those on several output rows must fit one panel."""
    room = target.widest * target.vector // problem.dtype.itemsize
    found = []
    ways = partitions(problem.height, one_by_one=True), partitions(problem.width, one_by_one=False)
    for sides in itertools.product(*ways):
        if math.prod(map(len, sides)) > _MOST_PIECES:
            continue
        pieces = list(itertools.starmap(Piece, itertools.product(*sides)))
        if all(len(piece.down.taps) == 1 or piece.total(problem) <= room for piece in pieces):
            found.append(Direct(problem, pieces, target))
    return found


def _best(problem: Problem, threads: int, target: Target) -> Direct | None:
    """The way that takes the least time; ways that take longer at the least are not worked out."""
    ways = [(found.least_seconds(threads), found) for found in _candidates(problem, target)]
    best: Direct | None = None
    least = math.inf
    for bound, found in sorted(ways, key=lambda way: (way[0], len(way[1].pieces))):
        if bound >= least:
            break
        seconds = found.seconds(threads)
        if seconds < least:
            best, least = found, seconds
    return best


def offer(problem: Problem, threads: int, limit: int, target: Target | None) -> Offer | None:
    """Offer the best way to form lanes, or None where generated kernels do not apply."""
    if (
        target is None
        or not problem.multiply_adds
        or problem.height.kernel * problem.width.kernel > 4 * MOST_TAPS
    ):
        return None
    found = taken(problem, limit, target)
    direct = None if found is None else _best(found[0], threads, found[1])
    if direct is None:
        return None
    count = min((1, threads), key=direct.seconds)
    turned = None if direct.problem is problem else Turned(problem, direct, threads)
    seconds = direct.seconds(count)
    if turned is not None:
        seconds = turned.seconds(seconds)
    return Offer(seconds, direct.form.seconds(), lambda: _prepared(direct, turned, count, seconds))


def _prepared(
    direct: Direct, turned: Turned | None, threads: int, seconds: float
) -> Proposal | None:
    """Propose the method, ready to run; None where its streams would be too long."""
    try:
        direct.prepare(threads)
    except TooLongError:
        return None
    lanes = ", ".join(
        f"{chain[0].panel.times} x {chain[0].width} lanes" for chain in direct.calls.chains[:3]
    )
    more = ", ..." if len(direct.calls.chains) > 3 else ""
    return Proposal(
        turned or direct,
        seconds,
        direct.prepared.workspace + (turned.workspace if turned else 0),
        turned.threads if turned else threads,
        multiplies_padding=True,
        invents_weights=not direct.exact,
        explanation=(
            f"sums in registers by generated kernels: {len(direct.pieces)} kind(s) of outputs, "
            f"{lanes}{more}, {direct.prepared.tasks} task(s)"
            + (turned.explanation() if turned else "")
        ),
    )


def propose(problem: Problem, threads: int, limit: int, target: Target | None) -> Proposal | None:
    """Propose the best way to form lanes, or None where generated kernels do not apply."""
    found = offer(problem, threads, limit, target)
    return None if found is None else found.propose()
