"""A crash is found at the step that causes it, and the finding and its script say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from conformance.checks.view import Misbehaved, View
from conformance.judge.crashes import until_it_dies
from conformance.judge.judging import Failure
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation
from conformance.run.verdicts import plainest

ONES = np.ones((1, 1, 1, 1), np.float32)
CASE = Case(
    "geometry",
    {"filters": 1, "kernel_size": 1},
    (steps.Build((1, 1, 1, 1)), steps.SetWeights((ONES,)), steps.Call(ONES), steps.Losses()),
)
REFUSED = Outcome(error=Error(("ValueError", "Exception"), "no", "construct"))


class Subject:
    """One that does with the first steps of a case what `does` says."""

    name = spec = "somebody's layer"
    mode = "eager"

    def __init__(self, does: Callable[[int], Observation]) -> None:
        self._does = does

    def observe(self, case: Case) -> Observation:
        return self._does(len(case.steps))

    def close(self) -> None:
        """Nothing to end."""


def _dies_from(count: int) -> Callable[[int], Observation]:
    return lambda steps: Observation(crash="signal 11") if steps >= count else Observation()


@pytest.mark.parametrize(("count", "step"), [(0, None), (1, 0), (3, 2), (4, 3)])
def test_a_crash_is_found_at_its_step(count: int, step: int | None) -> None:
    assert until_it_dies(Subject(_dies_from(count)), CASE)[0] == step


@pytest.mark.parametrize(
    "does",
    [
        _dies_from(5),
        lambda _: Observation(not_tried="no time"),
        lambda _: Observation(REFUSED),
    ],
)
def test_a_crash_that_does_not_come_again_has_no_step(does: Callable[[int], Observation]) -> None:
    with pytest.raises(LookupError):
        until_it_dies(Subject(does), CASE)


class Damaged(Subject):
    """One whose process an earlier case has damaged: until it is a fresh one, it ends at any step."""

    is_damaged = True

    def observe(self, case: Case) -> Observation:
        return Observation(crash="signal 11") if self.is_damaged else super().observe(case)

    def close(self) -> None:
        """The next case starts a process."""
        self.is_damaged = False


def test_what_an_earlier_case_has_damaged_is_no_step_of_this_one() -> None:
    assert until_it_dies(Damaged(_dies_from(4)), CASE)[0] == 3


def test_damage_that_ends_the_process_a_little_later_is_placed_where_it_is_done() -> None:
    done: list[int] = []

    def does(count: int) -> Observation:
        done.append(count)
        outcomes = (Outcome(),) * count
        return Observation(outcomes=outcomes, crash="signal 6" if done.count(4) == 2 else None)

    step, seen = until_it_dies(Subject(does), CASE)
    assert (step, len(seen.outcomes)) == (3, 3)


def _failure(status: str, family: str) -> Failure:
    return Failure(Case(family, {}, ()), status, Mismatch("wrong"))


@pytest.mark.parametrize(
    ("failures", "wanted"),
    [
        ([("error", "geometry"), ("fail", "geometry")], 1),
        ([("error", "geometry"), ("fail", "losses")], 1),
        ([("fail", "scripted VAR-02"), ("fail", "geometry")], 1),
        ([("error", "scripted VAR-02"), ("error", "geometry")], 1),
        ([("fail", "recorded"), ("error", "recorded")], 0),
    ],
)
def test_a_wrong_result_is_shown_rather_than_an_error(
    failures: list[tuple[str, str]], wanted: int
) -> None:
    made = [_failure(*one) for one in failures]
    assert plainest(made) is made[wanted]


def test_what_came_before_a_crash_is_known() -> None:
    def does(count: int) -> Observation:
        return (
            Observation(crash="signal 11")
            if count > 2
            else Observation(outcomes=(Outcome(),) * count)
        )

    step, seen = until_it_dies(Subject(does), CASE)
    assert (step, len(seen.outcomes), seen.crash) == (2, 2, "signal 11")


@pytest.mark.parametrize(("asked", "ended"), [(None, False), (1, False), (2, True), (3, True)])
def test_a_crash_counts_from_its_step_on(asked: int | None, ended: bool) -> None:
    seen = Observation(outcomes=(Outcome(),) * 2, crash="signal 11")
    view = View(CASE, seen, Expectation(CASE), Traits())
    if ended:
        with pytest.raises(Misbehaved, match="broke down"):
            view.outcome(asked)
    else:
        assert view.outcome(asked).error is None
