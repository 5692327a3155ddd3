"""Expected failures: a TOML file in which each entry excuses one fact, and goes stale loudly.

[[excuse]]
clause = "FMT-02"          # one clause
subject = "MyLayer"        # as the report names it
message = "channels_first" # a part of the finding's message: another failure is not excused
reason = "no kernel yet"
link = "https://..."       # optional
mode = "eager"             # optional
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import attrs

from conformance.model.clauses import all_clauses
from conformance.subjects.tensorflow import BACKENDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


#: A verdict's status, its reason, and the kind of that reason (`reports.statuses.REASONS`).
Standing: TypeAlias = tuple[str, str | None, str | None]


class ExcuseError(Exception):
    """The file of excuses cannot be used; the message is one line for the user."""


@attrs.frozen(kw_only=True)
class Excuse:
    """One excused fact."""

    clause: str
    subject: str
    message: str
    reason: str
    link: str | None = None
    mode: str | None = None

    def concerns(self, clause: str, subject: str, mode: str) -> bool:
        """Tell whether the entry is about this clause of this subject."""
        return (self.clause, self.subject) == (clause, subject) and self.mode in (None, mode)

    def __str__(self) -> str:
        mode = f" ({self.mode})" if self.mode else ""
        return f"{self.clause} of {self.subject}{mode}, {self.message!r}"


def excused(excuses: Sequence[Excuse], standing: Standing, messages: Sequence[str]) -> Standing:
    """Return a verdict's status and reason in the light of the excuses that concern it.

    Every failure must be excused by one of them, and each of them must excuse a failure.

    Args:
        excuses: those for the verdict's clause, subject and mode.
        standing: status and reason of the verdict without them.
        messages: of all its failures.
    """
    status = standing[0]
    if not excuses:
        return standing
    if status == "pass":
        return "stale-excuse", f"passes, but is excused: {excuses[0].reason}", "excuse-passes"
    if status not in ("fail", "error"):
        return standing
    told = ", ".join(repr(excuse.message) for excuse in excuses)
    if not messages or not all(any(e.message in message for e in excuses) for message in messages):
        return status, f"fails otherwise than excused ({told})", "other-failure"
    idle = [e for e in excuses if not any(e.message in message for message in messages)]
    if idle:
        return (
            "stale-excuse",
            f"no failure says {idle[0].message!r}, but it is excused: {idle[0].reason}",
            "excuse-idle",
        )
    return "excused", "; ".join(dict.fromkeys(excuse.reason for excuse in excuses)), "excuse"


def load_excuses(path: Path) -> tuple[Excuse, ...]:
    """Read a file of excuses.

    Raises:
        ExcuseError: unreadable, not TOML, an unknown or missing key, a value of another type, an unknown
            clause or mode.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExcuseError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExcuseError(f"{path}: not TOML: {error}") from error
    known = {clause.id for clause in all_clauses()}
    entries = data.get("excuse", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ExcuseError(f"{path}: excuse = {entries!r}: use [[excuse]] tables")
    excuses = []
    for number, entry in enumerate(entries, start=1):
        for key, value in entry.items():
            if not isinstance(value, str):
                raise ExcuseError(f"{path}: excuse {number}: {key} = {value!r}: must be a string")
        try:
            excuse = Excuse(**entry)
        except TypeError as error:
            text = str(error).replace("Excuse.__init__() ", "")
            raise ExcuseError(f"{path}: excuse {number}: {text}") from error
        if excuse.clause not in known and not excuse.clause.startswith("CORPUS-"):
            raise ExcuseError(f"{path}: excuse {number}: unknown clause {excuse.clause!r}")
        if excuse.mode not in (None, *BACKENDS):
            raise ExcuseError(
                f"{path}: excuse {number}: mode = {excuse.mode!r}: must be one of {', '.join(BACKENDS)}"
            )
        if not excuse.message or not excuse.reason:
            raise ExcuseError(f"{path}: excuse {number}: message and reason must not be empty")
        excuses.append(excuse)
    if set(data) - {"excuse"}:
        raise ExcuseError(f"{path}: unknown table {min(set(data) - {'excuse'})!r}; use [[excuse]]")
    return tuple(excuses)
