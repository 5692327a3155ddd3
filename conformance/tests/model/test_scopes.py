"""Scopes of clauses, and what docs/interpreting.md says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.model.clauses import SCOPES, all_clauses, matching, whole_scopes

PAGE = Path(__file__).parents[3] / "docs" / "interpreting.md"


@pytest.fixture(scope="module")
def page() -> str:
    if not PAGE.is_file():
        pytest.skip("the page is in the checkout alone")
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("scope", SCOPES)
def test_the_page_counts_the_clauses_of_a_scope(scope: str, page: str) -> None:
    (count,) = re.findall(rf"^\| `{scope}` \| .* \| (\d+) \|$", page, re.MULTILINE)
    assert int(count) == len(matching((), None, (scope,)))


@pytest.mark.parametrize("scope", SCOPES)
def test_the_page_lists_what_must_pass(scope: str, page: str) -> None:
    (listed,) = re.findall(rf"^\| `{scope}` \| ([A-Z0-9, -]+) \|$", page, re.MULTILINE)
    assert listed.split(", ") == [c.id for c in all_clauses() if c.scope == scope and c.must]


def test_a_scope_leaves_the_others_out() -> None:
    assert {clause.scope for clause in matching((), None, ("numbers", "layer"))} == {
        "numbers",
        "layer",
    }


def test_a_pattern_chooses_within_a_scope() -> None:
    chosen = matching(["SHAPE-*"], None, ("drop-in",))
    assert [clause.id for clause in chosen] == ["SHAPE-07", "SHAPE-08", "SHAPE-09"]


def test_a_scope_is_whole_where_none_of_its_clauses_is_left_out() -> None:
    chosen = [*matching((), None, ("layer",)), *matching(["PAD-01"])]
    assert (whole_scopes(chosen), whole_scopes(all_clauses())) == (("layer",), SCOPES)
