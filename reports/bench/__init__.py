"""Results of `conformance bench`: their data, what follows from them, and their page.

results = reports.bench.load("bench.json")
reports.bench.write(results, "bench.html")
"""

from __future__ import annotations

from reports.bench.comparison import Change, Comparison, compare
from reports.bench.markdown import table, write_table
from reports.bench.page import render, write
from reports.bench.results import (
    LayerResult,
    Machine,
    Measurement,
    Peer,
    Rate,
    Results,
    ResultsError,
    Settings,
    load,
    save,
)

__all__ = [
    "Change",
    "Comparison",
    "LayerResult",
    "Machine",
    "Measurement",
    "Peer",
    "Rate",
    "Results",
    "ResultsError",
    "Settings",
    "compare",
    "load",
    "render",
    "save",
    "table",
    "write",
    "write_table",
]
