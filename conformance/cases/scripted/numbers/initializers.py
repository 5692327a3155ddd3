"""Scripts about forms of initializers; distributions are judged elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.cases.scripted.expected import (
    Expected,
    Filled,
    Gives,
    Raises,
    SameAs,
    Succeeds,
)
from conformance.cases.scripted.script import INPUTS, Line, Script, both, either, then
from conformance.model import steps
from conformance.model.named import literal

_CALL = steps.Call(INPUTS)
_BASE = {"filters": 3, "kernel_size": [2, 3]}
_VALUE, _TYPE = Raises("ValueError"), Raises("TypeError")
#: What another framework than TensorFlow says of None, which is of a wrong type and a wrong value.
_EITHER = Raises("ValueError|TypeError")


def _kernel(form: Any, *lines: Line, **more: Any) -> Script:
    return Script(
        clause="INIT-05", arguments={**_BASE, "kernel_initializer": form, **more}, lines=lines
    )


def _filled(form: Any, number: float) -> Script:
    return _kernel(form, *then(_CALL), both(steps.GetWeights(), Filled((number, 0.0))))


_TAKEN = (
    _filled("zeros", 0.0),
    _filled("Zeros", 0.0),
    _filled("ones", 1.0),
    _filled("Ones", 1.0),
    _filled({"class_name": "Ones", "config": {}}, 1.0),
    _filled({"class_name": "Constant", "config": {"value": 7.0}}, 7.0),
    # More than 64 bits, which a float holds.
    _filled(literal("{'class_name': 'Constant', 'config': {'value': 2**70}}"), 2.0**70),
    # Up to None is up to 1; integers are numbers, too.
    _filled({"class_name": "RandomUniform", "config": {"minval": 1.0, "maxval": None}}, 1.0),
    _filled({"class_name": "RandomUniform", "config": {"minval": 1, "maxval": 1}}, 1.0),
    # As configurations of TensorFlow 1 have it; it is not listened to.
    _filled({"class_name": "Ones", "config": {"dtype": "float64"}}, 1.0),
    _filled({"class_name": "Constant", "config": {"value": 7.0, "dtype": "float64"}}, 7.0),
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
_COUNTED = np.arange(1, 37, dtype="f").reshape(2, 3, 3, 2)
#: As many values as the kernel has, in its order; a configuration tells them all.
_SEVERAL = _kernel(
    {"class_name": "Constant", "config": {"value": [*range(1, 37)]}},
    *then(_CALL),
    both(steps.Invoke("get_weights"), Gives([_COUNTED.tolist(), [0.0] * 3])),
    *then(steps.RoundTrip(), _CALL),
    both(steps.Invoke("get_weights"), Gives([_COUNTED.tolist(), [0.0] * 3])),
)
_REFUSED = tuple(
    Script(
        clause="INIT-05",
        arguments={**_BASE, "kernel_initializer": form},
        constructor=Expected(_VALUE, _VALUE),
        lines=(),
    )
    for form in ("no_such", "", 5, 2.5, literal("np.zeros((2, 3, 3, 2))"))
)
#: Other options have no number for None.
_NONE = (
    *(
        _kernel({"class_name": name, "config": {option: None}}, both(_CALL, _VALUE, outside=_EITHER))
        for name, option in (
            ("RandomUniform", "minval"), ("RandomNormal", "mean"), ("RandomNormal", "stddev"),
            ("TruncatedNormal", "mean"), ("TruncatedNormal", "stddev"), ("Constant", "value"),
            ("Orthogonal", "gain"),
        )
    ),
    *(
        Script(
            clause="INIT-05",
            arguments={
                **_BASE,
                "kernel_initializer": {"class_name": "VarianceScaling", "config": {option: None}},
            },
            constructor=Expected(error, error, outside=_EITHER),
            lines=(),
        )
        for option, error in (("mode", _VALUE), ("scale", _TYPE))
    ),
)  # fmt: skip
_LATE = (
    _kernel({"function": "shape alone"}, both(_CALL, _TYPE)),
    _kernel({"function": "no argument"}, both(_CALL, _TYPE)),
    _kernel("identity", both(_CALL, _VALUE)),
    Script(
        clause="INIT-05",
        arguments={**_BASE, "bias_initializer": "orthogonal"},
        lines=(both(_CALL, _VALUE),),
    ),
    Script(
        clause="INIT-05",
        arguments={**_BASE, "kernel_initializer": literal("tf.constant(1.)")},
        constructor=Expected(_VALUE, _VALUE),
        lines=(),
        where="tensorflow",
    ),
)
_WRONG_SHAPE = Script(
    clause="INIT-06",
    arguments={**_BASE, "kernel_initializer": {"function": "wrong shape"}},
    lines=(both(_CALL, _VALUE, of_the_page=(Raises("InvalidArgumentError"), _VALUE)),),
)
#: Integers of more than 63 bits do not wrap.
_TOO_LONG = tuple(
    Script(
        clause="INIT-07",
        arguments={
            **_BASE,
            "dtype": "int32",
            "kernel_initializer": literal(
                f"{{'class_name': 'Constant', 'config': {{'value': {value}}}}}"
            ),
        },
        lines=(either(steps.Call(INPUTS.astype(np.int32)), _VALUE, None),),
    )
    for value in ("2**63", "2**70")
)
_INTEGERS = Script(
    clause="INIT-07",
    arguments=_BASE,
    lines=(
        *then(steps.Call(INPUTS.astype(np.int32))),
        both(steps.GetWeights(), Filled((0.0, 0.0))),
    ),
)


def _of_integers(bounds: dict[str, Any], *lines: Line, where: str = "everywhere") -> Script:
    form = {"class_name": "RandomUniform", "config": bounds}
    layer = {**_BASE, "kernel_initializer": form, "dtype": "int32"}
    return Script(clause="INIT-07", arguments=layer, lines=lines, where=where)


_BUILD = steps.Build((None, None, None, 2))
_DRAWN = (
    _of_integers(
        {"minval": 3, "maxval": 4}, *then(_BUILD), both(steps.GetWeights(), Filled((3.0, 0.0)))
    ),
    _of_integers(
        {"minval": 3, "maxval": 3}, both(_BUILD, Raises("InvalidArgumentError")), where="not graph"
    ),
    _of_integers({}, both(_BUILD, _TYPE)),
)
_COMPLEX_INPUTS = steps.Call(INPUTS.astype(np.complex64))
_COMPLEX = (
    Script(
        clause="INIT-07",
        arguments=_BASE,
        lines=(
            both(
                _COMPLEX_INPUTS,
                Raises("ValueError", "An initializer"),
                outside=Raises("ValueError|TypeError"),
            ),
        ),
    ),
    Script(
        clause="INIT-07",
        arguments={**_BASE, "kernel_initializer": "zeros"},
        lines=(
            either(
                _COMPLEX_INPUTS,
                Raises("InvalidArgumentError"),
                _TYPE,
                outside=Raises("InvalidArgumentError|TypeError"),
            ),
        ),
    ),
)


def _seeded(how: str) -> tuple[Line, ...]:
    another = steps.Construct("another", _BASE)
    return then(steps.Seed(how, 3), _CALL, steps.GetWeights(), steps.Seed(how, 3), another, _CALL)


_SEEDS = (
    Script(
        clause="INIT-08",
        arguments=_BASE,
        lines=(*_seeded("framework"), both(steps.GetWeights(), SameAs(2))),
        where="eager",
    ),
    Script(
        clause="INIT-08",
        arguments=_BASE,
        lines=(
            *_seeded("graph"),
            either(steps.GetWeights(), None, None, of_the_page=(SameAs(2), None)),
        ),
        where="eager",
    ),
)


def seeded_twice(seed: int) -> Script:
    """Return a script of two layers whose initializers have the same seed."""
    form = {"class_name": "GlorotUniform", "config": {"seed": seed}}
    layer = {**_BASE, "kernel_initializer": form}
    return Script(
        clause="INIT-09",
        arguments=layer,
        lines=(
            *then(_CALL, steps.GetWeights(), steps.Construct("another", layer), _CALL),
            both(steps.GetWeights(), SameAs(1), of_the_page=(Succeeds(), SameAs(1))),
        ),
    )


#: So have two that are called alike, and what is built again.
_SEEDED = {
    **_BASE,
    "name": "seeded",
    "kernel_initializer": {"class_name": "RandomNormal", "config": {"seed": 7}},
    "bias_initializer": {"class_name": "RandomUniform", "config": {"seed": 7}},
}
_AS_BEFORE = tuple(
    either(steps.Read(name), SameAs(step), None, of_the_page=(Succeeds(), None))
    for name, step in (("kernel", 1), ("bias", 2))
)
_SEEDED_AGAIN = Script(
    clause="INIT-09",
    arguments=_SEEDED,
    lines=(
        *then(_BUILD, steps.Read("kernel"), steps.Read("bias"), _BUILD),
        *_AS_BEFORE,
        *then(steps.Construct("alike", _SEEDED), _BUILD),
        *_AS_BEFORE,
    ),
    where="not graph",
)


SCRIPTS = (
    *_TAKEN,
    _SEVERAL,
    *_REFUSED,
    *_NONE,
    *_LATE,
    _WRONG_SHAPE,
    _INTEGERS,
    *_TOO_LONG,
    *_DRAWN,
    *_COMPLEX,
    *_SEEDS,
    seeded_twice(5),
    _SEEDED_AGAIN,
)
