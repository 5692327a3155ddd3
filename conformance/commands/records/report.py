"""``conformance report``: make the page again from a record."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

import reports
from conformance.commands.console.failing import usage_error, writing
from conformance.commands.console.reading import load
from conformance.commands.console.verdicts import DEFAULT


@click.command()
@click.argument("records", metavar="[RUN]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The page to write, or its folder; default: beside the record.",
)
@click.option(
    "--index", is_flag=True, help="Write one index of all these runs instead (history.html)."
)
@click.option(
    "--strength",
    type=click.Path(path_type=Path),
    help="Show this measurement of `conformance strength --json` instead of the record's own.",
)
@click.option(
    "--since",
    type=click.Path(path_type=Path),
    help="Say what has changed since this run; default: run.previous.jsonl beside RUN.",
)
def report(
    records: tuple[Path, ...],
    out: Path | None,
    index: bool,
    strength: Path | None,
    since: Path | None,
) -> None:
    """Write index.html from RUN (default: conformance-report/run.jsonl), or an index of many runs."""
    paths = records or (DEFAULT,)
    if len(paths) > 1 and not index:
        usage_error("one page is made from one run; an index of several is made with --index")
    if index and strength is not None:
        usage_error("an index shows no strength: leave out --strength or --index")
    if index and since is not None:
        usage_error("an index shows what has changed by itself: leave out --since or --index")
    loaded = [load(path) for path in paths]
    record = Path(loaded[0].path)  # of a folder, the one in it
    page = out or (Path("history.html") if index else record.with_name("index.html"))
    if page.is_dir():
        page /= "history.html" if index else "index.html"
    try:
        with writing(page):
            if index:
                reports.write_index(loaded, page)
            else:
                measured = (
                    loaded[0].strength if strength is None else reports.load_strength(strength)
                )
                before = load(since) if since else reports.load_previous(record)
                reports.write(attrs.evolve(loaded[0], strength=measured), page, before)
    except reports.RecordError as error:
        usage_error(error)
    click.echo(f"report: {page}")
