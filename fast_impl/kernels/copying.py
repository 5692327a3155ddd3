"""Copies between the forms in which pixels lie in memory, outside the GIL."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.kernels.x86 import copies, processor
from fast_impl.runtime import workers
from fast_impl.runtime.addresses import address, call_words

Array = npt.NDArray[Any]

# Bytes of a source that stay in the cache until all panels have theirs.
_BLOCK_BYTES = 16 << 10


def fill(panels: Array, source: Array, first: int) -> None:
    """Cut the last axis of ``source``, from ``first`` on, into panels; lanes that it lacks become 0.

    Args:
        panels: ``[panels, outer, inner, lanes]``, contiguous, or a part of the first axis of such an array; only
            the last one may have more lanes than there are numbers for it.
        source: ``[outer, inner, any]`` of the same dtype; its last axis is contiguous.
        first: Of the last axis of ``source``.
    """
    lanes = panels.shape[3]
    whole = min(len(panels), (source.shape[2] - first) // lanes)
    if whole:
        _copy(panels[:whole], source, first, lanes)
    if whole < len(panels):
        rest = source.shape[2] - first - whole * lanes
        panels[whole, ..., rest:] = 0
        _copy(panels[whole:], source, first + whole * lanes, rest)


def _copy(panels: Array, source: Array, first: int, numbers: int) -> None:
    if not panels.size:
        return
    outer, inner, _ = source.shape
    outer_step, inner_step, size = source.strides
    step, rest = panels.strides[2], 0
    if outer_step == inner * inner_step:
        # One long axis: blocks of it come into the cache once for all panels.
        length = outer * inner
        inner = max(1, min(length, _BLOCK_BYTES // max(inner_step, 1)))
        outer, rest = divmod(length, inner)
        outer_step = inner * inner_step
    fields = {
        copies.SOURCE: address(source) + first * size,
        copies.TARGET: address(panels),
        copies.OUTER: outer,
        copies.PANELS: len(panels),
        copies.INNER: inner,
        copies.OUTER_STEP: outer_step,
        copies.PANEL_STEP: panels.shape[3] * size,
        copies.INNER_STEP: inner_step,
        copies.TARGET_OUTER_STEP: inner * step,
        copies.TARGET_PANEL_STEP: panels.strides[0],
        copies.TARGET_INNER_STEP: step,
    }
    copy = processor.copies_kernel(numbers * size)
    told = np.array(call_words(copies.CALL_WORDS, fields), np.int64)
    # The kernel counts source and target on to where the rest begins.
    copy(address(told))
    if rest:
        told[copies.OUTER // 8], told[copies.INNER // 8] = 1, rest
        copy(address(told))


def shares(count: int, parts: int) -> list[slice]:
    """Divide ``count`` things into at most so many parts, as evenly as can be."""
    parts = max(1, min(count, parts))
    return [slice(count * n // parts, count * (n + 1) // parts) for n in range(parts)]


def turn(into: Array, source: Array, threads: int) -> None:
    """Copy ``source[images, rows, columns, channels]`` where either's channels are not the last in memory."""
    workers.run_each(
        [
            functools.partial(np.copyto, into[:, rows], source[:, rows])
            for rows in shares(into.shape[1], threads)
        ],
        threads,
    )
