"""ACT: what the activation sees, and what becomes of its result."""

from __future__ import annotations

import numpy as np

from conformance.cases.scripted.expected import Raises
from conformance.checks.applicability import runs_here
from conformance.checks.check import check
from conformance.checks.refusals import expect_error
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.steps import Call, Losses
from conformance.model.traits import Traits
from conformance.oracle.activations import value_error
from conformance.oracle.comparison import Mismatch, compare_exactly, compare_numbers, describe


def _activated(case: Case, traits: Traits) -> bool:
    return runs_here(case, traits) and case.argument("activation") is not None


@check("ACT-01", "activations", "sizes", "pairs", when=_activated)
def check_activation_follows_the_bias(view: View) -> Mismatch | None:
    """Y = activation(conv + bias)."""
    index, call = view.first(Call)
    name = view.case.argument("activation")
    name = name["function"] if isinstance(name, dict) else name
    wanted = view.expectation.value(index)
    linear = view.expectation.linear_output(index)
    allowed = value_error(name, linear.values, wanted, call.inputs.dtype.name)
    return compare_numbers(
        view.value(index), wanted, allowed, step=index, normwise=linear.carried(name)
    )


@check("ACT-02", "activation results")
def check_activation_result_is_returned_as_it_is(view: View) -> Mismatch | None:
    """Scalar, slice, tuple or None: returned unchanged; graph mode refuses None and NumPy."""
    index, _ = view.first(Call)
    name = view.case.arguments["activation"]["function"]
    if view.traits.graph and name == "nothing":
        return expect_error(view, index, Raises("ValueError"))
    if view.traits.graph and name == "numpy triple":
        return expect_error(view, index, Raises("NotImplementedError"))
    got, wanted = view.value(index), view.expectation.value(index)
    if wanted is None:
        text = f"should be None, is {describe(got)}"
        return None if got is None else Mismatch(text, None, got, index)
    return compare_exactly(got, wanted, index)


@check(
    "ACT-03",
    "losses",
    when=lambda case, _: (
        case.argument("activation") is not None and "activity_regularizer" in case.arguments
    ),
)
def check_activity_regularizer_sees_the_activated_output(view: View) -> Mismatch | None:
    """The activity loss is that of the output after the activation."""
    index, _ = view.first(Losses)
    wanted, got = view.expectation.value(index)[0], view.value(index)
    if not isinstance(got, list) or not got:
        return Mismatch("losses should hold the activity loss", [wanted], got, index)
    allowed = np.abs(np.asarray(wanted)) * 2.0**-20
    found = np.asarray(got[0]) if isinstance(got[0], (int, float)) else got[0]
    return compare_numbers(found, np.asarray(wanted), allowed, step=index, what="activity loss")
