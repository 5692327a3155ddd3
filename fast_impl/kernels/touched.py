"""What a kernel will touch, told from its call as the kernel reads it (`fast_impl.kernels.format`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fast_impl.kernels.format import (
    Copies,
    Formats,
    Products,
    Run,
    Sums,
    Turns,
    whole_lines,
)
from fast_impl.kernels.target import Target
from fast_impl.runtime.checking import AddressError, Array, Check, Operands


class _Reach:
    """From where to where something is touched, by field: bytes from where the field begins."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[int, int]] = {}

    def add(self, field: int, low: int, high: int) -> None:
        """Touch some more."""
        known = self.found.get(field)
        self.found[field] = (
            (low, high) if known is None else (min(known[0], low), max(known[1], high))
        )

    def require(self, operands: Operands, bases: Mapping[int, Iterable[int]]) -> None:
        """Check everything from each of the places where a field may begin."""
        for field, (low, high) in self.found.items():
            for base in bases[field]:
                operands.require(field, base + low, base + high)


def _counts(words: Sequence[int], size: int, *fields: int) -> tuple[int, ...]:
    """Counters of loops, which run at least once, of a call of at least ``size`` words."""
    if len(words) < size:
        raise AddressError(f"a call has {len(words)} words instead of {size}: nothing was run")
    found = tuple(words[field // 8] for field in fields)
    if min(found) < 1:
        raise AddressError(f"a kernel would count down from {found}: nothing was run")
    return found


def _some(words: list[int], first: int, count: int) -> list[int]:
    """Words of a stream that a kernel reads."""
    found = words[first : first + count]
    if len(found) < count:
        raise AddressError("a stream has no end: nothing was run")
    return found


# --- what each kernel touches -------------------------------------------------------------------


def check_copies(target: Target, length: int) -> Check:
    """The check of the kernel that copies pieces of so many bytes."""
    loops = (
        (Copies.SOURCE, (Copies.OUTER_STEP, Copies.PANEL_STEP, Copies.INNER_STEP)),
        (
            Copies.TARGET,
            (Copies.TARGET_OUTER_STEP, Copies.TARGET_PANEL_STEP, Copies.TARGET_INNER_STEP),
        ),
    )

    def check(words: Sequence[int], operands: Operands) -> None:
        counts = _counts(words, target.copies.words, Copies.OUTER, Copies.PANELS, Copies.INNER)
        if length < 1:
            raise AddressError(f"a kernel would copy pieces of {length} bytes: nothing was run")
        for field, by in loops:
            far = [(n - 1) * words[step // 8] for n, step in zip(counts, by, strict=True)]
            start = words[field // 8]
            low, high = (sum(pick(0, each) for each in far) for pick in (min, max))
            operands.require(field, start + low, start + high + length)

    return check


def check_turns(target: Target) -> Check:
    """The check of the kernel that turns images."""

    def check(words: Sequence[int], operands: Operands) -> None:
        assert target.turns is not None
        counts = _counts(words, target.turns.words, Turns.IMAGES, Turns.COLUMNS, Turns.ROWS)
        images, columns, rows = counts[0], counts[1] * target.vector // 4, counts[2] * 4
        for field, image, row, (lines, wide) in (
            (Turns.SOURCE, Turns.SOURCE_IMAGE, Turns.SOURCE_ROW, (rows, columns)),
            (Turns.TARGET, Turns.TARGET_IMAGE, Turns.TARGET_ROW, (columns, rows)),
        ):
            start, *far = (words[at // 8] for at in (field, image, row))
            reach = [(n - 1) * step for n, step in zip((images, lines), far, strict=True)]
            low, high = (sum(pick(0, each) for each in reach) for pick in (min, max))
            operands.require(field, start + low, start + high + 4 * wide)

    return check


def check_formats(target: Target, widens: bool) -> Check:
    """The check of a kernel from another format, if it ``widens``, or to it."""

    def check(words: Sequence[int], operands: Operands) -> None:
        assert target.formats is not None
        images, count = _counts(words, target.formats.words, Formats.IMAGES, Formats.COUNT)
        numbers = count * target.vector // 4
        for field, image, size in (
            (Formats.SOURCE, Formats.SOURCE_IMAGE, 2 if widens else 4),
            (Formats.TARGET, Formats.TARGET_IMAGE, 4 if widens else 2),
        ):
            start, far = words[field // 8], (images - 1) * words[image // 8]
            operands.require(field, start + min(0, far), start + max(0, far) + numbers * size)

    return check


def check_sums(
    target: Target, vectors: int, size: int, runs: tuple[Run, ...], again: bool
) -> Check:
    """The check of a kernel of sums, whose generator takes the same."""
    rows, panel = target.tiles[vectors].rows, vectors * target.vector
    lines = whole_lines(panel, size, runs, again)

    def stream(words: list[int], around: int, line: int) -> _Reach:
        first = min(run.displacement + run.line * line for run in runs)
        end = max(run.displacement + run.line * line + run.lanes * size for run in runs)
        found, at = _Reach(), 0
        while (taps := _some(words, at, 1)[0]) >= 0:
            outputs = _some(words, at + 1, rows)
            at += 1 + rows
            for _ in range(taps):
                length, weights, *pixels = _some(words, at, 2 + rows)
                at += 2 + rows
                if length < 1:
                    raise AddressError("a stream has a tap of no numbers: nothing was run")
                found.add(Sums.WEIGHTS, weights, weights + length * panel)
                read = [pixel for pixel in pixels if pixel >= 0]
                if read:
                    found.add(Sums.INPUTS, min(read), max(read) + length * size)
                if len(read) < rows:
                    found.add(Sums.NOTHING, 0, length * size)
            written = [output for output in outputs if output >= 0]
            if written:
                found.add(Sums.OUTPUTS, min(written) + first, max(written) + end)
            if len(written) < rows and (first < 0 or end > target.widest * target.vector or around):
                raise AddressError("an output that is written nowhere has no room: nothing was run")
            if around and any(output % target.vector for output in written):
                raise AddressError("an output of whole lines begins inside one: nothing was run")
        return found

    def check(words: Sequence[int], operands: Operands) -> None:
        count, panels = _counts(words, target.sums.words, Sums.COUNT, Sums.PANELS)
        table = operands.read(Sums.JOBS, words[Sums.JOBS // 8], 3 * count, np.int64).reshape(-1, 3)
        around = lines and words[Sums.AROUND // 8]
        inputs, outputs, weights = (
            words[field // 8] for field in (Sums.INPUTS, Sums.OUTPUTS, Sums.WEIGHTS)
        )
        far = (
            (panels - 1) * words[Sums.OUTPUTS_STEP // 8],
            (panels - 1) * words[Sums.WEIGHTS_STEP // 8],
        )
        for start in np.unique(table[:, 0]).tolist():
            some = table[table[:, 0] == start]
            bases = {
                Sums.INPUTS: (inputs + int(some[:, 1].min()), inputs + int(some[:, 1].max())),
                Sums.OUTPUTS: [
                    outputs + int(job) + each
                    for job in (some[:, 2].min(), some[:, 2].max())
                    for each in (0, far[0])
                ],
                Sums.WEIGHTS: (weights, weights + far[1]),
                Sums.NOTHING: (words[Sums.NOTHING // 8],),
            }
            places = outputs + some[:, 2], words[Sums.OUTPUTS_STEP // 8]
            if around and any(np.any(each % target.vector) for each in places):
                raise AddressError("an output of whole lines begins inside one: nothing was run")
            place = words[Sums.STREAMS // 8] + start
            told = operands.read(Sums.STREAMS, place, -1, np.int32).tolist()
            stream(told, around, words[Sums.LINE // 8]).require(operands, bases)
        if not again:
            bias = words[Sums.BIAS // 8]
            operands.require(Sums.BIAS, bias, bias + panels * panel)

    return check


def check_products(
    target: Target,
    rows: int,
    vectors: int,
    size: int,
    gradient_step: int,
    channels: int,
    input_step: int,
) -> Check:
    """The check of a kernel of products, whose generator takes the same."""
    panel = vectors * target.vector
    read = channels * size if target.masks or input_step != panel else panel

    def stream(words: Array) -> _Reach:
        found = _Reach()
        ends = words[::3] < 0
        if not ends.any():
            raise AddressError("a stream has no end: nothing was run")
        runs = words[: 3 * int(ends.argmax())].reshape(-1, 3)
        for length, pixel, gradient in runs[runs[:, 0] > 0].tolist():
            last = (length - 1) * gradient_step
            found.add(Products.INPUTS, pixel, pixel + (length - 1) * input_step + read)
            found.add(Products.GRADIENTS, gradient, gradient + last + rows * size)
        return found

    def check(words: Sequence[int], operands: Operands) -> None:
        count, panels = _counts(words, target.products.words, Products.COUNT, Products.PANELS)
        place = words[Products.JOBS // 8]
        table = operands.read(Products.JOBS, place, 3 * count, np.int64).reshape(-1, 3)
        inputs, result = words[Products.INPUTS // 8], words[Products.RESULT // 8]
        last = panels - 1
        for start in np.unique(table[:, 0]).tolist():
            gradients = words[Products.GRADIENTS // 8] + table[table[:, 0] == start, 1]
            bases = {
                Products.INPUTS: (inputs, inputs + last * words[Products.INPUTS_STEP // 8]),
                Products.GRADIENTS: (int(gradients.min()), int(gradients.max())),
            }
            told = words[Products.STREAMS // 8] + start
            stream(operands.read(Products.STREAMS, told, -1, np.int32)).require(operands, bases)
        high = (rows - 1) * words[Products.RESULT_ROW // 8] + channels * size
        for panel in (0, last * words[Products.RESULT_STEP // 8]):
            for tile in (int(table[:, 2].min()), int(table[:, 2].max())):
                operands.require(
                    Products.RESULT, result + panel + tile, result + panel + tile + high
                )

    return check
