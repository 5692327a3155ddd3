"""What the decoders share: steps over arrays, run by NumPy with `fast_impl`, or by TensorFlow.

And how far two right results may be apart. A step's error is bounded from that of its inputs, as docs/tolerance.md
does for one layer: it adds the roundings of its sums, and passes on what it got by its absolute weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import fast_impl
from fast_impl.examples.beside import rounding

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Up:
    """A transposed convolution with weights, then a scale and a shift per channel, and an activation.

    Args:
        kernel: ``(kernel_height, kernel_width, filters, in_channels)``.
        stride: Of height and width; the padding is ``same``.
        scale, shift: A folded batch normalisation; ones and a bias where there is none.
        activation: ``"relu"``, ``"tanh"`` or ``"linear"``.
        skip: Which of the other inputs is joined to the result's channels, if any.
    """

    kernel: Array
    stride: int
    scale: Array
    shift: Array
    activation: str
    skip: int | None = None


def random_up(
    generator: np.random.Generator, filters: int, channels: int, kernel: int, stride: int,
    activation: str, skip: int | None = None,
) -> Up:  # fmt: skip
    """Return a layer with random weights that keep the size of what goes through."""
    spread = (2 * stride**2 / (kernel**2 * channels)) ** 0.5
    weights = generator.standard_normal((kernel, kernel, filters, channels)) * spread
    scale = generator.uniform(0.8, 1.2, filters)
    shift = generator.standard_normal(filters) * 0.1
    return Up(
        weights.astype("f4"), stride, scale.astype("f4"), shift.astype("f4"), activation, skip
    )


def ours(ups: Sequence[Up], inputs: Array, skips: Sequence[Array] = ()) -> Callable[[], Array]:
    """Return a decoder of this library's layers."""
    layers = [_layer(fast_impl.Conv2DTranspose, up) for up in ups]

    def run() -> Array:
        images = inputs
        for up, layer in zip(ups, layers):
            images = layer(images)
            images *= up.scale
            images += up.shift
            if up.activation == "relu":
                np.maximum(images, 0, out=images)
            elif up.activation == "tanh":
                np.tanh(images, out=images)
            if up.skip is not None:
                images = np.concatenate([images, skips[up.skip]], axis=-1)
        return images

    return run


def theirs(ups: Sequence[Up], inputs: Array, skips: Sequence[Array] = ()) -> Callable[[], Array]:
    """Return the same decoder of TensorFlow's layers, compiled with ``tf.function``."""
    import tensorflow as tf

    layers = [_layer(tf.keras.layers.Conv2DTranspose, up) for up in ups]
    activations = {"relu": tf.nn.relu, "tanh": tf.tanh, "linear": tf.identity}

    @tf.function  # type: ignore[untyped-decorator]
    def compiled(images: Any, skips: Any) -> Any:
        for up, layer in zip(ups, layers):
            images = activations[up.activation](layer(images) * up.scale + up.shift)
            if up.skip is not None:
                images = tf.concat([images, skips[up.skip]], axis=-1)
        return images

    tensors = tf.constant(inputs), [tf.constant(skip) for skip in skips]
    return lambda: np.asarray(compiled(*tensors))


def _layer(kind: Any, up: Up) -> Any:
    height, width, filters, channels = up.kernel.shape
    layer = kind(filters, (height, width), strides=up.stride, padding="same", use_bias=False)
    layer.build((None, None, None, channels))
    layer.set_weights([up.kernel])
    return layer


def allowed(ups: Sequence[Up], inputs: Array, skips: Sequence[Array] = ()) -> Array:
    """Return how far two float32 results of a decoder may be apart, for each element.

    Each is within `error` of the exact result. A layer's exact sum differs by what the error of its inputs makes
    through the absolute weights; its roundings add gamma(n + 1) times the sum of absolute products, n products
    each. Scale and shift round twice, and tanh has a slope of one at most and, in float32, an error of 8 units.
    """
    images = inputs.astype("f8")
    error = np.zeros_like(images)
    for up in ups:
        weights, scale = up.kernel.astype("f8"), up.scale.astype("f8")
        height, width, _, channels = weights.shape
        terms = -(-height // up.stride) * -(-width // up.stride) * channels
        exact = _up(images, weights, up.stride)
        absolute = _up(np.abs(images) + error, np.abs(weights), up.stride)
        error = _up(error, np.abs(weights), up.stride) + rounding(terms + 1) * absolute
        # The product is rounded, and the sum.
        size = np.abs(scale) * absolute + np.abs(up.shift)
        error = np.abs(scale) * error + rounding(3) * size
        images = exact * scale + up.shift
        if up.activation == "relu":
            images = np.maximum(images, 0)
        elif up.activation == "tanh":
            images = np.tanh(images)
            error = error + rounding(8)
        if up.skip is not None:
            skip = skips[up.skip]
            images = np.concatenate([images, skip], axis=-1)
            error = np.concatenate([error, np.zeros_like(skip, "f8")], axis=-1)
    bound: Array = 2 * error + np.finfo("f4").tiny
    return bound


def _up(images: Array, kernel: Array, stride: int) -> Array:
    return fast_impl.conv2d_transpose(images, kernel, (stride, stride), "same")
