"""What a run says about each aspect of an implementation: how many cases are right, and why others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from conformance.cases.aspects import ASPECTS, ORDINARY, traits_of
from conformance.judge.evidence import Explored
from conformance.model.case import Case
from reports.records import record


@attrs.define
class _Row:
    judged: int = 0
    right: int = 0
    lack: str | None = None
    cause: str | None = None


def seen(explored: Iterable[Explored], failing: Mapping[str, str]) -> tuple[record.Seen, ...]:
    """Return cases that were judged, counted by what they are about and how they went.

    Args:
        explored: the cases.
        failing: what is wrong with each case on which a clause does not hold, by its id.
    """
    causes: dict[tuple[tuple[str, ...], bool, str | None], str | None] = {}
    counts: Counter[tuple[tuple[str, ...], bool, str | None]] = Counter()
    for one in explored:
        fails = one.id in failing
        key = one.traits, fails, None if fails else one.lack
        counts[key] += 1
        causes.setdefault(key, failing.get(one.id))
    return tuple(
        record.Seen(traits=key[0], cases=count, cause=causes[key], lack=key[2])
        for key, count in counts.items()
    )


def entries(
    subject: str, mode: str, cases: Iterable[record.Seen], findings: Iterable[record.Finding]
) -> tuple[record.Aspect, ...]:
    """Return a line for each aspect that the run's cases say something about.

    A case counts for the most special of its traits, unless a more basic one of them fails by itself: what that
    explains is no evidence about the other.

    Args:
        subject: whose name.
        mode: and in which mode.
        cases: the run's own cases that were judged.
        findings: the participant's, which may name a cause.
    """
    listed = list(cases)
    rows: dict[str, _Row] = {}
    broken = {_aspect(c.traits) for c in listed if len(c.traits) < 2 and c.cause is not None}
    for one in listed:
        aspect = _aspect(one.traits)
        if len(one.traits) > 1 and broken.intersection(one.traits[:-1]):
            continue
        row = rows.setdefault(aspect, _Row())
        if one.cause is not None:
            row.judged += one.cases
            row.cause = row.cause or one.cause
        elif one.lack is not None:
            row.lack = row.lack or one.lack
        else:
            row.judged += one.cases
            row.right += one.cases
    for aspect, diagnosis in _diagnoses(findings):
        if aspect in rows and rows[aspect].cause is not None:
            rows[aspect].cause = diagnosis
    ordered = ((name, rows[name]) for name in ASPECTS if name in rows)
    return tuple(
        record.Aspect(subject, mode, name, row.right, row.judged, row.cause or row.lack)
        for name, row in ordered
    )


def _aspect(traits: tuple[str, ...]) -> str:
    return traits[-1] if traits else ORDINARY


def _diagnoses(findings: Iterable[record.Finding]) -> Iterable[tuple[str, str]]:
    """Yield aspect and diagnosis of the findings that have one."""
    for finding in findings:
        if finding.diagnosis is not None:
            traits = traits_of(Case.from_json(finding.case))
            if traits is not None:
                yield _aspect(traits), finding.diagnosis
