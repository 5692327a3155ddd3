"""Names the mistake behind a finding, or describes the difference.

A finding *equals* a known mistake where that mistake, run on the same cases, does what the subject did: on
every case the clause failed on, on the other cases of the same families, and on fresh ones. Where no known
mistake does, a description that fits every failing case is offered as what the difference *looks like*.
Where nothing fits, nothing is said: a wrong diagnosis is worse than none.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conformance import case as steps
from conformance.campaign import drawn_cases
from conformance.case import Case
from conformance.interpreter import observe
from conformance.observation import Observation, Outcome
from conformance.strategies import FAMILIES
from conformance.subjects import Subject
from conformance.subjects.layer import LayerBackend
from conformance.tolerance import SIGNIFICAND_BITS, unit_roundoff
from conformance.values import Array, Value
from conformance.workbench import Failure, Workbench

if TYPE_CHECKING:
    from conformance.mistakes import Mistake

#: So many failing cases of a subject a known mistake must reproduce to be named without "looks like".
ENOUGH = 3
#: Failing cases, other cases of the run, and fresh cases that are compared at most.
FAILING, OTHERS, FRESH = 60, 60, 20
#: More mistakes than this that cannot be told apart say nothing.
TOO_MANY = 3
#: A finding's diagnosis stops looking after so many seconds.
SECONDS = 10.0


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
        self._observed: dict[tuple[str, str], Observation] = {}
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
        from conformance.mistakes import MISTAKES

        deadline = time.monotonic() + SECONDS
        telling = {f.case.id: f.case for f in failures[:FAILING]}
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
                suspects = [m for m in suspects if agree(seen, self._does(m, case))]
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

    def _does(self, mistake: Mistake, case: Case) -> Observation:
        key = mistake.id, case.id
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
            for case in (
                *FAMILIES[name].fixed,
                *drawn_cases(FAMILIES[name], examples=self._examples, run_seed=self._seed),
            )
            if self._bench.past_observation(subject, case) is not None
        ]
        return found[:: max(1, -(-len(found) // OTHERS))]

    def _fresh(self, failures: Sequence[Failure]) -> list[Case]:
        """Return cases that the run has not seen."""
        return [
            case
            for name in _families(failures)
            for case in drawn_cases(FAMILIES[name], examples=FRESH, run_seed=self._seed + 1)
        ][:FRESH]


def _families(failures: Sequence[Failure]) -> list[str]:
    return [name for name in dict.fromkeys(f.case.family for f in failures) if name in FAMILIES]


def agree(one: Observation, other: Observation) -> bool:
    """Tell whether two layers did the same, up to rounding; what either lacks counts for nothing."""
    if not _same_outcome(one.constructed, other.constructed):
        return False
    return all(_same_outcome(a, b) for a, b in zip(one.outcomes, other.outcomes))


def _same_outcome(one: Outcome, other: Outcome) -> bool:
    if one.unsupported is not None or other.unsupported is not None:
        return True
    if one.error is None or other.error is None:
        same_kind = one.error is other.error
        return same_kind and one.modified == other.modified and _same(one.value, other.value)
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


def described(failures: Sequence[Failure]) -> str | None:
    """Return a description that fits every failing case, None where none does.

    The failures must be of numbers: an array expected, and an array of its shape given.
    """
    pairs = []
    for failure in failures[:FAILING]:
        right, got = failure.mismatch.expected, failure.mismatch.got
        if not isinstance(right, np.ndarray) or not isinstance(got, np.ndarray):
            return None
        if right.shape != got.shape or not _is_call(failure):
            return None
        pairs.append((failure, right.astype(np.float64), got.astype(np.float64)))
    if len(pairs) < ENOUGH:
        return None
    for describe in _DESCRIPTIONS:
        first, *others = [dict.fromkeys(describe(*pair)) for pair in pairs]
        for text in first:
            if all(text in other for other in others):
                return f"looks like {text}"
    return None


def _is_call(failure: Failure) -> bool:
    step = failure.mismatch.step
    return step is not None and isinstance(failure.case.steps[step], steps.Call)


def _spatial(case: Case) -> tuple[int, int]:
    return (2, 3) if case.argument("data_format", "channels_last") == "channels_first" else (1, 2)


def _channels(case: Case) -> int:
    return 1 if case.argument("data_format", "channels_last") == "channels_first" else 3


def _near(one: Array, other: Array) -> bool:
    finite = other[np.isfinite(other)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    return bool(np.allclose(one, other, rtol=1e-5, atol=1e-6 * largest, equal_nan=True))


def _precisions(failure: Failure, _: Array, __: Array) -> Iterator[str]:
    mismatch, dtype = failure.mismatch, str(failure.case.argument("dtype", "float32"))
    if mismatch.scaled_error is None or dtype not in ("float32", "float64"):
        return
    relative = mismatch.scaled_error * unit_roundoff(dtype)
    formats = [("TF32 or float16", 2.0**-10), ("bfloat16", 2.0**-7)]
    if dtype == "float64":
        formats.insert(0, ("float32", 2.0**-23))
    for name, coarsest in formats:
        if relative <= coarsest:
            yield f"{dtype} computed less precisely than claimed, like {name}"


def _shifts(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4:
        return
    ways = [(down, along) for down in range(-2, 3) for along in range(-2, 3) if down or along]
    for way in sorted(ways, key=lambda way: abs(way[0]) + abs(way[1])):
        here: list[Any] = [slice(None)] * 4
        there: list[Any] = [slice(None)] * 4
        for axis, by in zip(_spatial(failure.case), way):
            here[axis] = slice(max(by, 0), right.shape[axis] + min(by, 0))
            there[axis] = slice(max(-by, 0), right.shape[axis] + min(-by, 0))
        moved = right[tuple(there)]
        enough = 2 * moved.size >= right.size and len(np.unique(moved)) > 2
        if enough and _near(got[tuple(here)], moved):
            yield f"the right result shifted by {way}"


def _turns(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4:
        return
    height, width = _spatial(failure.case)
    changed: dict[str, Callable[[], Array]] = {
        "its spatial axes exchanged": lambda: np.swapaxes(right, height, width),
        "its rows reversed": lambda: np.flip(right, height),
        "its columns reversed": lambda: np.flip(right, width),
        "its rows and columns reversed": lambda: np.flip(right, (height, width)),
        "its channels reversed": lambda: np.flip(right, _channels(failure.case)),
    }
    for text, change in changed.items():
        turned = change()
        if turned.shape == got.shape and _near(got, turned):
            yield f"the right result with {text}"


def _factors(_: Failure, right: Array, got: Array) -> Iterator[str]:
    if not np.isfinite(right).all() or not np.any(right):
        return
    place = np.unravel_index(int(np.argmax(np.abs(right))), right.shape)
    factor = got[place] / right[place]
    if np.isfinite(factor) and _near(got, right * factor):
        yield f"the right result times {factor:.4g}"


def _constants(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4 or not np.isfinite(right).all() or not np.isfinite(got).all():
        return
    axis = _channels(failure.case)
    pixels = right.size // max(1, right.shape[axis])
    others = tuple(a for a in range(4) if a != axis)
    difference = got - right
    constant = difference.mean(axis=others, keepdims=True)
    if pixels > 1 and _near(right + constant, got):
        yield "the right result plus a constant per channel"


def _places(failure: Failure, right: Array, got: Array) -> Iterator[str]:
    if right.ndim != 4:
        return
    with np.errstate(invalid="ignore"):
        largest = float(np.max(np.abs(right), initial=0.0, where=np.isfinite(right)))
        wrong = ~(np.abs(got - right) <= 1e-6 * largest) & ~(np.isnan(got) & np.isnan(right))
    where = np.nonzero(wrong)
    if not len(where[0]):
        return
    for name, axis in zip(("row", "column"), _spatial(failure.case)):
        last = right.shape[axis] - 1
        if last > 1 and set(where[axis]) == {0}:
            yield f"a difference in the first {name} only"
        if last > 1 and set(where[axis]) == {last}:
            yield f"a difference in the last {name} only"
    if right.shape[0] > 1 and 0 not in where[0]:
        yield "a difference in the later images of a batch only"


#: From the most telling to the least.
_DESCRIPTIONS: tuple[Callable[[Failure, Array, Array], Iterator[str]], ...] = (
    _shifts,
    _turns,
    _factors,
    _precisions,
    _constants,
    _places,
)
