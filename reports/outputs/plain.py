"""Causes, findings and worked examples as plain text, for a terminal, in the words of the page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import attrs
import numpy as np

from reports.pictures import figures, picture, planes, stamps
from reports.pictures.figures import Pair
from reports.pictures.heatmap import short_number
from reports.pictures.stamps import Stamps
from reports.records.record import Clause, Finding, Record
from reports.records.values import Array, shape_text, words
from reports.views import cases, causes, matrix
from reports.views.causes import Cause
from reports.views.enumeration import first_of, how_many

#: Clauses that a cause names; further ones are counted.
CLAUSES_NAMED = 4
#: Larger planes are cut to this many rows and columns around the element in question.
_LARGEST = (16, 12)
#: A line of a list is cut after so many characters; `explain` shows everything.
_LINE = 160
#: What is wrong may take more, as it is the point.
_TITLE = 240


@attrs.frozen(eq=False)
class Told:
    """A cause in lines of text: what is wrong, which clauses it breaks, and the smallest case of it.

    `number` is the one that the page has for it.
    """

    number: int
    cause: Cause
    title: str
    clauses: tuple[str, ...]
    breaks: str
    call: str
    message: str


def tell_causes(record: Record) -> list[Told]:
    """Return what is behind the findings of a record that are not excused, as `reports.views.causes` orders it."""
    clauses = _clauses(record)
    numbered = _not_excused(record)
    order = [row.clause.id for row in matrix.build(record).rows]
    told = []
    for number, cause in enumerate(causes.group(numbered, clauses), start=1):
        smallest = numbered[cause.smallest]
        broken = sorted({numbered[one].clause for one in cause.numbers}, key=order.index)
        title = f"{cause.title} ({cause.known})" if cause.known else cause.title
        message = "" if smallest.message.lower() == title.lower() else smallest.message
        told.append(
            Told(
                number,
                cause,
                _one_line(title, _TITLE),
                tuple(broken),
                _breaks(broken, clauses),
                _one_line(cases.asked(smallest.case, smallest.step)),
                _one_line(message),
            )
        )
    return told


def unexplained(record: Record) -> int:
    """Count the findings whose search for a diagnosis was given up, and whose cause has none from another one."""
    numbered = _not_excused(record)
    return causes.unexplained(causes.group(numbered, _clauses(record)), numbered)


def _clauses(record: Record) -> Mapping[str, Clause]:
    return {clause.id: clause for clause in record.header.clauses}


def _not_excused(record: Record) -> Mapping[int, Finding]:
    """Return the findings by their numbers, without those that are excused."""
    excused = {
        (verdict.clause, verdict.subject, verdict.mode)
        for verdict in record.verdicts
        if verdict.status == "excused"
    }
    return {
        number: finding
        for number, finding in enumerate(record.findings, start=1)
        if (finding.clause, finding.subject, finding.mode) not in excused
    }


def _breaks(broken: Sequence[str], clauses: Mapping[str, Clause]) -> str:
    """Name the clauses; a single one with its title."""
    title = clauses[broken[0]].title if len(broken) == 1 and broken[0] in clauses else ""
    return _one_line(f"{breaks(broken)}: {title}" if title else breaks(broken))


def breaks(clauses: Sequence[str]) -> str:
    """Name the first clauses and count the others: ``PAD-01, PAD-02 and 3 more``."""
    return first_of(clauses, CLAUSES_NAMED) if clauses else ""


def explain_finding(finding: Finding, clause: Clause | None) -> Iterator[str]:
    """Yield the lines that explain a finding: what is wrong, the case, the picture, and a script."""
    yield f"{finding.clause} on {finding.subject} {finding.mode}".rstrip()
    if clause is not None:
        yield f"  {clause.title}"
    yield ""
    if finding.diagnosis:
        yield f"diagnosis  {finding.diagnosis}"
    yield f"message    {finding.message}"
    if finding.bound == 0:
        yield "error      none is allowed: the inputs are integers, so any difference is a bug"
    elif finding.scaled_error is not None and finding.bound is not None:
        yield f"error      {finding.scaled_error:.3g} times the rounding unit; {finding.bound:.3g} is allowed"
    yield f"layer      {cases.summary(finding.case)}"
    for step in cases.steps(finding.case, finding.step):
        yield f"{'step  ->' if step.is_culprit else 'step'}".ljust(11) + step.text
    yield ""
    drawn = picture.of_case(
        finding.case, finding.step, finding.expected, finding.got, finding.index
    )
    found = stamps.of_case(finding.case, finding.step)
    if drawn is not None and found is not None:
        yield from _stamped(found, drawn)
        yield ""
    yield from _compared(finding)
    if finding.script:
        yield "reproduce:"
        yield from ("    " + line for line in finding.script.rstrip().splitlines())


def explain_clause(clause: Clause) -> Iterator[str]:
    """Yield the lines that explain a clause: the page's sentence, the norm, and the worked example."""
    yield f"{clause.id}  {clause.title}"
    lines = (
        ("scope", clause.scope + (" (must pass)" if clause.must else "")),
        ("agreement", ", ".join(clause.agreement)),
        ("page", clause.page or "(silent)"),
        ("norm", clause.norm),
        ("example", clause.example),
        ("claim", clause.erratum.claim if clause.erratum else None),
        ("deviation", f"{clause.deviation.what} {clause.deviation.reason}" if clause.deviation else None),
        ("untestable", clause.untestable),
        ("checks", ", ".join(clause.checks)),
    )  # fmt: skip
    for label, text in lines:
        if text:
            yield f"  {label:<10} {text}"
    drawn = picture.of_example(clause.picture)
    found = stamps.of_example(clause.picture) if clause.picture is not None else None
    if drawn is not None and found is not None:
        yield ""
        yield from _stamped(found, drawn)
    if clause.erratum is not None and clause.erratum.script:
        yield ""
        yield "the page's sentence, shown wrong:"
        yield from ("    " + line for line in clause.erratum.script.strip().splitlines())


