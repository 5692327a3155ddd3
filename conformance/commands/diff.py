"""``conformance diff``: what became of each verdict from one run to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import attrs
import click
from rich.console import Console
from rich.table import Table

import reports
from conformance.commands.console.failing import usage_error
from conformance.commands.console.listing import with_format
from conformance.commands.console.reading import load
from conformance.commands.console.terminal import Terminal
from reports.records.record import Record
from reports.views.changes import BAD, Change, compare, versions

_COLOURS = {
    "broke": "bold red",
    "lost": "bold red",
    "mended": "green",
    "message": "yellow",
    "changed": "yellow",
}


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@with_format
@click.option(
    "--html", type=click.Path(path_type=Path), help="Write the comparison as a page, too."
)
def diff(old: Path, new: Path, as_json: bool, html: Path | None) -> None:
    """Compare the verdicts of two runs: OLD and NEW are their run.jsonl.

    A verdict is known again by clause, subject and mode. Where each run has one subject only, these are
    compared whatever they are called.

    Exit status: 0 nothing broke; 1 something fails in NEW that did not in OLD, or passed in OLD and is not
    checked in NEW (lost); 2 bad usage.
    """
    before, after = load(old, aside=True), load(new, aside=True)
    if html is not None:
        try:
            reports.write_comparison(before, after, html)
        except OSError as error:
            usage_error(f"cannot write {str(html)!r}: {error.strerror}")
    changes = compare(before, after)
    if as_json:
        click.echo(json.dumps([attrs.asdict(change) for change in changes], indent=1))
    else:
        _show(Terminal(), before, after, changes)
    raise SystemExit(1 if any(change.kind in BAD for change in changes) else 0)


def _show(console: Console, before: Record, after: Record, changes: Sequence[Change]) -> None:
    for subject, package, old, new in versions(before, after):
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
