"""How a command carries a run out: what it says, how it is interrupted, which status it ends with."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import reports
from conformance.commands.console.failing import usage_error
from conformance.commands.console.progress import Progress
from conformance.commands.console.summary import summary
from conformance.commands.console.terminal import Terminal
from conformance.run.interruption import Interruption
from conformance.run.parallel.cluster import ClusterError
from conformance.run.record import OutputError
from conformance.run.run import Run
from conformance.run.settings.again import NothingFailed
from conformance.run.settings.options import USAGE_ERRORS
from conformance.subjects import tensorflow_is_installed
from reports.records.record import FILE_NAME

INTERRUPTED = 130


def carry_out(begin: Callable[[], Run]) -> NoReturn:
    """Begin a run, carry it out, and end the command with its status."""
    console = Terminal()
    interruption = Interruption()
    with interruption.watched():
        try:
            with console.status("starting the subjects"):
                conformance_run = begin()
        except NothingFailed as reason:
            console.print(str(reason), style="green", soft_wrap=True)
            raise SystemExit(0) from None
        except (*USAGE_ERRORS, reports.RecordError, ClusterError) as error:
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
            conduct = _conduct if conformance_run.options.shard is None else _explore
            status = conduct(conformance_run, interruption, console)
        except (OutputError, ClusterError) as error:
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


def _explore(conformance_run: Run, interruption: Interruption, console: Terminal) -> int:
    """Run the cases of a shard, say how it goes on; return the exit status."""
    missing = None
    with Progress(conformance_run, interruption, console):
        try:
            conformance_run.explore()
            interruption.end()
        except KeyboardInterrupt:
            interruption.end()
            missing = "interrupted"
    path = conformance_run.finish(missing=missing)
    shard = conformance_run.options.shard
    if missing is not None:
        console.print(
            f"interrupted: what shard {shard} has run until then is in {path}, and --resume continues it",
            style="yellow",
            soft_wrap=True,
        )
        return INTERRUPTED
    console.print(f"shard {shard} is in {path}; nothing is judged yet", soft_wrap=True)
    console.print("when all shards are there: conformance merge RECORD... --out FOLDER")
    return 0


def _conduct(conformance_run: Run, interruption: Interruption, console: Terminal) -> int:
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
