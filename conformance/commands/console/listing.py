"""How a command prints a list: as text, or as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

_Function = TypeVar("_Function", bound=Callable[..., Any])


def with_format(function: _Function) -> _Function:
    """Add the options `--format text|json` and `--json`; the command gets a keyword `as_json`."""
    chosen = click.option(
        "--format",
        "as_json",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        callback=lambda _context, _option, value: value == "json",
        help="How to print the list.",
    )
    short = click.option("--json", "as_json", flag_value="json", help="The same as --format json.")
    return chosen(short(function))
