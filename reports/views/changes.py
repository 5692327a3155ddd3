"""What became of each verdict from one run to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from reports.records import statuses
from reports.records.messages import normalised
from reports.records.record import Finding, Record, Subject, Verdict
from reports.records.values import is_tensor
from reports.views.enumeration import first_of

#: Clause, subject and mode.
_Key: TypeAlias = tuple[str, str, str]

#: The kinds of change, what matters most first: heading, meaning, and the key of its colour.
KINDS: Mapping[str, tuple[str, str, str]] = {
    "broke": ("Newly failing", "fail now and did not before", "fail"),
    "lost": ("Lost", "passed before and are no longer judged", "gaveup"),
    "mended": ("Newly passing", "failed before and pass now", "pass"),
    "message": ("Fail differently", "fail in both runs, with another message", "error"),
    "changed": (
        "Other changes",
        "have another verdict, but neither newly fail nor newly pass",
        "notrun",
    ),
}
#: The kinds with which a comparison ends badly.
BAD = frozenset(["broke", "lost"])
#: A scaled error that is so many times the other one has drifted.
DRIFTED = 2.0


@attrs.frozen
class Change:
    """A verdict that is another one in the new run; None where a run has none.

    `message` and `diagnosis` are what the new run says of it: the finding's, or else the verdict's reason.
    """

    kind: str
    clause: str
    subject: str
    mode: str
    old: str | None
    new: str | None
    message: str | None
    diagnosis: str | None = None


@attrs.frozen
class Precision:
    """The worst scaled error of a subject in a format, in both runs."""

    subject: str
    mode: str
    dtype: str
    old: float
    new: float

    @property
    def worse(self) -> bool:
        """Whether the new run is less precise."""
        return self.new > self.old


def compare(before: Record, after: Record) -> list[Change]:
    """Return the verdicts that differ, by kind in the order of `KINDS`.

    A verdict is known again by clause, subject and mode. Where each run has one subject only, these are
    compared whatever they are called.
    """
    names = renamed(before, after)
    old = {(v.clause, names.get(v.subject, v.subject), v.mode): v for v in before.verdicts}
    new = {(v.clause, v.subject, v.mode): v for v in after.verdicts}
    was = {(f.clause, names.get(f.subject, f.subject), f.mode): f for f in before.findings}
    now = {(f.clause, f.subject, f.mode): f for f in after.findings}
    asked = {
        (clause.id, *subject.key)
        for clause in after.header.clauses
        for subject in after.header.subjects
    }
    found = []
    for key in dict.fromkeys([*new, *old]):
        kind = _kind(old.get(key), new.get(key), was.get(key), now.get(key), key in asked)
        if kind is not None:
            one, other = old.get(key), new.get(key)
            reason = None if other is None else other.reason
            found.append(
                Change(
                    kind,
                    *key,
                    old=None if one is None else one.status,
                    new=None if other is None else other.status,
                    message=now[key].message if key in now else reason,
                    diagnosis=now[key].diagnosis if key in now else None,
                )
            )
    return sorted(found, key=lambda change: [*KINDS].index(change.kind))


def renamed(before: Record, after: Record) -> dict[str, str]:
    """Return what the new run calls the old one's subject, where each has one only."""
    names = {subject.name for subject in before.header.subjects}
    others = {subject.name for subject in after.header.subjects}
    return dict(zip(names, others)) if len(names) == len(others) == 1 else {}


def only_in(before: Record, after: Record) -> tuple[list[str], list[str]]:
    """Return the subjects that the old run alone has, and those that the new one alone has."""
    if renamed(before, after):
        return [], []
    old, new = (
        dict.fromkeys(subject.name for subject in record.header.subjects)
        for record in (before, after)
    )
    return [name for name in old if name not in new], [name for name in new if name not in old]


def of_both(before: Record, after: Record, changes: Iterable[Change]) -> list[Change]:
    """Return the changes without those that say no more than that one run did not judge it."""
    alone = {name for names in only_in(before, after) for name in names}
    return [
        one
        for one in changes
        if one.kind in BAD or not (one.subject in alone or None in (one.old, one.new))
    ]


def judged_once(
    before: Record, after: Record, changes: Iterable[Change]
) -> tuple[list[str], list[str]]:
    """Return the clauses that one run alone judged, of subjects of both: the old one, the new one."""
    alone = {name for names in only_in(before, after) for name in names}
    shared = [one for one in changes if one.kind not in BAD and one.subject not in alone]
    return (
        [*dict.fromkeys(one.clause for one in shared if one.new is None)],
        [*dict.fromkeys(one.clause for one in shared if one.old is None)],
    )


