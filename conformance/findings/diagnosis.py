"""Names the mistake behind a finding, or describes the difference.

A finding *equals* a known mistake where that mistake, run on the same cases, does what the subject did: on
every case the clause failed on, on the other cases of the same families, on fresh ones, and on cases of the
clauses that the mistake is known to fail. It must fail the clause on the same cases, too, and the two must share
a value that the right layer does not give: crashes and errors, which agree by their classes alone, name nobody.
Where no known mistake does, a description that fits every failing case is offered as what the difference
*looks like*. Where nothing fits, nothing is said: a wrong diagnosis is worse than none.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from conformance.cases import FAMILIES
from conformance.checks import CHECKS, NotSupported, NotTried, Traits, View
from conformance.findings.differences import described
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases
from conformance.judge.judging import Failure, HarnessError, judged
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
        workbench: Evidence,
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
        telling = {f.case.id: f for f in failures[:FAILING]}
        # Where the subject raised or died everywhere, nothing can be told from what it gave.
        if not any(failure.status == "fail" for failure in telling.values()):
            return None
        # Whoever explained one finding of this run explains the next one, most likely.
        expected = [m.id for m in MISTAKES.values() if clause in m.clauses]
        order = dict.fromkeys([*(name for _, name in self._explained), *expected, *MISTAKES])
        suspects = [MISTAKES[name] for name in order if name not in self._left_out]
        #: For each suspect the failing cases on which it gives the subject's very wrong value.
        shared: dict[str, set[str]] = {mistake.id: set() for mistake in suspects}
        failing = [failure.case for failure in telling.values()]
        for cases in (failing, self._others(subject, failures), self._fresh(failures)):
            for case in cases:
                if not suspects or time.monotonic() > deadline:
                    return None
                seen = self._bench.observation(subject, case)
                if seen.not_tried is not None:
                    return None
                failure = telling.get(case.id)
                step = NOWHERE if failure is None else failure.mismatch.step
                suspects = [m for m in suspects if self._fits(m, case, seen, step)]
                if failure is None:
                    continue
                suspects = [m for m in suspects if self._fails(m, clause, failure, seen)]
                for mistake in suspects:
                    if failure.status == "fail" and self._errs_alike(mistake, failure, seen):
                        shared[mistake.id].add(case.id)
            suspects = [m for m in suspects if shared[m.id]]
        suspects = [m for m in suspects if self._fits_elsewhere(m, subject, deadline)]
        if not suspects or len(suspects) > TOO_MANY:
            return None
        for mistake in suspects:
            self._explained.setdefault((subject.name, mistake.id), set()).update(shared[mistake.id])
        first, *more = suspects
        certain = len(self._explained[subject.name, first.id]) >= ENOUGH
        others = " and ".join(mistake.id for mistake in more)
        return (
            f"{'equals' if certain else 'looks like'} the known mistake {first.id}: {first.text}"
            + (f" ({others} cannot be told from it here)" if more else "")
        )

    def _fits(self, mistake: Mistake, case: Case, seen: Observation, wrong: int | None) -> bool:
        """Tell whether the mistake does what was seen; the step that is `wrong` must be repeatable."""
        if seen.constructed.unsupported is not None:
            return True  # what it lacks counts for nothing
        does = self._does(mistake.id, mistake.layer, case)
        if agree(seen, does):
            return True
        free = changing(does, self._does(mistake.id, mistake.layer, case, again=1))
        return bool(free) and wrong not in free and agree(seen, does, free)

    def _fails(self, mistake: Mistake, clause: str, failure: Failure, seen: Observation) -> bool:
        """Tell whether the mistake fails the clause on the case, and in the same way: wrong, or raising."""
        case, traits = failure.case, Traits()
        checks = CHECKS.of(clause)
        if not checks:  # a recorded case, whose value is wrong where it is the subject's
            return failure.status == "error" or self._errs_alike(mistake, failure, seen)
        does = self._does(mistake.id, mistake.layer, case)
        for check in checks:
            if check.applies(case, traits):
                view = View(case, does, self._bench.expectation(case), traits)
                with contextlib.suppress(NotSupported, NotTried, HarnessError):
                    found = judged(check, view, does, mistake.id)
                    if found is not None:
                        return found.status == failure.status
        return False

    def _errs_alike(self, mistake: Mistake, failure: Failure, seen: Observation) -> bool:
        """Tell whether both give, where the clause fails, one and the same value, and the right layer does not."""
        from fast_impl import Conv2DTranspose

        case, step = failure.case, failure.mismatch.step
        does, right = (
            [self._does(name, layer, case, again=again) for again in (0, 1)]
            for name, layer in ((mistake.id, mistake.layer), ("", Conv2DTranspose))
        )
        values = [
            one.value is not None
            for one, other in zip(seen.outcomes, does[0].outcomes)
            if _has_value(one) and _has_value(other)
        ]
        one, other, wanted = (_outcome(found, step) for found in (seen, does[0], right[0]))
        if one is None or not any(values) or not _has_value(one) or not _has_value(other):
            return False
        varies = step in changing(*does) | changing(*right)
        return wanted is None or not _same_outcome(one, wanted, alike=varies)

    def _fits_elsewhere(self, mistake: Mistake, subject: Subject, deadline: float) -> bool:
        """Tell whether the subject also errs where the mistake is known to."""
        names = [family.name for family in CHECKS.families(*mistake.clauses)]
        for name in names:
            for case in self._of_run(name)[: -(-ELSEWHERE // len(names))]:
                seen = self._bench.observation(subject, case)
                if time.monotonic() > deadline or seen.not_tried is not None:
                    return False
                if not self._fits(mistake, case, seen, NOWHERE):
                    return False
        return True

    def _does(self, name: str, layer: type, case: Case, again: int = 0) -> Observation:
        key = name, case.id, again
        if key not in self._observed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._observed[key] = observe(case, LayerBackend(layer))
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
    """Tell whether two layers did the same, up to rounding; a step that either lacks counts for nothing.

    Of steps that are `free`, such as a call with random weights, shapes and dtypes must be the same. A case that
    ended the process, or was not run, is like no other.
    """
    if any(seen.crash is not None or seen.not_tried is not None for seen in (one, other)):
        return False
    if len(one.outcomes) != len(other.outcomes):
        return False
    return _same_outcome(one.constructed, other.constructed) and all(
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


def _outcome(seen: Observation, step: int | None) -> Outcome | None:
    """Return what a step did, None where it was not come to; the step None is the constructor."""
    if step is None:
        return seen.constructed
    return seen.outcomes[step] if step < len(seen.outcomes) else None


def _has_value(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.error is None and outcome.unsupported is None


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
