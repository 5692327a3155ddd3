"""``conformance subjects``: what can be tested here, and installing TensorFlow releases."""

from __future__ import annotations

import json

import click
from rich.table import Table

from conformance.commands.failing import usage_error
from conformance.commands.listing import with_format
from conformance.commands.terminal import Terminal
from conformance.subjects import BUILT_IN, environments, tensorflow_is_installed


@click.group(invoke_without_command=True)
@with_format
@click.pass_context
def subjects(context: click.Context, as_json: bool) -> None:
    """List the built-in subjects and whether they are available here."""
    if context.invoked_subcommand is not None:
        return
    listed = [
        {
            "name": name,
            "description": text,
            "available": name != "tensorflow" or tensorflow_is_installed(),
            "modes": ["eager", "graph"] if name == "tensorflow" else ["eager"],
        }
        for name, text in BUILT_IN.items()
    ]
    listed += [
        {
            "name": f"{environments.PREFIX}{version}",
            "description": f"TensorFlow {version} in an environment of its own",
            "available": True,
            "modes": ["eager", "graph"],
        }
        for version in environments.installed()
    ]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    console = Terminal()
    table = Table(box=None, pad_edge=False)
    for heading in ("subject", "available", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for row in listed:
        table.add_row(
            str(row["name"]), "yes" if row["available"] else "no", str(row["description"])
        )
    console.print(table)
    console.print("\nOther TensorFlow releases: conformance subjects install tensorflow@2.9.3")
    console.print("Your own: --subject path/to/file.py:Name, --subject package.module:Name, or")
    console.print("--subject-command './program' for any other language.")


@subjects.command()
@click.argument("specs", nargs=-1, required=True, metavar="tensorflow@VERSION...")
@click.option("--python", help="The interpreter to use; default: a fitting one on the PATH.")
def install(specs: tuple[str, ...], python: str | None) -> None:
    """Make an environment for each TensorFlow release, under the user's cache folder."""
    console = Terminal()
    for spec in specs:
        try:
            with console.status(f"installing {spec}"):
                place = environments.install(
                    spec, python, lambda text: console.print(text, style="dim")
                )
        except environments.InstallError as error:
            usage_error(error)
        console.print(f"{spec} is ready in {place}", soft_wrap=True)
