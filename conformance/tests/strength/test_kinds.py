"""What of each kind of mistakes is caught by what was not made for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from conformance.strength import measurement
from conformance.strength.kinds import Kind, kinds, markdown

DOCS = Path(__file__).parents[3] / "docs" / "strength.md"


def entry(
    name: str, chapter: str, clauses: Sequence[str], drawn: int | None = None
) -> dict[str, Any]:
    return {
        "id": name, "chapter": chapter, "expected": list(clauses), "caught": 2,
        "clauses": dict.fromkeys(clauses, 2),
        "drawn": None if drawn is None else {"caught": drawn, "examples": 1.0},
    }  # fmt: skip


MEASURED = {
    "seeds": 2,
    "mistakes": [
        entry("wide", "one", ["A-01"]),
        entry("lucky", "one", ["B-01"], drawn=2),
        entry("half lucky", "one", ["B-01"], drawn=1),
        entry("other", "two", ["A-01"]),
    ],
}


@pytest.fixture(scope="module")
def one() -> Kind:
    return kinds(MEASURED)[0]


def test_a_clause_that_another_kind_expects_is_general(one: Kind) -> None:
    assert (one.clauses, one.general) == (("A-01", "B-01"), ("A-01",))


def test_mistakes_that_a_general_clause_caught_are_counted(one: Kind) -> None:
    assert one.by_general == 1


def test_mistakes_that_random_cases_caught_with_every_seed_are_counted(one: Kind) -> None:
    assert one.by_chance == 1


def test_what_only_its_own_clauses_and_cases_caught_is_named(one: Kind) -> None:
    assert one.by_neither == ("half lucky",)


@pytest.mark.skipif(not DOCS.exists(), reason="an installed package has no documentation")
def test_the_documentation_shows_the_shipped_measurement() -> None:
    assert markdown(measurement.shipped()) in DOCS.read_text("utf-8")
