"""What a subject conforms in: a sentence over the scopes, by the rules of docs/interpreting.md."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import attrs

from reports.records import statuses
from reports.records.record import Clause, Record, Verdict
from reports.views.enumeration import conjoined, first_of, how_many

#: The version of the rules; it rises when the same verdicts would give another sentence.
RULES = 4
#: What a scope is about, in a few words.
MEANINGS: Mapping[str, str] = {
    "numbers": "shapes, padding, layouts, values, dtypes",
    "layer": "bias, activations, initializers, configuration, errors",
    "training": "gradients, losses, constraints",
    "drop-in": "names, collections, methods, quirks",
}
#: So many clauses are named at most.
NAMED = 4
#: So many of them in a cell of the table.
NAMED_IN_TABLE = 2
#: So many of a scope where scopes stand in one line.
NAMED_IN_LINE = 8


@attrs.frozen
class Scope:
    """How a subject stands in one scope.

    Args:
        name: `numbers`, `layer`, `training` or `drop-in`.
        passed: how many clauses pass.
        broken: clauses that do not hold.
        missing: clauses that must pass, and are not checked or unsupported.
        excused: clauses that differ, with a stated reason.
        unsupported: how many clauses are about what the subject lacks.
        undecided: clauses that could not be judged to the end, or not before another one holds.
    """

    name: str
    passed: int
    broken: tuple[str, ...]
    missing: tuple[str, ...]
    excused: tuple[str, ...]
    unsupported: int = 0
    undecided: tuple[str, ...] = ()

    @property
    def conforms(self) -> bool:
        """Whether nothing is broken, undecided or excused, all that must pass does, and anything does."""
        against = self.broken or self.undecided or self.missing or self.excused
        return bool(self.passed) and not against

    @property
    def standing(self) -> tuple[str, str]:
        """What it comes to in a word or two, and the key of its colour."""
        if self.broken:
            return "fails", "fail"
        if self.undecided:
            return "undecided", "gaveup"
        if self.conforms:
            return "conforms", "pass"
        if self.excused:
            return "excused", "excused"
        return ("in part", "unsupported") if self.passed else ("not claimed", "none")

    @property
    def counts(self) -> list[tuple[int, str]]:
        """How many clauses pass, fail and so on, without those of which there are none."""
        told = (
            (self.passed, "pass"),
            (len(self.broken), "fail"),
            (len(self.undecided), "undecided"),
            (len(self.excused), "excused"),
            (self.unsupported, "unsupported"),
        )
        return [(count, word) for count, word in told if count]

    @property
    def named(self) -> str:
        """The first clauses that keep it from conforming; nothing where none does, or nothing is claimed."""
        if self.broken or self.undecided:
            return first_of(self.broken or self.undecided, NAMED_IN_TABLE)
        if self.missing and self.passed and not self.excused:
            return f"lacks {first_of(self.missing, NAMED_IN_TABLE)}, which must pass"
        return ""

    def __str__(self) -> str:
        if self.broken:
            count = len(self.broken)
            left = f", {len(self.undecided)} undecided" if self.undecided else ""
            return f"{self.name}: {count} clause{'s fail' if count > 1 else ' fails'}{left}"
        if self.undecided:
            count = len(self.undecided)
            return f"{self.name}: {count} clause{'s' if count > 1 else ''} undecided"
        if not self.passed and not self.excused:
            return f"{self.name}: not claimed"
        if self.excused:
            return f"{self.name}: {len(self.excused)} excused"
        return f"{self.name}: in part, without {first_of(self.missing, NAMED)}"


def of_subject(
    clauses: Iterable[Clause], verdicts: Iterable[Verdict], subject: str
) -> tuple[Scope, ...]:
    """Return the scopes of a run's clauses, in the clauses' words, as `subject` stands in them.

    Modes of a subject are one: a clause that breaks in any mode is broken, one that passes in some mode and
    breaks in none passes.
    """
    found: dict[str, set[str]] = {}
    for verdict in verdicts:
        if verdict.subject == subject:
            found.setdefault(verdict.clause, set()).add(statuses.of(verdict).name)
    by_scope: dict[str, list[Clause]] = {name: [] for name in _ORDER}
    for clause in clauses:
        if clause.scope and clause.id in found:
            by_scope.setdefault(clause.scope, []).append(clause)
    return tuple(_scope(name, members, found) for name, members in by_scope.items() if members)


#: From the inside out.
_ORDER = ("numbers", "layer", "training", "drop-in")


def _scope(name: str, clauses: Sequence[Clause], found: Mapping[str, set[str]]) -> Scope:
    broken = [c.id for c in clauses if found[c.id] & statuses.BROKEN]
    undecided = [c.id for c in clauses if found[c.id] & statuses.BAD and c.id not in broken]
    worse = {*broken, *undecided}
    excused = [c.id for c in clauses if "excused" in found[c.id] and c.id not in worse]
    passed = [c.id for c in clauses if "pass" in found[c.id] and c.id not in {*worse, *excused}]
    decided = {*passed, *worse, *excused}
    missing = [
        c.id
        for c in clauses
        if c.must and c.id not in decided and found[c.id] != {"not-applicable"}
    ]
    lacking = [c for c in clauses if c.id not in decided and "unsupported" in found[c.id]]
    return Scope(
        name,
        passed=len(passed),
        broken=tuple(broken),
        missing=tuple(missing),
        excused=tuple(excused),
        unsupported=len(lacking),
        undecided=tuple(undecided),
    )


def by_scope(ids: Iterable[str], clauses: Mapping[str, Clause]) -> str:
    """Name clauses, scope by scope: ``PAD-01 and VAL-01 (numbers), LOSS-01 (training)``.

    Args:
        ids: the clauses.
        clauses: those of the run, by id.
    """
    found: dict[str, list[str]] = {name: [] for name in (*_ORDER, "")}
    for one in dict.fromkeys(ids):
        found.setdefault(clauses[one].scope if one in clauses else "", []).append(one)
    return ", ".join(
        first_of(members, NAMED_IN_LINE) + (f" ({name})" if name else "")
        for name, members in found.items()
        if members
    )


@attrs.frozen
class Row:
    """A subject in the table of scopes: one scope a column, None where it has no clause of it."""

    subject: str
    scopes: tuple[Scope | None, ...]
    accuracy: str


@attrs.frozen
class Table:
    """Subjects by scopes."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def table(
    clauses: Sequence[Clause], verdicts: Sequence[Verdict], subjects: Iterable[str]
) -> Table | None:
    """Return how each subject stands in each scope; None where clauses have no scope."""
    found = {
        subject: {scope.name: scope for scope in of_subject(clauses, verdicts, subject)}
        for subject in dict.fromkeys(subjects)
    }
    names = dict.fromkeys(name for scopes in found.values() for name in scopes)
    columns = (*(n for n in _ORDER if n in names), *(n for n in names if n not in _ORDER))
    if not columns:
        return None
    rows = tuple(
        Row(subject, tuple(map(scopes.get, columns)), accuracy(verdicts, subject))
        for subject, scopes in found.items()
    )
    return Table(columns, rows)


