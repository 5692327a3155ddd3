"""What a run says at its end: of each subject the verdict, the causes of what is wrong, and the counts."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

import reports
from conformance.commands.console.terminal import Terminal
from conformance.commands.console.verdicts import verdicts
from conformance.run.run import Run
from reports.outputs import plain
from reports.records import statuses
from reports.records.record import Record
from reports.views import changes
from reports.views.conclusions import scopes
from reports.views.enumeration import how_many


def summary(run: Run, record: Record, path: Path, console: Terminal) -> None:
    """Print what came of a run.

    Args:
        run: the run.
        record: what it wrote.
        path: the file that holds it.
        console: where to print.
    """
    verdicts(record, path, console)
    news = changes.news(reports.load_previous(path), record)
    if news is not None:
        console.told(f"since the run before: {news}")
    console.print()
    console.print(_counts(run, record, on_screen=console.is_terminal))
    for line in _coverage_lines(run):
        console.told(line)
    for excuse in run.idle_excuses:
        console.told(f"excuse without effect: {excuse}", style="yellow")
    given_up = plain.unexplained(record)
    if given_up:
        told = (
            f"no cause is named for {how_many(given_up, 'finding')}: the search for it was given up"
        )
        console.told(told, style="yellow")
    for lack in run.idle_lacks:
        console.told(f"without effect: {lack}: no error matches it", style="yellow")
    for excuse in run.stale_patterns:
        told = f"stale excuse: {excuse}: nothing fails in this way now"
        console.told(told, style="bold red")
    subjects = [participant.subject.name for participant in run.participants]
    for who, text in scopes.sentences(
        record.header.clauses, run.verdicts, subjects, scopes.whole(record)
    ):
        console.told(f"{who}: {text}")
    for subject, clause, got in run.unmet:
        told = f"required, but does not pass: {clause} of {subject} ({got})"
        console.told(told, style="bold red")


def _counts(run: Run, record: Record, *, on_screen: bool) -> Table:
    """Return the table of statuses by subject; on a screen, which may be narrow, headings may be broken."""
    table = Table(box=None, pad_edge=False)
    table.add_column("subject")
    table.add_column("mode")
    found = {statuses.of(verdict) for verdict in record.verdicts}
    # What holds comes first, then the worst.
    used = sorted(found, key=lambda one: (one.name != "pass", statuses.rank(one)))
    for status in used:
        heading = status.title.replace("-", " ") if on_screen else status.title
        table.add_column(heading, justify="right", style=status.style, overflow="fold")
    table.add_column("cases", justify="right")
    table.add_column("judgements", justify="right")
    for participant in run.participants:
        own = [v for v in record.verdicts if (v.subject, v.mode) == participant.key]
        counts = [str(sum(statuses.of(v) == status for v in own)) for status in used]
        cases = f"{run.cases_run(participant):,}"
        table.add_row(*participant.key, *counts, cases, f"{sum(v.examples for v in own):,}")
    return table


def _coverage_lines(run: Run) -> list[str]:
    """Say which share of the space was exercised: once, unless subjects differ in it."""
    groups = run.coverage()
    shares = {(covered.covered, covered.total) for _, covered in groups}
    if len(shares) == 1:
        _, fewest = min(groups, key=lambda group: group[1].least)
        return [f"exercised: {fewest}"]
    return [f"exercised on {', '.join(map(str, who))}: {covered}" for who, covered in groups]
