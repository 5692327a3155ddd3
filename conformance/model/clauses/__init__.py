"""The clauses: what the page says, what the norm is, and how the two agree."""

from __future__ import annotations

import fnmatch
import functools
import sys
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any

import attrs

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: What somebody may claim to conform in, from the inside out; every clause is about one.
SCOPES = ("numbers", "layer", "training", "drop-in")


def _as_tuple(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


@attrs.frozen(kw_only=True)
class Clause:
    """One checkable statement; the fields are explained in `norms/9-numbers.toml`."""

    id: str
    chapter: str
    scope: str = attrs.field(validator=attrs.validators.in_(SCOPES))
    title: str
    norm: str
    agreement: tuple[str, ...] = attrs.field(converter=_as_tuple)
    must: bool = False
    page: str | None = None
    example: str | None = None
    picture: dict[str, Any] | None = None
    claim: str | None = None
    script: str | None = None
    deviation: dict[str, str] | None = None
    untestable: str | None = None

    @property
    def is_erratum(self) -> bool:
        """Whether the page's sentence contradicts TensorFlow."""
        return "erratum" in self.agreement

    def to_json(self, checks: Iterable[str] = ()) -> dict[str, Any]:
        """Return the clause as the record's header and `clauses --json` hold it."""
        data = attrs.asdict(self)
        claim, script = data.pop("claim"), data.pop("script")
        data["agreement"] = list(self.agreement)
        data["erratum"] = {"claim": claim, "script": (script or "").strip()} if claim else None
        data["checks"] = list(checks)
        return data


@functools.cache
def all_clauses() -> tuple[Clause, ...]:
    """Return every clause, in the report's order."""
    package = resources.files(__name__)
    chapters = sorted(package.joinpath("norms").iterdir(), key=lambda file: file.name)
    files = (file for file in chapters if file.name.endswith(".toml"))
    listed = [tomllib.loads(file.read_text(encoding="utf-8"))["clause"] for file in files]
    return tuple(Clause(**entry) for clauses in listed for entry in clauses)


def matching(
    patterns: Sequence[str],
    clauses: Sequence[Clause] | None = None,
    scopes: Sequence[str] = (),
    flag: str = "--clause",
) -> tuple[Clause, ...]:
    """Return the clauses whose id matches one of the shell patterns, all of them without a pattern.

    Args:
        patterns: of ids, in any case.
        clauses: those to choose from; default: all.
        scopes: of `SCOPES`; clauses of others are left out.
        flag: what the user calls the patterns.

    Raises:
        ValueError: a scope is unknown, or a pattern matches no clause (of these scopes).
    """
    for scope in scopes:
        if scope not in SCOPES:
            raise ValueError(f"--scope {scope!r}: the scopes are {', '.join(SCOPES)}")
    listed = all_clauses() if clauses is None else clauses
    listed = [c for c in listed if not scopes or c.scope in scopes]
    if not patterns:
        return tuple(listed)
    chosen = set()
    for pattern in patterns:
        found = {c.id for c in listed if fnmatch.fnmatchcase(c.id, pattern.upper())}
        if not found:
            groups = sorted({c.id.rpartition("-")[0] for c in listed})
            raise ValueError(
                f"{flag} {pattern!r} matches no clause"
                + (f" of the scope {' or '.join(scopes)}" if scopes else "")
                + f"; groups: {', '.join(groups)} (try '{groups[0]}-*')"
            )
        chosen |= found
    return tuple(c for c in listed if c.id in chosen)


def whole_scopes(clauses: Iterable[Clause]) -> tuple[str, ...]:
    """Return the scopes of which no clause is missing."""
    chosen = {clause.id for clause in clauses}
    lacking = {clause.scope for clause in all_clauses() if clause.id not in chosen}
    return tuple(scope for scope in SCOPES if scope not in lacking)
