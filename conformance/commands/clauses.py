"""``conformance clauses``: what is checked."""

from __future__ import annotations

import json

import click

from conformance.checks import CHECKS
from conformance.commands.console.failing import usage_error
from conformance.commands.console.listing import print_rows, with_format
from conformance.commands.console.terminal import Terminal
from conformance.model.clauses import matching
from conformance.run.run import recorded
from reports.outputs import plain
from reports.views.enumeration import how_many


@click.command()
@click.argument("patterns", nargs=-1)
@click.option("--errata", is_flag=True, help="Only clauses whose sentence contradicts TensorFlow.")
@with_format
def clauses(patterns: tuple[str, ...], errata: bool, as_json: bool) -> None:
    """List the clauses, or explain those that match PATTERNS (such as PAD-01 or 'GRAD-*')."""
    try:
        chosen = [c for c in matching(patterns) if c.is_erratum or not errata]
    except ValueError as error:
        usage_error(str(error).replace("--clause ", ""))
    if as_json:
        click.echo(json.dumps([c.to_json(CHECKS.names(c.id)) for c in chosen], indent=2))
        return
    console = Terminal()
    if patterns or errata:
        for clause in chosen:
            for line in plain.explain_clause(recorded(clause), console.width):
                console.print(line, soft_wrap=True)
            console.print()
        return
    rows = [(c.id, c.scope, ", ".join(c.agreement), c.title) for c in chosen]
    print_rows(console, ("clause", "scope", "agreement", "norm in short"), rows)
    console.print(
        f"{how_many(len(chosen), 'clause')}; `conformance clauses PAD-01` explains one", style="dim"
    )
