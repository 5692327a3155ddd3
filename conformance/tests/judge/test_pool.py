"""Processes that are lost are told apart from work that is broken."""

from __future__ import annotations

import operator

import pytest

from conformance.judge.judging import HarnessError
from conformance.judge.pool import conduct


def test_work_that_raises_is_a_broken_harness() -> None:
    with pytest.raises(HarnessError, match="TypeError"):
        list(conduct(operator.truediv, [1], jobs=1, seconds=5))


def test_without_tasks_nothing_is_started() -> None:
    assert list(conduct(operator.truediv, [], jobs=2, seconds=5)) == []
