"""Failures asked again in a process that has done nothing before.

What a subject's process has done can change what it does later: memory that was overwritten, a table that is kept.
Then a case fails that is right by itself, and its clause is not to blame.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from conformance.checks import CHECKS, NotTried, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import Failure, HarnessError, first_failure
from conformance.subjects import Subject, renew
from conformance.subjects.processes.process import TIMED_OUT

#: The clause that such a failure belongs to.
WHAT_CAME_BEFORE = "VAL-02"
#: What is said of it.
TOLD = "depends on what its process did before: a fresh process gives the right result"
#: So many processes are started for one subject, and so many for a clause.
STARTS, STARTS_EACH = 30, 8


@attrs.define(eq=False)
class Afresh:
    """Asks a subject again, in fresh processes.

    Args:
        subject, traits: of the run.
    """

    _subject: Subject
    _traits: Traits
    _starts: int = 0

    def own(self, clause: str, failures: Sequence[Failure]) -> list[Failure]:
        """Return the failures without those at the beginning that a fresh process does not repeat.

        The first one that is left is repeated, unless as many processes were started as may be; those after it are
        not asked about. What fails in a process after others is asked once more by itself.

        Args:
            clause: the clause that fails.
            failures: its failures, those to be shown first.
        """
        starts = 0
        for place, failure in enumerate(failures):
            rest = list(failures[place:])
            if not _may_depend(failure):
                return rest
            if place and not self._fails(clause, failure):
                continue
            if starts == STARTS_EACH or not self._start():
                return rest
            starts += 1
            if self._fails(clause, failure):
                return rest
        return []

    def repeats(self, clause: str, failure: Failure) -> bool:
        """Tell whether a failure is one in a fresh process, too; True where no more is started."""
        return not _may_depend(failure) or not self._start() or self._fails(clause, failure)

    def _start(self) -> bool:
        """Have the next case start a process; tell whether one may be started."""
        if self._starts >= STARTS:
            return False
        self._starts += 1
        renew(self._subject)
        return True

    def _fails(self, clause: str, failure: Failure) -> bool:
        """Tell whether the clause fails on the case in the process as it is."""
        alone = Evidence()
        try:
            found = first_failure(
                alone, CHECKS.of(clause), failure.case, self._subject, self._traits
            )
        except (NotTried, HarnessError):
            return True
        return found is not None


def _may_depend(failure: Failure) -> bool:
    """Tell whether a failure is of a kind that is asked again: a wrong result, or a process that ended.

    An exception is what the subject says of the case, and another hang would take as long.
    """
    mismatch = failure.mismatch
    return TIMED_OUT not in mismatch.message and (failure.status == "fail" or mismatch.got is None)
