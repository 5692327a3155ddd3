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

from reports.comparison import render_comparison, write_comparison
from reports.history import render_index, write_index
from reports.lines import load_json
from reports.loading import load, load_previous
from reports.page import render
from reports.record import (
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
from reports.scoreboard import build as build_scoreboard
from reports.scoreboard import markdown, render_scoreboard, write_scoreboard
from reports.strength import load_strength
from reports.writing import write

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
