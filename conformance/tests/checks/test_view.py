"""What a check sees of an answer, and that nothing is judged after a step that did not happen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks import Misbehaved, NotSupported, NotTried, Traits, View
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.steps import Build, Call, Construct, GetWeights, Invoke, SetWeights, Step
from conformance.oracle.expectation import Expectation

TENSORFLOW = Traits(tensorflow=True)
WEIGHTS = (np.zeros((2, 2, 3, 1), np.float32), np.zeros(3, np.float32))
CASE = Case(
    "geometry",
    {"filters": 3, "kernel_size": 2},
    (
        Build((1, 4, 4, 1)),
        SetWeights(WEIGHTS),
        GetWeights(),
        Call(np.zeros((1, 4, 4, 1), np.float32)),
    ),
)
REFUSED = Outcome(error=Error(("ValueError", "Exception"), "no such thing", "call"))


def _view(*outcomes: Outcome, traits: Traits = TENSORFLOW, **more: object) -> View:
    observation = Observation(outcomes=outcomes, **more)  # type: ignore[arg-type]
    return View(CASE, observation, Expectation(CASE), traits)


def _good(count: int) -> tuple[Outcome, ...]:
    return tuple(Outcome(value=number) for number in range(count))


def test_the_value_of_a_step_is_what_it_gave() -> None:
    assert _view(*_good(4)).value(3) == 3


def test_what_was_asked_for_is_noted() -> None:
    view = _view(*_good(4))
    view.outcome(2)
    view.outcome(None)
    assert view.asked == {2, None}


def test_a_case_that_was_not_run_gives_nothing() -> None:
    with pytest.raises(NotTried, match=r"^too slow$"):
        _view(not_tried="too slow").outcome(0)


def test_a_process_that_ended_misbehaved_at_the_step() -> None:
    with pytest.raises(Misbehaved, match=r"^broke down: signal 6$") as reason:
        _view(crash="signal 6").outcome(2)
    assert (reason.value.step, reason.value.error) == (2, None)


def test_a_layer_that_cannot_be_made_is_not_supported() -> None:
    with pytest.raises(NotSupported, match=r"^has no layers$"):
        _view(constructed=Outcome(unsupported="has no layers")).outcome(0)


def test_a_constructor_that_raised_misbehaved_before_the_step() -> None:
    with pytest.raises(Misbehaved, match=r"^the constructor raised ValueError: no such") as r:
        _view(constructed=REFUSED).outcome(0)
    assert (r.value.step, r.value.error) == (None, REFUSED.error)


def test_the_constructor_s_own_exception_is_its_outcome() -> None:
    assert _view(constructed=REFUSED).raised(None) == REFUSED.error


def test_fewer_outcomes_than_steps_are_misbehaviour() -> None:
    with pytest.raises(
        Misbehaved, match=r"^gave fewer outcomes than the case has steps$"
    ) as reason:
        _view(*_good(3)).outcome(3)
    assert (reason.value.step, reason.value.error) == (3, None)


def test_a_step_that_is_not_supported_says_why() -> None:
    with pytest.raises(NotSupported, match=r"^has no step$"):
        _view(Outcome(unsupported="has no step")).outcome(0)


def test_a_step_that_raised_has_no_value() -> None:
    with pytest.raises(Misbehaved, match=r"^raised ValueError at call: no such thing$") as reason:
        _view(*_good(3), REFUSED).value(3)
    assert (reason.value.step, reason.value.error) == (3, REFUSED.error)


@pytest.mark.parametrize("ask", [View.value, View.outcome, View.raised])
@pytest.mark.parametrize("place", [0, 1])
def test_after_a_changing_step_that_raised_nothing_is_judged(place: int, ask: Any) -> None:
    outcomes = list(_good(4))
    outcomes[place] = REFUSED
    with pytest.raises(Misbehaved, match=r"^raised ValueError at call: no such thing$") as reason:
        ask(_view(*outcomes), 3)
    assert reason.value.step == place


@pytest.mark.parametrize("ask", [View.value, View.outcome, View.raised])
@pytest.mark.parametrize("place", [0, 1])
def test_after_a_changing_step_that_is_not_supported_nothing_is_judged(
    place: int, ask: Any
) -> None:
    outcomes = list(_good(4))
    outcomes[place] = Outcome(unsupported="has no step")
    with pytest.raises(NotSupported, match=r"^has no step$"):
        ask(_view(*outcomes), 3)


@pytest.mark.parametrize("outcome", [REFUSED, Outcome(unsupported="has no step")])
def test_a_reading_step_that_failed_leaves_later_steps_alone(outcome: Outcome) -> None:
    assert _view(*_good(2), outcome, Outcome(value=3)).value(3) == 3


def test_after_a_refusal_that_the_norm_wants_later_steps_are_judged() -> None:
    view = _view(REFUSED, *_good(3))
    view.note_refusal(0)
    assert view.value(3) == 2


def test_after_a_refusal_of_the_oracle_s_own_later_steps_are_judged() -> None:
    too_many = SetWeights((*WEIGHTS, WEIGHTS[1]))
    case = Case("life", CASE.arguments, (Build((1, 4, 4, 1)), too_many, GetWeights()))
    observation = Observation(outcomes=(Outcome(), REFUSED, Outcome(value=3)))
    assert View(case, observation, Expectation(case), TENSORFLOW).value(2) == 3


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        (Construct("other", {}), True),
        (Invoke("apply", (1,)), True),
        (Invoke("add_loss", (1,)), True),
        (Invoke("get_weights"), False),
        (Invoke("count_params"), False),
    ],
)
def test_what_changes_a_layer_is_told_from_what_reads_it(step: Step, changes: bool) -> None:
    case = Case("any", CASE.arguments, (step, GetWeights()))
    observation = Observation(outcomes=(Outcome(unsupported="no"), Outcome(value=3)))
    view = View(case, observation, Expectation(case), TENSORFLOW)
    if changes:
        with pytest.raises(NotSupported):
            view.value(1)
    else:
        assert view.value(1) == 3


def test_steps_of_a_kind_come_with_their_places() -> None:
    assert [index for index, _ in _view().steps((Build, Call))] == [0, 3]  # type: ignore[arg-type]


def test_the_first_step_of_a_kind_is_found() -> None:
    assert _view().first(GetWeights) == (2, GetWeights())
