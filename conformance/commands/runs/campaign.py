"""``conformance campaign``: a long run on the machines of a Dask cluster."""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import Any

import click

from conformance.commands.console.conducting import carry_out
from conformance.commands.runs.run import with_choices
from conformance.model import machine
from conformance.run.parallel.cluster import Cluster, connected
from conformance.run.run import Run
from conformance.run.settings.options import MOST_JOBS, make_options


@click.command()
@with_choices
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Of a Dask cluster, such as tcp://host:8786. Default: a cluster of this machine's own.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, MOST_JOBS),
    default=machine.cores,
    show_default="its cores",
    help="How many processes this machine's own cluster has.",
)
def campaign(scheduler: str | None, workers: int, **values: Any) -> None:
    """Run cases on a Dask cluster; judge them here, as `conformance run` does, with the same record.

    Every worker needs this release of the suite and of Hypothesis, and the subject under the same name or path. A
    worker that dies loses no case and doubles none: others run its block again. What was run is in the record
    at once, and --resume continues it. Needs the extra [campaign].

    Exit status: as of `conformance run`; 2 where there is no such scheduler, or no worker.
    """
    with contextlib.ExitStack() as ending:

        def begin() -> Run:
            options = make_options(values, ("conformance", *sys.argv[1:]))
            if options.jobs is not None:
                raise ValueError(
                    f"--jobs {options.jobs}: a campaign's cases run on the workers of the cluster: say --workers"
                )
            client = ending.enter_context(connected(scheduler, workers))
            return Run(options, elsewhere=functools.partial(Cluster, client))

        carry_out(begin)
