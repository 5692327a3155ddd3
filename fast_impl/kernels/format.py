"""What the kernels are told, the same for every instruction set.

A kernel is a function of one address: that of a *call*, integers of 64 bits by name, behind which
there is room for the kernel's own use. Addresses and steps are in bytes.

**Sums**: of products over taps and channels, kept in registers. A *tile* is some pixels by some
lanes (a *panel*: a few vectors). For each tap of the tile the kernel goes through ``length``
neighbouring numbers of each pixel's input, multiplies each by as many vectors of packed weights,
and adds in registers; the finished sums, with the bias, are written once. Which numbers those are
is data, a *stream* of 32-bit integers:

    tile:  taps, address of each pixel's output (or `NOWHERE`), then for each tap
           length, address of its weights, address of each pixel's input (or `ZEROS`)
    end:   `END`

Addresses are relative to those of a *job*, three 64-bit integers: where its stream is, its inputs
and its outputs. One call does all jobs for one panel of weights after the other. A call may say
that outputs go around the caches: a result that is larger than they are need not be read into them
before it is written. Only whole lines do (`whole_lines`).

**Products**: sums over pixels of outer products, the kernel's gradient. A tile of the result is
some *rows* (neighbouring numbers of one pixel of the output's gradient) by a panel of vectors
(neighbouring channels of an input pixel). For each run of pixels the kernel multiplies them all,
pixel after pixel, and adds in registers; the sums are then added to what the result held before.
The stream has for each run its length, the address of its inputs and of its gradients; then `END`.
A job is where a stream is, the gradients it counts from, and its tile of the result.

**Copies**: of short pieces from place to place, in three nested loops. NumPy takes about as long
for a copy of 24 bytes as for one of 200; packing is made of such copies. ``OUTER`` times ``PANELS``
times ``INNER`` pieces are copied; after each turn of a loop source and target move by their steps
of that loop from where the turn began.

**Turns**: of images, each a matrix of numbers of 4 bytes that is transposed: each row of the source lies in one
piece, and so does each column of the target. ``ROWS`` times four rows and ``COLUMNS`` times a vector of columns.

**Formats**: of images of ``COUNT`` vectors of float32 each, from another format or to it.
"""

from __future__ import annotations

from typing import NamedTuple

from fast_impl.runtime.memory import LINE

ZEROS = NOWHERE = END = -1
JOB_BYTES = 24


class Sums:
    """The fields of a call of sums, and their size."""

    (
        JOBS, COUNT, STREAMS, INPUTS, WEIGHTS, OUTPUTS, BIAS, NOTHING, PANELS, WEIGHTS_STEP,
        OUTPUTS_STEP, AROUND, LINE, SIZE,
    ) = range(0, 112, 8)  # fmt: skip


class Products:
    """The fields of a call of products, and their size."""

    (
        JOBS, COUNT, STREAMS, INPUTS, GRADIENTS, RESULT, PANELS, INPUTS_STEP, RESULT_STEP,
        RESULT_ROW, SIZE,
    ) = range(0, 88, 8)  # fmt: skip


class Copies:
    """The fields of a call of copies, and their size; the kernel counts in some of them."""

    (
        SOURCE, TARGET, OUTER, PANELS, INNER, OUTER_STEP, PANEL_STEP, INNER_STEP,
        TARGET_OUTER_STEP, TARGET_PANEL_STEP, TARGET_INNER_STEP, SIZE,
    ) = range(0, 96, 8)  # fmt: skip


class Turns:
    """The fields of a call of turns, and their size; the kernel counts in the first three."""

    (
        SOURCE, TARGET, IMAGES, COLUMNS, ROWS, SOURCE_IMAGE, TARGET_IMAGE, SOURCE_ROW, TARGET_ROW, SIZE,
    ) = range(0, 80, 8)  # fmt: skip


class Formats:
    """The fields of a call of formats, and their size; the kernel counts in the first three."""

    SOURCE, TARGET, IMAGES, COUNT, SOURCE_IMAGE, TARGET_IMAGE, SIZE = range(0, 56, 8)


class Run(NamedTuple):
    """Neighbouring lanes that are neighbours in the output, too: ``displacement`` bytes on, in line ``line``.

    A call says how far lines are from each other, so that one kernel serves images of all sizes.
    """

    lane: int
    lanes: int
    displacement: int
    line: int = 0


def whole(panel_bytes: int, size: int, runs: tuple[Run, ...]) -> bool:
    """Whether all lanes of a panel are written where the output is, one after the other."""
    return [(run.lanes * size, *run[2:]) for run in runs] == [(panel_bytes, 0, 0)]


def whole_lines(panel_bytes: int, size: int, runs: tuple[Run, ...], again: bool) -> bool:
    """Whether all that is written of a panel are lines of the cache, where it begins with one."""
    return panel_bytes % LINE == 0 and not again and whole(panel_bytes, size, runs)
