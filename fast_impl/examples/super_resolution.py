"""A super-resolution net, trained for 100 steps without TensorFlow, within a bound of TensorFlow's own run.

The net makes images twice as high and wide from five features: the image, and where it grows and where it falls
along each axis. One transposed convolution of kernel 6, stride 2, is trained on patches of a synthetic picture,
with the mean squared error as loss, by gradient descent, momentum and Adam as ``tf.compat.v1.train`` has them. The
constraint ``non_neg`` is applied after each update.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import fast_impl
from fast_impl.examples.beside import Example, main, part_of, rounding
from fast_impl.examples.optimizers import OPTIMIZERS, Errors, OfGradient, Run, non_neg

Array = npt.NDArray[Any]

KERNEL, STRIDE, STEPS = 6, 2, 100


def prepare(patches: int, side: int, steps: int = STEPS) -> dict[str, Any]:
    """Return features, the pictures that they shall become, and the first kernel.

    Args:
        patches: How many patches, a power of two.
        side: Pixels of a patch's side before, a power of two; so the mean has an exact factor.
        steps: How many are trained.
    """
    generator = np.random.default_rng(0)
    length = STRIDE * side
    y, x = np.mgrid[:length, :length] / length
    waves = generator.uniform(1, 5, (patches, 3, 1, 1)), generator.uniform(0, 6, (patches, 3, 1, 1))
    pictures = np.sin(waves[0] * (y * np.cos(waves[1]) + x * np.sin(waves[1])) * 6 + waves[1]).mean(
        axis=1
    )
    pictures = 0.5 + 0.4 * np.sign(pictures) * np.abs(pictures) ** 0.5
    small = pictures.reshape(patches, side, STRIDE, side, STRIDE).mean(axis=(2, 4))
    rows, columns = np.gradient(small, axis=1), np.gradient(small, axis=2)
    slopes = [np.maximum(part, 0) for part in (rows, -rows, columns, -columns)]
    features = np.stack([small, *slopes], axis=-1)
    kernel = generator.uniform(0.0, 0.1, (KERNEL, KERNEL, 1, features.shape[-1]))
    return {
        "features": features.astype("f4"),
        "pictures": pictures[..., None].astype("f4"),
        "kernel": kernel.astype("f4"),
        "steps": steps,
    }


def ours(shared: dict[str, Any]) -> Callable[[], Array]:
    """Return a training by each optimizer, one after the other; the result is the kernels."""
    return lambda: np.stack([trained(shared, name)[0] for name in OPTIMIZERS])


def trained(
    shared: dict[str, Any], optimizer: str, *, watch: bool = False
) -> tuple[Array, Array, list[float]]:
    """Train one kernel.

    Args:
        shared: What `prepare` returned.
        optimizer: One of `OPTIMIZERS`.
        watch: Whether the errors are carried along, too.

    Returns:
        The kernel; how far that of a right float32 run may be from the exact one, for each element (zeros unless
        watched); the loss before each step.
    """
    features, pictures = shared["features"], shared["pictures"]
    layer = fast_impl.Conv2DTranspose(
        1, KERNEL, strides=STRIDE, padding="same", use_bias=False, dtype=features.dtype
    )
    layer.build(features.shape)
    update, propagate = OPTIMIZERS[optimizer]
    if watch and 0.1 * largest_curvature(features, pictures.size) > 2:
        raise ValueError(
            "gradient descent's rate of 0.1 is above 2 divided by the largest curvature"
        )
    run, errors = Run(shared["kernel"]), Errors(np.zeros(shared["kernel"].shape))
    factor = np.float32(2 / pictures.size)
    losses = []
    for step in range(shared["steps"]):
        layer.set_weights([run.value])
        rest = layer(features) - pictures
        losses.append(float(np.mean(rest * rest)))
        gradient = layer.gradients(features, rest * factor).kernel
        before = Run(run.value, dict(run.slots))
        update(run, gradient, step)
        if watch:
            of_gradient = gradient_error(shared, before.value, errors.value, rest)
            propagate(errors, before, gradient, of_gradient, step)
        run.value = non_neg(run.value)
    return run.value, errors.value, losses


def gradient_error(shared: dict[str, Any], run: Array, error: Array, rest: Array) -> OfGradient:
    """Return how far a computed gradient may be from the exact kernel's.

    The loss is a quadratic form, its gradient linear in the kernel: what the kernel is off goes through the layer
    and back by absolute values. Each sum adds the roundings of docs/tolerance.md.
    """
    sizes = np.abs(shared["features"].astype("f8"))
    kernel = np.abs(run.astype("f8")) + 2 * error
    terms = (KERNEL // STRIDE) ** 2 * sizes.shape[-1]
    factor = 2 / rest.size
    passed = _up(sizes, error)
    rounded = rounding(terms + 1) * _up(sizes, kernel)
    size = np.abs(rest) + 2 * (passed + rounded)
    rounded = rounded + rounding(5) * size
    sums = rounding(rest.size // STRIDE**2 + 1) * _back(sizes, factor * size)
    return OfGradient(_back(sizes, factor * passed), _back(sizes, factor * rounded) + sums)


def largest_curvature(features: Array, pixels: int) -> float:
    """Return a bound of the loss' largest curvature, by the inequality of Collatz and Wielandt.

    Of a matrix without negative elements no eigenvalue is above the largest of ``(M x)[i] / x[i]``, for any x > 0.
    """
    sizes = np.abs(features.astype("f8"))
    vector = np.ones((KERNEL, KERNEL, 1, sizes.shape[-1]))
    bound = np.inf
    for _ in range(8):
        image = _back(sizes, 2 / pixels * _up(sizes, vector))
        bound = float((image / vector).max())
        vector = image / image.max() + 1e-6
    return bound


def _up(images: Array, kernel: Array) -> Array:
    return fast_impl.conv2d_transpose(images, kernel, (STRIDE, STRIDE), "same")


def _back(images: Array, gradient: Array) -> Array:
    kernel = np.zeros((KERNEL, KERNEL, 1, images.shape[-1]))
    return fast_impl.conv2d_transpose_gradients(
        images, kernel, gradient, (STRIDE, STRIDE), "same"
    ).kernel


def allowed(shared: dict[str, Any]) -> Array:
    """Return how far two right runs may be apart: each as far from the exact one."""
    return np.stack([2 * trained(shared, name, watch=True)[1] for name in OPTIMIZERS])


def theirs(shared: dict[str, Any]) -> Callable[[], Array]:
    """Return the same training with what TensorFlow's layer calls, and the optimizers of TensorFlow 1.

    A variable of Keras 3 is none to these optimizers, so it is no layer.
    """
    import tensorflow as tf

    features, pictures = (tf.constant(shared[name]) for name in ("features", "pictures"))
    train = tf.compat.v1.train

    def one(optimizer: Any) -> Array:
        # They apply a variable's constraint themselves.
        kernel = tf.Variable(shared["kernel"], constraint=lambda w: w * tf.cast(w >= 0, w.dtype))
        for _ in range(shared["steps"]):
            with tf.GradientTape() as tape:
                images = tf.nn.conv2d_transpose(features, kernel, pictures.shape, STRIDE, "SAME")
                loss = tf.reduce_mean(tf.square(images - pictures))
            optimizer.apply_gradients([(tape.gradient(loss, kernel), kernel)])
        trained: Array = kernel.numpy()
        return trained

    return lambda: np.stack(
        [
            one(train.GradientDescentOptimizer(0.1)),
            one(train.MomentumOptimizer(0.01, 0.9)),
            one(train.AdamOptimizer()),
        ]
    )


EXAMPLE = Example(
    module="fast_impl.examples.super_resolution",
    about="A super-resolution net, trained for 100 steps by gradient descent, momentum and Adam.",
    sizes={"large": {"patches": 64, "side": 32}, "small": {"patches": 4, "side": 8, "steps": 15}},
    prepare=prepare,
    ours=ours,
    theirs=theirs,
    runs=0,
    agreement=lambda shared, ours, theirs: part_of(allowed(shared), ours, theirs),
)

if __name__ == "__main__":
    sys.exit(main(EXAMPLE))
