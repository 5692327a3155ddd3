"""Scenes about forms of initializers; distributions are judged elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.cases.scripted.scenes import (
    INPUTS,
    Filled,
    Line,
    Raises,
    SameAs,
    Scene,
    Succeeds,
    both,
    then,
)
from conformance.model import case as steps
from conformance.model.literals import literal

_CALL = steps.Call(INPUTS)
_BASE = {"filters": 3, "kernel_size": [2, 3]}
_VALUE, _TYPE = Raises("ValueError"), Raises("TypeError")


def _kernel(form: Any, *lines: Line, **more: Any) -> Scene:
    return Scene(
        clause="INIT-05", arguments={**_BASE, "kernel_initializer": form, **more}, lines=lines
    )


def _filled(form: Any, number: float) -> Scene:
    return _kernel(form, *then(_CALL), both(steps.GetWeights(), Filled((number, 0.0))))


_TAKEN = (
    _filled("zeros", 0.0),
    _filled("Zeros", 0.0),
    _filled("ones", 1.0),
    _filled("Ones", 1.0),
    _filled({"class_name": "Ones", "config": {}}, 1.0),
    _filled({"class_name": "Constant", "config": {"value": 7.0}}, 7.0),
    _filled(literal("tf.keras.initializers.Ones"), 1.0),
    _filled(literal("tf.keras.initializers.Ones()"), 1.0),
    _filled(literal("tf.compat.v1.ones_initializer()"), 1.0),
    _filled(literal("tf.compat.v1.constant_initializer(7.)"), 7.0),
    *(
        _kernel(name, both(_CALL, Succeeds()))
        for name in ("he_normal", "HeNormal", "glorot_uniform", "GlorotNormal", "lecun_uniform",
                     "orthogonal", "random_normal", "TruncatedNormal", "variance_scaling")
    ),
)  # fmt: skip
_REFUSED = tuple(
    Scene(
        clause="INIT-05",
        arguments={**_BASE, "kernel_initializer": form},
        constructor=_VALUE,
        lines=(),
    )
    for form in ("no_such", "", 5, 2.5, literal("np.zeros((2, 3, 3, 2))"))
)
_LATE = (
    _kernel({"function": "shape alone"}, both(_CALL, _TYPE)),
    _kernel({"function": "no argument"}, both(_CALL, _TYPE)),
    _kernel("identity", both(_CALL, _VALUE)),
    Scene(
        clause="INIT-05",
        arguments={**_BASE, "bias_initializer": "orthogonal"},
        lines=(both(_CALL, _VALUE),),
    ),
    Scene(
        clause="INIT-05",
        arguments={**_BASE, "kernel_initializer": literal("tf.constant(1.)")},
        constructor=_VALUE,
        lines=(),
        where="tensorflow",
    ),
)
_WRONG_SHAPE = Scene(
    clause="INIT-06",
    arguments={**_BASE, "kernel_initializer": {"function": "wrong shape"}},
    lines=(both(_CALL, _VALUE, old=(Raises("InvalidArgumentError"), _VALUE)),),
)
_INTEGERS = Scene(
    clause="INIT-07",
    arguments=_BASE,
    lines=(
        *then(steps.Call(INPUTS.astype(np.int32))),
        both(steps.GetWeights(), Filled((0.0, 0.0))),
    ),
)
_COMPLEX = Scene(
    clause="INIT-07",
    arguments=_BASE,
    lines=(both(steps.Call(INPUTS.astype(np.complex64)), Raises("ValueError", "An initializer")),),
)


def _seeded(how: str) -> tuple[Line, ...]:
    another = steps.Construct("another", _BASE)
    return then(steps.Seed(how, 3), _CALL, steps.GetWeights(), steps.Seed(how, 3), another, _CALL)


_SEEDS = (
    Scene(
        clause="INIT-08",
        arguments=_BASE,
        lines=(*_seeded("framework"), both(steps.GetWeights(), SameAs(2))),
        where="eager",
    ),
    Scene(
        clause="INIT-08",
        arguments=_BASE,
        lines=(*_seeded("graph"), Line(step=steps.GetWeights(), old=(SameAs(2), None))),
        where="eager",
    ),
)
_SEED_ARGUMENT = {
    **_BASE,
    "kernel_initializer": {"class_name": "GlorotUniform", "config": {"seed": 5}},
}
_SEEDED_TWICE = Scene(
    clause="INIT-09",
    arguments=_SEED_ARGUMENT,
    lines=(
        *then(_CALL, steps.GetWeights(), steps.Construct("another", _SEED_ARGUMENT), _CALL),
        both(steps.GetWeights(), SameAs(1), old=(Succeeds(), Succeeds())),
    ),
)
SCENES = (
    *_TAKEN,
    *_REFUSED,
    *_LATE,
    _WRONG_SHAPE,
    _INTEGERS,
    _COMPLEX,
    *_SEEDS,
    _SEEDED_TWICE,
)
