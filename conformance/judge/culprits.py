"""Errors at a step that a clause does not ask about: whose matter they are.

A process that ends takes with it what the steps before have given, and a step that raises stands in the way of all
that is asked of it. Whoever asks for the step itself is to blame, and no clause that looks at the same case.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import attrs

from conformance.checks import CHECKS, Check, NotTried, Traits
from conformance.judge.crashes import until_it_dies
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, HarnessError, first_failure
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects import Subject
from conformance.subjects.process import TIMED_OUT

#: So many cases that end the process are run again, step by step: each ends it once more.
ENDED = 8
#: Whose matter it is that a step raises where it must not.
_OWNERS: Mapping[type[steps.Step], str] = {steps.Gradients: "GRAD-01"}
#: A clause, and how it fails.
Blamed: TypeAlias = tuple[str, Failure]


@attrs.define(eq=False)
class Culprits:
    """Who is to blame for a subject's errors; every case that ends its process is run again once.

    Args:
        evidence, subject, traits: of the run.
    """

    _evidence: Evidence
    _subject: Subject
    _traits: Traits
    _ended: dict[str, tuple[int | None, Observation | None]] = attrs.Factory(dict)
    #: The steps by which the process was seen to end, and whose matter that is.
    _deadly: dict[type[steps.Step], Blamed] = attrs.Factory(dict)

    def of(self, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause that is to blame for an error, with its failure; None where nobody else is.

        Args:
            clause: the clause that fails.
            failure: how it fails.
        """
        if failure.status != "error" or TIMED_OUT in failure.mismatch.message:
            return None
        if not is_crash(failure):
            return self._owner(self._evidence, clause, failure)
        case = failure.case
        if len(self._ended) >= ENDED and case.id not in self._ended:
            kinds = {type(step) for step in case.steps}
            return next((self._deadly[kind] for kind in self._deadly if kind in kinds), None)
        seen = self.until_it_ended(case)[1]
        if seen is None:
            return None
        evidence = Evidence(beside=self._evidence)
        evidence.note_observed(self._subject, [(case, seen)])
        own = next(self._failures(evidence, CHECKS.of(clause), case), None)
        if own is None:
            return self._first(evidence, CHECKS.applying(case, self._traits), case)
        return self._owner(evidence, *own)

    def until_it_ended(self, case: Case) -> tuple[int | None, Observation | None]:
        """Return at which step of the case the process ends, and what it does before that.

        Where it does not end again, that is the last step.
        """
        if case.id not in self._ended:
            try:
                self._ended[case.id] = until_it_dies(self._subject, case)
            except LookupError:
                self._ended[case.id] = len(case.steps) - 1 if case.steps else None, None
        return self._ended[case.id]

    def _owner(self, evidence: Evidence, clause: str, failure: Failure) -> Blamed | None:
        """Return the clause whose matter it is that a step raises, where it fails at that step, too."""
        case, step = failure.case, failure.mismatch.step
        owner = None if step is None else _OWNERS.get(type(case.steps[step]))
        if owner is None or owner == clause:
            return None
        blamed = self._first(evidence, CHECKS.of(owner), case)
        if blamed is None or (blamed[1].status, blamed[1].mismatch.step) != ("error", step):
            return None
        return blamed

    def _first(self, evidence: Evidence, checks: Iterable[Check], case: Case) -> Blamed | None:
        """Return the first clause that fails on the case."""
        blamed = next(self._failures(evidence, checks, case), None)
        if blamed is not None:
            clause, found = blamed
            if is_crash(found) and found.mismatch.step is not None:
                self._deadly.setdefault(type(case.steps[found.mismatch.step]), (clause, found))
        return blamed

    def _failures(
        self, evidence: Evidence, checks: Iterable[Check], case: Case
    ) -> Iterator[Blamed]:
        for check in checks:
            if check.claims:
                continue
            with contextlib.suppress(NotTried, HarnessError):
                failure = first_failure(evidence, [check], case, self._subject, self._traits)
                if failure is not None:
                    yield check.clause, failure


def is_crash(failure: Failure) -> bool:
    """Tell whether the failure is that the process ended."""
    return failure.status == "error" and failure.mismatch.got is None
