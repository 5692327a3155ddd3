"""How a command reads a record: one that cannot be read ends it, one that is unfinished is told."""

from __future__ import annotations

from pathlib import Path

import click

import reports
from conformance.commands.console.failing import usage_error
from reports.records.record import Record
from reports.records.unseen import shown


def load(path: Path, *, aside: bool = False) -> Record:
    """Return the record; `aside` tells of an unfinished one on standard error."""
    try:
        record = reports.load(path)
    except reports.RecordError as error:
        usage_error(error)
    if record.unfinished:
        click.echo(shown(f"{record.path}: {record.unfinished}"), err=aside)
    return record
