"""Names the mistake behind a finding, or describes the difference.

A finding *equals* a known mistake where that mistake, run on the same cases, does what the subject did: on
every case the clause failed on, on the other cases of the same families, on fresh ones, and on cases of the
clauses that the mistake is known to fail, on one of which it errs unless the clause itself is one of them. It
must fail the clause on the same cases, too, and the two must share a value that the right layer does not give:
crashes and errors, which agree by their classes alone, name nobody.
Where no single one does, up to three known mistakes at once may: a cover of the wrong cases (`cover.py`). Where no
known mistake does, a description that fits every failing case is offered as what the difference *looks like*.
Where nothing fits, nothing is said: a wrong diagnosis is worse than none.

Running a case is what costs. What the subject has been found to do wrong is asked first, then the mistakes that
are known to fail the clause, or another one on cases of the same families, and all others last.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import time
import warnings
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from conformance.cases import FAMILIES, Family
from conformance.checks import CHECKS, NotSupported, NotTried, Traits, View
from conformance.findings.agreement import (
    agree,
    changing,
    compared,
    has_value,
    holds_array,
    lacks_more,
    outcome_of,
    same_outcome,
)
from conformance.findings.cover import EffortIsSpentError, covering, features, in_words, only_with
from conformance.findings.differences import described, of_another_form
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases
from conformance.judge.judging import Failure, HarnessError, judged
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.situation import OF_THREADS
from conformance.subjects import Subject
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend

if TYPE_CHECKING:
    from conformance.strength.mistakes import Mistake

#: So many failing cases of a subject a known mistake must reproduce to be named without "looks like".
ENOUGH = 3
#: Failing cases, other cases of the run, and fresh cases that are compared at most.
FAILING, OTHERS, FRESH = 60, 60, 20
#: Other wrong cases that are looked at for mistakes which show in no failing case alone.
BESIDE = 24
#: Cases with more elements come last.
LARGE = 10_000
#: Cases of the clauses that a known mistake is expected to fail, whatever the finding's clause.
ELSEWHERE = 24
#: More mistakes than this that cannot be told apart say nothing.
TOO_MANY = 3
#: The index of no step, where nothing is known to be wrong.
NOWHERE = -1
#: So many cases are run for one finding's diagnosis, on the subject and on mistakes; for all of a subject's, so
#: many, or so many for each example. Counts, as seconds alone would let the record depend on the machine.
EFFORT, EFFORT_IN_ALL, EFFORT_EACH = 8_000, 30_000, 300
#: Bytes of what known mistakes have done with cases, about: beyond it the longest unused is forgotten.
KEPT = 32 * 2**20
#: A finding may take this share of what is left for all, so that later ones get some, but so many cases at least:
#: three for each known mistake.
SHARE_OF_EFFORT, LEAST_EFFORT = 0.25, 2_500
#: Where cases take long, it also stops after so many seconds; all together after this share of the run's time, or
#: the seconds that each run has for them.
SECONDS = 30.0
#: So many seconds are left in any case to say what wrong cases have in common.
AT_LAST = 5.0
SHARE, AT_LEAST = 0.25, 60.0


class _Stopwatch:
    """Seconds of this process's own work, so that a busy machine gives no other diagnosis than an idle one.

    Waiting counts for a quarter: a slow subject is not waited for without end.
    """

    def __init__(self) -> None:
        self._work, self._wall = time.process_time(), time.monotonic()

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return max(time.process_time() - self._work, (time.monotonic() - self._wall) / 4)


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
        self._observed: OrderedDict[tuple[str, str, int], Observation] = OrderedDict()
        self._bytes = 0
        # What each known mistake has explained of each subject: ids of failing cases.
        self._explained: dict[tuple[str, str], set[str]] = {}
        self._agreed: dict[tuple[str, str, str], bool] = {}
        self._of_family: dict[tuple[str, int], Sequence[Case]] = {}
        self._run, self._spent, self._finding, self._left = _Stopwatch(), 0.0, _Stopwatch(), 0.0
        self._effort, self._allowed = 0, 0
        self._drawn: tuple[Sequence[Case], Sequence[Case]] | None = None
        self._shown: Failure | None = None
        # What findings of each subject have named, and what cannot be told from it.
        self._named_so_far: set[tuple[str, str]] = set()
        # Situations that take a second a case, and in which nothing failed.
        self._slow = {*OF_THREADS}
        #: How many findings have no diagnosis because as many cases were run, or as much time was used, as may be.
        self.cut_short = 0

    def diagnose(
        self,
        subject: Subject,
        clause: str,
        failures: Sequence[Failure],
        shown: Failure | None = None,
    ) -> str | None:
        """Return what is wrong, in a sentence; None where that cannot be told.

        Args:
            subject: whose finding it is.
            clause: the clause that failed.
            failures: every failing case of it.
            shown: the case that the finding shows. Known mistakes that another finding tells, and that explain
                other cases than this one, are not told again.
        """
        self._shown = shown
        form = of_another_form(failures)
        if form is not None:
            return form
        self._finding, self._drawn = _Stopwatch(), None
        self._slow = {*OF_THREADS} - {failure.case.situation_name for failure in failures}
        self._left = min(SECONDS, max(AT_LEAST, SHARE * self._run.seconds) - self._spent)
        in_all = max(EFFORT_IN_ALL, EFFORT_EACH * self._examples)
        share = max(LEAST_EFFORT, int(SHARE_OF_EFFORT * (in_all - self._effort)))
        self._allowed = min(self._effort + min(EFFORT, share), in_all)
        told, is_cut = None, False
        try:
            told = self._told(subject, clause, failures)
        except EffortIsSpentError:
            is_cut = True
        finally:
            self._spent += self._finding.seconds
        told = told or described(failures) or self._only_with(subject, failures)
        self.cut_short += is_cut and told is None
        return told

    def _told(self, subject: Subject, clause: str, failures: Sequence[Failure]) -> str | None:
        """Return which known mistakes explain a finding; None where none do."""
        known, close, far = self._suspects(subject, clause, failures)
        told = None
        if known:
            told = self._named(subject, self._known(subject, clause, failures, known))
            told = told or self._several(subject, clause, failures, [known])
        if told is None:
            found = self._known(subject, clause, failures, [*known, *close])
            # Those that are far may be no other than the one that was found.
            found += self._known(subject, clause, failures, far) if found else []
            told = self._named(subject, found)
        return (
            told
            or self._several(subject, clause, failures, [[*known, *close], far])
            or self._named(subject, self._known(subject, clause, failures, far))
        )

    def _suspects(
        self, subject: Subject, clause: str, failures: Sequence[Failure]
    ) -> tuple[list[Mistake], list[Mistake], list[Mistake]]:
        """Return what the subject is known to do wrong, what may show in such cases, and all other mistakes."""
        from conformance.strength.mistakes import MISTAKES

        families = set(_families(failures))
        known = [MISTAKES[name] for who, name in self._explained if who == subject.name]
        others = [m for m in MISTAKES.values() if m.id not in self._left_out and m not in known]
        close = [m for m in others if families & self._shown_in(m)]
        far = [m for m in others if not families & self._shown_in(m)]
        return known, sorted(close, key=lambda m: clause not in m.clauses), far

    @staticmethod
    @functools.cache
    def _shown_in(mistake: Mistake) -> frozenset[str]:
        """Return the families that show the clauses which a mistake is known to fail."""
        return frozenset(family.name for family in CHECKS.families(*mistake.clauses))

    def _try(self) -> None:
        """Count a case that is run."""
        self._check_time()
        if self._effort >= self._allowed:
            raise EffortIsSpentError
        self._effort += 1

    def _check_time(self) -> None:
        if self._finding.seconds > self._left:
            raise EffortIsSpentError

    def _seen(self, subject: Subject, case: Case) -> Observation:
        self._check_time()
        if self._bench.past_observation(subject, case) is None:
            self._try()
        return self._bench.observation(subject, case)

    def _known(
        self, subject: Subject, clause: str, failures: Sequence[Failure], among: Sequence[Mistake]
    ) -> list[tuple[Mistake, frozenset[str]]]:
        """Return the mistakes that do what the subject does, each alone, with the failing cases that tell it."""
        telling = {f.case.id: f for f in failures[:FAILING]}
        # Where the subject raised or died everywhere, nothing can be told from what it gave.
        if not any(failure.status == "fail" for failure in telling.values()):
            return []
        suspects = list(among)
        #: For each suspect the failing cases on which it gives the subject's very wrong value.
        shared: dict[str, set[str]] = {mistake.id: set() for mistake in suspects}
        # Small cases take little time, and leave few suspects for large ones.
        failing = sorted((f.case for f in telling.values()), key=_plain_first)
        # What is compared beside them is made only where a suspect is left.
        beside = itertools.chain.from_iterable(self._beside(failures)[n] for n in (0, 1))
        for case in itertools.chain(failing, beside):
            if not suspects:
                return []
            seen = self._seen(subject, case)
            if seen.not_tried is not None:
                return []
            failure = telling.get(case.id)
            step = NOWHERE if failure is None else failure.mismatch.step
            suspects = [m for m in suspects if self._fits(m, case, seen, step)]
            if failure is None:
                continue
            suspects = [m for m in suspects if self._fails(m, clause, failure, seen)]
            for mistake in suspects:
                if failure.status == "fail" and self._errs_alike(mistake, failure, seen):
                    shared[mistake.id].add(case.id)
        return [
            (m, frozenset(shared[m.id]))
            for m in suspects
            if shared[m.id]
            and self._fits_elsewhere(m, subject)
            and self._shows(m, clause, subject, failures)
        ]

    def _named(
        self, subject: Subject, found: Sequence[tuple[Mistake, frozenset[str]]]
    ) -> str | None:
        """Return what is said of mistakes that cannot be told apart; None where they are too many."""
        if not found or len(found) > TOO_MANY:
            return None
        for mistake, cases in found:
            self._explained.setdefault((subject.name, mistake.id), set()).update(cases)
            self._named_so_far.add((subject.name, mistake.id))
        first, *more = (mistake for mistake, _ in found)
        certain = len(self._explained[subject.name, first.id]) >= ENOUGH
        return (
            f"{'equals' if certain else 'looks like'} the known mistake {first.id}: {first.text}"
            + _twins_of(more)
        )

    def _fits(self, mistake: Mistake, case: Case, seen: Observation, wrong: int | None) -> bool:
        """Tell whether the mistake does what was seen; the step that is `wrong` must be repeatable."""
        if seen.constructed.unsupported is not None:
            return True  # what it lacks counts for nothing
        does = self._does(mistake.id, mistake.layer, case)
        if agree(case, seen, does):
            return True
        if not self._may_vary(case) or not agree(case, seen, does, range(len(case.steps))):
            return False
        free = changing(does, self._does(mistake.id, mistake.layer, case, again=1))
        return bool(free) and wrong not in free and agree(case, seen, does, free)

    def _may_vary(self, case: Case) -> bool:
        """Tell whether a layer may do something else with the case the next time."""
        from fast_impl import Conv2DTranspose

        if any(name.endswith("initializer") for name in case.arguments):
            return True
        return bool(changing(*(self._does("", Conv2DTranspose, case, again=n) for n in (0, 1))))

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
        step = failure.mismatch.step
        does, right = self._twice(mistake, failure.case)
        values = [
            one.value is not None
            for one, other in zip(seen.outcomes, does[0].outcomes)
            if has_value(one) and has_value(other)
        ]
        one, other, wanted = (outcome_of(found, step) for found in (seen, does[0], right[0]))
        if one is None or not any(values) or not has_value(one) or not has_value(other):
            return False
        varies = step in changing(*does) | changing(*right)
        return wanted is None or not same_outcome(one, wanted, alike=varies)

    def _fits_elsewhere(self, mistake: Mistake, subject: Subject) -> bool:
        """Tell whether the subject also errs where the mistake is known to."""
        for case in self._elsewhere(mistake):
            seen = self._seen(subject, case)
            if seen.not_tried is not None or not self._fits(mistake, case, seen, NOWHERE):
                return False
        return True

    def _shows(
        self, mistake: Mistake, clause: str, subject: Subject, failures: Sequence[Failure]
    ) -> bool:
        """Tell whether the mistake may be why the clause fails.

        It is about the clause, or gives the same wrong arrays, or errs on some case of the clauses that it is
        about. Else it fails the clause by the way it is made: it gives another array, say, than the layer that it
        wraps.
        """
        if clause in mistake.clauses:
            return True
        outcomes = (
            outcome_of(self._seen(subject, failure.case), failure.mismatch.step)
            for failure in failures[:FAILING]
        )
        if any(outcome is not None and holds_array(outcome.value) for outcome in outcomes):
            return True
        return any(self._errs(mistake, case) for case in self._elsewhere(mistake))

    def _errs(self, mistake: Mistake, case: Case) -> bool:
        """Tell whether the mistake does something else than the right layer, random values apart."""
        does, right = self._twice(mistake, case)
        if not same_outcome(does[0].constructed, right[0].constructed):
            return True
        return bool(changing(does[0], right[0]) - changing(*does) - changing(*right))

    def _twice(self, mistake: Mistake, case: Case) -> Iterator[list[Observation]]:
        """Yield what the mistake does with the case, and what the right layer does, each two times."""
        from fast_impl import Conv2DTranspose

        for name, layer in ((mistake.id, mistake.layer), ("", Conv2DTranspose)):
            yield [self._does(name, layer, case, again=again) for again in (0, 1)]

    def _elsewhere(self, mistake: Mistake) -> list[Case]:
        """Return cases of the clauses that the mistake is known to fail."""
        families = CHECKS.families(*mistake.clauses)
        share = -(-ELSEWHERE // max(1, len(families)))
        return [*self._quick(case for family in families for case in self._few(family, share))]

    def _quick(self, cases: Iterable[Case]) -> Iterator[Case]:
        """Yield the cases whose situation is not slow."""
        return (case for case in cases if case.situation_name not in self._slow)

    def _few(self, family: Family, count: int) -> Sequence[Case]:
        """Return so many cases of a family, drawn ones first."""
        if (family.name, count) not in self._of_family:
            drawn = drawn_cases(family, examples=count, run_seed=self._seed)
            self._of_family[family.name, count] = [*drawn, *family.fixed][:count]
        return self._of_family[family.name, count]

    def _several(
        self,
        subject: Subject,
        clause: str,
        failures: Sequence[Failure],
        suspects: Sequence[Sequence[Mistake]],
    ) -> str | None:
        """Return the known mistakes that together do what the subject does in the failing cases."""
        from conformance.strength.mistakes import MISTAKES

        failing = {f.case.id: f.case for f in failures[:FAILING] if f.status == "fail"}
        if not failing or not _families(failures):
            return None
        wrong = [case for case in failing.values() if self._is_right(subject, case) is False]

        @functools.cache
        def others() -> list[Case]:
            return [c for cases in self._beside(failures) for c in cases if c.id not in failing]

        def explains(name: str, layer: type, case: Case) -> bool:
            key = subject.name, name, case.id
            if key not in self._agreed:
                seen, does = self._seen(subject, case), self._does(name, layer, case)
                # What a mistake cannot be asked, it does not explain.
                self._agreed[key] = not lacks_more(does, seen) and agree(case, seen, does)
            return self._agreed[key]

        def is_harmless(mistake: Mistake) -> bool:
            near = itertools.chain(failing.values(), self._elsewhere(mistake))
            return self._shows(mistake, clause, subject, failures) and all(
                self._fits(mistake, case, self._seen(subject, case), NOWHERE)
                for cases in (near, others())
                for case in cases
                if self._is_right(subject, case)
            )

        def beside() -> list[Case]:
            return _varied(c for c in others() if self._is_right(subject, c) is False)[:BESIDE]

        cover = covering(
            _varied(wrong),
            suspects,
            explains,
            is_harmless,
            beside=beside,
            known=[MISTAKES[name] for who, name in self._explained if who == subject.name],
        )
        named = [] if cover is None else cover.explaining(wrong)
        if cover is None or not named:
            return None
        if cover.apart is not None and self._shown is not None:
            is_told = self._named_so_far.issuperset((subject.name, mistake.id) for mistake in named)
            if is_told and not cover.explaining([self._shown.case]):
                return None
        for mistake, cases in zip(cover.mistakes, cover.cases):
            self._explained.setdefault((subject.name, mistake.id), set()).update(cases)
        alike = itertools.chain(cover.mistakes, *cover.alike)
        self._named_so_far.update((subject.name, mistake.id) for mistake in alike)
        for mistake in cover.also:
            self._explained.setdefault((subject.name, mistake.id), set())
        word = "equals" if cover.is_whole and cover.least >= ENOUGH else "looks like"
        mistakes = "the known mistake" if len(named) == 1 else "the known mistakes"
        names, texts = " and ".join(m.id for m in named), " ".join(m.text for m in named)
        if cover.apart is not None:
            texts += f" Something else is wrong {cover.apart}."
        elif len(named) == 1:
            texts += _twins_of(dict(zip(cover.mistakes, cover.alike))[named[0]])
        return f"{word} {mistakes} {names}: {texts}"

    def _only_with(self, subject: Subject, failures: Sequence[Failure]) -> str | None:
        """Return what all wrong cases have, and hardly a right one beside them; None where that tells nothing."""
        values = [v for f in failures for v in (f.mismatch.expected, f.mismatch.got)]
        if not all(isinstance(value, np.ndarray) for value in values):
            return None
        wrong = {f.case.id: f.case for f in failures}
        # Whatever the search for known mistakes has spent, a few cases are compared.
        self._finding, self._left = _Stopwatch(), AT_LAST
        self._allowed = self._effort + 3 * OTHERS
        right = []
        with contextlib.suppress(EffortIsSpentError):
            for case in self._others(failures):
                if case.id not in wrong and self._gives(subject, case):
                    right += [case] if self._is_right(subject, case) else []
        # Without a bias there is no gradient of it.
        of_bias = any(f.mismatch.message.startswith("bias gradient") for f in failures)
        found = only_with([*wrong.values()], right, but={"bias"} if of_bias else ())
        if found is None:
            return None
        have, count = found
        return (
            f"wrong only with {' with '.join(map(in_words, have))}: all {len(wrong)} wrong cases have it, "
            f"and {count or 'none'} of {len(right)} right ones"
        )

    def _gives(self, subject: Subject, case: Case) -> bool:
        """Tell whether the subject does everything in a case; what it lacks says nothing of what is right."""
        return all(one.unsupported is None for one in self._seen(subject, case).all_outcomes)

    def _is_right(self, subject: Subject, case: Case) -> bool | None:
        """Tell whether the subject does what the right layer does.

        None where that says nothing: it raised where the right layer does not, its process ended, or nothing but
        random values differ.
        """
        from fast_impl import Conv2DTranspose

        seen, right = (
            self._seen(subject, case),
            self._does("", Conv2DTranspose, case),
        )
        if agree(case, seen, right):
            return True
        if seen.crash is not None or seen.not_tried is not None:
            return None
        differing = {n: pair for n, *pair in compared(case, seen, right) if not same_outcome(*pair)}
        if not differing or not all(has_value(one) for pair in differing.values() for one in pair):
            return None
        random = changing(right, self._does("", Conv2DTranspose, case, again=1))
        return None if differing.keys() & random else False

    def _does(self, name: str, layer: type, case: Case, again: int = 0) -> Observation:
        key = name, case.id, again
        if key not in self._observed:
            self._try()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                seen = self._observed[key] = observe(case, LayerBackend(layer))
            self._bytes += seen.bytes
            while self._bytes > KEPT and len(self._observed) > 1:
                self._bytes -= self._observed.popitem(last=False)[1].bytes
        self._observed.move_to_end(key)
        return self._observed[key]

    def _beside(self, failures: Sequence[Failure]) -> tuple[Sequence[Case], Sequence[Case]]:
        """Return what is compared beside the failing cases, drawn once for a finding: the run's and fresh ones."""
        if self._drawn is None:
            self._drawn = self._others(failures), self._fresh(failures)
        return self._drawn

    def _others(self, failures: Sequence[Failure]) -> list[Case]:
        """Return cases of the run, right and wrong: listed ones, and those that it drew first."""
        found: list[Case] = []
        for family in map(FAMILIES.__getitem__, _families(failures)):
            if family.is_drawn:
                found += drawn_cases(family, examples=self._examples, run_seed=self._seed, most=1)
            found += family.fixed
        found = [*self._quick(found)]
        return found[:: max(1, -(-len(found) // OTHERS))]

    def _fresh(self, failures: Sequence[Failure]) -> list[Case]:
        """Return cases that the run has not seen."""
        return [
            case
            for name in _families(failures)
            for case in self._quick(
                drawn_cases(FAMILIES[name], examples=FRESH, run_seed=self._seed + 1)
            )
        ][:FRESH]


def _families(failures: Sequence[Failure]) -> list[str]:
    return [name for name in dict.fromkeys(f.case.family for f in failures) if name in FAMILIES]


def _twins_of(mistakes: Sequence[Mistake]) -> str:
    """Say which other mistakes do the same here, "" where there are none."""
    others = " and ".join(mistake.id for mistake in mistakes)
    return f" ({others} cannot be told from it here)" if others else ""


def _plain_first(case: Case) -> tuple[bool, int, int]:
    """Order cases: in a plain one few mistakes show, and a small one takes little time."""
    return case.elements > LARGE, len(features(case)), case.elements


def _varied(cases: Iterable[Case]) -> list[Case]:
    """Return cases so that different ones come first, the plain ones of them before the others."""
    groups: dict[frozenset[str], list[Case]] = {}
    for case in sorted(cases, key=_plain_first):
        groups.setdefault(features(case), []).append(case)
    return [
        case for row in itertools.zip_longest(*groups.values()) for case in row if case is not None
    ]
