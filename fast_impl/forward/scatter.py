"""One matrix product per tap, added into the rows and columns that the tap reaches.

It reads like the definition and multiplies nothing that the definition does not multiply, so it
is right for every size, every format and every NaN and infinity: the method of last resort. Where an image
has fewer pixels than the kernel has taps, it is one product per pixel, for all taps.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import Offer, Proposal
from fast_impl.kernels.target import Target
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last

Array = npt.NDArray[Any]

# Elements of one temporary array: the work is cut into pieces of about this size.
_PIECE = 1 << 20
# Smaller pieces would make a call take hours.
_LEAST = 1 << 10
# Temporary arrays at a time: pixels, NumPy's copy of them, their product, and sums in a wider format.
_ARRAYS = 4


def piece(problem: Problem, limit: int) -> int:
    """Return how many elements a temporary array may have."""
    most = min(_PIECE, limit // (_ARRAYS * accumulator(problem.dtype).itemsize))
    return max(most, min(_PIECE, _LEAST))


def has_more_taps_than_pixels(problem: Problem) -> bool:
    """Whether loops over the pixels of an image are the shorter ones."""
    height, width = problem.height, problem.width
    return height.input * width.input < height.kernel * width.kernel


def blocks(shape: tuple[int, ...], most: int) -> Iterator[tuple[slice, ...]]:
    """Cut an array into blocks of at most ``most`` elements: whole last axes, as far as they go."""
    cuts: list[list[slice]] = []
    for size in reversed(shape):
        step = max(1, min(size, most))
        cuts.insert(0, [slice(low, min(low + step, size)) for low in range(0, size, step)])
        most //= step
    return itertools.product(*cuts)


class Scatter:
    """The method for one problem."""

    silent = False
    form = "scatter"
    nbytes = 0

    def __init__(self, problem: Problem, limit: int = 1 << 62) -> None:
        self.problem = problem
        self.dtype = accumulator(problem.dtype)
        self.piece = piece(problem, limit)

    def pack(self, kernel: Array) -> Array:
        """Return the kernel in the format of the sums."""
        return kernel.astype(self.dtype, copy=False)

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        problem = self.problem
        inputs_nhwc, out_nhwc = channels_last(problem, inputs), channels_last(problem, out)
        by_pixel = has_more_taps_than_pixels(problem)
        for block in blocks(out_nhwc.shape, self.piece):
            target = out_nhwc[block]
            sums = target if self.dtype == out.dtype else np.empty(target.shape, self.dtype)
            sums[...] = 0
            add = self._add_pixels if by_pixel else self._add_taps
            add(inputs_nhwc[block[0]], packed[:, :, block[3]], sums, block[1], block[2])
            if bias is not None:
                sums += bias[block[3]].astype(self.dtype, copy=False)
            if sums is not target:
                np.copyto(target, sums, casting="unsafe")

    def _add_taps(
        self, inputs: Array, weights: Array, sums: Array, rows: slice, columns: slice
    ) -> None:
        """Add to some rows and columns of the output what each tap carries there."""
        height, width = self.problem.height, self.problem.width
        across = [width.span(b, window=columns) for b in range(width.kernel)]
        reaching = [(b, *found) for b, found in enumerate(across) if found[0].stop]
        for a in range(height.kernel):
            taken, reached = height.span(a, window=rows)
            for b, taken_columns, reached_columns in reaching if taken.stop else ():
                pixels = inputs[:, taken, taken_columns]
                target = sums[:, reached, reached_columns]
                for some in blocks((*pixels.shape[:3], self.problem.in_channels), self.piece):
                    wide = pixels[some].astype(self.dtype, copy=False)
                    target[some[:3]] += wide @ weights[a, b, :, some[3]].T

    def _add_pixels(
        self, inputs: Array, weights: Array, sums: Array, rows: slice, columns: slice
    ) -> None:
        """The same, pixel by pixel."""
        height, width = self.problem.height, self.problem.width
        filters = sums.shape[3]
        for i, j in itertools.product(range(height.input), range(width.input)):
            down, reached = height.taps(i, window=rows)
            right, reached_columns = width.taps(j, window=columns)
            shape = (down.stop - down.start, right.stop - right.start)
            target = sums[:, reached, reached_columns]
            every = (len(inputs), *shape, self.problem.in_channels * filters)
            for image, a, b, _ in blocks(every, max(self.piece, every[3])):
                taps = weights[down, right][a, b]
                flat = taps.reshape(-1, self.problem.in_channels)
                wide = inputs[image, i, j].astype(self.dtype, copy=False)
                found = (wide @ flat.T).reshape(-1, *taps.shape[:3])
                target[image, a, b] += found


def offer(problem: Problem, threads: int, limit: int, target: Target | None) -> Offer:
    """Offer the method, for every problem."""
    made = propose(problem, threads, limit, target)
    return Offer(made.seconds, 0.0, lambda: made)


def propose(problem: Problem, threads: int, limit: int, target: Target | None) -> Proposal:
    """Propose the method, for every problem."""
    scatter = Scatter(problem, limit)
    pixels = problem.batch * problem.height.input * problem.width.input
    taps = problem.height.kernel * problem.width.kernel
    product = costs.product(pixels, problem.filters, problem.in_channels)
    moved = 2 * costs.copy(pixels * problem.filters, problem.filters)
    slow = 20 if scatter.dtype.kind == "i" else 2
    return Proposal(
        scatter,
        taps * (slow * product + moved + 10 * costs.NUMPY_CALL),
        _ARRAYS * scatter.piece * scatter.dtype.itemsize,
        1,
        multiplies_padding=False,
        explanation=f"{taps} products, one for each tap, added where the tap lands",
    )