def _stamped(found: Stamps, drawn: picture.Picture) -> Iterator[str]:
    """Yield input, kernel and canvas as planes of numbers, and the sum of the element in question."""
    element = drawn.element
    image, row, column, filter_ = element
    at = row + found.rows.before, column + found.columns.before
    terms = found.terms(image, *at, filter_)
    channels = range(min(found.images.shape[3], picture.CHANNELS_SHOWN))
    for channel in channels:
        note = f", channel {channel}" if found.images.shape[3] > 1 else ""
        yield from beside(
            plane(
                f"input{note}",
                found.images[image, :, :, channel],
                marks={(term.row, term.column) for term in terms},
            ),
            plane(
                f"kernel{note}",
                found.kernel[:, :, filter_, channel],
                marks={(term.tap_row, term.tap_column) for term in terms},
            ),
        )
        yield ""
    left = found.images.shape[3] - len(channels)
    if left:
        yield f"({how_many(left, 'more channel')})"
    rows, columns = found.rows, found.columns
    yield from plane(
        "canvas: each input number adds its multiple of the kernel; the box is the output",
        found.canvas[image, :, :, filter_],
        marks={at},
        box=(rows.before, columns.before, rows.output, columns.output),
    )
    yield ""
    yield drawn.place
    yield from (f"    {term}" for term in drawn.terms)
    if drawn.more:
        yield f"    and {how_many(drawn.more, 'more product')}"
    yield f"    {drawn.total}"
    if drawn.window:
        yield drawn.window


def _compared(finding: Finding) -> Iterator[str]:
    """Yield expected and got: each pair of tensors side by side, everything else in words."""
    pairs = figures.pairs(finding.expected, finding.got)
    drawable = [pair for pair in pairs if pair.expected is not None and pair.got is not None]
    for pair in drawable:
        yield from _side_by_side(finding, pair)
        yield ""
    if not drawable:
        for label, value in (("expected", finding.expected), ("got", finding.got)):
            if value is not None:
                yield f"{label:<10} {words(value)}"
        yield ""


