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

import attrs

from conformance.clauses import all_clauses

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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

    def covers(self, messages: Sequence[str]) -> bool:
        """Tell whether every failure is the excused one."""
        return all(self.message in message for message in messages)


def load_excuses(path: Path) -> tuple[Excuse, ...]:
    """Read a file of excuses.

    Raises:
        ExcuseError: unreadable, not TOML, an unknown or missing key, an unknown clause.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExcuseError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ExcuseError(f"{path}: not TOML: {error}") from error
    known = {clause.id for clause in all_clauses()}
    excuses = []
    for number, entry in enumerate(data.get("excuse", []), start=1):
        try:
            excuse = Excuse(**entry)
        except TypeError as error:
            text = str(error).replace("Excuse.__init__() ", "")
            raise ExcuseError(f"{path}: excuse {number}: {text}") from error
        if excuse.clause not in known:
            raise ExcuseError(f"{path}: excuse {number}: unknown clause {excuse.clause!r}")
        if not excuse.message or not excuse.reason:
            raise ExcuseError(f"{path}: excuse {number}: message and reason must not be empty")
        excuses.append(excuse)
    if set(data) - {"excuse"}:
        raise ExcuseError(f"{path}: unknown table {min(set(data) - {'excuse'})!r}; use [[excuse]]")
    return tuple(excuses)
