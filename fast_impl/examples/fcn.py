"""The head of an FCN-32s: scores of 21 classes, 32 times as high and wide by a bilinear kernel.

Long, Shelhamer and Darrell, *Fully convolutional networks for semantic segmentation* (CVPR 2015). The kernel is 64
by 64 and takes each class to itself. A layer of the page would multiply all classes by all, mostly by zero; so the
classes go through as images of one channel.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.examples import decoders
from fast_impl.examples.beside import main

Array = npt.NDArray[Any]


def bilinear(stride: int) -> Array:
    """Return the kernel of bilinear interpolation, ``(2 * stride, 2 * stride, 1, 1)``.

    With ``padding="same"`` the output's pixel p lies at (p + 1/2) / stride - 1/2 of the input.
    """
    place = (np.arange(2 * stride) + 0.5) / stride - 1
    hat = 1 - np.abs(place)
    kernel: Array = np.outer(hat, hat).astype("f4")[:, :, None, None]
    return kernel


def prepare(classes: int, height: int, width: int, stride: int) -> dict[str, Any]:
    """Return the layer and the scores, ``(classes, height, width, 1)``."""
    one = np.ones(1, "f4")
    scores = np.random.default_rng(0).standard_normal((classes, height, width, 1)).astype("f4")
    return {
        "ups": [decoders.Up(bilinear(stride), stride, one, 0 * one, "linear")],
        "inputs": scores,
    }


def _classes_last(images: Array) -> Array:
    return np.moveaxis(images[..., 0], 0, -1)


EXAMPLE = decoders.example(
    module="fast_impl.examples.fcn",
    about="The head of an FCN-32s: 21 classes, a bilinear kernel of 64 by 64, stride 32.",
    sizes={
        "large": {"classes": 21, "height": 16, "width": 16, "stride": 32},
        "small": {"classes": 3, "height": 4, "width": 5, "stride": 4},
    },
    prepare=prepare,
    result=_classes_last,
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
