"""The page's sentences that a run contradicts, each with its proof."""

from __future__ import annotations

import attrs

from reports import cases, figures
from reports.figures import Comparison, Panel
from reports.matrix import Matrix, version_of
from reports.record import Clause, Erratum, Evidence, Record, Subject
from reports.values import words

_STANDINGS = {
    "contradicted": ("proven by this run", "proven"),
    "upheld": ("not reproduced: the sentence held here", "upheld"),
    "not-run": ("not asserted in this run", "notrun"),
}


@attrs.frozen(eq=False)
class Assertion:
    """The page's sentence asserted against one subject."""

    subject: str
    status: str
    examples: int
    key: str


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
    return [_entry(record, row.clause) for row in matrix.rows if row.clause.erratum is not None]


def _entry(record: Record, clause: Clause) -> Entry:
    assertions = []
    proof = None
    subjects = {subject.key: subject for subject in record.header.subjects}
    for verdict in record.verdicts:
        claim = verdict.claim
        if verdict.clause != clause.id or claim is None:
            continue
        key = (verdict.subject, verdict.mode)
        name = subject_name(subjects.get(key, Subject(*key)))
        standing_key = _STANDINGS.get(claim.status, ("", "unknown"))[1]
        assertions.append(Assertion(name, claim.status, claim.examples, standing_key))
        if proof is None and claim.status == "contradicted" and claim.evidence is not None:
            proof = _proof(name, claim.evidence)
    statuses = {assertion.status for assertion in assertions}
    found = [name for name in _STANDINGS if name in statuses] or ["not-run"]
    standing, key_name = _STANDINGS[found[0]]
    assert clause.erratum is not None
    return Entry(clause, clause.erratum, standing, key_name, tuple(assertions), proof)


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
