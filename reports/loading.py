"""Reading a record: every way a file can be unusable has its one sentence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from reports.lines import Line, is_whole, parse, read_text, short
from reports.record import (
    FORMATS,
    Claim,
    Clause,
    Coverage,
    Deviation,
    Drift,
    Erratum,
    Evidence,
    Exercised,
    Finding,
    Footer,
    Header,
    Impossible,
    Machine,
    Numerics,
    Parameter,
    Record,
    RecordError,
    Strength,
    Subject,
    Verdict,
)
from reports.strength import read_strength


def load(path: str | os.PathLike[str]) -> Record:
    """Read the record of a run.

    Args:
        path: a file of JSON lines: header, verdicts, findings, footer.

    Returns:
        The record. Fields and kinds of lines that this version does not know are no error.

    Raises:
        RecordError: in one sentence naming file and line: the file cannot be read, a line is not
            JSON or lacks a field, the header is missing or of an unknown format, or the footer is
            missing, which means that the run was killed before its end.

    """
    name = os.fspath(path)
    lines = _json_lines(name)
    if not lines:
        raise RecordError(f"{name} is empty: a record starts with a header line.")
    number, first = lines[0]
    if first.get("kind") != "header":
        raise RecordError(
            f'{name}, line {number}: a record starts with a line of kind "header", '
            f"not {short(first.get('kind'))}."
        )
    version = first.get("format")
    if isinstance(version, bool) or version not in FORMATS:
        raise RecordError(
            f"{name}, line {number}: record format {short(version)} is unknown; this version "
            f"reads format {', '.join(map(str, FORMATS))}."
        )
    header = _header(Line(name, number, first))
    verdicts: list[Verdict] = []
    findings: list[Finding] = []
    others: list[Mapping[str, Any]] = []
    strength: Strength | None = None
    footer: Footer | None = None
    for number, data in lines[1:]:
        line = Line(name, number, data)
        if footer is not None:
            line.refuse("nothing may follow the footer")
        kind = data.get("kind")
        if kind == "verdict":
            verdicts.append(_verdict(line))
        elif kind == "finding":
            findings.append(_finding(line))
        elif kind == "strength":
            if strength is not None:
                line.refuse("a record has one line on the strength of the suite, this is a second")
            strength = read_strength(line.inner("measurement"))
        elif kind == "footer":
            footer = _footer(line)
        elif kind == "header":
            line.refuse("a record has one header, this is a second")
        elif isinstance(kind, str):
            others.append(data)
        else:
            line.refuse('every line has a text as its "kind"')
    if footer is None:
        raise RecordError(
            f"{name}, line {lines[-1][0]}: the record ends without a footer, so it is incomplete: "
            "the run was killed before its end."
        )
    return Record(header, tuple(verdicts), tuple(findings), footer, tuple(others), strength, name)


def _json_lines(name: str) -> list[tuple[int, Mapping[str, Any]]]:
    lines: list[tuple[int, Mapping[str, Any]]] = []
    for number, content in enumerate(read_text(name).split("\n"), start=1):
        if not content.strip():
            continue
        data = parse(content, f"{name}, line {number}")
        if not isinstance(data, dict):
            raise RecordError(
                f"{name}, line {number}: every line is a JSON object, not {short(data)}."
            )
        lines.append((number, data))
    return lines


def _header(line: Line) -> Header:
    tool = line.inner("tool")
    machine = line.inner("machine") if line.data.get("machine") is not None else None
    return Header(
        tool_name=tool.text("name"),
        tool_version=tool.text_or("version"),
        started=line.text_or("started"),
        command=line.texts("command"),
        profile=line.text_or("profile"),
        seed=line.integer_or_none("seed"),
        examples=line.integer_or_none("examples"),
        machine=Machine() if machine is None else _machine(machine),
        subjects=line.each("subjects", _subject),
        clauses=line.each("clauses", _clause),
        clauses_in_all=line.integer_or_none("clauses_in_all"),
    )


def _machine(line: Line) -> Machine:
    return Machine(
        python=line.text_or("python"),
        platform=line.text_or("platform"),
        processor=line.text_or("processor"),
        cpus=line.integer_or_none("cpus"),
        packages=line.strings("packages"),
    )


def _subject(line: Line) -> Subject:
    return Subject(
        name=line.text("name"),
        mode=line.text_or("mode"),
        spec=line.text_or("spec"),
        command=line.data.get("command") is not None and line.flag("command"),
        versions=line.strings("versions"),
        settings=line.strings("settings"),
    )


def _clause(line: Line) -> Clause:
    return Clause(
        id=line.text("id"),
        chapter=line.text("chapter"),
        title=line.text("title"),
        page=line.text_or_none("page"),
        norm=line.text_or("norm"),
        agreement=line.texts("agreement"),
        erratum=line.inner_or_none(
            "erratum", lambda inner: Erratum(inner.text_or("claim"), inner.text_or("script"))
        ),
        deviation=line.inner_or_none(
            "deviation", lambda inner: Deviation(inner.text_or("what"), inner.text_or("reason"))
        ),
        example=line.text_or_none("example"),
        picture=line.mapping("picture") or None,
        untestable=line.text_or_none("untestable"),
        checks=line.texts("checks"),
    )


def _verdict(line: Line) -> Verdict:
    return Verdict(
        clause=line.text("clause"),
        subject=line.text("subject"),
        mode=line.text_or("mode"),
        status=line.text("status"),
        examples=line.integer_or_none("examples") or 0,
        reason=line.text_or_none("reason"),
        claim=line.inner_or_none("claim", _claim),
    )


def _claim(line: Line) -> Claim:
    return Claim(
        status=line.text("status"),
        examples=line.integer_or_none("examples") or 0,
        evidence=line.inner_or_none("evidence", _evidence),
    )


def _evidence(line: Line) -> Evidence:
    return Evidence(
        message=line.text_or("message"),
        case=line.mapping("case"),
        step=line.integer_or_none("step"),
        expected=line.data.get("expected"),
        got=line.data.get("got"),
    )


def _finding(line: Line) -> Finding:
    return Finding(
        clause=line.text("clause"),
        subject=line.text("subject"),
        mode=line.text_or("mode"),
        status=line.text_or("status", "fail"),
        message=line.text("message"),
        case=line.mapping("case"),
        step=line.integer_or_none("step"),
        expected=line.data.get("expected"),
        got=line.data.get("got"),
        index=_index(line),
        scaled_error=line.number_or_none("scaled_error"),
        bound=line.number_or_none("bound"),
        diagnosis=line.text_or_none("diagnosis"),
        failures=line.integer_or_none("failures"),
        examples=line.integer_or_none("examples"),
        script=line.text_or_none("script"),
        shrunk=line.data.get("shrunk") is not False,
    )


def _index(line: Line) -> tuple[int, ...] | None:
    if line.data.get("index") is None:
        return None
    items = line.items("index")
    if not all(is_whole(item) for item in items):
        line.refuse(f'"index" must be a list of whole numbers, not {short(items)}')
    return tuple(items)


def _footer(line: Line) -> Footer:
    counts = line.mapping("counts")
    return Footer(
        complete=line.flag("complete"),
        reason=line.text_or_none("reason"),
        exit_status=line.integer_or_none("exit_status"),
        seconds=line.number_or_none("seconds"),
        counts={key: value for key, value in counts.items() if is_whole(value)},
        drift=line.each("drift", _drift) if line.data.get("drift") is not None else (),
        coverage=line.inner_or_none("coverage", _coverage) or Coverage(),
        numerics=line.each("numerics", _numerics) if line.data.get("numerics") is not None else (),
    )


def _numerics(line: Line) -> Numerics:
    counts = line.items("counts")
    if not all(map(_is_count, counts)):
        line.refuse(f"the counts must be whole numbers, not {short(counts)}")
    return Numerics(
        subject=line.text("subject"),
        mode=line.text_or("mode"),
        dtype=line.text("dtype"),
        worst=line.number_or_none("worst") or 0.0,
        share=line.number_or_none("share") or 0.0,
        counts=tuple(counts),
    )


def _drift(line: Line) -> Drift:
    example = line.inner("example")
    return Drift(
        clause=line.text("clause"),
        mode=line.text("mode"),
        before=line.text("before"),
        after=line.text("after"),
        cases=line.integer_or_none("cases") or 0,
        differing=line.integer_or_none("differing") or 0,
        arguments=example.text_or("arguments"),
        step=example.text_or("step"),
        was=example.text_or("before"),
        became=example.text_or("after"),
    )


def _coverage(line: Line) -> Coverage:
    parameters = line.each("parameters", lambda p: Parameter(p.text("name"), p.texts("values")))
    values = {(p.name, value) for p in parameters for value in p.values}
    return Coverage(
        parameters=parameters,
        impossible=line.each("impossible", lambda inner: _impossible(inner, values)),
        groups=line.each("groups", lambda inner: _exercised(inner, len(values))),
    )


def _impossible(line: Line, values: set[tuple[str, str]]) -> Impossible:
    sides = []
    for key in ("first", "second"):
        inner = line.inner(key)
        side = Parameter(inner.text("parameter"), inner.texts("values"))
        for value in side.values:
            if (side.name, value) not in values:
                line.refuse(f"no parameter {short(side.name)} has the value {short(value)}")
        sides.append(side)
    return Impossible(sides[0], sides[1], line.text_or("reason"))


def _exercised(line: Line, values: int) -> Exercised:
    rows = line.items("counts")
    for length, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != length or not all(map(_is_count, row)):
            line.refuse(
                f"row {length} of the counts must be {length} whole numbers, not {short(row)}"
            )
    if len(rows) != values:
        line.refuse(f"the counts must have a row for each of {values} values, not {len(rows)}")
    return Exercised(
        subjects=line.each("subjects", lambda s: (s.text("name"), s.text_or("mode"))),
        cases=line.integer_or_none("cases") or 0,
        counts=tuple(map(tuple, rows)),
    )


def _is_count(value: Any) -> bool:
    return is_whole(value) and value >= 0
