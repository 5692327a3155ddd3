"""``conformance scoreboard``: what several runs say about each aspect of the layer, side by side."""

from __future__ import annotations

from pathlib import Path

import click

import reports
from conformance.commands.console.failing import usage_error, writing
from conformance.commands.console.reading import load
from reports.outputs.writing import write_text


@click.command()
@click.argument(
    "records", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("scoreboard.html"),
    show_default=True,
    help="The page to write; the table in Markdown is written beside it.",
)
def scoreboard(records: tuple[Path, ...], out: Path) -> None:
    """Write one page, and one table in Markdown, from the records of several runs.

    For each subject: of the cases about kernels shorter than the stride, dilation, each dtype and so on, how many
    are right, and why others are not.
    """
    table = out.with_suffix(".md")
    loaded = [load(path, aside=True) for path in records]
    try:
        with writing(out):
            reports.write_scoreboard(loaded, out)
            write_text(reports.markdown(reports.build_scoreboard(loaded)), table)
    except reports.RecordError as error:
        usage_error(error)
    click.echo(f"scoreboard: {out}, {table}")