def _side_by_side(finding: Finding, pair: Pair) -> Iterator[str]:
    assert pair.expected is not None
    assert pair.got is not None
    expected, got = pair.expected.array, pair.got.array
    axes = [
        planes.axes_of(array.shape, finding.case, finding.step, pair.name)
        for array in (expected, got)
    ]
    delta = planes.difference(pair.expected, pair.got) if expected.shape == got.shape else None
    at = (
        finding.index if finding.index is not None and len(finding.index) == expected.ndim else None
    )
    if delta is not None and (at is None or not np.all(np.array(at) < expected.shape)):
        at = planes.worst(delta)
    at = at or (0,) * expected.ndim
    marks: set[tuple[int, int]] = set()
    if delta is not None:
        shown = np.abs(planes.plane(delta, axes[0], at))
        # Rounding is no fault beside something that is wrong outright.
        wrong = np.isnan(shown) | (shown > np.nanmax(shown, initial=0.0) / 1000)
        marks = {(int(row), int(column)) for row, column in zip(*np.nonzero(wrong))}
    name = f"{pair.name}: " if pair.name else ""
    notes = [one.fixed(at) for one in axes]
    first, second = (
        f"{title} ({note})" if note else title for title, note in zip(("expected", "got"), notes)
    )
    if expected.size and got.size:
        left = plane(name + first, planes.plane(expected, axes[0], at))
        clamped = tuple(min(place, size - 1) for place, size in zip(at, got.shape))
        star = "; * differs" if marks else ""
        yield from beside(
            left, plane(second + star, planes.plane(got, axes[1], clamped), marks=marks)
        )
    if expected.shape != got.shape or not expected.size:
        yield f"{name}expected {pair.expected.summary}, got {pair.got.summary}"


def plane(
    title: str,
    values: Array,
    *,
    marks: Collection[tuple[int, int]] = (),
    box: tuple[int, int, int, int] | None = None,
) -> list[str]:
    """Return a plane of numbers as lines: its title, a ruler, and its rows.

    Args:
        title: the first line.
        values: (rows, columns).
        marks: positions that get a star.
        box: first row, first column, rows and columns of a part that is framed.
    """
    height, width = min(values.shape[0], _LARGEST[0]), min(values.shape[1], _LARGEST[1])
    texts = [[short_number(float(value)) for value in row[:width]] for row in values[:height]]
    cell = max([len(text) for row in texts for text in row] + [len(str(width))], default=1) + 2
    margin = len(str(max(height - 1, 0)))
    top, left, rows, columns = box or (0, 0, -1, -1)
    framed = rows > 0 and columns > 0 and left < width and top < height
    right, bottom = min(left + columns, width), min(top + rows, height)

    def line(head: str, cells: Sequence[str], sides: str) -> str:
        text = head.rjust(margin) + " "
        for place in range(width + 1):
            if framed and place in (left, right):
                text += sides[0] if place == left else sides[-1]
            elif framed:
                text += sides[1] if left < place < right and len(sides) > 2 else " "
            if place < width:
                text += cells[place]
        return text.rstrip()

    def edge(sides: str) -> str:
        inside = [("─" if left <= place < right else " ") * cell for place in range(width)]
        return line("", inside, sides)

    lines = [title, line("", [f"{place:>{cell - 1}} " for place in range(width)], "  ")]
    for row, row_texts in enumerate(texts):
        if framed and row == top:
            lines.append(edge("┌─┐"))
        cells = [
            f"{text:>{cell - 1}}{'*' if (row, column) in marks else ' '}"
            for column, text in enumerate(row_texts)
        ]
        lines.append(line(str(row), cells, "││" if framed and top <= row < bottom else "  "))
        if framed and row == bottom - 1:
            lines.append(edge("└─┘"))
    if (height, width) != values.shape:
        lines.append(f"(the first {height} by {width} of {shape_text(values.shape)})")
    return lines


def beside(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Put two blocks of lines side by side."""
    width = max(map(len, first), default=0) + 4
    height = max(len(first), len(second))
    left = [*first, *[""] * (height - len(first))]
    right = [*second, *[""] * (height - len(second))]
    return [f"{one:<{width}}{other}".rstrip() for one, other in zip(left, right)]


def _one_line(text: str, most: int = _LINE) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def by_subject(told: Sequence[Told]) -> Mapping[str, list[Told]]:
    """Return the causes under their subjects, in their order."""
    found: dict[str, list[Told]] = {}
    for one in told:
        found.setdefault(one.cause.subject, []).append(one)
    return found