def whole(record: Record) -> tuple[str, ...] | None:
    """Return the scopes of which all clauses were to be judged; None where those of all were.

    Of a run that did not reach its end that is none.
    """
    header = record.header
    if not record.footer.complete:
        return ()
    return header.whole_scopes if len(header.clauses) < (header.clauses_in_all or 0) else None


def sentence(scopes: Sequence[Scope], whole: Collection[str] | None = None) -> str:
    """Return the scopes in words: *conforms at numbers and layer; training: 2 clauses fail*.

    Args:
        scopes: how a subject stands in them.
        whole: as `whole` returns it: of the other scopes a selection was judged, which never conforms.
    """
    good = [scope for scope in scopes if scope.conforms]
    in_part = [one.name for one in good if whole is not None and one.name not in whole]
    conforming = [one.name for one in good if one.name not in in_part]
    parts = [f"conforms at {conjoined(conforming)}"] if conforming else []
    parts += [f"passes what was selected of {conjoined(in_part)}"] if in_part else []
    return "; ".join([*parts, *(str(scope) for scope in scopes if not scope.conforms)])


def sentences(
    clauses: Sequence[Clause],
    verdicts: Sequence[Verdict],
    subjects: Iterable[str],
    whole: Collection[str] | None = None,
) -> list[tuple[str, str]]:
    """Return subjects, those alike together, and their sentence; none where clauses have no scope."""
    told: dict[str, list[str]] = {}
    for subject in dict.fromkeys(subjects):
        scoped = sentence(of_subject(clauses, verdicts, subject), whole)
        text = "; ".join(filter(None, (scoped, accuracy(verdicts, subject))))
        if text:
            told.setdefault(text, []).append(subject)
    return [(conjoined(names), _agreeing(text, len(names))) for text, names in told.items()]


def accuracy(verdicts: Sequence[Verdict], subject: str) -> str:
    """Say that results are right beside the largest number only; nothing where all are right by themselves."""
    found = {v.clause for v in verdicts if v.subject == subject and v.normwise}
    if not found:
        return ""
    return f"accurate normwise, not elementwise ({how_many(len(found), 'clause')})"


def _agreeing(text: str, count: int) -> str:
    if count > 1:
        text = text.replace("conforms at", "conform at", 1)
        text = text.replace("passes what", "pass what", 1)
    return text
