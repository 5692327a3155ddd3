"""Every refusal's whole text is the recorded one: a message that changes must be meant to change.

The other tests look for the words that carry a rule. `refusals.txt` has the type and the whole text of
what a user reads, so that a garbled sentence or a value of another argument is seen. After a change
that is meant:

    RECORD_REFUSALS=1 python -m pytest reference_impl/tests/test_recorded_refusals.py
"""

import functools
import math
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from reference_impl import (
    Conv2DTranspose,
    conv2d_transpose,
    conv2d_transpose_gradients,
    convolution,
    output_shape,
    storage,
)
from reference_impl.layer import activations, initializers
from reference_impl.layer.activations.layers import ReLU
from reference_impl.layer.calls.convolution_op import layer_convolution
from reference_impl.layer.initializers.initializer import Initializer
from reference_impl.layer.losses import regularizers
from reference_impl.layer.losses.losses import loss_gradient
from reference_impl.layer.serialization import deserialize, serialize
from reference_impl.layer.weights import constraints
from reference_impl.layer.weights import step as training

RECORDED = Path(__file__).with_name("refusals.txt")


class Opaque:
    """An argument nobody knows, with a text that is the same in every process."""

    def __init__(self, result=None):
        self.result = result

    def __repr__(self):
        return "<opaque>"

    def __call__(self, *_, **__):
        return self.result


class WithDerivative(Opaque):
    def derivative(self, values):
        return ones(3)


class NotCallable:
    def __repr__(self):
        return "<not callable>"


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def short(*_, **__):
    return ones(2)


def layer(filters=2, kernel_size=3, **arguments):
    return Conv2DTranspose(filters, kernel_size, **{"name": "deconv", **arguments})


def built(**arguments):
    result = layer(**arguments)
    result(X)
    return result


def built_of_halves(**arguments):
    result = layer(dtype="float16", **arguments)
    result.build((None, 4, 4, 2))
    return result


def twice(initializer):
    initializer((2, 2))
    initializer((2, 2))


