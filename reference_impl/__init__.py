"""The oracle: `tf.compat.v1.layers.Conv2DTranspose` in plain Python loops.

Nothing here is clever. Arrays are storage; every product and sum is made on Python numbers, in
float64 or exactly, in the order in which the definition reads. If a number is in doubt, this
package says what it should be.

`formulas` is the definition, `functions` checks arguments and converts arrays, `layer` is Keras' object
around them. Each imports those before it.
"""

from __future__ import annotations

from reference_impl.errors import InvalidArgumentError
from reference_impl.functions import (
    Gradients,
    conv2d_transpose,
    conv2d_transpose_gradients,
    convolution,
    output_shape,
)
from reference_impl.layer import Conv2DTranspose

__all__ = [
    "Conv2DTranspose",
    "Gradients",
    "InvalidArgumentError",
    "conv2d_transpose",
    "conv2d_transpose_gradients",
    "convolution",
    "output_shape",
]
