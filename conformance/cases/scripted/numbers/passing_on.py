"""Scripts about functions of the caller's that raise: whoever calls one passes the error on, as it is.

What a layer has done before the error is no reason to be another layer afterwards.
"""

from __future__ import annotations

import numpy as np

from conformance.cases.drawn.data import position_coded
from conformance.cases.scripted.expected import ActsAs, Raises
from conformance.cases.scripted.script import INPUTS, LAYER, Script, both, either, then
from conformance.model import steps

_RAISING, _TRIPLE = {"function": "division by zero"}, {"function": "triple"}
_RAISED = Raises("ZeroDivisionError")
_CALL, _BUILD = steps.Call(INPUTS), steps.Build((None, None, None, 2))
_WEIGHTS = steps.SetWeights((position_coded((2, 3, 3, 2)), position_coded((3,), start=-1)))
_TRAIN = steps.Train(INPUTS, np.ones((1, 5, 7, 3), "f"), 1.0)

SCRIPTS = (
    Script(
        clause="ACT-01",
        arguments={**LAYER, "activation": _RAISING},
        lines=(
            both(_CALL, _RAISED),
            *then(steps.Assign("activation", _TRIPLE)),
            both(_CALL, ActsAs({**LAYER, "activation": _TRIPLE})),
        ),
    ),
    Script(
        clause="INIT-05",
        arguments={**LAYER, "kernel_initializer": _RAISING},
        lines=(both(_CALL, _RAISED),),
    ),
    Script(
        clause="LOSS-09",
        arguments={**LAYER, "kernel_regularizer": _RAISING},
        lines=(*then(_CALL), either(steps.Losses(), _RAISED, None)),
    ),
    Script(
        clause="CONS-05",
        arguments={**LAYER, "kernel_constraint": _RAISING},
        lines=(
            *then(_BUILD, _WEIGHTS),
            both(_TRAIN, _RAISED),
            *then(steps.Construct("another", {**LAYER, "bias_constraint": _RAISING})),
            *then(_BUILD, _WEIGHTS),
            both(_TRAIN, _RAISED),
        ),
    ),
)
