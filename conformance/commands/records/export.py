"""``conformance export``: a record in the formats of others."""

from __future__ import annotations

from pathlib import Path

import click

from conformance.commands.console.failing import chosen, usage_error, writing
from conformance.commands.console.reading import load
from conformance.commands.console.verdicts import DEFAULT
from reports.outputs import exports
from reports.outputs.writing import write_text

_HELP = {
    "junit": "JUnit XML, as continuous integration reads it.",
    "ctrf": "The Common Test Report Format, JSON.",
    "markdown": "A summary in Markdown, such as for a job's summary.",
    "badge": "A badge, SVG.",
    "shields": "The same badge for an endpoint of shields.io, JSON.",
}


def _with_formats(function: click.decorators.FC) -> click.decorators.FC:
    for name in reversed(list(exports.FORMATS)):
        function = click.option(f"--{name}", is_flag=True, help=_HELP[name])(function)
    return function


@click.command()
@click.argument("record", metavar="[RUN]", default=DEFAULT, type=click.Path(path_type=Path))
@_with_formats
@click.option("--out", type=click.Path(path_type=Path), help="The file to write; default: print.")
def export(record: Path, out: Path | None, **formats: bool) -> None:
    """Print RUN (default: conformance-report/run.jsonl) in another format, or write it to a file.

    Exit status: 0 written, whatever the verdicts are; 2 bad usage.
    """
    kind = chosen(formats)
    if kind is None:
        usage_error(f"choose a format: --{', --'.join(exports.FORMATS)}")
    text = exports.FORMATS[kind](load(record, aside=True))
    if out is None:
        click.echo(text, nl=False)
        return
    with writing(out):
        write_text(text, out)
