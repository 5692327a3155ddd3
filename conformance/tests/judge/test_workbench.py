"""A workbench remembers what it must, and no more than it was told to."""

from __future__ import annotations

import pytest

from conformance.cases import FAMILIES
from conformance.cases.families import geometry_case
from conformance.cases.scripted.fixed import GEOMETRIES
from conformance.checks import CHECKS, Traits
from conformance.judge.campaign import explore, shrink
from conformance.judge.workbench import Workbench
from conformance.model.case import Case
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
    bench, subject = Workbench(keep=keep), _Counting("M06")
    for case in _cases(5):
        bench.observation(subject, case)
    assert len(bench.cases) == remembered


def test_a_case_is_run_once_while_it_is_remembered() -> None:
    bench, subject = Workbench(keep=3), _Counting("M06")
    (case,) = _cases(1)
    bench.observation(subject, case)
    bench.observation(subject, case)
    assert subject.runs == [case.id]


def test_a_failing_case_is_remembered_beyond_the_limit() -> None:
    bench, subject = Workbench(keep=1), _Counting("M01_height_down_always")
    first, second = _cases(2)
    check = next(c for c in CHECKS if c.clause == "VAL-01" and "geometry" in c.families)
    assert bench.judge(check, first, subject, Traits()) is not None
    bench.observation(subject, second)
    assert bench.past_observation(subject, first) is not None


def _smallest(bench: Workbench) -> Case:
    subject = _Counting("M05_width")
    tallies = explore(
        bench, GEOMETRY, subject, Traits(), examples=60, run_seed=0, progress=lambda _: None
    )
    found = tallies["PAD-02", False].failures[0]
    smallest, _ = shrink(
        bench, GEOMETRY, subject, Traits(), found, "PAD-02", examples=60, run_seed=0
    )
    return smallest.case


def test_shrinking_gives_the_same_although_most_is_forgotten() -> None:
    assert _smallest(Workbench(keep=2)).id == _smallest(Workbench()).id


def test_a_case_that_held_and_is_forgotten_is_not_run_again_to_shrink() -> None:
    bench, subject = Workbench(keep=2), _Counting("M05_width")
    tallies = explore(
        bench, GEOMETRY, subject, Traits(), examples=60, run_seed=0, progress=lambda _: None
    )  # fmt: skip
    held = set(subject.runs) - {f.case.id for t in tallies.values() for f in t.failures}
    subject.runs.clear()
    found = tallies["PAD-02", False].failures[0]
    shrink(bench, GEOMETRY, subject, Traits(), found, "PAD-02", examples=60, run_seed=0)
    assert held & set(subject.runs) == set()
