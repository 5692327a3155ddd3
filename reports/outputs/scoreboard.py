"""A scoreboard: what the runs of several implementations say about each aspect of the layer, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import attrs

from reports.outputs.page import document
from reports.outputs.writing import write_text
from reports.records.messages import normalised
from reports.records.record import Aspect, Record, RecordError, Subject
from reports.views import causes as causes_of

#: Stands for whatever else is wrong with a subject whose findings have one cause.
ONLY = ""


@attrs.frozen
class Column:
    """A subject in one mode; `versions` are of what decides its results, NumPy left out."""

    name: str
    mode: str
    versions: str


@attrs.frozen
class Cell:
    """What is known of one aspect of one subject.

    Args:
        text: "n of m", or a word where nothing was judged.
        key: of its colour: `pass`, `fail`, `unsupported` or `notrun`.
        note: the number of its cause in the list of causes; None without one.
    """

    text: str
    key: str
    note: int | None = None


@attrs.frozen
class Row:
    """An aspect: a cell for each column."""

    name: str
    cells: tuple[Cell, ...]


@attrs.frozen
class Board:
    """The whole scoreboard; causes are numbered from 1."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    causes: tuple[str, ...]

    @property
    def groups(self) -> list[tuple[str, str, list[Column]]]:
        """Name and versions of neighbours that are one implementation, and their columns."""
        grouped = groupby(self.columns, lambda column: (column.name, column.versions))
        return [(name, versions, list(columns)) for (name, versions), columns in grouped]

    @property
    def right(self) -> int:
        """How many columns have no wrong case."""
        return sum(
            all(row.cells[place].key != "fail" for row in self.rows)
            for place in range(len(self.columns))
        )


def build(records: Sequence[Record]) -> Board:
    """Return the scoreboard of the subjects of these runs, in their order.

    Raises:
        RecordError: a run has counted no aspects, or two runs have the same subject in the same version.
    """
    columns: dict[Column, Mapping[str, Aspect]] = {}
    texts: dict[tuple[str, str], str] = {}
    names: dict[str, None] = {}
    for record in records:
        if not record.footer.aspects:
            raise RecordError(
                f"{record.path} has counted no aspects: it was ended early or continued, or is of an earlier "
                "version or of a few clauses; run it again"
            )
        # A subject's ways may have runs of their own; what else is wrong is another thing in each of them.
        own = _texts(record)
        texts = {**own, **{key: text for key, text in texts.items() if key[1] != ONLY}}
        for subject in record.header.subjects:
            column = Column(subject.name, subject.mode or "", _versions(subject))
            if column in columns:
                raise RecordError(
                    f"{record.path} is a second run of {column.name} ({column.mode}); give it another name, "
                    f"as in --subject other={subject.spec or column.name}"
                )
            found = {
                a.name: attrs.evolve(a, cause=_told(a, texts)) if a.cause else a
                for a in record.footer.aspects
                if (a.subject, a.mode) == subject.key
            }
            columns[column] = found
            names.update(dict.fromkeys(found))
    causes: dict[str, int] = {}
    ordered = sorted(names, key=[*_order(columns.values())].index)
    rows = tuple(
        Row(name, tuple(_cell(found.get(name), causes) for found in columns.values()))
        for name in ordered
    )
    return Board(tuple(columns), rows, tuple(causes))


def markdown(board: Board) -> str:
    """Return the scoreboard as a table in Markdown, and the list of causes."""
    heads = [
        " ".join(filter(None, (f"{_escaped(column.name)}", column.mode)))
        for column in board.columns
    ]
    lines = [_line(["", *heads]), _line(["---"] * (len(heads) + 1))]
    for row in board.rows:
        cells = [c.text if c.note is None else f"{c.text} [{c.note}]" for c in row.cells]
        lines.append(_line([row.name, *cells]))
    versions = [f"- {_escaped(name)}: {_escaped(text)}" for name, text, _ in board.groups]
    causes = [f"{number}. {_escaped(cause)}" for number, cause in enumerate(board.causes, 1)]
    return "\n".join([*lines, "", *causes, "", *versions]).strip() + "\n"


def render_scoreboard(records: Sequence[Record]) -> str:
    """Return the scoreboard as HTML text that loads nothing from anywhere."""
    board = build(records)
    return document("scoreboard.html.j2", records[-1], board=board, records=records)


def write_scoreboard(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write the page, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written.
        RecordError: as `build`.
    """
    write_text(render_scoreboard(records), path)


def _cell(aspect: Aspect | None, causes: dict[str, int]) -> Cell:
    if aspect is None:
        return Cell("not run", "notrun")
    note = None
    if aspect.cause is not None and aspect.right == aspect.judged > 0:
        return Cell(f"{aspect.right} of {aspect.judged}", "pass")
    if aspect.cause is not None:
        note = causes.setdefault(" ".join(aspect.cause.split()), len(causes) + 1)
    if not aspect.judged:
        return Cell("unsupported", "unsupported", note)
    key = "pass" if aspect.right == aspect.judged else "fail"
    return Cell(f"{aspect.right} of {aspect.judged}", key, note)


def _texts(record: Record) -> dict[tuple[str, str], str]:
    """Return what is told of a subject's causes, by the subject and what any of their findings says."""
    numbered = dict(enumerate(record.findings, start=1))
    clauses = {clause.id: clause for clause in record.header.clauses}
    texts = {}
    causes = causes_of.group(numbered, clauses)
    for cause in causes:
        told = f"{cause.title} ({cause.known})" if cause.known else cause.title
        for finding in (numbered[number] for number in cause.numbers):
            for text in filter(None, (finding.message, finding.diagnosis)):
                texts[finding.subject, text] = told
                texts.setdefault((finding.subject, _kind(text)), told)
        if sum(one.subject == cause.subject for one in causes) == 1:
            # What else is wrong is not judged by itself: this cause blocks it.
            texts[cause.subject, ONLY] = told
    return texts


def _told(aspect: Aspect, texts: dict[tuple[str, str], str]) -> str:
    """Return the cause in the words in which the first of its kind was told."""
    cause = aspect.cause or ""
    found = texts.get((aspect.subject, cause), texts.get((aspect.subject, _kind(cause))))
    if found is None and aspect.judged:
        found = texts.get((aspect.subject, ONLY))
    return found or texts.setdefault((aspect.subject, _kind(cause)), cause)


def _kind(text: str) -> str:
    """Return what a message has in common with others of its kind."""
    return causes_of.length(text) or normalised(text)


def _order(found: Iterable[Mapping[str, Aspect]]) -> dict[str, None]:
    """Return the names in an order that keeps that of each run, as far as the longest one says it."""
    ordered: dict[str, None] = {}
    for names in sorted(found, key=len, reverse=True):
        ordered.update(dict.fromkeys(names))
    return ordered


def _versions(subject: Subject) -> str:
    told = {name: version for name, version in subject.versions.items() if name != "numpy"}
    return ", ".join(f"{name} {version}" for name, version in (told or subject.versions).items())


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
