"""How a command ends over a user's mistake: one line, exit status 2."""

from __future__ import annotations

from typing import NoReturn

import click

from conformance.commands.console.terminal import Terminal
from conformance.model.values.codec import text_of
from reports.records.unseen import shown


def usage_error(message: object) -> NoReturn:
    """End the command with `message` on standard error and exit status 2."""
    context = click.get_current_context()
    told = shown(text_of(message)).replace("\n", " ")
    Terminal(stderr=True).told(f"{context.command_path}: error: {told}")
    raise SystemExit(2)
