"""``conformance diff``: what became of each verdict, or of the speed, from one run to another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import attrs
import click

import reports
from conformance.commands.console.failing import usage_error, writing
from conformance.commands.console.listing import aligned, with_format
from conformance.commands.console.reading import load
from conformance.commands.console.speed import show_changes
from conformance.commands.console.terminal import Terminal
from reports import bench
from reports.records.record import Record
from reports.views.changes import (
    BAD,
    KINDS,
    Change,
    compare,
    judged_once,
    of_both,
    only_in,
    precision,
    unchanged,
    versions,
)
from reports.views.enumeration import first_of, how_many

#: Clauses that are named; others are counted.
_NAMED = 6
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
    compared whatever they are called. Two files of `conformance bench --json` (NAME.json) are compared by speed.

    Exit status: 0 nothing broke; 1 something fails in NEW that did not in OLD, or passed in OLD and is not
    judged in NEW (lost); 2 bad usage. Speed never decides it.
    """
    if old.suffix == new.suffix == ".json":
        _speed(old, new, as_json, html)
        return
    before, after = load(old, aside=True), load(new, aside=True)
    if html is not None:
        with writing(html):
            reports.write_comparison(before, after, html)
    changes = compare(before, after)
    if as_json:
        click.echo(json.dumps([attrs.asdict(change) for change in changes], indent=1))
    else:
        _show(Terminal(), before, after, changes)
    raise SystemExit(1 if any(change.kind in BAD for change in changes) else 0)


def _speed(old: Path, new: Path, as_json: bool, html: Path | None) -> None:
    """Tell what became faster or slower, beyond the noise of both measurements."""
    try:
        results = bench.load(new)
        comparison = bench.compare(bench.load(old), results)
    except bench.ResultsError as error:
        usage_error(error)
    if html is not None:
        with writing(html):
            bench.write(results, html, comparison)
    if as_json:
        found = [
            {
                "layer": one.layer, "peer": one.peer, "threads": one.threads,
                "old": one.old.seconds, "new": one.new.seconds,
                "low": one.low, "high": one.high, "verdict": one.verdict,
            }
            for one in comparison.changes
        ]  # fmt: skip
        click.echo(json.dumps(found, indent=1))
    else:
        show_changes(comparison, Terminal())


def _fits(console: Terminal, line: str) -> bool:
    return len(line) <= console.width


def _show(console: Terminal, before: Record, after: Record, changes: Sequence[Change]) -> None:
    for subject, package, old, new in versions(before, after):
        text = f"{subject.name} ({subject.mode}): {package} {old}, now {new}"
        console.told(text)
    same = unchanged(after, changes)
    once = zip(("old", "new"), only_in(before, after), judged_once(before, after, changes))
    for which, names, clauses in once:
        if names:
            console.told(f"in the {which} run only: {', '.join(names)}")
        if clauses:
            told = f"{how_many(len(clauses), 'clause')} ({first_of(clauses, _NAMED)})"
            console.told(f"judged in the {which} run only: {told}")
    changes = of_both(before, after, changes)
    rows = [(c.kind, c.clause, c.subject, c.mode, c.old or "-", c.new or "-") for c in changes]
    headings = ("", "clause", "subject", "mode", "old", "new")
    head, *lines = aligned(headings, rows)
    if changes:
        told = f"{head}  message"
        console.print(told if _fits(console, told) else head.rstrip(), soft_wrap=True)
    for line, change in zip(lines, changes):
        message, style = change.message or "", _COLOURS[change.kind]
        told = f"{line}  {message}".rstrip()
        if _fits(console, told):
            console.print(told, style=style, soft_wrap=True)
        else:  # then it has lines of its own
            console.print(line.rstrip(), style=style, soft_wrap=True)
            console.told(message, indent=2, style=style)
    for one in precision(before, after):
        how, colour = ("less", "yellow") if one.worse else ("more", "green")
        errors = f"worst error {one.old:.3g}, now {one.new:.3g}"
        text = f"{one.subject} ({one.mode}) is {how} precise in {one.dtype}: {errors}"
        console.told(text, style=colour)
    counts = [(sum(change.kind == kind for change in changes), KINDS[kind][0]) for kind in KINDS]
    told = ", ".join(f"{count} {heading.lower()}" for count, heading in counts if count)
    console.told(f"{told or 'no verdict differs'}; {same} unchanged")
