"""``conformance strength``: measure the suite against all known mistakes."""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from conformance.commands.console.failing import usage_error, writing
from conformance.commands.console.terminal import Terminal
from conformance.judge.judging import HarnessError
from conformance.model import machine
from conformance.run.settings.options import PROFILES, check_seconds
from conformance.strength import measurement as measuring
from conformance.strength.kinds import markdown
from conformance.strength.trials import read_catalogue
from conformance.subjects import LoadError
from reports import RecordError, load_strength
from reports.outputs.writing import write_text
from reports.views.enumeration import how_many


@click.command()
@click.option(
    "--mistake",
    "patterns",
    metavar="PATTERN",
    multiple=True,
    help="Only mistakes whose id matches, such as 'M01_*'. Repeatable.",
)
@click.option(
    "--seeds", metavar="N", type=int, default=10, show_default=True, help="How many seeds."
)
@click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    default="core",
    show_default=True,
    help="How many examples a seed draws, as in `conformance run`.",
)
@click.option("--jobs", metavar="N", type=int, help="Processes; default: one for each core.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    default=20.0,
    show_default=True,
    help="How long one case may take in a mistake's process.",
)
@click.option(
    "--catalogue",
    metavar="SPEC",
    default=measuring.CATALOGUE,
    show_default=True,
    help="path/to/file.py:NAME or package.module:NAME of a dict from ids to instances of Mistake.",
)
@click.option(
    "--json",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the measurement; `conformance report --strength FILE` puts it into a page.",
)
@click.option(
    "--add-to",
    "known",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Measure only mistakes that the measurement FILE lacks or has in other words, and write them into it.",
)
@click.option(
    "--kinds",
    is_flag=True,
    help="Measure nothing; print a table (Markdown) of what the measurement that comes with the suite, or "
    "--add-to FILE, says of each kind: how much of it clauses and cases catch that were not made for it.",
)
def strength(
    patterns: tuple[str, ...],
    seeds: int,
    profile: str,
    jobs: int | None,
    timeout: float,
    catalogue: str,
    file: Path | None,
    known: Path | None,
    kinds: bool,
) -> None:
    """Run the suite against all known mistakes and tell how soon each is caught.

    A mistake is caught when a clause fails (or the layer raises or dies) on the cases that a run with
    that seed makes. Clauses that the catalogue expects to reject it are judged first; `!` marks another
    one. CASES is the number of those on which that clause was judged until it failed, the failing one
    included: the median over the seeds. Runs begin with fixed cases; DRAWN tells the same without them.
    ELEMENTS and STEPS measure the counterexample of the first seed, shrunk; `=` marks a fixed case that
    stays as it is.

    Exit status: 0 all caught for every seed, 1 otherwise, 2 bad usage, 3 the harness is broken.
    """
    console = Terminal()
    if kinds:
        click.echo(markdown(_shown(known)))
        return
    jobs = machine.cores() if jobs is None else jobs
    try:
        _positive("--seeds", seeds)
        _positive("--jobs", jobs)
        check_seconds("--timeout", timeout)
        mistakes = read_catalogue(catalogue)
        chosen = _matching(patterns, list(mistakes))
        if known is not None and file is not None:
            raise ValueError("--add-to and --json each name the file to write: give one of them")
        older = None if known is None else _measured(known, profile, seeds)
        if older is not None:
            chosen = measuring.missing(older, {name: mistakes[name] for name in chosen})
            file = known
    except (LoadError, RecordError, ValueError) as error:
        usage_error(error)
    if file is not None:
        with writing(file):  # what takes hours begins where its result has a place
            if not os.access(file.parent, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    started = time.monotonic()
    bar = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    try:
        with bar:
            trials = bar.add_task("trials", total=len(chosen) * (seeds + 1))
            entries = measuring.measure(
                catalogue,
                chosen,
                examples=PROFILES[profile],
                seeds=seeds,
                jobs=jobs,
                seconds=timeout,
                progress=lambda: bar.advance(trials),
            )
    except HarnessError as error:
        console.told(f"harness broken: {error}", style="bold red")
        raise SystemExit(3) from None
    found = measuring.document(
        entries,
        profile=profile,
        examples=PROFILES[profile],
        seeds=seeds,
        jobs=jobs,
        seconds=time.monotonic() - started,
    )
    if older is not None:
        found = measuring.added(older, found, list(mistakes))
    _show(console, found)
    if file is not None:
        with writing(file):
            write_text(json.dumps(found, indent=1) + "\n", file)
        console.print(f"measurement: {file}", soft_wrap=True)
    raise SystemExit(0 if all(entry["caught"] == seeds for entry in found["mistakes"]) else 1)


def _positive(option: str, value: float) -> None:
    if value <= 0:
        raise ValueError(f"{option} {value:g}: must be above 0")


def _measured(file: Path, profile: str, seeds: int) -> dict[str, Any]:
    """Return a measurement that others can stand beside."""
    load_strength(file)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    for option, value in (("profile", profile), ("seeds", seeds)):
        if found.get(option) != value:
            raise ValueError(
                f"--add-to {str(file)!r}: it was measured with --{option} {found.get(option)}, not {value}"
            )
    return found


def _shown(file: Path | None) -> Mapping[str, Any]:
    """Return a measurement that is there already."""
    if file is None:
        return measuring.shipped()
    try:
        load_strength(file)
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except RecordError as error:
        usage_error(error)
    return found


def _matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise ValueError(f"--mistake {pattern!r} matches no mistake (try 'M01_*')")
    return [
        name
        for name in names
        if not patterns or any(fnmatch.fnmatchcase(name, p) for p in patterns)
    ]


def _show(console: Terminal, found: Mapping[str, Any]) -> None:
    entries, seeds = found["mistakes"], found["seeds"]
    table = Table(box=None, pad_edge=False)
    table.add_column("mistake", overflow="fold", min_width=20)
    for heading in ("caught", "clause", "cases", "drawn", "elements", "steps"):
        table.add_column(heading, justify="left" if heading == "clause" else "right", no_wrap=True)
    for chapter in dict.fromkeys(entry["chapter"] for entry in entries):
        own = [entry for entry in entries if entry["chapter"] == chapter]
        if chapter:
            table.add_row(chapter, style="bold")
        for entry in own:
            table.add_row(
                *_cells(entry, seeds), style=None if entry["caught"] == seeds else "bold red"
            )
    console.print(table)
    console.told(_sentence(entries, seeds, found["profile"], found["seconds"]))


def _cells(entry: Mapping[str, Any], seeds: int) -> list[str]:
    clauses, *others = entry["clauses"] or ["-"]
    if others:
        clauses += f" +{len(others)}"
    if entry["unexpected"]:
        clauses += " !"
    drawn, smallest = entry["drawn"], entry["smallest"]
    alone = "-"
    if drawn is not None:
        often = "" if drawn["caught"] == seeds else f" ({drawn['caught']}/{seeds})"
        alone = _number(drawn["examples"]) + often
    elements, steps = "-", "-"
    if smallest is not None:
        elements = f"{'' if smallest['shrunk'] else '='}{smallest['elements']}"
        steps = str(smallest["steps"])
    return [
        entry["id"],
        f"{entry['caught']}/{seeds}",
        clauses,
        _number(entry["examples"]),
        alone,
        elements,
        steps,
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _sentence(
    entries: Sequence[Mapping[str, Any]], seeds: int, profile: str, seconds: float
) -> str:
    always = [entry for entry in entries if entry["caught"] == seeds]
    text = (
        f"{len(always)} of {how_many(len(entries), 'mistake')} caught with "
        f"{'the one seed' if seeds == 1 else f'every one of {seeds} seeds'}, "
        f"profile {profile}, {seconds:.0f} s"
    )
    counts = [entry["examples"] for entry in entries if entry["examples"] is not None]
    if counts:
        text += f"; median of their cases {statistics.median(counts):g}, most {max(counts):g}"
    drawn = [entry for entry in entries if entry["drawn"] is not None]
    if drawn:
        alone = sum(entry["drawn"]["caught"] == seeds for entry in drawn)
        text += f"; by drawn cases alone {alone} of {len(drawn)}"
    missed = [entry["id"] for entry in entries if entry["caught"] < seeds]
    return text + (f"\nnot caught with every seed: {', '.join(missed)}" if missed else "")
