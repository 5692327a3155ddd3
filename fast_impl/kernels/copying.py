"""Copies between the forms in which pixels lie in memory, outside the GIL."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.kernels import made
from fast_impl.kernels.format import Copies
from fast_impl.kernels.target import Target
from fast_impl.runtime import checking
from fast_impl.runtime.addresses import address, call_words, steps

Array = npt.NDArray[Any]

# Bytes of a source that stay in the cache until all panels have theirs.
_BLOCK_BYTES = 16 << 10


def fill(panels: Array, source: Array, first: int, target: Target) -> None:
    """Cut the last axis of ``source``, from ``first`` on, into panels; lanes that it lacks become 0.

    Args:
        panels: ``[panels, outer, inner, lanes]``, contiguous, or a part of the first axis of such an array; only
            the last one may have more lanes than there are numbers for it.
        source: ``[outer, inner, any]`` of the same dtype; its last axis is contiguous.
        first: Of the last axis of ``source``.
        target: Whose kernels copy.
    """
    lanes = panels.shape[3]
    whole = min(len(panels), (source.shape[2] - first) // lanes)
    if whole:
        _copy(panels[:whole], source, first, lanes, target)
    if whole < len(panels):
        rest = source.shape[2] - first - whole * lanes
        panels[whole, ..., rest:] = 0
        _copy(panels[whole:], source, first + whole * lanes, rest, target)


def _copy(panels: Array, source: Array, first: int, numbers: int, target: Target) -> None:
    if not panels.size:
        return
    outer, inner, _ = source.shape
    outer_step, inner_step, size = steps(source)
    panel_step, _, step, _ = steps(panels)
    rest = 0
    if outer_step == inner * inner_step:
        # One long axis: blocks of it come into the cache once for all panels.
        length = outer * inner
        inner = max(1, min(length, _BLOCK_BYTES // max(inner_step, 1)))
        outer, rest = divmod(length, inner)
        outer_step = inner * inner_step
    fields = {
        Copies.SOURCE: address(source) + first * size,
        Copies.TARGET: address(panels),
        Copies.OUTER: outer,
        Copies.PANELS: len(panels),
        Copies.INNER: inner,
        Copies.OUTER_STEP: outer_step,
        Copies.PANEL_STEP: panels.shape[3] * size,
        Copies.INNER_STEP: inner_step,
        Copies.TARGET_OUTER_STEP: inner * step,
        Copies.TARGET_PANEL_STEP: panel_step,
        Copies.TARGET_INNER_STEP: step,
    }
    copy = made.copies(target, numbers * size)
    told = np.array(call_words(target.copies.words, fields), np.int64)

    def call() -> None:
        if checking.wanted():
            arrays = {Copies.SOURCE: source, Copies.TARGET: panels}
            checking.prove([[(copy, 0)]], told[None], arrays)
        copy(address(told))

    # The kernel counts source and target on to where the rest begins.
    call()
    if rest:
        told[Copies.OUTER // 8], told[Copies.INNER // 8] = 1, rest
        call()


def shares(count: int, parts: int) -> list[slice]:
    """Divide ``count`` things into at most so many parts, as evenly as can be."""
    parts = max(1, min(count, parts))
    return [slice(count * n // parts, count * (n + 1) // parts) for n in range(parts)]
