"""``conformance explain``: a finding or a clause as text, with its picture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.commands.console.failing import usage_error
from conformance.commands.console.listing import with_format
from conformance.commands.console.reading import load
from conformance.commands.console.terminal import Terminal
from conformance.commands.console.verdicts import DEFAULT, verdicts
from conformance.model.clauses import matching
from conformance.run.run import recorded
from reports.outputs import plain
from reports.records.record import Record
from reports.views.enumeration import how_many


@click.command()
@click.argument("what", metavar="[FINDING|CLAUSE]...", nargs=-1)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    show_default=True,
    help="The run.jsonl whose findings are meant.",
)
@click.option("--all", "in_full", is_flag=True, help="List all causes of each subject.")
@with_format
def explain(what: tuple[str, ...], record: Path, in_full: bool, as_json: bool) -> None:
    """Explain findings by their numbers, or clauses by id or pattern (PAD-01, 'GRAD-*').

    Without an argument, lists the subjects of the record with their verdicts and the causes of their findings:
    the three of each subject that matter most, or all.

    Prints input, kernel and canvas as numbers, the output as a box on the canvas, and the products that sum to
    the element in question; of a finding also what was expected, what was got, and a script that shows it.
    """
    console = Terminal()
    if as_json:
        if what:
            usage_error(
                "--format json is for the list of causes: leave out the findings and clauses"
            )
        click.echo(json.dumps(_causes(load(record, aside=True)), indent=1))
        return
    if not what:
        verdicts(load(record, aside=True), record, console, in_full=in_full)
        return
    if in_full:
        usage_error("--all is for the list of causes: leave out the findings and clauses")
    try:
        patterns = tuple(text for text in what if not text.isdecimal())
        clauses = matching(patterns) if patterns else ()
    except ValueError as error:
        usage_error(str(error).replace("--clause ", ""))
    numbers = [int(text) for text in what if text.isdecimal()]
    findings = _findings(record, numbers, console.width) if numbers else []
    texts = [plain.explain_clause(recorded(clause), console.width) for clause in clauses]
    for place, lines in enumerate([*texts, *findings]):
        if place:
            console.print()
        for line in lines:
            console.print(line, soft_wrap=True)


def _causes(loaded: Record) -> list[dict[str, Any]]:
    return [
        {
            "cause": told.number,
            "subject": told.cause.subject,
            "title": told.cause.title,
            "known": told.cause.known,
            "clauses": [loaded.findings[number - 1].clause for number in told.cause.numbers],
            "findings": told.cause.numbers,
            "call": told.call,
            "message": told.message,
        }
        for told in plain.tell_causes(loaded)
    ]


def _findings(path: Path, numbers: Sequence[int], width: int) -> list[Iterable[str]]:
    record = load(path, aside=True)
    clauses = {clause.id: clause for clause in record.header.clauses}
    for number in numbers:
        if not 1 <= number <= len(record.findings):
            usage_error(f"finding {number}: {path} has {how_many(len(record.findings), 'finding')}")
    chosen = [record.findings[number - 1] for number in numbers]
    return [plain.explain_finding(found, clauses.get(found.clause), width) for found in chosen]
