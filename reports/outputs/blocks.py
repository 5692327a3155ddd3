"""Planes of numbers and labelled text as lines, no wider than what they are printed on."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Sequence

from reports.pictures.heatmap import short_number
from reports.records.values import Array, shape_text

#: The width of what is no screen: nothing is broken, nothing cut.
UNLIMITED = 100_000
#: Larger planes are cut to this many rows and columns.
_LARGEST = (16, 12)
#: Blanks between two blocks.
_GAP = 4
#: No text is broken into lines shorter than this.
_LEAST = 20


def paragraph(text: str, *, indent: int = 0, hanging: int = 0, width: int = UNLIMITED) -> list[str]:
    """Break a text between words; lines after the first are indented by `hanging` more.

    Blanks inside the text stay, and so do its own line ends. A word that is longer than a line is not broken.
    """
    begin, further = " " * indent, " " * (indent + hanging)
    room = max(_LEAST + indent + hanging, width)
    found: list[str] = []
    for line in text.splitlines() or [""]:
        found += textwrap.wrap(
            line,
            room,
            initial_indent=further if found else begin,
            subsequent_indent=further,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
        ) or [""]
    return found


def labelled(
    label: str, text: str, *, column: int, indent: int = 0, width: int = UNLIMITED
) -> list[str]:
    """Put a text behind its label; all of its lines begin at the same column."""
    return paragraph(
        f"{label:<{column}}{text}", indent=indent, hanging=column, width=width
    )  # fmt: skip


def plane(
    title: str,
    values: Array,
    *,
    marks: Collection[tuple[int, int]] = (),
    focus: tuple[int, int] | None = None,
    box: tuple[int, int, int, int] | None = None,
    width: int = UNLIMITED,
) -> list[str]:
    """Return a plane of numbers as lines: its title, a ruler, and its rows.

    Args:
        title: the first line.
        values: (rows, columns).
        marks: positions that get a star.
        focus: a position that a large plane is cut around; default: the first mark.
        box: first row, first column, rows and columns of a part that is framed.
        width: how many characters a line may have.
    """
    focus = min(marks) if focus is None and marks else focus or (0, 0)
    rows = _window(values.shape[0], _LARGEST[0], focus[0])
    columns = _window(values.shape[1], _LARGEST[1], focus[1])
    margin = len(str(max(rows.stop - 1, 0)))
    texts = _texts(values, rows, columns)
    cell = _cell(texts, columns)
    room = (width - margin - 2) // (cell + (box is not None))
    if room < len(columns):
        columns = _window(values.shape[1], max(1, room), focus[1])
        texts = _texts(values, rows, columns)
    top, left, height, breadth = box or (0, 0, 0, 0)
    inside = range(max(left, columns.start), min(left + breadth, columns.stop))
    shown = range(max(top, rows.start), min(top + height, rows.stop))
    framed = bool(inside) and bool(shown)

    def line(head: str, cells: Sequence[str], sides: str) -> str:
        text = head.rjust(margin) + " "
        for place in range(columns.start, columns.stop + 1):
            if framed and place in (inside.start, inside.stop):
                text += sides[0] if place == inside.start else sides[-1]
            elif framed:
                text += sides[1] if place in inside and len(sides) > 2 else " "
            if place < columns.stop:
                text += cells[place - columns.start]
        return text.rstrip()

    def edge(sides: str) -> str:
        return line("", [("─" if place in inside else " ") * cell for place in columns], sides)

    lines = paragraph(title, width=width)
    lines.append(line("", [f"{place:>{cell - 1}} " for place in columns], "  "))
    for row, row_texts in zip(rows, texts):
        if framed and row == shown.start:
            lines.append(edge("┌─┐"))
        cells = [
            f"{text:>{cell - 1}}{'*' if (row, column) in marks else ' '}"
            for column, text in zip(columns, row_texts)
        ]
        lines.append(line(str(row), cells, "││" if row in shown else "  "))
        if framed and row == shown.stop - 1:
            lines.append(edge("└─┘"))
    if (len(rows), len(columns)) != values.shape:
        part = (
            f"rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1}"
        )
        lines += paragraph(f"({part} of {shape_text(values.shape)})", width=width)
    return lines


def _window(size: int, most: int, focus: int) -> range:
    """Return which rows, or columns, are shown: those around `focus`."""
    first = max(0, min(focus - most // 2, size - most))
    return range(first, min(size, first + most))


def _texts(values: Array, rows: range, columns: range) -> list[list[str]]:
    return [[short_number(float(values[row, column])) for column in columns] for row in rows]


def _cell(texts: Sequence[Sequence[str]], columns: range) -> int:
    return max([len(text) for row in texts for text in row] + [len(str(columns.stop))]) + 2


def beside(first: Sequence[str], second: Sequence[str], width: int = UNLIMITED) -> Iterator[str]:
    """Put two blocks of lines side by side, or below each other where the width does not do."""
    place = max(map(len, first), default=0) + _GAP
    if place + max(map(len, second), default=0) > width:
        yield from (*first, "", *second)
        return
    height = max(len(first), len(second))
    left = [*first, *[""] * (height - len(first))]
    right = [*second, *[""] * (height - len(second))]
    yield from (f"{one:<{place}}{other}".rstrip() for one, other in zip(left, right))
