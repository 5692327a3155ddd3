"""``conformance merge``: put the records of all shards of a run together, and judge."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

import reports
from conformance.commands.console.conducting import carry_out
from conformance.commands.runs.replay import names_code
from conformance.commands.runs.run import run
from conformance.run.parallel.shards import check_all, without
from conformance.run.run import Run
from conformance.run.settings.options import Options, make_options
from conformance.subjects import is_built_in
from reports.records.record import FILE_NAME, Record

#: What is not the run's that the shards are of.
_OWN = ("--shard", "--out", "--resume")


@click.command()
@click.argument(
    "records",
    metavar="RECORD...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    default=Path("conformance-report"),
    show_default=True,
    help="Where run.jsonl and index.html go.",
)
@click.option(
    "--trust",
    is_flag=True,
    help="Run the file, module or command that the records name, as whoever wrote them could have it do anything.",
)
def merge(records: tuple[Path, ...], out: Path, trust: bool) -> None:
    """Judge a run whose cases were run in shards: the record is that of `conformance run` without --shard.

    RECORD is the run.jsonl of a shard, or its folder; all shards are needed. The options of the run are those of
    the first record; paths in them count from the folder in which this command is started. Subjects are asked
    again where a case fails, to find the smallest one.

    Exit status: as of `conformance run`; 2 where shards are missing, given twice, or of different runs.
    """

    def begin() -> Run:
        shards = [reports.load(path / FILE_NAME if path.is_dir() else path) for path in records]
        check_all(shards)
        if not trust:
            for shard in shards:
                _refuse_code(shard)
        return Run(_options(shards[0], out, trust=trust), shards)

    carry_out(begin)


def _refuse_code(shard: Record) -> None:
    """Raise ValueError where a case would make a framework import what it names."""
    if any(names_code(case) for entry in shard.explored for case in entry.failing):
        raise ValueError(
            f"{shard.path} has cases that make a framework import what they name: nothing was run. "
            "--trust runs them"
        )


def _options(shard: Record, out: Path, *, trust: bool) -> Options:
    """Return the options of the run that a shard is of.

    Raises:
        ValueError: its record does not say them, or names code that is not trusted.
    """
    words = without(shard.header.command, _OWN)
    if words[:2] != ("conformance", "run"):
        raise ValueError(f"{shard.path}: it was not written by `conformance run`")
    try:
        values = run.make_context("conformance run", [*words[2:]], resilient_parsing=False).params
    except (click.ClickException, click.exceptions.Exit) as error:
        raise ValueError(f"{shard.path}: its command cannot be read: {error}") from error
    own = {name: values[name] for name in values if name not in ("failed_in", "shard")}
    command = (*words, "--out", str(out))
    options = attrs.evolve(make_options(own, command), out=out)
    named = [*map(str, options.subjects), *options.subject_commands]
    strange = [*options.subject_commands, *(s for s in named if not is_built_in(s))]
    if strange and not trust:
        raise ValueError(
            f"{shard.path} names code to run, {strange[0]!r}, and a record may come from anybody: nothing "
            "was run. --trust runs it"
        )
    return options
