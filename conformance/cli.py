"""The command `conformance`."""

from __future__ import annotations

import click

from conformance import __version__
from conformance.commands.bench import bench
from conformance.commands.clauses import clauses
from conformance.commands.replay import replay
from conformance.commands.report import report
from conformance.commands.run import run
from conformance.commands.strength import strength
from conformance.commands.subjects import subjects


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="conformance")
def main() -> None:
    r"""Find out whether an implementation obeys tf.compat.v1.layers.Conv2DTranspose.

    \b
    conformance run                                  reference, fast and TensorFlow
    conformance run --subject my_layer.py:MyLayer    your own
    conformance clauses                              what is checked
    conformance bench                                how fast fast_impl is
    """


for command in (run, report, replay, clauses, subjects, bench, strength):
    main.add_command(command)
