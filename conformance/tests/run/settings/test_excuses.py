"""Excuses: whom they concern, what they cover, and which files are refused."""

from __future__ import annotations

import datetime
from pathlib import Path

import attrs
import numpy as np
import pytest

from conformance.model.case import Case
from conformance.model.steps import Call
from conformance.run.settings.excuses import (
    Excuse,
    ExcuseError,
    Failed,
    Standing,
    excused,
    load_excuses,
)

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
         ("fail", "fails, but not as excused ('off by one')", "other-failure")),
        ([EXCUSE, LATE], "fail", ["off by one", "too late"], ("excused", "known; slow", "excuse")),
        ([LATE, EXCUSE], "fail", ["off by one"],
         ("stale-excuse", "excused, but no failure matches 'late': slow", "excuse-idle")),
        ([LATE, EXCUSE], "fail", ["crashed"],
         ("fail", "fails, but not as excused ('late', 'off by one')", "other-failure")),
        # A clause may fail without a failing case: an erratum of the page that is none.
        ([EXCUSE], "fail", [], ("fail", "fails, but not as excused ('off by one')", "other-failure")),
        ([EXCUSE], "pass", [], ("stale-excuse", "passes, but is excused: known", "excuse-passes")),
        ([EXCUSE], "unsupported", [], ("unsupported", "as it was", None)),
    ],
)  # fmt: skip
def test_an_excuse_covers_its_own_failure_only(
    excuses: list[Excuse], status: str, messages: list[str], wanted: Standing
) -> None:
    failures = [Failed(message) for message in messages]
    assert excused(excuses, (status, "as it was", None), failures) == wanted


@pytest.mark.parametrize(
    ("excuses", "status", "messages", "blocked", "wanted"),
    [
        ([EXCUSE], "blocked", [], ["off by one"], ("excused", "known", "excuse")),
        ([EXCUSE], "blocked", [], ["off by one", "crashed"], ("blocked", "as it was", None)),
        ([EXCUSE], "blocked", [], ["crashed"], ("blocked", "as it was", None)),
        ([EXCUSE], "pass", [], ["off by one"], ("pass", "as it was", None)),
        ([EXCUSE], "pass", [], ["crashed"],
         ("stale-excuse", "passes, but is excused: known", "excuse-passes")),
        ([EXCUSE, LATE], "fail", ["too late"], ["off by one"], ("excused", "slow", "excuse")),
        ([EXCUSE], "fail", ["too late"], ["off by one"], ("fail", "as it was", None)),
    ],
)  # fmt: skip
def test_an_excuse_for_what_a_more_basic_clause_explains_has_its_effect(
    excuses: list[Excuse], status: str, messages: list[str], blocked: list[str], wanted: Standing
) -> None:
    failures, others = ([Failed(message) for message in told] for told in (messages, blocked))
    standing = excused(excuses, (status, "as it was", None), failures, blocked=others)
    assert standing == wanted


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


FAILED = Failed.of(
    "off by one",
    Case("any", {"padding": "SAME"}, (Call(np.ones((1, 1, 1, 1), np.float16)),)),
)


@pytest.mark.parametrize(
    ("selectors", "wanted"),
    [
        ({"dtype": "float16"}, True),
        ({"dtype": "float32"}, False),
        ({"padding": "same"}, True),
        ({"padding": "valid"}, False),
        ({"data_format": "channels_last"}, True),
        ({"data_format": "channels_first"}, False),
        ({"message": "by one", "dtype": "float16"}, True),
        ({"message": "by two", "dtype": "float16"}, False),
    ],
)
def test_a_selector_chooses_failures(selectors: dict[str, str], wanted: bool) -> None:
    excuse = Excuse(clause="A", subject="B", reason="known", **selectors)
    assert excuse.covers(FAILED) is wanted


BROAD = Excuse(clause="PAD-*", subject="*", dtype="float16", reason="known")


@pytest.mark.parametrize(
    ("clause", "subject", "wanted"),
    [("PAD-01", "Mine", True), ("PAD-09", "Yours", True), ("VAL-01", "Mine", False)],
)
def test_a_pattern_concerns_what_it_matches(clause: str, subject: str, wanted: bool) -> None:
    assert BROAD.concerns(clause, subject, "eager") is wanted


@pytest.mark.parametrize(
    ("status", "failures", "wanted"),
    [
        ("pass", [], ("pass", "as it was", None)),
        ("fail", [FAILED], ("excused", "known", "excuse")),
        ("fail", [Failed("other")], ("fail", "as it was", None)),
        ("fail", [FAILED, Failed("other")],
         ("fail", "fails, but not as excused (dtype float16)", "other-failure")),
    ],
)  # fmt: skip
def test_a_pattern_need_not_excuse_everything(
    status: str, failures: list[Failed], wanted: Standing
) -> None:
    assert excused([BROAD], (status, "as it was", None), failures) == wanted


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        (30, ("excused", "known", "excuse")),
        (31, ("fail", "the excuse expired on 2026-05-30: known", "excuse-expired")),
    ],
)
def test_an_excuse_expires(day: int, wanted: Standing) -> None:
    excuse = attrs.evolve(EXCUSE, expires=datetime.date(2026, 5, 30))
    today = datetime.date(2026, 5, day)
    assert excused([excuse], ("fail", None, None), [FAILED], today) == wanted


def test_an_excuse_shows_its_link() -> None:
    excuse = attrs.evolve(EXCUSE, link="https://example.org/1")
    assert excused([excuse], ("fail", None, None), [FAILED])[1] == "known (https://example.org/1)"


@pytest.mark.parametrize("day", ["2027-06-30", '"2027-06-30"'])
def test_a_day_is_read(day: str, tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text(GOOD + f"expires = {day}\n", encoding="utf-8")
    (excuse,) = load_excuses(tmp_path / "known.toml")
    assert excuse.expires == datetime.date(2027, 6, 30)


def test_a_selector_stands_for_a_message(tmp_path: Path) -> None:
    text = GOOD.replace('message = "off"', 'dtype = "bfloat16"').replace("PAD-01", "FMT-*")
    (tmp_path / "known.toml").write_text(text, encoding="utf-8")
    assert [str(excuse) for excuse in load_excuses(tmp_path / "known.toml")] == [
        "FMT-* of Mine, dtype bfloat16"
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace('message = "off"\n', ""), "the message may be left out where one of"),
        (GOOD.replace("PAD-01", "NO-*"), r"unknown clause 'NO-\*'"),
        (GOOD + 'expires = "soon"\n', "expires = 'soon': a day such as 2027-06-30"),
        (GOOD + "expires = 3\n", "expires = 3: a day such as 2027-06-30"),
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
        "neither message nor selector",
        "unknown pattern",
        "no day",
        "a number for a day",
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
