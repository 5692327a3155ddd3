"""A record in the formats of others: JUnit XML, CTRF, Markdown, and badges. Nothing but the record is read."""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from reports.outputs.history import badge
from reports.records import statuses
from reports.records.record import Clause, Finding, Record, Subject, Verdict
from reports.records.unseen import shown
from reports.views.conclusions import scopes

_NAME = "conv2d-transpose-conformance"
#: What XML 1.0 cannot hold, beyond what `shown` spells out.
_NO_XML = re.compile("[\ufffe\uffff]")
_CTRF_VERSION = "0.0.0"
_GREEN, _RED, _GREY = "#0f7a43", "#b3261e", "#586170"


def junit(record: Record) -> str:
    """Return JUnit XML: a suite for each subject and mode, a case for each clause.

    `fail` and a stale excuse are failures; what raised, crashed, or could not be decided are errors; all else that
    is no pass is skipped, with the reason.
    """
    clauses, found = _by_id(record), _findings(record)
    root = ET.Element("testsuites", name=_NAME)
    for subject in record.header.subjects:
        suite = ET.SubElement(root, "testsuite", name=_xml(_label(subject)))
        if record.header.started:
            suite.set("timestamp", record.header.started[:19])
        counts: Counter[str] = Counter()
        for verdict in _of(record, subject):
            clause = clauses.get(verdict.clause)
            case = ET.SubElement(
                suite,
                "testcase",
                classname=_xml(f"{_label(subject)}.{clause.chapter if clause else 'clauses'}"),
                name=_xml(f"{verdict.clause} {clause.title if clause else ''}".strip()),
                time="0",
            )
            kind = _junit_kind(verdict)
            counts[kind] += 1
            if kind:
                message, text = _told(verdict, found.get(verdict.key))
                entry = ET.SubElement(case, kind, message=_xml(message))
                if kind != "skipped":
                    entry.set("type", verdict.status)
                    entry.text = _xml(text)
        for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(name, str(counts[kind]))
        suite.set("tests", str(sum(counts.values())))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _junit_kind(verdict: Verdict) -> str:
    status = statuses.of(verdict)
    if status.name == "pass":
        return ""
    if status.name in ("fail", "stale-excuse"):
        return "failure"
    return "error" if status.breaks or status.unjudged else "skipped"


def ctrf(record: Record) -> str:
    """Return the Common Test Report Format (JSON): a test for each clause, subject and mode."""
    clauses, found = _by_id(record), _findings(record)
    tests: list[dict[str, Any]] = []
    for subject in record.header.subjects:
        for verdict in _of(record, subject):
            clause = clauses.get(verdict.clause)
            test: dict[str, Any] = {
                "name": f"{verdict.clause} {clause.title if clause else ''}".strip(),
                "status": _CTRF.get(_junit_kind(verdict), "failed"),
                "duration": 0,
                "suite": [_label(subject), *([clause.chapter] if clause else [])],
                "tags": [clause.scope] if clause and clause.scope else [],
                "rawStatus": verdict.status,
            }
            if test["status"] != "passed":
                test["message"], trace = _told(verdict, found.get(verdict.key))
                if test["status"] == "failed":
                    test["trace"] = trace
            tests.append(test)
    counts = Counter(test["status"] for test in tests)
    start = _milliseconds(record.header.started)
    summary = {name: counts[name] for name in ("passed", "failed", "skipped", "pending", "other")}
    stop = start + round(1000 * (record.footer.seconds or 0))
    tool = {"name": record.header.tool.name or _NAME, "version": record.header.tool.version}
    report = {
        "reportFormat": "CTRF",
        "specVersion": _CTRF_VERSION,
        "results": {
            "tool": tool,
            "summary": {"tests": len(tests), **summary, "start": start, "stop": stop},
            "tests": tests,
        },
    }
    return json.dumps(report, indent=1) + "\n"


_CTRF: Mapping[str, str] = {"": "passed", "skipped": "skipped"}


def _milliseconds(moment: str) -> int:
    try:
        return round(
            1000 * datetime.datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()
        )
    except ValueError:
        return 0


