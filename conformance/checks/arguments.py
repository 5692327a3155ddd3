"""ARG: which forms the constructor takes and as what, which it refuses, when and how."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from conformance.cases.scripted.argument_forms import BY_CASE, Accepted, Refused
from conformance.checks.registry import Traits, View, check, expect_error
from conformance.model.case import Call, Case, Read
from conformance.model.codec import Value
from conformance.oracle.comparison import Mismatch, compare_numbers
from conformance.oracle.expectation import Expectation


def _of(clause: str) -> Callable[[Case, Traits], bool]:
    return lambda case, _: case.id in BY_CASE and BY_CASE[case.id].clause == clause


def _judge_form(view: View) -> Mismatch | None:
    form = BY_CASE[view.case.id]
    fate = form.fate_in(graph=view.traits.graph, release=view.traits.release)
    index, _ = view.first(Call)
    if isinstance(fate, Refused):
        return _refused(view, fate, index)
    return _attribute(view, form.argument, fate) or _behaviour(view, form.argument, fate, index)


def _refused(view: View, fate: Refused, call: int) -> Mismatch | None:
    if fate.moment == "construct":
        return expect_error(view, None, fate.error, fragment=fate.fragment)
    moments = tuple(fate.moment.split("|"))
    return expect_error(view, call, *fate.error.split("|"), fragment=fate.fragment, moments=moments)


def _attribute(view: View, name: str, fate: Accepted) -> Mismatch | None:
    if not fate.is_stored:
        return None
    index, _ = view.first(Read)
    got = plain_number(view.value(index))
    if got != fate.stored:
        wanted = fate.stored
        return Mismatch(
            f"the attribute {name} should be {wanted!r}, is {got!r}", wanted, got, index
        )
    return None


def plain_number(value: Value) -> Value:
    """Return a value with NumPy numbers, in any depth of lists, as Python's."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [plain_number(item) for item in value] if isinstance(value, list) else value


def _behaviour(view: View, name: str, fate: Accepted, index: int) -> Mismatch | None:
    arguments = dict(view.case.arguments)
    arguments[name] = fate.acts_as
    if fate.acts_as is None or not isinstance(fate.acts_as, (bool, int, str, list, dict)):
        del arguments[name]
    wanted = Expectation(attrs.evolve(view.case, arguments=arguments)).value(index)
    return compare_numbers(view.value(index), wanted, np.zeros(wanted.shape), step=index)


@check("ARG-02", "argument forms", when=_of("ARG-02"))
def check_forms_of_filters(view: View) -> Mismatch | None:
    """Integers; a Python float is truncated; nothing below 1."""
    return _judge_form(view)


@check("ARG-03", "argument forms", when=_of("ARG-03"))
def check_forms_of_kernel_size(view: View) -> Mismatch | None:
    """An int, or anything of two ints."""
    return _judge_form(view)


@check("ARG-04", "argument forms", when=_of("ARG-04"))
def check_forms_of_strides(view: View) -> Mismatch | None:
    """An int, or anything of two ints."""
    return _judge_form(view)


@check("ARG-05", "argument forms", when=_of("ARG-05"))
def check_forms_of_padding(view: View) -> Mismatch | None:
    """valid or same, in any case."""
    return _judge_form(view)


@check("ARG-06", "argument forms", when=_of("ARG-06"))
def check_forms_of_data_format(view: View) -> Mismatch | None:
    """channels_last or channels_first, in any case, or None."""
    return _judge_form(view)


@check("ARG-07", "argument forms", when=_of("ARG-07"))
def check_forms_of_activation(view: View) -> Mismatch | None:
    """None, a name, a configuration, a layer, a callable."""
    return _judge_form(view)


@check("ARG-08", "argument forms", when=_of("ARG-08"))
def check_forms_of_use_bias(view: View) -> Mismatch | None:
    """Whatever is true or false."""
    return _judge_form(view)


@check("ARG-09", "argument forms", when=_of("ARG-09"))
def check_forms_of_trainable(view: View) -> Mismatch | None:
    """Eager: True or False only; graph: anything."""
    return _judge_form(view)


@check("ARG-10", "argument forms", when=_of("ARG-10"))
def check_forms_of_name(view: View) -> Mismatch | None:
    """Eager: any string; graph: one that is a valid scope."""
    return _judge_form(view)


@check("ARG-11", "argument forms", when=_of("ARG-11"))
def check_keywords_beyond_the_page(view: View) -> Mismatch | None:
    """Those of the base classes are taken, others are a TypeError."""
    return _judge_form(view)


@check("ARG-12", "argument forms", when=_of("ARG-12"))
def check_forms_of_dilation_rate(view: View) -> Mismatch | None:
    """An int, or two equal ones."""
    return _judge_form(view)


@check("ARG-13", "argument forms", when=_of("ARG-13"))
def check_dilation_excludes_strides(view: View) -> Mismatch | None:
    """Refused: in the constructor since 2.15, at the call in 2.9."""
    return _judge_form(view)


@check("ARG-14", "argument forms", when=_of("ARG-14"))
def check_forms_of_output_padding(view: View) -> Mismatch | None:
    """An int or two, below the stride."""
    return _judge_form(view)


@check("ARG-15", "argument forms", when=_of("ARG-15"))
def check_groups_have_no_effect(view: View) -> Mismatch | None:
    """Stored, must divide filters, and changes nothing."""
    return _judge_form(view)
