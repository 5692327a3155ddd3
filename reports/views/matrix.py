"""The clauses by subjects: rows, columns, cells and their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from reports.records import statuses
from reports.records.record import Clause, Finding, Record, Subject, Verdict
from reports.records.statuses import Status
from reports.views.enumeration import first_of, how_many

CHAPTERS: Mapping[str, str] = {
    "shapes": "Shapes",
    "padding": "Padding",
    "formats": "Data formats",
    "dtypes": "Dtypes",
    "values": "Values",
    "bias": "Bias",
    "activations": "Activations",
    "losses": "Regularizers and losses",
    "constraints": "Constraints",
    "gradients": "Gradients",
    "arguments": "Constructor arguments",
    "initializers": "Initializers",
    "variables": "Variables and names",
    "methods": "Methods",
    "attributes": "Attributes",
    "migration": "Migration",
    "lifecycle": "Life cycle",
    "situations": "Situations",
    "corpus": "Recorded cases of other projects",
}

_AGREEMENTS: Mapping[str, str] = {
    "holds": "The page's sentence is true of TensorFlow.",
    "erratum": "The page's sentence is wrong: TensorFlow does something else.",
    "silent": "The page says nothing about this.",
    "mode": "It depends on the mode: graph and eager differ.",
    "version": "It depends on TensorFlow's release.",
}

#: Clauses that are named in a sentence; others are counted.
_NAMED = 4
_PLACES: Mapping[str, int] = {chapter: place for place, chapter in enumerate(CHAPTERS)}


@attrs.frozen
class Column:
    """A subject in one mode."""

    subject: Subject
    version: str
    counts: Mapping[str, int]
    examples: int

    @property
    def label(self) -> str:
        """Name and mode in one line."""
        return " ".join(part for part in (self.subject.name, self.subject.mode) if part)

    @property
    def tally(self) -> list[tuple[Status, int]]:
        """How many clauses have which status, worst first."""
        found = [(statuses.status(name), number) for name, number in self.counts.items()]
        return sorted(found, key=lambda item: (statuses.rank(item[0]), item[0].name))

    @property
    def share(self) -> list[tuple[Status, int]]:
        """The same for a bar: what holds first, what is not judged last."""
        return sorted(self.tally, key=lambda item: item[0].name != "pass")

    @property
    def passed(self) -> int:
        """How many clauses hold."""
        return self.counts.get("pass", 0)

    @property
    def applicable(self) -> int:
        """How many clauses can be checked on this subject in this mode."""
        return sum(self.counts.values()) - self.counts.get("not-applicable", 0)

    @property
    def judged(self) -> int:
        """How many clauses were judged: not those that are unsupported, undecided, or were not run."""
        return sum(n for status, n in self.tally if not (status.skipped or status.unjudged))

    @property
    def state(self) -> str:
        """The key of what the column comes to: a pass only where nothing broke and nothing was given up."""
        worst = self.tally[0][0] if self.tally else statuses.NOT_RUN
        if worst.breaks or worst.unjudged:
            return "fail" if worst.breaks else worst.key
        return "pass" if self.passed else "notrun"


@attrs.frozen(eq=False)
class Cell:
    """One verdict in the matrix; `judged` is false where the run did not come to it."""

    column: Column
    status: Status
    judged: bool
    examples: int
    failures: int | None
    reason: str | None
    finding: int | None
    blocked_by: tuple[str, ...] = ()


@attrs.frozen(eq=False)
class Row:
    """A clause with a cell per column."""

    clause: Clause
    cells: tuple[Cell, ...]

    @property
    def search(self) -> str:
        """What the text filter looks at, in lower case."""
        clause = self.clause
        parts = (clause.id, clause.title, clause.page, clause.norm, *clause.agreement)
        return " ".join(part for part in parts if part).lower()

    @property
    def standings(self) -> list[tuple[Status, str | None, list[Cell]]]:
        """The cells by status and reason, worst first; what has a finding stands alone."""
        found: dict[tuple[object, ...], list[Cell]] = {}
        for cell in self.cells:
            key = (cell.status, cell.reason, cell.finding, cell.failures)
            found.setdefault(key, []).append(cell)
        ordered = sorted(found.values(), key=lambda cells: statuses.rank(cells[0].status))
        return [(cells[0].status, cells[0].reason, cells) for cells in ordered]

    @property
    def is_even(self) -> bool:
        """Whether all subjects have the same status."""
        return len({cell.status.name for cell in self.cells}) == 1

    @property
    def agreements(self) -> list[tuple[str, str]]:
        """How page and TensorFlow agree, each in a word and in a sentence."""
        return [(word, _AGREEMENTS.get(word, "")) for word in self.clause.agreement]


@attrs.frozen(eq=False)
class Chapter:
    """The rows of a chapter, and per column how many of them hold."""

    name: str
    title: str
    rows: tuple[Row, ...]

    @property
    def worst(self) -> list[Status]:
        """Per column the worst status; one that does not apply everywhere else counts last."""
        columns = zip(*(row.cells for row in self.rows))
        return [statuses.worst(cell.status for cell in cells) for cells in columns]


@attrs.frozen
class Unjudged:
    """Clauses that could not be judged on a subject, and why."""

    status: Status
    subject: str
    modes: tuple[str, ...]
    clauses: tuple[str, ...]
    reason: str
    blocked_by: tuple[str, ...]

    @property
    def is_blocked(self) -> bool:
        """Whether nothing went wrong but another clause, which has a finding."""
        return self.status.name == "blocked"

    @property
    def named(self) -> str:
        """The first clauses, the others counted."""
        return first_of(self.clauses, _NAMED)

    @property
    def why(self) -> str:
        """What must pass before these can be judged, or else the reason."""
        basic = self.blocked_by
        if not basic:
            return self.reason
        verb = "passes" if len(basic) == 1 else "pass"
        return f"cannot be judged until {first_of(basic, _NAMED)} {verb}"

    @property
    def sentence(self) -> str:
        """The reason as a sentence."""
        return _sentence(self.reason)


@attrs.frozen(eq=False)
class Matrix:
    """Everything about the matrix that the page shows."""

    columns: tuple[Column, ...]
    chapters: tuple[Chapter, ...]

    @property
    def rows(self) -> list[Row]:
        """All rows in the order of the page."""
        return [row for chapter in self.chapters for row in chapter.rows]

    @property
    def examples(self) -> int:
        """How many examples were tried in all."""
        return sum(column.examples for column in self.columns)

    def has(self, word: str) -> bool:
        """Whether any clause is of this agreement, or has a deviation."""
        if word == "deviation":
            return any(row.clause.deviation is not None for row in self.rows)
        return any(word in row.clause.agreement for row in self.rows)

    @property
    def tags(self) -> list[tuple[str, str]]:
        """The words at the clauses that occur, each with its meaning."""
        meanings = {**_AGREEMENTS, "deviation": "The project's own layers differ on purpose."}
        return [
            (word, text) for word, text in meanings.items() if word != "holds" and self.has(word)
        ]

    @property
    def subjects(self) -> list[str]:
        """The subjects' names, whatever their modes."""
        return list(dict.fromkeys(column.subject.name for column in self.columns))

    @property
    def worst_first(self) -> list[Column]:
        """The columns, those in which something is wrong first."""
        unjudged = [one.key for one in statuses.STATUSES if one.unjudged]
        order = ("fail", *unjudged, "notrun", "pass")
        return sorted(self.columns, key=lambda column: order.index(column.state))

    @property
    def unjudged(self) -> list[Unjudged]:
        """What could not be judged, by subject and status, with the first reason, or all clauses that block it."""
        found: dict[tuple[str, str], tuple[dict[str, None], ...]] = {}
        for row in self.rows:
            for cell in row.cells:
                if cell.status.unjudged:
                    subject = cell.column.subject
                    key = cell.status.name, subject.name
                    modes, clauses, reasons, basic = found.setdefault(key, ({}, {}, {}, {}))
                    modes[subject.mode] = clauses[row.clause.id] = reasons[cell.reason or ""] = None
                    basic.update(dict.fromkeys(cell.blocked_by))
        return [
            Unjudged(
                statuses.status(name),
                subject,
                modes=tuple(filter(None, modes)),
                clauses=tuple(clauses),
                reason=next(iter(reasons)),
                blocked_by=tuple(basic),
            )
            for (name, subject), (modes, clauses, reasons, basic) in found.items()
        ]

    @property
    def statuses(self) -> list[tuple[Status, int]]:
        """The statuses that occur, worst first, with the number of cells."""
        counts: Counter[Status] = Counter(cell.status for row in self.rows for cell in row.cells)
        return sorted(counts.items(), key=lambda item: (statuses.rank(item[0]), item[0].name))


