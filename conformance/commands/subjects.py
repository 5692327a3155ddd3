"""``conformance subjects``: what can be tested here, and installing frameworks in environments of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

import conformance
from conformance.commands.console.failing import usage_error
from conformance.commands.console.listing import print_rows, with_format
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
    rows = [(row["name"], row["version"] or "-", _told(row)) for row in listed]
    print_rows(console, ("subject", "version", "what it is"), rows, wrapped=True)
    console.print()
    console.print("another release  conformance subjects install tensorflow@2.9.3")
    console.print("your own         --subject path/to/file.py:Name or package.module:Name")
    console.print("other languages  --subject-command './program'")


def _told(row: Mapping[str, Any]) -> str:
    """Return what a row says of a subject: what installs it comes first."""
    if row["available"]:
        return str(row["description"])
    return f"{row['missing']} ({row['description']})"


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
        further = ", ".join(environments.further(spec))
        about = "in an environment of its own" + (f", with {further}" if further else "")
        yield _row(spec, about, version, None, modes)


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
@click.option(
    "--with",
    "further",
    multiple=True,
    metavar="REQUIREMENT",
    help="What else must be there, as pip has it, such as the version of a backend: torch==2.13.0. Repeatable.",
)
def install(specs: tuple[str, ...], python: str | None, further: tuple[str, ...]) -> None:
    """Make an environment for each SUBJECT.

    It lies under the user's cache folder.

    SUBJECT is tensorflow@VERSION, or a framework with or without a version: torch, torch@2.13.0, keras@jax.

    \b
    conformance subjects install keras@torch@3.15.1 --with torch==2.13.0

    An environment that is there is made anew.
    """  # noqa: D301 (click wants the character)
    console = Terminal()
    if further and len(specs) > 1:
        usage_error("--with is for one subject at a time")
    for spec in specs:
        if environments.here(spec):
            if further:
                usage_error(
                    f"{spec} is installed beside conformance, and runs use that: "
                    "--with is for an environment of its own"
                )
            console.print(f"{spec} is installed beside conformance; runs use that", soft_wrap=True)
            continue
        try:
            with console.status(f"installing {spec}"):
                place = environments.install(
                    spec, python, lambda text: console.print(text, style="dim"), further
                )
        except environments.InstallError as error:
            usage_error(error)
        console.print(f"{spec} is ready in {place}", soft_wrap=True)
