"""Names the mistake behind a finding, or describes the difference.

A finding *equals* a known mistake where that mistake, run on the same cases, does what the subject did: on
every case the clause failed on, on the other cases of the same families, on fresh ones, and on cases of the
clauses that the mistake is known to fail. Where no known mistake does, a description that fits every failing
case is offered as what the difference *looks like*. Where nothing fits, nothing is said: a wrong diagnosis is
worse than none.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from conformance.cases import FAMILIES
from conformance.checks import CHECKS
from conformance.findings.differences import described
from conformance.judge.campaign import drawn_cases
from conformance.judge.workbench import Failure, Workbench
from conformance.model.case import Case
from conformance.model.codec import Array, Value
from conformance.model.dtypes import SIGNIFICAND_BITS
from conformance.model.observation import Observation, Outcome
from conformance.oracle.tolerance import unit_roundoff
from conformance.subjects import Subject
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

if TYPE_CHECKING:
    from conformance.strength.mistakes import Mistake

#: So many failing cases of a subject a known mistake must reproduce to be named without "looks like".
ENOUGH = 3
#: Failing cases, other cases of the run, and fresh cases that are compared at most.
FAILING, OTHERS, FRESH = 60, 60, 20
#: Cases of the clauses that a known mistake is expected to fail, whatever the finding's clause.
ELSEWHERE = 24
#: More mistakes than this that cannot be told apart say nothing.
TOO_MANY = 3
#: The index of no step, where nothing is known to be wrong.
NOWHERE = -1
#: A finding's diagnosis stops looking after so many seconds.
SECONDS = 15.0


class Diagnostician:
    """Diagnoses the findings of one run; what known mistakes do is computed once.

    Args:
        workbench: the run's.
        examples, run_seed: the run's, by which its cases are known again.
        left_out: ids of known mistakes not to consider.
    """

    def __init__(
        self,
        workbench: Workbench,
        *,
        examples: int,
        run_seed: int,
        left_out: Collection[str] = (),
    ) -> None:
        self._bench = workbench
        self._examples, self._seed = examples, run_seed
        self._left_out = frozenset(left_out)
        self._observed: dict[tuple[str, str, int], Observation] = {}
        # What each known mistake has explained of each subject: ids of failing cases.
        self._explained: dict[tuple[str, str], set[str]] = {}

    def diagnose(self, subject: Subject, clause: str, failures: Sequence[Failure]) -> str | None:
        """Return what is wrong, in a sentence; None where that cannot be told.

        Args:
            subject: whose finding it is.
            clause: the clause that failed.
            failures: every failing case of it.
        """
        return self._known(subject, clause, failures) or described(failures)

    def _known(self, subject: Subject, clause: str, failures: Sequence[Failure]) -> str | None:
        from conformance.strength.mistakes import MISTAKES

        deadline = time.monotonic() + SECONDS
        telling = {f.case.id: f.case for f in failures[:FAILING]}
        wrong = {f.case.id: f.mismatch.step for f in failures[:FAILING]}
        # Whoever explained one finding of this run explains the next one, most likely.
        expected = [m.id for m in MISTAKES.values() if clause in m.clauses]
        order = dict.fromkeys([*(name for _, name in self._explained), *expected, *MISTAKES])
        suspects = [MISTAKES[name] for name in order if name not in self._left_out]
        for cases in ([*telling.values()], self._others(subject, failures), self._fresh(failures)):
            for case in cases:
                if not suspects or time.monotonic() > deadline:
                    return None
                seen = self._bench.observation(subject, case)
                if seen.not_tried is not None:
                    return None
                step = wrong.get(case.id, NOWHERE)
                suspects = [m for m in suspects if self._fits(m, case, seen, step)]
        suspects = [m for m in suspects if self._fits_elsewhere(m, subject, deadline)]
        if not suspects or len(suspects) > TOO_MANY:
            return None
        for mistake in suspects:
            self._explained.setdefault((subject.name, mistake.id), set()).update(telling)
        first, *more = suspects
        certain = len(self._explained[subject.name, first.id]) >= ENOUGH
        others = " and ".join(mistake.id for mistake in more)
        return (
            f"{'equals' if certain else 'looks like'} the known mistake {first.id}: {first.text}"
            + (f" ({others} cannot be told from it here)" if more else "")
        )

    def _fits(self, mistake: Mistake, case: Case, seen: Observation, wrong: int | None) -> bool:
        """Tell whether the mistake does what was seen; the step that is `wrong` must be repeatable."""
        does = self._does(mistake, case)
        if agree(seen, does):
            return True
        free = changing(does, self._does(mistake, case, again=1))
        return bool(free) and wrong not in free and agree(seen, does, free)

    def _fits_elsewhere(self, mistake: Mistake, subject: Subject, deadline: float) -> bool:
        """Tell whether the subject also errs where the mistake is known to."""
        clauses = [check for check in CHECKS if check.clause in mistake.clauses]
        names = dict.fromkeys(name for check in clauses for name in sorted(check.families))
        for name in names:
            for case in self._of_run(name)[: -(-ELSEWHERE // len(names))]:
                seen = self._bench.observation(subject, case)
                if time.monotonic() > deadline or seen.not_tried is not None:
                    return False
                if not self._fits(mistake, case, seen, NOWHERE):
                    return False
        return True

    def _does(self, mistake: Mistake, case: Case, again: int = 0) -> Observation:
        key = mistake.id, case.id, again
        if key not in self._observed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._observed[key] = observe(case, LayerBackend(mistake.layer))
        return self._observed[key]

    def _others(self, subject: Subject, failures: Sequence[Failure]) -> list[Case]:
        """Return cases of the run, right and wrong, that the subject has done."""
        found = [
            case
            for name in _families(failures)
            for case in self._of_run(name)
            if self._bench.past_observation(subject, case) is not None
        ]
        return found[:: max(1, -(-len(found) // OTHERS))]

    def _of_run(self, family: str) -> list[Case]:
        """Return the cases of the run, drawn ones first."""
        found = FAMILIES[family]
        drawn = drawn_cases(found, examples=self._examples, run_seed=self._seed)
        return [*drawn, *found.fixed]

    def _fresh(self, failures: Sequence[Failure]) -> list[Case]:
        """Return cases that the run has not seen."""
        return [
            case
            for name in _families(failures)
            for case in drawn_cases(FAMILIES[name], examples=FRESH, run_seed=self._seed + 1)
        ][:FRESH]


def _families(failures: Sequence[Failure]) -> list[str]:
    return [name for name in dict.fromkeys(f.case.family for f in failures) if name in FAMILIES]


def agree(one: Observation, other: Observation, free: Collection[int] = ()) -> bool:
    """Tell whether two layers did the same, up to rounding; what either lacks counts for nothing.

    Of steps that are `free`, such as a call with random weights, shapes and dtypes must be the same.
    """
    if not _same_outcome(one.constructed, other.constructed):
        return False
    return all(
        _same_outcome(a, b, alike=index in free)
        for index, (a, b) in enumerate(zip(one.outcomes, other.outcomes))
    )


def changing(one: Observation, other: Observation) -> frozenset[int]:
    """Return the steps that gave other values the second time."""
    return frozenset(
        index
        for index, (a, b) in enumerate(zip(one.outcomes, other.outcomes))
        if not _same_outcome(a, b)
    )


def _same_outcome(one: Outcome, other: Outcome, *, alike: bool = False) -> bool:
    if one.unsupported is not None or other.unsupported is not None:
        return True
    if one.error is None or other.error is None:
        same_kind = one.error is other.error
        if not same_kind or (one.modified or ()) != (other.modified or ()):
            return False
        return (_alike if alike else _same)(one.value, other.value)
    common = set(one.error.types) & set(other.error.types)
    return bool(common - {"Exception", "BaseException"})


def _same(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.shape == other.shape and one.dtype == other.dtype and _close(one, other)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return type(one) is type(other) and bool(one == other)


def _alike(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return bool(one.shape == other.shape and one.dtype == other.dtype)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(_alike(a, b) for a, b in zip(one, other))
    return type(one) is type(other)


def _close(one: Array, other: Array) -> bool:
    """Tell whether two arrays are one result rounded on two ways."""
    if one.dtype.name not in SIGNIFICAND_BITS or not one.size:
        return bool(np.array_equal(one, other))
    a, b = one.astype(np.float64), other.astype(np.float64)
    finite = b[np.isfinite(b)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    return bool(
        np.allclose(a, b, rtol=0, atol=32 * unit_roundoff(one.dtype.name) * largest, equal_nan=True)
    )
