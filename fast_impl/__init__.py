"""``tf.compat.v1.layers.Conv2DTranspose`` on NumPy arrays, without TensorFlow.

>>> import numpy as np, fast_impl
>>> layer = fast_impl.Conv2DTranspose(2, 3, strides=2, padding="same")
>>> layer(np.ones((1, 4, 5, 3), np.float32)).shape
(1, 8, 10, 2)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fast_impl.functional import (
    Gradients,
    conv2d_transpose,
    conv2d_transpose_gradients,
    output_shape,
)
from fast_impl.layer.layer import Conv2DTranspose
from fast_impl.layer.objects import activations, constraints, initializers, regularizers
from fast_impl.layer.objects.configs import keras3 as keras3_config
from fast_impl.planning.planner import Plan, algorithms, plan
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.runtime.memory import limit_memory, release_memory

if TYPE_CHECKING:
    from fast_impl import weights

__all__ = [
    "Conv2DTranspose",
    "Gradients",
    "InvalidArgumentError",
    "Plan",
    "activations",
    "algorithms",
    "constraints",
    "conv2d_transpose",
    "conv2d_transpose_gradients",
    "initializers",
    "keras3_config",
    "limit_memory",
    "output_shape",
    "plan",
    "regularizers",
    "release_memory",
    "weights",
]


def __getattr__(name: str) -> Any:
    # Late: who computes need not load what reads files.
    if name == "weights":
        return importlib.import_module("fast_impl.weights")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
