"""The statuses of a verdict: their order, symbols and meaning."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from reports.record import Clause, Verdict


@attrs.frozen
class Status:
    """A status as the page shows it: `key` names its colour and its symbol.

    `breaks` is a clause that does not hold, `unjudged` one that the run could not decide.
    """

    name: str
    key: str
    meaning: str
    breaks: bool = False
    unjudged: bool = False


#: Worst first: where modes or repetitions are summed up, the first of these wins.
STATUSES = (
    Status("fail", "fail", "does something other than what the clause says", breaks=True),
    Status("error", "error", "raised, crashed or hung where it must not", breaks=True),
    Status("stale-excuse", "stale", "excused, but the excuse no longer fits", breaks=True),
    Status(
        "harness-error",
        "broken",
        "the suite itself broke here: please report it",
        unjudged=True,
    ),
    Status("gave-up", "gaveup", "the worker crashed or hung too often to go on", unjudged=True),
    Status(
        "blocked",
        "blocked",
        "fails where a more basic clause fails, which explains it",
        unjudged=True,
    ),
    Status("not-run", "notrun", "not checked in this run"),
    Status("excused", "excused", "differs, with a stated reason"),
    Status("unsupported", "unsupported", "the subject lacks what this clause is about"),
    Status("pass", "pass", "does what the clause says"),
    Status("not-applicable", "none", "no case of this subject and mode can check it"),
)
_BY_NAME = {status.name: status for status in STATUSES}
NOT_RUN = _BY_NAME["not-run"]


def status(name: str) -> Status:
    """Return the status called `name`; one of a later version is shown as it is, and is no pass."""
    return _BY_NAME.get(name) or Status(name, "unknown", "a status this report does not know")


def of(verdict: Verdict, clause: Clause | None = None) -> Status:
    """Return a verdict's status; the record's `not-run` has three meanings, told apart by its reason."""
    reason = verdict.reason or ""
    if verdict.status != "not-run" or not reason:
        return status(verdict.status)
    if reason.startswith("not every case was run"):
        return _BY_NAME["gave-up"]
    untestable = clause is not None and reason == clause.untestable
    if untestable or reason.startswith(("no case of this run", "no case in this run")):
        return _BY_NAME["not-applicable"]
    return NOT_RUN


def rank(found: Status) -> int:
    """Position in the order of severity; unknown ones come right after those that break."""
    names = [entry.name for entry in STATUSES]
    return names.index(found.name) if found.name in names else 2


def worst(found: Iterable[Status]) -> Status:
    """Return the worst of several statuses; not-run where there is none."""
    return min(found, key=rank, default=NOT_RUN)
