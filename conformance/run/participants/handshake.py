"""The first words with a program: one that breaks the protocol on each case is no subject."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.steps import Build, Call, SetWeights
from conformance.model.values.codec import in_a_line
from conformance.run.participants.plainest import FAMILY
from conformance.subjects import Subject
from conformance.subjects.processes.process import TIMED_OUT
from reports.views.enumeration import how_many


def broken_protocol(subject: Subject) -> str | None:
    """Return how a program breaks the protocol; None where it answers one of two plain cases in the right form.

    A layer may be wrong, refuse the cases or die of one of them: that is the run's matter.
    """
    first = None
    for case in _cases():
        told = _broken(subject.observe(case), len(case.steps))
        if told is None:
            return None
        first = first or told
        if told.startswith(TIMED_OUT):
            break  # who is silent once is not waited for again
    return in_a_line(first or "", 300)


def _broken(seen: Observation, steps: int) -> str | None:
    if seen.crash is not None:
        return seen.crash
    constructed = seen.constructed
    if (
        constructed.error is None
        and constructed.unsupported is None
        and len(seen.outcomes) != steps
    ):
        return f"gave {how_many(len(seen.outcomes), 'outcome')} for {how_many(steps, 'step')}"
    return None


def _cases() -> Iterator[Case]:
    """Yield a layer of one filter and one channel: built, given weights and called; and made alone."""
    ones = np.ones((1, 1, 1, 1), np.float32)
    steps = Build((1, 1, 1, 1)), SetWeights((ones, np.zeros(1, np.float32))), Call(ones)
    given = {"filters": 1, "kernel_size": [1, 1]}
    yield Case(FAMILY, given, steps)
    yield Case(FAMILY, given, (Build((1, 1, 1, 1)),))
