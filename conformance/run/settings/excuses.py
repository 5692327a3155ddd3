"""Expected failures: a TOML file in which each entry excuses one fact, and goes stale loudly.

[[excuse]]
clause = "FMT-02"          # one clause, or a pattern such as "FMT-*"
subject = "MyLayer"        # as the report names it, or a pattern
message = "channels_first" # a part of the finding's message: another failure is not excused
reason = "no kernel yet"
dtype = "bfloat16"         # optional, as data_format and padding: of the failing cases
link = "https://..."       # optional
expires = 2027-06-30       # optional: after that day it excuses nothing
mode = "eager"             # optional

`message` may be left out where a selector (dtype, data_format, padding) tells the failures. The file may also have
tables ``[[lacks]]``: what a subject does not have, in its own words (`conformance.run.settings.lacks`).
"""

from __future__ import annotations

import datetime
import fnmatch
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import attrs

from conformance.model.case import Case
from conformance.model.clauses import all_clauses
from conformance.run.settings.lacks import SELECTORS, Lack, values_of
from conformance.subjects.frameworks import WAYS
from conformance.subjects.tensorflow import BACKENDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


#: A verdict's status, its reason, and the kind of that reason (`reports.records.statuses.REASONS`).
Standing: TypeAlias = tuple[str, str | None, str | None]


class ExcuseError(Exception):
    """The file of excuses cannot be used; the message is one line for the user."""


@attrs.frozen
class Failed:
    """A failure as excuses see it: its message, and for each selector the values of its case."""

    message: str
    values: Mapping[str, frozenset[str]] = attrs.field(factory=dict)

    @staticmethod
    def of(message: str, case: Case) -> Failed:
        """Return the failure of a case."""
        return Failed(message, values_of(case))


@attrs.frozen(kw_only=True)
class Excuse:
    """One excused fact, or with a pattern all of a kind."""

    clause: str
    subject: str
    reason: str
    message: str = ""
    dtype: str | None = None
    data_format: str | None = None
    padding: str | None = None
    link: str | None = None
    expires: datetime.date | None = None
    mode: str | None = None

    @property
    def is_broad(self) -> bool:
        """Whether it is about more than one clause or subject, so that some of them may pass."""
        return any(character in self.clause + self.subject for character in "*?[")

    def concerns(self, clause: str, subject: str, mode: str) -> bool:
        """Tell whether the entry is about this clause of this subject."""
        fits = fnmatch.fnmatchcase(clause, self.clause) and fnmatch.fnmatchcase(
            subject, self.subject
        )
        return (fits or (self.clause, self.subject) == (clause, subject)) and self.mode in (
            None,
            mode,
        )

    def covers(self, failed: Failed) -> bool:
        """Tell whether it is for this failure."""
        chosen = ((name, getattr(self, name)) for name in SELECTORS)
        return self.message in failed.message and all(
            value is None or value.lower() in failed.values.get(name, ()) for name, value in chosen
        )

    @property
    def what(self) -> str:
        """The failures that it is for, in words."""
        chosen = [f"{name} {getattr(self, name)}" for name in SELECTORS if getattr(self, name)]
        return ", ".join([*([repr(self.message)] if self.message else []), *chosen])

    def __str__(self) -> str:
        mode = f" ({self.mode})" if self.mode else ""
        return f"{self.clause} of {self.subject}{mode}, {self.what}"


def excused(
    excuses: Sequence[Excuse],
    standing: Standing,
    failures: Sequence[Failed],
    today: datetime.date | None = None,
    blocked: Sequence[Failed] = (),
) -> Standing:
    """Return a verdict's status and reason in the light of the excuses that concern it.

    Every failure must be excused by one of them, and each of them must excuse a failure, except that one with a
    pattern need not do so here.

    Args:
        excuses: those for the verdict's clause, subject and mode.
        standing: status and reason of the verdict without them.
        failures: all of them.
        today: the day by which excuses expire.
        blocked: those that a more basic clause explains. They need not be excused where the clause has others, or
            passes elsewhere; an excuse for them is none in vain.
    """
    status = standing[0]
    own = [e for e in excuses if not e.is_broad and not any(map(e.covers, blocked))]
    if status == "pass" and own:
        return "stale-excuse", f"passes, but is excused: {own[0].reason}", "excuse-passes"
    if not excuses or status not in ("fail", "error", "blocked"):
        return standing
    day = today or datetime.date.today()
    valid = [e for e in excuses if e.expires is None or day <= e.expires]
    if status == "blocked":
        if not all(any(e.covers(failed) for e in valid) for failed in blocked):
            return standing
        failures = blocked
    if not failures or not all(any(e.covers(failed) for e in valid) for failed in failures):
        expired = [e for e in excuses if e not in valid and any(map(e.covers, failures))]
        if expired:
            told = f"the excuse expired on {expired[0].expires}: {expired[0].reason}"
            return status, told, "excuse-expired"
        relevant = own or [e for e in excuses if any(map(e.covers, failures))]
        if not relevant:
            return standing
        told = ", ".join(excuse.what for excuse in relevant)
        return status, f"fails, but not as excused ({told})", "other-failure"
    idle = [e for e in own if not any(map(e.covers, failures))]
    if idle:
        return (
            "stale-excuse",
            f"excused, but no failure matches {idle[0].what}: {idle[0].reason}",
            "excuse-idle",
        )
    used = [excuse for excuse in valid if any(map(excuse.covers, failures))]
    reasons = dict.fromkeys(e.reason + (f" ({e.link})" if e.link else "") for e in used)
    return "excused", "; ".join(reasons), "excuse"


