"""For every clause there is a wrong implementation that its check rejects."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Check, Misbehaved, NotSupported, NotTried, Traits, View
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases, explore
from conformance.judge.judging import judge
from conformance.model.case import Case
from conformance.model.clauses import all_clauses
from conformance.model.observation import Error, Observation, Outcome
from conformance.model.situation import OF_THREADS
from conformance.oracle.expectation import Expectation
from conformance.strength.mistakes import MISTAKES, Mistake
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

OFF_TENSORFLOW = Traits()
#: As many as make a run try every listed case.
EXAMPLES = 60
ON_TENSORFLOW = tuple(
    Traits(tensorflow=True, release=release, mode=mode)
    for release in ((2, 9), (2, 15), (2, 21))
    for mode in ("eager", "graph")
)
BY_CLAUSE = {
    clause.id: [mistake for mistake in MISTAKES.values() if clause.id in mistake.clauses]
    for clause in all_clauses()
}


class _MistakenSubject:
    mode = "eager"

    def __init__(self, mistake: Mistake) -> None:
        self.name = self.spec = mistake.id
        self._layer = mistake.layer

    def observe(self, case):
        return observe(case, LayerBackend(self._layer))


@functools.cache
def _evidence() -> Evidence:
    return Evidence()


@functools.cache
def _drawn(family: str) -> tuple[Case, ...]:
    return drawn_cases(FAMILIES[family], examples=EXAMPLES, run_seed=0)


def _rejects(clause_id: str, mistake: Mistake) -> bool:
    """Whether a check of the clause rejects the mistake on some case: listed ones of each family in turn first."""
    subject = _MistakenSubject(mistake)
    checks, families = CHECKS.of(clause_id), CHECKS.families(clause_id)
    in_turn = itertools.zip_longest(*(family.listed(EXAMPLES) for family in families))
    listed = [case for cases in in_turn for case in cases if case is not None]
    slow = filter(_is_slow, listed)
    drawn = (case for family in families for case in _drawn(family.name))
    return any(
        _fails(check, case, subject)
        for case in itertools.chain(itertools.filterfalse(_is_slow, listed), drawn, slow)
        for check in checks
        if case.family in check.families and check.applies(case, OFF_TENSORFLOW)
    )


def _is_slow(case: Case) -> bool:
    return case.situation_name in OF_THREADS


def _fails(check: Check, case: Case, subject: _MistakenSubject) -> bool:
    try:
        return judge(_evidence(), check, case, subject, OFF_TENSORFLOW) is not None
    except (NotSupported, NotTried):
        return False


@pytest.mark.parametrize(
    ("clause_id", "mistake_id"),
    [(clause, mistake.id) for clause, found in BY_CLAUSE.items() for mistake in found],
)
@pytest.mark.filterwarnings("ignore")
def test_the_check_rejects_the_mistake(clause_id: str, mistake_id: str) -> None:
    assert _rejects(clause_id, MISTAKES[mistake_id])


WITHOUT_MISTAKE = [
    clause.id for clause in all_clauses() if not BY_CLAUSE[clause.id] and not clause.untestable
]


@pytest.mark.parametrize("clause_id", WITHOUT_MISTAKE)
def test_a_clause_without_mistake_is_about_tensorflow_only(clause_id: str) -> None:
    speaking = [
        (case.id, check.name)
        for check in (*CHECKS.of(clause_id), *CHECKS.of(clause_id, claims=True))
        for family in check.families
        for case in FAMILIES[family].fixed
        if check.applies(case, OFF_TENSORFLOW) and not _unsupported(check, case)
    ]
    assert speaking == []


def _unsupported(check, case) -> bool:
    """Tell whether every layer outside TensorFlow lacks what the check needs."""
    right = _evidence().observation(_MistakenSubject(next(iter(MISTAKES.values()))), case)
    try:
        check.judge(View(case, right, Expectation(case), OFF_TENSORFLOW))
    except NotSupported:
        return True
    except Misbehaved:
        return False
    return False


def _nonsense(case) -> list[Observation]:
    """Return observations that no layer with the clause's behaviour gives."""
    count = len(case.steps)
    strange = Error(("KeyError", "LookupError", "Exception"), "nonsense", "nowhere")
    lines = {"Conv2DTranspose": [1, 2]}
    values = (None, "nonsense", [], np.zeros((9, 8)), [True, False, True], lines)
    return [
        *(Observation(outcomes=(Outcome(value=value),) * count) for value in values),
        # Other weights after each step.
        Observation(
            outcomes=tuple(Outcome(value=[np.full((2, 2), 9.0 + i)]) for i in range(count))
        ),
        Observation(outcomes=(Outcome(error=strange),) * count),
        Observation(constructed=Outcome(error=strange)),
    ]


@pytest.mark.parametrize("clause_id", WITHOUT_MISTAKE)
@pytest.mark.filterwarnings("ignore")
def test_the_check_rejects_a_wrong_observation(clause_id: str) -> None:
    assert any(
        _judged_wrong(check, case, observation, traits)
        for check in CHECKS.of(clause_id)
        for family in check.families
        for case in _cases(family)
        for traits in ON_TENSORFLOW
        if check.applies(case, traits)
        for observation in _nonsense(case)
    )


@functools.cache
def _cases(family: str):
    if FAMILIES[family].fixed:
        return FAMILIES[family].fixed
    found = []

    class _Collector:
        name = spec = "collector"
        mode = "eager"

        def observe(self, case):
            found.append(case)
            return Observation(not_tried="only collected")

    explore(
        Evidence(),
        FAMILIES[family],
        _Collector(),
        Traits(tensorflow=True),
        examples=20,
        run_seed=0,
        progress=lambda _: None,
    )
    return tuple(found)


def _judged_wrong(check, case, observation: Observation, traits: Traits) -> bool:
    try:
        return check.judge(View(case, observation, Expectation(case), traits)) is not None
    except Misbehaved:
        return False  # whoever asks for a value finds out that there is none
    except (TypeError, AttributeError, ValueError, KeyError, IndexError):
        return False  # a check may assume the form of what a backend gives


CLAIMS = [clause.id for clause in all_clauses() if clause.claim is not None]


@pytest.mark.parametrize("clause_id", CLAIMS)
def test_a_claim_is_a_check_and_has_a_script(clause_id: str) -> None:
    (clause,) = [c for c in all_clauses() if c.id == clause_id]
    assert CHECKS.of(clause_id, claims=True)
    assert clause.script
