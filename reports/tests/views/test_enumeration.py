"""Numbers and names in a sentence."""

from __future__ import annotations

import pytest

from reports.views.enumeration import how_many


@pytest.mark.parametrize(
    ("number", "many", "text"),
    [
        (0, "", "0 clauses"),
        (1, "", "1 clause"),
        (2, "", "2 clauses"),
        (1, "clauses in all", "1 clause"),
        (2500, "clauses in all", "2,500 clauses in all"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, many: str, text: str) -> None:
    assert how_many(number, "clause", many) == text
