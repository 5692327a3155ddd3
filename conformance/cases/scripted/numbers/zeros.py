"""Scripts about options that are 0: that is a number, and not nothing, which would mean the default."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.cases.scripted.expected import Filled, Gives
from conformance.cases.scripted.numbers.bends import AT, UPSTREAM, pixels
from conformance.cases.scripted.numbers.initializers import seeded_twice
from conformance.cases.scripted.script import INPUTS, Line, Script, both, then
from conformance.model import steps

_CALL = steps.Call(INPUTS)
_BASE = {"filters": 3, "kernel_size": [2, 3]}


def _named(name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": name, "config": config}


#: Layers that let through what is above 0, and one that lets through nothing.
_ABOVE = np.maximum(AT, 0)
_LAYERS = (
    (_named("LeakyReLU", alpha=0.0), _ABOVE),
    (_named("ELU", alpha=0.0), _ABOVE),
    (_named("ThresholdedReLU", theta=0.0), _ABOVE),
    (_named("ReLU", max_value=0.0), 0 * AT),
)


def _activations(clause: str, asked: steps.Step) -> Script:
    """Return a script about the layers in turn: their results, or their slopes."""
    lines: list[Line] = []
    for number, (activation, values) in enumerate(_LAYERS):
        by_inputs = (values > 0) * UPSTREAM
        gradients = [by_inputs.tolist(), [[[[float((by_inputs * AT).sum())]]]], None]
        wanted = values.tolist() if isinstance(asked, steps.Call) else gradients
        if number:
            lines += then(steps.Construct(f"another {number}", pixels(activation)))
        lines.append(both(asked, Gives(wanted)))
    return Script(clause=clause, arguments=pixels(_LAYERS[0][0]), lines=tuple(lines))


def _softmax_of_images() -> Script:
    """Softmax over the images of a batch, whose number no other axis has."""
    inputs = np.zeros((4, 2, 1, 1), np.float32)
    share = Gives(np.full_like(inputs, 0.25).tolist())
    arguments = pixels(_named("Softmax", axis=0))
    return Script(clause="ACT-01", arguments=arguments, lines=(both(steps.Call(inputs), share),))


_CONSTANT = {
    "kernel_initializer": _named("RandomNormal", mean=2.0, stddev=0.0),
    "bias_initializer": _named("TruncatedNormal", mean=3.0, stddev=0.0),
}
_ZERO = {"kernel_initializer": _named("RandomUniform", minval=0.0, maxval=0.0)}
_NO_DEVIATION = Script(
    clause="INIT-05",
    arguments={**_BASE, **_CONSTANT},
    lines=(
        *then(_CALL),
        both(steps.GetWeights(), Filled((2.0, 3.0))),
        *then(steps.Construct("of no width", {**_BASE, **_ZERO}), _CALL),
        both(steps.GetWeights(), Filled((0.0, 0.0))),
    ),
)

SCRIPTS = (
    _activations("ACT-01", steps.Call(AT)),
    _activations("GRAD-06", steps.Gradients(AT, UPSTREAM)),
    _softmax_of_images(),
    _NO_DEVIATION,
    seeded_twice(0),
)
