"""The command `conformance`."""

from __future__ import annotations

import importlib
from typing import Any

import click

from conformance import __version__

#: The commands in the order of their list, each with the module that has it, and with what it does.
_COMMANDS = {
    "init": ("init", "Write a commented start for a subject of your own."),
    "smoke": ("runs.smoke", "Try subjects for a few seconds: what they have, what is wrong."),
    "run": ("runs.run", "Judge every clause on every subject; write a record and a page."),
    "campaign": ("runs.campaign", "Run cases on a Dask cluster, and judge them here."),
    "merge": ("runs.merge", "Judge a run whose cases were run in shards."),
    "report": ("records.report", "Write the page of a record."),
    "explain": ("records.explain", "Explain findings or clauses, with pictures."),
    "export": ("records.export", "Print a record as JUnit XML, CTRF, Markdown or a badge."),
    "replay": ("runs.replay", "Run a case of a record again."),
    "diff": ("records.diff", "Compare two runs, or two measurements of the bench."),
    "clauses": ("clauses", "List or explain the clauses."),
    "subjects": ("subjects", "List the built-in subjects; install what they need."),
    "scoreboard": ("records.scoreboard", "Write one table from the records of several runs."),
    "bench": ("bench", "Measure fast_impl beside other libraries, layer by layer."),
    "strength": ("strength", "Tell how soon the suite catches each known mistake."),
    "translate": ("translate", "Say a layer in another framework's words."),
    "weights": ("weights", "List the layers that a file of weights makes, or convert it."),
}


class _Commands(click.Group):
    """Commands, each imported when it is asked for.

    Ctrl-C ends them with the status of a shell, not with that of findings.
    """

    def list_commands(self, _: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"conformance.commands.{_COMMANDS[name][0]}")
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word in _COMMANDS or word.startswith("-"):
            return super().resolve_command(ctx, args)
        from conformance.subjects.suggesting import did_you_mean, like

        meant = f"run --subject {word}" if ":" in word else like(word, _COMMANDS)
        raise click.UsageError(f"no such command {word!r}{did_you_mean(meant)}", ctx)

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in _COMMANDS.items()])

    def main(self, *args: Any, **settings: Any) -> Any:
        from conformance.commands.console.output import dropped_where_it_cannot_be_written

        with dropped_where_it_cannot_be_written():
            return super().main(*args, **settings)

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
    conformance run                                 reference, fast, TensorFlow
    conformance run --subject my_layer.py:MyLayer   your own
    conformance init                                a file to begin with
    conformance smoke my_layer.py:MyLayer           what it can, what is wrong
    conformance explain 1                           a finding, with its picture
    conformance clauses                             what is checked
    conformance bench                               how fast fast_impl is
    conformance translate --to torch kernel_size=3  in a framework's words
    conformance weights model.keras                 which layers a file makes
    """  # noqa: D301 (click wants the character)