def build(record: Record) -> Matrix:
    """Lay out the verdicts of a record; what the header does not announce is shown all the same."""
    subjects = _subjects(record)
    clauses = _clauses(record)
    verdicts: dict[tuple[str, tuple[str, str]], list[Verdict]] = {}
    for verdict in record.verdicts:
        verdicts.setdefault((verdict.clause, (verdict.subject, verdict.mode)), []).append(verdict)
    findings: dict[tuple[str, tuple[str, str]], tuple[int, Finding]] = {}
    for number, finding in enumerate(record.findings, start=1):
        key = finding.clause, (finding.subject, finding.mode)
        findings.setdefault(key, (number, finding))
    columns = tuple(_column(subject, clauses, verdicts) for subject in subjects)
    rows = [
        Row(
            clause,
            tuple(
                _cell(
                    column,
                    verdicts.get((clause.id, column.subject.key), ()),
                    findings.get((clause.id, column.subject.key)),
                )
                for column in columns
            ),
        )
        for clause in clauses
    ]
    names = dict.fromkeys(row.clause.chapter for row in rows)
    ordered = sorted(names, key=lambda name: _PLACES.get(name, len(_PLACES)))
    chapters = tuple(
        Chapter(name, chapter_title(name), tuple(row for row in rows if row.clause.chapter == name))
        for name in ordered
    )
    return Matrix(columns, chapters)


