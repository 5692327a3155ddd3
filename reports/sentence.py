"""The verdict of a run in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from reports.matrix import Column, Matrix


@attrs.frozen
class Part:
    """A clause of the sentence, with the colour it is shown in."""

    text: str
    key: str
    aside: str = ""
    broken: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} ({self.aside})" if self.aside else self.text


def verdict(matrix: Matrix, *, is_complete: bool = True) -> list[Part]:
    """Return the sentence in parts, such as *fast conforms to all 62 clauses* and *mine breaks 3*.

    Modes of a subject are one: a clause that breaks in any mode is broken.
    """
    total = len(matrix.rows)
    if not total or not matrix.columns:
        return [Part("nothing was checked", "notrun")]
    groups: dict[Part, list[str]] = {}
    for places, columns in _by_subject(matrix):
        part = _judgement(matrix, places, columns, is_complete)
        groups.setdefault(part, []).append(_name(columns))
    parts = []
    for part, names in sorted(groups.items(), key=lambda item: item[0].key == "fail"):
        verb, rest = part.text.split(" ", 1)
        text = f"{_and(names)} {_conjugated(verb, len(names))} {rest}"
        parts.append(attrs.evolve(part, text=text))
    return parts


def _by_subject(matrix: Matrix) -> list[tuple[list[int], list[Column]]]:
    found: dict[str, tuple[list[int], list[Column]]] = {}
    for place, column in enumerate(matrix.columns):
        places, columns = found.setdefault(column.subject.name, ([], []))
        places.append(place)
        columns.append(column)
    return list(found.values())


def _judgement(
    matrix: Matrix, places: Sequence[int], columns: Sequence[Column], is_complete: bool
) -> Part:
    total = len(matrix.rows)
    broken: list[str] = []
    passed = unsupported = unchecked = excused = 0
    modes: set[str] = set()
    for row in matrix.rows:
        cells = [row.cells[place] for place in places]
        keys = {cell.status.key for cell in cells}
        breaking = [cell for cell in cells if cell.status.breaks]
        if breaking:
            broken.append(row.clause.id)
            modes.update(cell.column.subject.mode for cell in breaking)
        elif "excused" in keys:
            excused += 1
        elif "pass" in keys and all(cell.judged for cell in cells):
            passed += 1
        elif keys == {"unsupported"}:
            unsupported += 1
        else:
            unchecked += 1
    aside = _aside(excused, unsupported, unchecked)
    if broken:
        only = f" in {next(iter(modes))} mode" if len(columns) > 1 and len(modes) == 1 else ""
        return Part(f"breaks {_of(len(broken), total)}{only}", "fail", aside, tuple(broken))
    if passed == total:
        return Part(f"conforms to {_all(total)}", "pass")
    if not passed:
        verb = "supports" if unsupported else "was checked against"
        none = f"none of the {total} clauses" if total > 1 else "none of the clauses"
        return Part(f"{'meets' if excused else verb} {none}", "notrun", aside if excused else "")
    clauses = f"all {passed} clauses" if passed > 1 else "the one clause"
    key = "pass" if is_complete and passed * 2 >= total else "notrun"
    if excused:  # checked, and not what the clause says
        return Part(f"conforms to {_of(passed, total)}", key, aside)
    return Part(f"conforms to {clauses} checked", key, f"of {total}: {aside}")


def _aside(excused: int, unsupported: int, unchecked: int) -> str:
    counts = ((excused, "excused"), (unsupported, "unsupported"), (unchecked, "not run"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _of(count: int, total: int) -> str:
    return f"{count} of {total} clauses" if total != 1 else "the one clause"


def _all(total: int) -> str:
    return f"all {total} clauses" if total != 1 else "the one clause"


def _name(columns: Sequence[Column]) -> str:
    name, version = columns[0].subject.name, columns[0].version
    return f"{name} {version}" if version and "@" not in name else name


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _conjugated(verb: str, count: int) -> str:
    if verb == "was":
        return "was" if count == 1 else "were"
    return verb if count == 1 else verb.removesuffix("s")
