"""Scripts about functions that the layer calls: with what, how often, and what becomes of their result.

The functions (`conformance.model.named`) give back what they were told, as a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.cases.scripted.expected import (
    ActsAs,
    Arrays,
    Filled,
    Gives,
    Numbers,
    Raises,
    Succeeds,
    Typed,
    Wanted,
)
from conformance.cases.scripted.numbers.bends import pixels
from conformance.cases.scripted.script import INPUTS, LAYER, SIZES, Script, both, either, then
from conformance.model import steps
from conformance.model.named import literal

_BASE = {"filters": 3, "kernel_size": [2, 3]}
_CALL = steps.Call(INPUTS)
_FIRST = steps.Call(np.ascontiguousarray(INPUTS.transpose(0, 3, 1, 2)))
_WEIGHTS = steps.SetWeights(
    (np.arange(1, 37, dtype="f").reshape(2, 3, 3, 2), np.array([1, 2, 3], "f"))
)
_NEGATIVE = np.arange(-36, 0, dtype="f").reshape(2, 3, 3, 2)
_BUILT = then(steps.Build((None, None, None, 2)), _WEIGHTS)
_BUILT_FIRST = then(steps.Build((None, 2, None, None)), _WEIGHTS)
_STILL = steps.Train(INPUTS, np.zeros((1, 5, 7, 3), "f"), 1.0)


def _named(name: str) -> dict[str, str]:
    return {"function": name}


def _full(shape: tuple[int, ...], number: float) -> Gives:
    return Gives(np.full(shape, number).tolist())


def _activation(name: str, *wanted: Wanted, first: bool = False) -> Script:
    more = {"data_format": "channels_first"} if first else {}
    call, built = (_FIRST, _BUILT_FIRST) if first else (_CALL, _BUILT)
    return Script(
        clause="ACT-01",
        arguments={**_BASE, **more, "activation": _named(name)},
        lines=(*built, *(both(call, one) for one in wanted)),
    )


_LAST_SHAPE, _FIRST_SHAPE = (1, 5, 7, 3), (1, 3, 5, 7)
_ACTIVATIONS = (
    _activation("told shape", _full(_LAST_SHAPE, 1573)),
    _activation("told shape", _full(_FIRST_SHAPE, 1357), first=True),
    _activation("told dtype", _full(_LAST_SHAPE, 4)),
    _activation("told calls", _full(_LAST_SHAPE, 1), _full(_LAST_SHAPE, 2), _full(_LAST_SHAPE, 3)),
    _activation("places", Numbers()),
    _activation("places", Numbers(), first=True),
)
#: The first call, which makes the weights, calls it once as well.
_UNBUILT = Script(
    clause="ACT-01",
    arguments={**_BASE, "activation": _named("told calls")},
    lines=(both(_CALL, _full(_LAST_SHAPE, 1)),),
)
#: Beyond every bend of the functions below, and gradients of their values.
_BEFORE = np.array([-400, -200, 0.25, 3, 8], np.float32).reshape(1, 1, 5, 1)
_UPSTREAM = np.array([1, 2, 3, 4, 5], np.float32).reshape(1, 1, 5, 1)


def _configured(
    name: str, config: dict[str, float] | None, values: list[float], slopes: list[float]
) -> Iterator[Script]:
    """Yield what a Keras layer with options, or by its name alone, makes of numbers, and the gradients."""
    arguments = pixels(name if config is None else {"class_name": name, "config": config})
    after = np.reshape(values, _BEFORE.shape).tolist()
    by_inputs = np.reshape(slopes, _BEFORE.shape) * _UPSTREAM
    by_kernel = np.sum(by_inputs * _BEFORE).reshape(1, 1, 1, 1)
    gradients = [by_inputs.tolist(), by_kernel.tolist(), None]
    for clause, step, wanted in (
        ("ACT-01", steps.Call(_BEFORE), after),
        ("GRAD-06", steps.Gradients(_BEFORE, _UPSTREAM), gradients),
    ):
        yield Script(clause=clause, arguments=arguments, lines=(both(step, Gives(wanted)),))


_LEAKY = ([-200, -100, 0.25, 3, 8], [0.5, 0.5, 1, 1, 1])
_CONFIGURED = tuple(
    script
    for row in (
        ("LeakyReLU", {"alpha": 0.5}, *_LEAKY),
        ("ReLU", {"negative_slope": 0.5}, *_LEAKY),
        ("ReLU", {"max_value": 4.0}, [0, 0, 0.25, 3, 4], [0, 0, 1, 1, 0]),
        (
            "ReLU",
            {"max_value": 4.0, "negative_slope": 0.25, "threshold": 1.0},
            [-100.25, -50.25, -0.1875, 3, 4],
            [0.25, 0.25, 0.25, 1, 0],
        ),
        ("ELU", {"alpha": 0.5}, [-0.5, -0.5, 0.25, 3, 8], [0, 0, 1, 1, 1]),
        ("ThresholdedReLU", {"theta": 1.0}, [0, 0, 0, 3, 8], [0, 0, 0, 1, 1]),
        ("ReLU", None, [0, 0, 0.25, 3, 8], [0, 0, 1, 1, 1]),
        ("ELU", None, [-1, -1, 0.25, 3, 8], [0, 0, 1, 1, 1]),
        ("ThresholdedReLU", None, [0, 0, 0, 3, 8], [0, 0, 0, 1, 1]),
    )
    for script in _configured(*row)
)
_INTEGERS = np.array([-4, -2, 0, 2, 4, 8], np.int32).reshape(1, 1, 6, 1)


def _relu(**config: float) -> dict[str, Any]:
    return {"class_name": "ReLU", "config": config}


#: Integers have the limit, too; options are cut to integers, but for a slope alone, which makes numbers of them.
_WHOLE = tuple(
    Script(
        clause="ACT-01",
        arguments={
            "filters": 1, "kernel_size": 1, "kernel_initializer": "ones", "dtype": "int32",
            "activation": activation,
        },
        lines=(both(steps.Call(_INTEGERS), Gives([[[[number] for number in wanted]]])),),
    )
    for activation, wanted in (
        ("relu6", [0, 0, 0, 2, 4, 6]),
        (_relu(max_value=3.5), [0, 0, 0, 2, 3, 3]),
        (_relu(max_value=3.5, threshold=2.5), [0, 0, 0, 0, 3, 3]),
        (_relu(max_value=3.5, negative_slope=1.5), [-4, -2, 0, 2, 3, 3]),
        (_relu(negative_slope=0.5), [-2.0, -1.0, 0.0, 2.0, 4.0, 8.0]),
        ({"class_name": "LeakyReLU", "config": {"alpha": 0.5}}, [-2.0, -1.0, 0.0, 2.0, 4.0, 8.0]),
    )
)  # fmt: skip
_THREE_TENTHS = np.where(_BEFORE > 0, _BEFORE, _BEFORE * np.float32(0.3))
#: Not the slope of `leaky_relu`.
_LEAKY_BY_NAME = Script(
    clause="ACT-01",
    arguments=pixels("LeakyReLU"),
    lines=(both(steps.Call(_BEFORE), Gives(_THREE_TENTHS.tolist())),),
)


def _regularizer(clause: str, argument: str, name: str, wanted: Wanted) -> Script:
    return Script(
        clause=clause,
        arguments={**LAYER, f"{argument}_regularizer": _named(f"{name}, a loss")},
        lines=(*then(_CALL), both(steps.Losses(), wanted)),
    )


_REGULARIZERS = (
    _regularizer("LOSS-01", "kernel", "told shape", Gives([2332.0])),
    _regularizer("LOSS-01", "kernel", "told dtype", Gives([4.0])),
    _regularizer("LOSS-01", "kernel", "places", Numbers()),
    _regularizer("LOSS-01", "bias", "told shape", Gives([3.0])),
    _regularizer("LOSS-01", "bias", "told dtype", Gives([4.0])),
    _regularizer("LOSS-02", "activity", "told shape", Gives([1573.0])),
    _regularizer("LOSS-02", "activity", "told dtype", Gives([4.0])),
    _regularizer("LOSS-02", "activity", "places", Numbers()),
    Script(
        clause="LOSS-01",
        arguments={**SIZES, "kernel_regularizer": _named("sum of squares")},
        lines=(
            *_BUILT,
            both(steps.Losses(), Numbers()),
            *then(steps.Train(INPUTS, np.ones((1, 5, 7, 3), "f"), 1.0)),
            both(steps.Losses(), Numbers()),
        ),
    ),
    # Of integers it is no integer.
    Script(
        clause="LOSS-02",
        arguments={**SIZES, "dtype": "int32", "activity_regularizer": _named("sum")},
        lines=(
            *then(
                steps.Build((None, 2, 3, 2)),
                steps.SetWeights((np.ones((2, 3, 3, 2), np.int32), np.zeros(3, np.int32))),
                steps.Call(np.eye(1, 48, dtype=np.int32).reshape(4, 2, 3, 2)),
            ),
            both(steps.Losses(), Gives([4.5])),
        ),
    ),
    # The class that they are made of is one, too.
    Script(
        clause="LOSS-09",
        arguments={**SIZES, "kernel_regularizer": {"class_name": "Regularizer", "config": {}}},
        lines=(*_BUILT, both(steps.Losses(), Gives([0.0]))),
    ),
    # A number of Python's, which a function gave, becomes one of float32, or stays what it is.
    *(
        Script(
            clause="LOSS-09",
            arguments={**SIZES, f"{part}_regularizer": _named("told calls, a loss")},
            lines=(*_BUILT, *then(_CALL), both(steps.Losses(), Typed("float32", or_number=True))),
        )
        for part in ("kernel", "activity")
    ),
    Script(
        clause="LOSS-02",
        arguments={**LAYER, "activity_regularizer": _named("told calls, a loss")},
        lines=(
            *then(_CALL),
            both(steps.Losses(), Gives([1.0])),
            both(steps.Losses(), Gives([1.0])),
            *then(_CALL),
            either(steps.Losses(), Gives([2.0]), Gives([1.0, 2.0])),
        ),
    ),
)


def _constraint(argument: str, name: str, *wanted: Wanted) -> Script:
    return Script(
        clause="CONS-04",
        arguments={**LAYER, f"{argument}_constraint": _named(name)},
        lines=(
            *then(steps.Build((None, None, None, 2))),
            *(both(_STILL, one) for one in wanted),
        ),
    )


_CONSTRAINTS = (
    _constraint("kernel", "told shape", Filled((2332.0, 0.0))),
    _constraint("kernel", "told dtype", Filled((4.0, 0.0))),
    _constraint("kernel", "told calls", Filled((1.0, 0.0)), Filled((2.0, 0.0))),
    _constraint("kernel", "places", Numbers(), Numbers()),
    _constraint("bias", "places", Numbers()),
    # The class that they are made of changes nothing.
    Script(
        clause="CONS-04",
        arguments={**_BASE, "kernel_constraint": {"class_name": "Constraint", "config": {}}},
        lines=(
            *then(steps.Build((None, None, None, 2)), steps.SetWeights((_NEGATIVE, np.zeros(3, "f")))),
            both(_STILL, Gives([_NEGATIVE.tolist(), [0.0] * 3])),
        ),
    ),
)  # fmt: skip


def _in(dtype: str, size: float) -> Iterator[Script]:
    """Yield what functions are told of the dtype in a layer of another one than float32."""
    call = steps.Call(INPUTS.astype(dtype))
    still = steps.Train(call.inputs, np.zeros((1, 5, 7, 3), dtype), 1.0)
    built = then(
        steps.Build((None, None, None, 2)),
        steps.SetWeights((np.ones((2, 3, 3, 2), dtype), np.zeros(3, dtype))),
    )
    loss, whole = _named("told dtype, a loss"), _named("told dtype")
    for clause, argument, lines in (
        ("ACT-01", {"activation": whole}, (both(call, _full(_LAST_SHAPE, size)),)),
        ("CONS-04", {"kernel_constraint": whole}, (both(still, Filled((size, 0.0))),)),
        ("LOSS-01", {"kernel_regularizer": loss}, (both(steps.Losses(), Gives([size])),)),
        (
            "LOSS-02",
            {"activity_regularizer": loss},
            (*then(call), both(steps.Losses(), Gives([size]))),
        ),
    ):
        arguments = {**_BASE, "dtype": dtype, **argument}
        yield Script(clause=clause, arguments=arguments, lines=(*built, *lines))


def _initializer(wanted: Wanted, *calls: steps.Step, **given: Any) -> Script:
    arguments = {
        name: _named(f"{value}, values") if name.endswith("initializer") else value
        for name, value in given.items()
    }
    return Script(
        clause="INIT-05",
        arguments={**_BASE, **arguments},
        lines=(*then(*calls), both(steps.GetWeights(), wanted)),
    )


_DOUBLE = steps.Call(INPUTS.astype(np.float64))
_INITIALIZERS = (
    _initializer(Filled((2332.0, 0.0)), _CALL, kernel_initializer="told shape"),
    _initializer(
        Filled((2332.0, 0.0)), _FIRST, kernel_initializer="told shape", data_format="channels_first"
    ),
    _initializer(Filled((4.0, 0.0)), _CALL, kernel_initializer="told dtype"),
    _initializer(
        Filled((8.0, 8.0)),
        _DOUBLE,
        kernel_initializer="told dtype",
        bias_initializer="told dtype",
    ),
    _initializer(
        Filled((2332.0, 3.0)),
        _CALL,
        kernel_initializer="told shape",
        bias_initializer="told shape",
    ),
    _initializer(
        Filled((4.0, 4.0)), _CALL, kernel_initializer="told dtype", bias_initializer="told dtype"
    ),
    _initializer(Filled((1.0, 0.0)), _CALL, _CALL, kernel_initializer="told calls"),
    _initializer(
        Filled((1.0, 0.0)), steps.Build((None, 4, 5, 2)), _CALL, kernel_initializer="told calls"
    ),
)
#: Its first parameter may have any name: the shape is passed by its place.
_OTHER_NAMES = Script(
    clause="INIT-05",
    arguments={**_BASE, "kernel_initializer": _named("parameters of other names")},
    lines=(*then(_CALL), both(steps.GetWeights(), Filled((1.0, 0.0)))),
)
_SHAPES = (
    "np.array([2, 4, 5, 2])",
    "(n for n in (2, 4, 5, 2))",
    "[2, 4, 5, 2]",
    "(np.int64(2), 4, 5, np.int64(2))",
)
_BUILDS = tuple(
    Script(
        clause="VAR-01",
        arguments=LAYER,
        lines=(
            *then(steps.Invoke("build", (literal(text),))),
            both(steps.GetWeights(), Arrays(((2, 3, 3, 2), (3,)))),
        ),
    )
    for text in _SHAPES
)
_ASKED = tuple(
    Script(
        clause="SHAPE-09",
        arguments=SIZES,
        lines=(
            both(
                steps.Invoke("compute_output_shape", (literal(text),)),
                Succeeds(),
                outside=Gives([2, 5, 7, 3]),
            ),
        ),
    )
    for text in _SHAPES
    if "for n" not in text
)
#: A shape that is one number is none; where it is an array, TensorFlow alone says by which error.
_NO_SHAPES = tuple(
    Script(clause=clause, arguments=LAYER, lines=(both(steps.Invoke(method, (shape,)), refused, **more),))
    for shape, more in (
        (4, {}),
        (literal("np.array(4)"), {"outside": Raises("ValueError|IndexError|TypeError")}),
    )
    for clause, method, refused in (
        ("VAR-01", "build", Raises("ValueError")),
        ("SHAPE-09", "compute_output_shape", Raises("IndexError")),
    )
)  # fmt: skip
#: Sizes of 8 bits are numbers like any others.
_SHORT = Script(
    clause="SHAPE-09",
    arguments={**LAYER, "strides": [100, 1]},
    lines=(
        both(
            steps.Invoke("compute_output_shape", (literal("np.array([2, 4, 5, 2], np.uint8)"),)),
            Succeeds(),
            outside=Gives([2, 400, 7, 3]),
        ),
    ),
)

#: What the layer was built for, and what was asked before, does not matter.
_ASKED_AGAIN = Script(
    clause="SHAPE-09",
    arguments=LAYER,
    lines=(
        *then(steps.Build((None, None, None, 2))),
        both(steps.ComputeOutputShape((2, 4, 5, 7)), Gives([2, 5, 7, 3])),
        both(steps.ComputeOutputShape((7, 4, 5, 2)), Gives([7, 5, 7, 3])),
    ),
)
#: Nothing is unknown about a size of 0.
_EMPTY = tuple(
    Script(
        clause="SHAPE-11",
        arguments=_BASE,
        lines=(both(steps.ComputeOutputShape(shape), Gives(wanted)),),
    )
    for shape, wanted in (
        ((0, 4, 5, 2), [0, 5, 7, 3]),
        ((1, 0, 5, 2), [1, 1, 7, 3]),
        ((None, 4, 0, 2), [None, 5, 2, 3]),
    )
)
_TRIPLE = {"function": "triple"}
#: A layer that takes no function as an activation does not get this far.
_ASSIGNED = Script(
    clause="LIFE-01",
    arguments={**_BASE, "activation": {"function": "itself"}},
    lines=(
        *_BUILT,
        both(_CALL, Numbers()),
        *then(steps.Assign("activation", _TRIPLE)),
        both(_CALL, ActsAs({**_BASE, "activation": _TRIPLE})),
    ),
)

SCRIPTS = (
    _ASSIGNED,
    *_ACTIVATIONS,
    _UNBUILT,
    *(
        script
        for dtype, size in (("float64", 8.0), ("float16", 2.0))
        for script in _in(dtype, size)
    ),
    *_CONFIGURED,
    _LEAKY_BY_NAME,
    *_WHOLE,
    *_REGULARIZERS,
    *_CONSTRAINTS,
    *_INITIALIZERS,
    _OTHER_NAMES,
    *_BUILDS,
    *_ASKED,
    *_NO_SHAPES,
    _SHORT,
    _ASKED_AGAIN,
    *_EMPTY,
)
