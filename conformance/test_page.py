"""The page as a test suite: one item for each clause, subject and mode.

``pytest --pyargs conformance --subject path/to/file.py:MyLayer``
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def test_clause(subject: Any, clause: Any, judge: Callable[[Any, Any], Any]) -> None:
    """Hold where the subject obeys the clause."""
    verdict = judge(subject, clause)
    if verdict.status in ("unsupported", "not-run"):
        pytest.skip(f"{verdict.status}: {verdict.reason}")
    if verdict.status == "excused":
        pytest.xfail(verdict.reason)
    if verdict.status != "pass":
        pytest.fail(verdict.text, pytrace=False)
