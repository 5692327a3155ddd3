"""Cases about the layer as a Python object: arguments, methods, names, attributes, configuration."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.cases.scripted.all_scenes import SCENES
from conformance.cases.scripted.argument_forms import argument_form_cases
from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.codec import Value

__all__ = ["CASES", "SCENES"]


_LAYER = {"filters": 3, "kernel_size": [2, 3], "kernel_initializer": "ones"}


def _signatures() -> tuple[Case, ...]:
    return (Case("signatures", _LAYER, (steps.Signature(), steps.CounterpartSignature())),)


def _claims() -> tuple[Case, ...]:
    square = {"filters": 3, "kernel_size": 2, "strides": 2, "padding": "same"}
    methods = ("apply", "convolution_op", "get_losses_for", "get_updates_for")
    inputs = position_coded((1, 4, 6, 3))
    return (
        Case("convolution claims", square, (steps.Call(inputs), steps.ConvolutionOp(inputs))),
        Case(
            "claims INIT-04",
            {**_LAYER, "bias_initializer": None},
            (steps.Build((None, None, None, 2)), steps.GetWeights()),
        ),
        Case("claims METH-05", _LAYER, (steps.Has(methods),)),
        Case("claims ATTR-01", _LAYER, (steps.Read("graph"),)),
    )


def _distributions() -> tuple[Case, ...]:
    named: tuple[Value, ...] = (
        None, "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal",
        "random_uniform", "random_normal", "truncated_normal",
        {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_out"}},
    )  # fmt: skip
    inputs = np.zeros((1, 2, 2, 4), np.float32)
    listed = [
        Case(
            "distributions",
            {"filters": 24, "kernel_size": [3, 5], "kernel_initializer": form},
            (steps.Call(inputs), steps.GetWeights()),
        )
        for form in named
    ]
    bias = {"filters": 600, "kernel_size": [1, 2], "bias_initializer": None}
    return (*listed, Case("distributions", bias, (steps.Call(inputs), steps.GetWeights())))


def _killers() -> tuple[Case, ...]:
    """Return the smallest known cases in which some build of TensorFlow ends its process."""
    build = steps.Build((None, None, None, 2))
    empty = np.zeros((1, 0, 3, 2), np.float32)

    def layer(filters: int) -> dict[str, Value]:
        return {"filters": filters, "kernel_size": 1, "strides": 2}

    def weights(filters: int) -> steps.Step:
        return steps.SetWeights((position_coded((1, 1, filters, 2)), position_coded((filters,))))

    def gradients(height: int, width: int, filters: int) -> steps.Step:
        return steps.Gradients(
            small_integers((2, height, width, 2), 1),
            small_integers((2, 2 * height, 2 * width, filters), 2),
        )

    million = {"filters": 1, "kernel_size": 3, "strides": 10**6}
    return (
        Case("killers KILL-01", layer(3), (
            build, weights(3), steps.Gradients(empty, np.zeros((1, 0, 6, 3), np.float32)))),
        *(Case("killers KILL-02", layer(filters), (build, weights(filters), gradients(height, width, filters)))
          for height, width, filters in ((5, 3, 3), (5, 3, 1), (4, 5, 2))),
        Case("killers KILL-03", {"filters": 3, "kernel_size": 2}, (
            steps.ConvolutionOp(position_coded((4, 5, 2)), position_coded((2, 2, 2, 4))),)),
        Case("killers KILL-04", million, (steps.Call(position_coded((1, 4, 5, 2))),)),
    )  # fmt: skip


def _sources() -> tuple[Case, ...]:
    return (
        Case("sources", _LAYER, (steps.SourceLines(),)),
        Case("without legacy Keras", _LAYER, (steps.WithoutLegacyKeras(),)),
    )


def _all_cases() -> tuple[Case, ...]:
    return (
        *_killers(),
        *_sources(),
        *argument_form_cases(),
        *(scene.case() for scene in SCENES),
        *_signatures(),
        *_claims(),
        *_distributions(),
    )


def _by_family(cases: tuple[Case, ...]) -> dict[str, tuple[Case, ...]]:
    families: dict[str, tuple[Case, ...]] = {}
    for case in cases:
        families[case.family] = (*families.get(case.family, ()), case)
    return families


#: Families all of whose cases are always run.
CASES: Mapping[str, tuple[Case, ...]] = _by_family(_all_cases())
