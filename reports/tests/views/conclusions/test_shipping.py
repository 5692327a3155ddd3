"""Whether a subject may be shipped, scope by scope."""

from __future__ import annotations

from typing import Any

import pytest

from reports.records.record import Clause, Verdict
from reports.views.conclusions import scopes, shipping

CLAUSES = [
    Clause(id=f"{letter}-{number}", chapter="any", title="any", scope=scope, must=number == 1)
    for letter, scope in {"N": "numbers", "L": "layer"}.items()
    for number in (1, 2)
]


def told(
    causes: tuple[tuple[str, list[str]], ...] = (),
    /,
    subjects: tuple[str, ...] = ("mine",),
    is_complete: bool = True,
    whole: tuple[str, ...] | None = None,
    examples: int | None = None,
    **given: str,
) -> list[str]:
    """Return what the page says, for verdicts by clause, such as N1="fail"."""
    verdicts = [
        Verdict(clause=f"{name[0]}-{name[1]}", subject=subject, mode="eager", status=status)
        for subject in subjects
        for name, status in given.items()
    ]
    found = shipping.answers(
        scopes.table(CLAUSES, verdicts, subjects),
        causes,
        CLAUSES,
        is_complete=is_complete,
        whole=whole,
        examples=examples,
    )
    return [
        f"{one.named}? {'; '.join(answer.word + answer.rest for answer in one.answers)}"
        for one in found
    ]


ALL: dict[str, Any] = {"N1": "pass", "N2": "pass", "L1": "pass", "L2": "pass"}


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({}, "Yes for numbers and layer"),
        ({"N2": "fail"}, "No, not for numbers (1 clause fails); Yes for layer"),
        (
            {"N1": "fail", "N2": "error"},
            "No, not for numbers (2 clauses fail); Yes for layer",
        ),
        (
            {"L2": "blocked"},
            "Not judged to the end for layer (1 clause undecided); Yes for numbers",
        ),
        ({"L2": "excused"}, "Yes for numbers; With what is excused for layer (1 clause excused)"),
        ({"L1": "unsupported"}, "Yes for numbers; In part for layer, without L-1"),
        (
            {"L1": "unsupported", "L2": "unsupported"},
            "Yes for numbers; Not claimed: layer",
        ),
    ],
)
def test_every_scope_has_its_answer(given: dict[str, str], answer: str) -> None:
    assert told(**{**ALL, **given}) == [f"mine? {answer}"]


@pytest.mark.parametrize(
    ("examples", "more"), [(12, ", as far as a run of few cases tells"), (100, ""), (None, "")]
)
def test_a_run_of_few_cases_says_so_where_it_says_yes(examples: int | None, more: str) -> None:
    assert told(examples=examples, **ALL) == [f"mine? Yes for numbers and layer{more}"]
    few = told(examples=examples, **{**ALL, "N2": "fail"})
    assert few == [f"mine? No, not for numbers (1 clause fails); Yes for layer{more}"]


@pytest.mark.parametrize(
    ("causes", "why"),
    [
        ((("mine", ["N-1", "N-2"]),), "1 cause breaks 2 clauses"),
        ((("mine", ["N-1"]), ("mine", ["N-2", "L-1"])), "2 causes break 2 clauses"),
        ((("mine", ["N-1"]), ("other", ["N-2"])), "1 cause breaks 2 clauses"),
    ],
)
def test_what_fails_has_the_causes_of_its_own_scope_and_subject(
    causes: tuple[tuple[str, list[str]], ...], why: str
) -> None:
    (line,) = told(causes, **{**ALL, "N1": "fail", "N2": "fail"})
    assert line.startswith(f"mine? No, not for numbers ({why})")


def test_an_unfinished_run_says_yes_to_nothing() -> None:
    assert told(is_complete=False, **ALL) == ["mine? Not judged to the end: the run is unfinished"]


def test_an_unfinished_run_says_no_to_what_fails() -> None:
    assert told(is_complete=False, **{**ALL, "N1": "fail"}) == [
        "mine? No, not for numbers (1 clause fails); Not judged to the end: the run is unfinished"
    ]


def test_a_selection_says_yes_to_whole_scopes_alone() -> None:
    assert told(whole=("numbers",), **ALL) == [
        "mine? Yes for numbers; Not judged for layer: a selection of clauses was run"
    ]


def test_subjects_with_the_same_answers_are_together() -> None:
    assert told(subjects=("a", "b"), **ALL) == ["a and b? Yes for numbers and layer"]


def test_clauses_without_scopes_have_no_answer() -> None:
    assert shipping.answers(None, (), (), is_complete=True) == []
