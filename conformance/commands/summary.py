"""What a run says at its end: verdicts by subject, coverage, and what does not conform."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from conformance.run.run import Run
from reports import statuses


def summary(run: Run, console: Console) -> None:
    """Print the table of verdicts and what follows it."""
    table = Table(box=None, pad_edge=False)
    table.add_column("subject")
    table.add_column("mode")
    found = {statuses.status(verdict.status) for verdict in run.verdicts}
    # What holds comes first, then the worst.
    used = sorted(found, key=lambda one: (one.name != "pass", statuses.rank(one)))
    for status in used:
        table.add_column(status.name, justify="right", style=status.style)
    table.add_column("cases", justify="right")
    table.add_column("examples", justify="right")
    for participant in run.participants:
        own = [v for v in run.verdicts if (v.subject, v.mode) == participant.key]
        counts = [str(sum(v.status == status.name for v in own)) for status in used]
        cases = f"{run.cases_run(participant):,}"
        table.add_row(*participant.key, *counts, cases, f"{sum(v.examples for v in own):,}")
    console.print(table)
    for line in _coverage_lines(run):
        console.print(line, soft_wrap=True)
    for excuse in run.idle_excuses:
        console.print(f"excuse without effect: {excuse}", style="yellow", soft_wrap=True)
    bad = [v for v in run.verdicts if v.status in statuses.BAD]
    if bad:
        names = ", ".join(dict.fromkeys(v.clause for v in bad))
        console.print(f"not conforming: {names}", style="bold red", soft_wrap=True)


def _coverage_lines(run: Run) -> list[str]:
    """Say which share of the space was exercised: once, unless subjects differ in it."""
    groups = run.coverage()
    shares = {(covered.covered, covered.total) for _, covered in groups}
    if len(shares) == 1:
        _, fewest = min(groups, key=lambda group: group[1].least)
        return [f"exercised: {fewest}"]
    return [f"exercised on {', '.join(map(str, who))}: {covered}" for who, covered in groups]
