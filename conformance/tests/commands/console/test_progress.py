"""What a run says while it goes on: the time left, and how many clauses fail."""

from __future__ import annotations

import io
from typing import Any
from unittest.mock import Mock

import pytest
from rich.progress import Task, TaskID

from conformance.commands.console.left import TimeLeft
from conformance.commands.console.progress import NUMBERS, Progress
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


def _told(status: str, *, is_terminal: bool) -> str:
    verdict = Verdict(clause="PAD-01", subject="mine", mode="eager", status=status)
    text = io.StringIO()
    run: Any = Mock()
    run.total_cases.return_value = 10
    console = Terminal(file=text, force_terminal=is_terminal, width=120)
    with Progress(run, run, console) as progress:
        progress.tell(Judgement(verdict, None, "PAD-01 a title\nwhat is wrong", Guard()))
        progress.tell(Judgement(verdict, None, "PAD-01 a title\nwhat is wrong", Guard()))
    return text.getvalue()


def test_failing_clauses_are_counted_beside_the_bar() -> None:
    assert "2 failing" in _told("fail", is_terminal=True)


def test_what_another_failure_blocks_is_not_counted() -> None:
    assert "failing" not in _told("blocked", is_terminal=True)


def test_no_symptom_is_told_before_the_causes() -> None:
    assert _told("fail", is_terminal=False) == ""


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_bar_is_one_line(width: int) -> None:
    run: Any = None
    console = Terminal(file=io.StringIO(), force_terminal=True, width=width)
    bar = Progress(run, run, console)._bar
    room = max(10, width - NUMBERS)
    bar.add_task("x" * room, total=11_730, completed=9_999, failing="150 failing")
    bar.tasks[0].start_time = bar.get_time() - 3700
    lines = console.render_lines(bar.get_renderable())
    assert ["".join(segment.text for segment in line).rstrip()[-4:] for line in lines] == ["left"]
