"""Findings and errata as Markdown, ready to be pasted into somebody's issue tracker."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from reports.records.record import Header, Subject
from reports.views.errata import Entry as Erratum
from reports.views.findings import Cause
from reports.views.findings import Entry as Finding

PAGE = "tf.compat.v1.layers.Conv2DTranspose"
#: Where bugs of a built-in subject are filed.
_TRACKERS = {
    "tensorflow": "tensorflow/tensorflow",
    "keras": "keras-team/keras",
    "torch": "pytorch/pytorch",
    "jax": "jax-ml/jax",
    "onnxruntime": "microsoft/onnxruntime",
    "openvino": "openvinotoolkit/openvino",
}
#: An address may be about so long; a longer report is pasted by hand.
_LONGEST_ADDRESS = 6000


def tracker(entry: Finding, header: Header) -> str | None:
    """Return the address of a new issue with the report filled in; None where nobody's is known."""
    subject = _subject(entry, header)
    project = _TRACKERS.get((subject.spec or subject.name).partition("@")[0])
    if project is None:
        return None
    title = quote(f"Conv2DTranspose: {entry.finding.message[:100]}", safe="")
    start = f"https://github.com/{project}/issues/new?title={title}&body="
    body = quote(of_finding(entry, header), safe="")
    return start + body if len(start) + len(body) <= _LONGEST_ADDRESS else start


def of_cause(cause: Cause, header: Header) -> str:
    """Return the bug report of a cause: that of its smallest case, and what else it breaks."""
    more = [clause for clause in cause.clauses if clause != cause.smallest.finding.clause]
    return of_finding(cause.smallest, header, breaks=more)


def of_finding(entry: Finding, header: Header, breaks: Sequence[str] = ()) -> str:
    """Return the bug report of a finding: what, in which case, how to see it, with which versions.

    `breaks` are ids of clauses that fail for the same reason.
    """
    finding = entry.finding
    parts = [f"### {entry.clause.title} ({finding.clause})", finding.message]
    if entry.clause.norm:
        parts.append(f"The rule: {entry.clause.norm}")
    if finding.diagnosis:
        parts.append(f"Diagnosis: {finding.diagnosis}")
    parts.append(f"In `{entry.call}`:")
    seen = [f"{number}. {step.text}" for number, step in enumerate(entry.steps, start=1)]
    parts.append("\n".join(seen))
    for comparison in entry.comparisons:
        named = f"{comparison.name}: " if comparison.name else ""
        element = comparison.element
        parts.append(
            named + comparison.note + (f" {element[0].upper()}{element[1:]}." if element else "")
        )
    if entry.expected is not None:
        parts.append(f"- expected: `{entry.expected}`\n- got: `{entry.got}`")
    if finding.script:
        parts.append(_fenced(finding.script))
    if breaks:
        parts.append(f"The same cause breaks {len(breaks)} more: {', '.join(breaks)}.")
    parts.append(_environment(entry.subject, _subject(entry, header), header))
    return _joined(parts)


def _subject(entry: Finding, header: Header) -> Subject:
    key = entry.finding.subject, entry.finding.mode
    return next((one for one in header.subjects if one.key == key), Subject(*key))


def of_erratum(entry: Erratum, header: Header) -> str:
    """Return the report to the documentation's maintainers."""
    clause = entry.clause
    quoted = "\n".join(
        f"> {line}".rstrip() for line in (clause.page or entry.erratum.claim).splitlines()
    )
    parts = [f"### Documentation of `{PAGE}`: {clause.title}", "The page says:", quoted]
    parts.append(f"What happens instead: {clause.norm}")
    if entry.proof is not None:
        proof = entry.proof
        parts.append(f"Seen in `{proof.call}`: {proof.evidence.message}")
        if not proof.comparisons:
            parts.append(f"- the page says: `{proof.expected}`\n- got: `{proof.got}`")
    if entry.erratum.script:
        parts.append(_fenced(entry.erratum.script))
    wrong = [
        one.subject
        for one in entry.assertions
        if one.status == "contradicted" and one.on_tensorflow
    ]
    if wrong:
        parts.append(f"Found with {', '.join(wrong)} by {_tool(header)}.")
    return _joined(parts)


def _environment(name: str, subject: Subject, header: Header) -> str:
    versions = [f"{package} {version}" for package, version in sorted(subject.versions.items())]
    settings = [f"{key}={value}" for key, value in sorted(subject.settings.items())]
    machine = header.machine
    python = f"Python {machine.python}" if machine.python else ""
    facts = [*versions, *settings, python, machine.platform, machine.processor]
    return f"Found in {name} by {_tool(header)} ({', '.join(fact for fact in facts if fact)})."


def _tool(header: Header) -> str:
    return f"{header.tool_name} {header.tool_version}".strip()


def _fenced(script: str) -> str:
    """Put a script between fences that are longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", script)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{script.rstrip()}\n{fence}"


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"
