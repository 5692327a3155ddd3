"""Judging: what checks make of one case, and the count over many cases."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from conformance.checks import Check, Misbehaved, NotSupported, NotTried, Traits, View
from conformance.judge.evidence import Evidence
from conformance.model.case import Case
from conformance.oracle.comparison import Mismatch
from conformance.oracle.form import unlike_the_oracle
from conformance.subjects import Subject


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


@attrs.define(eq=False)
class Tally:
    """What a family's cases tell about one clause (or about the page's claim)."""

    held: int = 0
    failures: list[Failure] = attrs.Factory(list)
    unsupported: dict[str, int] = attrs.Factory(dict)
    not_tried: str | None = None

    @property
    def judged(self) -> int:
        """How many cases the clause was judged on."""
        return self.held + len(self.failures)

    def add(self, other: Tally) -> None:
        """Add another family's findings."""
        self.held += other.held
        self.failures += other.failures
        self.not_tried = self.not_tried or other.not_tried
        for reason, count in other.unsupported.items():
            self.unsupported[reason] = self.unsupported.get(reason, 0) + count


def judge(
    evidence: Evidence, check: Check, case: Case, subject: Subject, traits: Traits
) -> Failure | None:
    """Return None where the clause holds, else the failure.

    Raises:
        NotSupported: the subject lacks what the check needs.
        NotTried: the case was not run, or the check does not know it.
        HarnessError: the check or the oracle raised.
    """
    observation = evidence.observation(subject, case)
    view = View(case, observation, evidence.expectation(case), traits)
    view.asked = evidence.asked(subject, case)
    try:
        mismatch = check.judge(view)
        status = "fail"
    except (NotSupported, NotTried):
        raise
    except Misbehaved as reason:
        got = None if reason.error is None else attrs.asdict(reason.error)
        mismatch, status = Mismatch(str(reason), None, got, reason.step), "error"
    except Exception as error:
        # Nothing can be read off an answer of another form: then it is the answer that is wrong.
        mismatch, status = unlike_the_oracle(case, observation, view.asked), "fail"
        if mismatch is None:
            raise HarnessError(
                f"{check.name} of {check.clause} raised {type(error).__name__}: {error} on case "
                f"{case.id} ({case.family}) with subject {subject.name} ({subject.mode})"
            ) from error
    if mismatch is None:
        return None
    evidence.keep_failing(subject, case)
    return Failure(case, status, mismatch)


def judge_case(
    evidence: Evidence,
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
        _tally(evidence, tallies.setdefault(key, Tally()), members, case, subject, traits)


def _tally(
    evidence: Evidence,
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
            failure = judge(evidence, check, case, subject, traits)
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
