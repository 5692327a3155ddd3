"""What a run says while it goes on: the time left, and the first finding of a subject."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.progress import Task, TaskID

from conformance.commands.console.left import TimeLeft
from conformance.commands.console.progress import Progress
from conformance.commands.console.terminal import Terminal
from conformance.run.guard import Guard
from conformance.run.verdicts import Judgement
from reports.records.record import Verdict


def _left(done: int, seconds: float) -> str:
    task = Task(TaskID(0), "", total=100, completed=done, _get_time=lambda: seconds)
    task.start_time = 0.0
    return TimeLeft().render(task).plain


def test_the_time_left_is_at_the_rate_so_far() -> None:
    assert _left(25, 60) == "about 3:00 left"


def test_the_time_left_goes_on_while_no_case_is_run() -> None:
    assert _left(25, 80) == "about 4:00 left"


@pytest.mark.parametrize(("done", "told"), [(0, ""), (100, "finishing")])
def test_no_time_is_left_before_the_first_case_and_after_the_last(done: int, told: str) -> None:
    assert _left(done, 60) == told


def _told(status: str) -> str:
    verdict = Verdict(clause="PAD-01", subject="mine", mode="eager", status=status)
    text = io.StringIO()
    run: Any = None
    progress = Progress(run, run, Terminal(file=text))
    progress.tell(Judgement(verdict, None, "PAD-01 a title\nwhat is wrong", Guard()))
    return text.getvalue()


def test_a_failure_is_told_when_it_is_found() -> None:
    assert _told("fail") == "mine-eager: PAD-01 a title\n  what is wrong\n"


def test_what_another_failure_blocks_is_not_told_as_one() -> None:
    assert _told("blocked") == ""
