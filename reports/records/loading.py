"""Reading a record: every way a file can be unusable has its one sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from reports.records.lines import Line, parse, read_text, short
from reports.records.record import (
    FILE_NAME,
    FORMATS,
    LINES,
    PARTIAL_NAME,
    PREVIOUS_NAME,
    Footer,
    Header,
    Measurement,
    Record,
    RecordError,
    Verdict,
)
from reports.records.strength import read_strength


def load(path: str | os.PathLike[str]) -> Record:
    """Read the record of a run.

    Args:
        path: a file of JSON lines: header, verdicts, findings, footer; or the folder that a run wrote. Where
            there is no ``run.jsonl``, but a ``run.partial.jsonl`` beside it, that is read.

    Returns:
        The record. Fields and kinds of lines that this version does not know are no error. Of a run that was
        killed, and therefore has no footer, it holds what was finished: `Record.unfinished` tells so.

    Raises:
        RecordError: in one sentence naming file and line: the file cannot be read, a line is not
            JSON or lacks a field, or the header is missing or of an unknown format.

    """
    name = os.fspath(path)
    if Path(name).is_dir():
        name = str(Path(name) / FILE_NAME)
    if Path(name).name == FILE_NAME and not Path(name).exists():
        partial = Path(name).with_name(PARTIAL_NAME)
        name = str(partial) if partial.is_file() else name
    lines = list(_json_lines(name))
    if not lines:
        raise RecordError(f"{name} is empty: a record starts with a header line.")
    _check_start(lines[0])
    found: dict[str, list[Any]] = {kind: [] for kind in LINES}
    others: list[Mapping[str, Any]] = []
    for line in lines:
        kind = line.data.get("kind")
        if not isinstance(kind, str):
            line.refuse('every line has a text as its "kind"')
        if found["footer"]:
            line.refuse("nothing may follow the footer")
        if kind not in LINES:
            others.append(line.data)
            continue
        if kind in _ONCE and found[kind]:
            line.refuse(f"a record has {_ONCE[kind]}, this is a second")
        entry = line.read(LINES[kind])
        if isinstance(entry, Measurement):
            entry = read_strength(line.inner("measurement"))
        found[kind].append(entry)
    (header,) = found["header"]
    footer = next(iter(found["footer"]), Footer(complete=False, reason="killed, or still running"))
    if header.shard is not None and (footer.complete or found["verdict"]):
        raise RecordError(f"{name}: it is shard {header.shard} of a run, which has no verdicts.")
    return Record(
        header,
        tuple(_with_kind_of_reason(verdict, header) for verdict in found["verdict"]),
        tuple(found["finding"]),
        footer,
        tuple(others),
        next(iter(found["strength"]), None),
        name,
        tuple(found["explored"]),
    )


def load_previous(path: str | os.PathLike[str]) -> Record | None:
    """Return the record of the run before, which a run leaves beside its own; None where none can be read."""
    previous = Path(path).with_name(PREVIOUS_NAME)
    try:
        return load(previous) if previous.is_file() and Path(path).name != PREVIOUS_NAME else None
    except RecordError:
        return None


#: The lines of which a record has one.
_ONCE = {"header": "one header", "strength": "one line on the strength of the suite"}


def _json_lines(name: str) -> Iterator[Line]:
    contents = read_text(name).split("\n")
    for number, content in enumerate(contents, start=1):
        if content.strip():
            try:
                data = parse(content, f"{name}, line {number}")
            except RecordError:
                if 1 < number == len(contents):
                    return  # it has no line end: whoever wrote it was killed meanwhile
                raise
            line = Line(name, number, data if isinstance(data, dict) else {})
            if not isinstance(data, dict):
                line.refuse(f"every line is a JSON object, not {short(data)}")
            yield line


def _check_start(line: Line) -> None:
    kind, version = line.data.get("kind"), line.data.get("format")
    if kind != "header":
        line.refuse(f'a record starts with a line of kind "header", not {short(kind)}')
    if isinstance(version, bool) or version not in FORMATS:
        line.refuse(
            f"record format {short(version)} is unknown; this version "
            f"reads format {', '.join(map(str, FORMATS))}"
        )


def _with_kind_of_reason(verdict: Verdict, header: Header) -> Verdict:
    """Add the kind of the reason that records of version 0.1.0 tell in words alone."""
    reason = verdict.reason or ""
    if verdict.status != "not-run" or verdict.reason_kind is not None or not reason:
        return verdict
    if reason.startswith("not every case was run"):
        return attrs.evolve(verdict, status="gave-up", reason_kind="cases-left")
    if reason.startswith(("no case of this run", "no case in this run")):
        return attrs.evolve(verdict, reason_kind="no-case")
    untestable = any(c.id == verdict.clause and c.untestable == reason for c in header.clauses)
    return attrs.evolve(verdict, reason_kind="untestable") if untestable else verdict
