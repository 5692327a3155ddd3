"""Drift between releases, read off the observations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks import Traits
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.run.participants.participant import Participant
from conformance.run.statistics.drift import find_drift
from reports.records.record import Difference, Drift

CASE = Case(
    "geometry",
    {"filters": 2, "kernel_size": 1},
    (
        steps.SetWeights((np.ones((1, 1, 2, 1), np.float32), np.ones(2, np.float32))),
        steps.Call(np.ones((1, 1, 1, 1), np.float32)),
    ),
)


class FakeSubject:
    mode = "eager"

    def __init__(self, name: str, result: Outcome) -> None:
        self.name = self.spec = name
        self.observation = Observation(Outcome(), (Outcome(), result))


def _drift(one: Outcome, other: Outcome, case: Case = CASE) -> list[Drift]:
    subjects: Any = (FakeSubject("old", one), FakeSubject("new", other))
    old, new = (Participant(subject, {}, False, Traits()) for subject in subjects)
    return find_drift(
        [(old, new)],
        ["VAL-01"],
        [case],
        lambda subject, _: subject.observation,  # type: ignore[attr-defined]
    )


def _array(*values: float) -> Outcome:
    return Outcome(value=np.array(values, np.float32))


ERROR = Outcome(error=Error(("ValueError", "Exception"), "no", "call"))
SAME_KIND = Outcome(error=Error(("ValueError", "Exception"), "other words", "call"))


def test_equal_results_are_no_drift() -> None:
    assert _drift(_array(1, 2), _array(1, 2)) == []


def test_rounding_is_no_drift() -> None:
    assert _drift(_array(1, 2), _array(1, 2.000001)) == []


def test_other_words_of_the_same_error_are_no_drift() -> None:
    assert _drift(ERROR, SAME_KIND) == []


def test_not_a_number_on_both_sides_is_no_drift() -> None:
    assert _drift(_array(np.nan), _array(np.nan)) == []


@pytest.mark.parametrize(
    "other",
    [_array(1, 3), _array(1), _array(1, np.nan), ERROR, Outcome(unsupported="no"), Outcome()],
)
def test_another_result_is_drift(other: Outcome) -> None:
    assert [drift.differing for drift in _drift(_array(1, 2), other)] == [1]


def test_random_weights_are_not_compared() -> None:
    unset = Case("geometry", CASE.arguments, (steps.Losses(), CASE.steps[1]))
    assert _drift(_array(1, 2), _array(5, 6), unset) == []


def test_the_example_tells_what_both_did() -> None:
    (drift,) = _drift(_array(1, 2), ERROR)
    assert drift.example == Difference(
        "filters=2, kernel_size=1",
        "call",
        "a float32 array of shape (2,)",
        "ValueError at call: no",
        CASE.id,
    )
