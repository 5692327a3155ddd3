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


def verdict(matrix: Matrix) -> list[Part]:
    """Return the sentence in parts, such as *fast conforms to all 62 clauses* and *mine breaks 3*.

    Modes of a subject are one: a clause that breaks in any mode is broken.
    """
    total = len(matrix.rows)
    if not total or not matrix.columns:
        return [Part("nothing was checked", "notrun")]
    groups: dict[tuple[str, str], list[str]] = {}
    for place, columns in _by_subject(matrix):
        broken, text, key = _judgement(matrix, place, columns, total)
        groups.setdefault((text, key if not broken else "fail"), []).append(_name(columns))
    parts = []
    for (text, key), names in sorted(groups.items(), key=lambda item: item[0][1] == "fail"):
        verb, rest = text.split(" ", 1)
        parts.append(Part(f"{_and(names)} {_conjugated(verb, len(names))} {rest}", key))
    return parts


def _by_subject(matrix: Matrix) -> list[tuple[list[int], list[Column]]]:
    found: dict[str, tuple[list[int], list[Column]]] = {}
    for place, column in enumerate(matrix.columns):
        places, columns = found.setdefault(column.subject.name, ([], []))
        places.append(place)
        columns.append(column)
    return list(found.values())


def _judgement(
    matrix: Matrix, places: Sequence[int], columns: Sequence[Column], total: int
) -> tuple[bool, str, str]:
    broken = passed = unsupported = unchecked = excused = 0
    modes: set[str] = set()
    for row in matrix.rows:
        cells = [row.cells[place] for place in places]
        keys = {cell.status.key for cell in cells}
        breaking = [cell for cell in cells if cell.status.breaks]
        if breaking:
            broken += 1
            modes.update(cell.column.subject.mode for cell in breaking)
        elif "excused" in keys:
            excused += 1
        elif "pass" in keys:
            passed += 1
        elif keys == {"unsupported"}:
            unsupported += 1
        else:
            unchecked += 1
    extra = _extra(excused, unsupported, unchecked)
    if broken:
        only = f" in {next(iter(modes))} mode" if len(columns) > 1 and len(modes) == 1 else ""
        return True, f"breaks {_of(broken, total)}{only}" + _in_brackets(extra), "fail"
    if passed == total:
        return False, f"conforms to {_all(total)}", "pass"
    if not passed and not excused:
        what = "supports none of" if unsupported else "was checked against none of"
        return False, f"{what} {_all(total).removeprefix('all ')}", "notrun"
    key = "notrun" if unchecked else "pass"
    return False, f"conforms to {_of(passed, total)}" + _in_brackets(extra), key


def _extra(excused: int, unsupported: int, unchecked: int) -> str:
    counts = ((excused, "excused"), (unsupported, "unsupported"), (unchecked, "not run"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


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
