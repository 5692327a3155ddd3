"""How a command ends over a user's mistake: one line, exit status 2."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import click

from conformance.commands.console.terminal import Terminal
from conformance.model.values.codec import text_of
from reports.records.unseen import shown
from reports.views.enumeration import conjoined


def usage_error(message: object) -> NoReturn:
    """End the command with `message` on standard error and exit status 2."""
    context = click.get_current_context()
    told = shown(text_of(message)).replace("\n", " ")
    Terminal(stderr=True).told(f"{context.command_path}: error: {told}")
    raise SystemExit(2)


def chosen(flags: Mapping[str, bool]) -> str | None:
    """Return the name of the one flag that was given, None without any; two end the command."""
    given = [name for name, is_given in flags.items() if is_given]
    if len(given) > 1:
        options = conjoined([f"--{name}" for name in given])
        usage_error(f"{options} each say what to write: give one of them")
    return given[0] if given else None


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make the folder of a file that the block writes; where either cannot be written, end the command."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        usage_error(f"cannot write {str(path)!r}: {error.strerror}")
