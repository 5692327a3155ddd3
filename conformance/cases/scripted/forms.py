"""Scripts about forms of constructor arguments: what is taken and as what, what is refused, when and how.

Each row is a value of one argument and its fate, and a script of its own, so that a finding is as small as it
can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from conformance.cases.drawn.data import small_integers
from conformance.cases.scripted.expected import ActsAs, Expected, Raises, Stores, Wanted
from conformance.cases.scripted.script import LAYER, Line, Script
from conformance.model import steps
from conformance.model.codec import Value
from conformance.model.named import literal

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
_Pair: TypeAlias = tuple[_Fate, _Fate]


def _script(
    clause: str, argument: str, value: Value, fate: Expected[_Fate], others: Mapping[str, Value]
) -> Script:
    given = {**LAYER, **others}

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
        constructor=fate.each(refused_at_once),
        lines=(
            Line(steps.Read(argument), fate.each(attribute)),
            Line(steps.Call(INPUTS), fate.each(outcome)),
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


def _scripts() -> tuple[Script, ...]:
    rows: list[Script] = []

    def add(
        clause: str,
        argument: str,
        value: Value,
        fate: _Fate,
        graph: _Fate | None = None,
        others: Mapping[str, Value] | None = None,
        of_the_page: _Pair | None = None,
        beside_keras_3: _Pair | None = None,
    ) -> None:
        expected = Expected[_Fate](
            fate, graph or fate, of_the_page=of_the_page, beside_keras_3=beside_keras_3
        )
        rows.append(_script(clause, argument, value, expected, others or {}))

    def all_of(
        clause: str,
        argument: str,
        values: tuple[Value, ...],
        fate: _Fate,
        graph: _Fate | None = None,
        **more: Any,
    ) -> None:
        for value in values:
            add(clause, argument, value, fate, graph, **more)

    # ARG-02: filters
    integers = ("np.int32(3)", "np.int64(3)", "np.uint8(3)", "np.array(3)")
    all_of("ARG-02", "filters", (3, *map(_L, integers)), _Taken(3, 3))
    all_of("ARG-02", "filters", (3.0, 3.7, _L("np.float64(3.7)")), _Taken(3, 3))
    nothing = _ctor(_VALUE, "Expected a strictly positive value")
    all_of("ARG-02", "filters", (0, -1, 0.5, False, -2.5), nothing)
    all_of("ARG-02", "filters", ("3", _L("[3]"), [3]), _ctor(_TYPE, "'<=' not supported"))
    dimension = _call(_TYPE, "Dimension value must be integer")
    add(
        "ARG-02",
        "filters",
        None,
        _call(_VALUE, "The initializer passed is not valid"),
        others={"kernel_initializer": None},
    )
    add("ARG-02", "filters", _L("np.float32(3)"), dimension)
    add("ARG-02", "filters", True, _Taken(1), beside_keras_3=(_call(_TYPE), _call(_TYPE)))

    # ARG-03: kernel_size
    pair, one = _Taken([2, 3], [2, 3]), _Taken(2, [2, 2])
    all_of(
        "ARG-03",
        "kernel_size",
        (
            [2, 3],
            *map(
                _L,
                (
                    "[2, 3]",
                    "np.array([2, 3])",
                    "range(2, 4)",
                    "{2, 3}",
                    "(n for n in (2, 3))",
                    "(np.int64(2), np.int64(3))",
                    "tf.TensorShape([2, 3])",
                ),
            ),
        ),
        pair,
    )
    add("ARG-03", "kernel_size", 2, one)
    two = "argument must be a tuple of 2 integers"
    wrong = (2.5, 2.0, None, [2], [2, 3, 4], _L("np.int64(2)"), _L("[]"), [2, None], "3")
    all_of("ARG-03", "kernel_size", wrong, _ctor(_VALUE, two))
    all_of(
        "ARG-03",
        "kernel_size",
        (0, -1, [2, 0], [-1, 2], False),
        _ctor(_VALUE, "does not satisfy the requirement `> 0`"),
    )
    all_of("ARG-03", "kernel_size", (["2", "3"], "33"), _ctor(_TYPE, "'<=' not supported"))
    all_of("ARG-03", "kernel_size", ([3.0, 2.0], [2.5, 3]), dimension)
    add(
        "ARG-03",
        "kernel_size",
        True,
        _call(_VALUE),
        _Taken([1, 1]),
        beside_keras_3=(_call(_VALUE), _call(_TYPE)),
    )

    # ARG-04: strides
    all_of(
        "ARG-04",
        "strides",
        (
            [2, 3],
            *map(
                _L,
                (
                    "[2, 3]",
                    "np.array([2, 3])",
                    "range(2, 4)",
                    "{2, 3}",
                    "(n for n in (2, 3))",
                    "(np.int64(2), np.int64(3))",
                ),
            ),
        ),
        pair,
    )
    add("ARG-04", "strides", 2, one)
    add("ARG-04", "strides", True, _Taken([1, 1]))
    all_of("ARG-04", "strides", (*wrong[:-1], [1, 2, 2, 1], "2"), _ctor(_VALUE, two))
    all_of("ARG-04", "strides", (0, [2, 0], False), _ctor(_VALUE, "cannot contains 0(s)"))
    all_of("ARG-04", "strides", (-1, [-1, 2]), _ctor(_VALUE, "requirement `>= 0`"))
    all_of(
        "ARG-04",
        "strides",
        ([2.0, 2.0], [1.5, 2]),
        _call(_TYPE, "Cannot convert"),
        _call(_TYPE, "Tensors in list passed to 'values'"),
    )

    # ARG-05: padding
    all_of("ARG-05", "padding", ("same", "SAME", "Same", "sAmE"), _Taken("same", "same"))
    all_of("ARG-05", "padding", ("valid", "VALID", "Valid"), _Taken("valid", "valid"))
    unknown = _ctor(_VALUE, 'must be a list/tuple or one of "valid", "same"')
    all_of("ARG-05", "padding", ("full", "", " same", "same ", _L("b'valid'")), unknown)
    all_of(
        "ARG-05",
        "padding",
        ("causal", "CAUSAL"),
        _ctor(_VALUE, "Causal padding is only supported for"),
    )
    all_of(
        "ARG-05", "padding", (None, 1, True), _ctor("AttributeError", "has no attribute 'lower'")
    )
    add("ARG-05", "padding", _L("['same']"), _call(_TYPE, "unhashable type: 'list'"))
    add("ARG-05", "padding", ["same"], _call("AssertionError"))

    # ARG-06: data_format
    last, first = _Taken("channels_last", "channels_last"), "channels_first"
    all_of("ARG-06", "data_format", ("channels_last", "CHANNELS_LAST", "Channels_Last", None), last)
    all_of(
        "ARG-06", "data_format", (first, "CHANNELS_FIRST", "Channels_first"), _Taken(first, first)
    )
    strange = ("NHWC", "NCHW", "", "channels", _L("b'channels_last'"))
    all_of(
        "ARG-06",
        "data_format",
        strange,
        _ctor(_VALUE, 'must be one of "channels_first", "channels_last"'),
    )
    all_of(
        "ARG-06", "data_format", (1, _L("[]")), _ctor("AttributeError", "has no attribute 'lower'")
    )

    # ARG-07: activation
    add("ARG-07", "activation", None, _Taken())
    relu = _Taken("relu")
    all_of(
        "ARG-07",
        "activation",
        ("relu", {"class_name": "ReLU", "config": {}}, _L("tf.keras.layers.ReLU()")),
        relu,
    )
    add("ARG-07", "activation", {"function": "triple"}, _Taken({"function": "triple"}))
    all_of(
        "ARG-07",
        "activation",
        ("RELU", "Relu", "nothing", "re lu"),
        _ctor(_VALUE, "Unknown activation function"),
    )
    all_of(
        "ARG-07",
        "activation",
        (5, _L("['relu']"), 2.5),
        _ctor(_TYPE, "Could not interpret activation function identifier"),
    )

    # ARG-08: use_bias
    biased = {"bias_initializer": {"function": "count up"}}
    for truth in (True, "no", 2.5, 1):
        add("ARG-08", "use_bias", truth, _Taken(True), others=biased)
    for falsehood in (False, "", 0, None, _L("[]")):
        add("ARG-08", "use_bias", falsehood, _Taken(False), others=biased)

    # ARG-09: trainable
    all_of("ARG-09", "trainable", (True, False), _Taken(True))
    not_bool = _ctor(_TYPE, "Expected `trainable` argument to be a boolean")
    all_of("ARG-09", "trainable", (0, 1, None, "no", 2.5), not_bool, _Taken(True))

    # ARG-10: name
    all_of("ARG-10", "name", ("foo", "a/b", "1x", "a-b", "n" * 300), _Taken())
    all_of(
        "ARG-10",
        "name",
        ("_x", "a b", "a:b", "fål"),
        _Taken(),
        _call(_VALUE, "is not a valid"),
    )
    all_of("ARG-10", "name", (3, _L("b'name'")), _call(_VALUE), _call(_TYPE))

    # ARG-11: keywords beyond the page
    understood = {
        "dilation_rate": [1, 1],
        "output_padding": None,
        "groups": 1,
        "dtype": "float32",
        "dynamic": False,
        "autocast": False,
        "weights": None,
        "input_shape": [4, 5, 2],
        "batch_input_shape": [None, 4, 5, 2],
        "batch_size": 7,
        "input_dim": 9,
        "implementation": 1,
        "_scope": "s",
        "_reuse": None,
    }
    for name, given in understood.items():
        add("ARG-11", name, given, _Taken())
    for name in ("reuse", "scope", "dilations", "layout", "jit_compile", "foo", "kernels_size"):
        add("ARG-11", name, None, _ctor(_TYPE, "Keyword argument not understood"))
    add("ARG-11", "rank", 2, _ctor(_TYPE, "multiple values for"))

    # ARG-12: dilation_rate
    all_of("ARG-12", "dilation_rate", (2, [2, 2], _L("[2, 2]")), _Taken([2, 2], [2, 2]))
    add("ARG-12", "dilation_rate", 1, _Taken(1, [1, 1]))
    all_of(
        "ARG-12",
        "dilation_rate",
        ([2, 3], [1, 2]),
        _call(_VALUE, "2 dimensions of the `dilation_rate`"),
    )
    all_of(
        "ARG-12",
        "dilation_rate",
        (0, -1, 2.0, None, [2], [2, 2, 2], _L("np.int64(2)")),
        _ctor(_VALUE, "`dilation_rate` argument must be a tuple"),
    )
    add("ARG-12", "dilation_rate", [2.0, 2.0], _call(_TYPE))

    # ARG-13: dilation and stride
    together = _ctor(_VALUE, "not supported in conjunction")
    late = (
        _call("InvalidArgumentError"),
        Raises("ValueError|InvalidArgumentError", moment="call|run"),
    )
    add("ARG-13", "dilation_rate", 2, together, others={"strides": 2}, of_the_page=late)
    add(
        "ARG-13",
        "dilation_rate",
        2,
        together,
        others={"strides": [1, 2], "padding": "same"},
        of_the_page=late,
    )

    # ARG-14: output_padding
    strided = {"strides": [2, 3]}
    for extra in (None, 0, 1, [0, 2], [1, 1], [1, 0]):
        pair_of = [extra, extra] if isinstance(extra, int) else extra
        add("ARG-14", "output_padding", extra, _Taken(extra, pair_of), others=strided)
    add("ARG-14", "output_padding", True, _Taken(1), others=strided)
    all_of(
        "ARG-14",
        "output_padding",
        (2, [1, 3], 5, [2, 0]),
        _ctor(_VALUE, "must be greater than output padding"),
        others=strided,
    )
    all_of(
        "ARG-14",
        "output_padding",
        (0.5, -1, [1], [1, 1, 1], _L("np.int64(2)"), [-1, 0]),
        _ctor(_VALUE, "`output_padding` argument must be a tuple"),
        others=strided,
    )
    add("ARG-14", "output_padding", [0.5, 1], _call(_TYPE), others=strided)
    add(
        "ARG-14",
        "output_padding",
        0,
        _call("InvalidArgumentError", "doesn't match computed"),
        _run("InvalidArgumentError", "doesn't match computed"),
        others={"strides": 2, "padding": "same"},
    )

    # ARG-15: groups
    for groups in (1, 3, 0, None, -1, 3.0):
        add("ARG-15", "groups", groups, _Taken(None, groups or 1))
    all_of("ARG-15", "groups", (2, 4), _ctor(_VALUE, "evenly divisible by the number of groups"))
    add("ARG-15", "groups", "2", _ctor(_TYPE))
    return tuple(rows)


SCRIPTS = _scripts()
