"""At which step of a case a process dies or hangs."""

from __future__ import annotations

import attrs

from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects import Subject, renew

#: So often each part of a case is run.
TIMES = 3


def until_it_dies(subject: Subject, case: Case) -> tuple[int | None, Observation]:
    """Return the step at which the subject's process ends, and the outcomes before that step with the end.

    The case is run again up to its first step, its second, and so on: what ends it does so once more. The process
    is a fresh one: where an earlier case has damaged its memory, it may end at any step. Each part is run `TIMES`:
    a process may live on for a while after such damage.

    Returns:
        The step is None where the constructor is enough.

    Raises:
        LookupError: the process does not end again, or is not asked any more.
    """
    renew(subject)
    before = Observation()
    for count in range(len(case.steps) + 1):
        part = attrs.evolve(case, steps=case.steps[:count])
        for _ in range(TIMES):
            observation = subject.observe(part)
            if observation.crash is not None:
                return count - 1 if count else None, attrs.evolve(before, crash=observation.crash)
            if observation.not_tried is not None or not _goes_on(observation):
                raise LookupError(f"{subject.name} is not asked on with {case.id}")
        before = observation
    raise LookupError(f"{subject.name} does not end on {case.id} again")


def _goes_on(observation: Observation) -> bool:
    made = observation.constructed
    return made.error is None and made.unsupported is None