def load_excuses(path: Path) -> tuple[Excuse, ...]:
    """Read the excuses of an expectation file.

    Raises:
        ExcuseError: unreadable, not TOML, an unknown or missing key, a value of another type, an unknown
            clause or mode.
    """
    known = {clause.id for clause in all_clauses()}
    return tuple(_excuse(entry, where, known) for where, entry in _entries(path, "excuse"))


def load_lacks(path: Path) -> tuple[Lack, ...]:
    """Read what an expectation file says that subjects lack.

    Raises:
        ExcuseError: as `load_excuses`.
    """
    return tuple(_lack(entry, where) for where, entry in _entries(path, "lacks"))


_TABLES = ("excuse", "lacks")


def _entries(path: Path, table: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the entries of a table, each with where it is."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ExcuseError(f"cannot read {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExcuseError(f"{path}: not TOML: {error}") from error
    entries = data.get(table, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ExcuseError(f"{path}: {table} = {entries!r}: use [[{table}]] tables")
    unknown = sorted(set(data) - {*_TABLES})
    if unknown:
        raise ExcuseError(f"{path}: unknown table {unknown[0]!r}; use [[excuse]] or [[lacks]]")
    return [(f"{path}: {table} {number}", entry) for number, entry in enumerate(entries, start=1)]


_Entry = TypeVar("_Entry", Excuse, Lack)


def _made(kind: type[_Entry], entry: Mapping[str, Any], where: str, **others: Any) -> _Entry:
    fields = dict(entry)
    if isinstance(fields.get("expires"), str):
        try:
            fields["expires"] = datetime.date.fromisoformat(fields["expires"])
        except ValueError:
            raise ExcuseError(
                f"{where}: expires = {fields['expires']!r}: a day such as 2027-06-30 is needed"
            ) from None
    for key, value in fields.items():
        is_day = type(value) is datetime.date and key == "expires"
        if not isinstance(value, str) and not is_day:
            wanted = (
                "a day such as 2027-06-30 is needed" if key == "expires" else "must be a string"
            )
            raise ExcuseError(f"{where}: {key} = {value!r}: {wanted}")
    try:
        return kind(**fields, **others)
    except TypeError as error:
        text = str(error).replace(f"{kind.__name__}.__init__() ", "")
        raise ExcuseError(f"{where}: {text}") from error


def _excuse(entry: Mapping[str, Any], where: str, known: Collection[str]) -> Excuse:
    excuse = _made(Excuse, entry, where)
    if not excuse.clause.startswith("CORPUS-") and not fnmatch.filter(known, excuse.clause):
        raise ExcuseError(f"{where}: unknown clause {excuse.clause!r}")
    if excuse.mode not in (None, *BACKENDS, *WAYS):
        modes = ", ".join((*BACKENDS, *WAYS))
        raise ExcuseError(f"{where}: mode = {excuse.mode!r}: must be one of {modes}")
    if not excuse.what or not excuse.reason or entry.get("message") == "":
        raise ExcuseError(
            f"{where}: message and reason must not be empty; the message may be left out where one of "
            f"{', '.join(SELECTORS)} is given"
        )
    return excuse


def _lack(entry: Mapping[str, Any], where: str) -> Lack:
    lack = _made(Lack, entry, where, source=where)
    if entry.get("message") == "" or not any(
        getattr(lack, name) for name in ("message", *SELECTORS)
    ):
        raise ExcuseError(
            f"{where}: message must not be empty; it may be left out where one of {', '.join(SELECTORS)} is given"
        )
    return lack
