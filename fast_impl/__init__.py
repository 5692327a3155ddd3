"""``tf.compat.v1.layers.Conv2DTranspose`` on NumPy arrays, without TensorFlow.

>>> import numpy as np, fast_impl
>>> layer = fast_impl.Conv2DTranspose(2, 3, strides=2, padding="same")
>>> layer(np.ones((1, 4, 5, 3), np.float32)).shape
(1, 8, 10, 2)
"""

from fast_impl.errors import InvalidArgumentError
from fast_impl.functional import (
    Gradients,
    conv2d_transpose,
    conv2d_transpose_gradients,
    output_shape,
)
from fast_impl.layer import Conv2DTranspose
from fast_impl.memory import limit_memory, release_memory
from fast_impl.planner import Plan, algorithms, plan

__all__ = [
    "Conv2DTranspose",
    "Gradients",
    "InvalidArgumentError",
    "Plan",
    "algorithms",
    "conv2d_transpose",
    "conv2d_transpose_gradients",
    "limit_memory",
    "output_shape",
    "plan",
    "release_memory",
]
