"""Drift: where releases of TensorFlow did different things on the same cases.

The clauses already allow for known differences, so a run over several releases can conform everywhere and
still have drifted. What drifted is read off the observations, not off the verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import numpy as np

from conformance.checks import CHECKS, Traits
from conformance.model.case import Case, SetWeights, step_name
from conformance.model.codec import Value
from conformance.model.observation import Observation, Outcome
from conformance.oracle.comparison import describe
from conformance.subjects import Subject

#: Relative to the largest element: releases may sum in another order, which is no drift.
_ROUNDING = 1e-3


@attrs.define
class Drift:
    """How one clause's cases went on two releases, in one mode.

    Args:
        clause, mode: what was compared.
        before, after: the subjects' names, the older release first.
        cases, differing: how many cases were compared, and on how many the two differ.
        example: the first difference in words: what was done, what each of the two did.
    """

    clause: str
    mode: str
    before: str
    after: str
    cases: int = 0
    differing: int = 0
    example: dict[str, Any] | None = None


def find_drift(
    pairs: Sequence[tuple[Subject, Subject]],
    clauses: Sequence[str],
    cases: Iterable[Case],
    traits: Callable[[Subject], Traits],
    observation: Callable[[Subject, Case], Observation | None],
) -> list[Drift]:
    """Compare releases, clause by clause, on the cases that both have run.

    Args:
        pairs: subjects of the same mode, the older release first.
        clauses: ids of the clauses to compare.
        cases: the run's cases.
        traits: a subject's traits.
        observation: what a subject did with a case, None where it has not run it.

    Returns:
        The clauses on which a pair differs, pair by pair.
    """
    by_family: dict[str, list[Case]] = {}
    for case in cases:
        by_family.setdefault(case.family, []).append(case)
    found: list[Drift] = []
    for before, after in pairs:
        for clause in clauses:
            checks = [c for c in CHECKS if c.clause == clause and not c.claims]
            families = dict.fromkeys(name for check in checks for name in check.families)
            drift = Drift(clause, before.mode, before.name, after.name)
            for case in (case for name in families for case in by_family.get(name, ())):
                if not any(
                    case.family in check.families and check.applies(case, traits(subject))
                    for check in checks
                    for subject in (before, after)
                ):
                    continue
                one, other = observation(before, case), observation(after, case)
                if one is not None and other is not None:
                    _compare(drift, case, one, other)
            if drift.differing:
                found.append(drift)
    return found


def _compare(drift: Drift, case: Case, one: Observation, other: Observation) -> None:
    drift.cases += 1
    difference = _difference(case, one, other)
    if difference is not None:
        drift.differing += 1
        if drift.example is None:
            drift.example = {"case": case.id, "arguments": _in_words(case), **difference}


def _difference(case: Case, one: Observation, other: Observation) -> dict[str, str] | None:
    if (one.crash is None) != (other.crash is None):
        return {"step": "the whole case", "before": _end(one), "after": _end(other)}
    pairs = [("construct", one.constructed, other.constructed)]
    names = [step_name(step) for step in case.steps]
    pairs += list(zip(names, one.outcomes, other.outcomes))
    for name, before, after in pairs:
        if _differ(before, after, _is_determined(case)):
            return {"step": name, "before": _outcome(before), "after": _outcome(after)}
    return None


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
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == {"type", "repr"}:
        return bool(one["type"] != other.get("type"))  # a repr may hold an address
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
