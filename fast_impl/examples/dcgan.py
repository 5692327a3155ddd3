"""A DCGAN's generator: from 100 numbers to an image of 64 by 64, four layers of kernel 5 and stride 2.

Radford, Metz and Chintala, *Unsupervised representation learning with deep convolutional generative adversarial
networks* (ICLR 2016), figure 1. The weights are random.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.examples import decoders
from fast_impl.examples.beside import main

Array = npt.NDArray[Any]


def prepare(images: int, width: int) -> dict[str, Any]:
    """Return the layers and the projected noise, ``(images, 4, 4, 8 * width)``."""
    generator = np.random.default_rng(0)
    widths = [8 * width, 4 * width, 2 * width, width, 3]
    ups = [
        decoders.random_up(generator, filters, channels, 5, 2, "relu" if filters > 3 else "tanh")
        for channels, filters in itertools.pairwise(widths)
    ]
    noise = generator.standard_normal((images, 100)).astype("f4")
    project = generator.standard_normal((100, 16 * widths[0])).astype("f4") / 10
    inputs = np.maximum(noise @ project, 0).reshape(images, 4, 4, widths[0])
    return {"ups": ups, "inputs": inputs}


EXAMPLE = decoders.example(
    module="fast_impl.examples.dcgan",
    about="A DCGAN's generator: four layers, kernel 5, stride 2, to images of 64 by 64.",
    sizes={"large": {"images": 4, "width": 128}, "small": {"images": 1, "width": 4}},
    prepare=prepare,
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
