"""How a command ends over a user's mistake: one line, exit status 2."""

from __future__ import annotations

from typing import NoReturn

import click


def usage_error(message: object) -> NoReturn:
    """End the command with `message` on standard error and exit status 2."""
    context = click.get_current_context()
    click.echo(f"{context.command_path}: error: {message}", err=True)
    raise SystemExit(2)