def unchanged(after: Record, changes: Iterable[Change]) -> int:
    """Return how many verdicts of the new run are none of the changes, which are all that `compare` found."""
    return len(after.verdicts) - sum(change.new is not None for change in changes)


def _kind(
    old: Verdict | None,
    new: Verdict | None,
    was: Finding | None,
    now: Finding | None,
    is_asked: bool,
) -> str | None:
    """Return the kind of a change; None where the verdicts agree.

    `is_asked` tells whether the new run was told to judge the clause on the subject.
    """
    failed, fails = (one is not None and statuses.of(one).breaks for one in (old, new))
    status = None if new is None else new.status
    if fails and not failed:
        return "broke"
    if failed and status in ("pass", "excused"):
        return "mended"
    if failed and fails and was is not None and now is not None and _says_more(was, now):
        return "message"
    if (None if old is None else old.status) == status:
        return None
    if old is not None and old.status == "pass" and status != "excused":
        return "lost" if new is not None or is_asked else "changed"
    return "changed"


def _says_more(was: Finding, now: Finding) -> bool:
    """Whether a failure is another one: numbers count where the same case gives another result."""
    if normalised(was.message) != normalised(now.message):
        return True
    is_same_case = (was.case.get("id"), was.step) == (now.case.get("id"), now.step)
    return is_same_case and is_tensor(now.got) and was.message != now.message


def precision(before: Record, after: Record) -> list[Precision]:
    """Return the subjects and formats whose worst scaled error has at least doubled, or halved."""
    names = renamed(before, after)
    old = {
        (names.get(one.subject, one.subject), one.mode, one.dtype): one.worst
        for one in before.footer.numerics
    }
    found = []
    for one in after.footer.numerics:
        was = old.get((one.subject, one.mode, one.dtype))
        if was is not None and max(was, one.worst) >= DRIFTED * min(was, one.worst) > 0:
            found.append(Precision(one.subject, one.mode, one.dtype, was, one.worst))
    return sorted(found, key=lambda one: (not one.worse, one.subject, one.mode, one.dtype))


def versions(before: Record, after: Record) -> list[tuple[Subject, str, str, str]]:
    """Return subject, package, old and new version, where they differ."""
    names = renamed(before, after)
    old = {(names.get(s.name, s.name), s.mode): s.versions for s in before.header.subjects}
    found = []
    for subject in after.header.subjects:
        was = old.get(subject.key, subject.versions)
        for package in sorted({*was, *subject.versions}):
            pair = was.get(package, "none"), subject.versions.get(package, "none")
            if pair[0] != pair[1]:
                found.append((subject, package, *pair))
    return found


#: The kinds that are told of the run before: what else differs is no news of the layer.
_TOLD = ("broke", "lost", "mended", "message")
#: Clauses of a kind that are named.
_NAMED = 6


@attrs.frozen
class News:
    """What became of the verdicts since the run before.

    Args:
        before: that run.
        parts: heading, key of its colour, how many verdicts, and the ids of the clauses, of each kind that occurs.
        others: subjects of this run that the run before did not have.
    """

    before: Record
    parts: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    others: tuple[str, ...]

    def __str__(self) -> str:
        told = "; ".join(
            f"{count} {heading.lower()} ({first_of(clauses, _NAMED)})"
            for heading, _, count, clauses in self.parts
        )
        return told or "no clause newly fails, newly passes or is lost"


def news(before: Record | None, after: Record) -> News | None:
    """Return what became of the verdicts of the subjects that both runs have; None where they share none."""
    if before is None:
        return None
    names = {subject.name for subject in before.header.subjects}
    shared = {subject.name for subject in after.header.subjects} & names
    if not shared:
        return None
    changes = [one for one in compare(before, after) if one.subject in shared]
    found = {kind: [one for one in changes if one.kind == kind] for kind in _TOLD}
    parts = tuple(
        (*KINDS[kind][::2], len(those), tuple(dict.fromkeys(one.clause for one in those)))
        for kind, those in found.items()
        if those
    )
    others = dict.fromkeys(s.name for s in after.header.subjects if s.name not in shared)
    return News(before, parts, tuple(others))
