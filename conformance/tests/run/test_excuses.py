"""Excuses: whom they concern, what they cover, and which files are refused."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from conformance.run.excuses import Excuse, ExcuseError, Standing, excused, load_excuses

EXCUSE = Excuse(clause="PAD-01", subject="Mine", message="off by one", reason="known")
GOOD = '[[excuse]]\nclause = "PAD-01"\nsubject = "Mine"\nmessage = "off"\nreason = "known"\n'


@pytest.mark.parametrize(
    ("clause", "subject", "mode", "wanted"),
    [
        ("PAD-01", "Mine", "eager", True),
        ("PAD-01", "Mine", "graph", True),
        ("PAD-02", "Mine", "eager", False),
        ("PAD-01", "Yours", "eager", False),
    ],
)
def test_an_excuse_concerns_its_clause_and_subject(
    clause: str, subject: str, mode: str, wanted: bool
) -> None:
    assert EXCUSE.concerns(clause, subject, mode) is wanted


def test_an_excuse_with_a_mode_concerns_that_mode_only() -> None:
    excuse = Excuse(clause="A", subject="B", message="m", reason="r", mode="graph")
    assert [excuse.concerns("A", "B", mode) for mode in ("graph", "eager")] == [True, False]


LATE = Excuse(clause="PAD-01", subject="Mine", message="late", reason="slow")


@pytest.mark.parametrize(
    ("excuses", "status", "messages", "wanted"),
    [
        ([], "fail", ["off by one"], ("fail", "as it was", None)),
        ([EXCUSE], "fail", ["it is off by one", "off by one"], ("excused", "known", "excuse")),
        ([EXCUSE], "error", ["off by one"], ("excused", "known", "excuse")),
        ([EXCUSE], "fail", ["off by one", "crashed"],
         ("fail", "fails otherwise than excused ('off by one')", "other-failure")),
        ([EXCUSE, LATE], "fail", ["off by one", "too late"], ("excused", "known; slow", "excuse")),
        ([LATE, EXCUSE], "fail", ["off by one"],
         ("stale-excuse", "no failure says 'late', but it is excused: slow", "excuse-idle")),
        ([LATE, EXCUSE], "fail", ["crashed"],
         ("fail", "fails otherwise than excused ('late', 'off by one')", "other-failure")),
        # A clause may fail without a failing case: an erratum of the page that is none.
        ([EXCUSE], "fail", [], ("fail", "fails otherwise than excused ('off by one')", "other-failure")),
        ([EXCUSE], "pass", [], ("stale-excuse", "passes, but is excused: known", "excuse-passes")),
        ([EXCUSE], "unsupported", [], ("unsupported", "as it was", None)),
    ],
)  # fmt: skip
def test_an_excuse_covers_its_own_failure_only(
    excuses: list[Excuse], status: str, messages: list[str], wanted: Standing
) -> None:
    assert excused(excuses, (status, "as it was", None), messages) == wanted


def test_an_excuse_is_named_by_what_it_is_for() -> None:
    assert str(EXCUSE) == "PAD-01 of Mine, 'off by one'"
    assert str(attrs.evolve(EXCUSE, mode="graph")) == "PAD-01 of Mine (graph), 'off by one'"


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(GOOD + 'mode = "eager"\n' + GOOD.replace("PAD-01", "PAD-02"), encoding="utf-8")
    assert [(e.clause, e.mode) for e in load_excuses(path)] == [
        ("PAD-01", "eager"),
        ("PAD-02", None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[excuse]", "not TOML"),
        (GOOD.replace("PAD-01", "PAD-99"), "excuse 1: unknown clause 'PAD-99'"),
        (GOOD.replace('"off"', '""'), "excuse 1: message and reason must not be empty"),
        (GOOD + GOOD.replace("reason", "because"), "excuse 2: .*'because'"),
        (GOOD.replace('reason = "known"\n', ""), "excuse 1: .*'reason'"),
        (GOOD + "[excuses]\n", r"unknown table 'excuses'; use \[\[excuse\]\]"),
        ("excuse = 3\n", r"excuse = 3: use \[\[excuse\]\] tables"),
        (GOOD.replace('"off"', "5"), "excuse 1: message = 5: must be a string"),
        (GOOD + 'mode = "Eager"\n', "excuse 1: mode = 'Eager': must be one of eager, graph"),
    ],
    ids=[
        "no TOML",
        "unknown clause",
        "empty message",
        "unknown key",
        "missing key",
        "unknown table",
        "no table",
        "no string",
        "unknown mode",
    ],
)
def test_a_broken_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ExcuseError, match=message):
        load_excuses(path)


def test_recorded_cases_can_be_excused(tmp_path: Path) -> None:
    path = tmp_path / "known.toml"
    path.write_text(GOOD.replace("PAD-01", "CORPUS-MINE"), encoding="utf-8")
    assert load_excuses(path)[0].clause == "CORPUS-MINE"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExcuseError, match="cannot read"):
        load_excuses(tmp_path / "none.toml")
