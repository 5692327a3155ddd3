"""``conformance subjects``: what can be tested here."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.table import Table

from conformance.subjects import BUILT_IN, tensorflow_is_installed


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def subjects(as_json: bool) -> None:
    """List the built-in subjects and whether they are available here."""
    listed = [
        {
            "name": name,
            "description": text,
            "available": name != "tensorflow" or tensorflow_is_installed(),
            "modes": ["eager", "graph"] if name == "tensorflow" else ["eager"],
        }
        for name, text in BUILT_IN.items()
    ]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("subject", "available", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for row in listed:
        table.add_row(
            str(row["name"]), "yes" if row["available"] else "no", str(row["description"])
        )
    console.print(table)
    console.print("\nYour own: --subject path/to/file.py:Name, --subject package.module:Name, or")
    console.print("--subject-command './program' for any other language.")
