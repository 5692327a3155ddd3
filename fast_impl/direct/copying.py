"""Copies between the forms in which pixels lie in memory, outside the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl import workers
from fast_impl.machine import copies, processor

Array = npt.NDArray[Any]


def fill(into: Array, source: Array, first: int) -> None:
    """Copy some neighbours of the last axis of ``source``, from ``first`` on; what it lacks becomes 0.

    Args:
        into: ``[outer, inner, pieces]``, contiguous.
        source: ``[outer, inner, any]`` of the same dtype; its last axis is contiguous.
        first: Of the last axis of ``source``.
    """
    pieces = min(into.shape[2], source.shape[2] - first)
    if pieces < into.shape[2]:
        into[..., pieces:] = 0
    if not source.size:
        return
    told = np.zeros(copies.CALL_WORDS, np.int64)
    for field, value in (
        (copies.SOURCE, source.__array_interface__["data"][0] + first * source.itemsize),
        (copies.TARGET, into.__array_interface__["data"][0]),
        (copies.OUTER, source.shape[0]),
        (copies.INNER, source.shape[1]),
        (copies.OUTER_STEP, source.strides[0]),
        (copies.INNER_STEP, source.strides[1]),
        (copies.TARGET_STEP, into.strides[1]),
    ):
        told[field // 8] = value
    processor.copies_kernel(pieces * source.itemsize)(told.__array_interface__["data"][0])


def turn(into: Array, source: Array, threads: int) -> None:
    """Copy ``source[images, rows, columns, channels]`` where either's channels are not the last in memory."""
    rows = into.shape[1]
    parts = min(rows, threads)

    def task(number: int, seat: int) -> None:  # noqa: ARG001
        some = slice(rows * number // parts, rows * (number + 1) // parts)
        into[:, some] = source[:, some]

    workers.run(task, parts, parts)
