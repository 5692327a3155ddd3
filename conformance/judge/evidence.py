"""Evidence: what subjects did with cases, and what the oracle expects of them, each computed once.

What the oracle expects depends on the case alone, so it is remembered for all runs of a process.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from conformance.cases.aspects import main_step, traits_of
from conformance.cases.space import first_call, values_of
from conformance.checks import Check
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.values.codec import in_a_line
from conformance.oracle.expectation import Expectation
from conformance.subjects import Subject

_Key: TypeAlias = tuple[str, str, str]

#: So many expectations are remembered in a process; what is forgotten is computed again.
EXPECTATIONS = 5000
#: So many of them of cases whose arrays have more elements than this: matrix products make these at once.
LARGE_ONES, LARGE = 4, 5000
_expectations: OrderedDict[str, Expectation] = OrderedDict()
_large: OrderedDict[str, Expectation] = OrderedDict()


def forget_expected() -> None:
    """Have the oracle asked anew, whoever has asked it before."""
    _expectations.clear()
    _large.clear()


@attrs.frozen
class Explored:
    """One of the run's own cases that was judged.

    Args:
        id: the case's.
        traits: in what it is not ordinary.
        lack: why the subject has no result that the case is about; None where it has one.
    """

    id: str
    traits: tuple[str, ...]
    lack: str | None


class Evidence:
    """Cases and observations of a run.

    Args:
        keep: how many observations to remember; None is all. What is forgotten is computed again, except that
            a case on which every clause held is not run again to shrink.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._keep = keep
        self._observations: OrderedDict[_Key, tuple[Case, Observation]] = OrderedDict()
        self._failing: dict[_Key, tuple[Case, Observation]] = {}
        self._held: set[_Key] = set()
        self._run: set[_Key] = set()
        #: Cases that the subject was not asked about, as it had cost too much.
        self._untried: set[_Key] = set()
        self._asked: dict[_Key, set[int | None]] = {}
        self._normwise: set[tuple[str, ...]] = set()
        self._values: dict[str, Mapping[str, str]] = {}
        self._cases: Counter[tuple[str, str]] = Counter()
        self._exercised: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}
        self._explored: dict[tuple[str, str], dict[tuple[str, str], Explored]] = {}

    @staticmethod
    def expectation(case: Case) -> Expectation:
        """Return the oracle's answer to `case`."""
        found = _expectations.get(case.id) or _large.get(case.id)
        if found is None:
            is_large = case.elements > LARGE
            kept, most = (_large, LARGE_ONES) if is_large else (_expectations, EXPECTATIONS)
            found = kept[case.id] = Expectation(case)
            if len(kept) > most:
                kept.popitem(last=False)
        return found

    def observation(self, subject: Subject, case: Case) -> Observation:
        """Return what the subject does with `case`; what is not tried now may be tried later."""
        past = self.past_observation(subject, case)
        if past is not None:
            return past
        key = _key(subject, case)
        observation = subject.observe(case)
        if observation.not_tried is not None:
            self._untried.add(key)
            return observation
        self._untried.discard(key)
        self._run.add(key)
        self._observations[key] = case, observation
        if self._keep is not None and len(self._observations) > self._keep:
            self._observations.popitem(last=False)
        return observation

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case that has been run on some subject and is remembered."""
        return tuple({key[2]: case for key, (case, _) in self._observations.items()}.values())

    def past_observation(self, subject: Subject, case: Case) -> Observation | None:
        """Return what the subject did with `case`, None where that is not known."""
        key = _key(subject, case)
        found = self._observations.get(key) or self._failing.get(key)
        return None if found is None else found[1]

    def observed(self, subject: Subject) -> tuple[tuple[Case, Observation], ...]:
        """Return the cases that the subject has run, with what it did, as far as they are remembered."""
        own = subject.spec, subject.mode
        return tuple(found for key, found in self._observations.items() if key[:2] == own)

    def note_observed(self, subject: Subject, observed: Iterable[tuple[Case, Observation]]) -> None:
        """Remember what the subject did with cases elsewhere."""
        self._observations.update((_key(subject, case), (case, seen)) for case, seen in observed)

    def keep_failing(self, subject: Subject, case: Case) -> None:
        """Remember what the subject did with `case` beyond the limit: a clause failed on it."""
        self._failing[_key(subject, case)] = case, self.observation(subject, case)

    def note_run(self, subject: Subject, held: Iterable[str], failing: Iterable[str]) -> None:
        """Note the ids of cases that the subject has run elsewhere: on which every clause held, and others."""
        for ids, kind in ((held, self._held), (failing, self._run)):
            kind.update((subject.spec, subject.mode, name) for name in ids)

    def has_run(self, subject: Subject, case: Case) -> bool:
        """Tell whether the subject has run `case`, here or elsewhere."""
        key = _key(subject, case)
        return key in self._run or key in self._held

    def note_normwise(self, subject: Subject, case: Case, check: str) -> None:
        """Note that `check` holds on `case` in the norm of each image, and not element by element."""
        self._normwise.add((*_key(subject, case), check))

    def is_normwise(self, subject: Subject, case: Case, checks: Iterable[Check]) -> bool:
        """Tell whether one of `checks` holds on `case` in the norm of each image alone."""
        return any((*_key(subject, case), check.name) in self._normwise for check in checks)

    def held(self, subject: Subject) -> tuple[str, ...]:
        """Return the ids of the run's own cases on which no clause failed, whatever the surroundings."""
        own = subject.spec, subject.mode
        return tuple(sorted(name for *key, name in self._held if (*key,) == own))

    def is_known_to_hold(self, subject: Subject, case: Case) -> bool:
        """Tell whether the subject has run `case`, every clause held, and no more is remembered."""
        key = _key(subject, case)
        return key in self._held and key not in self._observations and key not in self._failing

    def asked(self, subject: Subject, case: Case) -> set[int | None]:
        """Return the steps whose outcome checks have asked for; who asks for another adds it."""
        return self._asked.setdefault(_key(subject, case), set())

    def note_explored(self, subject: Subject, case: Case) -> None:
        """Note that the case is one of the run's own, not one tried to shrink a failure, and was judged."""
        key = _key(subject, case)
        asked = self._asked.pop(key, set())
        self._cases[subject.spec, subject.mode] += key not in self._untried
        if key not in self._failing and key not in self._untried:
            self._held.add(key)
        observation = self.past_observation(subject, case)
        if observation is not None and asked:
            self._note_traits(subject, case, observation)
        call = first_call(case)
        if observation is None or call is None or call not in asked:
            return
        if call >= len(observation.outcomes):
            return
        outcome = observation.outcomes[call]
        if outcome.error is None and outcome.unsupported is None:
            self._exercised.setdefault((subject.spec, subject.mode), {})[case.id] = self.values(
                case
            )

    def count(self, subject: Subject) -> int:
        """Return how many of the run's own cases the subject was asked about."""
        return self._cases[subject.spec, subject.mode]

    def values(self, case: Case) -> Mapping[str, str]:
        """Return the case's parameter values."""
        if case.id not in self._values:
            self._values[case.id] = values_of(case)
        return self._values[case.id]

    def _note_traits(self, subject: Subject, case: Case, observation: Observation) -> None:
        traits, main = traits_of(case), main_step(case)
        if traits is None or main is None:
            return
        lack = observation.constructed.unsupported
        if lack is None and main < len(observation.outcomes):
            lack = observation.outcomes[main].unsupported
        found = self._explored.setdefault((subject.spec, subject.mode), {})
        told = None if lack is None else in_a_line(lack)
        found[case.family, case.id] = Explored(case.id, traits, told)

    def explored(self, subject: Subject) -> tuple[Explored, ...]:
        """Return the run's own cases that were judged on the subject and are about an aspect."""
        return tuple(self._explored.get((subject.spec, subject.mode), {}).values())

    def exercised(self, subject: Subject) -> Mapping[str, Mapping[str, str]]:
        """Return parameter values by case id: the run's own cases that gave a result which was judged."""
        return self._exercised.get((subject.spec, subject.mode), {})


def _key(subject: Subject, case: Case) -> _Key:
    return subject.spec, subject.mode, case.id
