"""Listed cases of what a layer does beside its sums, where arrays are longer than a vector, a tile or a buffer.

Penalties, projections, steps and activations walk over arrays in loops of their own, with tails of their own. The
arrays are as long as that, and the sums as short as they may be, so that loops run them in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import nonzero_integers, reals
from conformance.cases.drawn.strategies import ACTIVATIONS, loss_readings
from conformance.model import steps
from conformance.model.case import Case

#: Multiples of no vector: 6,930 numbers in the kernel, 35 in the bias.
_WIDE_KERNEL: dict[str, Any] = {
    "in_channels": 33, "filters": 35, "size": (1, 1), "strides": (1, 1), "kernel_size": (3, 2),
}  # fmt: skip
#: 2,079 numbers in the input and 8,316 in the output, three quarters of them the bias alone.
_WIDE_IMAGE: dict[str, Any] = {
    "in_channels": 1, "filters": 1, "size": (33, 63), "strides": (2, 2), "kernel_size": (1, 1),
}  # fmt: skip
_SMALL: dict[str, Any] = {
    "in_channels": 2, "filters": 2, "size": (2, 2), "strides": (1, 2), "kernel_size": (1, 2),
}  # fmt: skip
_QUARTER: dict[str, Any] = {"class_name": "L2", "config": {"l2": 0.25}}
_BOTH: dict[str, Any] = {"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.125}}


def losses() -> Iterator[Case]:
    """Yield what the family `losses` begins with."""
    layers: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
        (_WIDE_KERNEL, {"kernel_regularizer": "l2", "bias_regularizer": "l1"}),
        (
            {**_WIDE_KERNEL, "dtype": "float64", "data_format": "channels_first"},
            {"kernel_regularizer": _BOTH, "bias_regularizer": _QUARTER, "trainable": False},
        ),
        (_WIDE_IMAGE, {"activity_regularizer": "l1_l2", "activation": "relu"}),
        (
            {**_WIDE_IMAGE, "data_format": "channels_first", "dtype": "float64"},
            {"activity_regularizer": {"function": "sum of squares"}},
        ),
        # Which comes first shows where two of the three are there, too.
        (_SMALL, {"activity_regularizer": "l2", "bias_regularizer": "l1"}),
        (_SMALL, {"activity_regularizer": "l2", "kernel_regularizer": "l1"}),
        # One function for all three.
        (
            _SMALL,
            {
                f"{part}_regularizer": {"function": "sum of squares"}
                for part in ("kernel", "bias", "activity")
            },
        ),
    )
    for seed, (layer, more) in enumerate(layers):
        # Ten images are two tiles of four, and two more.
        c = Configuration(batch=10 if layer is _SMALL else 1, **layer)
        # In float64 a penalty that was summed in another dtype shows.
        made = reals if c.dtype == "float64" else partial(nonzero_integers, largest=2)
        kernel, bias = made(c.kernel_shape, seed, c.dtype), made((c.filters,), seed + 1, c.dtype)
        first = made(c.input_shape(), seed + 2, c.dtype)
        second = made(c.input_shape(batch=2), seed + 3, c.dtype)
        reading = loss_readings(second, (kernel + 1, bias - 1))
        yield Case(
            "losses",
            c.arguments(**more),
            (*c.weights(kernel, bias), steps.Call(first), *reading),
        )


def constraints() -> Iterator[Case]:
    """Yield what the family `constraints` begins with."""
    forms: tuple[tuple[Any, Any], ...] = (
        ("max_norm", {"function": "negate"}),
        ({"function": "clip"}, {"function": "double plus one"}),
        ({"class_name": "UnitNorm", "config": {"axis": [0, 1, 3]}}, {"function": "clip"}),
        # One function for both.
        ({"function": "double plus one"}, {"function": "double plus one"}),
    )
    for seed, (of_kernel, of_bias) in enumerate(forms):
        more = {"dtype": "float64", "data_format": "channels_first"} if seed == 2 else {}
        c = Configuration(batch=1, **{**_WIDE_KERNEL, **more})
        kernel = nonzero_integers(c.kernel_shape, seed, c.dtype, 4)
        train = steps.Train(
            nonzero_integers(c.input_shape(), seed + 1, c.dtype, 2),
            nonzero_integers(c.output_shape, seed + 2, c.dtype, 2),
            0.5,
        )
        # A step takes the gradients that it is given: penalties are not added to them.
        penalty = {"kernel_regularizer": "l2"} if seed == 1 else {}
        yield Case(
            "constraints",
            c.arguments(kernel_constraint=of_kernel, bias_constraint=of_bias, **penalty),
            (*c.weights(kernel), steps.GetWeights(), train),
        )


def single_constraints() -> Iterator[Case]:
    """Yield steps of float64 layers of one filter and one tap: part of what `constraints` begins with."""
    c = Configuration(
        batch=1, in_channels=5, filters=1, size=(1, 1), strides=(1, 1), kernel_size=(1, 1), dtype="float64",
    )  # fmt: skip
    kernel, bias, inputs, upstream = (
        reals(shape, seed, c.dtype)
        for seed, shape in enumerate((c.kernel_shape, (1,), c.input_shape(), c.output_shape))
    )
    listed = (*c.weights(kernel, bias), steps.GetWeights(), steps.Train(inputs, upstream, 0.5))
    short = {"class_name": "MaxNorm", "config": {"max_value": 0.5}}
    unit = {"class_name": "UnitNorm", "config": {"axis": 0}}
    for of_kernel, of_bias in ((short, unit), (unit, short)):
        arguments = c.arguments(kernel_constraint=of_kernel, bias_constraint=of_bias)
        yield Case("constraints", arguments, listed)


def half_constraints() -> Iterator[Case]:
    """Yield steps of float16 layers, exact but for the norm: part of what the family `constraints` begins with."""
    for number, of_kernel in enumerate((None, "unit_norm", {"function": "clip"})):
        c = Configuration(
            batch=1, in_channels=2, filters=3, size=(1, 2), strides=(1, 1), kernel_size=(2, 1), dtype="float16",
        )  # fmt: skip
        kernel = nonzero_integers(c.kernel_shape, number, c.dtype, 4)
        # What is left of a long step tells its length.
        train = steps.Train(
            nonzero_integers(c.input_shape(), number + 1, c.dtype, 2),
            nonzero_integers(c.output_shape, number + 2, c.dtype, 2) * np.float16(16),
            0.125,
        )
        more: dict[str, Any] = {"bias_constraint": {"function": "negate"}}
        if of_kernel is not None:
            more["kernel_constraint"] = of_kernel
        yield Case(
            "constraints", c.arguments(**more), (*c.weights(kernel), steps.GetWeights(), train)
        )


def loss_gradients() -> Iterator[Case]:
    """Yield what the family `loss gradients` begins with."""
    # Of float64 there are numbers between those of float32.
    for dtype, form, factor in (("float32", "l1_l2", 1.0), ("float64", _BOTH, 1 + 2.0**-40)):
        c = Configuration(batch=1, **{**_WIDE_KERNEL, "dtype": dtype})
        kernel = nonzero_integers(c.kernel_shape, 1, dtype, 4) * np.dtype(dtype).type(factor)
        more = {"kernel_regularizer": form, "bias_regularizer": _QUARTER}
        yield Case(
            "loss gradients", c.arguments(**more), (*c.weights(kernel), steps.LossGradients())
        )
    # What is no number has no slope but that; a zero has none, an infinity the one of its sign.
    c = Configuration(
        batch=1, in_channels=1, filters=5, size=(1, 1), strides=(1, 1), kernel_size=(1, 1),
    )  # fmt: skip
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)
    for form in ("l1", _BOTH):
        yield Case(
            "loss gradients",
            c.arguments(kernel_regularizer=form, bias_regularizer=form),
            (
                steps.Build(c.input_shape()),
                steps.SetWeights((special.reshape(1, 1, 5, 1), special)),
                steps.LossGradients(),
            ),
        )


def _vectors(number: int) -> Configuration:
    """A layer whose output has long rows, along the last axis of either format."""
    size, filters = ((3, 2), 67) if number % 2 else ((2, 67), 3)
    return Configuration(
        batch=2, in_channels=1, filters=filters, size=size, strides=(1, 1), kernel_size=(1, 1),
        data_format="channels_last" if number % 2 else "channels_first",
    )  # fmt: skip


def activations() -> Iterator[Case]:
    """Yield what the family `activations` begins with: rows of 67 numbers for each activation."""
    for number, name in enumerate((*ACTIVATIONS, "softmax")):
        c = _vectors(number)
        kernel = nonzero_integers(c.kernel_shape, number, c.dtype, 2)
        inputs = nonzero_integers(c.input_shape(), number + 1, c.dtype, 2)
        bias = nonzero_integers((c.filters,), number + 2, c.dtype, 2)
        listed = (*c.weights(kernel, bias), steps.Call(inputs))
        yield Case("activations", c.arguments(activation=name), listed)


def activation_gradients() -> Iterator[Case]:
    """Yield what the family `activation gradients` begins with."""
    for number, name in enumerate((*ACTIVATIONS[1:], "softmax")):
        c = _vectors(number)
        kernel = nonzero_integers(c.kernel_shape, number, c.dtype, 2)
        inputs = nonzero_integers(c.input_shape(), number + 1, c.dtype, 2)
        upstream = nonzero_integers(c.output_shape, number + 2, c.dtype, 9)
        bias = nonzero_integers((c.filters,), number + 3, c.dtype, 2)
        build, first = c.weights(-kernel, bias)
        listed = (
            build,
            first,
            # What this call has saved must not be used.
            steps.Call(-inputs),
            c.weights(kernel, -bias)[1],
            steps.Gradients(inputs, upstream),
        )
        yield Case("activation gradients", c.arguments(activation=name), listed)
