"""How a command prints a list: as text, or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from conformance.commands.console.terminal import Terminal

#: So many characters hold a column of words.
_ROOM = 24

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


def print_rows(
    console: Terminal,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    wrapped: bool = False,
) -> None:
    """Print a line for each row; on a screen its end is cut where the screen ends, elsewhere it is whole.

    `wrapped` has the last column go on below itself instead, as far as the screen has room for words.
    """
    lines = aligned(headings, rows)
    hanging = lines[0].rindex(headings[-1])
    for place, padded in enumerate(lines):
        line = padded.rstrip()
        style = None if place else "bold"
        if wrapped and console.width - hanging >= _ROOM:
            console.told(line, hanging=hanging, style=style)
            continue
        if len(line) > console.width:
            line = line[: console.width - 1] + "…"
        console.print(line, style=style, soft_wrap=True)


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return headings and rows as lines whose columns stand under each other, blanks at their ends."""
    widths = [max(map(len, column)) for column in zip(headings, *rows)]
    return ["  ".join(map(str.ljust, row, widths)) for row in (headings, *rows)]
