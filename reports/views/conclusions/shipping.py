"""Answers to "may I ship it?": for each scope that a subject claims, in plain words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import attrs

from reports.records.record import Clause
from reports.views.conclusions.scopes import NAMED_IN_TABLE, Scope, Table
from reports.views.enumeration import conjoined, first_of, how_many

#: A run that draws fewer cases for a family leaves some of the listed ones out, too: `smoke` does. The same is in
#: `conformance.cases.index`, which nothing here may import.
THOROUGH = 50
#: So many subjects are named at most.
SUBJECTS_NAMED = 4


@attrs.frozen
class Answer:
    """An answer for some scopes: a word or two, the key of their colour, and the rest of the sentence."""

    word: str
    key: str
    rest: str

    def of_few(self) -> Answer:
        """Return the same answer, of a run of few cases."""
        return attrs.evolve(self, rest=f"{self.rest}, as far as a run of few cases tells")


@attrs.frozen
class Answers:
    """What is answered for subjects; those of which the same is to be said are together."""

    subjects: tuple[str, ...]
    answers: tuple[Answer, ...]

    @property
    def named(self) -> str:
        """The first subjects, the others counted."""
        return first_of(self.subjects, SUBJECTS_NAMED)


def answers(
    table: Table | None,
    causes: Sequence[tuple[str, Sequence[str]]],
    clauses: Iterable[Clause],
    *,
    is_complete: bool,
    whole: Collection[str] | None = None,
    examples: int | None = None,
) -> list[Answers]:
    """Return the answers in the order of the table; none where clauses have no scope.

    Args:
        table: how subjects stand in the scopes.
        causes: of what is wrong: the subject, and the ids of the clauses that the cause breaks.
        clauses: those that were judged.
        is_complete: whether the run reached its end.
        whole: the scopes of which all clauses were to be judged; None where those of all were.
        examples: how many cases were drawn for a family, where that is known.
    """
    scope_of = {clause.id: clause.scope for clause in clauses}
    together: dict[tuple[Answer, ...], list[str]] = {}
    for row in table.rows if table else ():
        behind: dict[str, int] = {}
        for subject, broken in causes:
            if subject == row.subject:
                for name in {scope_of.get(clause, "") for clause in broken}:
                    behind[name] = behind.get(name, 0) + 1
        found = _of_subject([scope for scope in row.scopes if scope], behind, whole)
        if examples is not None and examples < THOROUGH:
            found = [one.of_few() if one.key == "pass" else one for one in found]
        if not is_complete:
            found = [one for one in found if one.key == "fail"]
            found.append(Answer("Not judged", "gaveup", " to the end: the run is unfinished"))
        together.setdefault(tuple(found), []).append(row.subject)
    return [Answers(tuple(names), found) for found, names in together.items()]


def _of_subject(
    scopes: Sequence[Scope], causes: Mapping[str, int], whole: Collection[str] | None
) -> list[Answer]:
    by_key: dict[str, list[Scope]] = {}
    for scope in scopes:
        key = scope.standing[1]
        is_part = key != "fail" and whole is not None and scope.name not in whole
        by_key.setdefault("part" if is_part else key, []).append(scope)
    found = []
    if fails := by_key.get("fail", []):
        told = [f"{scope.name} ({_because(scope, causes.get(scope.name, 0))})" for scope in fails]
        found.append(Answer("No", "fail", f", not for {conjoined(told)}"))
    if undecided := by_key.get("gaveup", []):
        told = [
            f"{scope.name} ({how_many(len(scope.undecided), 'clause')} undecided)"
            for scope in undecided
        ]
        found.append(Answer("Not judged", "gaveup", f" to the end for {conjoined(told)}"))
    if conforms := by_key.get("pass", []):
        found.append(Answer("Yes", "pass", f" for {conjoined([scope.name for scope in conforms])}"))
    if excused := by_key.get("excused", []):
        told = [
            f"{scope.name} ({how_many(len(scope.excused), 'clause')} excused)" for scope in excused
        ]
        found.append(Answer("With what is excused", "excused", f" for {conjoined(told)}"))
    if in_part := by_key.get("unsupported", []):
        told = [f"{one.name}, without {first_of(one.missing, NAMED_IN_TABLE)}" for one in in_part]
        found += [Answer("In part", "notrun", f" for {one}") for one in told]
    if unclaimed := by_key.get("none", []):
        rest = f": {conjoined([scope.name for scope in unclaimed])}"
        found.append(Answer("Not claimed", "notrun", rest))
    if parts := by_key.get("part", []):
        rest = f" for {conjoined([scope.name for scope in parts])}: a selection of clauses was run"
        found.append(Answer("Not judged", "notrun", rest))
    return found


def _because(scope: Scope, causes: int) -> str:
    broken = how_many(len(scope.broken), "clause")
    if not causes:
        return f"{broken} fail{'s' if len(scope.broken) == 1 else ''}"
    verb = "breaks" if causes == 1 else "break"
    return f"{how_many(causes, 'cause')} {verb} {broken}"
