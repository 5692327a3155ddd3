"""One self-contained HTML page from the record of a conformance run.

A record (`run.jsonl`) is enough: the page can be made again years later, on a machine that has
neither the implementations nor a framework.

    record = reports.load("conformance-report/run.jsonl")
    reports.write(record, "conformance-report/index.html")

Two records are compared on a page of their own, and many have an index:

    reports.write_comparison(old, new, "comparison.html")
    reports.write_index([first, second, third], "history.html")
    reports.write_scoreboard([torch, jax, keras], "scoreboard.html")
"""

from __future__ import annotations

import os

from reports.outputs.comparison import render_comparison, write_comparison
from reports.outputs.history import render_index, write_index
from reports.outputs.page import render
from reports.outputs.scoreboard import build as build_scoreboard
from reports.outputs.scoreboard import markdown, render_scoreboard, write_scoreboard
from reports.outputs.writing import write
from reports.records import loading
from reports.records.lines import load_json
from reports.records.loading import load_previous
from reports.records.record import (
    Aspect,
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
    Numerics,
    Parameter,
    Record,
    RecordError,
    Strength,
    Subject,
    Verdict,
)
from reports.records.strength import load_strength
from reports.views import causes

__all__ = [
    "Aspect",
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
    "Numerics",
    "Parameter",
    "Record",
    "RecordError",
    "Strength",
    "Subject",
    "Verdict",
    "build_scoreboard",
    "load",
    "load_json",
    "load_previous",
    "load_strength",
    "markdown",
    "render",
    "render_comparison",
    "render_index",
    "render_scoreboard",
    "write",
    "write_comparison",
    "write_index",
    "write_scoreboard",
]


def load(path: str | os.PathLike[str]) -> Record:
    """Read a record; its findings are in the order of the page, by which they are numbered from 1.

    Args:
        path: a file of JSON lines, or the folder that a run wrote.

    Raises:
        RecordError: the file cannot be read, or is no record (one without a footer is unfinished).
    """
    return causes.in_order(loading.load(path))
