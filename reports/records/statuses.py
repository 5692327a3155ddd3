"""The statuses of a verdict: their order, symbols and meaning; and the kinds of reasons for them.

These lists are the only ones: the record, its schema, the terminal, the exit status and the page follow them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from reports.records.record import Verdict


@attrs.frozen
class Status:
    """A status as page and terminal show it.

    Args:
        name: what the record calls it.
        key: names its colour and its symbol on the page.
        meaning: in words.
        style: its colour in a terminal.
        breaks: whether the clause does not hold.
        unjudged: whether the run could not decide.
        skipped: whether there was nothing to decide.
        recorded: whether verdicts in a record have it; others are made by `of`.
    """

    name: str
    key: str
    meaning: str
    style: str
    breaks: bool = False
    unjudged: bool = False
    skipped: bool = False
    recorded: bool = True

    @property
    def title(self) -> str:
        """The name, with the word that sentences have for whatever could not be decided."""
        return f"undecided ({self.name})" if self.unjudged else self.name


_BAD = "bold red"
#: Worst first: where modes or repetitions are summed up, the first of these wins.
STATUSES = (
    Status("fail", "fail", "does something other than what the clause says", _BAD, breaks=True),
    Status("error", "error", "raised, crashed or hung where it must not", _BAD, breaks=True),
    Status("stale-excuse", "stale", "excused, but the excuse no longer fits", _BAD, breaks=True),
    Status(
        "harness-error",
        "broken",
        "the suite itself broke here; please report it",
        _BAD,
        unjudged=True,
    ),
    Status(
        "gave-up",
        "gaveup",
        "the worker crashed or hung too often to go on",
        _BAD,
        unjudged=True,
    ),
    Status(
        "blocked",
        "blocked",
        "fails only where a more basic clause fails, which explains it",
        "red",
        unjudged=True,
    ),
    Status("not-run", "notrun", "not checked in this run", "dim", skipped=True),
    Status("excused", "excused", "differs, with a stated reason", "yellow"),
    Status(
        "unsupported",
        "unsupported",
        "the subject lacks what this clause is about",
        "yellow",
        skipped=True,
    ),
    Status("pass", "pass", "does what the clause says", "green"),
    Status(
        "not-applicable",
        "none",
        "no case of this subject and mode can check it",
        "dim",
        skipped=True,
        recorded=False,
    ),
)
_BY_NAME = {status.name: status for status in STATUSES}
NOT_RUN = _BY_NAME["not-run"]
#: The names that verdicts in a record have.
RECORDED = tuple(status.name for status in STATUSES if status.recorded)

#: Those by which a clause does not hold.
BROKEN = frozenset(status.name for status in STATUSES if status.breaks)
#: Those that keep a run from conforming.
BAD = frozenset(status.name for status in STATUSES if status.breaks or status.unjudged)

#: Why a verdict is what it is, for programs: the kinds of reasons, with what they mean.
REASONS: Mapping[str, str] = {
    "no-case": "not-run: no case in this run exercises the clause in this mode",
    "untestable": "not-run: no run can check the clause",
    "cases-left": "gave-up: crashes and timeouts used up the time, so that not every case was run",
    "more-basic": "blocked: the clauses whose failures explain those of this one",
    "lacking": "unsupported: what the subject lacks",
    "excuse": "excused: the stated reason of the excuse",
    "excuse-passes": "stale-excuse: the clause passes",
    "excuse-idle": "stale-excuse: no failure has the excuse's message",
    "other-failure": "fail or error: an excuse is for another failure",
    "excuse-expired": "fail or error: the day of the excuse has passed",
    "stale-erratum": "fail: the page's sentence was not contradicted",
    "broken": "harness-error: what the suite did wrong",
}
_NOT_APPLICABLE = ("no-case", "untestable")


def status(name: str) -> Status:
    """Return the status called `name`; one of a later version is shown as it is, and is no pass."""
    return _BY_NAME.get(name) or Status(
        name, "unknown", "a status this report does not know", "yellow"
    )


def of(verdict: Verdict) -> Status:
    """Return a verdict's status; what was not run because it has no case does not apply."""
    if verdict.status == "not-run" and verdict.reason_kind in _NOT_APPLICABLE:
        return _BY_NAME["not-applicable"]
    return status(verdict.status)


def rank(found: Status) -> int:
    """Position in the order of severity; unknown ones come right after those that break."""
    names = [entry.name for entry in STATUSES]
    return names.index(found.name) if found.name in names else 2


def worst(found: Iterable[Status]) -> Status:
    """Return the worst of several statuses; not-run where there is none."""
    return min(found, key=rank, default=NOT_RUN)
