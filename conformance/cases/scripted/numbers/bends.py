"""Scripts about activations of Keras' layers exactly where they bend, and about softmax along each axis.

`functions` has the same layers beyond their bends.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from conformance.cases.scripted.expected import Gives, Raises, Typed
from conformance.cases.scripted.script import Script, both, either, then
from conformance.model import steps

#: Where the layers below bend, and numbers around: an image each, so that a transform of it is exact.
AT = np.array([0, 1, 4, 6, -1, 2, 3, 5, 7, -2], np.float32).reshape(-1, 1, 1, 1)
UPSTREAM = np.arange(1, 1 + AT.size, dtype=np.float32).reshape(AT.shape)
_LEAKY = ([0, 1, 4, 6, -0.5, 2, 3, 5, 7, -1], [0.5, 1, 1, 1, 0.5, 1, 1, 1, 1, 0.5])
_ABOVE_ONE = ([0, 0, 4, 6, 0, 2, 3, 5, 7, 0], [0, 0, 1, 1, 0, 1, 1, 1, 1, 0])
#: What TensorFlow makes of these numbers, and the slopes: at 6 alone that of a largest value is 0.
_LAYERS: tuple[tuple[str, dict[str, float], Sequence[float], Sequence[float]], ...] = (
    ("LeakyReLU", {"alpha": 0.5}, *_LEAKY),
    ("ReLU", {"negative_slope": 0.5}, *_LEAKY),
    ("ReLU", {}, [0, 1, 4, 6, 0, 2, 3, 5, 7, 0], [0, 1, 1, 1, 0, 1, 1, 1, 1, 0]),
    ("ReLU", {"max_value": 4.0}, [0, 1, 4, 4, 0, 2, 3, 4, 4, 0], [0, 1, 1, 0, 0, 1, 1, 0, 0, 0]),
    ("ReLU", {"max_value": 6.0}, [0, 1, 4, 6, 0, 2, 3, 5, 6, 0], [0, 1, 1, 0, 0, 1, 1, 1, 0, 0]),
    ("ReLU", {"threshold": 1.0}, *_ABOVE_ONE),
    (
        "ReLU",
        {"max_value": 4.0, "negative_slope": 0.25, "threshold": 1.0},
        [-0.25, 0, 4, 4, -0.5, 2, 3, 4, 4, -0.75],
        [0.25, 0, 1, 0, 0.25, 1, 1, 0, 0, 0.25],
    ),
    ("ThresholdedReLU", {"theta": 1.0}, *_ABOVE_ONE),
)


def pixels(activation: Any) -> dict[str, Any]:
    """Return the arguments of a layer that gives its input to the activation."""
    return {
        "filters": 1, "kernel_size": 1, "kernel_initializer": "ones", "use_bias": False,
        "activation": activation,
    }  # fmt: skip


def _bends() -> Iterator[Script]:
    for name, config, values, slopes in _LAYERS:
        by_inputs = np.reshape(slopes, AT.shape) * UPSTREAM
        gradients = [by_inputs.tolist(), [[[[float((by_inputs * AT).sum())]]]], None]
        arguments = pixels({"class_name": name, "config": config})
        for clause, step, wanted in (
            ("ACT-01", steps.Call(AT), np.reshape(values, AT.shape).tolist()),
            ("GRAD-06", steps.Gradients(AT, UPSTREAM), gradients),
        ):
            yield Script(clause=clause, arguments=arguments, lines=(both(step, Gives(wanted)),))


def _softmax() -> Iterator[Script]:
    """Yield softmax of equal numbers: the share of each tells along which axis it is."""
    inputs = np.zeros((1, 2, 4, 1), np.float32)
    upstream = np.array([3, -1, 4, 1, -5, 9, 2, -6], np.float32).reshape(inputs.shape)
    for axis in (1, 2, -2, -3):
        share = np.float32(1 / inputs.shape[axis])
        by_inputs = share * (upstream - share * upstream.sum(axis, keepdims=True))
        gradients = [by_inputs.tolist(), [[[[0.0]]]], None]
        arguments = pixels({"class_name": "Softmax", "config": {"axis": axis}})
        for clause, step, wanted in (
            ("ACT-01", steps.Call(inputs), np.full_like(inputs, share).tolist()),
            ("GRAD-06", steps.Gradients(inputs, upstream), gradients),
        ):
            yield Script(clause=clause, arguments=arguments, lines=(both(step, Gives(wanted)),))


#: What names make of integers: these numbers, or an error in eager and in graph mode. A slope makes -1 of -5:
#: beside whole numbers the errors of a transform are known as such.
_ON_INTEGERS: dict[str, list[float] | tuple[str, str]] = {
    "relu": [0, 0, 3, 7],
    "relu6": [0, 0, 3, 6],
    "leaky_relu": [-1.0, 0.0, 3.0, 7.0],
    "hard_sigmoid": ("TypeError", "TypeError"),
    "gelu": ("ValueError", "ValueError"),
    **dict.fromkeys(("elu", "sigmoid", "tanh", "softmax"), ("InvalidArgumentError", "TypeError")),
}


def _on_integers() -> Iterator[Script]:
    """Yield activations of int32 layers."""
    call = steps.Call(np.array([-5, 0, 3, 7], np.int32).reshape(1, 1, -1, 1))
    for name, found in _ON_INTEGERS.items():
        layer = {**pixels(name), "dtype": "int32"}
        if isinstance(found, tuple):
            line = either(call, *map(Raises, found))
        else:
            line = both(call, Gives([[[[number] for number in found]]]))
        yield Script(clause="DTYPE-03", arguments=layer, lines=(line,))
    # What is no whole number stands alone: nothing beside it makes nearly 0 of 0.
    single = steps.Call(np.full((1, 1, 1, 1), -4, np.int32))
    line = both(single, Gives([[[[float(np.float32(-0.8))]]]]))
    layer = {**pixels("leaky_relu"), "dtype": "int32"}
    yield Script(clause="DTYPE-03", arguments=layer, lines=(line,))


def _in_float32() -> Iterator[Script]:
    """Yield Keras' layers as activations of layers of other dtypes."""
    forms = ("ReLU", {"class_name": "LeakyReLU", "config": {}}, "Softmax")
    for dtype, form in itertools.product(("float16", "float64"), forms):
        line = both(steps.Call(AT.astype(dtype)), Typed("float32"))
        layer = {**pixels(form), "dtype": dtype}
        # In TensorFlow 1 they take the dtype of their first input.
        yield Script(clause="ACT-01", arguments=layer, lines=(line,), where="not graph")
    # So has the penalty on their output; a layer's own dtype is no matter.
    for dtype, bend in (("float16", "ReLU"), ("float64", "ReLU"), ("float32", None)):
        layer = {**pixels(bend), "dtype": dtype, "activity_regularizer": "l1"}
        lines = (
            *then(steps.Call(AT.astype(dtype))),
            both(steps.Losses(), Typed("float32", or_number=True)),
        )
        yield Script(clause="LOSS-02", arguments=layer, lines=lines, where="not graph")


SCRIPTS = (*_bends(), *_softmax(), *_on_integers(), *_in_float32())
