"""Exploring: every check looks at one observation, failures are told apart and shrunk."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import attrs
import numpy as np
import pytest
from hypothesis import strategies as st

from conformance.cases import FAMILIES, Family
from conformance.checks import Checks, Traits, View
from conformance.checks.check import check
from conformance.judge import exploring
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases, explore, forget_drawn, shrink
from conformance.judge.judging import Failure, HarnessError, Tally
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.oracle.comparison import Mismatch


def _case(filters: int) -> Case:
    inputs = np.zeros((1, 1, 1, 1), np.float32)
    return Case("made up", {"filters": filters, "kernel_size": 1}, (steps.Call(inputs),))


FAMILY = Family("made up", st.integers(1, 50).map(_case), lambda: (_case(60),))


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


def _checks(judge: Callable[[View], Mismatch | None]) -> Checks:
    made = [check("X-01", "made up")(judge), check("X-02", "made up")(lambda view: None)]
    return Checks(made, {"made up": FAMILY})


def _explore(
    subject: _Subject,
    judge: Callable[[View], Mismatch | None] = _below_ten,
    seed: int = 0,
    family: Family = FAMILY,
) -> Tally:
    found = explore(
        Evidence(),
        family,
        subject,
        Traits(),
        examples=40,
        run_seed=seed,
        progress=lambda _: None,
        checks=_checks(judge),
    )
    return found["X-01", False]


def _shrunk(
    subject: _Subject, failure: Failure, judge: Callable[[View], Mismatch | None] = _below_ten
) -> tuple[Failure, bool]:
    return shrink(
        Evidence(),
        FAMILY,
        subject,
        Traits(),
        failure,
        "X-01",
        examples=40,
        run_seed=0,
        checks=_checks(judge),
    )


def test_what_holds_and_what_fails_are_counted() -> None:
    subject = _Subject(_echo)
    tally = _explore(subject)
    failing = [failure.case.arguments["filters"] for failure in tally.failures]
    assert min(failing) >= 10
    assert failing[0] == 60
    assert {failure.status for failure in tally.failures} == {"fail"}
    assert tally.judged == tally.held + len(failing)
    assert tally.held > 0


def test_a_case_is_run_once_for_all_checks() -> None:
    subject = _Subject(_echo)
    _explore(subject)
    assert len(subject.observed) == len(set(subject.observed))


def test_only_cases_that_a_check_applies_to_are_run() -> None:
    subject, progress, evidence = _Subject(_echo), list[int](), Evidence()
    small = check("X-01", "made up", when=lambda case, _: case.arguments["filters"] < 20)
    always = check("X-02", "made up")
    both = Checks([small(_below_ten), always(lambda view: None)], {"made up": FAMILY})
    found = explore(
        evidence, FAMILY, subject, Traits(), examples=40, run_seed=0,
        progress=progress.append, checks=both.only({"X-01"}),
    )  # fmt: skip
    every = [*FAMILY.fixed, *drawn_cases(FAMILY, examples=40, run_seed=0)]
    wanted = [case.id for case in every if case.arguments["filters"] < 20]
    assert 0 < len(wanted) < len(every)
    assert subject.observed == wanted
    assert evidence.count(subject) == len(wanted)
    assert found.keys() == {("X-01", False)}
    assert found["X-01", False].judged == len(wanted)
    # A bar that counts them comes to its end.
    assert progress[-1] == len(every)


def test_a_case_that_says_nothing_does_not_use_up_what_shrinking_may_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exploring, "SHRINK_CASES", 1)
    large = check("X-01", "made up", when=lambda case, _: case.arguments["filters"] > 40)
    checks = Checks(
        [large(lambda view: Mismatch("too large", 9, view.value(0), 0))], {"made up": FAMILY}
    )
    found = Failure(_case(60), "fail", Mismatch("too large", 9, 60, 0))
    subject = _Subject(_echo)
    smallest, shrunk = shrink(
        Evidence(), FAMILY, subject, Traits(), found, "X-01",
        examples=40, run_seed=0, checks=checks,
    )  # fmt: skip
    assert shrunk
    assert 40 < smallest.case.arguments["filters"] < 60


def test_the_seed_decides_the_cases() -> None:
    runs = [_Subject(_echo) for _ in range(3)]
    for subject, seed in zip(runs, (1, 1, 2)):
        forget_drawn()
        _explore(subject, seed=seed)
    assert runs[0].observed == runs[1].observed
    assert runs[0].observed != runs[2].observed


def test_cases_that_were_drawn_are_remembered_up_to_a_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exploring, "BLOCK", 10)
    monkeypatch.setattr(exploring, "KEPT", 20)
    forget_drawn()
    examples = round(40 / FAMILIES["numbers"].share)

    def first_of(most: int) -> Case:
        return drawn_cases(FAMILIES["numbers"], examples=examples, run_seed=0, most=most)[0]

    found = first_of(1)
    assert first_of(1) is found
    # Of so many blocks the first is forgotten before the last is drawn.
    assert first_of(4) is found
    assert first_of(1) is not found
    assert first_of(1).id == found.id


def test_modules_that_happen_to_be_loaded_decide_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drawn() -> list[str]:
        forget_drawn()
        cases = drawn_cases(FAMILIES["numbers"], examples=60, run_seed=0)
        return [case.id for case in cases]

    before = drawn()
    numbers = [n * 7 + 3 for n in range(60)] + [n * 1.37 for n in range(60)]
    (tmp_path / "full_of_numbers.py").write_text(f"NUMBERS = {numbers}\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("full_of_numbers")
    assert drawn() == before


def test_releases_of_hypothesis_without_such_constants_draw_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exploring, "providers", None)
    forget_drawn()
    assert len(drawn_cases(FAMILIES["numbers"], examples=5, run_seed=0)) == 5


def test_an_exception_is_an_error_not_a_failure() -> None:
    error = Error(("ValueError", "Exception"), "no", "call")
    tally = _explore(_Subject(lambda _: Outcome(error=error)))
    assert {failure.status for failure in tally.failures} == {"error"}
    assert "ValueError at call: no" in tally.failures[0].mismatch.message


def test_a_check_that_asks_for_nothing_says_nothing() -> None:
    tally = _explore(_Subject(_echo), lambda _: None)
    assert (tally.judged, tally.left) == (0, 0)


def test_what_is_unsupported_neither_holds_nor_fails() -> None:
    tally = _explore(_Subject(lambda _: Outcome(unsupported="no call")))
    assert tally.judged == 0
    assert tally.unsupported.keys() == {"no call"}


def test_a_case_that_was_not_tried_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = _Subject(_echo)
    monkeypatch.setattr(subject, "observe", lambda _: Observation(not_tried="gave up"))
    assert _explore(subject).not_tried == "gave up"


def test_the_oracle_is_asked_nothing_about_a_case_that_was_not_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asks_the_oracle_first(view: View) -> Mismatch | None:
        raise AssertionError("asked")

    subject = _Subject(_echo)
    monkeypatch.setattr(subject, "observe", lambda _: Observation(not_tried="gave up"))
    tally = _explore(subject, asks_the_oracle_first)
    assert (tally.not_tried, tally.broken) == ("gave up", None)


def test_a_check_that_raises_is_the_harness_s_fault() -> None:
    def broken(view: View) -> Mismatch | None:
        raise ZeroDivisionError("oh")

    error = _explore(_Subject(_echo), broken).broken
    assert str(error).startswith("broken of X-01 raised ZeroDivisionError: oh on case c-")


def test_what_was_judged_before_the_harness_broke_stays() -> None:
    def broken_by_a_large_one(view: View) -> Mismatch | None:
        filters = view.case.arguments["filters"]
        if 1 / (filters < 30):
            view.outcome(0)
        return None

    tally = _explore(_Subject(_echo), broken_by_a_large_one)
    assert (tally.held > 0, tally.failures, type(tally.broken)) == (True, [], HarnessError)


def test_a_case_that_cannot_be_drawn_breaks_all_clauses_of_its_family() -> None:
    def undrawable(_: int) -> Case:
        raise ZeroDivisionError("oh")

    family = attrs.evolve(
        FAMILY, strategy=st.integers(1, 50).map(undrawable), make_fixed=lambda: (_case(6),)
    )
    tally = _explore(_Subject(_echo), family=family)
    assert (tally.held, "ZeroDivisionError: oh" in str(tally.broken)) == (1, True)


def test_a_failure_is_shrunk_to_the_smallest_case() -> None:
    subject = _Subject(_echo)
    tally = _explore(subject)
    smallest, is_shrunk = _shrunk(subject, tally.failures[-1])
    assert (smallest.case.arguments["filters"], is_shrunk) == (10, True)


def test_a_fixed_case_that_alone_fails_stays_as_it_is() -> None:
    def below_sixty(view: View) -> Mismatch | None:
        return None if view.value(0) < 60 else Mismatch("too large")

    subject = _Subject(_echo)
    (failure,) = _explore(subject, below_sixty).failures
    found = _shrunk(subject, failure, below_sixty)
    assert found == (failure, False)


def test_shrinking_does_not_turn_an_error_into_a_failure() -> None:
    error = Error(("ValueError", "Exception"), "no", "call")
    subject = _Subject(
        lambda case: Outcome(error=error) if case.arguments["filters"] >= 30 else _echo(case)
    )
    tally = _explore(subject)
    raised = next(
        f for f in tally.failures if f.status == "error" and f.case.arguments["filters"] < 60
    )
    smallest, _ = _shrunk(subject, raised)
    assert (smallest.case.arguments["filters"], smallest.status) == (30, "error")


def test_tallies_add_up() -> None:
    one = Tally(held=2, unsupported={"a": 1})
    one.add(Tally(held=3, unsupported={"a": 2, "b": 1}, not_tried="late"))
    assert (one.held, one.unsupported, one.not_tried) == (5, {"a": 3, "b": 1}, "late")
