"""The statuses of a verdict: their order, symbols and meaning."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Status:
    """A status as the page shows it: `key` names its colour and its symbol."""

    name: str
    key: str
    meaning: str
    breaks: bool = False


#: Worst first: where modes or repetitions are summed up, the first of these wins.
STATUSES = (
    Status("fail", "fail", "does something else than the clause says", breaks=True),
    Status("error", "error", "raised, crashed or hung where it must not", breaks=True),
    Status("stale-excuse", "stale", "excused, but the excuse no longer fits", breaks=True),
    Status(
        "harness-error", "unknown", "the suite itself broke while judging this: please report it"
    ),
    Status("not-run", "notrun", "not checked in this run"),
    Status("excused", "excused", "differs, with a stated reason"),
    Status("unsupported", "unsupported", "the subject lacks what this clause is about"),
    Status("pass", "pass", "does what the clause says"),
)
_BY_NAME = {status.name: status for status in STATUSES}
NOT_RUN = _BY_NAME["not-run"]


def status(name: str) -> Status:
    """Return the status called `name`; one of a later version is shown as it is, and is no pass."""
    return _BY_NAME.get(name) or Status(name, "unknown", "a status this report does not know")


def rank(found: Status) -> int:
    """Position in the order of severity; unknown ones come right after those that break."""
    names = [entry.name for entry in STATUSES]
    return names.index(found.name) if found.name in names else 2


def worst(found: Iterable[Status]) -> Status:
    """Return the worst of several statuses; not-run where there is none."""
    return min(found, key=rank, default=NOT_RUN)
