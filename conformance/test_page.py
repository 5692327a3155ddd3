"""The page as a test suite: one item for each clause, subject and mode.

``pytest --pyargs conformance --subject path/to/file.py:MyLayer``
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.model.clauses import Clause
from conformance.run.participants.participant import Participant
from conformance.run.verdicts import Judgement
from reports.records import statuses
from reports.records.unseen import shown


def test_clause(
    participant: Participant,
    clause: Clause,
    judge: Callable[[Participant, Clause], Judgement],
) -> None:
    """Hold where the participant obeys the clause."""
    judgement = judge(participant, clause)
    status, reason = judgement.verdict.status, judgement.verdict.reason
    if statuses.status(status).skipped or status == "blocked":
        pytest.skip(shown(f"{status}: {reason}"))
    if status == "excused":
        pytest.xfail(shown(reason))
    if status != "pass":
        pytest.fail(shown(judgement.text), pytrace=False)
