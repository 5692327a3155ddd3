"""The page that compares two runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

import attrs

from reports.outputs.page import document
from reports.outputs.writing import write_text
from reports.records import statuses
from reports.records.record import Clause, Record
from reports.records.statuses import Status
from reports.views import findings, matrix
from reports.views.changes import (
    BAD,
    KINDS,
    Change,
    compare,
    judged_once,
    of_both,
    only_in,
    precision,
    renamed,
    unchanged,
    versions,
)
from reports.views.conclusions import sentence
from reports.views.enumeration import first_of, how_many
from reports.views.findings import Cause
from reports.views.matrix import Matrix, version_of

#: Clauses that the headline names; others are counted.
_NAMED = 4


@attrs.frozen
class Section:
    """The changes of one kind, as the page shows them."""

    kind: str
    changes: tuple[tuple[Change, Clause | None, Status | None, Status | None, str | None], ...]

    @property
    def heading(self) -> str:
        """What the changes are called."""
        return KINDS[self.kind][0]

    @property
    def meaning(self) -> str:
        """What the kind means."""
        return KINDS[self.kind][1]

    @property
    def key(self) -> str:
        """The key of its colour."""
        return KINDS[self.kind][2]


def render_comparison(before: Record, after: Record) -> str:
    """Return the page that compares two runs, as HTML text that loads nothing from anywhere."""
    differing = compare(before, after)
    changes = of_both(before, after, differing)
    only_before, only_now = only_in(before, after)
    clauses = {c.id: c for record in (before, after) for c in record.header.clauses}
    names = renamed(before, after)
    was = {(f.clause, names.get(f.subject, f.subject), f.mode): f.message for f in before.findings}
    sections = [
        Section(
            kind,
            tuple(
                (
                    change,
                    clauses.get(change.clause),
                    None if change.old is None else statuses.status(change.old),
                    None if change.new is None else statuses.status(change.new),
                    was.get((change.clause, change.subject, change.mode)),
                )
                for change in changes
                if change.kind == kind
            ),
        )
        for kind in KINDS
    ]
    shown = [section for section in sections if section.changes]
    laid_out = matrix.build(after)
    return document(
        "comparison.html.j2",
        after,
        before=before,
        after=after,
        sections=shown,
        headline=_headline(
            shown, strangers=len(only_now) == len({s.name for s in after.header.subjects})
        ),
        standing=sentence.verdict(
            laid_out,
            is_complete=after.footer.complete,
            clauses_in_all=after.header.clauses_in_all,
        ),
        causes=_causes(after, laid_out, changes),
        same=unchanged(after, differing),
        only_before=only_before,
        only_now=only_now,
        judged_once=[
            (heading, f"{how_many(len(ids), 'clause')}: {first_of(ids, _NAMED)}")
            for heading, ids in zip(
                ("judged before only", "judged now only"), judged_once(before, after, differing)
            )
            if ids
        ],
        precision=precision(before, after),
        versions=versions(before, after),
        version_of=version_of,
    )


def _headline(sections: Sequence[Section], *, strangers: bool) -> list[tuple[str, str, str]]:
    """Return the sentence in parts, each with the key of its colour and the clauses it is about."""
    if not sections:
        if strangers:
            return [("No subject is in both runs", "notrun", "")]
        return [("No verdict has changed", "pass", "")]
    parts = [
        (
            f"{section.heading}: {len(section.changes)}",
            section.key,
            first_of([*dict.fromkeys(change.clause for change, *_ in section.changes)], _NAMED),
        )
        for section in sections
    ]
    if not any(section.kind in BAD for section in sections):
        parts.insert(0, ("Nothing broke, nothing is lost", "pass", ""))
    return parts


def _causes(after: Record, laid_out: Matrix, changes: Sequence[Change]) -> tuple[Cause, ...]:
    """Return what is behind the findings of clauses that newly fail, or fail differently."""
    told = {
        (change.clause, change.subject, change.mode)
        for change in changes
        if change.kind in ("broke", "message")
    }
    found = findings.collect(after, laid_out) if told else None
    return tuple(
        cause
        for cause in (found.causes if found is not None else ())
        if any((f.clause, f.subject, f.mode) in told for f in (e.finding for e in cause.entries))
    )


def write_comparison(before: Record, after: Record, path: str | os.PathLike[str]) -> None:
    """Write the page that compares two runs, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    write_text(render_comparison(before, after), path)
