"""A trial: one known mistake against the cases of one seed, until a clause fails.

A mistake is judged by the clauses that the catalogue expects to reject it, on the cases of a run in a
run's order. Where none of them fails, all other clauses are tried.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from conformance.cases import FAMILIES, Family
from conformance.checks import CHECKS, Check, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases, shrink
from conformance.judge.judging import Failure, Tally, judge_case
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.strength.mistakes import Mistake
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from conformance.subjects.loading import LoadError, load

_TRAITS = Traits()


@attrs.frozen
class Task:
    """One mistake of a catalogue on the cases of one seed.

    `smallest` asks for the size of the shrunk counterexample instead of the score.
    """

    catalogue: str
    mistake: str
    seed: int
    examples: int
    smallest: bool = False


@attrs.frozen
class Catch:
    """The failure that gave a mistake away.

    Args:
        clause: whose check failed.
        examples: cases the clause was judged on until then, the failing one included.
        status: `fail`, or `error` where the layer raised or ended its process.
        expected: whether the catalogue expects the clause to reject the mistake.
        fixed: whether the case is one that every run begins with.
    """

    clause: str
    examples: int
    status: str
    expected: bool
    fixed: bool


@attrs.frozen
class Score:
    """What one seed's cases do with a mistake: all of them, and the random ones alone.

    `has_drawn` tells whether any case of the expected clauses is random.
    """

    caught: Catch | None
    drawn: Catch | None
    has_drawn: bool


@attrs.frozen
class Size:
    """A counterexample's size: the elements of its arrays, and its steps.

    `shrunk` is false for a case that stays as it was written.
    """

    elements: int
    steps: int
    shrunk: bool


#: What is known if the process dies now: the score and the size.
Note: TypeAlias = tuple[Score | None, Size]


def read_catalogue(spec: str) -> Mapping[str, Mistake]:
    """Return the catalogue that `path/to/file.py:NAME` or `package.module:NAME` names.

    Raises:
        LoadError: it names no mapping from ids to mistakes.
    """
    found = load(spec)
    if not isinstance(found, Mapping) or not found:
        raise LoadError(f"--catalogue {spec!r}: a mapping from ids to mistakes is needed")
    for name, mistake in found.items():
        if not isinstance(mistake, Mistake) or mistake.id != name:
            raise LoadError(f"--catalogue {spec!r}: {name!r} is not the id of its Mistake")
    return found


def conduct_trial(task: Task, note: Callable[[Note | None], None]) -> Score | Size | None:
    """Return the score, or the size of the counterexample, None where there is none."""
    mistake = read_catalogue(task.catalogue)[task.mistake]
    if not task.smallest:
        return judge_mistake(mistake, task, note)
    warnings.simplefilter("ignore")
    return _Trial(mistake, task, note).smallest()


def judge_mistake(
    mistake: Mistake,
    task: Task,
    note: Callable[[Note | None], None],
    *,
    only: Container[str] | None = None,
) -> Score:
    """Return what the cases of the task's seed, or those of them whose ids are in `only`, do with a mistake."""
    warnings.simplefilter("ignore")
    return _Trial(mistake, task, note, only).score()


