"""One self-contained HTML page from the record of a conformance run.

A record (`run.jsonl`) is enough: the page can be made again years later, on a machine that has
neither the implementations nor a framework.

    record = reports.load("conformance-report/run.jsonl")
    reports.write(record, "conformance-report/index.html")
"""

from __future__ import annotations

from reports.lines import load_json
from reports.loading import load
from reports.page import render
from reports.record import (
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
    Mistake,
    Parameter,
    Record,
    RecordError,
    Strength,
    Subject,
    Verdict,
)
from reports.strength import load_strength
from reports.writing import write

__all__ = [
    "Claim",
    "Clause",
    "Coverage",
    "Deviation",
    "Drift",
    "Erratum",
    "Evidence",
    "Exercised",
    "Finding",
    "Footer",
    "Header",
    "Impossible",
    "Machine",
    "Mistake",
    "Parameter",
    "Record",
    "RecordError",
    "Strength",
    "Subject",
    "Verdict",
    "load",
    "load_json",
    "load_strength",
    "render",
    "write",
]
