"""Scripts about what a refusal leaves behind: a layer that goes on as if it had not been asked."""

from __future__ import annotations

import numpy as np

from conformance.cases.scripted.expected import Gives, Numbers, Raises
from conformance.cases.scripted.script import INPUTS, LAYER, Script, both, either, then
from conformance.model import steps

_VALUE = Raises("ValueError")
_KERNEL = np.arange(36, 0, -1, dtype="f").reshape(2, 3, 3, 2)
_BIAS = np.array([3, -2, 1], "f")

SCRIPTS = (
    # What is given for the first call is not used up by one that is refused.
    Script(
        clause="ARG-17",
        arguments={**LAYER, "weights": [_KERNEL, _BIAS]},
        lines=(
            both(steps.Call(INPUTS[0]), _VALUE),
            *then(steps.Call(INPUTS)),
            either(steps.Invoke("get_weights"), Gives([_KERNEL.tolist(), _BIAS.tolist()]), None),
        ),
    ),
    # A build that is refused has built nothing.
    Script(
        clause="VAR-14",
        arguments=LAYER,
        lines=(
            both(steps.Build((None, None, None, None)), _VALUE),
            both(steps.Invoke("count_params"), _VALUE),
            both(steps.Read("built"), Gives(False)),
            both(steps.Call(INPUTS), Numbers()),
            both(steps.Invoke("count_params"), Gives(39)),
        ),
    ),
)
