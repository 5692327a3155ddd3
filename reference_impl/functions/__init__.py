"""The public functions: arguments are checked, arrays go in and come out."""

from __future__ import annotations

from reference_impl.functions.convolution import convolution
from reference_impl.functions.forward import conv2d_transpose
from reference_impl.functions.gradients import Gradients, conv2d_transpose_gradients
from reference_impl.functions.shapes import Shape, output_shape

__all__ = [
    "Gradients",
    "Shape",
    "conv2d_transpose",
    "conv2d_transpose_gradients",
    "convolution",
    "output_shape",
]
