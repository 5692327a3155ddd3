"""The gradient of the bias: the sum of an image over its pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl import blas

Array = npt.NDArray[Any]

# Pixels in one product.
_PIECE = 4096


def add_pixels(images: Array, total: Array) -> None:
    """Add the sum of ``images[batch, height, width, channels]`` over all pixels to ``total``.

    A product with ones: NumPy's own sum over the long axis is slow for few channels.
    """
    channels = images.shape[3]
    run = blas.runner(total.dtype)
    ones = np.ones(_PIECE, total.dtype)
    for image in [images] if images.flags.c_contiguous else images:
        if not image.flags.c_contiguous:
            total += image.sum(axis=(0, 1), dtype=total.dtype)
            continue
        pixels = image.reshape(-1, channels)
        for first in range(0, len(pixels), _PIECE):
            some = np.ascontiguousarray(pixels[first : first + _PIECE], total.dtype)
            product = blas.Product(
                1, channels, len(some), 0, channels, 0, len(some), 0, channels, plain=True
            )
            run(blas.compile_products([product], total.dtype), some.reshape(-1), ones, total)
