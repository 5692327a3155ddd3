"""Right implementations give no finding, whatever their order of summation; `tox -e control` runs many more."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: Clauses on numbers and sizes, which the gather form must have been judged on.
JUDGED = (
    "VAL-01",
    "VAL-02",
    "VAL-03",
    "PAD-01",
    "PAD-04",
    "SHAPE-01",
    "DTYPE-02",
    "GRAD-01",
)


@pytest.fixture(scope="module")
def finished(command: Callable[..., Any], zoo: Path) -> Any:
    subjects = ("reference", "fast", zoo / "gather.py:Gather")
    chosen = [word for subject in subjects for word in ("--subject", subject)]
    return command("run", *chosen, "--profile", "smoke", "--seed", "11", "--out", "out")


def test_three_independent_implementations_give_no_finding(finished: Any) -> None:
    assert finished.lines("finding") == []


def test_three_independent_implementations_conform(finished: Any) -> None:
    assert finished.status == 0


@pytest.mark.parametrize("clause", JUDGED)
def test_the_gather_form_is_judged_on_numbers(finished: Any, clause: str) -> None:
    (verdict,) = [
        line
        for line in finished.lines("verdict")
        if (line["subject"], line["clause"]) == ("Gather", clause)
    ]
    assert (verdict["status"], verdict["examples"] > 0) == ("pass", True)


def test_the_gather_form_is_independent_of_both_implementations(zoo: Path) -> None:
    tree = ast.parse((zoo / "gather.py").read_text(encoding="utf-8"))
    imported = {
        name.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([ast.alias(node.module)] if isinstance(node, ast.ImportFrom) else node.names)
    }
    assert imported == {"__future__", "collections.abc", "typing", "numpy"}
