"""Forms of constructor arguments: what is accepted and as what, what is refused, when and how.

Each row of `FORMS` is data: a value of one argument and what becomes of it in eager and in graph mode.
A row is a case of its own, so that a finding is as small as it can be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from conformance.cases.drawn.data import small_integers
from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.codec import Value
from conformance.model.literals import literal

#: The layer that a form is tried on. Its kernel counts up, so every output tells its geometry.
BASE: Mapping[str, Value] = {
    "filters": 3,
    "kernel_size": [2, 3],
    "kernel_initializer": {"function": "count up"},
}
INPUTS = small_integers((2, 4, 5, 2), 2)
_MISSING = object()


@attrs.frozen
class Accepted:
    """Taken. The layer then does what it does with `acts_as`; the attribute reads `stored`."""

    acts_as: Value
    stored: Value = _MISSING

    @property
    def is_stored(self) -> bool:
        """Whether there is something to say about the attribute."""
        return self.stored is not _MISSING


@attrs.frozen
class Refused:
    """An exception, at `construct`, `call` or (graph mode) `run`."""

    error: str
    moment: str
    fragment: str = ""


Fate: TypeAlias = Accepted | Refused


@attrs.frozen(kw_only=True)
class Form:
    """A value of an argument and its fate.

    Args:
        clause: the clause it belongs to.
        argument: the argument's name.
        value: its value as a case holds it.
        fate: what TensorFlow does, in eager mode unless `graph` differs.
        graph: the same in graph mode.
        new: in the releases from 2.16 on, where they differ: eager and graph mode.
        old: in the releases before 2.10, where they differ: eager and graph mode.
        others: further arguments.
    """

    clause: str
    argument: str
    value: Value
    fate: Fate
    graph: Fate
    new: tuple[Fate, Fate] | None = None
    old: tuple[Fate, Fate] | None = None
    others: Mapping[str, Value] = attrs.field(factory=dict)

    def fate_in(self, *, graph: bool, release: tuple[int, int]) -> Fate:
        """Return what becomes of the value in a mode of a release."""
        fates = (self.fate, self.graph)
        if self.new is not None and release >= (2, 16):
            fates = self.new
        if self.old is not None and release < (2, 10):
            fates = self.old
        return fates[1 if graph else 0]

    def case(self) -> Case:
        """Return the case that tries the form."""
        arguments = {**BASE, **self.others, self.argument: self.value}
        return Case("argument forms", arguments, (steps.Read(self.argument), steps.Call(INPUTS)))


def _ctor(error: str, fragment: str = "") -> Refused:
    return Refused(error, "construct", fragment)


def _call(error: str, fragment: str = "") -> Refused:
    return Refused(error, "call", fragment)


def _run(error: str, fragment: str = "") -> Refused:
    return Refused(error, "run", fragment)


_L = literal
_TYPE, _VALUE = "TypeError", "ValueError"


def _forms() -> tuple[Form, ...]:
    rows: list[Form] = []

    def add(
        clause: str, argument: str, value: Value, fate: Fate, graph: Fate | None = None, **more: Any
    ) -> None:
        rows.append(
            Form(
                clause=clause,
                argument=argument,
                value=value,
                fate=fate,
                graph=graph or fate,
                **more,
            )
        )

    def all_of(
        clause: str,
        argument: str,
        values: tuple[Value, ...],
        fate: Fate,
        graph: Fate | None = None,
        **more: Any,
    ) -> None:
        for value in values:
            add(clause, argument, value, fate, graph, **more)

    # ARG-02: filters
    integers = ("np.int32(3)", "np.int64(3)", "np.uint8(3)", "np.array(3)")
    all_of("ARG-02", "filters", (3, *map(_L, integers)), Accepted(3, 3))
    all_of("ARG-02", "filters", (3.0, 3.7, _L("np.float64(3.7)")), Accepted(3, 3))
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
    add("ARG-02", "filters", True, Accepted(1), new=(_call(_TYPE), _call(_TYPE)))

    # ARG-03: kernel_size
    pair, one = Accepted([2, 3], [2, 3]), Accepted(2, [2, 2])
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
        Accepted([1, 1]),
        new=(_call(_VALUE), _call(_TYPE)),
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
    add("ARG-04", "strides", True, Accepted([1, 1]))
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
    all_of("ARG-05", "padding", ("same", "SAME", "Same", "sAmE"), Accepted("same", "same"))
    all_of("ARG-05", "padding", ("valid", "VALID", "Valid"), Accepted("valid", "valid"))
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
    last, first = Accepted("channels_last", "channels_last"), "channels_first"
    all_of("ARG-06", "data_format", ("channels_last", "CHANNELS_LAST", "Channels_Last", None), last)
    all_of(
        "ARG-06", "data_format", (first, "CHANNELS_FIRST", "Channels_first"), Accepted(first, first)
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
    add("ARG-07", "activation", None, Accepted(None))
    relu = Accepted("relu")
    all_of(
        "ARG-07",
        "activation",
        ("relu", {"class_name": "ReLU", "config": {}}, _L("tf.keras.layers.ReLU()")),
        relu,
    )
    add("ARG-07", "activation", {"function": "triple"}, Accepted({"function": "triple"}))
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
        add("ARG-08", "use_bias", truth, Accepted(True), others=biased)
    for falsehood in (False, "", 0, None, _L("[]")):
        add("ARG-08", "use_bias", falsehood, Accepted(False), others=biased)

    # ARG-09: trainable
    all_of("ARG-09", "trainable", (True, False), Accepted(True))
    not_bool = _ctor(_TYPE, "Expected `trainable` argument to be a boolean")
    all_of("ARG-09", "trainable", (0, 1, None, "no", 2.5), not_bool, Accepted(True))

    # ARG-10: name
    all_of("ARG-10", "name", ("foo", "a/b", "1x", "a-b", "n" * 300), Accepted(None))
    all_of(
        "ARG-10",
        "name",
        ("_x", "a b", "a:b", "fål"),
        Accepted(None),
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
        add("ARG-11", name, given, Accepted(_MISSING))
    for name in ("reuse", "scope", "dilations", "layout", "jit_compile", "foo", "kernels_size"):
        add("ARG-11", name, None, _ctor(_TYPE, "Keyword argument not understood"))
    add("ARG-11", "rank", 2, _ctor(_TYPE, "multiple values for"))

    # ARG-12: dilation_rate
    all_of("ARG-12", "dilation_rate", (2, [2, 2], _L("[2, 2]")), Accepted([2, 2], [2, 2]))
    add("ARG-12", "dilation_rate", 1, Accepted(1, [1, 1]))
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
    old = (_call("InvalidArgumentError"), Refused("ValueError|InvalidArgumentError", "call|run"))
    add("ARG-13", "dilation_rate", 2, together, others={"strides": 2}, old=old)
    add(
        "ARG-13",
        "dilation_rate",
        2,
        together,
        others={"strides": [1, 2], "padding": "same"},
        old=old,
    )

    # ARG-14: output_padding
    strided = {"strides": [2, 3]}
    for extra in (None, 0, 1, [0, 2], [1, 1], [1, 0]):
        pair_of = [extra, extra] if isinstance(extra, int) else extra
        add("ARG-14", "output_padding", extra, Accepted(extra, pair_of), others=strided)
    add("ARG-14", "output_padding", True, Accepted(1), others=strided)
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
        add("ARG-15", "groups", groups, Accepted(_MISSING, groups or 1))
    all_of("ARG-15", "groups", (2, 4), _ctor(_VALUE, "evenly divisible by the number of groups"))
    add("ARG-15", "groups", "2", _ctor(_TYPE))
    return tuple(rows)


#: The forms, in the page's order.
FORMS = _forms()


def argument_form_cases() -> tuple[Case, ...]:
    """Return one case for each form."""
    return tuple(form.case() for form in FORMS)


#: The form that a case tries, by the case's id.
BY_CASE: Mapping[str, Form] = {form.case().id: form for form in FORMS}
