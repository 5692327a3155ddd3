"""The verdict of a run in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import attrs

from reports.views.enumeration import conjoined
from reports.views.matrix import Cell, Column, Matrix


@attrs.frozen
class Part:
    """A clause of the sentence, with the colour it is shown in.

    `broken` are ids of clauses, `subjects` the names of those that it speaks of.
    """

    text: str
    key: str
    aside: str = ""
    broken: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({self.aside})" if self.aside else self.text


#: What is wrong comes first, then what could not be decided.
_ORDER = ("fail", "gaveup", "notrun", "some", "pass")


def verdict(
    matrix: Matrix, *, is_complete: bool = True, clauses_in_all: int | None = None
) -> list[Part]:
    """Return the sentence in parts, such as *mine breaks 3 of 118 clauses* and *fast conforms to all*.

    Modes of a subject are one: a clause that breaks in any mode is broken. Clauses count where they apply, broken
    ones among those that were judged: all others are told apart.

    Args:
        matrix: the verdicts.
        is_complete: whether the run reached its end.
        clauses_in_all: how many clauses there are, where the run was told to judge some of them only.
    """
    total = len(matrix.rows)
    if not total or not matrix.columns:
        return [Part("nothing was checked", "notrun")]
    selected = total < clauses_in_all if clauses_in_all else False
    groups: dict[Part, list[Sequence[Column]]] = {}
    for places, columns in _by_subject(matrix):
        # Only the whole suite says that a subject conforms.
        holds = "meets" if selected else "conforms to"
        part = _judgement(matrix, places, columns, is_complete, holds)
        if selected:
            asides = (f"{total} of {clauses_in_all} clauses selected", part.aside)
            key = "some" if part.key == "pass" else part.key
            part = attrs.evolve(part, key=key, aside="; ".join(filter(None, asides)))
        groups.setdefault(part, []).append(columns)
    parts = []
    for part, those in sorted(groups.items(), key=lambda item: _ORDER.index(item[0].key)):
        verb, rest = part.text.split(" ", 1)
        text = f"{conjoined([*map(_name, those)])} {_conjugated(verb, len(those))} {rest}"
        names = tuple(columns[0].subject.name for columns in those)
        parts.append(attrs.evolve(part, text=text, subjects=names))
    return parts


def _by_subject(matrix: Matrix) -> list[tuple[list[int], list[Column]]]:
    found: dict[str, tuple[list[int], list[Column]]] = {}
    for place, column in enumerate(matrix.columns):
        places, columns = found.setdefault(column.subject.name, ([], []))
        places.append(place)
        columns.append(column)
    return list(found.values())


def _judgement(
    matrix: Matrix,
    places: Sequence[int],
    columns: Sequence[Column],
    is_complete: bool,
    holds: str,
) -> Part:
    broken: list[str] = []
    modes: set[str] = set()
    counts: Counter[str] = Counter()
    for row in matrix.rows:
        cells = [row.cells[place] for place in places]
        standing = _standing(cells)
        counts[standing] += 1
        if standing == "broken":
            broken.append(row.clause.id)
            modes.update(cell.column.subject.mode for cell in cells if cell.status.breaks)
    total = len(matrix.rows) - counts["not applicable"]
    passed = counts["passed"]
    if broken:
        only = f" in {next(iter(modes))} mode" if len(columns) > 1 and len(modes) == 1 else ""
        judged = len(broken) + passed + counts["excused"]
        which = " judged" if judged < total else ""
        text = f"breaks {_of(len(broken), judged)}{which}{only}"
        return Part(text, "fail", _aside(counts), tuple(broken))
    if counts["undecided"]:
        text = f"was not judged to the end on {_of(counts['undecided'], total)}"
        return Part(text, "gaveup", _aside(counts, "undecided"))
    if not passed:
        return _nothing_passed(counts, total)
    if counts["excused"]:  # checked, and not what the clause says
        key = "pass" if is_complete and not counts["not run"] else "notrun"
        return Part(f"{holds} {_of(passed, total)}", key, _aside(counts))
    if counts["not run"]:
        rest = _aside(Counter({**counts, "not applicable": 0}))
        return Part(f"{holds} {_all(passed)} checked", "notrun", f"of {total}: {rest}")
    key = "pass" if is_complete else "notrun"
    if counts["unsupported"]:
        return Part(f"{holds} {_all(passed)} that it supports", key, _aside(counts))
    apply = " that apply" if counts["not applicable"] and passed > 1 else ""
    return Part(f"{holds} {_all(passed)}{apply}", key, _aside(counts))


def _standing(cells: Sequence[Cell]) -> str:
    """Return what a clause comes to over the modes of a subject."""
    keys = {cell.status.key for cell in cells}
    if any(cell.status.breaks for cell in cells):
        return "broken"
    if any(cell.status.unjudged for cell in cells):
        return "undecided"
    if "excused" in keys:
        return "excused"
    if "pass" in keys and all(cell.judged for cell in cells):
        return "passed"
    if keys == {"none"}:
        return "not applicable"
    return "unsupported" if keys <= {"unsupported", "none"} else "not run"


def _nothing_passed(counts: Counter[str], total: int) -> Part:
    verb = "meets" if counts["excused"] else "supports" if counts["unsupported"] else ""
    none = f"none of the {total} clauses" if total > 1 else "none of the clauses"
    aside = _aside(counts) if counts["excused"] else ""
    return Part(f"{verb or 'was checked against'} {none}", "notrun", aside)


def _aside(counts: Counter[str], but: str = "") -> str:
    shown = ("undecided", "excused", "unsupported", "not run", "not applicable")
    return ", ".join(f"{counts[what]} {what}" for what in shown if counts[what] and what != but)


def _of(count: int, total: int) -> str:
    return f"{count} of {total} clauses" if total != 1 else "the one clause"


def _all(total: int) -> str:
    return f"all {total} clauses" if total != 1 else "the one clause"


def _name(columns: Sequence[Column]) -> str:
    name, version = columns[0].subject.name, columns[0].version
    return f"{name} {version}" if version and "@" not in name else name


def _conjugated(verb: str, count: int) -> str:
    if verb == "was":
        return "was" if count == 1 else "were"
    return verb if count == 1 else verb.removesuffix("s")