class _Layer:
    """A mistake as a subject in this process."""

    mode = "eager"

    def __init__(self, mistake: Mistake) -> None:
        self.name = self.spec = mistake.id
        self._layer = mistake.layer
        self.before: Callable[[Case], None] = lambda _: None
        self.after: Callable[[], None] = lambda: None

    def observe(self, case: Case) -> Observation:
        self.before(case)
        try:
            return observe(case, LayerBackend(self._layer))
        finally:
            self.after()

    def describe(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        pass


class _Trial:
    def __init__(
        self,
        mistake: Mistake,
        task: Task,
        note: Callable[[Note | None], None],
        only: Container[str] | None = None,
    ) -> None:
        self._task, self._note, self._only = task, note, only
        #: What this mistake did is of no use to the next one's trial.
        self._bench = Evidence()
        self._layer = _Layer(mistake)
        self._layer.after = lambda: note(None)
        self._clauses = mistake.clauses
        self._expected = [c for c in CHECKS if c.clause in mistake.clauses and not c.claims]
        self._others = [c for c in CHECKS if c.clause not in mistake.clauses and not c.claims]
        self._caught: Catch | None = None

    @functools.cached_property
    def _has_drawn(self) -> bool:
        return any(family.is_drawn for family in _families(self._expected))

    def score(self) -> Score:
        found = self._first(self._expected) or self._first(self._others)
        self._caught = None if found is None else found[0]
        if self._caught is None or not self._caught.fixed:
            return self._score(self._caught)
        drawn = self._first(self._expected, only_drawn=True)
        return self._score(None if drawn is None else drawn[0])

    def smallest(self) -> Size | None:
        found = self._first(self._expected) or self._first(self._others)
        if found is None:
            return None
        catch, failure = found
        as_found = size_of(failure.case, shrunk=False)
        self._layer.before = lambda _: self._note((None, as_found))
        smallest, shrunk = shrink(
            self._bench,
            FAMILIES[failure.case.family],
            self._layer,
            _TRAITS,
            failure,
            catch.clause,
            examples=self._task.examples,
            run_seed=self._task.seed,
        )
        return size_of(smallest.case, shrunk=shrunk)

    def _first(
        self, checks: Iterable[Check], *, only_drawn: bool = False
    ) -> tuple[Catch, Failure] | None:
        """Return the first failure of one of the checks' clauses, on all cases or on random ones."""
        tallies: dict[tuple[str, bool], Tally] = {}
        for family in _families(checks):
            members = [check for check in checks if family.name in check.families]
            for case, fixed in self._cases_of(family, only_drawn):
                applicable = [check for check in members if check.applies(case, _TRAITS)]
                if not applicable:
                    continue
                self._layer.before = functools.partial(
                    self._about_to_run, applicable[0].clause, fixed, tallies
                )
                judge_case(self._bench, applicable, case, self._layer, _TRAITS, tallies)
                for (clause, _), tally in tallies.items():
                    if tally.broken is not None:
                        raise tally.broken
                    if tally.failures:
                        (failure,) = tally.failures
                        catch = self._catch(clause, tally.judged, failure.status, fixed)
                        return catch, failure
        return None

    def _cases_of(self, family: Family, only_drawn: bool) -> Iterator[tuple[Case, bool]]:
        examples, seed = self._task.examples, self._task.seed
        listed = () if only_drawn else family.listed(examples)
        drawn = drawn_cases(family, examples=examples, run_seed=seed)
        for cases, fixed in ((listed, True), (drawn, False)):
            yield from ((c, fixed) for c in cases if self._only is None or c.id in self._only)

    def _about_to_run(
        self, clause: str, fixed: bool, tallies: Mapping[tuple[str, bool], Tally], case: Case
    ) -> None:
        judged = tallies[clause, False].judged if (clause, False) in tallies else 0
        dead = self._catch(clause, judged + 1, "error", fixed)
        self._note((self._score(dead), size_of(case, shrunk=False)))

    def _catch(self, clause: str, examples: int, status: str, fixed: bool) -> Catch:
        return Catch(clause, examples, status, clause in self._clauses, fixed)

    def _score(self, last: Catch | None) -> Score:
        """Return the score where `last` is what was caught last, and nothing follows."""
        drawn = None if last is None or last.fixed else last
        return Score(self._caught or last, drawn, self._has_drawn)


def size_of(case: Case, *, shrunk: bool) -> Size:
    """Return a case's size."""
    return Size(case.elements, len(case.steps), shrunk)


def _families(checks: Iterable[Check]) -> tuple[Family, ...]:
    return CHECKS.families(*(check.clause for check in checks))
