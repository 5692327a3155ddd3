"""A campaign: every check looks at one observation, failures are told apart and shrunk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import strategies as st

from conformance.cases import Family
from conformance.checks import Check, Traits, View
from conformance.judge import campaign
from conformance.judge.campaign import Tally, explore, shrink
from conformance.judge.workbench import HarnessError, Workbench
from conformance.model import case as steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.comparison import Mismatch


def _case(filters: int) -> Case:
    inputs = np.zeros((1, 1, 1, 1), np.float32)
    return Case("made up", {"filters": filters, "kernel_size": 1}, (steps.Call(inputs),))


FAMILY = Family("made up", st.integers(1, 50).map(_case), (_case(60),), 1.0)


class _Subject:
    name = spec = "mine"
    mode = "eager"

    def __init__(self, answer: Callable[[Case], Outcome]) -> None:
        self.answer = answer
        self.observed: list[str] = []

    def observe(self, case: Case) -> Observation:
        self.observed.append(case.id)
        return Observation(outcomes=(self.answer(case),))


def _echo(case: Case) -> Outcome:
    return Outcome(value=case.arguments["filters"])


def _below_ten(view: View) -> Mismatch | None:
    got = view.value(0)
    return None if got < 10 else Mismatch("too large", 9, got, 0)


def _explore(
    subject: _Subject,
    monkeypatch: pytest.MonkeyPatch,
    judge: Callable[[View], Mismatch | None] = _below_ten,
    seed: int = 0,
) -> Tally:
    check = Check("X-01", judge, ("made up",), lambda *_: True, claims=False)
    other = Check("X-02", lambda view: None, ("made up",), lambda *_: True, claims=False)
    monkeypatch.setattr(campaign, "CHECKS", [check, other])
    found = explore(
        Workbench(), FAMILY, subject, Traits(), examples=40, run_seed=seed, progress=lambda _: None
    )  # fmt: skip
    return found["X-01", False]


def test_what_holds_and_what_fails_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = _Subject(_echo)
    tally = _explore(subject, monkeypatch)
    failing = [failure.case.arguments["filters"] for failure in tally.failures]
    assert min(failing) >= 10
    assert failing[0] == 60
    assert {failure.status for failure in tally.failures} == {"fail"}
    assert tally.judged == tally.held + len(failing)
    assert tally.held > 0


def test_a_case_is_run_once_for_all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = _Subject(_echo)
    _explore(subject, monkeypatch)
    assert len(subject.observed) == len(set(subject.observed))


def test_the_seed_decides_the_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [_Subject(_echo) for _ in range(3)]
    for subject, seed in zip(runs, (1, 1, 2)):
        _explore(subject, monkeypatch, seed=seed)
    assert runs[0].observed == runs[1].observed
    assert runs[0].observed != runs[2].observed


def test_an_exception_is_an_error_not_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    error = Error(("ValueError", "Exception"), "no", "call")
    tally = _explore(_Subject(lambda _: Outcome(error=error)), monkeypatch)
    assert {failure.status for failure in tally.failures} == {"error"}
    assert "ValueError at call: no" in tally.failures[0].mismatch.message


def test_what_is_unsupported_neither_holds_nor_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = _explore(_Subject(lambda _: Outcome(unsupported="no call")), monkeypatch)
    assert tally.judged == 0
    assert tally.unsupported.keys() == {"no call"}


def test_a_case_that_was_not_tried_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = _Subject(_echo)
    monkeypatch.setattr(subject, "observe", lambda _: Observation(not_tried="gave up"))
    assert _explore(subject, monkeypatch).not_tried == "gave up"


def test_a_check_that_raises_is_the_harness_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(view: View) -> Mismatch | None:
        raise ZeroDivisionError("oh")

    with pytest.raises(
        HarnessError, match="broken of X-01 raised ZeroDivisionError: oh on case c-"
    ):
        _explore(_Subject(_echo), monkeypatch, broken)


def test_a_failure_is_shrunk_to_the_smallest_case(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = _Subject(_echo)
    tally = _explore(subject, monkeypatch)
    smallest, is_shrunk = shrink(
        Workbench(), FAMILY, subject, Traits(), tally.failures[-1], "X-01", examples=40, run_seed=0
    )  # fmt: skip
    assert (smallest.case.arguments["filters"], is_shrunk) == (10, True)


def test_a_fixed_case_that_alone_fails_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def below_sixty(view: View) -> Mismatch | None:
        return None if view.value(0) < 60 else Mismatch("too large")

    subject = _Subject(_echo)
    (failure,) = _explore(subject, monkeypatch, below_sixty).failures
    found = shrink(
        Workbench(), FAMILY, subject, Traits(), failure, "X-01", examples=40, run_seed=0
    )  # fmt: skip
    assert found == (failure, False)


def test_shrinking_does_not_turn_an_error_into_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    error = Error(("ValueError", "Exception"), "no", "call")
    subject = _Subject(
        lambda case: Outcome(error=error) if case.arguments["filters"] >= 30 else _echo(case)
    )
    tally = _explore(subject, monkeypatch)
    raised = next(
        f for f in tally.failures if f.status == "error" and f.case.arguments["filters"] < 60
    )
    smallest, _ = shrink(
        Workbench(), FAMILY, subject, Traits(), raised, "X-01", examples=40, run_seed=0
    )  # fmt: skip
    assert (smallest.case.arguments["filters"], smallest.status) == (30, "error")


def test_tallies_add_up() -> None:
    one = Tally(held=2, unsupported={"a": 1})
    one.add(Tally(held=3, unsupported={"a": 2, "b": 1}, not_tried="late"))
    assert (one.held, one.unsupported, one.not_tried) == (5, {"a": 3, "b": 1}, "late")
