"""How a command prints a list: as text, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from conformance.commands.console.terminal import Terminal

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


def print_rows(console: Terminal, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a line for each row; on a screen its end is cut where the screen ends, elsewhere it is whole."""
    for place, padded in enumerate(aligned(headings, rows)):
        line = padded.rstrip()
        if len(line) > console.width:
            line = line[: console.width - 1] + "…"
        console.print(line, style=None if place else "bold", soft_wrap=True)


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return headings and rows as lines whose columns stand under each other, blanks at their ends."""
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    return ["  ".join(map(str.ljust, row, widths)) for row in (headings, *rows)]
