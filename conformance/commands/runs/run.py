"""``conformance run``: judge subjects, write the record and the page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import attrs
import click

from conformance.commands.console.conducting import carry_out
from conformance.run.parallel.shards import parse
from conformance.run.run import Run
from conformance.run.settings.again import FOLDER, again
from conformance.run.settings.options import CHOICES, make_options

#: The record that is meant where none is named.
_IN_FOLDER = "the folder's"


def with_choices(function: Any) -> Any:
    """Give a command the options of a run."""
    for choice in reversed(CHOICES):
        kind: Any = choice.type
        if choice.choices:
            kind = click.Choice(choice.choices)
        elif choice.type is Path:
            kind = click.Path(path_type=Path)
        function = click.option(
            choice.flag,
            metavar=None if choice.choices or choice.is_flag else choice.metavar,
            is_flag=choice.is_flag,
            default=choice.default,
            multiple=choice.repeatable,
            type=kind,
            show_default=choice.default is not None and not choice.is_flag,
            help=choice.help,
        )(function)
    return function


@click.command()
@with_choices
@click.option(
    "--rerun-failed",
    "failed_in",
    metavar="[RECORD]",
    is_flag=False,
    flag_value=_IN_FOLDER,
    help="Judge only what failed in an earlier run (default: that in the folder), its smallest cases first; "
    f"record and page go into the folder's {FOLDER}/.",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Run the I-th of N parts of the cases alone, on whatever machine, and judge nothing: `conformance merge` "
    "puts the records of all parts together.",
)
def run(failed_in: str | None, shard: str | None, **values: Any) -> None:
    """Judge every clause on every subject; write run.jsonl and index.html.

    Exit status: 0 every subject conforms; 1 findings, a stale excuse, or a subject on which nothing could
    be judged; 2 bad usage; 3 the harness is broken; 130 interrupted. A shard that is at its end has
    status 0, which says nothing about conformance. `pytest --pyargs conformance` gives the same verdicts with the
    same options.
    """

    def begin() -> Run:
        options = make_options(values, ("conformance", *sys.argv[1:]))
        if shard is not None:
            options = attrs.evolve(options, shard=parse(shard))
        if failed_in is not None:
            options = again(options, None if failed_in == _IN_FOLDER else Path(failed_in))
        return Run(options)

    carry_out(begin)
