"""Copies between the forms in which pixels lie in memory, outside the GIL."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl import workers
from fast_impl.machine import copies, processor
from fast_impl.machine.executable import address, call_words

Array = npt.NDArray[Any]


def fill(panels: Array, source: Array, first: int = 0) -> None:
    """Cut the last axis of ``source``, from ``first`` on, into panels; lanes that it lacks become 0.

    Args:
        panels: ``[panels, outer, inner, lanes]``, contiguous, or a part of the first axis of such an array.
        source: ``[outer, inner, any]`` of the same dtype; its last axis is contiguous.
        first: Of the last axis of ``source``.
    """
    lanes = panels.shape[3]
    whole = min(len(panels), (source.shape[2] - first) // lanes)
    if whole:
        _copy(panels[:whole], source, first, lanes)
    for panel in range(whole, len(panels)):
        rest = source.shape[2] - first - panel * lanes
        panels[panel, ..., rest:] = 0
        _copy(panels[panel : panel + 1], source, first + panel * lanes, rest)


def _copy(panels: Array, source: Array, first: int, numbers: int) -> None:
    if not panels.size:
        return
    size = source.itemsize
    fields = {
        copies.SOURCE: address(source) + first * size,
        copies.TARGET: address(panels),
        copies.PANELS: len(panels),
        copies.OUTER: source.shape[0],
        copies.INNER: source.shape[1],
        copies.PANEL_STEP: panels.shape[3] * size,
        copies.OUTER_STEP: source.strides[0],
        copies.INNER_STEP: source.strides[1],
        copies.TARGET_STEP: panels.strides[2],
    }
    told = np.array(call_words(copies.CALL_WORDS, fields), np.int64)
    processor.copies_kernel(numbers * size)(address(told))


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
