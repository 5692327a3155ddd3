"""The gradient of the bias: the sum of an image over its pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Numbers that are added at a time.
_WIDE = 1024


def pixel_sums(
    images: Array, dtype: np.dtype[Any], parts: int
) -> tuple[Array, list[Callable[[int], None]]]:
    """Sum ``images[batch, height, width, channels]`` over all pixels, in tasks for several threads.

    Returns:
        ``(parts, channels)`` sums, to be added up once all tasks have run, and the tasks; what
        they are called with is not used.
    """
    total = np.zeros((parts, images.shape[3]), dtype)
    whole = images.reshape(-1, images.shape[3]) if images.flags.c_contiguous else None

    def task(part: int, seat: int) -> None:  # noqa: ARG001
        if whole is not None:
            ends = (len(whole) * end // parts for end in (part, part + 1))
            add_pixels(whole[slice(*ends)], total[part])
            return
        for image in images[part::parts]:
            total[part] += image.sum(axis=(0, 1), dtype=dtype)

    return total, [functools.partial(task, part) for part in range(parts)]


def add_pixels(pixels: Array, total: Array) -> None:
    """Add the rows of ``pixels`` to ``total``.

    Several pixels at a time: NumPy's own sum over the long axis is slow for few channels.
    """
    count, channels = pixels.shape
    fold = max(1, min(count, _WIDE // max(channels, 1)))
    whole = count // fold * fold
    folded = pixels[:whole].reshape(-1, fold * channels).sum(axis=0, dtype=total.dtype)
    total += folded.reshape(fold, channels).sum(axis=0)
    total += pixels[whole:].sum(axis=0, dtype=total.dtype)
