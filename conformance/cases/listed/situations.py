"""Listed cases in every situation: one for each kind of call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import position_coded, reals, small_integers
from conformance.cases.drawn.strategies import geometry_case
from conformance.cases.situations import FAMILIES, situated
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.codec import Array
from conformance.model.situation import KINDS, SHARING

_LAST = Configuration(
    batch=3, in_channels=2, filters=3, size=(2, 4), strides=(2, 1), kernel_size=(3, 2)
)
_FIRST = attrs.evolve(_LAST, data_format="channels_first", padding="same", batch=2)
_INPUTS = small_integers(_LAST.input_shape(), 1)
_UPSTREAM = small_integers(_LAST.output_shape, 2)
_WEIGHTS = _LAST.weights(small_integers(_LAST.kernel_shape, 3))


def _real(shape: tuple[int, ...], seed: int) -> Array:
    return reals(shape, seed, "float64")


def _applied() -> Case:
    case = geometry_case(_LAST)
    *before, call = case.steps
    assert isinstance(call, steps.Call)
    return attrs.evolve(case, steps=(*before, attrs.evolve(call, via="apply")))


#: For each family its kinds of call.
_CALLS: Mapping[str, tuple[Case, ...]] = {
    "geometry": (geometry_case(_LAST), geometry_case(_FIRST), _applied()),
    "activations": (
        Case("activations", _LAST.arguments(activation="relu"), (*_WEIGHTS, steps.Call(_INPUTS))),
    ),
    "numbers": (
        Case(
            "numbers",
            _LAST.arguments(dtype="float64"),
            (
                steps.Build(_LAST.input_shape()),
                steps.SetWeights((_real(_LAST.kernel_shape, 5), _real((3,), 6))),
                steps.Call(_real(_LAST.input_shape(), 7)),
            ),
        ),
    ),
    "losses": (
        Case(
            "losses",
            _LAST.arguments(
                activity_regularizer={"function": "sum of squares"},
                kernel_regularizer={"function": "sum"},
            ),
            (
                *_WEIGHTS,
                steps.Call(_INPUTS),
                steps.Losses(),
                steps.Call(small_integers(_LAST.input_shape(batch=4), 4)),
                steps.Losses(),
                steps.SetWeights((position_coded(_LAST.kernel_shape), position_coded((3,)))),
                steps.Losses(),
                steps.LossIdentity(),
                steps.LossesFor("inputs"),
                steps.LossesFor("none"),
                steps.UpdatesFor("inputs"),
                steps.Collection("regularization_losses"),
            ),
        ),
    ),
    "constraints": (
        Case(
            "constraints",
            _LAST.arguments(
                kernel_constraint={"function": "clip"}, bias_constraint={"function": "negate"}
            ),
            (*_WEIGHTS, steps.GetWeights(), steps.Train(_INPUTS, _UPSTREAM, 0.5)),
        ),
    ),
    "gradients": (
        Case(
            "gradients",
            _LAST.arguments(),
            (
                *_WEIGHTS,
                steps.Gradients(_INPUTS, _UPSTREAM),
                steps.ConvolutionOp(_UPSTREAM),
                steps.SecondGradient(_INPUTS, _UPSTREAM),
            ),
        ),
    ),
}


def _sharing(**arguments: Any) -> Case:
    """Return a case whose result might be taken from memory that is there already."""
    c = Configuration(
        batch=2, in_channels=1, filters=1, size=(2, 3), strides=(1, 1), kernel_size=(1, 1), **arguments
    )  # fmt: skip
    case = geometry_case(c)
    *before, weights, get, call = case.steps
    kernel, *bias = weights.values  # type: ignore[attr-defined]
    inputs = call.inputs  # type: ignore[attr-defined]
    if c.use_bias:
        inputs = np.zeros_like(inputs)
    changed = (*before, steps.SetWeights((np.ones_like(kernel), *bias)), get, steps.Call(inputs))
    return attrs.evolve(case, steps=changed)


def fixed(family: str) -> tuple[Case, ...]:
    """Return a family's kinds of call, each in every situation; many calls are made of the first kind alone.

    Where arrays could be shared, the result is also made equal to the input, or to the bias.
    """
    listed = [
        situated(case, name)
        for number, case in enumerate(_CALLS.get(family, ()))
        for name in FAMILIES[family]
        if number == 0 or name != "repeatedly"
    ]
    if family == "geometry":
        shared = [name for name, kind in KINDS.items() if kind.clause == SHARING]
        equal = (_sharing(use_bias=False), _sharing())
        listed += [situated(case, name) for case in equal for name in shared]
    return tuple(listed)
