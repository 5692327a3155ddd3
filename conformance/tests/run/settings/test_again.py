"""`--rerun-failed`: what failed is judged again, first by the cases on which it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import reports
from conformance.run.run import Run
from conformance.run.settings.again import NothingFailed, again
from conformance.run.settings.options import Options

LAYER = """
import fast_impl

class Mine(fast_impl.Conv2DTranspose):
    def apply(self, *args, **kwargs):
        return super().apply(*args, **kwargs) + {plus}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a layer that is wrong in one clause, and of one that is right."""
    found = tmp_path_factory.mktemp("again")
    (found / "mine.py").write_text(LAYER.format(plus=1))
    options = Options(
        subjects=(f"{found}/mine.py:Mine", "reference"), clauses=("METH-01",),
        examples=1, out=found / "report",
    )  # fmt: skip
    ended(options)
    return found


def ended(options: Options) -> reports.Record:
    run = Run(options)
    for _ in run.judge_all():
        pass
    return reports.load(run.finish(page=False))


def test_failed_clauses_of_the_subject_that_failed_are_chosen(folder: Path) -> None:
    found = again(Options(out=folder / "report"), None)
    assert (found.subjects, found.clauses) == ((f"{folder}/mine.py:Mine",), ("METH-01",))


def test_the_record_of_the_whole_run_stays(folder: Path) -> None:
    assert again(Options(out=folder / "report"), None).out == folder / "report" / "again"


def test_what_still_fails_needs_no_case_but_the_recorded_one(folder: Path) -> None:
    found = ended(again(Options(out=folder / "report", examples=1), None))
    assert {verdict.examples for verdict in found.verdicts} == {1}


def test_what_is_mended_is_judged_on_every_case(folder: Path) -> None:
    chosen = again(Options(out=folder / "report", examples=1), None)
    # Python knows the bytecode of a file by its size and the second of its change.
    (folder / "mine.py").write_text(LAYER.format(plus="0 * 1"))
    try:
        found = ended(chosen)
    finally:
        (folder / "mine.py").write_text(LAYER.format(plus=1))
    assert all(v.status == "pass" and v.examples > 1 for v in found.verdicts)


def test_a_run_without_a_failure_says_so(folder: Path) -> None:
    with pytest.raises(NothingFailed, match="no clause failed in"):
        again(Options(subjects=("reference",), out=folder / "report"), None)


def test_without_an_earlier_run_it_is_said_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="run once without it"):
        again(Options(out=tmp_path), None)


@pytest.mark.parametrize(
    "options", [{"clauses": ("VAL-01",)}, {"scopes": ("numbers",)}, {"resume": True}]
)
def test_clauses_are_not_chosen_twice(folder: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave out --"):
        again(Options(out=folder / "report", **options), None)


def test_the_command_ends_well_where_nothing_failed(
    command: Callable[..., Any], folder: Path
) -> None:
    finished = command(
        "run", "--subject", "reference", "--rerun-failed", str(folder / "report" / "run.jsonl")
    )
    assert (finished.status, "nothing to run again" in finished.stdout) == (0, True)
