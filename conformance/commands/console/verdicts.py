"""The verdict of each subject above the causes of its findings, as `run` and `explain` print it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from conformance.commands.console.terminal import Terminal
from reports.outputs import plain
from reports.records.record import FILE_NAME, Record
from reports.views import causes, matrix
from reports.views.conclusions import scopes, sentence
from reports.views.enumeration import how_many

#: Where `run` writes its record.
DEFAULT = Path("conformance-report") / FILE_NAME
#: Colours of what a sentence comes to.
_STYLES = {"pass": "green", "some": "green", "fail": "bold red", "gaveup": "bold red"}


def verdicts(record: Record, path: Path, console: Terminal, *, in_full: bool = False) -> None:
    """Print the verdict of each subject, failing ones first, each above the causes of its findings.

    Args:
        record: the run.
        path: the file that holds it.
        console: where to print.
        in_full: tell all causes, not of those that matter less their clauses alone.
    """
    told_of = plain.by_subject(plain.tell_causes(record))
    clauses = {clause.id: clause for clause in record.header.clauses}
    where = "" if path == DEFAULT else f" --record {shlex.quote(str(path))}"
    laid_out = matrix.build(record)
    parts = sentence.verdict(
        laid_out,
        is_complete=record.footer.complete,
        clauses_in_all=record.header.clauses_in_all,
    )
    for part in parts:
        console.told(str(part), style=_STYLES.get(part.key, "yellow"))
        found = [cause for name in part.subjects for cause in told_of.get(name, [])]
        shown = found if in_full else found[: causes.SHOWN]
        for told in shown:
            finding = told.cause.smallest
            console.told(f"{told.number}. {told.title}", indent=2, hanging=3, style="bold")
            for line in (f"breaks {told.breaks}", told.call, told.message):
                if line:
                    console.told(line, indent=5)
            command = f"finding {finding}: conformance explain {finding}{where}"
            console.print(f"     {command}", style="dim", soft_wrap=True)
        for line in _given_up(record, part.subjects):
            console.told(line, indent=2, style="bold red")
        # Modes often say the same.
        said = (str(one) for one in record.footer.said_often if one.subject in part.subjects)
        for line in dict.fromkeys(said):
            console.print(f"  {line}", style="yellow", soft_wrap=True)
        left = found[len(shown) :]
        if left:
            more = f"{how_many(len(left), 'more cause')} {'breaks' if len(left) == 1 else 'break'}"
            named = scopes.by_scope((one for told in left for one in told.clauses), clauses)
            console.told(f"{more} {named}: conformance explain --all{where}", indent=2)


def _given_up(record: Record, subjects: Collection[str]) -> Iterator[str]:
    """Yield why clauses of some subjects were not judged to the end, most frequent reasons first."""
    reasons = Counter(
        one.reason
        for one in record.verdicts
        if one.subject in subjects and one.status == "gave-up" and one.reason
    )
    for reason, count in reasons.most_common(2):
        yield f"gave up on {how_many(count, 'clause')}: {reason}"
