"""What reaches the terminal: text of subjects and records shows its control characters, never sends them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from reports.records.unseen import shown

#: Columns of what is no terminal: nothing is wrapped.
UNLIMITED = 100_000


class Terminal(Console):
    """A console that prints text as it is: no markup in it, no highlighting, nothing unseen.

    Styles are given beside the text. Everything that prints to a terminal prints through one of these, or
    through `shown`. Into a file or a pipe each line is written whole, so that it can be searched.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **settings)
        if not self.is_terminal:
            self.width = UNLIMITED

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return the text to be printed; rich measures and prints no other."""
        return super().render_str(shown(text), **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed: rich's own control codes as they are, all text shown."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))
