"""How long a run will still take, at the rate that it has had since it began."""

from __future__ import annotations

from rich.progress import ProgressColumn, Task
from rich.text import Text


class TimeLeft(ProgressColumn):
    """The time that is left, by the cases done in all the time so far.

    It goes on while no case is run: shrinking and diagnosing take their time, and so will those to come.
    """

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        """Return the time left in minutes and seconds; nothing before the first case."""
        if not task.total or not task.completed or task.elapsed is None:
            return Text("")
        if task.completed >= task.total:
            return Text("finishing", style="progress.remaining")
        seconds = round(task.elapsed * (task.total - task.completed) / task.completed)
        return Text(f"about {seconds // 60}:{seconds % 60:02} left", style="progress.remaining")
