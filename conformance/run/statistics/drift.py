"""Drift: where releases of TensorFlow did different things on the same cases.

The clauses already allow for known differences, so a run over several releases can conform everywhere and
still have drifted. What drifted is read off the observations, not off the verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from conformance.checks import CHECKS
from conformance.model.case import Case
from conformance.model.observation import Observation, Outcome
from conformance.model.steps import SetWeights
from conformance.model.values.codec import Value, is_told, type_name
from conformance.oracle.comparison import describe
from conformance.run.participants.participant import Participant
from conformance.subjects import Subject
from reports.records.record import Difference, Drift

#: Relative to the largest element: releases may sum in another order, which is no drift.
_ROUNDING = 1e-3


def find_drift(
    pairs: Sequence[tuple[Participant, Participant]],
    clauses: Sequence[str],
    cases: Iterable[Case],
    observation: Callable[[Subject, Case], Observation | None],
) -> list[Drift]:
    """Compare releases, clause by clause, on the cases that both have run.

    Args:
        pairs: participants of the same mode, the older release first.
        clauses: ids of the clauses to compare.
        cases: the run's cases.
        observation: what a subject did with a case, None where it has not run it.

    Returns:
        The clauses on which a pair differs, pair by pair.
    """
    by_family: dict[str, list[Case]] = {}
    for case in cases:
        by_family.setdefault(case.family, []).append(case)
    found: list[Drift] = []
    for pair in pairs:
        before, after = (participant.subject for participant in pair)
        for clause in clauses:
            compared = 0
            differences: list[Difference] = []
            families = CHECKS.families(clause)
            for case in (case for family in families for case in by_family.get(family.name, ())):
                if not any(
                    case.family in check.families and check.applies(case, participant.traits)
                    for check in CHECKS.of(clause)
                    for participant in pair
                ):
                    continue
                one, other = observation(before, case), observation(after, case)
                if one is not None and other is not None:
                    compared += 1
                    differences += _difference(case, one, other)
            if differences:
                drift = Drift(
                    clause=clause,
                    mode=before.mode,
                    before=before.name,
                    after=after.name,
                    cases=compared,
                    differing=len(differences),
                    example=differences[0],
                )
                found.append(drift)
    return found


def _difference(case: Case, one: Observation, other: Observation) -> list[Difference]:
    """Return the first difference of the two, where there is one."""

    def at(step: str, before: str, after: str) -> list[Difference]:
        return [Difference(_in_words(case), step, before, after, case.id)]

    if (one.crash is None) != (other.crash is None):
        return at("the whole case", _end(one), _end(other))
    pairs = [("construct", one.constructed, other.constructed)]
    names = [step.tag for step in case.steps]
    pairs += list(zip(names, one.outcomes, other.outcomes))
    for name, before, after in pairs:
        if _differ(before, after, _is_determined(case)):
            return at(name, _outcome(before), _outcome(after))
    return []


def _is_determined(case: Case) -> bool:
    """Tell whether the case's numbers are: weights that were neither set nor named are random."""
    return "kernel_initializer" in case.arguments or any(
        isinstance(step, SetWeights) for step in case.steps
    )


def _differ(one: Outcome, other: Outcome, is_determined: bool) -> bool:
    if one.error is not None or other.error is not None:
        return _error_name(one) != _error_name(other)
    if one.unsupported is not None or other.unsupported is not None:
        return (one.unsupported is None) != (other.unsupported is None)
    return _values_differ(one.value, other.value, is_determined)


def _error_name(outcome: Outcome) -> str | None:
    return None if outcome.error is None else outcome.error.name


def _values_differ(one: Value, other: Value, is_determined: bool) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or one.dtype.name != other.dtype.name:
            return True
        if one.dtype.kind not in "fiubV" or one.size == 0 or not is_determined:
            return False
        a, b = one.astype(np.float64), other.astype(np.float64)
        finite = a[np.isfinite(a)]
        scale = float(np.max(np.abs(finite), initial=0.0))
        return not bool(np.allclose(a, b, rtol=_ROUNDING, atol=_ROUNDING * scale, equal_nan=True))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) != len(other) or any(
            _values_differ(a, b, is_determined) for a, b in zip(one, other)
        )
    if is_told(one) and is_told(other):
        return type_name(one) != type_name(other)  # a repr may hold an address
    if isinstance(one, float) and isinstance(other, float):
        return not np.isclose(one, other, rtol=_ROUNDING, equal_nan=True)
    return type(one) is not type(other) or bool(one != other)


def _end(observation: Observation) -> str:
    return observation.crash or "runs to its end"


def _outcome(outcome: Outcome) -> str:
    if outcome.error is not None:
        return str(outcome.error)
    if outcome.unsupported is not None:
        return f"unsupported: {outcome.unsupported}"
    value = outcome.value
    if isinstance(value, list) and all(
        isinstance(item, np.ndarray) and item.size == 1 for item in value
    ):
        return "[" + ", ".join(f"{float(item.reshape(-1)[0]):.6g}" for item in value) + "]"
    return describe(value)


def _in_words(case: Case) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in case.arguments.items())
