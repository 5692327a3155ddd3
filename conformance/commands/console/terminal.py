"""What reaches the terminal: text of subjects and records shows its control characters, never sends them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from reports.outputs.blocks import UNLIMITED, paragraph
from reports.records.unseen import shown


class Terminal(Console):
    """A console that prints text as it is: no markup in it, no highlighting, nothing unseen.

    Styles are given beside the text. Everything that prints to a terminal prints through one of these, or
    through `shown`. Into a file or a pipe each line is written whole, so that it can be searched. A terminal gets
    no escape codes, and so no progress bar, where ``NO_COLOR`` is set or ``TERM`` is ``dumb``.
    """

    def __init__(self, **settings: Any) -> None:
        settings = {"highlight": False, "markup": False, "emoji": False, **settings}
        super().__init__(**settings)
        if not self.is_terminal:
            self.width = UNLIMITED
        elif os.environ.get("NO_COLOR") or self.is_dumb_terminal:
            super().__init__(**settings, force_terminal=False, color_system=None)

    def told(
        self, text: str, *, indent: int = 0, hanging: int = 0, style: str | None = None
    ) -> None:
        """Print a sentence, broken between words where the screen ends.

        All lines are indented, those after the first by `hanging` more.
        """
        for line in paragraph(shown(text), indent=indent, hanging=hanging, width=self.width):
            self.print(line, style=style, soft_wrap=True)

    def render_str(self, text: str, **settings: Any) -> Text:
        """Return the text to be printed; rich measures and prints no other."""
        return super().render_str(shown(text), **settings)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield what is printed: rich's own control codes as they are, all text shown."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))
