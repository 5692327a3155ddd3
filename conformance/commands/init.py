"""``conformance init``: a start for a subject of one's own, which runs as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import attrs
import click

import conformance
from conformance.commands.console.failing import chosen, usage_error
from conformance.subjects.processes import protocol

#: What a program's author needs beside the start.
_PROTOCOL = ("protocol.md", "protocol.schema.json")


@attrs.frozen
class Start:
    """A file to begin with, how it is built, and the option that names it as a subject."""

    file: str
    subject: str
    build: str = ""
    others: Sequence[str] = ()


STARTS = {
    "class": Start("my_layer.py", "--subject my_layer.py:MyLayer"),
    "function": Start("my_function.py", "--subject my_function.py:conv2d_transpose"),
    "c": Start(
        "my_program.c",
        "--subject-command ./my_program",
        "cc -O2 -o my_program my_program.c -lm",
        _PROTOCOL,
    ),
    "js": Start("my_program.js", "--subject-command 'node my_program.js'", others=_PROTOCOL),
}


@click.command()
@click.option("--class", is_flag=True, help="A class (the default).")
@click.option("--function", is_flag=True, help="A bare function.")
@click.option("--c", is_flag=True, help="A program in C, with the protocol it speaks.")
@click.option("--js", is_flag=True, help="The same in JavaScript, for Node.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The folder to write into; default: this one.",
)
def init(out: Path, **kinds: bool) -> None:
    """Write a commented start for a subject of your own, and print the command that judges it.

    Nothing is overwritten. Exit status: 0 written; 2 a file of that name is there, or cannot be written.
    """
    start = STARTS[chosen(kinds) or "class"]
    names = (start.file, *start.others)
    there = [name for name in names if name not in start.others and (out / name).exists()]
    if there:
        usage_error(f"{str(out / there[0])!r} is there already: nothing was written")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (out / name).exists():
                (out / name).write_text(text_of(name), encoding="utf-8")
                click.echo(f"wrote {out / name}")
    except OSError as error:
        usage_error(f"cannot write into {str(out)!r}: {error.strerror}")
    click.echo("\nNow run" + (f" (in {out})" if out != Path() else "") + ":\n")
    for command in filter(None, (start.build, f"conformance run {start.subject} --profile smoke")):
        click.echo(f"    {command}")
    click.echo("\nThen put your own code in, and leave out `--profile smoke`.")


def text_of(name: str) -> str:
    """Return a file that `init` writes."""
    if name == "protocol.schema.json":
        return protocol.schema_text()
    starts = resources.files("conformance").joinpath("starts")
    if name == "protocol.md" and not starts.joinpath(name).is_file():
        # The wheel has a copy of it; a checkout has the page itself.
        return (Path(conformance.__file__).parents[1] / "docs" / name).read_text(encoding="utf-8")
    return starts.joinpath(name).read_text(encoding="utf-8")