def _sentence(text: str) -> str:
    """Make a sentence of a reason."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def chapter_title(name: str) -> str:
    """Return the chapter's heading; an unknown chapter is called by its name."""
    return CHAPTERS.get(name) or name[:1].upper() + name[1:]


def version_of(subject: Subject) -> str:
    """Return the version a reader knows the subject by: that of the package of the same name."""
    return subject.versions.get(subject.name.partition("@")[0], "")


def _subjects(record: Record) -> list[Subject]:
    known = {subject.key: subject for subject in record.header.subjects}
    lines: list[Verdict | Finding] = [*record.verdicts, *record.findings]
    for line in lines:
        known.setdefault((line.subject, line.mode), Subject(line.subject, line.mode))
    return list(known.values())


def _clauses(record: Record) -> list[Clause]:
    known = {clause.id: clause for clause in record.header.clauses}
    lines: list[Verdict | Finding] = [*record.verdicts, *record.findings]
    for line in lines:
        known.setdefault(line.clause, Clause(line.clause, "not in the header", "(no text)"))
    return list(known.values())


def _column(
    subject: Subject,
    clauses: Sequence[Clause],
    verdicts: Mapping[tuple[str, tuple[str, str]], Sequence[Verdict]],
) -> Column:
    counts: Counter[str] = Counter()
    examples = 0
    for clause in clauses:
        found = verdicts.get((clause.id, subject.key), ())
        counts[_status(found).name] += 1
        examples += sum(verdict.examples for verdict in found)
    return Column(subject, version_of(subject), dict(counts), examples)


def _status(verdicts: Sequence[Verdict]) -> Status:
    return statuses.worst(statuses.of(verdict) for verdict in verdicts)


def _cell(
    column: Column,
    verdicts: Sequence[Verdict],
    finding: tuple[int, Finding] | None,
) -> Cell:
    status = _status(verdicts)
    failures = None
    number = None
    if finding is not None:
        number, line = finding
        failures = line.failures
    told = [verdict.reason for verdict in verdicts if verdict.reason]
    normwise = sum(verdict.normwise for verdict in verdicts)
    if normwise:
        told.append(f"Accurate normwise, not elementwise, in {how_many(normwise, 'case')}.")
    blocking = dict.fromkeys(name for verdict in verdicts for name in verdict.blocked_by)
    if blocking and not status.unjudged:
        more_basic = " and ".join(blocking)
        told.append(f"Cases that fail because of {more_basic} are counted there, not here.")
    reasons = dict.fromkeys(told)
    return Cell(
        column=column,
        status=status,
        judged=bool(verdicts),
        examples=sum(verdict.examples for verdict in verdicts),
        failures=failures,
        reason=" ".join(reasons) or None,
        finding=number,
        blocked_by=tuple(blocking),
    )
