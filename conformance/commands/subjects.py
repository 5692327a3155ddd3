"""``conformance subjects``: what can be tested here, and installing frameworks in environments of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from rich.table import Table

import conformance
from conformance.commands.console.failing import usage_error
from conformance.commands.console.listing import with_format
from conformance.commands.console.terminal import Terminal
from conformance.subjects import BUILT_IN, environments, frameworks
from conformance.subjects.tensorflow import MODES


@click.group(invoke_without_command=True)
@with_format
@click.pass_context
def subjects(context: click.Context, as_json: bool) -> None:
    """List the built-in subjects, with their versions or what installs them."""
    if context.invoked_subcommand is not None:
        return
    listed = [*_listed()]
    if as_json:
        click.echo(json.dumps(listed, indent=2))
        return
    console = Terminal()
    table = Table(box=None, pad_edge=False)
    for heading in ("subject", "version", "what it is"):
        table.add_column(heading, no_wrap=heading != "what it is")
    for row in listed:
        told = row["description"]
        if not row["available"]:
            told += f"; {row['missing']}"
        table.add_row(row["name"], row["version"] or "-", told)
    console.print(table)
    console.print(
        "\nOther releases: conformance subjects install tensorflow@2.9.3 (or torch@2.13.0 ...), each in an "
        "environment of its own."
    )
    console.print("Your own: --subject path/to/file.py:Name, --subject package.module:Name, or")
    console.print("--subject-command './program' for any other language.")


def _listed() -> Iterator[dict[str, Any]]:
    for name, text in BUILT_IN.items():
        tensorflow = name == "tensorflow"
        version = environments.running_version() if tensorflow else conformance.__version__
        needed = "not installed: pip install 'conv2d-transpose-conformance[tensorflow]'"
        yield _row(name, text, version, needed, MODES if tensorflow else ("eager",))
    for framework in frameworks.FRAMEWORKS.values():
        missing = framework.missing
        version = None if missing else framework.version
        yield _row(framework.name, framework.about, version, missing, frameworks.WAYS)
    for spec in environments.installed():
        modes = MODES if spec.startswith(environments.PREFIX) else frameworks.WAYS
        version = environments.installed_version(spec)
        yield _row(spec, "in an environment of its own", version, None, modes)


def _row(
    name: str, text: str, version: str | None, missing: str | None, modes: tuple[str, ...]
) -> dict[str, Any]:
    return {
        "name": name,
        "description": text,
        "available": version is not None,
        "version": version,
        "missing": missing if version is None else None,
        "modes": list(modes),
    }


@subjects.command()
@click.argument("specs", nargs=-1, required=True, metavar="SUBJECT...")
@click.option("--python", help="The interpreter to use; default: a fitting one on the PATH.")
def install(specs: tuple[str, ...], python: str | None) -> None:
    """Make an environment for each SUBJECT, under the user's cache folder.

    SUBJECT is tensorflow@VERSION, or a framework with or without a version: torch, torch@2.13.0, keras@jax.
    """
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
