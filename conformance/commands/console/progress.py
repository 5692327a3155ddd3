"""What a run says while it goes on: a bar over its cases, with what is done and how many clauses fail."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Column

from conformance.commands.console.left import TimeLeft
from conformance.run.interruption import Interruption
from conformance.run.participants.participant import Participant
from conformance.run.run import Run
from conformance.run.verdicts import Judgement
from reports.records import statuses
from reports.views.enumeration import first_of

#: Columns for a short bar, the count and the times.
NUMBERS = 56


class Progress:
    """A progress bar over the cases of a run, with what is being done; plain lines where there is no terminal.

    What fails is only counted: the clause that is judged first seldom names the cause. The end of the run does.
    """

    def __init__(self, run: Run, interruption: Interruption, console: Console) -> None:
        self._run = run
        self._interruption = interruption
        self._console = console
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[failing]}", style="bold red", markup=False),
            BarColumn(),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(table_column=Column(no_wrap=True)),
            TimeLeft(table_column=Column(no_wrap=True)),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._done: dict[tuple[tuple[str, str], str], int] = {}
        self._announced: set[tuple[str, str]] = set()
        self._failing = 0

    def __enter__(self) -> Progress:
        self._run.on_progress(self._advance, self._begin)
        self._bar.start()
        self._task = self._bar.add_task("starting", total=self._run.total_cases(), failing="")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def tell(self, judgement: Judgement) -> None:
        """Count a clause that fails, over all subjects and modes."""
        if statuses.of(judgement.verdict).breaks:
            self._failing += 1
            self._bar.update(self._task, failing=f"{self._failing} failing")

    def _advance(self, participant: Participant, family: str, done: int) -> None:
        self._interruption.check()
        self._done[participant.key, family] = done
        at = self._run.exploring or [(participant, family)]
        each = [f"{who}: {what}" for who, what in at]
        told = ", ".join(each)
        if len(each) > 1 and len(told) > self._room:
            told = first_of(each, 1)
        self._tell_at(told, completed=sum(self._done.values()))

    @property
    def _room(self) -> int:
        """The columns that are left for what is being done."""
        return max(10, self._console.width - NUMBERS)

    def _tell_at(self, told: str, completed: float | None = None) -> None:
        """Say what is being done, as far as it leaves room for the numbers."""
        told = told if len(told) <= self._room else f"{told[: self._room - 1]}…"
        self._bar.update(self._task, completed=completed, description=told)

    def announce(self, participant: Participant) -> None:
        """Say whose turn it is, where there is no bar that shows it."""
        if not self._console.is_terminal and participant.key not in self._announced:
            self._announced.add(participant.key)
            self._console.print(f"running {participant}")

    def _begin(self, participant: Participant, phase: str) -> None:
        self._interruption.check()
        self._tell_at(f"{participant}: {phase}")
