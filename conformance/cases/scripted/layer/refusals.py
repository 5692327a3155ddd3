"""Scripts about what a refusal leaves behind: a layer that goes on as if it had not been asked."""

from __future__ import annotations

import numpy as np

from conformance.cases.scripted.expected import (
    Arrays,
    Filled,
    Gives,
    Numbers,
    Raises,
    SameAs,
    Typed,
)
from conformance.cases.scripted.script import INPUTS, LAYER, SIZES, Script, both, either, then
from conformance.model import steps

_VALUE = Raises("ValueError")
_KERNEL = np.arange(36, 0, -1, dtype="f").reshape(2, 3, 3, 2)
_BIAS = np.array([3, -2, 1], "f")

_EMPTY = np.zeros((0, 4, 5, 2), np.float32)
_FIRST = {**LAYER, "padding": "same", "data_format": "channels_first"}
_NO_COLUMNS = np.zeros((1, 2, 4, 0), np.float32)
_BUILT = then(steps.Build((None, None, None, 2)), steps.SetWeights((_KERNEL, _BIAS)))

SCRIPTS = (
    # A refused gradient leaves the weights as they are; whether it is refused is no matter here.
    Script(
        clause="LIFE-04",
        arguments=SIZES,
        lines=(
            *_BUILT,
            *then(steps.GetWeights(), steps.Gradients(INPUTS, np.ones((1, 5, 6, 3), np.float32))),
            both(steps.GetWeights(), SameAs(2)),
            both(steps.Gradients(INPUTS, np.ones((1, 5, 7, 3), np.float32)), Numbers()),
        ),
    ),
    # A batch without images is a call like any other: it builds the layer, in its own dtype, and it must fit.
    Script(
        clause="SHAPE-11",
        arguments={**LAYER, "kernel_initializer": "ones"},
        lines=(
            both(steps.Call(_EMPTY.astype(np.float64)), Typed("float64")),
            both(steps.GetWeights(), Filled((1.0, 0.0))),
            both(steps.GetWeights(), Typed("float64")),
            *(
                both(steps.Call(np.zeros(shape)), _VALUE)
                for shape in ((0, 4, 5, 3), (1, 0, 5, 3), (0, 4, 5))
            ),
        ),
    ),
    # Along an axis without numbers nothing is the largest one.
    Script(
        clause="SHAPE-11",
        arguments={**_FIRST, "activation": "softmax"},
        lines=(
            both(steps.Call(_NO_COLUMNS), Arrays(((1, 3, 4, 0),))),
            *then(steps.Construct("log", {**_FIRST, "activation": "log_softmax"})),
            both(steps.Call(_NO_COLUMNS), Arrays(((1, 3, 4, 0),))),
        ),
    ),
    # The loss of the call before is not that of a batch without images.
    Script(
        clause="LOSS-03",
        arguments={**SIZES, "activity_regularizer": {"function": "sum"}},
        lines=(
            *_BUILT,
            *then(steps.Call(INPUTS), steps.Call(_EMPTY)),
            either(steps.Losses(), Gives([0.0]), None, of_the_page=(None, None)),
        ),
    ),
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
