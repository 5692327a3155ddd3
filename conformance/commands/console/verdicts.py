"""The verdict of each subject above the causes of its findings, as `run` and `explain` print it."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from reports.outputs import plain
from reports.records.record import FILE_NAME, Record
from reports.views import matrix, sentence

#: Where `run` writes its record.
DEFAULT = Path("conformance-report") / FILE_NAME
#: Causes that are told of a subject, those that break most first; of the others their clauses.
CAUSES_SHOWN = 3

#: Colours of what a sentence comes to.
_STYLES = {"pass": "green", "some": "green", "fail": "bold red", "gaveup": "bold red"}


def verdicts(record: Record, path: Path, console: Console) -> None:
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
            where = "" if path == DEFAULT else f" --record {shlex.quote(str(path))}"
            console.print(f"     conformance explain {finding}{where}", style="dim", soft_wrap=True)
        # Modes often say the same.
        said = (str(one) for one in record.footer.said_often if one.subject in part.subjects)
        for line in dict.fromkeys(said):
            console.print(f"  {line}", style="yellow", soft_wrap=True)
        left = found[CAUSES_SHOWN:]
        if left:
            more = "1 more cause breaks" if len(left) == 1 else f"{len(left)} more causes break"
            clauses = [*dict.fromkeys(clause for told in left for clause in told.clauses)]
            console.print(f"  {more} {plain.breaks(clauses)}: see the report", soft_wrap=True)
