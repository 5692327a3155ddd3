"""The page's sentences that a run contradicts, each with its proof."""

from __future__ import annotations

import attrs

from reports.pictures import figures
from reports.pictures.figures import Comparison, Panel
from reports.records.record import Clause, Erratum, Evidence, Record, Subject
from reports.records.values import words
from reports.views import cases
from reports.views.matrix import Matrix, version_of

_STANDINGS = {
    "contradicted": ("proven by this run", "proven"),
    "upheld": ("not reproduced: the sentence held here", "upheld"),
    "not-run": ("not asserted in this run", "notrun"),
}
_ELSEWHERE = ("seen, but not on TensorFlow: this run had none", "notrun")


@attrs.frozen(eq=False)
class Assertion:
    """The page's sentence asserted against one subject."""

    subject: str
    status: str
    examples: int
    key: str
    on_tensorflow: bool


@attrs.frozen(eq=False)
class Proof:
    """What one subject did instead of what the page's sentence says."""

    subject: str
    evidence: Evidence
    call: str
    steps: tuple[cases.Step, ...]
    expected: str
    got: str
    panels: tuple[Panel, ...]
    comparisons: tuple[Comparison, ...]


@attrs.frozen(eq=False)
class Entry:
    """An erratum of the page."""

    clause: Clause
    erratum: Erratum
    standing: str
    key: str
    assertions: tuple[Assertion, ...]
    proof: Proof | None


def collect(record: Record, matrix: Matrix) -> list[Entry]:
    """Every clause with an erratum, in the order of the matrix."""
    return [
        _entry(record, row.clause, row.clause.erratum)
        for row in matrix.rows
        if row.clause.erratum is not None
    ]


def _entry(record: Record, clause: Clause, erratum: Erratum) -> Entry:
    """Weigh the claims about a clause: only what TensorFlow does can prove the page wrong.

    Evidence is taken from TensorFlow, else from a subject that does what the clause says: what a broken
    one does shows nothing.
    """
    subjects = {subject.key: subject for subject in record.header.subjects}
    claims = []
    telling = []
    for verdict in record.verdicts:
        if verdict.clause == clause.id and verdict.claim is not None:
            key = (verdict.subject, verdict.mode)
            subject = subjects.get(key, Subject(*key))
            claims.append((subject, verdict.claim))
            if is_tensorflow(subject) or verdict.status == "pass":
                telling.append((subject, verdict.claim))
    for found in (claims, telling):
        found.sort(key=lambda item: not is_tensorflow(item[0]))
    proof = next(
        (
            _proof(subject_name(subject), claim.evidence)
            for subject, claim in telling
            if claim.status == "contradicted" and claim.evidence is not None
        ),
        None,
    )
    standing, key_name = _standing(
        {claim.status for subject, claim in claims if is_tensorflow(subject)},
        {claim.status for subject, claim in claims if not is_tensorflow(subject)},
    )
    return Entry(
        clause=clause,
        erratum=erratum,
        standing=standing,
        key=key_name,
        assertions=tuple(
            Assertion(
                subject_name(subject),
                claim.status,
                claim.examples,
                _STANDINGS.get(claim.status, ("", "unknown"))[1],
                is_tensorflow(subject),
            )
            for subject, claim in claims
        ),
        proof=proof,
    )


def _standing(on_tensorflow: set[str], elsewhere: set[str]) -> tuple[str, str]:
    for status, standing in _STANDINGS.items():
        if status in on_tensorflow:
            return standing
    return _ELSEWHERE if "contradicted" in elsewhere else _STANDINGS["not-run"]


def is_tensorflow(subject: Subject) -> bool:
    """Whether the subject is TensorFlow itself, in any release."""
    return (subject.spec or subject.name).partition("@")[0] == "tensorflow"


def subject_name(subject: Subject) -> str:
    """Name, version and mode in one line."""
    version = version_of(subject)
    shown = version if version and "@" not in subject.name else ""
    return " ".join(part for part in (subject.name, shown, subject.mode) if part)


def _proof(name: str, evidence: Evidence) -> Proof:
    drawn = [
        comparison
        for comparison in figures.compare(
            evidence.case,
            evidence.step,
            evidence.expected,
            evidence.got,
            None,
            expected_by="by the page",
        )
        if len(comparison.panels) > 1
    ]
    panels = figures.inputs(evidence.case, evidence.step, None) if drawn else []
    return Proof(
        subject=name,
        evidence=evidence,
        call=cases.summary(evidence.case),
        steps=tuple(cases.steps(evidence.case, evidence.step)),
        expected=words(evidence.expected),
        got=words(evidence.got),
        panels=tuple(panels),
        comparisons=tuple(drawn),
    )
