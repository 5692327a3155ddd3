"""Scripts about forms of constructor arguments: what is taken and as what, what is refused, when and how.

Each row has values of one argument and their fate. Each value is a script of its own, so that a finding is as
small as it can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from conformance.cases.drawn.data import small_integers
from conformance.cases.scripted.expected import ActsAs, Expected, Numbers, Raises, Stores, Wanted
from conformance.cases.scripted.script import LAYER, SIZES, Line, Script, both, then
from conformance.model import steps
from conformance.model.named import literal
from conformance.model.values.codec import Value

#: The kernel of `LAYER` counts up, so every output tells its geometry.
INPUTS = small_integers((2, 4, 5, 2), 2)
_UNSAID = object()


@attrs.frozen
class _Taken:
    """Taken. The layer then does what it does with `acts_as` (None: without the argument).

    The attribute reads `stored`, where that is said.
    """

    acts_as: Value = None
    stored: Value = _UNSAID


_Fate: TypeAlias = _Taken | Raises


@attrs.frozen
class _Row:
    """Values of an argument that have the same fate, beside `others`."""

    values: tuple[Value, ...]
    fate: Expected[_Fate]
    others: Mapping[str, Value] = attrs.field(factory=dict)


def _script(clause: str, argument: str, value: Value, row: _Row) -> Script:
    given = {**LAYER, **row.others}

    def refused_at_once(fate: _Fate) -> Raises | None:
        return fate if isinstance(fate, Raises) and fate.moment == "construct" else None

    def attribute(fate: _Fate) -> Wanted | None:
        if isinstance(fate, Raises) or fate.stored is _UNSAID:
            return None
        return Stores(argument, fate.stored)

    def outcome(fate: _Fate) -> Wanted | None:
        if isinstance(fate, Raises):
            return None if fate.moment == "construct" else fate
        return ActsAs(given if fate.acts_as is None else {**given, argument: fate.acts_as})

    return Script(
        clause=clause,
        arguments={**given, argument: value},
        constructor=row.fate.each(refused_at_once),
        lines=(
            Line(steps.Read(argument), row.fate.each(attribute)),
            Line(steps.Call(INPUTS), row.fate.each(outcome)),
        ),
    )


def _ctor(error: str, fragment: str = "") -> Raises:
    return Raises(error, fragment, "construct")


def _call(error: str, fragment: str = "") -> Raises:
    return Raises(error, fragment, "call")


def _run(error: str, fragment: str = "") -> Raises:
    return Raises(error, fragment, "run")


_L = literal
_TYPE, _VALUE = "TypeError", "ValueError"


def _forms(clause: str, argument: str, *rows: _Row) -> tuple[Script, ...]:
    return tuple(_script(clause, argument, value, row) for row in rows for value in row.values)


def _row(*values: Value, fate: _Fate, graph: _Fate | None = None, **more: Any) -> _Row:
    return _Row(values, Expected(fate, graph or fate, **more))


def _with(others: Mapping[str, Value], *rows: _Row) -> tuple[_Row, ...]:
    return tuple(attrs.evolve(row, others=others) for row in rows)


_PAIRS = ("[2, 3]", "np.array([2, 3])", "range(2, 4)", "{2, 3}", "(n for n in (2, 3))",
          "(np.int64(2), np.int64(3))")  # fmt: skip
_PAIR, _ONE = _Taken([2, 3], [2, 3]), _Taken(2, [2, 2])
_NO_PAIR = (2.5, 2.0, None, [2], [2, 3, 4], _L("np.int64(2)"), _L("[]"), [2, None], _L("np.array([[2, 3]])"),
            _L("np.array([3])"))  # fmt: skip
_TWICE = (
    "np.array([2, 2])",
    "(n for n in (2, 2))",
    "(np.int64(2), np.int64(2))",
    "np.array([2, 2], np.uint8)",
)
_ONCE = ("np.array([1, 1])", "(n for n in (1, 1))", "(np.int64(1), np.int64(1))")
_NOT_TWO = _ctor(_VALUE, "argument must be a tuple of 2 integers")
_NO_NUMBER = _ctor(_TYPE, "'<=' not supported")
_NO_DIMENSION = _call(_TYPE, "Dimension value must be integer")
_NO_LOWER = _ctor("AttributeError", "has no attribute 'lower'")
_FIRST, _LAST = "channels_first", "channels_last"
_TRIPLE = {"function": "triple"}
#: Layers as activations with options that they do not take.
_NO_OPTIONS = tuple(
    {"class_name": name, "config": {option: value}}
    for name, option, value in (
        ("ReLU", "max_value", -1.0),
        ("ReLU", "negative_slope", -1.0),
        ("ReLU", "negative_slope", None),
        ("ReLU", "threshold", -1.0),
        ("ReLU", "threshold", None),
        ("ReLU", "limit", 1.0),
        ("LeakyReLU", "alpha", None),
        ("ELU", "alpha", None),
        ("ThresholdedReLU", "theta", None),
        ("ThresholdedReLU", "theta", -1.0),
    )
)
_UNDERSTOOD = {
    "dilation_rate": [1, 1], "output_padding": None, "groups": 1, "dtype": "float32", "dynamic": False,
    "autocast": False, "weights": None, "input_shape": [4, 5, 2], "batch_input_shape": [None, 4, 5, 2],
    "batch_size": 7, "input_dim": 9, "implementation": 1, "_scope": "s", "_reuse": None, "conv_op": None,
    "kernel_layout": None, "bias_layout": None,
}  # fmt: skip
_UNKNOWN = ("reuse", "scope", "dilations", "layout", "jit_compile", "foo", "kernels_size")
_TOGETHER = _ctor(_VALUE, "not supported in conjunction")
_LATE = (
    _call("InvalidArgumentError"),
    Raises("ValueError|InvalidArgumentError", moment="call|run"),
)
_ANY_EXTRA = (None, 0, 1, [0, 2], [1, 1], [1, 0])
_UNEQUAL = "doesn't match computed"
#: With NumPy 2, sizes of 8 bits times others stay of 8 bits, and nothing is promised of what follows.
_OVERFLOWS = (None, None)


def _once_for_both(
    clause: str, argument: str, value: int, kernel: tuple[int, int] = (2, 3), **others: Value
) -> Script:
    """One number for both axes, of a layer that is given nothing but sizes: others may take no initializers."""
    weights = small_integers((*kernel, 3, 2), 5), small_integers((3,), 6)
    return Script(
        clause=clause,
        arguments={**SIZES, **others, argument: value},
        lines=(
            *then(steps.Build(INPUTS.shape), steps.SetWeights(weights)),
            both(steps.Call(INPUTS), Numbers()),
        ),
    )


SCRIPTS: tuple[Script, ...] = (
    _once_for_both("ARG-03", "kernel_size", 2, kernel=(2, 2)),
    _once_for_both("ARG-04", "strides", 2),
    _once_for_both("ARG-12", "dilation_rate", 2),
    _once_for_both("ARG-14", "output_padding", 1, strides=[2, 3]),
    *_forms(
        "ARG-02", "filters",
        _row(3, *map(_L, ("np.int32(3)", "np.int64(3)", "np.uint8(3)", "np.array(3)")), fate=_Taken(3, 3)),
        _row(3.0, 3.7, _L("np.float64(3.7)"), fate=_Taken(3, 3)),
        _row(_L("(n for n in (3,))"), fate=_ctor(_TYPE)),
        _row(0, -1, 0.5, False, -2.5, fate=_ctor(_VALUE, "Expected a strictly positive value")),
        _row("3", _L("[3]"), [3], fate=_NO_NUMBER),
        *_with({"kernel_initializer": None},
               _row(None, fate=_call(_VALUE, "The initializer passed is not valid"))),
        _row(_L("np.float32(3)"), fate=_NO_DIMENSION),
        _row(True, fate=_Taken(1), beside_keras_3=(_call(_TYPE), _call(_TYPE))),
    ),
    *_forms(
        "ARG-03", "kernel_size",
        _row([2, 3], *map(_L, (*_PAIRS, "tf.TensorShape([2, 3])")), fate=_PAIR),
        _row(2, fate=_ONE),
        *_with({"strides": [100, 1]},
               _row(_L("np.array([150, 1], np.uint8)"), fate=_Taken([150, 1], [150, 1]),
                    beside_keras_3=_OVERFLOWS)),
        _row(*_NO_PAIR, "3", fate=_NOT_TWO),
        _row(0, -1, [2, 0], [-1, 2], False, fate=_ctor(_VALUE, "does not satisfy the requirement `> 0`")),
        _row(["2", "3"], "33", fate=_NO_NUMBER),
        _row([3.0, 2.0], [2.5, 3], fate=_NO_DIMENSION),
        *_with({"kernel_initializer": None},
               _Row((True,), Expected(_call(_VALUE), beside_keras_3=(_call(_VALUE), _call(_TYPE))))),
        _Row((True,), Expected(None, _Taken([1, 1]), beside_keras_3=(None, _call(_TYPE)))),
    ),
    *_forms(
        "ARG-04", "strides",
        _row([2, 3], *map(_L, _PAIRS), fate=_PAIR),
        _row(2, fate=_ONE),
        _row(_L("np.array([100, 1], np.uint8)"), fate=_Taken([100, 1], [100, 1]), beside_keras_3=_OVERFLOWS),
        _row(True, fate=_Taken([1, 1])),
        _row(*_NO_PAIR, [1, 2, 2, 1], "2", fate=_NOT_TWO),
        _row(0, [2, 0], False, fate=_ctor(_VALUE, "cannot contains 0(s)")),
        _row(-1, [-1, 2], fate=_ctor(_VALUE, "requirement `>= 0`")),
        _row([2.0, 2.0], [1.5, 2], fate=_call(_TYPE, "Cannot convert"),
             graph=_call(_TYPE, "Tensors in list passed to 'values'")),
    ),
    *_forms(
        "ARG-05", "padding",
        _row("same", "SAME", "Same", "sAmE", _L("np.str_('same')"), fate=_Taken("same", "same")),
        _row("valid", "VALID", "Valid", fate=_Taken("valid", "valid")),
        *_with({"dilation_rate": 2}, _row("SAME", fate=_Taken("same", "same"))),
        _row("full", "", " same", "same ", _L("b'valid'"),
             fate=_ctor(_VALUE, 'must be a list/tuple or one of "valid", "same"')),
        _row("causal", "CAUSAL", fate=_ctor(_VALUE, "Causal padding is only supported for")),
        _row(None, 1, True, _L("np.array('same')"), fate=_NO_LOWER),
        _row(_L("['same']"), fate=_call(_TYPE, "unhashable type: 'list'")),
        _row(["same"], fate=_call("AssertionError")),
    ),
    *_forms(
        "ARG-06", "data_format",
        _row(_LAST, "CHANNELS_LAST", "Channels_Last", None, fate=_Taken(_LAST, _LAST)),
        _row(_FIRST, "CHANNELS_FIRST", "Channels_first", fate=_Taken(_FIRST, _FIRST)),
        _row("NHWC", "NCHW", "", "channels", _L("b'channels_last'"),
             fate=_ctor(_VALUE, 'must be one of "channels_first", "channels_last"')),
        _row(1, _L("[]"), fate=_NO_LOWER),
    ),
    *_forms(
        "ARG-07", "activation",
        _row(None, fate=_Taken()),
        _row("relu", {"class_name": "ReLU", "config": {}}, _L("tf.keras.layers.ReLU()"), _L("np.str_('relu')"),
             fate=_Taken("relu")),
        _row(_TRIPLE, fate=_Taken(_TRIPLE)),
        _row("RELU", "Relu", "nothing", "re lu", fate=_ctor(_VALUE, "Unknown activation function")),
        _row(5, _L("['relu']"), 2.5,
             fate=_ctor(_TYPE, "Could not interpret activation function identifier")),
        _row(*_NO_OPTIONS, fate=_ctor("TypeError|ValueError")),
    ),
    *_forms(
        "ARG-08", "use_bias",
        *_with({"bias_initializer": {"function": "count up"}},
               _row(True, "no", 2.5, 1, _L("np.True_"), _L("np.array([True])"), fate=_Taken(True)),
               _row(False, "", 0, None, _L("[]"), _L("np.array(False)"), _L("np.array([False])"),
                    fate=_Taken(False)),
               _row(_L("np.array([True, False])"), fate=_call(_VALUE, "ambiguous"))),
    ),
    *_forms(
        "ARG-09", "trainable",
        _row(True, False, fate=_Taken(True)),
        _row(0, 1, None, "no", 2.5, graph=_Taken(True),
             fate=_ctor(_TYPE, "Expected `trainable` argument to be a boolean")),
    ),
    *_forms(
        "ARG-10", "name",
        _row("foo", "a/b", "1x", "a-b", ".a", "a>b", "n" * 300, fate=_Taken()),
        _row("_x", "-a", "/a", "a b", "a:b", "a+b", "fål", fate=_Taken(), graph=_call(_VALUE, "is not a valid")),
        _row("a\\b", fate=_Taken(), graph=_run("InvalidArgumentError")),
        _row(3, _L("b'name'"), fate=_call(_VALUE), graph=_call(_TYPE)),
    ),
    *(form for name in _UNDERSTOOD for form in _forms("ARG-11", name, _row(_UNDERSTOOD[name], fate=_Taken()))),
    *(form for name in _UNKNOWN for form in _forms(
        "ARG-11", name, _row(None, fate=_ctor(_TYPE, "Keyword argument not understood")))),
    *_forms("ARG-11", "rank", _row(2, fate=_ctor(_TYPE, "multiple values for"))),
    *_forms(
        "ARG-12", "dilation_rate",
        _row(2, [2, 2], _L("[2, 2]"), *map(_L, _TWICE), fate=_Taken([2, 2], [2, 2])),
        _row(1, True, fate=_Taken(1, [1, 1])),
        _row([2, 3], [1, 2], fate=_call(_VALUE, "2 dimensions of the `dilation_rate`")),
        _row(0, -1, 2.0, None, [2], [2, 2, 2], _L("np.int64(2)"),
             fate=_ctor(_VALUE, "`dilation_rate` argument must be a tuple")),
        _row([2.0, 2.0], fate=_call(_TYPE)),
    ),
    *_forms(
        "ARG-13", "dilation_rate",
        *_with({"strides": 2}, _row(2, fate=_TOGETHER, of_the_page=_LATE)),
        *_with({"strides": [1, 2], "padding": "same"}, _row(2, fate=_TOGETHER, of_the_page=_LATE)),
    ),
    *_forms(
        "ARG-14", "output_padding",
        *_with(
            {"strides": [2, 3]},
            *(_row(n, fate=_Taken(n, [n, n] if isinstance(n, int) else n)) for n in _ANY_EXTRA),
            _row(True, fate=_Taken(1)),
            _row(*map(_L, _ONCE), fate=_Taken([1, 1], [1, 1])),
            _row(2, [1, 3], 5, [2, 0], fate=_ctor(_VALUE, "must be greater than output padding")),
            _row(0.5, -1, [1], [1, 1, 1], _L("np.int64(2)"), [-1, 0],
                 fate=_ctor(_VALUE, "`output_padding` argument must be a tuple")),
            _row([0.5, 1], fate=_call(_TYPE)),
        ),
        *_with({"strides": 2, "padding": "same"},
               _row(0, fate=_call("InvalidArgumentError", _UNEQUAL),
                    graph=_run("InvalidArgumentError", _UNEQUAL))),
    ),
    *_forms(
        "ARG-15", "groups",
        *(_row(n, fate=_Taken(None, n or 1)) for n in (1, 3, 0, None, -1, 3.0)),
        _row(2, 4, fate=_ctor(_VALUE, "evenly divisible by the number of groups")),
        _row("2", fate=_ctor(_TYPE)),
    ),
)  # fmt: skip
