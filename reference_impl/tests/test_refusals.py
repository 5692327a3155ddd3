"""Every refusal that no table beside its subject has: its kind, and what its message names.

The layers of the table are built inside the action, so a refusal in the wrong moment shows only where
a table of constructor arguments says so (`layer/test_layer_arguments.py`).
"""

import itertools
import warnings

import numpy as np
import pytest

from reference_impl import (
    Conv2DTranspose,
    InvalidArgumentError,
    conv2d_transpose,
    conv2d_transpose_gradients,
    output_shape,
    storage,
)
from reference_impl.layer import activations, initializers
from reference_impl.layer.losses import regularizers
from reference_impl.layer.losses.losses import loss_gradient
from reference_impl.layer.serialization import deserialize, serialize
from reference_impl.layer.weights import constraints
from reference_impl.layer.weights.step import projected


class Opaque:
    """An argument nobody knows: a function of anything."""

    def __init__(self, result=None):
        self.result = result

    def __repr__(self):
        return "<opaque>"

    def __call__(self, *_, **__):
        return self.result


class NotCallable:
    """Neither a name, nor a dict, nor a function."""

    def __repr__(self):
        return "<not callable>"


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def layer(filters=2, kernel_size=3, **arguments):
    return Conv2DTranspose(filters, kernel_size, **{"name": "deconv", **arguments})


def built(**arguments):
    made = layer(**arguments)
    made.build((None, 4, 4, 2))
    return made


