"""What the terminal says under a verdict: the causes that matter most, and which clauses the others break."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

import reports
from conformance.commands.console.terminal import Terminal
from conformance.commands.console.verdicts import verdicts
from reports.tests import sample
from reports.views.causes import SHOWN

CLAUSES = ("SHAPE-01", "PAD-02", "FMT-01", "VAL-01", "BIAS-01")


def _told(causes: int, tmp_path: Path) -> list[str]:
    """Return what the terminal says of a subject with so many causes, a clause each."""
    return _printed(_of_causes(causes, tmp_path))


def _of_causes(causes: int, tmp_path: Path) -> Path:
    findings = [
        sample.finding(clause, diagnosis=f"equals the known mistake M{n}: wrong", failures=99 - n)
        for n, clause in enumerate(CLAUSES[:causes])
    ]
    return sample.save([sample.header(), *findings, sample.footer()], tmp_path / "run.jsonl")


def _printed(record: Path, *, in_full: bool = False) -> list[str]:
    console = Terminal(record=True, file=io.StringIO())
    verdicts(reports.load(record), record, console, in_full=in_full)
    return console.export_text().splitlines()


@pytest.mark.parametrize("causes", [1, SHOWN])
def test_few_causes_are_all_told(causes: int, tmp_path: Path) -> None:
    lines = _told(causes, tmp_path)
    assert sum("conformance explain" in line for line in lines) == causes
    assert not any("more cause" in line for line in lines)


def test_causes_have_the_page_s_numbers_over_all_subjects(two_subjects: Path) -> None:
    told = _printed(two_subjects)
    assert [line.split()[0] for line in told if "known mistake" in line] == ["1.", "2."]


def test_the_command_below_a_cause_names_its_finding(two_subjects: Path) -> None:
    told = [line for line in _printed(two_subjects) if "conformance explain" in line]
    assert [line.split(" --record")[0].strip() for line in told] == [
        "finding 1: conformance explain 1",
        "finding 3: conformance explain 3",
    ]


def test_the_card_of_a_cause_names_the_same_finding(two_subjects: Path) -> None:
    page = reports.render(reports.load(two_subjects))
    shown = re.findall(r">cause (\d) of 2, shown by finding (\d)</a>", page)
    assert shown == [("1", "1"), ("2", "3")]


@pytest.fixture
def two_subjects(tmp_path: Path) -> Path:
    """A record with a cause of each of two subjects, the first seen in two findings, the second one smaller."""
    known = "equals the known mistake M{}: wrong"
    findings = [
        sample.finding("SHAPE-01", diagnosis=known.format(1), subject="fast", shrunk=False),
        sample.finding("PAD-01", diagnosis=known.format(1), subject="fast"),
        sample.finding("PAD-01", diagnosis=known.format(2)),
    ]
    return sample.save([sample.header(), *findings, sample.footer()], tmp_path / "run.jsonl")


@pytest.mark.parametrize(
    ("causes", "told"),
    [
        (4, "1 more cause breaks VAL-01 (numbers): conformance explain --all"),
        (5, "2 more causes break VAL-01 (numbers), BIAS-01 (layer): conformance explain --all"),
    ],
)
def test_of_further_causes_the_clauses_are_told_in_one_line(
    causes: int, told: str, tmp_path: Path
) -> None:
    lines = _told(causes, tmp_path)
    assert sum("finding" in line for line in lines) == SHOWN
    more = [line.partition(" --record")[0].strip() for line in lines if "more cause" in line]
    assert more == [told]


def test_all_causes_are_told_where_that_is_asked(tmp_path: Path) -> None:
    record = _of_causes(5, tmp_path)
    lines = _printed(record, in_full=True)
    assert [line.split()[0] for line in lines if "known mistake" in line] == [
        "1.", "2.", "3.", "4.", "5.",
    ]  # fmt: skip
    assert not any("more cause" in line for line in lines)
