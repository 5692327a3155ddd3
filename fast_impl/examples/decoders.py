"""What the decoders share: steps over arrays, run by NumPy with `fast_impl`, or by TensorFlow.

And how far two right results of a layer may be apart, as docs/tolerance.md says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import fast_impl
from fast_impl.examples.beside import Example, rounding

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


def agreement(ups: Sequence[Up], inputs: Array, skips: Sequence[Array] = ()) -> float:
    """Return the largest difference from TensorFlow's layers as a part of what is allowed, layer by layer.

    Each layer gets what this library made of the layers before it, on both sides. Through all of them a bound of
    the worst case grows beyond the values themselves, and would notice nothing.
    """
    images, part = inputs, 0.0
    for up in ups:
        result = ours([up], images, skips)()
        difference = np.abs(result.astype("f8") - theirs([up], images, skips)())
        part = max(part, float((difference / allowed(up, images, skips)).max()))
        images = result
    return part


def allowed(up: Up, images: Array, skips: Sequence[Array] = ()) -> Array:
    """Return how far two float32 results of a layer may be apart, for each element.

    A sum of n products is within gamma(n + 1) times the sum of their absolute values. Scale and shift round once
    each; relu and tanh bring no two numbers farther apart, and tanh has in float32 an error of 8 units.
    """
    absolute = fast_impl.conv2d_transpose(
        np.abs(images.astype("f8")), np.abs(up.kernel.astype("f8")), (up.stride, up.stride), "same"
    )
    height, width, _, channels = up.kernel.shape
    terms = -(-height // up.stride) * -(-width // up.stride) * channels
    scaled = np.abs(up.scale.astype("f8")) * absolute
    error = rounding(terms + 1) * scaled + rounding(3) * (scaled + np.abs(up.shift))
    if up.activation == "tanh":
        error += rounding(8)
    if up.skip is not None:
        error = np.concatenate([error, np.zeros_like(skips[up.skip], "f8")], axis=-1)
    bound: Array = 2 * error + np.finfo("f4").tiny
    return bound


def example(
    module: str,
    about: str,
    sizes: Mapping[str, Mapping[str, Any]],
    prepare: Callable[..., dict[str, Any]],
    result: Callable[[Array], Array] = np.asarray,
) -> Example:
    """Return the example of a decoder, whose `prepare` gives what `ours` and `theirs` take.

    The other arguments are those of `Example`; `result` makes the example's result of the decoder's.
    """

    def side(make: Callable[..., Callable[[], Array]]) -> Callable[[Any], Callable[[], Array]]:
        def made(shared: dict[str, Any]) -> Callable[[], Array]:
            run = make(**shared)
            return lambda: result(run())

        return made

    return Example(
        module, about, sizes, prepare, side(ours), side(theirs),
        agreement=lambda shared, _ours, _theirs: agreement(**shared),
    )  # fmt: skip