def warned(action):
    """A warning is raised, so that it counts as a refusal."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return action()


X, K = ones(1, 4, 4, 2), ones(3, 3, 2, 2)
GRADIENTS = conv2d_transpose_gradients
SHAPES = (1, 4, 4, 2), (3, 3, 2, 2)
CLASS = {"class_name": "L3", "config": {}}

REFUSED = {
    ValueError: {
        "`strides` 'ab'": lambda: conv2d_transpose(X, K, strides="ab"),
        "(1, 6, 6, 3) `out`": lambda: conv2d_transpose(X, K, out=ones(1, 6, 6, 3)),
        "5 channels takes 2": lambda: output_shape((1, 4, 4, 5), SHAPES[1]),
        "strides=(2, 2), output_padding=(2, 2)": lambda: output_shape(*SHAPES, 2, output_padding=2),
        "kernel_size ('a', 2)": lambda: layer(kernel_size=("a", 2)),
        "kernel_size (0, 2)": lambda: layer(kernel_size=(0, 2)),
        "kernel_size (True, 2)": lambda: layer(kernel_size=(True, 2))(X),
        "kernel_size (2, True)": lambda: layer(kernel_size=(2, True))(X),
        "groups=2, filters=3": lambda: layer(filters=3, groups=2),
        "deconv (1, 1, 4, 4, 2)": lambda: built()(ones(1, 1, 4, 4, 2)),
        "complex64 kernel": lambda: layer()(X.astype("complex64")),
        "(None, -4, 4, 2)": lambda: layer().build((None, -4, 4, 2)),
        "derivative (3,) (2,)": lambda: activations.gradient(with_derivative(), ones(2), ones(2)),
        "<not callable> initializer": lambda: initializers.get(NotCallable()),
        "<not callable> regularizer": lambda: regularizers.get(NotCallable()),
        "<not callable> constraint": lambda: constraints.get(NotCallable()),
        "(2,) (3, 3, 2, 2) <opaque>": lambda: layer(kernel_initializer=Opaque(ones(2)))(X),
        "(2,) (3, 3, 2, 2) short": lambda: layer(kernel_initializer=short)(X),
        "initializer 'L3'": lambda: initializers.get(CLASS),
        "constraint 'L3'": lambda: constraints.get(CLASS),
        "regularizer 'L3'": lambda: deserialize(CLASS, {}, "regularizer"),
        "class_name {'name': 'l2'}": lambda: deserialize({"name": "l2"}, {}, "regularizer"),
        "inf number": lambda: regularizers.L2(float("inf")),
        "scale=0": lambda: initializers.VarianceScaling(0),
        "(3, 3, 2, 2) (2, 3)": lambda: projected(Opaque(ones(2, 3)), K),
        "constraint None": lambda: projected(Opaque(None), K),
        "rank (2, 2)": lambda: constraints.RadialConstraint()(ones(2, 2)),
        "gradients 3": lambda: built().apply_gradients(3, 0.1),
    },
    TypeError: {
        "`strides` 1.0": lambda: layer(strides=(1.0, 1.5))(X),
        "(1.5, 2, 2, 2)": lambda: layer(kernel_size=(1.5, 2))(X),
        "wrapped dict": lambda: layer()({"x": X}),
        "further 3 'colour'": lambda: layer()(X, 3, colour="red"),
        "(None, 4, 4, 2.5)": lambda: layer().build((None, 4, 4, 2.5)),
        "(None, 'a', 4, 2)": lambda: layer().compute_output_shape((None, "a", 4, 2)),
        "'relu' name": lambda: activations.get({"class_name": "relu", "config": {}}),
        "<not callable> activation": lambda: activations.get(NotCallable()),
        "'colour'": lambda: activations.ReLU(colour="red"),
        "axis 'a' Softmax": lambda: activations.get({"class_name": "Softmax", "config": {"axis": "a"}}),
        "<opaque> derivative": lambda: activations.gradient(Opaque(), ones(2), ones(2)),
        "<opaque> gradient": lambda: loss_gradient(Opaque(), K),
        "str32 loss": lambda: layer(activity_regularizer=Opaque("a"))(X),
        "loss 'a'": lambda: built(kernel_regularizer=Opaque("a")).losses,
        "<opaque> instance": lambda: projected(Opaque(Opaque()), K),
        "<not callable> get_config": lambda: serialize(NotCallable(), "keras.regularizers"),
        "'float31'": lambda: storage.dtype_of("float31"),
        "padding ['same']": lambda: layer(padding=["same"]).convolution_op(X, K),
    },
    InvalidArgumentError: {
        "str32": lambda: conv2d_transpose(X.astype("U1"), K.astype("U1")),
        "length -2": lambda: output_shape((1, 0, 4, 2), (1, 3, 2, 2), 3, output_padding=0),
        "float16 autocast": lambda: built(dtype="float16", autocast=False)(X),
        "int64 float16": lambda: built(dtype="float16")(X.astype("int64")),
        "'elu' int32": lambda: activations.get("elu")(ones(2, dtype="int32")),
        "'softmax' int32": lambda: activations.get("softmax")(ones(2, 2, dtype="int32")),
        "'sigmoid' int32": lambda: activations.get("sigmoid")(ones(2, dtype="int32")),
        "ELU int32": lambda: activations.get("ELU")(ones(2, dtype="int32")),
        "axis 7": lambda: constraints.MaxNorm(axis=7)(ones(2, 2)),
        "complex64": lambda: storage.to_numbers(ones(2, dtype="complex64")),
        "`output_gradient` (3,)": lambda: activations.gradient(
            activations.get("relu"), ones(2), ones(3)
        ),
    },
    MemoryError: {
        "(1, 4000000, 4000000, 2)": lambda: GRADIENTS(X, K, X, strides=10**6),
        "(1000000, 1000000, 2, 2)": lambda: layer(kernel_size=10**6)(X),
    },
    AttributeError: {"'deconv' kernel": lambda: layer().kernel},
    NotImplementedError: {"`__call__()`": lambda: initializers.Initializer()((2, 2))},
    UserWarning: {
        "`Layer.graph`": lambda: warned(lambda: layer().graph),
        "RandomNormal": lambda: warned(lambda: layer(
            kernel_initializer=(drawn := initializers.RandomNormal()), bias_initializer=drawn
        )(X)),
    },
}  # fmt: skip


def short(*_, **__):
    return ones(2)


def with_derivative():
    made = Opaque()
    made.derivative = lambda values: ones(3)
    return made


@pytest.mark.parametrize(
    ("kind", "named"), [(kind, named) for kind, rows in REFUSED.items() for named in rows]
)
def test_a_refusal_is_of_its_kind_and_names_what_it_refuses(kind, named):
    with pytest.raises(kind) as caught:
        REFUSED[kind][named]()
    message = " ".join(map(str, caught.value.args))
    missing = [word for word in parts(named) if word not in message]
    assert (caught.type, missing) == (kind, [])


def parts(named):
    """Split at spaces outside of brackets."""
    found, depth = [""], 0
    for sign in named:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == " " and not depth:
            found.append("")
        else:
            found[-1] += sign
    return found


@pytest.mark.parametrize("value", [b"\1\1", {1, 2}, {1: 1, 2: 2}, itertools.count(1)])
def test_two_integers_are_a_sequence_of_two(value):
    with pytest.raises(ValueError, match="strides"):
        output_shape((1, 4, 4, 3), (3, 3, 2, 3), value)


@pytest.mark.parametrize("value", [b"\1\4\4\3", {1, 4, 5, 3}, itertools.count(1)])
def test_a_shape_is_a_sequence_of_four(value):
    with pytest.raises(ValueError, match="input_shape"):
        output_shape(value, (3, 3, 2, 3))
