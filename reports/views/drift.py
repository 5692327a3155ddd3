"""The drift table: which clauses' cases went differently on another release."""

from __future__ import annotations

import attrs

from reports.records.record import Clause, Drift, Record


@attrs.frozen
class Column:
    """One comparison: a mode, and the two releases."""

    mode: str
    before: str
    after: str


@attrs.frozen
class Row:
    """One clause, and what each comparison found: None where the two did the same."""

    clause: str
    title: str
    cells: tuple[Drift | None, ...]

    @property
    def examples(self) -> tuple[Drift, ...]:
        """The differences in words, each told once however many comparisons show it."""
        told = {d.example: d for d in reversed(self.cells) if d}
        return tuple(reversed(told.values()))


@attrs.frozen
class Table:
    """The drift table; without columns there was nothing to compare."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def build(record: Record) -> Table:
    """Lay the record's drift out by clause and comparison."""
    found = {(d.clause, d.mode, d.before, d.after): d for d in record.footer.drift}
    columns = tuple(dict.fromkeys(Column(d.mode, d.before, d.after) for d in found.values()))
    drifted = {d.clause for d in found.values()}
    known: dict[str, Clause] = {clause.id: clause for clause in record.header.clauses}
    order = [*(name for name in known if name in drifted), *sorted(drifted - known.keys())]
    rows = tuple(
        Row(
            clause=name,
            title=known[name].title if name in known else "",
            cells=tuple(found.get((name, c.mode, c.before, c.after)) for c in columns),
        )
        for name in order
    )
    return Table(columns, rows)
