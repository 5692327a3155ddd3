"""The chapter on drift between releases."""

from __future__ import annotations

import json
from typing import Any

import pytest

import reports
from reports.tests import sample


def _drift(**changes: Any) -> dict[str, Any]:
    example = {
        "case": "c-1", "arguments": "filters=3", "step": "losses", "before": "[nan]", "after": "[0]",
    }  # fmt: skip
    return {
        "clause": "PAD-01", "mode": "eager", "before": "tensorflow@2.9.3", "after": "tensorflow@2.15.1",
        "cases": 12, "differing": 5, "example": example, **changes,
    }  # fmt: skip


@pytest.fixture
def page(tmp_path: Any) -> Any:
    def render(*drift: dict[str, Any]) -> str:
        lines = sample.record()
        lines[-1]["drift"] = list(drift)
        path = tmp_path / "run.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return reports.render(reports.load(path))

    return render


def test_a_difference_is_told_with_its_numbers(page: Any) -> None:
    assert "<b>5</b> of 12" in page(_drift())


def test_a_difference_is_told_in_words(page: Any) -> None:
    assert "<b>tensorflow@2.9.3</b> [nan]" in page(_drift())


def test_a_comparison_without_difference_says_same(page: Any) -> None:
    other = _drift(clause="PAD-02", mode="graph")
    assert page(_drift(), other).count('<span class="same">same</span>') == 2


def test_without_drift_there_is_no_chapter(page: Any) -> None:
    assert 'id="drift"' not in page()


def test_hostile_text_is_escaped(page: Any) -> None:
    assert "<img" not in page(_drift(clause="<img src=x>"))


def test_a_broken_entry_is_refused(page: Any) -> None:
    with pytest.raises(reports.RecordError, match="example"):
        page({**_drift(), "example": "filters=2"})
