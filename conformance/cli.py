"""The command `conformance`."""

from __future__ import annotations

import importlib

import click

from conformance import __version__

#: The commands in the order of their list, each with the module that has it.
_COMMANDS = {
    "init": "init",
    "smoke": "runs.smoke",
    "run": "runs.run",
    "campaign": "runs.campaign",
    "merge": "runs.merge",
    "report": "records.report",
    "explain": "records.explain",
    "export": "records.export",
    "replay": "runs.replay",
    "diff": "records.diff",
    "clauses": "clauses",
    "subjects": "subjects",
    "scoreboard": "records.scoreboard",
    "bench": "bench",
    "strength": "strength",
    "translate": "translate",
    "weights": "weights",
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
        module = importlib.import_module(f"conformance.commands.{_COMMANDS[name]}")
        command: click.Command = getattr(module, name)
        return command

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
