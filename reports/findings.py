"""The findings of a run, each with its case in words and its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from markupsafe import Markup

from reports import cases, figures, gauge, statuses
from reports.cases import Argument, Step
from reports.errata import subject_name
from reports.figures import Comparison, Panel
from reports.matrix import Matrix
from reports.record import Clause, Finding, Record, Subject
from reports.statuses import Status
from reports.values import Tensor, Unreadable, decode, is_error, is_tensor, words

#: Pictures of a page may take this many characters; later findings go without.
PICTURE_BUDGET = 3_000_000
#: Tensors with more elements than this show their corners only.
ELEMENTS_SHOWN = 1_500


@attrs.frozen(eq=False)
class Gauge:
    """A scaled error against its bound."""

    svg: Markup
    error: str
    bound: str
    ratio: str


@attrs.frozen(eq=False)
class FullTensor:
    """A tensor as text."""

    title: str
    summary: str
    text: str
    is_cut: bool


@attrs.frozen(eq=False)
class Entry:
    """A finding as the page shows it."""

    number: int
    finding: Finding
    clause: Clause
    subject: str
    status: Status
    arguments: tuple[Argument, ...]
    steps: tuple[Step, ...]
    call: str
    inputs: tuple[Panel, ...]
    comparisons: tuple[Comparison, ...]
    pictures_left_out: bool
    expected: str | None
    got: str | None
    got_error: bool
    gauge: Gauge | None
    tensors: tuple[FullTensor, ...]


@attrs.frozen(eq=False)
class Group:
    """Findings of one subject that say the same."""

    subject: str
    text: str
    entries: tuple[Entry, ...]


def group(entries: list[Entry]) -> list[Group]:
    """Put findings with the same diagnosis, or else message, together; the largest group first."""
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        text = entry.finding.diagnosis or entry.finding.message
        found.setdefault((entry.subject, text), []).append(entry)
    groups = [Group(subject, text, tuple(same)) for (subject, text), same in found.items()]
    return sorted(groups, key=lambda one: -len(one.entries))


def collect(record: Record, matrix: Matrix) -> list[Entry]:
    """Lay out the findings in the record's order, numbered from 1."""
    clauses = {row.clause.id: row.clause for row in matrix.rows}
    subjects = {column.subject.key: column.subject for column in matrix.columns}
    entries = []
    budget = PICTURE_BUDGET
    for number, finding in enumerate(record.findings, start=1):
        key = (finding.subject, finding.mode)
        entry = _entry(
            number, finding, clauses[finding.clause], subjects.get(key, Subject(*key)), budget > 0
        )
        budget -= sum(len(panel.svg) for panel in _panels(entry))
        entries.append(entry)
    return entries


def _entry(
    number: int, finding: Finding, clause: Clause, subject: Subject, with_pictures: bool
) -> Entry:
    case, step = finding.case, finding.step
    pairs = figures.pairs(finding.expected, finding.got)
    comparisons: list[Comparison] = []
    inputs: list[Panel] = []
    if with_pictures and pairs:
        comparisons = figures.compare(case, step, finding.expected, finding.got, finding.index)
        inputs = figures.inputs(case, step, finding.index)
    drawn = bool(comparisons) and all(len(one.panels) > 1 for one in comparisons)
    return Entry(
        number=number,
        finding=finding,
        clause=clause,
        subject=subject_name(subject),
        status=statuses.status(finding.status),
        arguments=tuple(cases.arguments(case)),
        steps=tuple(cases.steps(case, step)),
        call=cases.summary(case),
        inputs=tuple(inputs),
        comparisons=tuple(comparisons),
        pictures_left_out=bool(pairs) and not with_pictures,
        expected=None if drawn or finding.expected is None else words(finding.expected),
        got=None if drawn or finding.got is None else words(finding.got),
        got_error=is_error(finding.got),
        gauge=_gauge(finding),
        tensors=tuple(_full_tensors(finding)) if with_pictures else (),
    )


def _panels(entry: Entry) -> Iterator[Panel]:
    yield from entry.inputs
    for comparison in entry.comparisons:
        yield from comparison.panels


def _gauge(finding: Finding) -> Gauge | None:
    error, bound = finding.scaled_error, finding.bound
    if error is None or bound is None:
        return None
    return Gauge(
        gauge.draw(error, bound), gauge.text(error), gauge.text(bound), gauge.ratio(error, bound)
    )


def _full_tensors(finding: Finding) -> Iterator[FullTensor]:
    for title, value in (("expected", finding.expected), ("got", finding.got)):
        yield from _tensors(title, value)
    steps = finding.case.get("steps")
    for data in steps if isinstance(steps, list) else []:
        if isinstance(data, Mapping):
            for key, value in data.items():
                yield from _tensors(f"{data.get('do', 'step')}: {key}".replace("_", " "), value)


def _tensors(title: str, value: Any) -> Iterator[FullTensor]:
    if is_tensor(value):
        decoded = decode(value)
        if isinstance(decoded, Unreadable):
            yield FullTensor(title, "cannot be read", decoded.reason, False)
        elif isinstance(decoded, Tensor):
            is_cut = decoded.array.size > ELEMENTS_SHOWN
            yield FullTensor(title, decoded.summary, decoded.text(ELEMENTS_SHOWN), is_cut)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _tensors(f"{title} [{place}]", item)
    elif isinstance(value, Mapping) and not is_error(value):
        for key, item in value.items():
            yield from _tensors(f"{title} {key}", item)
