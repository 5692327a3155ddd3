"""The command `conformance`."""

from __future__ import annotations

import click

from conformance import __version__
from conformance.commands.bench import bench
from conformance.commands.clauses import clauses
from conformance.commands.diff import diff
from conformance.commands.replay import replay
from conformance.commands.report import report
from conformance.commands.run import run
from conformance.commands.strength import strength
from conformance.commands.subjects import subjects


class _Commands(click.Group):
    """Commands that Ctrl-C ends with the status of a shell, not with that of findings."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise SystemExit(130) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="conformance")
def main() -> None:
    """Find out whether an implementation obeys tf.compat.v1.layers.Conv2DTranspose.

    \b
    conformance run                                  reference, fast and TensorFlow
    conformance run --subject my_layer.py:MyLayer    your own
    conformance clauses                              what is checked
    conformance bench                                how fast fast_impl is
    """  # noqa: D301 (click wants the character)


for command in (run, report, replay, diff, clauses, subjects, bench, strength):
    main.add_command(command)
