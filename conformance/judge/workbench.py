"""The workbench: what subjects did with cases, what the oracle expects, and the judging of the two."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs

from conformance.cases.space import first_call, values_of
from conformance.checks import Check, Misbehaved, NotSupported, NotTried, Traits, View
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.oracle.comparison import Mismatch
from conformance.oracle.expectation import Expectation
from conformance.oracle.form import unlike_the_oracle
from conformance.subjects import Subject

_Key: TypeAlias = tuple[str, str, str]


class HarnessError(Exception):
    """The harness is broken: the oracle or a check raised where neither may."""


@attrs.frozen(eq=False)
class Failure:
    """A case on which a clause does not hold.

    `status` is `fail` where the result is wrong, `error` where the subject raised or crashed.
    """

    case: Case
    status: str
    mismatch: Mismatch


class Workbench:
    """Cases, expectations and observations of a run, each computed once.

    Args:
        keep: how many expectations, and observations, to remember; None is all. What is forgotten is
            computed again, except that a case on which every clause held is not run again to shrink.
    """

    def __init__(self, keep: int | None = None) -> None:
        self._keep = keep
        self._expectations: OrderedDict[str, Expectation] = OrderedDict()
        self._observations: OrderedDict[_Key, tuple[Case, Observation]] = OrderedDict()
        self._failing: dict[_Key, tuple[Case, Observation]] = {}
        self._run: set[_Key] = set()
        self._asked: dict[_Key, set[int | None]] = {}
        self._values: dict[str, Mapping[str, str]] = {}
        self._exercised: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}

    def expectation(self, case: Case) -> Expectation:
        """Return the oracle's answer to `case`."""
        if case.id not in self._expectations:
            self._expectations[case.id] = Expectation(case)
            self._forget(self._expectations)
        return self._expectations[case.id]

    def observation(self, subject: Subject, case: Case) -> Observation:
        """Return what the subject does with `case`."""
        past = self.past_observation(subject, case)
        if past is not None:
            return past
        key = (subject.spec, subject.mode, case.id)
        observation = subject.observe(case)
        self._run.add(key)
        self._observations[key] = case, observation
        self._forget(self._observations)
        return observation

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case that has been run on some subject and is remembered."""
        return tuple({key[2]: case for key, (case, _) in self._observations.items()}.values())

    def past_observation(self, subject: Subject, case: Case) -> Observation | None:
        """Return what the subject did with `case`, None where that is not known."""
        key = (subject.spec, subject.mode, case.id)
        found = self._observations.get(key) or self._failing.get(key)
        return None if found is None else found[1]

    def note_explored(self, subject: Subject, case: Case) -> None:
        """Note that the case is one of the run's own, not one tried to shrink a failure, and was judged."""
        asked = self._asked.pop((subject.spec, subject.mode, case.id), set())
        observation = self.past_observation(subject, case)
        call = first_call(case)
        if observation is None or call is None or call not in asked:
            return
        if call >= len(observation.outcomes):
            return
        outcome = observation.outcomes[call]
        if outcome.error is None and outcome.unsupported is None:
            values = self._values.setdefault(case.id, values_of(case))
            self._exercised.setdefault((subject.spec, subject.mode), {})[case.id] = values

    def exercised(self, subject: Subject) -> Mapping[str, Mapping[str, str]]:
        """Return parameter values by case id: the run's own cases that gave a result which was judged."""
        return self._exercised.get((subject.spec, subject.mode), {})

    def is_known_to_hold(self, subject: Subject, case: Case) -> bool:
        """Tell whether the subject has run `case`, every clause held, and no more is remembered."""
        key = (subject.spec, subject.mode, case.id)
        return key in self._run and key not in self._observations and key not in self._failing

    def _forget(self, cache: OrderedDict[Any, Any]) -> None:
        if self._keep is not None and len(cache) > self._keep:
            cache.popitem(last=False)

    def _failed(self, subject: Subject, case: Case, failure: Failure) -> Failure:
        key = (subject.spec, subject.mode, case.id)
        self._failing[key] = case, self.observation(subject, case)
        return failure

    def judge(self, check: Check, case: Case, subject: Subject, traits: Traits) -> Failure | None:
        """Return None where the clause holds, else the failure.

        Raises:
            NotSupported: the subject lacks what the check needs.
            NotTried: the case was not run.
            HarnessError: the check or the oracle raised.
        """
        view = View(case, self.observation(subject, case), self.expectation(case), traits)
        key = (subject.spec, subject.mode, case.id)
        view.asked = self._asked.setdefault(key, view.asked)
        try:
            mismatch = check.judge(view)
        except (NotSupported, NotTried):
            raise
        except Misbehaved as reason:
            got = None if reason.error is None else attrs.asdict(reason.error)
            failure = Failure(case, "error", Mismatch(str(reason), None, got, reason.step))
            return self._failed(subject, case, failure)
        except Exception as error:
            # Nothing can be read off an answer of another form: then it is the answer that is wrong.
            mismatch = unlike_the_oracle(case, self.observation(subject, case), view.asked)
            if mismatch is None:
                raise HarnessError(
                    f"{check.name} of {check.clause} raised {type(error).__name__}: {error} on case "
                    f"{case.id} ({case.family}) with subject {subject.name} ({subject.mode})"
                ) from error
        if mismatch is None:
            return None
        return self._failed(subject, case, Failure(case, "fail", mismatch))
