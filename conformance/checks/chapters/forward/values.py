"""VAL and BIAS: every number of the output, and that a call has no side effects."""

from __future__ import annotations

import contextlib

import numpy as np

from conformance.checks.applicability import runs_here
from conformance.checks.check import check
from conformance.checks.view import NotSupported, View
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.steps import (
    Call,
    ComputeOutputShape,
    ConvolutionOp,
    GetWeights,
    Gradients,
    SetWeights,
    Step,
    Train,
)
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch


def compare_call(view: View, number: int = 0) -> Mismatch | None:
    """Compare the numbers of call `number` of a layer without activation with the oracle's."""
    index, _ = list(view.steps(Call))[number]
    expected = view.expectation.linear_output(index)
    return expected.compare(view.value(index), step=index)


def linear(case: Case, traits: Traits) -> bool:
    """Hold for a case that asks for the output of a layer without activation."""
    called = any(isinstance(step, Call) for step in case.steps)
    return called and runs_here(case, traits) and case.argument("activation") is None


@check("VAL-01", "geometry", "numbers", "sizes", "pairs", when=linear)
def check_every_product_lands_where_the_definition_says(view: View) -> Mismatch | None:
    """Y = bias + sum of x * w with p = i*s + a*d - before, the kernel not flipped."""
    return compare_call(view)


@check("VAL-02", "repeats")
def check_a_call_does_not_depend_on_earlier_calls(view: View) -> Mismatch | None:
    """The same input after a call of another shape: the same bits; and the other call is right."""
    first, second = [list(view.steps(Call))[n][0] for n in (0, 2)]
    before, after = view.bits(first), view.bits(second)
    if not (isinstance(before, np.ndarray) and isinstance(after, np.ndarray)):
        return Mismatch("the output should be an array", None, after, second)
    if before.shape != after.shape or before.tobytes() != after.tobytes():
        return Mismatch(
            "the same input gave other bits after a call of another shape", before, after, second
        )
    return compare_call(view, 0) or compare_call(view, 1)


@check(
    "VAL-03",
    "geometry",
    "numbers",
    "pairs",
    "activations",
    "gradients",
    "activation gradients",
    "special gradients",
    "losses",
    "constraints",
    "handed over",
    when=runs_here,
)
def check_arguments_are_left_alone(view: View) -> Mismatch | None:
    """No step changes what it is given, nor the weights where it only reads them."""
    judged: tuple[type[Step], ...] = (Call, Gradients)
    for kind in judged:
        for index, _ in view.steps(kind):
            view.value(index)
            if view.outcome(index).modified is None:
                raise NotSupported("does not say which of its arguments a step has changed")
    for kind in (*judged, SetWeights, ConvolutionOp, Train, ComputeOutputShape):
        for index, _ in view.steps(kind):
            with contextlib.suppress(NotSupported):
                damaged = view.outcome(index).modified
                if damaged:
                    return Mismatch(
                        f"changed its {', '.join(damaged)} in place", [], list(damaged), index
                    )
    return None


@check("VAL-03", "round trips", "regularizer forms", "constraint forms", "orthogonal")
def check_configurations_are_left_alone(view: View) -> Mismatch | None:
    """The constructor writes into no dictionary that it is given."""
    damaged = view.outcome(None).modified
    if damaged is None:
        raise NotSupported("does not say which of its arguments the constructor has changed")
    if damaged:
        text = f"the constructor changed what it was given for {', '.join(damaged)} in place"
        return Mismatch(text, [], list(damaged), None)
    return None


def _biased(case: Case, traits: Traits) -> bool:
    return linear(case, traits) and Geometry.of(case.arguments).use_bias


@check("BIAS-01", "geometry", "sizes", when=_biased)
def check_bias_is_added_once_everywhere(view: View) -> Mismatch | None:
    """Each filter's own bias, once, in every position, on the channel axis of the format."""
    return compare_call(view)


@check("BIAS-02", "geometry", when=lambda case, _: not Geometry.of(case.arguments).use_bias)
def check_no_bias_without_use_bias(view: View) -> Mismatch | None:
    """use_bias=False: the kernel is the only weight and nothing is added."""
    index, _ = view.first(GetWeights)
    weights = view.value(index)
    if not isinstance(weights, list) or len(weights) != 1:
        count = len(weights) if isinstance(weights, list) else 0
        return Mismatch(f"there should be one weight, there are {count}", 1, count, index)
    return compare_call(view)


@check("DTYPE-06", "repeats")
def check_splitting_a_batch_stays_in_the_bound(view: View) -> Mismatch | None:
    """The images of a batch, called in two parts, are both within the bound of the exact result."""
    return compare_call(view, 3) or compare_call(view, 4)
