"""The decoder of pix2pix, a U-Net: each layer doubles the image, and the encoder's at that size is joined to it.

Isola, Zhu, Zhou and Efros, *Image-to-image translation with conditional adversarial networks* (CVPR 2017): kernel
4, stride 2, for images of 256 by 256. The encoder's results and the weights are random.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from fast_impl.examples import decoders
from fast_impl.examples.beside import main


def prepare(levels: int, width: int) -> dict[str, Any]:
    """Return the layers, the innermost result of the encoder, and its others."""
    generator = np.random.default_rng(0)
    most = 8 * width
    # Of the encoder, from the inside: 512, 512, 512, 512, 256, 128, 64 at a width of 64.
    encoder = [min(most, width * 2 ** (levels - 1 - n)) for n in range(levels)]
    inputs = generator.standard_normal((1, 1, 1, encoder[0])).astype("f4")
    ups, skips, channels = [], [], encoder[0]
    for n, filters in enumerate(encoder[1:]):
        ups.append(decoders.random_up(generator, filters, channels, 4, 2, "relu", skip=n))
        skips.append(
            generator.standard_normal((1, 2 ** (n + 1), 2 ** (n + 1), filters)).astype("f4")
        )
        channels = 2 * filters
    ups.append(decoders.random_up(generator, 3, channels, 4, 2, "tanh"))
    return {"ups": ups, "inputs": inputs, "skips": skips}


EXAMPLE = decoders.example(
    module="fast_impl.examples.pix2pix",
    about="The decoder of pix2pix, a U-Net: eight layers, kernel 4, stride 2, to an image of 256 by 256.",
    sizes={"large": {"levels": 8, "width": 64}, "small": {"levels": 4, "width": 4}},
    prepare=prepare,
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
