"""Scripts about constructor arguments that a single form does not tell."""

from __future__ import annotations

import numpy as np

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.cases.scripted.expected import (
    Arrays,
    Expected,
    Filled,
    Gives,
    Holds,
    IfTaken,
    Like,
    Numbers,
    Raises,
    SameAs,
    Typed,
)
from conformance.cases.scripted.script import INPUTS, LAYER, SIZES, Line, Script, both, either, then
from conformance.model import steps
from conformance.model.named import literal

_ALL = (3, [2, 3], [1, 1], "valid", "channels_last", None, True, "ones", "zeros",
        None, None, None, None, None, True, "all")  # fmt: skip
#: Each of the three penalties is another one.
_PENALTIES = (
    *_ALL[:7],
    "ones",
    "ones",
    *({"function": name} for name in ("sum", "half l1", "sum")),
)
_KERNEL = position_coded((2, 3, 3, 2))
_BIAS = position_coded((3,))
_CUBE, _OF_CUBE = small_integers((1, 3, 3, 3), 1), small_integers((1, 3, 6, 3), 2)

SIGNATURE = Script(
    clause="ARG-01",
    arguments=LAYER,
    lines=(
        *then(steps.Construct("keywords", {**LAYER, "kernel_initializer": "ones"}), steps.Call(INPUTS)),
        *then(steps.Construct("positions", {}, _ALL)),
        both(steps.Call(INPUTS), SameAs(1)),
        both(steps.Construct("seventeen", {}, (*_ALL, 17)), Raises("TypeError")),
        both(steps.Construct("no kernel size", {}, (3,)), Raises("TypeError")),
        both(steps.Construct("no filters", {"kernel_size": 2}), Raises("TypeError")),
        both(steps.Construct("nothing", {}), Raises("TypeError")),
        *then(steps.Construct("penalties", {}, _PENALTIES), steps.Call(INPUTS)),
        both(steps.Losses(), Gives([15.0, 36.0, 1.5])),
    ),
)  # fmt: skip

_GIVEN = {**LAYER, "kernel_initializer": "ones", "weights": [_KERNEL, _BIAS]}
_TYPED = {**LAYER, "dtype": "float64"}
_NO_FLOAT = either(
    steps.Call(INPUTS.astype(np.int32)), Raises("InvalidArgumentError"), Raises("TypeError")
)


def _of_policy(name: str, variable: str, compute: str) -> Script:
    """Return a script of a layer whose dtype is a policy that is an object; it need not take one."""
    arguments = {**LAYER, "dtype": literal(f"a policy: {name}"), "autocast": True}
    # Keras 3 has policies of its own.
    newest = {"beside_keras_3": (None, None)}
    called = both(steps.Call(INPUTS.astype(compute)), Typed(compute), **newest)
    return Script(
        clause="ARG-16",
        arguments=LAYER,
        lines=(
            Line(steps.Construct("with a policy", arguments), Expected(outside=IfTaken(None))),
            both(steps.Read("dtype"), Gives(variable), **newest),
            called,
            both(steps.GetWeights(), Typed(variable), **newest),
        ),
    )


