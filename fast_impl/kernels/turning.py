"""Copies of images into another order in memory, or another format, outside the GIL.

Kernels of the target do what they can: whole vectors of images in float32 whose channels come first on one side,
and of images in float16 or bfloat16. NumPy does the rest.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.kernels import made
from fast_impl.kernels.copying import shares
from fast_impl.kernels.format import Formats, Turns
from fast_impl.kernels.made import Kernel
from fast_impl.kernels.target import Target
from fast_impl.runtime import checking, workers
from fast_impl.runtime.addresses import address, call_words, steps

Array = npt.NDArray[Any]

# Rows that are turned together.
_ROWS = 4


def turn(into: Array, source: Array, threads: int, target: Target | None) -> None:
    """Copy ``source[images, rows, columns, channels]`` into another order in memory, or another format.

    Args:
        into: Of the same shape.
        source: What to copy.
        threads: Most threads.
        target: Whose kernels copy; None for NumPy.
    """

    def copy(rows: slice) -> None:
        _copy(into[:, rows], source[:, rows], target)

    workers.run_each(
        [functools.partial(copy, rows) for rows in shares(into.shape[1], threads)], threads
    )


def _copy(into: Array, source: Array, target: Target | None) -> None:
    if target is not None and into.size and into.dtype.isnative and source.dtype.isnative:
        if into.dtype != source.dtype:
            if _changed(into, source, target):
                return
        elif into.dtype.itemsize == 4 and _turned(into, source, target):
            return
    _by_numpy(into, source)


def _by_numpy(into: Array, source: Array) -> None:
    with np.errstate(all="ignore"):
        np.copyto(into, source, casting="unsafe")


def _call(kernel: Kernel, told: list[int], arrays: dict[int, Array]) -> None:
    words = np.array(told, np.int64)
    if checking.wanted():
        checking.prove([[(kernel, 0)]], words[None], arrays)
    kernel(address(words))


# --- another order --------------------------------------------------------------------------------


def _turned(into: Array, source: Array, target: Target) -> bool:
    """Copy by the target's kernel, if the channels of one side come first and those of the other last."""
    to, found = _pixels(into), _pixels(source)
    if to is None or found is None:
        return False
    if steps(found)[2] == 4 and steps(to)[1] == 4:
        _turn(to, found, target)
        return True
    if steps(found)[1] == 4 and steps(to)[2] == 4:
        _turn(to.swapaxes(1, 2), found.swapaxes(1, 2), target)
        return True
    return False


def _pixels(images: Array) -> Array | None:
    """The same as ``[images, pixels, channels]``; None where rows of pixels do not follow each other."""
    image, row, column, channel = steps(images)
    if images.shape[1] > 1 and row != images.shape[2] * column:
        return None
    shape = len(images), images.shape[1] * images.shape[2], images.shape[3]
    return np.lib.stride_tricks.as_strided(images, shape, (image, column, channel))


def _turn(into: Array, source: Array, target: Target) -> None:
    """Copy ``source[images, rows, columns]``, whose rows lie in one piece; columns of ``into`` do."""
    kernel = made.turns(target)
    images, rows, columns = source.shape
    wide = target.vector // 4
    high, across = rows // _ROWS * _ROWS, columns // wide * wide
    if kernel is None or target.turns is None or not high * across:
        _by_numpy(into, source)
        return
    image, row, _ = steps(source)
    to_image, _, to_column = steps(into)
    fields = {
        Turns.SOURCE: address(source), Turns.TARGET: address(into), Turns.IMAGES: images,
        Turns.COLUMNS: across // wide, Turns.ROWS: high // _ROWS, Turns.SOURCE_IMAGE: image,
        Turns.TARGET_IMAGE: to_image, Turns.SOURCE_ROW: row, Turns.TARGET_ROW: to_column,
    }  # fmt: skip
    arrays = {Turns.SOURCE: source, Turns.TARGET: into}
    _call(kernel, call_words(target.turns.words, fields), arrays)
    _by_numpy(into[:, high:], source[:, high:])
    _by_numpy(into[:, :high, across:], source[:, :high, across:])


# --- another format -------------------------------------------------------------------------------


def _changed(into: Array, source: Array, target: Target) -> bool:
    """Copy by the target's kernel, if both sides lie alike and one is float32, the other a narrower format."""
    widens = into.dtype == np.float32
    if not widens and source.dtype != np.float32:
        return False
    narrow = (source if widens else into).dtype.name
    if narrow not in ("float16", "bfloat16"):
        return False
    kernel = made.formats(target, narrow, widens)
    if kernel is None or target.formats is None:
        return False
    if not (into[0].flags.c_contiguous and source[0].flags.c_contiguous):
        return False
    numbers = into[0].size
    wide = target.vector // 4
    whole = numbers // wide * wide
    flat, found = (
        np.lib.stride_tricks.as_strided(
            array, (len(array), numbers), (steps(array)[0], array.itemsize)
        )
        for array in (into, source)
    )
    if whole:
        fields = {
            Formats.SOURCE: address(found), Formats.TARGET: address(flat), Formats.IMAGES: len(into),
            Formats.COUNT: whole // wide, Formats.SOURCE_IMAGE: steps(found)[0],
            Formats.TARGET_IMAGE: steps(flat)[0],
        }  # fmt: skip
        arrays = {Formats.SOURCE: found, Formats.TARGET: flat}
        _call(kernel, call_words(target.formats.words, fields), arrays)
    _by_numpy(flat[:, whole:], found[:, whole:])
    return True
