"""Scripts about the page's methods and those that come with its base classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from conformance.cases.drawn.data import position_coded, small_integers
from conformance.cases.scripted.expected import (
    Arrays,
    Expected,
    Filled,
    Gives,
    Holds,
    Numbers,
    Raises,
    SameAs,
    Succeeds,
    Typed,
)
from conformance.cases.scripted.script import INPUTS, LAYER, SIZES, Line, Script, both, either, then
from conformance.model import steps
from conformance.model.named import literal

_WEIGHTS = steps.SetWeights((position_coded((2, 3, 3, 2)), position_coded((3,), start=-1)))
_BUILT = then(steps.Build((None, None, None, 2)), _WEIGHTS)
_EAGER_INVALID, _TYPE, _VALUE = (
    Raises("InvalidArgumentError"),
    Raises("TypeError"),
    Raises("ValueError"),
)


def _invoke(method: str, *arguments: Any, **keywords: Any) -> steps.Invoke:
    return steps.Invoke(method, arguments, keywords)


_APPLY = Script(
    clause="METH-01",
    arguments={**SIZES, "activity_regularizer": {"function": "sum"}},
    lines=(
        *_BUILT,
        both(steps.Call(INPUTS), Numbers()),
        both(_invoke("apply", INPUTS), SameAs(2)),
        both(_invoke("apply", inputs=INPUTS), SameAs(2)),
        both(_invoke("apply", INPUTS, training=True), SameAs(2)),
        both(_invoke("apply", INPUTS, scope="elsewhere"), SameAs(2)),
        both(_invoke("apply", INPUTS, mask=1), _TYPE),
        both(_invoke("apply", INPUTS, strange=1), _TYPE),
        both(_invoke("apply", INPUTS, INPUTS), _TYPE),
        both(_invoke("apply"), Raises("ValueError|TypeError")),
    ),
)
_APPLY_LOSSES = Script(
    clause="METH-01",
    arguments={**SIZES, "activity_regularizer": {"function": "sum"}},
    lines=(
        *_BUILT,
        *then(steps.Call(INPUTS, "apply")),
        both(steps.Losses(), Numbers()),
        *then(steps.Call(INPUTS, "apply")),
        either(steps.Losses(), Numbers(), None),
        *then(_invoke("apply", INPUTS, training=False)),
        either(steps.Losses(), SameAs(3), None),
        *then(_invoke("apply", INPUTS, training=True)),
        either(steps.Losses(), SameAs(3), None),
    ),
)

_WIDE = small_integers((2, 5, 6, 6), 7)
_CONVOLUTION_OWN_INPUT = (
    Script(
        clause="METH-03",
        arguments=SIZES,
        lines=(*_BUILT, either(steps.ConvolutionOp(INPUTS), _EAGER_INVALID, _VALUE)),
    ),
    Script(
        clause="METH-03",
        arguments={**SIZES, "strides": 2},
        lines=(
            *then(
                steps.Build((None, None, None, 6)),
                steps.SetWeights((position_coded((2, 3, 3, 6)), position_coded((3,)))),
            ),
            both(steps.ConvolutionOp(_WIDE), Numbers()),
        ),
    ),
    Script(
        clause="METH-03",
        arguments={**SIZES, "filters": 1},
        lines=(
            *then(
                steps.Build((None, None, None, 4)),
                steps.SetWeights((position_coded((2, 3, 1, 4)), position_coded((1,)))),
            ),
            both(steps.ConvolutionOp(small_integers((2, 5, 6, 4), 8)), Numbers()),
        ),
    ),
)
_OTHER_KERNEL = position_coded((3, 2, 2, 4))
#: As many images along the first axis as along the second one, no two alike.
_FIVE_AXES = small_integers((2, 2, 4, 5, 2), 8)
_CONVOLVED = np.sum(
    [
        _FIVE_AXES[:, :, row : row + 2, column : column + 4] @ _OTHER_KERNEL[row, column]
        for row, column in np.ndindex(3, 2)
    ],
    axis=0,
)
_CONVOLUTION_FORMS = tuple(
    Script(clause="METH-04", arguments={**SIZES, **more}, lines=(line,))
    for more, line in (
        ({"strides": [1, 2]}, both(steps.ConvolutionOp(INPUTS, _OTHER_KERNEL), Numbers())),
        ({"activation": "relu"},
         both(steps.ConvolutionOp(INPUTS, _OTHER_KERNEL), Numbers())),
        ({"padding": "same"}, both(steps.ConvolutionOp(INPUTS, _OTHER_KERNEL), Numbers())),
        ({"dilation_rate": 2, "padding": "same"}, both(steps.ConvolutionOp(INPUTS, _OTHER_KERNEL), Numbers())),
        ({}, both(_invoke("convolution_op", literal("np.arange(40, dtype='float32').reshape(1, 4, 5, 2).tolist()"),
                          _OTHER_KERNEL), Arrays(((1, 2, 4, 4),)))),
        ({}, both(_invoke("convolution_op", _FIVE_AXES, _OTHER_KERNEL), Gives(_CONVOLVED.tolist()))),
        # Lists hold single numbers, and no others.
        ({}, either(_invoke("convolution_op", literal("np.full((1, 4, 5, 2), 1e39).tolist()"), _OTHER_KERNEL),
                    _VALUE, Typed("float32"))),
        ({}, either(steps.ConvolutionOp(INPUTS[0], _OTHER_KERNEL), _EAGER_INVALID, _VALUE)),
        ({}, either(steps.ConvolutionOp(INPUTS[:, :1], _OTHER_KERNEL), _EAGER_INVALID, _VALUE)),
        ({}, either(steps.ConvolutionOp(INPUTS[:, :2], _OTHER_KERNEL), Arrays(((1, 0, 4, 4),)), _VALUE)),
        ({"strides": [2, 1]},
         either(steps.ConvolutionOp(INPUTS[:, :1], _OTHER_KERNEL), Arrays(((1, 0, 4, 4),)), _VALUE)),
        ({}, either(steps.ConvolutionOp(INPUTS.astype(np.float64), _OTHER_KERNEL), _EAGER_INVALID, _TYPE)),
        ({}, both(steps.ConvolutionOp(INPUTS, _OTHER_KERNEL[0]), _VALUE)),
    )
)  # fmt: skip
#: Sizes that are no multiples of the stride, as no output of the layer has them with `same`.
_ODD_SIZES = small_integers((2, 5, 7, 2), 11)
_CONVOLUTION_SIZES = tuple(
    Script(
        clause="METH-04",
        arguments={**SIZES, **more},
        lines=tuple(
            both(steps.ConvolutionOp(_ODD_SIZES[:, row:, column:], _OTHER_KERNEL), Numbers())
            for row, column in ((0, 0), (1, 0), (0, 1), (2, 2))
        ),
    )
    for more in (
        {"strides": 2, "padding": "same"},
        {"strides": [3, 2], "padding": "same"},
        {"strides": [2, 5], "padding": "same"},
        {"strides": [2, 3]},
        {"dilation_rate": 3, "padding": "same"},
    )
)
_CONVOLUTION_INTEGERS = tuple(
    Script(
        clause="METH-04",
        arguments=LAYER,
        lines=(
            either(
                _invoke(
                    "convolution_op",
                    literal(f"np.full((1, 4, 5, 2), {number}).tolist()"),
                    literal("np.full((3, 2, 2, 4), 1).tolist()"),
                ),
                *ends,
            ),
        ),
    )
    for number, ends in (
        ("1", (Typed("int32"), Typed("int32"))),
        ("2**31", (_EAGER_INVALID, _TYPE)),
        ("2**63", (_VALUE, _TYPE)),
    )
)
#: A layer that is built, whose kernel has as many channels on both sides, takes the kernel that it is given.
_THREE = small_integers((1, 4, 5, 3), 9)
_CONVOLUTION_BUILT = Script(
    clause="METH-04",
    arguments=SIZES,
    lines=(
        *then(
            steps.Build((None, None, None, 3)),
            steps.SetWeights((position_coded((2, 3, 3, 3)), position_coded((3,)))),
        ),
        both(steps.ConvolutionOp(_THREE), Numbers()),
        both(steps.ConvolutionOp(_THREE, small_integers((2, 3, 3, 3), 10)), Numbers()),
        both(
            steps.ConvolutionOp(
                _THREE.astype(np.float64), small_integers((2, 3, 3, 3), 10, "float64")
            ),
            Typed("float64"),
        ),
    ),
)
_OPERATION_NAME = Script(
    clause="METH-04",
    arguments={**LAYER, "name": "mine"},
    lines=(
        both(steps.ConvolutionOp(INPUTS, _OTHER_KERNEL), Numbers()),
        both(steps.OutputName(), Gives("Conv2DTranspose:0")),
    ),
    where="graph",
)

_EXISTS = Script(
    clause="METH-05",
    arguments=LAYER,
    lines=(
        either(
            steps.Has(("get_losses_for", "get_updates_for")),
            Gives([False, False]),
            Gives([True, True]),
            outside=Gives([True, True]),
        ),
        both(steps.Has(("apply",)), Gives([True])),
        both(steps.Has(("convolution_op",)), Gives([True])),
    ),
)

_CONFIG_KEYS = (
    "filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "output_padding",
    "activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint", "bias_constraint", "name", "trainable",
    "dtype",
)  # fmt: skip
_BY_NAME = {**LAYER, "kernel_initializer": "ones"}
_CONFIG = Script(
    clause="METH-06",
    arguments={**LAYER, "name": "told", "kernel_initializer": "ones"},
    lines=(
        both(_invoke("get_config"), Holds(_CONFIG_KEYS, ("_scope", "_reuse"))),
        *then(steps.Construct("of no default", {**_BY_NAME, "bias_initializer": None})),
        both(_invoke("get_config"), Holds(items={"bias_initializer": None})),
    ),
)
_NORMALISED = Script(
    clause="METH-06",
    arguments={
        "filters": 3, "kernel_size": 2, "strides": 3, "padding": "SAME", "data_format": "Channels_First",
        "activation": None, "output_padding": 1, "kernel_initializer": "ones", "groups": 3,
    },
    lines=(
        both(
            _invoke("get_config"),
            Holds(
                items={
                    "filters": 3, "kernel_size": [2, 2], "strides": [3, 3], "padding": "same",
                    "data_format": "channels_first", "activation": "linear", "output_padding": [1, 1],
                    "dilation_rate": [1, 1], "groups": 3, "use_bias": True, "dtype": None,
                }
            ),
        ),
    ),
)  # fmt: skip
_OF_MATRICES = {"class_name": "OrthogonalRegularizer", "config": {"factor": 0.5, "mode": "columns"}}
#: A policy of two dtypes is told as an object; so is a penalty that this layer has no use for.
_TOLD_OBJECTS = tuple(
    Script(
        clause="METH-06",
        arguments={**_BY_NAME, argument: given},
        lines=(
            both(
                _invoke("get_config"),
                Holds(items={argument: {"module": module, "registered_name": None, **told}}),
                of_the_page=(None, None),
                beside_keras_3=(None, None),
            ),
        ),
    )
    for argument, given, module, told in (
        (
            "dtype", "mixed_float16", "keras.mixed_precision",
            {"class_name": "Policy", "config": {"name": "mixed_float16"}},
        ),
        ("kernel_regularizer", _OF_MATRICES, "keras.regularizers", _OF_MATRICES),
    )
)  # fmt: skip
#: Whatever a layer was told it tells, and whoever is made of that, before there are weights.
_UNUSED = tuple(
    Script(
        clause="METH-06",
        arguments={**_BY_NAME, "name": "unused", **told},
        lines=(
            both(_invoke("get_config"), Holds(items={"name": "unused", **told})),
            *then(steps.RoundTrip()),
            both(_invoke("get_config"), Holds(items={"name": "unused", **told})),
        ),
    )
    for told in (
        {
            "strides": [2, 3], "padding": "same", "output_padding": [1, 0], "dtype": "float64", "trainable": False,
            "use_bias": False,
        },
        {"dilation_rate": [2, 1], "data_format": "channels_first", "dtype": "float16", "activation": "tanh"},
    )
)  # fmt: skip

#: A function is known by its name, which means nothing to whoever reads the configuration.
_UNKNOWN = literal("np.asarray_chkfinite")
_NAMED_FUNCTION = {
    "module": "builtins", "class_name": "function", "config": "asarray_chkfinite",
    "registered_name": "function",
}  # fmt: skip
_OF_THE_USER = ("activation", "kernel_initializer", "kernel_constraint", "bias_constraint")
_FUNCTIONS = (
    # Without a name there is nothing to write.
    Script(
        clause="METH-06",
        arguments={
            **_BY_NAME,
            "activation": literal("__import__('functools').partial(np.multiply, 3)"),
        },
        lines=(both(_invoke("get_config"), _TYPE, of_the_page=(None, None)),),
    ),
    Script(
        clause="METH-06",
        arguments={**LAYER, **dict.fromkeys(_OF_THE_USER, _UNKNOWN)},
        lines=(
            both(
                _invoke("get_config"),
                Holds(items=dict.fromkeys(_OF_THE_USER, _NAMED_FUNCTION)),
                of_the_page=(None, None),
            ),
        ),
    ),
    *(
        Script(
            clause="METH-06",
            arguments={**_BY_NAME, name: _UNKNOWN},
            lines=(
                either(
                    steps.RoundTrip(),
                    _TYPE,
                    _VALUE,
                    outside=Raises("TypeError|ValueError"),
                    of_the_page=(_VALUE, _VALUE),
                ),
            ),
        )
        for name in _OF_THE_USER
    ),
)


def _refused(text: str, **more: Any) -> Script:
    return Script(
        clause="METH-07",
        arguments={**SIZES, **more},
        lines=(
            # A bias of zeros, as a new layer has it, would not show that it was lost.
            *_BUILT,
            *then(steps.GetWeights()),
            both(_invoke("set_weights", literal(text)), _VALUE),
            both(steps.GetWeights(), SameAs(2)),
        ),
    )


_WRONG_WEIGHTS = (
    *map(
        _refused,
        (
            "[]",
            "[np.zeros((2, 3, 3, 2))]",
            "[np.zeros((2, 3, 3, 2)), np.zeros(4)]",
            "[np.zeros((2, 3, 3, 2)), 1.0]",
            "[np.zeros((2, 3, 3, 3)), np.zeros(3)]",
            "[np.zeros((2, 3, 3, 2)), np.zeros(1)]",
            "[np.zeros((2, 3, 3, 1)), np.zeros(3)]",
            "[np.zeros(()), np.zeros(3)]",
            # The right size is not enough.
            "[np.zeros((3, 2, 3, 2)), np.zeros(3)]",
            "[np.zeros((2, 3, 2, 3)), np.zeros(3)]",
            "[np.zeros((3, 3, 2, 2)), np.zeros(3)]",
            "[np.zeros((6, 6)), np.zeros(3)]",
            "[np.zeros(36), np.zeros(3)]",
            "[np.zeros((1, 2, 3, 3, 2)), np.zeros(3)]",
            "[np.zeros((2, 3, 3, 2)), np.zeros((1, 3))]",
            "[np.zeros((2, 3, 3, 2)), np.zeros((3, 1))]",
        ),
    ),
    # A list is no array: those are asked who know what an initializer is, too.
    _refused("[np.zeros((2, 3, 3, 2)), [0., 0., 0.]]", bias_initializer="zeros"),
)
#: Numbers in float64, and what each becomes: the nearest one, of two the even one, infinity beyond the largest.
ROUNDED = {
    "float16": (
        # The last one is above the middle by less than float32 tells.
        (
            1 + 2**-11, 1 + 3 * 2**-11, 70_000.0, -65_520.0, 65_519.0, 2**-25, 3 * 2**-26, 1 + 2**-11 + 2**-30,
        ),
        (1.0, 1 + 2**-9, math.inf, -math.inf, 65_504.0, 0.0, 2**-24, 1 + 2**-10),
    ),
    "bfloat16": (
        (1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-7 + 2**-10, 3.4e38),
        (1.0, 1 + 2**-6, -1 - 2**-7, math.inf),
    ),
    "float32": ((1 + 2**-24, 1 + 3 * 2**-24, 1e39), (1.0, 1 + 2**-22, math.inf)),
    "float64": ((1 + 2**-52, 1e300), (1 + 2**-52, 1e300)),
}  # fmt: skip


def _casts(dtype: str, given: tuple[float, ...], wanted: tuple[float, ...]) -> Script:
    kernel = np.array(given).reshape(1, 1, -1, 1)
    values = [[[[number] for number in wanted]]], [1.0] * len(wanted)
    return Script(
        clause="METH-07",
        arguments={"filters": len(given), "kernel_size": 1, "dtype": dtype},
        lines=(
            *then(steps.Build((None, None, None, 1))),
            both(steps.SetWeights((kernel, np.ones(len(given), np.int32))), Succeeds()),
            both(_invoke("get_weights"), Gives([*values])),
        ),
    )


#: Numbers that a processor may take for 0 where it computes; nothing is computed here.
_SUBNORMAL = (2.0**-149, -(2.0**-127), 3 * 2.0**-150)
_CASTS = (
    *(_casts(dtype, *numbers) for dtype, numbers in ROUNDED.items()),
    _casts("float32", _SUBNORMAL, (2.0**-149, -(2.0**-127), 2.0**-148)),
)
_FROZEN = position_coded((2, 3, 3, 2), start=-9)
_WEIGHTS_SCRIPTS = (
    Script(clause="METH-07", arguments=LAYER, lines=(both(_invoke("get_weights"), Gives([])),)),
    Script(
        clause="METH-07",
        arguments=SIZES,
        lines=(
            *then(steps.Build((None, None, None, 2)), steps.GetWeights()),
            both(
                _invoke(
                    "set_weights",
                    literal("[np.zeros((2, 3, 3, 2), 'float64'), np.zeros(3, 'int32')]"),
                ),
                Succeeds(),
            ),
            both(steps.GetWeights(), Typed("float32")),
        ),
    ),
    Script(
        clause="METH-07",
        arguments=SIZES,
        lines=(*_BUILT, both(steps.GetWeights(), Numbers())),
    ),
    Script(
        clause="METH-07",
        arguments=LAYER,
        lines=(
            *then(steps.Build((None, None, None, 2)), steps.GetWeights()),
            both(
                _invoke("set_weights", literal("(np.ones((2, 3, 3, 2)), np.zeros(3))")), Succeeds()
            ),
            both(steps.GetWeights(), Filled((1.0, 0.0))),
            both(
                _invoke(
                    "set_weights", literal("(w for w in [np.ones((2, 3, 3, 2)), np.zeros(3)])")
                ),
                _TYPE,
            ),
        ),
    ),
    # A layer without bias has its weight though it is frozen.
    Script(
        clause="METH-07",
        arguments={**SIZES, "use_bias": False, "trainable": False},
        lines=(
            *then(steps.Build((None, None, None, 2)), steps.SetWeights((_FROZEN,))),
            both(_invoke("get_weights"), Gives([_FROZEN.tolist()])),
        ),
    ),
    *_WRONG_WEIGHTS,
    *_CASTS,
)

_COUNTED = np.arange(40, dtype="float32").reshape(1, 4, 5, 2)
_LIST = Raises("ValueError", "expects 1 input(s), but it received")
_FORMS: tuple[tuple[Any, Any, Any], ...] = (
    (literal("np.arange(40, dtype='float32').reshape(1, 4, 5, 2)"), SameAs(2), SameAs(2)),
    (
        literal("tf.constant(np.arange(40, dtype='float32').reshape(1, 4, 5, 2))"),
        SameAs(2),
        SameAs(2),
    ),
    (literal("tf.Variable(np.zeros((1, 4, 5, 2), 'float32'))"), Succeeds(), Succeeds()),
    (literal("np.arange(40, dtype='float32').reshape(1, 4, 5, 2).tolist()"), _LIST, _LIST),
    (
        literal("(np.zeros((1, 4, 5, 2), 'float32'), np.zeros((1, 4, 5, 2), 'float32'))"),
        _VALUE,
        _VALUE,
    ),
    (literal("[np.zeros((2, 3, 3, 2))]"), _TYPE, _TYPE),
    (None, _TYPE, _TYPE),
    ("inputs", _TYPE, _TYPE),
    (literal("tf.sparse.from_dense(np.ones((1, 4, 5, 2), 'float32'))"), _VALUE, _TYPE),
    (
        literal("tf.RaggedTensor.from_tensor(np.ones((1, 4, 5, 2), 'float32'))"),
        _VALUE,
        Raises("ValueError|TypeError"),
    ),
)
_INPUTS = tuple(
    Script(
        clause="METH-08",
        arguments=LAYER,
        lines=(
            *((*_BUILT, *then(steps.Call(_COUNTED))) if isinstance(eager, SameAs) else ()),
            either(_invoke("call", form), eager, graph),
        ),
    )
    for form, eager, graph in _FORMS
)
_LATER_LIST = Script(
    clause="METH-08",
    arguments=LAYER,
    lines=(
        *_BUILT,
        either(
            _invoke("call", literal("np.arange(40, dtype='float32').reshape(1, 4, 5, 2).tolist()")),
            _LIST,
            Raises("AttributeError"),
        ),
    ),
)

_COPIES = tuple(
    Script(
        clause="METH-09",
        arguments={
            **LAYER, "kernel_initializer": "ones", "strides": 2, "activation": "relu",
            "kernel_constraint": "non_neg",
        },
        lines=(
            *_BUILT,
            *then(steps.Call(INPUTS), steps.Read("name")),
            either(
                steps.Copy(how),
                Succeeds(),
                Raises("NotImplementedError"),
                v1=Raises("TypeError", "cannot pickle"),
            ),
            either(steps.Call(INPUTS), SameAs(2), None),
            either(steps.Read("name"), SameAs(3), None),
            either(steps.SameWeights("layer"), Gives([False, False]), None),
            # Its constraint is its own, too.
            either(steps.Train(INPUTS, np.ones((1, 8, 11, 3), "f"), 64.0), Numbers(), None),
            *then(steps.SetWeights((np.zeros((2, 3, 3, 2), "f"), np.zeros(3, "f")))),
            *then(steps.Use("layer")),
            either(steps.Call(INPUTS), SameAs(2), None),
        ),
    )
    for how in ("deepcopy", "pickle")
)  # fmt: skip
#: A copy computes as its original does, and tells the loss of its last call. (A call of the copy changes what
#: TensorFlow's original tells.)
_COPIES_ALIKE = Script(
    clause="METH-09",
    arguments={
        **_BY_NAME, "use_bias": False, "dtype": "float16", "autocast": True, "name": "alike",
        "activity_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
    },
    lines=(
        *then(
            steps.Build((None, None, None, 2)),
            steps.SetWeights((position_coded((2, 3, 3, 2)),)),
            steps.Call(INPUTS),
            steps.Losses(),
            steps.Read("scope_name"),
            steps.Copy("deepcopy"),
        ),
        both(steps.Losses(), SameAs(3)),
        Line(steps.LossesFor("foreign"), Expected(outside=Gives([]))),
        both(steps.Read("scope_name"), SameAs(4)),
        both(steps.GetWeights(), Typed("float16")),
        both(steps.Call(INPUTS), SameAs(2)),
        *then(steps.SetWeights((np.ones((2, 3, 3, 2), "f"),)), steps.Use("layer")),
        both(steps.Call(INPUTS), SameAs(2)),
    ),
    where="not graph",
)  # fmt: skip
_COPIES_WITHOUT_WEIGHTS = tuple(
    Script(
        clause="METH-09",
        arguments={
            **LAYER, "kernel_initializer": "ones", "strides": 2, "output_padding": [1, 0], "activation": "relu",
        },
        lines=(both(steps.Copy(how), Succeeds()), both(steps.Call(INPUTS), Numbers())),
    )
    for how in ("deepcopy", "pickle")
)  # fmt: skip

#: A copy has what its original was told, though it has not used it yet.
_COPIES_UNUSED = (
    Script(
        clause="METH-09",
        arguments={
            **_BY_NAME, "trainable": False, "weights": [position_coded((2, 3, 3, 2)), position_coded((3,))],
        },
        lines=(
            both(steps.Copy("deepcopy"), Succeeds()),
            both(steps.Copy("pickle"), Succeeds()),
            *then(steps.Call(INPUTS)),
            both(
                _invoke("get_weights"),
                Gives([position_coded((2, 3, 3, 2)).tolist(), position_coded((3,)).tolist()]),
            ),
            both(steps.Read("trainable"), Gives(False)),
        ),
        where="not graph",
    ),
)  # fmt: skip

#: What the constructor refuses, a configuration may not hold, nor may it lack what the constructor needs.
_OTHER_CONFIGS = tuple(
    Script(
        clause="METH-06",
        arguments=LAYER,
        lines=(both(_invoke("from_config", config), Raises("TypeError")),),
    )
    for config in ({"filters": 3, "kernel_size": 2, "nonsense": 1}, {"kernel_size": 2})
)

_KERAS_ATTRIBUTES = Script(
    clause="METH-10",
    arguments=LAYER,
    where="tensorflow",
    lines=(
        *then(steps.Call(INPUTS)),
        *(
            both(steps.Read(name), Raises("AttributeError|RuntimeError"))
            for name in ("input", "output", "input_shape", "output_shape")
        ),
        both(_invoke("get_input_at", 0), Raises("AttributeError|RuntimeError")),
    ),
)
_ADDED = Script(
    clause="METH-11",
    arguments={**LAYER, "name": "adder"},
    where="graph",
    lines=(
        *then(steps.Call(INPUTS)),
        both(_invoke("add_loss", literal("tf.constant(1.)")), Succeeds()),
        both(steps.LossesFor("none"), Gives([1.0])),
        both(steps.LossesFor("inputs"), Gives([])),
        both(steps.Collection("regularization_losses"), Gives([1.0])),
        both(_invoke("add_update", literal("tf.compat.v1.no_op()")), Succeeds()),
        both(steps.Collections(), Holds((), ("update_ops",))),
        *then(steps.Call(INPUTS)),
        both(steps.Collections(), Holds(("update_ops",))),
    ),
)

SCRIPTS = (
    _APPLY,
    _APPLY_LOSSES,
    *_CONVOLUTION_OWN_INPUT,
    *_CONVOLUTION_FORMS,
    *_CONVOLUTION_SIZES,
    *_CONVOLUTION_INTEGERS,
    _CONVOLUTION_BUILT,
    _OPERATION_NAME,
    _EXISTS,
    _CONFIG,
    *_OTHER_CONFIGS,
    _NORMALISED,
    *_TOLD_OBJECTS,
    *_UNUSED,
    *_FUNCTIONS,
    *_WEIGHTS_SCRIPTS,
    *_INPUTS,
    _LATER_LIST,
    *_COPIES,
    _COPIES_ALIKE,
    *_COPIES_WITHOUT_WEIGHTS,
    *_COPIES_UNUSED,
    _KERAS_ATTRIBUTES,
    _ADDED,
)
