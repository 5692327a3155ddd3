"""What a check sees of an answer, and how it tells a refusal from another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases import FAMILIES
from conformance.cases.scripted.argument_forms import FORMS
from conformance.checks import NotSupported, NotTried, Traits, View, arguments, registry, scenes
from conformance.checks.applicability import any_axis, argument, on_tensorflow, runs_here
from conformance.checks.registry import Misbehaved, check, claim, expect_error
from conformance.model.case import Build, Call, Case, GetWeights, SetWeights
from conformance.model.codec import dtype_of
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.comparison import Mismatch
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


def _judge(_: View) -> None:
    return None


@pytest.mark.parametrize(("register", "claims"), [(check, False), (claim, True)])
def test_a_judge_is_registered_as_it_is(
    register: Any, claims: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CHECKS", [])
    assert register("SHAPE-01", "one", "two", when=on_tensorflow)(_judge) is _judge
    wanted = registry.Check("SHAPE-01", _judge, ("one", "two"), on_tensorflow, claims)
    assert [wanted] == registry.CHECKS


@pytest.mark.parametrize("register", [check, claim])
def test_a_check_without_condition_applies_to_every_case(
    register: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "CHECKS", [])
    register("SHAPE-01", "one")(_judge)
    (found,) = registry.CHECKS
    assert found.applies(CASE, TENSORFLOW) is True


def test_scenes_have_a_check_for_each_clause(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [found for found in registry.CHECKS if found.name.startswith("check_scenes_of_")]
    monkeypatch.setattr(registry, "CHECKS", [])
    scenes._register()
    told = [(found.name, found.clause, found.families, found.claims) for found in registry.CHECKS]
    assert told == [(found.name, found.clause, found.families, found.claims) for found in before]


def test_a_registered_scene_judges_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CHECKS", [])
    scenes._register()
    found = next(found for found in registry.CHECKS if found.clause == "ARG-01")
    (case,) = FAMILIES["scenes ARG-01"].fixed
    view = View(case, Observation(not_tried="too slow"), Expectation(case), TENSORFLOW)
    with pytest.raises(NotTried, match="too slow"):
        found.judge(view)


def test_a_registered_scene_applies_to_its_own_cases_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CHECKS", [])
    scenes._register()
    (case,) = FAMILIES["scenes ARG-01"].fixed
    found = registry.CHECKS[0]
    assert [found.applies(one, TENSORFLOW) for one in (case, CASE)] == [True, False]


def _layer(**arguments: Any) -> Case:
    return Case("geometry", {"filters": 3, "kernel_size": 2, **arguments}, ())


@pytest.mark.parametrize(
    ("values", "arguments", "holds"),
    [
        ((), {"name": "x"}, True),
        ((), {}, False),
        (("x", "y"), {"name": "y"}, True),
        (("x", "y"), {"name": "z"}, False),
        (("x", "y"), {}, False),
    ],
)
def test_an_argument_is_given_and_one_of_the_values(
    values: tuple[str, ...], arguments: dict[str, str], holds: bool
) -> None:
    assert argument("name", *values)(_layer(**arguments), TENSORFLOW) is holds


@pytest.mark.parametrize(
    ("tests", "same", "arguments", "holds"),
    [
        (("short",), None, {"strides": [1, 3]}, True),
        (("short",), None, {"strides": 2}, False),
        (("long",), None, {"strides": [2, 9]}, True),
        (("long",), None, {"strides": 3}, False),
        (("odd",), None, {"strides": [1, 2]}, True),
        (("odd",), None, {"strides": 2}, False),
        (("odd",), None, {"strides": [4, 4], "kernel_size": [4, 3]}, True),
        (("strided",), None, {"strides": [1, 2]}, True),
        (("strided",), None, {}, False),
        (("dilated",), None, {"dilation_rate": 2}, True),
        (("dilated",), None, {}, False),
        (("extended",), None, {"output_padding": 0}, True),
        (("extended",), None, {}, False),
        (("plain",), None, {}, True),
        (("plain",), None, {"dilation_rate": 2}, False),
        (("plain",), None, {"output_padding": 0}, False),
        ((), True, {"padding": "same"}, True),
        ((), True, {"padding": "valid"}, False),
        ((), False, {}, True),
        ((), False, {"padding": "same"}, False),
        (("short", "plain"), False, {"strides": 3, "dilation_rate": 1}, True),
        (("short", "dilated"), False, {"strides": 3}, False),
        (("long", "short"), None, {"strides": [1, 3]}, False),
        (("short",), True, {"strides": 3}, False),
    ],
)
def test_some_axis_passes_every_test(
    tests: tuple[str, ...], same: bool | None, arguments: dict[str, Any], holds: bool
) -> None:
    assert any_axis(*tests, same=same)(_layer(**arguments), TENSORFLOW) is holds


@pytest.mark.parametrize("traits", [TENSORFLOW, Traits()])
def test_on_tensorflow_is_what_it_says(traits: Traits) -> None:
    assert on_tensorflow(CASE, traits) is traits.tensorflow


@pytest.mark.parametrize(
    ("dtype", "traits", "runs"),
    [
        ("bfloat16", Traits(tensorflow=True, release=(2, 9)), False),
        ("bfloat16", Traits(tensorflow=True, release=(2, 10)), True),
        ("bfloat16", Traits(release=(2, 9)), True),
        ("float16", Traits(tensorflow=True, release=(2, 9)), True),
    ],
)
def test_only_an_old_tensorflow_lacks_bfloat16(dtype: str, traits: Traits, runs: bool) -> None:
    case = Case("numbers", {}, (GetWeights(), Call(np.zeros((1, 1, 1, 1), dtype_of(dtype)))))
    assert runs_here(case, traits) is runs


def test_a_form_belongs_to_its_clause_alone() -> None:
    case = next(form.case() for form in FORMS if form.clause == "ARG-03")
    told = [arguments._of(clause)(case, TENSORFLOW) for clause in ("ARG-02", "ARG-03")]
    assert told == [False, True]


def test_a_case_that_is_no_form_belongs_to_no_clause() -> None:
    assert arguments._of("ARG-03")(CASE, TENSORFLOW) is False
