"""``conformance run``: judge subjects, write the record and the page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import reports
from conformance.commands.console.failing import usage_error
from conformance.commands.console.progress import Progress
from conformance.commands.console.summary import summary
from conformance.commands.console.terminal import Terminal
from conformance.run.again import FOLDER, NothingFailed, again
from conformance.run.interruption import Interruption
from conformance.run.options import CHOICES, USAGE_ERRORS, make_options
from conformance.run.record import OutputError
from conformance.run.run import Run
from conformance.subjects import tensorflow_is_installed
from reports.records.record import FILE_NAME

INTERRUPTED = 130
#: The record that is meant where none is named.
_IN_FOLDER = "the folder's"


def _with_choices(function: Any) -> Any:
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
@_with_choices
@click.option(
    "--rerun-failed",
    "failed_in",
    metavar="[RECORD]",
    is_flag=False,
    flag_value=_IN_FOLDER,
    help="Judge only what failed in an earlier run (default: that in the folder), its smallest cases first; "
    f"record and page go into the folder's {FOLDER}/.",
)
def run(failed_in: str | None, **values: Any) -> None:
    """Judge every clause on every subject; write run.jsonl and index.html.

    Exit status: 0 every subject conforms; 1 findings, a stale excuse, or a subject on which nothing could
    be judged; 2 bad usage; 3 the harness is broken; 130 interrupted. `pytest --pyargs conformance` gives the
    same verdicts with the same options.
    """
    console = Terminal()
    interruption = Interruption()
    with interruption.watched():
        try:
            options = make_options(values, ("conformance", *sys.argv[1:]))
            if failed_in is not None:
                options = again(options, None if failed_in == _IN_FOLDER else Path(failed_in))
            with console.status("starting the subjects"):
                conformance_run = Run(options)
        except NothingFailed as reason:
            console.print(str(reason), style="green", soft_wrap=True)
            return
        except (*USAGE_ERRORS, reports.RecordError) as error:
            usage_error(error)
        except OutputError as error:
            console.print(f"harness broken: {error}", style="bold red", soft_wrap=True)
            raise SystemExit(3) from None
        except KeyboardInterrupt:
            interruption.end()
            console.print("interrupted before anything was judged", style="yellow")
            raise SystemExit(INTERRUPTED) from None
        if conformance_run.set_aside is not None:
            console.print(
                f"an earlier run was not finished: what it found is now in {conformance_run.set_aside}",
                style="yellow",
                soft_wrap=True,
            )
        if conformance_run.is_default and not tensorflow_is_installed():
            console.print(
                "TensorFlow is not installed here: fast is tested against reference, which is the oracle.\n"
                "pip install 'conv2d-transpose-conformance[tensorflow]' brings the real layer in.",
                style="yellow",
            )
        try:
            status = _conduct(conformance_run, interruption, console)
        except OutputError as error:
            kept = conformance_run.kept
            told = (
                f"; what was judged is in {str(kept)!r}, and --resume continues it" if kept else ""
            )
            console.print(f"harness broken: {error}{told}", style="bold red", soft_wrap=True)
            status = 3
        finally:
            interruption.end()
            conformance_run.close()
    raise SystemExit(status)


def _conduct(conformance_run: Run, interruption: Interruption, console: Console) -> int:
    """Judge everything, write record and page, say what came of it; return the exit status."""
    missing = None
    with Progress(conformance_run, interruption, console) as progress:
        try:
            for participant, clause in conformance_run.items():
                progress.announce(participant)
                progress.tell(conformance_run.judge(participant, clause))
                interruption.check()
            interruption.end()
        except KeyboardInterrupt:
            interruption.end()
            missing = "interrupted"
    if not conformance_run.verdicts:
        kept = conformance_run.kept
        told = f": what was run until then is in {kept}, and --resume continues it" if kept else ""
        console.print(
            f"interrupted before anything was judged{told}", style="yellow", soft_wrap=True
        )
        return INTERRUPTED
    page = conformance_run.finish(missing=missing)
    path = page.with_name(FILE_NAME)
    if conformance_run.result is not None:
        summary(conformance_run, conformance_run.result, path, console)
    if missing is not None:
        console.print(f"interrupted: what was judged until then is in {page}", style="yellow")
        console.print(f"to see it: open the page, or `conformance report {path}`")
        return INTERRUPTED
    console.print(f"report: {page}", soft_wrap=True)
    for told in conformance_run.broken:
        console.print(f"harness broken: {told}", style="bold red", soft_wrap=True)
    return conformance_run.exit_status
