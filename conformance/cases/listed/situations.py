"""Listed cases in every situation: one for each kind of call."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from conformance.cases.drawn.configurations import Configuration
from conformance.cases.drawn.data import position_coded, reals, small_integers
from conformance.cases.drawn.strategies import geometry_case, loss_readings
from conformance.cases.situations import FAMILIES, FIXED_ONLY, alike, situated
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.situation import KINDS, SHARING, THREADS

_LAYER = Configuration(
    batch=3, in_channels=2, filters=3, size=(2, 5), strides=(2, 1), kernel_size=(3, 2)
)
#: For situations in which a call is made hundreds of times.
_SMALL = Configuration(
    batch=2, in_channels=1, filters=2, size=(1, 2), strides=(2, 1), kernel_size=(2, 1)
)


#: What is between a sum and its result is another place where no bias is added.
_ALSO_WITHOUT_BIAS = ("geometry", "activation gradients")
#: Layers that are told everything by their constructor.
_TOLD = attrs.evolve(_LAYER, output_padding=(1, 0))
_TOLD_OTHERWISE = Configuration(
    batch=2, in_channels=2, filters=3, size=(3, 4), strides=(1, 1), kernel_size=(2, 3), padding="same",
    data_format="channels_first", dilation_rate=2,
)  # fmt: skip
#: Rows that no product reaches.
_GAPS = Configuration(
    batch=1, in_channels=1, filters=2, size=(2, 1), strides=(3, 2), kernel_size=(1, 1),
    data_format="channels_first",
)  # fmt: skip


@functools.cache
def _calls(c: Configuration) -> Mapping[str, tuple[Case, ...]]:
    """Return for each family its kinds of call on a layer."""
    inputs, upstream = small_integers(c.input_shape(), 1), small_integers(c.output_shape, 2)
    weights = c.weights(small_integers(c.kernel_shape, 3))
    first = attrs.evolve(c, data_format="channels_first", padding="same", batch=2)
    call = (*weights, steps.Call(inputs))
    losses = {
        "activity_regularizer": {"function": "sum of squares"},
        "kernel_regularizer": {"function": "sum"},
    }
    constraints = {
        "kernel_constraint": {"function": "clip"},
        "bias_constraint": {"function": "negate"},
    }
    gradients = (
        steps.Gradients(inputs, upstream),
        steps.ConvolutionOp(upstream),
        steps.SecondGradient(inputs, upstream),
    )
    train = steps.Train(inputs, upstream, 0.5)
    # No sum is 0, where the slope of relu is that of either side after a transform.
    off_corners = (
        *c.weights(small_integers(c.kernel_shape, 3), 0.5 + np.arange(c.filters)),
        gradients[0],
    )
    return {
        "geometry": (geometry_case(c), geometry_case(first), _applied(c)),
        "numbers": (_doubles(c),),
        "activations": (Case("activations", c.arguments(activation="relu"), call),),
        "losses": (Case("losses", c.arguments(**losses), (*call, *_readings(c))),),
        "constraints": (
            Case("constraints", c.arguments(**constraints), (*weights, steps.GetWeights(), train)),
        ),
        "gradients": (Case("gradients", c.arguments(), (*weights, *gradients)),),
        "activation gradients": (
            Case("activation gradients", c.arguments(activation="elu"), (*weights, gradients[0])),
            Case("activation gradients", c.arguments(activation="relu"), off_corners),
        ),
        "handed over": _handed_over(),
    }


def _handed_over() -> tuple[Case, ...]:
    """Return layers whose weights come from a constructor, a step of training, an assignment, an initializer."""
    given: tuple[dict[str, Any], ...] = (
        {
            "activation": "relu",
            "kernel_constraint": {"function": "clip"},
            "bias_constraint": {"function": "clip"},
        },
        {
            "activation": {"function": "itself"},
            "kernel_initializer": {"class_name": "Constant", "config": {"value": 2.0}},
            "bias_initializer": {"function": "count up"},
            "dilation_rate": [2, 2],
        },
    )
    cases = []
    for c, more in zip((_TOLD, _TOLD_OTHERWISE), given):
        shapes = c.kernel_shape, (c.filters,)
        first, second = ([small_integers(s, seed) for s in shapes] for seed in (5, 6))
        # No sum is 0, where the slope of relu is that of either side after a transform.
        first[1] += np.float32(0.5)
        assigned = (steps.Assign(name, array) for name, array in zip(("kernel", "bias"), second))
        calls = [steps.Call(small_integers(c.input_shape(), seed)) for seed in (7, 8, 9)]
        listed: tuple[steps.Step, ...] = (calls[0], *assigned, calls[1])
        if c is _TOLD:
            train = steps.Train(calls[0].inputs, small_integers(c.output_shape, 10), 0.5)
            more["weights"], listed = first, (calls[2], train, *listed)
        cases.append(Case("handed over", {**c.arguments(), **more}, listed))
    return (*cases, _configured(), _penalised(), _asked())


def _configured() -> Case:
    """Return a layer without bias that is told numbers by dictionaries, and its shape by `build`."""
    c = attrs.evolve(_LAYER, use_bias=False)
    arguments = c.arguments(
        activation={
            "class_name": "ReLU",
            "config": {"max_value": 20.0, "negative_slope": 0.5, "threshold": 0.0},
        },
        kernel_initializer={"class_name": "Constant", "config": {"value": 3.0}},
    )
    calls = (steps.Call(small_integers(c.input_shape(), seed)) for seed in (11, 12))
    return Case("handed over", arguments, (steps.Build(c.input_shape()), *calls))


def _penalised() -> Case:
    """Return a layer that is told its penalties by dictionaries."""
    penalties = {
        "kernel_regularizer": {"class_name": "L2", "config": {"l2": 0.5}},
        "bias_regularizer": {"class_name": "L1", "config": {"l1": 0.25}},
        "activity_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
    }
    arguments = _LAYER.arguments(bias_initializer="ones", kernel_initializer="ones", **penalties)
    calls = (
        steps.Call(small_integers(_LAYER.input_shape(batch=2), seed, largest=2))
        for seed in (11, 12)
    )
    return Case("handed over", arguments, (*calls, steps.Losses()))


def _asked() -> Case:
    """Return a layer that is asked for shapes and for forward convolutions, one after the other."""
    c = _LAYER
    kernels = [small_integers((2, 3, 2, 4), seed) for seed in (13, 14)]
    calls = (steps.Call(small_integers(c.input_shape(), seed)) for seed in (11, 12))
    listed = (
        *(steps.ComputeOutputShape(c.input_shape(size=size)) for size in ((5, 2), (4, 7))),
        *(steps.ConvolutionOp(small_integers((2, 5, 4, 2), 15), kernel) for kernel in kernels),
    )
    return Case("handed over", c.arguments(kernel_initializer="ones"), (*calls, *listed))


def _applied(c: Configuration) -> Case:
    case = geometry_case(c)
    *before, call = case.steps
    assert isinstance(call, steps.Call)
    return attrs.evolve(case, steps=(*before, attrs.evolve(call, via="apply")))


def _doubles(c: Configuration) -> Case:
    kernel, bias, inputs = (
        reals(shape, seed, "float64")
        for seed, shape in enumerate((c.kernel_shape, (c.filters,), c.input_shape()))
    )
    return Case(
        "numbers",
        attrs.evolve(c, dtype="float64").arguments(),
        (*c.weights(kernel, bias), steps.Call(inputs)),
    )


def _halves() -> Case:
    c = attrs.evolve(_LAYER, dtype="float16")
    kernel, inputs = (
        small_integers(shape, 1, c.dtype) for shape in (c.kernel_shape, c.input_shape())
    )
    return Case("numbers", c.arguments(), (*c.weights(kernel), steps.Call(inputs)))


def _readings(c: Configuration) -> tuple[steps.Step, ...]:
    """Return what follows the first call in a case of losses."""
    second = small_integers(c.input_shape(batch=c.batch + 1), 4)
    return loss_readings(second, (position_coded(c.kernel_shape), position_coded((c.filters,))))


def _equal_to(**arguments: Any) -> Case:
    """Return a case whose result might be memory that is there already: the input, or the bias."""
    c = Configuration(
        batch=2,
        in_channels=1,
        filters=1,
        size=(2, 3),
        strides=(1, 1),
        kernel_size=(1, 1),
        **arguments,
    )
    inputs = position_coded(c.input_shape())
    kernel = np.ones(c.kernel_shape, np.float32)
    called = np.zeros_like(inputs) if c.use_bias else inputs
    listed = (*c.weights(kernel), steps.GetWeights(), steps.Call(called))
    return Case("geometry", c.arguments(), (steps.ComputeOutputShape(c.input_shape()), *listed))


def _frozen() -> Case:
    """Return a case of a layer that nobody may train: its weights are its own all the same."""
    case = geometry_case(_LAYER)
    return attrs.evolve(case, arguments={**case.arguments, "trainable": False})


def _listed(family: str) -> Iterator[Case]:
    for name in FAMILIES[family]:
        if KINDS[name].clause == THREADS:
            yield situated(_calls(_SMALL)[family][0], name)
            if name == "around another call" and family in _ALSO_WITHOUT_BIAS:
                yield situated(_calls(attrs.evolve(_SMALL, use_bias=False))[family][0], name)
            continue
        first, *others = _calls(_LAYER)[family]
        if name == "trained before" and family == "activation gradients":
            # A step along the slopes of elu makes weights that are not exact.
            first, others = others[0], []
        yield situated(first, name)
        # What was packed for one layout may be forgotten, and for the other one kept.
        is_shared = KINDS[name].clause == SHARING
        is_thorough = name not in FIXED_ONLY or name == "trained before"
        if is_shared if family == "handed over" else is_thorough:
            yield from (situated(case, name) for case in others)
        elif family == "handed over":
            # `convolution_op` is given a kernel there alone.
            yield situated(others[-1], name)
        if name == "repeated" and family in ("geometry", "gradients", "handed over"):
            case = others[-1] if family == "handed over" else first
            yield from (situated(alike(case, axis), name) for axis in (-1, None))
        if family == "geometry" and name == "repeatedly":
            yield situated(geometry_case(_GAPS), name)
        if family == "numbers" and name == "byte swapped":
            yield situated(_halves(), name)
        if family == "geometry" and is_shared:
            yield situated(_frozen(), name)
            yield situated(_equal_to(use_bias=False), name)
            yield situated(_equal_to(), name)


def fixed(family: str) -> tuple[Case, ...]:
    """Return a family's kinds of call, each in every situation.

    Where arrays could be shared, the result is also made equal to the input, or to the bias.
    """
    return tuple(_listed(family)) if family in FAMILIES else ()
