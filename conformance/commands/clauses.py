"""``conformance clauses``: what is checked."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from conformance.checks import CHECKS
from conformance.commands.failing import usage_error
from conformance.commands.terminal import Terminal
from conformance.model.clauses import Clause, matching


@click.command()
@click.argument("patterns", nargs=-1)
@click.option("--errata", is_flag=True, help="Only clauses whose sentence contradicts TensorFlow.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
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
            _explain(clause, console)
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("clause", "chapter", "scope", "agreement", "norm in short"):
        table.add_column(heading, no_wrap=heading != "norm in short")
    for clause in chosen:
        table.add_row(
            clause.id, clause.chapter, clause.scope, ", ".join(clause.agreement), clause.title
        )
    console.print(table)
    console.print(f"{len(chosen)} clauses; `conformance clauses PAD-01` explains one", style="dim")


def _explain(clause: Clause, console: Console) -> None:
    def line(label: str, text: str | None) -> None:
        if text:
            console.print(f"  {label:<10}", style="dim", end="")
            console.print(text)

    console.print(f"{clause.id}  {clause.title}", style="bold")
    line("scope", clause.scope + (" (must pass)" if clause.must else ""))
    line("agreement", ", ".join(clause.agreement))
    line("page", clause.page or "(silent)")
    line("norm", clause.norm)
    line("example", clause.example)
    line("claim", clause.claim)
    if clause.deviation:
        line("deviation", f"{clause.deviation['what']} {clause.deviation['reason']}")
    line("untestable", clause.untestable)
    line("checks", ", ".join(CHECKS.names(clause.id)))
    if clause.script:
        console.print()
        console.print("\n".join("    " + text for text in clause.script.strip().splitlines()))
    console.print()
