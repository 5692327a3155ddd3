"""Listed cases about the layer as an object: signatures, claims, initial values, ends of processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.values.codec import Value

_Table: TypeAlias = Mapping[str, Callable[[], tuple[Case, ...]]]
_LAYER = {"filters": 3, "kernel_size": [2, 3], "kernel_initializer": "ones"}


def _single(family: str, arguments: Mapping[str, Value], *listed: steps.Step) -> _Table:
    return {family: lambda: (Case(family, arguments, listed),)}


def _convolution_claims() -> tuple[Case, ...]:
    square = {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}
    inputs = position_coded((1, 4, 6, 3))
    both = (steps.Call(inputs), steps.ConvolutionOp(inputs))
    return (Case("convolution claims", square, both),)


def _scaling(**config: Value) -> Value:
    return {"class_name": "VarianceScaling", "config": config}


def _distributions() -> tuple[Case, ...]:
    named: tuple[Value, ...] = (
        None, "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform",
        "random_uniform", "random_normal", "truncated_normal",
        _scaling(scale=1.0, mode="fan_out"),
        _scaling(scale=2.0, mode="fan_in", distribution="untruncated_normal"),
        _scaling(scale=0.5, mode="fan_avg", distribution="uniform"),
        {"class_name": "RandomNormal", "config": {"mean": 1.0, "stddev": 0.5}},
        {"class_name": "RandomUniform", "config": {"minval": 0.5, "maxval": 2.0}},
        {"class_name": "TruncatedNormal", "config": {"mean": -1.0, "stddev": 0.25}},
    )  # fmt: skip
    # 20,480 values: enough to tell distributions apart whose deviations differ by 4 %.
    inputs = np.zeros((1, 1, 1, 16), np.float32)
    layer = {"filters": 32, "kernel_size": [5, 8]}
    listed = [
        Case(
            "distributions",
            {**layer, "kernel_initializer": form},
            (steps.Call(inputs), steps.GetWeights()),
        )
        for form in named
    ]
    # The fans are the same in either layout.
    first = {**layer, "kernel_initializer": "lecun_normal", "data_format": "channels_first"}
    call = steps.Call(inputs.reshape(1, 16, 1, 1))
    listed.append(Case("distributions", first, (call, steps.GetWeights())))
    bias = {
        "filters": 20_000,
        "kernel_size": 1,
        "bias_initializer": None,
        "kernel_initializer": "zeros",
    }
    call = steps.Call(np.zeros((1, 1, 1, 1), np.float32))
    return (*listed, Case("distributions", bias, (call, steps.GetWeights())))


def _orthogonal() -> tuple[Case, ...]:
    # More rows than columns, and fewer.
    return tuple(
        Case(
            "orthogonal",
            {"filters": filters, "kernel_size": [1, 2], "kernel_initializer": form},
            (steps.Call(np.zeros((1, 1, 1, channels), np.float32)), steps.GetWeights()),
        )
        for form, filters, channels in (
            ("orthogonal", 3, 5),
            ({"class_name": "Orthogonal", "config": {"gain": 2.0}}, 2, 6),
            ("orthogonal", 1250, 8),  # enough to tell how it is distributed
            ("orthogonal", 24, 48),  # so many columns tell whether their signs are chosen
        )
    )


def _two_layers() -> tuple[Case, ...]:
    call = steps.Call(np.zeros((1, 1, 1, 4), np.float32))
    # Their names are no matter.
    return tuple(
        Case(
            "two layers",
            layer,
            (call, steps.GetWeights(), steps.Construct("another", layer), call, steps.GetWeights()),
        )
        for layer in (
            {"filters": 3, "kernel_size": [2, 3], **more} for more in ({}, {"name": "alike"})
        )
    )


def round_trips() -> tuple[Case, ...]:
    """Return layers made again of their configuration, with each kind of object that has options."""
    objects: tuple[tuple[str, str, Mapping[str, Value]], ...] = (
        ("activation", "Softmax", {"axis": 1}),
        ("activation", "ReLU", {"max_value": 4.0, "negative_slope": 0.25, "threshold": 1.0}),
        ("activation", "LeakyReLU", {"alpha": 0.5}),
        ("activation", "ELU", {"alpha": 0.5}),
        ("activation", "ThresholdedReLU", {"theta": 0.5}),
        ("kernel_initializer", "Constant", {"value": 2.0}),
        ("kernel_initializer", "RandomUniform", {"minval": 0.5, "maxval": 2.0, "seed": 3}),
        ("kernel_initializer", "TruncatedNormal", {"mean": 1.0, "stddev": 0.25, "seed": 3}),
        (
            "kernel_initializer",
            "VarianceScaling",
            {"scale": 0.5, "mode": "fan_out", "distribution": "uniform", "seed": 3},
        ),
        ("bias_initializer", "RandomNormal", {"mean": 1.0, "stddev": 0.5, "seed": 3}),
        ("kernel_regularizer", "L1L2", {"l1": 0.5, "l2": 0.25}),
        (
            "kernel_constraint",
            "MinMaxNorm",
            {"min_value": 0.5, "max_value": 2.0, "rate": 0.75, "axis": [0, 1]},
        ),
        ("bias_constraint", "MaxNorm", {"max_value": 0.5, "axis": 0}),
    )
    weights = (
        steps.Build((None, None, None, 2)),
        steps.SetWeights((position_coded((2, 3, 3, 2)), position_coded((3,)))),
    )
    inputs = position_coded((1, 2, 3, 2))
    around = (*weights, steps.Call(inputs), steps.Counterpart(inputs), steps.RoundTrip(), *weights)
    told: list[dict[str, Value]] = [
        {argument: {"class_name": name, "config": options}} for argument, name, options in objects
    ]
    # Two of one class, and zeros that are not nothing.
    told.append(
        {
            f"{part}_{kind}": {"class_name": name, "config": {option: value}}
            for kind, name, option in (
                ("initializer", "Constant", "value"),
                ("regularizer", "L2", "l2"),
                ("constraint", "MaxNorm", "max_value"),
            )
            for part, value in (("kernel", 0.5), ("bias", 2.0))
        }
    )
    told.append({"strides": [2, 3], "output_padding": [0, 0]})
    return tuple(
        Case(
            "round trips",
            {"filters": 3, "kernel_size": [2, 3], **more},
            (*around, steps.Call(inputs)),
        )
        for more in told
    )


# The smallest known cases in which some build of TensorFlow ends its process.


def _pointwise(family: str, filters: int, last: steps.Step) -> Case:
    """Return a case of a 1x1 kernel with stride 2."""
    kernel, bias = position_coded((1, 1, filters, 2)), position_coded((filters,))
    before = (steps.Build((None, None, None, 2)), steps.SetWeights((kernel, bias)))
    return Case(family, {"filters": filters, "kernel_size": 1, "strides": 2}, (*before, last))


def _empty_image() -> tuple[Case, ...]:
    shapes = ((1, 0, 3, 2), (1, 0, 6, 3))
    return (
        _pointwise(
            "killers KILL-01", 3, steps.Gradients(*(np.zeros(s, np.float32) for s in shapes))
        ),
    )


def _pointwise_gradients() -> tuple[Case, ...]:
    def gradients(height: int, width: int, filters: int) -> steps.Step:
        return steps.Gradients(
            small_integers((2, height, width, 2), 1),
            small_integers((2, 2 * height, 2 * width, filters), 2),
        )

    return tuple(
        _pointwise("killers KILL-02", filters, gradients(height, width, filters))
        for height, width, filters in ((5, 3, 3), (5, 3, 1), (4, 5, 2))
    )


def _rank_three() -> tuple[Case, ...]:
    step = steps.ConvolutionOp(position_coded((4, 5, 2)), position_coded((2, 2, 2, 4)))
    return (Case("killers KILL-03", {"filters": 3, "kernel_size": 2}, (step,)),)


def _huge_stride() -> tuple[Case, ...]:
    million = {"filters": 1, "kernel_size": 3, "strides": 10**6}
    return (Case("killers KILL-04", million, (steps.Call(position_coded((1, 4, 5, 2))),)),)


_METHODS = ("apply", "convolution_op", "get_losses_for", "get_updates_for")
_FROM_SCOPE = {**_LAYER, "bias_initializer": None}
#: Families all of whose cases are always run.
TABLES: _Table = {
    "killers KILL-01": _empty_image,
    "killers KILL-02": _pointwise_gradients,
    "killers KILL-03": _rank_three,
    "killers KILL-04": _huge_stride,
    **_single("sources", _LAYER, steps.SourceLines()),
    **_single("without legacy Keras", _LAYER, steps.WithoutLegacyKeras()),
    **_single("signatures", _LAYER, steps.Signature(), steps.CounterpartSignature()),
    "convolution claims": _convolution_claims,
    **_single(
        "claims INIT-04", _FROM_SCOPE, steps.Build((None, None, None, 2)), steps.GetWeights()
    ),
    **_single("claims METH-05", _LAYER, steps.Has(_METHODS)),
    **_single("claims ATTR-01", _LAYER, steps.Read("graph")),
    "distributions": _distributions,
    "orthogonal": _orthogonal,
    "two layers": _two_layers,
}
