"""SIT, and what other chapters say about situations: whatever surrounds a step, the answer is the same."""

from __future__ import annotations

from conformance.cases.situations import FAMILIES
from conformance.checks.check import Check
from conformance.checks.view import View
from conformance.model.case import Case
from conformance.model.situation import MEMORY, SHARING, THREADS
from conformance.model.traits import Traits
from conformance.oracle.comparison import Mismatch


def check_situation(view: View) -> Mismatch | None:
    """Every other clause that holds for the case in plain surroundings holds in the situation, too."""
    return view.apart()


def _about(clause: str) -> Check:
    def applies(case: Case, _: Traits) -> bool:
        return case.situation is not None and case.situation.kind.clause == clause

    return Check(clause, check_situation, tuple(FAMILIES), applies, claims=False)


#: How arrays lie in memory.
check_memory = _about(MEMORY)
#: Arrays that the caller goes on using.
check_sharing = _about(SHARING)
#: A second thread.
check_threads = _about(THREADS)
#: The same steps, and other sizes, before.
check_repetition = _about("VAL-02")
#: Parts of a batch.
check_batches = _about("DTYPE-06")
#: Other weights and other layers before.
check_staleness = _about("LIFE-01")
