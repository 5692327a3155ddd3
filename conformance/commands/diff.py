"""``conformance diff``: what became of each verdict from one run to another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import attrs
import click
from rich.console import Console
from rich.table import Table

import reports
from conformance.commands.failing import usage_error
from conformance.commands.terminal import Terminal
from reports.record import Record
from reports.statuses import status as status_of

#: Clause, subject and mode.
_Key = tuple[str, str, str]
_COLOURS = {"broke": "bold red", "mended": "green", "changed": "yellow"}


@attrs.frozen
class Change:
    """A verdict that is another one in the new run; None where a run has none."""

    kind: str
    clause: str
    subject: str
    mode: str
    old: str | None
    new: str | None
    message: str | None


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def diff(old: Path, new: Path, as_json: bool) -> None:
    """Compare the verdicts of two runs: OLD and NEW are their run.jsonl.

    A verdict is known again by clause, subject and mode. Where each run has one subject only, these are
    compared whatever they are called.

    Exit status: 0 nothing broke; 1 something fails in NEW that did not in OLD; 2 bad usage.
    """
    try:
        before, after = reports.load(old), reports.load(new)
    except reports.RecordError as error:
        usage_error(error)
    changes = compare(before, after)
    if as_json:
        click.echo(json.dumps([attrs.asdict(change) for change in changes], indent=1))
    else:
        _show(Terminal(), before, after, changes)
    raise SystemExit(1 if any(change.kind == "broke" for change in changes) else 0)


def compare(before: Record, after: Record) -> list[Change]:
    """Return the verdicts that differ: what broke first, then what was mended, then the rest."""
    names = {subject.name for subject in before.header.subjects}
    others = {subject.name for subject in after.header.subjects}
    renamed = dict(zip(names, others)) if len(names) == len(others) == 1 else {}
    old = {(v.clause, renamed.get(v.subject, v.subject), v.mode): v.status for v in before.verdicts}
    new = {(v.clause, v.subject, v.mode): v.status for v in after.verdicts}
    messages = {(f.clause, f.subject, f.mode): f.message for f in after.findings}
    found = [_change(key, old, new, messages) for key in dict.fromkeys([*new, *old])]
    changes = [change for change in found if change.old != change.new]
    return sorted(changes, key=lambda change: [*_COLOURS].index(change.kind))


def _change(
    key: _Key, old: Mapping[_Key, str], new: Mapping[_Key, str], messages: Mapping[_Key, str]
) -> Change:
    was, now = old.get(key), new.get(key)
    failed, fails = (status is not None and status_of(status).breaks for status in (was, now))
    kind = "changed"
    if fails and not failed:
        kind = "broke"
    elif failed and now in ("pass", "excused"):
        kind = "mended"
    return Change(kind, *key, was, now, messages.get(key))


def _show(console: Console, before: Record, after: Record, changes: list[Change]) -> None:
    versions = {subject.key: subject.versions for subject in before.header.subjects}
    for subject in after.header.subjects:
        now = subject.versions
        was = versions.get(subject.key, now)
        for package in sorted({*was, *now}):
            old, new = was.get(package, "none"), now.get(package, "none")
            if old != new:
                text = f"{subject.name} ({subject.mode}): {package} {old}, now {new}"
                console.print(text)
    table = Table(box=None, pad_edge=False)
    for heading in ("", "clause", "subject", "mode", "old", "new", "message"):
        table.add_column(heading)
    for change in changes:
        cells = (change.kind, change.clause, change.subject, change.mode)
        verdicts = (change.old or "-", change.new or "-", change.message or "")
        table.add_row(*cells, *verdicts, style=_COLOURS[change.kind])
    if changes:
        console.print(table)
    counts = [(sum(change.kind == kind for change in changes), kind) for kind in _COLOURS]
    told = ", ".join(f"{count} {kind}" for count, kind in counts if count)
    same = len(after.verdicts) - sum(change.new is not None for change in changes)
    console.print(f"{told or 'no verdict differs'}; {same} as before")
