"""What is refused in a situation, and is refused without it as well: that tells nothing about the situation.

A situation asks for more than the case does: another layer in between, smaller and larger images, a larger batch.
A layer that does not offer these refuses them, whatever came before.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from conformance.judge.evidence import Evidence
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error
from conformance.oracle.comparison import Mismatch
from conformance.subjects import Subject
from conformance.subjects.situations import OF_BATCHES
from reports.records.messages import normalised


def is_refused_alone(evidence: Evidence, case: Case, found: Mismatch, subject: Subject) -> bool:
    """Tell whether the step that raises in a case's situation raises the same where nothing came before it."""
    if found.step is None or found.got is None:
        return False
    raised = Error(**found.got)
    return any(
        other is not None and alike(other, raised)
        for other in (_raised(evidence, alone, subject) for alone in _alone(case, found.step))
    )


def _alone(case: Case, step: int) -> Iterator[Case]:
    """Yield cases whose last step, or constructor, is the step without what surrounds it."""
    assert case.situation is not None
    this, plain = case.steps[step], case.without_situation
    if case.situation.name in OF_BATCHES and isinstance(this, steps.Call):
        before = _needed(case.steps[:step])
        first, rest = this.inputs[: len(this.inputs) // 2], this.inputs[len(this.inputs) // 2 :]
        for inputs in (first, rest, np.concatenate([this.inputs, this.inputs])):
            yield attrs.evolve(plain, steps=(*before, attrs.evolve(this, inputs=inputs)))
    if step not in case.situation.aside:
        return
    made = [
        n for n in case.situation.aside if n <= step and isinstance(case.steps[n], steps.Construct)
    ]
    if not made:
        yield attrs.evolve(plain, steps=(*_needed(case.steps[:step]), this))
        return
    other = case.steps[made[-1]]
    assert isinstance(other, steps.Construct)
    own = () if this is other else (*_needed(case.steps[made[-1] : step]), this)
    yield attrs.evolve(plain, arguments=other.arguments, steps=own)


def _needed(before: tuple[steps.Step, ...]) -> tuple[steps.Step, ...]:
    """Return the steps that give a layer its weights, the last ones alone."""
    kinds = steps.Build, steps.SetWeights
    last = {type(one): one for one in before if isinstance(one, kinds)}
    return tuple(last[kind] for kind in kinds if kind in last)


def _raised(evidence: Evidence, case: Case, subject: Subject) -> Error | None:
    seen = evidence.observation(subject, case)
    return (seen.outcomes[-1] if seen.outcomes else seen.constructed).error


def alike(one: Error, other: Error) -> bool:
    """Tell whether two exceptions say the same, numbers and addresses apart."""
    told = [normalised(error.told) for error in (one, other)]
    return one.types == other.types and told[0] == told[1]
