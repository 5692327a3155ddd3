"""What a run says at its end: of each subject the verdict, the causes of what is wrong, and the counts."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from conformance.commands.explain import DEFAULT
from conformance.run.run import Run
from reports import matrix, plain, sentence, statuses
from reports.record import Record

#: Causes that are told of a subject; the report has them all.
CAUSES_SHOWN = 5

#: Colours of what a sentence comes to.
_STYLES = {"pass": "green", "some": "green", "fail": "bold red", "gaveup": "bold red"}


def summary(run: Run, record: Record, path: Path, console: Console) -> None:
    """Print what came of a run.

    Args:
        run: the run.
        record: what it wrote.
        path: the file that holds it.
        console: where to print.
    """
    _verdicts(record, path, console)
    console.print(_counts(run, record))
    for line in _coverage_lines(run):
        console.print(line, soft_wrap=True)
    for excuse in run.idle_excuses:
        console.print(f"excuse without effect: {excuse}", style="yellow", soft_wrap=True)


def _verdicts(record: Record, path: Path, console: Console) -> None:
    """Print the verdict of each subject, failing ones first, each above the causes of its findings."""
    causes = plain.by_subject(plain.tell_causes(record))
    laid_out = matrix.build(record)
    parts = sentence.verdict(
        laid_out,
        is_complete=record.footer.complete,
        clauses_in_all=record.header.clauses_in_all,
    )
    for part in parts:
        console.print(str(part), style=_STYLES.get(part.key, "yellow"), soft_wrap=True)
        found = [cause for name in part.subjects for cause in causes.get(name, [])]
        for number, told in enumerate(found[:CAUSES_SHOWN], start=1):
            finding = told.cause.smallest
            console.print(f"  {number}. {told.title}", style="bold", soft_wrap=True)
            for line in (f"breaks {told.breaks}", told.call, told.message):
                if line:
                    console.print(f"     {line}", soft_wrap=True)
            where = "" if path == DEFAULT else f" --record {path}"
            console.print(f"     conformance explain {finding}{where}", style="dim", soft_wrap=True)
        left = len(found) - CAUSES_SHOWN
        if left > 0:
            more = "1 more cause is" if left == 1 else f"{left} more causes are"
            console.print(f"  {more} in the report", style="dim")
    console.print()


def _counts(run: Run, record: Record) -> Table:
    """Return the table of statuses by subject."""
    table = Table(box=None, pad_edge=False)
    table.add_column("subject")
    table.add_column("mode")
    found = {statuses.status(verdict.status) for verdict in record.verdicts}
    # What holds comes first, then the worst.
    used = sorted(found, key=lambda one: (one.name != "pass", statuses.rank(one)))
    for status in used:
        table.add_column(status.name, justify="right", style=status.style)
    table.add_column("cases", justify="right")
    table.add_column("examples", justify="right")
    for participant in run.participants:
        own = [v for v in record.verdicts if (v.subject, v.mode) == participant.key]
        counts = [str(sum(v.status == status.name for v in own)) for status in used]
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
