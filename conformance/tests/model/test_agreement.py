"""What a clause says of modes and releases, and how it is labelled for that."""

from __future__ import annotations

import re

import pytest

from conformance.model.clauses import Clause, all_clauses

CLAUSES = [pytest.param(clause, id=clause.id) for clause in all_clauses()]


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_that_tells_modes_apart_is_labelled_so(clause: Clause) -> None:
    told = re.search(r"\beager\b|\bgraph mode\b|mode `v1`", clause.norm, re.IGNORECASE)
    assert told is None or "mode" in clause.agreement


@pytest.mark.parametrize("clause", CLAUSES)
def test_a_clause_that_tells_releases_apart_is_labelled_so(clause: Clause) -> None:
    assert not re.search(r"\b2\.(9|15|16|21)\b", clause.norm) or "version" in clause.agreement
