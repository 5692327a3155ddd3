"""How frameworks lay out the kernel of a transposed convolution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

# Height, width, filters (the output's channels), channels (the input's).
_LAYER = "HWFC"


@dataclass(frozen=True)
class Layout:
    """The order of a kernel's axes.

    Args:
        axes: A permutation of ``HWFC``: height, width, filters, channels (of the input).
        turned: Whether the kernel lies turned by 180 degrees.
    """

    axes: str
    turned: bool = False

    def __str__(self) -> str:
        return self.axes + (" turned" if self.turned else "")

    def layer_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape that a kernel of this layout has in the layer."""
        return tuple(shape[self.axes.index(letter)] for letter in _LAYER)

    def to_layer(self, kernel: Array) -> Array:
        """Return a kernel of this layout as the layer has it; contiguous."""
        array = kernel.transpose([self.axes.index(letter) for letter in _LAYER])
        return np.ascontiguousarray(array[::-1, ::-1] if self.turned else array)

    def from_layer(self, kernel: Array) -> Array:
        """Return the layer's kernel in this layout; contiguous."""
        array = kernel[::-1, ::-1] if self.turned else kernel
        return np.ascontiguousarray(array.transpose([_LAYER.index(letter) for letter in self.axes]))


#: The layouts by the names of those who have them. JAX's is that without ``transpose_kernel``.
LAYOUTS: Mapping[str, Layout] = {
    "layer": Layout("HWFC"),
    "torch": Layout("CFHW"),
    "onnx": Layout("CFHW"),
    "tflite": Layout("FHWC"),
    "jax": Layout("HWCF", turned=True),
}


def layout_named(layout: str | Layout) -> Layout:
    """Return a layout by its name in `LAYOUTS`.

    Raises:
        ValueError: No such name.
    """
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        raise ValueError(f"layout={layout!r}: must be one of {', '.join(LAYOUTS)}")
    return LAYOUTS[layout]
