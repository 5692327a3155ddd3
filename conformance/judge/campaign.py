"""A campaign: the cases of one family, run on one subject, judged for every clause at once.

Running a case is what costs, so each case is run once and every check that applies looks at the
observation. A clause that failed is then shrunk on its own: Hypothesis draws the same cases again and
looks for the smallest one on which that clause still fails.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings

from conformance.cases import Family
from conformance.checks import CHECKS, Check, NotSupported, NotTried, Traits
from conformance.judge.workbench import Failure, Workbench
from conformance.model.case import Case
from conformance.subjects import Subject

#: Shrinking one clause's failure stops after so many new cases, or seconds.
SHRINK_CASES = 400
SHRINK_SECONDS = 20.0


@attrs.define(eq=False)
class Tally:
    """What a campaign found out about one clause (or about the page's claim)."""

    held: int = 0
    failures: list[Failure] = attrs.Factory(list)
    unsupported: dict[str, int] = attrs.Factory(dict)
    not_tried: str | None = None

    @property
    def judged(self) -> int:
        """How many cases the clause was judged on."""
        return self.held + len(self.failures)

    def add(self, other: Tally) -> None:
        """Add another campaign's findings."""
        self.held += other.held
        self.failures += other.failures
        self.not_tried = self.not_tried or other.not_tried
        for reason, count in other.unsupported.items():
            self.unsupported[reason] = self.unsupported.get(reason, 0) + count


def explore(
    workbench: Workbench,
    family: Family,
    subject: Subject,
    traits: Traits,
    *,
    examples: int,
    run_seed: int,
    progress: Callable[[int], None],
) -> dict[tuple[str, bool], Tally]:
    """Run the family's cases on the subject; return a tally for each (clause, is a claim)."""
    tallies: dict[tuple[str, bool], Tally] = {}
    checks = [check for check in CHECKS if family.name in check.families]
    done = 0

    def run(case: Case) -> None:
        nonlocal done
        judge_case(workbench, checks, case, subject, traits, tallies)
        workbench.note_explored(subject, case)
        done += 1
        progress(done)

    for case in family.fixed:
        run(case)
    if family.strategy is not None:
        _draw(family, run, _count(family, examples), run_seed, (Phase.generate,))
    return tallies


def drawn_cases(family: Family, *, examples: int, run_seed: int) -> tuple[Case, ...]:
    """Return the cases that `explore` draws after the family's fixed ones, in its order."""
    cases: list[Case] = []
    if family.strategy is not None:
        _draw(family, cases.append, _count(family, examples), run_seed, (Phase.generate,))
    return tuple(cases)


def judge_case(
    workbench: Workbench,
    checks: Iterable[Check],
    case: Case,
    subject: Subject,
    traits: Traits,
    tallies: dict[tuple[str, bool], Tally],
) -> None:
    """Judge every clause that one of `checks` speaks for, adding to `tallies` by (clause, is a claim)."""
    groups: dict[tuple[str, bool], list[Check]] = {}
    for check in checks:
        if check.applies(case, traits):
            groups.setdefault((check.clause, check.claims), []).append(check)
    for key, members in groups.items():
        _tally(workbench, tallies.setdefault(key, Tally()), members, case, subject, traits)


def _tally(
    workbench: Workbench,
    tally: Tally,
    checks: Iterable[Check],
    case: Case,
    subject: Subject,
    traits: Traits,
) -> None:
    """Judge one clause on one case; with several checks all of them must hold."""
    missing: list[str] = []
    held = False
    for check in checks:
        try:
            failure = workbench.judge(check, case, subject, traits)
        except NotSupported as reason:
            missing.append(str(reason))
            continue
        except NotTried as reason:
            tally.not_tried = str(reason)
            return
        if failure is not None:
            tally.failures.append(failure)
            return
        held = True
    if held:
        tally.held += 1
    for text in missing:
        tally.unsupported[text] = tally.unsupported.get(text, 0) + 1


def shrink(
    workbench: Workbench,
    family: Family,
    subject: Subject,
    traits: Traits,
    found: Failure,
    clause: str,
    *,
    claims: bool = False,
    examples: int,
    run_seed: int,
    known: Iterable[Case] = (),
) -> tuple[Failure, bool]:
    """Return the smallest failure of the clause in the family, and whether it was shrunk.

    A fixed case stays as it is where no drawn case fails. Where the clause fails on one of the `known`
    cases, which are small already, that one is taken: one cause then shows as one case.
    """
    checks = [
        c for c in CHECKS if c.clause == clause and c.claims == claims and family.name in c.families
    ]
    smallest: Failure | None = None
    started = time.monotonic()
    fresh = 0

    def run(case: Case) -> None:
        nonlocal smallest, fresh
        if workbench.is_known_to_hold(subject, case):
            return
        if workbench.past_observation(subject, case) is None:
            if fresh >= SHRINK_CASES or time.monotonic() - started > SHRINK_SECONDS:
                return
            fresh += 1
        for check in checks:
            if not check.applies(case, traits):
                continue
            try:
                failure = workbench.judge(check, case, subject, traits)
            except (NotSupported, NotTried):
                continue
            if failure is not None and failure.status == found.status:
                smallest = failure
                raise _Found

    if family.strategy is None:
        return found, False
    try:
        for case in known:
            if case.family == family.name:
                run(case)
        phases = (Phase.generate, Phase.shrink)
        _draw(family, run, _count(family, examples), run_seed, phases)
    except _Found:
        assert smallest is not None
        return smallest, True
    return found, False


class _Found(Exception):  # noqa: N818 - what Hypothesis is to look for
    """The clause fails on this case."""


def _count(family: Family, examples: int) -> int:
    return max(1, round(examples * family.share))


def _draw(
    family: Family,
    run: Callable[[Case], None],
    examples: int,
    run_seed: int,
    phases: tuple[Phase, ...],
) -> None:
    assert family.strategy is not None

    def test(case: Case) -> None:
        run(case)

    drawn: Any = given(case=family.strategy)(test)
    drawn = settings(
        max_examples=examples,
        phases=phases,
        database=None,
        deadline=None,
        derandomize=False,
        report_multiple_bugs=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )(drawn)
    # The same seed draws the same cases for every subject, so expectations are shared.
    digest = hashlib.sha256(f"{run_seed}/{family.name}".encode()).digest()
    seed(int.from_bytes(digest[:8], "big"))(drawn)()