SCRIPTS = (
    SIGNATURE,
    Script(
        clause="ARG-06",
        arguments=LAYER,
        where="tensorflow",
        lines=(
            *then(steps.ImageFormat("channels_first"), steps.Construct("default", LAYER)),
            both(steps.Read("data_format"), Gives("channels_last")),
            *then(steps.Construct("none", {**LAYER, "data_format": None})),
            both(steps.Read("data_format"), Gives("channels_first")),
            *then(steps.ImageFormat("channels_last")),
            both(steps.Read("data_format"), Gives("channels_first")),
        ),
    ),
    # Sizes that are alike do not tell which axis is which, and what is written in capitals does.
    *(
        Script(
            clause=clause,
            arguments={**SIZES, "strides": [2, 1], "padding": "SAME", "data_format": data_format},
            lines=(
                *then(steps.Build((None, 3, 3, 3))),
                *then(steps.SetWeights((position_coded((2, 3, 3, 3)), _BIAS))),
                both(steps.Call(_CUBE), Numbers()),
                both(steps.ComputeOutputShape((1, 3, 3, 3)), Gives(shape)),
                both(steps.Gradients(_CUBE, _OF_CUBE.reshape(shape)), Numbers()),
                Line(steps.ConvolutionOp(_CUBE), Expected(outside=Numbers())),
            ),
        )
        for clause, data_format, shape in (
            ("ARG-05", "channels_last", [1, 6, 3, 3]),
            ("ARG-06", "CHANNELS_FIRST", [1, 3, 6, 3]),
        )
    ),
    Script(
        clause="ARG-16",
        arguments=_TYPED,
        lines=(
            both(steps.Read("dtype"), Gives("float64")),
            both(steps.Call(INPUTS.astype(np.float64)), Typed("float64")),
            both(steps.GetWeights(), Typed("float64")),
            either(steps.Call(INPUTS), Raises("InvalidArgumentError"), Raises("TypeError")),
            both(
                steps.Construct("a policy that is empty", {**LAYER, "dtype": {}}),
                Raises("ValueError"),
            ),
        ),
    ),
    *(
        Script(
            clause="ARG-16",
            arguments={**LAYER, "dtype": literal(text)},
            lines=(
                both(steps.Read("dtype"), Gives("float64")),
                both(steps.Call(INPUTS.astype(np.float64)), Typed("float64")),
            ),
        )
        for text in ("np.float64", "np.dtype('float64')")
    ),
    # A padding that no call takes gives no shape, either.
    *(
        Script(
            clause="ARG-05",
            arguments={**LAYER, "padding": padding},
            lines=(both(steps.ComputeOutputShape((1, 4, 5, 2)), Raises(error)),),
        )
        for padding, error in ((literal("['same']"), "TypeError"), (["same"], "AssertionError"))
    ),
    # Of Python's own types float is float32, and int and complex are none.
    Script(
        clause="ARG-16",
        arguments={**LAYER, "dtype": literal("float")},
        lines=(
            both(steps.Read("dtype"), Gives("float32")),
            both(steps.Call(INPUTS), Typed("float32")),
        ),
    ),
    *(
        Script(
            clause="ARG-16",
            arguments=LAYER,
            lines=(
                both(
                    steps.Construct("strange", {**LAYER, "dtype": literal(text)}),
                    Raises("TypeError"),
                ),
            ),
        )
        for text in ("int", "complex")
    ),
    *(
        _of_policy(*row)
        for row in (("mixed_float16", "float32", "float16"), ("float64", "float64", "float64"))
    ),
    Script(
        clause="ARG-17",
        arguments=_GIVEN,
        lines=(
            *then(steps.Call(INPUTS)),
            either(
                steps.Invoke("get_weights"),
                Gives([_KERNEL.tolist(), _BIAS.tolist()]),
                Filled((1.0, 0.0)),
            ),
        ),
    ),
    Script(
        clause="ARG-17",
        arguments=_GIVEN,
        lines=(
            *then(steps.Build((None, None, None, 2))),
            both(steps.GetWeights(), Filled((1.0, 0.0))),
            *then(steps.Call(INPUTS)),
            either(
                steps.Invoke("get_weights"),
                Filled((1.0, 0.0)),
                Gives([_KERNEL.tolist(), _BIAS.tolist()]),
            ),
        ),
    ),
    Script(
        clause="ARG-17",
        arguments={**LAYER, "weights": [_KERNEL]},
        lines=(both(steps.Call(INPUTS), Raises("ValueError", "weight list of length")),),
    ),
    *(
        Script(
            clause="ARG-17",
            arguments={**LAYER, "weights": weights},
            lines=(both(steps.Call(INPUTS), Raises("ValueError", "not compatible with")),),
        )
        for weights in (
            [_KERNEL.transpose(1, 0, 2, 3).copy(), _BIAS],
            [_KERNEL.reshape(-1), _BIAS],
            [_KERNEL, _BIAS.reshape(1, 3)],
        )
    ),
    *(
        Script(
            clause="ARG-10",
            arguments={**LAYER, "name": name},
            lines=(both(steps.Read("name"), Like(r"[a-z][a-z0-9_]*_\d+")),),
        )
        for name in ("", None)
    ),
    Script(
        clause="SHAPE-03",
        arguments={**LAYER, "kernel_size": 1, "strides": 3, "output_padding": 0},
        lines=(
            either(steps.Call(INPUTS[:, :0]), Raises("InvalidArgumentError"), Raises("ValueError")),
        ),
    ),
    Script(
        clause="ARG-18",
        arguments={**LAYER, "dynamic": True},
        lines=(
            either(steps.Call(INPUTS), Numbers(), Raises("InvalidArgumentError", moment="run")),
        ),
    ),
    Script(
        clause="ARG-19",
        arguments={**LAYER, "dtype": "float32", "autocast": True},
        lines=(both(steps.Call(INPUTS.astype(np.float64)), Typed("float32")), _NO_FLOAT),
    ),
    Script(
        clause="ARG-19",
        arguments={**LAYER, "dtype": "float32"},
        lines=(
            either(
                steps.Call(INPUTS.astype(np.float64)),
                Raises("InvalidArgumentError"),
                Raises("TypeError"),
            ),
        ),
    ),
    Script(
        clause="ARG-20",
        arguments={**LAYER, "input_shape": [9, 9, 7], "batch_size": 5, "implementation": 2},
        lines=(
            both(steps.Read("built"), Gives(False)),
            both(steps.Call(INPUTS), Numbers()),
            both(steps.GetWeights(), Arrays(((2, 3, 3, 2), (3,)))),
        ),
    ),
    Script(
        clause="ARG-20",
        arguments={**LAYER, "batch_input_shape": [6, 9, 9, 7], "input_dim": 8},
        lines=(both(steps.Read("built"), Gives(False)), both(steps.Call(INPUTS), Numbers())),
    ),
    *(
        Script(
            clause="ARG-20",
            arguments={**LAYER, "kernel_initializer": "ones", **given},
            lines=(both(steps.Invoke("get_config"), Holds(items={"batch_input_shape": told})),),
        )
        for given, told in (
            ({"batch_input_shape": [6, 9, 9, 7], "input_shape": [1, 1, 1]}, [6, 9, 9, 7]),
            ({"input_shape": [9, 9, 7]}, [None, 9, 9, 7]),
            ({"input_shape": [9, 9, 7], "batch_size": 5}, [5, 9, 9, 7]),
            ({"input_dim": 8}, [None, 8]),
        )
    ),
    Script(
        clause="ARG-13",
        arguments={**LAYER, "strides": 2, "dilation_rate": 2},
        lines=(both(steps.Call(INPUTS[:, :1, :1]), Arrays(((1, 3, 5, 3),))),),
        where="of the page",
    ),
    Script(
        clause="LOSS-12",
        arguments={**_TYPED, "kernel_initializer": "ones", "kernel_regularizer": "l2"},
        lines=(
            *then(steps.Call(INPUTS.astype(np.float64))),
            both(steps.Losses(), Gives([36 * float(np.float32(0.01))])),
        ),
    ),
    Script(
        clause="CONS-05",
        arguments={**SIZES, "kernel_constraint": {"function": "numpy double"}},
        lines=(
            *then(steps.Build((None, None, None, 2)), steps.SetWeights((_KERNEL, _BIAS))),
            either(
                steps.Train(INPUTS, position_coded((1, 5, 7, 3)), 1.0),
                Numbers(),
                Raises("NotImplementedError"),
                v1=Raises("TypeError"),
            ),
        ),
    ),
)
