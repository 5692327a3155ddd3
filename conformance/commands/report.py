"""``conformance report``: make the page again from a record."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

import reports
from conformance.commands.failing import usage_error


@click.command()
@click.argument(
    "record", type=click.Path(path_type=Path), default=Path("conformance-report/run.jsonl")
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The page to write; default: beside the record."
)
@click.option(
    "--strength",
    type=click.Path(path_type=Path),
    help="Show this measurement of `conformance strength --json` instead of the record's own.",
)
def report(record: Path, out: Path | None, strength: Path | None) -> None:
    """Write index.html from RECORD (default: conformance-report/run.jsonl)."""
    page = record.with_name("index.html") if out is None else out
    try:
        loaded = reports.load(record)
        if strength is not None:
            loaded = attrs.evolve(loaded, strength=reports.load_strength(strength))
        reports.write(loaded, page)
    except reports.RecordError as error:
        usage_error(error)
    except OSError as error:
        usage_error(f"cannot write {str(page)!r}: {error.strerror}")
    click.echo(f"report: {page}")