def markdown(record: Record) -> str:
    """Return a summary in Markdown: the sentence for each subject, the counts, and what does not hold."""
    lines = ["## Conformance to tf.compat.v1.layers.Conv2DTranspose", ""]
    names = [subject.name for subject in record.header.subjects]
    for who, told in scopes.sentences(
        record.header.clauses, record.verdicts, names, scopes.whole(record)
    ):
        lines.append(f"- **{_cell(who)}**: {_cell(told)}")
    if not record.footer.complete:
        lines.append(
            f"- *the run is incomplete: {_cell(record.footer.reason or 'no reason given')}*"
        )
    found = {statuses.status(verdict.status) for verdict in record.verdicts}
    columns = sorted(found, key=lambda one: (one.name != "pass", statuses.rank(one)))
    lines += ["", _row(["subject", *(column.name for column in columns)])]
    lines.append(_row(["---", *("---:" for _ in columns)]))
    for subject in record.header.subjects:
        counts = Counter(verdict.status for verdict in _of(record, subject))
        lines.append(_row([_label(subject), *(str(counts[column.name]) for column in columns)]))
    broken = [v for v in record.verdicts if v.status in statuses.BAD]
    if broken:
        clauses, findings = _by_id(record), _findings(record)
        lines += ["", _row(["clause", "subject", "status", "what"]), _row(["---"] * 4)]
        for verdict in broken:
            message, _ = _told(verdict, findings.get(verdict.key))
            title = clauses[verdict.clause].title if verdict.clause in clauses else ""
            who = " ".join(part for part in (verdict.subject, verdict.mode) if part)
            lines.append(_row([f"{verdict.clause} {title}", who, verdict.status, message]))
    return "\n".join(lines) + "\n"


def badge_svg(record: Record) -> str:
    """Return a badge as SVG: how many of the clauses that apply pass, over all subjects."""
    text, colour = _standing(record)
    return str(badge("Conv2DTranspose", text, colour)) + "\n"


def badge_json(record: Record) -> str:
    """Return the same for shields.io, as its endpoint reads it."""
    text, colour = _standing(record)
    return (
        json.dumps(
            {"schemaVersion": 1, "label": "Conv2DTranspose", "message": text, "color": colour}
        )
        + "\n"
    )


def _standing(record: Record) -> tuple[str, str]:
    found = [statuses.of(verdict) for verdict in record.verdicts]
    applicable = [status for status in found if status.name != "not-applicable"]
    passed = sum(status.name == "pass" for status in applicable)
    if any(status.name in statuses.BAD for status in applicable):
        return f"{passed}/{len(applicable)}", _RED
    is_good = passed and record.footer.complete
    return f"{passed}/{len(applicable)}", _GREEN if is_good else _GREY


#: Each format by the name of its option.
FORMATS: Mapping[str, Callable[[Record], str]] = {
    "junit": junit,
    "ctrf": ctrf,
    "markdown": markdown,
    "badge": badge_svg,
    "shields": badge_json,
}


def _by_id(record: Record) -> dict[str, Clause]:
    return {clause.id: clause for clause in record.header.clauses}


def _findings(record: Record) -> dict[tuple[str, str, str], Finding]:
    return {(f.clause, f.subject, f.mode): f for f in record.findings}


def _of(record: Record, subject: Subject) -> list[Verdict]:
    return [v for v in record.verdicts if (v.subject, v.mode) == subject.key]


def _told(verdict: Verdict, finding: Finding | None) -> tuple[str, str]:
    """Return why a verdict is no pass, in a line, and the same with what shows it."""
    reason = f"{verdict.status}: {verdict.reason}" if verdict.reason else verdict.status
    if finding is None:
        return shown(reason), shown(reason)
    parts = [reason if verdict.reason else "", finding.message, finding.diagnosis, finding.script]
    message = finding.message.strip().split("\n")[0]
    return shown(message), shown("\n\n".join(part for part in parts if part))


def _label(subject: Subject) -> str:
    return " ".join(part for part in (subject.name, subject.mode) if part)


def _xml(text: str) -> str:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", shown(text))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    """Return a text as it is to be read, in one cell of a table."""
    spelled = re.sub(r"([\\`*_\[\]<>|])", r"\\\1", shown(text))
    return " ".join(spelled.split())[:500]
