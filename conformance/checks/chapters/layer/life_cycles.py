"""LIFE: whatever happens in a layer's life, each step gives what the reference gives after the same steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.cases.scripted.expected import Raises
from conformance.checks.check import check
from conformance.checks.refusals import expect_error
from conformance.checks.view import Misbehaved, NotSupported, NotTried, View
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.steps import (
    Build,
    Call,
    ComputeOutputShape,
    ConvolutionOp,
    Invoke,
    Losses,
    SetWeights,
    Step,
    Train,
)
from conformance.model.traits import Traits
from conformance.model.values.codec import Value
from conformance.oracle.comparison import (
    Mismatch,
    compare_each,
    compare_exactly,
    compare_numbers,
    describe,
)


def _refused_at(view: View, index: int) -> bool:
    return view.expectation.observation.outcomes[index].error is not None


def _taken_at(view: View, index: int) -> bool:
    try:
        return view.outcome(index).error is None
    except (NotSupported, NotTried, Misbehaved):
        return False


def _each(view: View, *kinds: type) -> Iterator[int]:
    for index, step in enumerate(view.case.steps):
        if _refused_at(view, index):
            if isinstance(step, (Call, SetWeights)) and _taken_at(view, index):
                return  # that is LIFE-04's matter, and what follows is another life
        elif isinstance(step, kinds):
            yield index


def _same(view: View, index: int) -> Mismatch | None:
    got, wanted = _value(view, index), view.expectation.value(index)

    def equal(one: Value, target: Value) -> Mismatch | None:
        if not isinstance(target, np.ndarray):
            if one == target:
                return None
            return Mismatch(f"should be {target}, is {describe(one)}", wanted, got, index)
        array = np.asarray(one) if isinstance(one, (int, float)) else one
        # Integers, halves and quarters: exact in float32.
        return compare_numbers(array, target, np.zeros(target.shape), step=index)

    return compare_each(got, wanted, index, equal)


def _value(view: View, index: int) -> Value:
    # Not `view.value`: a refused step before this one is part of the life.
    outcome = view.outcome(index)
    if outcome.error is not None:
        return f"an exception: {outcome.error}"
    return outcome.value


def _first(view: View, *kinds: type, after: int = -1) -> Mismatch | None:
    for index in _each(view, *kinds):
        mismatch = _same(view, index) if index > after else None
        if mismatch is not None:
            return mismatch
    return None


def _has(case: Case, kind: type[Step]) -> bool:
    return any(isinstance(step, kind) for step in case.steps)


@check("LIFE-01", "life cycles", when=lambda case, _: _has(case, Call))
def check_every_call_is_right_whatever_came_before(view: View) -> Mismatch | None:
    """Outputs and inferred shapes."""
    return _first(view, Call, ComputeOutputShape)


@check("LIFE-02", "life cycles")
def check_weights_follow_the_steps(view: View) -> Mismatch | None:
    """Weights after building, setting, training, and none before."""
    return _first(view, Invoke, Train)


@check("LIFE-03", "life cycles")
def check_losses_follow_the_weights(view: View) -> Mismatch | None:
    """Losses are those of the weights as they are."""
    return _first(view, Losses)


@check("LIFE-03", "handed over", when=lambda case, t: _has(case, Losses) and not t.graph)
def check_losses_have_the_penalties_given(view: View) -> Mismatch | None:
    """Penalties are what the constructor was told."""
    return _first(view, Losses)


@check("METH-04", "handed over", when=lambda case, _: _has(case, ConvolutionOp))
def check_a_forward_convolution_has_the_kernel_given(view: View) -> Mismatch | None:
    """`convolution_op` computes with the kernel that it is given, whatever it was given before."""
    for index, _ in view.steps(ConvolutionOp):
        mismatch = compare_exactly(view.value(index), view.expectation.value(index), index)
        if mismatch is not None:
            return mismatch
    return None


def _compare_called(view: View, number: int) -> Mismatch | None:
    index, _ = list(view.steps(Call))[number]
    return compare_exactly(view.value(index), view.expectation.value(index), index)


@check("ARG-17", "handed over", when=lambda case, t: "weights" in case.arguments and not t.graph)
def check_the_first_call_has_the_weights_given(view: View) -> Mismatch | None:
    """The first call computes with the arrays of `weights=`."""
    return _compare_called(view, 0)


@check("INIT-05", "handed over", when=lambda case, _: "weights" not in case.arguments)
def check_the_first_call_has_what_the_initializer_gave(view: View) -> Mismatch | None:
    """The first call computes with what the initializer gave."""
    return _compare_called(view, 0)


@check("LIFE-01", "handed over")
def check_a_call_has_the_weights_trained_or_assigned(view: View) -> Mismatch | None:
    """Later calls compute with what a step of training made of the weights, and with what was assigned."""
    # Graph mode has other weights until some are assigned (ARG-17).
    is_told = "weights" in view.case.arguments and not view.traits.graph
    return (_compare_called(view, 1) if is_told else None) or _compare_called(view, -1)


def _has_refusal(case: Case, _: Traits) -> bool:
    """Tell whether a step has a weight too many or few, or other channels than another."""
    geometry = Geometry.of(case.arguments)
    weights = {len(step.values) for step in case.steps if isinstance(step, SetWeights)}
    shapes = [step.input_shape for step in case.steps if isinstance(step, Build)]
    shapes += [step.inputs.shape for step in case.steps if isinstance(step, Call)]
    channels = {shape[geometry.channel_axis] for shape in shapes}
    return len(channels) > 1 or bool(weights - {1 + geometry.use_bias})


@check("LIFE-04", "life cycles", when=_has_refusal)
def check_refused_steps_leave_the_layer_as_it_was(view: View) -> Mismatch | None:
    """A refusal is a ValueError, and what follows is what follows without it."""
    for index, step in enumerate(view.case.steps):
        if isinstance(step, (Call, SetWeights)) and _refused_at(view, index):
            mismatch = expect_error(view, index, Raises("ValueError"))
            if mismatch is not None:
                return mismatch
    after = max((i for i in range(len(view.case.steps)) if _refused_at(view, i)), default=-1)
    return _first(view, Call, Invoke, Losses, Train, after=after)
