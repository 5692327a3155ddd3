"""Causes, findings and worked examples as plain text, for a terminal, in the words of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np

from reports.outputs.blocks import UNLIMITED, beside, labelled, paragraph, plane
from reports.pictures import figures, picture, planes, stamps
from reports.pictures.figures import Pair
from reports.pictures.stamps import Stamps
from reports.records.record import Clause, Finding, Record
from reports.records.values import as_tensor, words_of
from reports.views import cases, causes, matrix
from reports.views.causes import Cause
from reports.views.enumeration import first_of, how_many

#: Clauses that a cause names; further ones are counted.
CLAUSES_NAMED = 4
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
        message = "" if smallest.message.lower() in title.lower() else smallest.message
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
    named = first_of(broken, CLAUSES_NAMED)
    return _one_line(f"{named}: {title}" if title else named)


def explain_finding(
    finding: Finding, clause: Clause | None, width: int = UNLIMITED
) -> Iterator[str]:
    """Yield the lines that explain a finding: what is wrong, the case, the picture, and a script.

    Only the script may be wider than `width`: it is copied.
    """

    def told(label: str, text: str) -> list[str]:
        return labelled(label, text, column=11, width=width)

    yield f"{finding.clause} on {finding.subject} {finding.mode}".rstrip()
    if clause is not None:
        yield from paragraph(clause.title, indent=2, width=width)
    yield ""
    if finding.diagnosis:
        yield from told("diagnosis", finding.diagnosis)
    yield from told("message", finding.message)
    if finding.bound == 0:
        yield from told(
            "error", "none is allowed: the inputs are integers, so any difference is a bug"
        )
    elif finding.scaled_error is not None and finding.bound is not None:
        error, bound = f"{finding.scaled_error:.3g}", f"{finding.bound:.3g}"
        yield from told("error", f"{error} times the rounding unit; {bound} is allowed")
    yield from told("layer  ->" if finding.step is None else "layer", cases.summary(finding.case))
    for step in cases.steps(finding.case, finding.step):
        yield from told("step  ->" if step.is_culprit else "step", step.text)
    yield ""
    drawn = picture.of_case(
        finding.case, finding.step, finding.expected, finding.got, finding.index
    )
    found = stamps.of_case(finding.case, finding.step)
    if drawn is not None and found is not None:
        yield from _stamped(found, drawn, width)
        yield ""
    yield from _output_gradient(finding, width)
    yield from _compared(finding, width)
    if finding.script:
        yield "reproduce:"
        yield from ("    " + line for line in finding.script.rstrip().splitlines())


def explain_clause(clause: Clause, width: int = UNLIMITED) -> Iterator[str]:
    """Yield the lines that explain a clause: the page's sentence, the norm, and the worked example.

    Only the script of an erratum may be wider than `width`: it is copied.
    """
    yield from labelled(clause.id, clause.title, column=len(clause.id) + 2, width=width)
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
            yield from labelled(label, text, column=11, indent=2, width=width)
    drawn = picture.of_example(clause.picture)
    found = stamps.of_example(clause.picture) if clause.picture is not None else None
    if drawn is not None and found is not None:
        yield ""
        yield from _stamped(found, drawn, width)
    if clause.erratum is not None and clause.erratum.script:
        yield ""
        yield "the page's sentence, shown wrong:"
        yield from ("    " + line for line in clause.erratum.script.strip().splitlines())


def _stamped(found: Stamps, drawn: picture.Picture, width: int) -> Iterator[str]:
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
                width=width,
            ),
            plane(
                f"kernel{note}",
                found.kernel[:, :, filter_, channel],
                marks={(term.tap_row, term.tap_column) for term in terms},
                width=width,
            ),
            width,
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
        width=width,
    )
    yield ""
    yield from paragraph(drawn.place, width=width)
    for term in drawn.terms:
        yield from paragraph(term, indent=4, hanging=2, width=width)
    if drawn.more:
        yield f"    and {how_many(drawn.more, 'more product')}"
    if not drawn.terms:
        yield "    no stamp reaches it"
    yield from paragraph(drawn.total, indent=4, width=width)
    if drawn.window:
        yield from paragraph(drawn.window, width=width)


def _output_gradient(finding: Finding, width: int) -> Iterator[str]:
    """Yield the gradient of the output that a step is given, plane by plane; nothing where it has none."""
    current = planes.current_step(finding.case, finding.step) or {}
    given = as_tensor(current.get("output_gradient"))
    if given is None or given.array.ndim != 4 or not given.array.size:
        return
    axes = planes.axes_of(given.array.shape, finding.case, None)
    for at in figures.gradient_places(given, finding.case, finding.index):
        cut = planes.plane(given.array, axes, at)
        yield from plane(f"output gradient, {axes.fixed(at)}", cut, width=width)
        yield ""


def _compared(finding: Finding, width: int) -> Iterator[str]:
    """Yield expected and got: each pair of tensors side by side, everything else in words."""
    pairs = figures.pairs(finding.expected, finding.got)
    drawable = [pair for pair in pairs if pair.expected is not None and pair.got is not None]
    for pair in drawable:
        yield from _side_by_side(finding, pair, width)
        yield ""
    if not drawable:
        for label, value in (("expected", finding.expected), ("got", finding.got)):
            if value is not None:
                yield from labelled(label, words_of(value, finding.message), column=11, width=width)
        yield ""


def _side_by_side(finding: Finding, pair: Pair, width: int) -> Iterator[str]:
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
        focus = min(marks, default=None)
        left = planes.plane(expected, axes[0], at)
        clamped = tuple(min(place, size - 1) for place, size in zip(at, got.shape))
        right = planes.plane(got, axes[1], clamped)
        star = "; * differs" if marks else ""
        yield from beside(
            plane(name + first, left, focus=focus, width=width),
            plane(second + star, right, marks=marks, focus=focus, width=width),
            width,
        )
    if expected.shape != got.shape or not expected.size:
        text = f"{name}expected {pair.expected.summary}, got {pair.got.summary}"
        yield from paragraph(text, width=width)


def _one_line(text: str, most: int = _LINE) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def by_subject(told: Sequence[Told]) -> Mapping[str, list[Told]]:
    """Return the causes under their subjects, in their order."""
    found: dict[str, list[Told]] = {}
    for one in told:
        found.setdefault(one.cause.subject, []).append(one)
    return found
