"""What a check sees of an answer, and how it tells a refusal from another."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.case import Build, Call, Case, GetWeights, SetWeights
from conformance.checks import NotSupported, NotTried, Traits, View
from conformance.checks.registry import Misbehaved, check, claim, expect_error
from conformance.comparison import Mismatch
from conformance.observation import Error, Observation, Outcome
from conformance.oracle import Expectation

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
    with pytest.raises(Misbehaved, match=r"^ended its process: signal 6$") as reason:
        _view(crash="signal 6").outcome(2)
    assert (reason.value.step, reason.value.error) == (2, None)


def test_a_layer_that_cannot_be_made_is_not_supported() -> None:
    with pytest.raises(NotSupported, match=r"^has no layers$"):
        _view(constructed=Outcome(unsupported="has no layers")).outcome(0)


def test_a_constructor_that_raised_misbehaved_before_the_step() -> None:
    with pytest.raises(
        Misbehaved, match=r"^the constructor raised ValueError at call: no such"
    ) as r:
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


@pytest.mark.parametrize("place", [0, 1])
def test_a_preparing_step_that_raised_is_misbehaviour(place: int) -> None:
    outcomes = list(_good(4))
    outcomes[place] = REFUSED
    with pytest.raises(Misbehaved) as reason:
        _view(*outcomes).value(3)
    assert reason.value.step == place


def test_a_reading_step_that_raised_leaves_later_steps_alone() -> None:
    assert _view(*_good(2), REFUSED, Outcome(value=3)).value(3) == 3


def test_steps_of_a_kind_come_with_their_places() -> None:
    assert [index for index, _ in _view().steps((Build, Call))] == [0, 3]  # type: ignore[arg-type]


def test_the_first_step_of_a_kind_is_found() -> None:
    assert _view().first(GetWeights) == (2, GetWeights())


@pytest.mark.parametrize("register", [check, claim])
def test_a_check_names_the_families_that_it_judges(register: object) -> None:
    with pytest.raises(TypeError, match=r"^a check of SHAPE-01 names no family of cases$"):
        register("SHAPE-01")  # type: ignore[operator]


def _raised(*types: str, message: str = "says why", moment: str = "call") -> Outcome:
    return Outcome(error=Error((*types, "Exception"), message, moment))


def _told(mismatch: Mismatch | None) -> tuple[object, ...]:
    assert mismatch is not None
    return (mismatch.message, mismatch.expected, mismatch.got, mismatch.step)


def test_an_expected_exception_is_right() -> None:
    assert expect_error(_view(_raised("ValueError")), 0, "ValueError") is None


def test_an_exception_of_a_derived_class_is_right() -> None:
    assert expect_error(_view(_raised("Mine", "ValueError")), 0, "KeyError", "ValueError") is None


def test_no_exception_is_told_with_the_value() -> None:
    found = expect_error(_view(Outcome(value=7)), 0, "ValueError", "KeyError")
    wanted = "KeyError or ValueError"
    assert _told(found) == (f"should raise {wanted}, but raised nothing", wanted, 7, 0)


def test_another_exception_is_told() -> None:
    found = expect_error(_view(_raised("TypeError")), 0, "ValueError")
    got = "TypeError at call: says why"
    assert _told(found) == (f"should raise ValueError, raised {got}", "ValueError", got, 0)


def test_an_exception_at_another_moment_is_told() -> None:
    found = expect_error(_view(_raised("ValueError")), 0, "ValueError", moments=("run", "build"))
    text = "should raise at run or build, raised ValueError at call: says why"
    assert _told(found) == (text, ["run", "build"], "call", 0)


def test_an_exception_at_one_of_the_moments_is_right() -> None:
    view = _view(_raised("ValueError"))
    assert expect_error(view, 0, "ValueError", moments=("run", "call")) is None


def test_another_message_is_told_as_far_as_it_is_short() -> None:
    found = expect_error(
        _view(_raised("ValueError", message="x" * 500)), 0, "ValueError", fragment="y"
    )
    text = f"the message should contain 'y', it is '{'x' * 200}'"
    assert _told(found) == (text, "y", "x" * 400, 0)


def test_a_message_with_the_fragment_is_right() -> None:
    assert expect_error(_view(_raised("ValueError")), 0, "ValueError", fragment="why") is None


def test_off_tensorflow_moment_and_message_are_free() -> None:
    view = _view(_raised("ValueError"), traits=Traits())
    assert expect_error(view, 0, "ValueError", fragment="y", moments=("run",)) is None


@pytest.mark.parametrize(
    ("name", "stands_for_it"),
    [
        ("InvalidArgumentError", "ValueError"),
        ("ResourceExhaustedError", "MemoryError"),
        ("UnimplementedError", "NotImplementedError"),
    ],
)
def test_off_tensorflow_python_s_own_exception_will_do(name: str, stands_for_it: str) -> None:
    assert expect_error(_view(_raised(stands_for_it), traits=Traits()), 0, name) is None


def test_on_tensorflow_python_s_own_exception_will_not_do() -> None:
    assert expect_error(_view(_raised("ValueError")), 0, "InvalidArgumentError") is not None
