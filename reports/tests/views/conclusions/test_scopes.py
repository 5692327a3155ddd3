"""The sentence over the scopes: the rules of docs/interpreting.md, each with an example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.records.loading import load
from reports.records.record import Clause, Verdict
from reports.tests import sample
from reports.views.conclusions.scopes import RULES, by_scope, of_subject, sentence, sentences, whole

PAGE = Path(__file__).parents[4] / "docs" / "interpreting.md"


def _clauses(*, must: tuple[str, ...] = ()) -> list[Clause]:
    scopes = {"N": "numbers", "L": "layer", "T": "training"}
    ids = [f"{letter}-{number}" for letter in scopes for number in (1, 2)]
    return [
        Clause(id=id_, chapter="any", title=id_, scope=scopes[id_[0]], must=id_ in must)
        for id_ in ids
    ]


def _told(must: tuple[str, ...] = (), **statuses: str) -> str:
    """Return the sentence for verdicts by clause, such as N1="fail"; a slash stands between modes."""
    verdicts = [
        Verdict(
            clause=f"{name[0]}-{name[1]}",
            subject="mine",
            mode=f"mode {number}",
            status=status,
            reason_kind="no-case" if status == "not-run" else None,
        )
        for name, given in statuses.items()
        for number, status in enumerate(given.split("/"))
    ]
    return sentence(of_subject(_clauses(must=must), verdicts, "mine"))


@pytest.mark.parametrize(
    ("statuses", "told"),
    [
        ({"N1": "pass", "L1": "pass"}, "conforms at numbers and layer"),
        (
            {"N1": "pass", "T1": "fail", "T2": "error"},
            "conforms at numbers; training: 2 clauses fail",
        ),
        ({"N1": "pass", "N2": "fail"}, "numbers: 1 clause fails"),
        ({"N1": "pass", "T1": "unsupported"}, "conforms at numbers; training: not claimed"),
        ({"N1": "pass", "N2": "unsupported"}, "conforms at numbers"),
        ({"N1": "pass", "N2": "excused"}, "numbers: 1 excused"),
        ({"N1": "pass", "N2": "gave-up"}, "numbers: 1 clause undecided"),
        ({"N1": "fail", "N2": "blocked"}, "numbers: 1 clause fails, 1 undecided"),
        ({"N1": "blocked", "N2": "blocked"}, "numbers: 2 clauses undecided"),
        ({"N1": "pass/unsupported"}, "conforms at numbers"),
        ({"N1": "pass/fail"}, "numbers: 1 clause fails"),
        ({}, ""),
    ],
)
def test_a_sentence_follows_the_rules(statuses: dict[str, str], told: str) -> None:
    assert _told(**statuses) == told


def test_a_scope_is_in_part_without_what_must_pass() -> None:
    assert _told(("N-2",), N1="pass", N2="unsupported") == "numbers: in part, without N-2"


def test_what_no_case_can_check_need_not_pass() -> None:
    assert _told(("N-2",), N1="pass", N2="not-run") == "conforms at numbers"


def test_a_clause_that_was_left_out_need_not_pass() -> None:
    assert _told(("N-2",), N1="pass") == "conforms at numbers"


def test_subjects_with_the_same_sentence_stand_together() -> None:
    verdicts = [Verdict(clause="N-1", subject=name, status="pass") for name in ("one", "two")]
    assert sentences(_clauses(), verdicts, ["one", "two"]) == [
        ("one and two", "conform at numbers")
    ]


def test_a_selection_of_a_scope_does_not_conform_at_it() -> None:
    verdicts = [Verdict(clause="N-1", subject=name, status="pass") for name in ("one", "two")]
    assert sentences(_clauses(), verdicts, ["one", "two"], whole=()) == [
        ("one and two", "pass what was selected of numbers")
    ]


def test_a_run_that_was_interrupted_has_judged_no_scope_whole(tmp_path: Path) -> None:
    lines = [*sample.record()[:-1], sample.footer(complete=False, reason="interrupted")]
    found = [
        whole(load(sample.save(one, tmp_path / "run.jsonl"))) for one in (sample.record(), lines)
    ]
    assert found == [None, ()]


def test_the_rules_have_the_version_of_their_page() -> None:
    if not PAGE.is_file():
        pytest.skip("the page is in the checkout alone")
    (version,) = re.findall(
        r"^# .*, version (\d+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert int(version) == RULES


def test_clauses_in_a_line_stand_under_their_scopes() -> None:
    scoped = {clause.id: clause for clause in _clauses()}
    names = [*reversed(scoped), "OLD-01", next(iter(scoped))]
    told = by_scope(names, scoped)
    assert told == "N-2 and N-1 (numbers), L-2 and L-1 (layer), T-2 and T-1 (training), OLD-01"
