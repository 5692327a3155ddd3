"""Evidence is remembered as far as it must be, and no further than was asked."""

from __future__ import annotations

import pytest

from conformance.cases import FAMILIES
from conformance.cases.drawn.strategies import geometry_case
from conformance.cases.listed.numbers import GEOMETRIES
from conformance.checks import CHECKS, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore, shrink
from conformance.judge.judging import judge
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.strength.mistakes import MISTAKES
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

GEOMETRY = FAMILIES["geometry"]


class _Counting:
    mode = "eager"

    def __init__(self, mistake: str) -> None:
        self.name = self.spec = mistake
        self.runs: list[str] = []

    def observe(self, case: Case):
        self.runs.append(case.id)
        return observe(case, LayerBackend(MISTAKES[self.name].layer))


def _cases(count: int) -> list[Case]:
    return [geometry_case(c) for c in GEOMETRIES[:count]]


@pytest.mark.parametrize(("keep", "remembered"), [(None, 5), (3, 3)])
def test_as_many_cases_are_remembered_as_asked(keep, remembered) -> None:
    evidence, subject = Evidence(keep=keep), _Counting("M06")
    for case in _cases(5):
        evidence.observation(subject, case)
    assert len(evidence.cases) == remembered


def test_a_case_is_run_once_while_it_is_remembered() -> None:
    evidence, subject = Evidence(keep=3), _Counting("M06")
    (case,) = _cases(1)
    evidence.observation(subject, case)
    evidence.observation(subject, case)
    assert subject.runs == [case.id]


def test_a_case_that_was_not_tried_is_not_known_to_hold() -> None:
    evidence, subject = Evidence(), _Counting("M06")
    subject.observe = lambda _: Observation(not_tried="too often")  # type: ignore[method-assign]
    (case,) = _cases(1)
    evidence.observation(subject, case)
    evidence.note_explored(subject, case)
    assert (evidence.held(subject), evidence.has_run(subject, case)) == ((), False)


def test_a_case_that_was_not_tried_is_tried_when_it_is_asked_for_again() -> None:
    evidence, subject = Evidence(), _Counting("M06")
    (case,) = _cases(1)
    subject.observe = lambda _: Observation(not_tried="too often")  # type: ignore[method-assign]
    evidence.observation(subject, case)
    del subject.observe
    assert evidence.observation(subject, case).not_tried is None


def test_a_failing_case_is_remembered_beyond_the_limit() -> None:
    evidence, subject = Evidence(keep=1), _Counting("M01_height_down_always")
    first, second = _cases(2)
    check = next(c for c in CHECKS.of("VAL-01") if "geometry" in c.families)
    assert judge(evidence, check, first, subject, Traits()) is not None
    evidence.observation(subject, second)
    assert evidence.past_observation(subject, first) is not None


def _smallest(evidence: Evidence) -> Case:
    subject = _Counting("M05_width")
    tallies = explore(
        evidence, GEOMETRY, subject, Traits(), examples=60, run_seed=0, progress=lambda _: None
    )
    found = tallies["PAD-02", False].failures[0]
    smallest, _ = shrink(
        evidence, GEOMETRY, subject, Traits(), found, "PAD-02", examples=60, run_seed=0
    )
    return smallest.case


def test_shrinking_gives_the_same_although_most_is_forgotten() -> None:
    assert _smallest(Evidence(keep=2)).id == _smallest(Evidence()).id


def test_a_case_that_held_and_is_forgotten_is_not_run_again_to_shrink() -> None:
    evidence, subject = Evidence(keep=2), _Counting("M05_width")
    tallies = explore(
        evidence, GEOMETRY, subject, Traits(), examples=60, run_seed=0, progress=lambda _: None
    )  # fmt: skip
    held = set(subject.runs) - {f.case.id for t in tallies.values() for f in t.failures}
    subject.runs.clear()
    found = tallies["PAD-02", False].failures[0]
    shrink(evidence, GEOMETRY, subject, Traits(), found, "PAD-02", examples=60, run_seed=0)
    assert held & set(subject.runs) == set()