def warned(action):
    """A warning counts as a refusal: it is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return action()


X, K = ones(1, 4, 4, 2), ones(3, 3, 2, 2)

REFUSALS = {
    # The functions.
    "function: strides of zero": lambda: conv2d_transpose(X, K, strides=0),
    "function: strides of words": lambda: conv2d_transpose(X, K, strides="ab"),
    "function: three strides": lambda: conv2d_transpose(X, K, strides=(1, 2, 3)),
    "function: dilation of zero": lambda: conv2d_transpose(X, K, dilation_rate=0),
    "function: output padding below zero": lambda: conv2d_transpose(X, K, output_padding=-1),
    "function: output padding as large as the stride": lambda: conv2d_transpose(
        X, K, strides=2, output_padding=(1, 2)
    ),
    "function: padding": lambda: conv2d_transpose(X, K, padding="full"),
    "function: data format": lambda: conv2d_transpose(X, K, data_format="NHWC"),
    "function: input of three axes": lambda: conv2d_transpose(ones(4, 4, 2), K),
    "function: kernel of two axes": lambda: conv2d_transpose(X, ones(3, 3)),
    "function: input channels": lambda: conv2d_transpose(ones(1, 4, 4, 5), K),
    "function: kernel of another dtype": lambda: conv2d_transpose(X, K.astype("float64")),
    "function: bias of another dtype": lambda: conv2d_transpose(X, K, bias=ones(2, dtype="float16")),
    "function: bias of another size": lambda: conv2d_transpose(X, K, bias=ones(3)),
    "function: out of another shape": lambda: conv2d_transpose(X, K, out=ones(1, 6, 6, 3)),
    "function: out of another dtype": lambda: conv2d_transpose(
        X, K, out=ones(1, 6, 6, 2, dtype="float64")
    ),
    "function: words": lambda: conv2d_transpose(X.astype("U1"), K.astype("U1")),
    "function: a result too large": lambda: conv2d_transpose(X, K, strides=10**6),
    "function: gradient of another shape": lambda: conv2d_transpose_gradients(
        X, K, ones(1, 6, 6, 3)
    ),
    "output_shape: three axes": lambda: output_shape((1, 4, 4), (3, 3, 2, 2)),
    "output_shape: kernel of three axes": lambda: output_shape((1, 4, 4, 2), (3, 3, 2)),
    "output_shape: channels": lambda: output_shape((1, 4, 4, 5), (3, 3, 2, 2)),
    "output_shape: output padding": lambda: output_shape(
        (1, 4, 4, 2), (3, 3, 2, 2), strides=2, output_padding=2
    ),
    "output_shape: an even kernel": lambda: output_shape(
        (1, 4, 4, 2), (2, 2, 2, 2), padding="same", output_padding=0
    ),
    "output_shape: a length below zero": lambda: output_shape(
        (1, 0, 4, 2), (1, 3, 2, 2), strides=3, output_padding=0
    ),
    "convolution: channels": lambda: convolution(ones(1, 4, 4, 3), K),
    "convolution: a size of zero": lambda: convolution(X, ones(0, 3, 2, 2)),
    "convolution: an input below the kernel": lambda: convolution(X, ones(7, 7, 2, 2)),
    # The constructor's arguments.
    "filters: zero": lambda: layer(filters=0),
    "filters: not a multiple of the groups": lambda: layer(filters=3, groups=2),
    "kernel_size: None": lambda: layer(kernel_size=None),
    "kernel_size: three": lambda: layer(kernel_size=(1, 2, 3)),
    "kernel_size: words": lambda: layer(kernel_size=("a", 2)),
    "kernel_size: zero": lambda: layer(kernel_size=(0, 2)),
    "strides: zero": lambda: layer(strides=0),
    "strides: below zero": lambda: layer(strides=(1, -1)),
    "padding: unknown": lambda: layer(padding="full"),
    "padding: causal": lambda: layer(padding="causal"),
    "data_format: unknown": lambda: layer(data_format="NHWC"),
    "dilation_rate: with strides": lambda: layer(strides=2, dilation_rate=2),
    "dilation_rate: two rates": lambda: layer(dilation_rate=(1, 2))(X),
    "output_padding: below zero": lambda: layer(output_padding=-1),
    "output_padding: as large as the strides": lambda: layer(strides=2, output_padding=2),
    "trainable: a number": lambda: layer(trainable=1),
    "dynamic: a number": lambda: layer(dynamic=1),
    "rank": lambda: layer(rank=2),
    "an unknown keyword": lambda: layer(colour="red"),
    "name: a number": lambda: layer(name=3)(X),
    "dtype: unknown": lambda: layer(dtype="float31"),
    "dtype: an empty dict": lambda: layer(dtype={}),
    "dtype: a dict without a name": lambda: layer(
        dtype={"class_name": "Policy", "config": {"name": 3}}
    ),
    "strides: floats": lambda: layer(strides=(1.0, 1.5))(X),
    "padding: a list": lambda: layer(padding=["same"])(X),
    "padding: a tuple": lambda: layer(padding=("same",))(X),
    "filters: None": lambda: layer(filters=None)(X),
    "kernel_size: a fraction": lambda: layer(kernel_size=(1.5, 2))(X),
    "kernel_size: a Boolean": lambda: layer(kernel_size=(True, 2))(X),
    "kernel_size: Booleans": lambda: layer(kernel_size=(2, True))(X),
    "kernel_size: enormous": lambda: layer(kernel_size=10**6)(X),
    # The layer's input.
    "input: of many arrays": lambda: layer()([X, X]),
    "input: one array in a list": lambda: layer()([X]),
    "input: one array in a dict": lambda: layer()({"x": X}),
    "input: None": lambda: layer()(None),
    "input: a word": lambda: layer()("abc"),
    "input: objects": lambda: layer()(X.astype(object)),
    "input: integers": lambda: layer()(X.astype("int64")),
    "input: words": lambda: layer()(X.astype("U1")),
    "input: complex": lambda: layer()(X.astype("complex64")),
    "input: three axes": lambda: layer()(ones(4, 4, 2)),
    "input: five axes": lambda: layer()(ones(1, 1, 4, 4, 2)),
    "input: five axes, built": lambda: built()(ones(1, 1, 4, 4, 2)),
    "input: other channels": lambda: built()(ones(1, 4, 4, 3)),
    "input: integers, built": lambda: built_of_halves()(X.astype("int64")),
    "input: half precision is needed": lambda: built_of_halves(autocast=False)(X),
    "input: mixed precision without a cast": lambda: layer(dtype="mixed_float16", autocast=False)(X),
    "call: further arguments": lambda: layer()(X, 3, colour="red"),
    "build: without the channels": lambda: layer().build((None, 4, 4, None)),
    "build: None": lambda: layer().build(None),
    "build: three axes": lambda: layer().build((4, 4, 2)),
    "build: a fraction": lambda: layer().build((None, 4, 4, 2.5)),
    "build: below zero": lambda: layer().build((None, -4, 4, 2)),
    "compute_output_shape: a word": lambda: layer().compute_output_shape((None, "a", 4, 2)),
    # The layer's methods and attributes.
    "graph": lambda: layer().graph,
    "graph, the warning": lambda: warned(lambda: layer().graph),
    "scope_name": lambda: layer().scope_name,
    "kernel": lambda: layer().kernel,
    "count_params": lambda: layer().count_params(),
    "set_weights: too few": lambda: built().set_weights([K]),
    "set_weights: another shape": lambda: built().set_weights([ones(3, 3, 2, 1), ones(2)]),
    "from_config": lambda: Conv2DTranspose.from_config({"filters": 2, "kernel_size": 3, "colour": "red"}),
    "apply_gradients: nothing to train": lambda: layer(trainable=False).apply_gradients([], 0.1),
    "apply_gradients: no gradient": lambda: built().apply_gradients([None, None], 0.1),
    "apply_gradients: too few": lambda: built().apply_gradients([K], 0.1),
    "apply_gradients: another shape": lambda: built().apply_gradients([ones(3, 3), ones(2)], 0.1),
    "get_losses_for: a word": lambda: layer(activity_regularizer="l2").get_losses_for("x"),
    "convolution_op: kernel of two axes": lambda: layer_convolution(layer(), X, ones(3, 3)),
    "convolution_op: kernel of five axes": lambda: layer_convolution(
        layer(), X, ones(1, 3, 3, 2, 2)
    ),
    "convolution_op: input of three axes": lambda: layer_convolution(layer(), ones(4, 4, 2), K),
    "convolution_op: integers": lambda: layer_convolution(
        layer(), X.astype("int64"), K.astype("int64")
    ),
    # Activations.
    "activation: an unknown name": lambda: activations.get("Relu"),
    "activation: a function given as a class": lambda: activations.get(
        {"class_name": "relu", "config": {}}
    ),
    "activation: not callable": lambda: activations.get(NotCallable()),
    "activation: integers": lambda: activations.get("elu")(ones(2, dtype="int32")),
    "activation: integers, gelu": lambda: activations.get("gelu")(ones(2, dtype="int32")),
    "activation: integers, hard_sigmoid": lambda: activations.get("hard_sigmoid")(
        ones(2, dtype="int32")
    ),
    "activation: integers, softmax": lambda: activations.get("softmax")(ones(2, 2, dtype="int32")),
    "activation: integers, sigmoid": lambda: activations.get("sigmoid")(ones(2, dtype="int32")),
    "activation layer: integers": lambda: activations.get("ELU")(ones(2, dtype="int32")),
    "activation layer: an unknown keyword": lambda: ReLU(colour="red"),
    "activation layer: an axis": lambda: activations.get(
        {"class_name": "Softmax", "config": {"axis": 1}}
    )(ones(2, 2)),
    "activation: no derivative": lambda: activations.gradient(Opaque(), ones(2), ones(2)),
    "activation: derivative of another shape": lambda: activations.gradient(
        WithDerivative(), ones(2), ones(2)
    ),
    "activation: gradient of another shape": lambda: activations.gradient(
        activations.get("relu"), ones(2), ones(3)
    ),
    "activation: None as its result": lambda: layer(activation=Opaque(), activity_regularizer="l2")(X),
    "activation: a scalar": lambda: layer(
        activation=Opaque(np.float32(1)), activity_regularizer="l2"
    )(X),
    # Initializers.
    "initializer: abstract": lambda: Initializer()((2, 2)),
    "initializer: dtype": lambda: initializers.get("random_normal")((2,), dtype="int32"),
    "initializer: unknown": lambda: initializers.get({"class_name": "On", "config": {}}),
    "initializer: not callable": lambda: initializers.get(NotCallable()),
    "initializer: constants of another number": lambda: initializers.get(
        {"class_name": "Constant", "config": {"value": [1.0, 2.0]}}
    )((3,)),
    "initializer: identity": lambda: initializers.get("identity")((3, 3, 2, 2)),
    "initializer: orthogonal": lambda: initializers.get("orthogonal")((3,)),
    "initializer: called again": lambda: warned(
        lambda: twice(initializers.get("random_normal"))
    ),
    "initializer: scale": lambda: initializers.get(
        {"class_name": "VarianceScaling", "config": {"scale": 0}}
    ),
    "initializer: mode": lambda: initializers.get(
        {"class_name": "VarianceScaling", "config": {"mode": "fan"}}
    ),
    "initializer: distribution": lambda: initializers.get(
        {"class_name": "VarianceScaling", "config": {"distribution": "beta"}}
    ),
    "initializer: another shape": lambda: layer(kernel_initializer=Opaque(ones(2)))(X),
    "initializer: a function, another shape": lambda: layer(kernel_initializer=short)(X),
    # Regularizers and losses.
    "regularizer: unknown": lambda: regularizers.get({"class_name": "L3", "config": {}}),
    "regularizer: not callable": lambda: regularizers.get(NotCallable()),
    "regularizer: l1_l2 of integers": lambda: regularizers.get("l1_l2")(ones(2, dtype="int32")),
    "regularizer: l2 of integers": lambda: regularizers.get("l2")(ones(2, dtype="int32")),
    "regularizer: a word as a factor": lambda: regularizers.L2("a"),
    "regularizer: an infinite factor": lambda: regularizers.L2(math.inf),
    "regularizer: an unknown keyword": lambda: regularizers.L2(0.1, colour="red"),
    "regularizer: mode": lambda: regularizers.get(
        {"class_name": "OrthogonalRegularizer", "config": {"mode": "cells"}}
    ),
    "regularizer: rank": lambda: regularizers.get("orthogonal_regularizer")(ones(2, 2, 2)),
    "regularizer: no gradient": lambda: loss_gradient(Opaque(), K),
    "regularizer: a loss of words": lambda: layer(activity_regularizer=Opaque("a"))(X),
    "regularizer: None": lambda: layer(activity_regularizer=Opaque(None))(X),
    "regularizer: a weight's loss of words": lambda: built(kernel_regularizer=Opaque("a")).losses,
    # Constraints.
    "constraint: unknown": lambda: constraints.get({"class_name": "Min", "config": {}}),
    "constraint: not callable": lambda: constraints.get(NotCallable()),
    "constraint: rank": lambda: constraints.get("radial_constraint")(ones(2, 2)),
    "constraint: not square": lambda: constraints.get("radial_constraint")(ones(2, 3, 1, 1)),
    "constraint: axis": lambda: constraints.get(
        {"class_name": "MaxNorm", "config": {"axis": 7}}
    )(ones(2, 2)),
    "constraint: None": lambda: training.projected(Opaque(None), K),
    "constraint: a class": lambda: training.projected(Opaque(Opaque()), K),
    "constraint: another shape": lambda: training.projected(Opaque(ones(2, 3)), K),
    # Configurations and storage.
    "config: not a config": lambda: deserialize({"name": "l2"}, {}, "regularizer"),
    "config: an unknown class": lambda: deserialize(
        {"class_name": "L3", "config": {}}, {}, "regularizer"
    ),
    "config: not serializable": lambda: serialize(NotCallable(), "keras.regularizers"),
    "dtype: nobody's": lambda: storage.dtype_of("float31"),
    "dtype: complex numbers": lambda: storage.to_numbers(ones(2, dtype="complex64")),
}  # fmt: skip


def refused(name):
    """The type and the text of what the call raises; a call that is not refused fails the test."""
    try:
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            REFUSALS[name]()
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(map(str, error.args))}"
    pytest.fail(f"not refused: {name}")


@functools.cache
def recorded():
    parts = RECORDED.read_text("utf-8").split("\n## ")
    return dict(part.removeprefix("## ").rstrip("\n").split("\n", 1) for part in parts)


@pytest.mark.parametrize("name", REFUSALS)
def test_the_refusal_is_the_recorded_one(name):
    text = refused(name)
    if "RECORD_REFUSALS" in os.environ:
        pytest.skip("being recorded")
    assert text == recorded()[name]


@pytest.mark.skipif("RECORD_REFUSALS" not in os.environ, reason="only with RECORD_REFUSALS=1")
def test_record():
    parts = [f"## {name}\n{refused(name)}\n" for name in REFUSALS]
    RECORDED.write_text("\n".join(parts), "utf-8")
