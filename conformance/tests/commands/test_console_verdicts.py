"""What the terminal says under a verdict: the causes that break most, and which clauses the others break."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

import reports
from conformance.commands.console.terminal import Terminal
from conformance.commands.console.verdicts import CAUSES_SHOWN, verdicts
from reports.tests import sample

CLAUSES = ("SHAPE-01", "PAD-02", "FMT-01", "VAL-01", "BIAS-01")


def _told(causes: int, tmp_path: Path) -> list[str]:
    """Return what the terminal says of a subject with so many causes, a clause each."""
    findings = [
        sample.finding(clause, diagnosis=f"equals the known mistake M{n}: wrong", failures=99 - n)
        for n, clause in enumerate(CLAUSES[:causes])
    ]
    record = sample.save([sample.header(), *findings, sample.footer()], tmp_path / "run.jsonl")
    console = Terminal(record=True, file=io.StringIO())
    verdicts(reports.load(record), record, console)
    return console.export_text().splitlines()


@pytest.mark.parametrize("causes", [1, CAUSES_SHOWN])
def test_few_causes_are_all_told(causes: int, tmp_path: Path) -> None:
    lines = _told(causes, tmp_path)
    assert sum("conformance explain" in line for line in lines) == causes
    assert not any("more cause" in line for line in lines)


@pytest.mark.parametrize(
    ("causes", "told"),
    [
        (4, "1 more cause breaks VAL-01: see the report"),
        (5, "2 more causes break VAL-01 and BIAS-01: see the report"),
    ],
)
def test_of_further_causes_the_clauses_are_told_in_one_line(
    causes: int, told: str, tmp_path: Path
) -> None:
    lines = _told(causes, tmp_path)
    assert sum("conformance explain" in line for line in lines) == CAUSES_SHOWN
    assert [line.strip() for line in lines if "more cause" in line] == [told]
