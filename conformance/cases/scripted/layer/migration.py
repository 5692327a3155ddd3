"""Scripts about the page's migration section."""

from __future__ import annotations

import numpy as np

from conformance.cases.drawn.data import position_coded
from conformance.cases.scripted.expected import Gives, Holds, Raises, SameAs, Succeeds, Typed
from conformance.cases.scripted.script import INPUTS, LAYER, Script, both, then
from conformance.model import steps

_ONES = {"filters": 3, "kernel_size": [2, 3], "kernel_initializer": "ones"}
_FUNCTIONS = tuple(
    Script(
        clause="MIG-01",
        arguments=_ONES,
        where="eager",
        lines=(
            *then(steps.Construct("plain", _ONES), steps.Call(INPUTS), steps.Use("layer")),
            both(steps.InFunction(INPUTS, where), wanted),
        ),
    )
    for where, wanted in (
        ("outside", SameAs(1)),
        ("shim", SameAs(1)),
        ("inside", Raises("ValueError", "only supports singleton tf.Variables")),
    )
)


def _counterpart(**more: object) -> Script:
    first = more.get("data_format") == "channels_first"
    inputs = np.moveaxis(INPUTS, 3, 1) if first else INPUTS
    return Script(
        clause="MIG-02",
        arguments={**LAYER, **more},
        where="tensorflow",
        lines=(
            *then(
                steps.Build(inputs.shape),
                steps.SetWeights((position_coded((2, 3, 3, 2)), position_coded((3,)))),
                steps.Call(np.ascontiguousarray(inputs)),
            ),
            both(steps.Counterpart(np.ascontiguousarray(inputs)), SameAs(2)),
        ),
    )


_POSITIONAL = (3, 3, [1, 1], "valid", "channels_first")
SCRIPTS = (
    *_FUNCTIONS,
    _counterpart(),
    _counterpart(strides=[2, 3]),
    _counterpart(strides=[2, 3], padding="same"),
    _counterpart(strides=3, output_padding=[1, 2]),
    _counterpart(dilation_rate=2, padding="same", activation="relu"),
    _counterpart(data_format="channels_first", strides=2),
    Script(
        clause="MIG-03",
        arguments=LAYER,
        where="tensorflow",
        lines=(
            both(
                steps.CounterpartArguments({"_reuse": True}, (3, 3)),
                Raises("TypeError", "Keyword argument not understood"),
            ),
            both(
                steps.CounterpartArguments({"trainable": False, "name": "n"}, (3, 3)),
                Gives("channels_last"),
            ),
            both(
                steps.CounterpartArguments({}, _POSITIONAL), Raises("ValueError", "output_padding")
            ),
        ),
    ),
    Script(
        clause="MIG-04",
        arguments=LAYER,
        lines=(both(steps.Example("before"), Succeeds()),),
    ),
    Script(
        clause="MIG-05",
        arguments=LAYER,
        where="tensorflow",
        lines=(
            both(
                steps.Example("after"),
                Raises("TypeError", "missing 1 required positional argument: 'kernel_size'"),
            ),
        ),
    ),
    Script(
        clause="MIG-06",
        arguments=_ONES,
        where="tensorflow",
        lines=(
            both(steps.Call(INPUTS.astype(np.float64)), Typed("float64")),
            both(
                steps.Counterpart(INPUTS.astype(np.float64)), Typed("float32"), v1=Typed("float64")
            ),
        ),
    ),
    *(
        Script(
            clause="MIG-07",
            arguments=LAYER,
            where="tensorflow",
            lines=(both(steps.InModel(kind), Raises("TypeError", "legacy tf.layers.Layers")),),
        )
        for kind in ("sequential", "functional")
    ),
    Script(
        clause="MIG-07",
        arguments={**LAYER, "kernel_regularizer": "l2"},
        where="eager",
        lines=(
            both(
                steps.InModel("subclassed"),
                Gives(
                    {
                        "weights": 2,
                        "losses": 1,
                        "fit": [True, True],
                        "load_weights": [True, True],
                        "restore": [True, True],
                    }
                ),
            ),
        ),
    ),
    Script(
        clause="MIG-09",
        arguments=LAYER,
        lines=(
            both(steps.Warned("construct"), Gives([])),
            both(steps.Warned("call"), Gives([])),
        ),
    ),
    Script(
        clause="MIG-09",
        arguments=LAYER,
        where="tensorflow",
        lines=(both(steps.Warned("functional"), Holds(("UserWarning",))),),
    ),
)
