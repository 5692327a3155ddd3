"""The findings of a run under their causes, each with its case in words and its pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from markupsafe import Markup

from reports.pictures import figures, gauge, picture
from reports.pictures.figures import Comparison, Panel
from reports.pictures.picture import Picture
from reports.records import statuses
from reports.records.record import Clause, Finding, Record, Subject
from reports.records.statuses import Status
from reports.records.values import Tensor, Unreadable, decode, is_error, is_tensor, words_of
from reports.views import cases, causes
from reports.views.cases import Argument, Step
from reports.views.conclusions.scopes import by_scope
from reports.views.enumeration import first_of
from reports.views.errata import subject_name
from reports.views.matrix import Cell, Matrix

#: Pictures that stand in the page, those of causes, may take this many characters; all others are packed: the
#: script draws them when they are looked at.
PICTURE_BUDGET = 250_000
#: So many characters are packed, to about a fifth; findings after that go without pictures.
PACKED_BUDGET = 4_000_000
#: So many causes are told at the head of a page of several subjects.
LEADING = 6
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
    """A finding as the page shows it.

    `excuse` is the stated reason of one that is excused; `note` what else is to be said of the verdict; `same_as`
    the number of an earlier finding that is about the same step of the same case, and shows it; `is_packed` says
    that the script draws it.
    """

    number: int
    finding: Finding
    clause: Clause
    subject: str
    status: Status
    excuse: str | None
    note: str | None
    same_as: int | None
    arguments: tuple[Argument, ...]
    steps: tuple[Step, ...]
    call: str
    picture: Picture | None
    inputs: tuple[Panel, ...]
    comparisons: tuple[Comparison, ...]
    is_packed: bool
    pictures_left_out: bool
    expected: str | None
    got: str | None
    got_error: bool
    gauge: Gauge | None
    tensors: tuple[FullTensor, ...]


@attrs.frozen(eq=False)
class Cause:
    """What is behind some findings of a subject, as the page shows it (see `reports.views.causes`).

    `clauses` are the ids of those that it breaks, in the page's order, as `others` are.
    """

    number: int
    subject: str
    title: str
    known: str
    kind: str
    smallest: Entry
    others: tuple[Entry, ...]
    clauses: tuple[str, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All findings of the cause."""
        return (self.smallest, *self.others)

    @property
    def size(self) -> int:
        """How many findings it explains."""
        return len(self.entries)

    @property
    def named(self) -> str:
        """The first clauses that it breaks, the others counted; of an undiagnosed one what it is about."""
        if len(self.clauses) == 1 and not self.smallest.finding.diagnosis:
            return f"{self.clauses[0]}: {self.smallest.clause.title}"
        return first_of(self.clauses, 4)


@attrs.frozen(eq=False)
class Group:
    """The causes of a subject: those that are shown, those that are folded, and the clauses of these in words."""

    subject: str
    shown: tuple[Cause, ...]
    rest: tuple[Cause, ...]
    clauses: str


@attrs.frozen(eq=False)
class Found:
    """The findings of a record: by their causes, and those that are excused apart.

    `unexplained` counts those whose search for a diagnosis was given up, and whose cause has none.
    """

    groups: tuple[Group, ...]
    excused: tuple[Entry, ...]
    unexplained: int

    @property
    def causes(self) -> tuple[Cause, ...]:
        """All causes, in the order of their numbers."""
        return tuple(cause for group in self.groups for cause in (*group.shown, *group.rest))

    @property
    def leading(self) -> list[Cause]:
        """The causes to be told first: of one subject those that are shown, of several the first of each."""
        first = {cause.subject: cause for cause in reversed(self.causes)}
        if len(first) == 1:
            return [*self.causes[: causes.SHOWN]]
        return [cause for cause in self.causes if first[cause.subject] is cause][:LEADING]

    @property
    def subjects(self) -> list[str]:
        """The subjects that have causes, in the record's order."""
        return list(dict.fromkeys(cause.subject for cause in self.causes))


def collect(record: Record, matrix: Matrix) -> Found:
    """Lay out the findings, numbered from 1 in the record's order, under their causes."""
    clauses = {row.clause.id: row.clause for row in matrix.rows}
    subjects = {column.subject.key: column.subject for column in matrix.columns}
    cells = {
        (row.clause.id, cell.column.subject.key): cell for row in matrix.rows for cell in row.cells
    }
    numbered = dict(enumerate(record.findings, start=1))
    excused = [
        number
        for number, finding in numbered.items()
        if cells[finding.clause, (finding.subject, finding.mode)].status.key == "excused"
    ]
    wrong = {number: finding for number, finding in numbered.items() if number not in excused}
    grouped = causes.group(wrong, clauses)
    # The smallest case of every cause has its pictures, whatever the others leave room for.
    leading = [one.smallest for one in grouped]
    entries: dict[int, Entry] = {}
    shown: dict[tuple[object, ...], int] = {}
    budgets = {False: PICTURE_BUDGET, True: PACKED_BUDGET}
    for number in dict.fromkeys([*leading, *wrong, *excused]):
        finding = numbered[number]
        key = (finding.subject, finding.mode)
        what = (*key, str(finding.case.get("id") or number), finding.step, str(finding.got))
        entry = _entry(
            number,
            finding,
            clauses[finding.clause],
            subjects.get(key, Subject(*key)),
            cells[finding.clause, key],
            same_as=shown.get(what) if number not in leading else None,
            with_pictures=budgets[True] > 0,
            is_packed=(is_packed := number not in leading or budgets[False] <= 0),
            in_full=number in leading,
        )
        size = sum(len(panel.svg) for panel in _panels(entry)) + len(entry.picture or "")
        budgets[is_packed] -= size
        entries[number] = entry
        shown.setdefault(what, number)
    place_of = {clause: place for place, clause in enumerate(clauses)}

    def in_order(numbers: Iterable[int]) -> list[int]:
        return sorted(numbers, key=lambda number: place_of[numbered[number].clause])

    of_subject: dict[str, list[Cause]] = {}
    for place, one in enumerate(grouped, start=1):
        made = Cause(
            number=place,
            subject=one.subject,
            title=one.title,
            known=one.known,
            kind=one.kind,
            smallest=entries[one.smallest],
            others=tuple(entries[number] for number in in_order(one.others)),
            clauses=tuple(dict.fromkeys(numbered[n].clause for n in in_order(one.numbers))),
        )
        of_subject.setdefault(one.subject, []).append(made)
    return Found(
        tuple(_group(subject, own, clauses) for subject, own in of_subject.items()),
        tuple(entries[number] for number in excused),
        causes.unexplained(grouped, wrong),
    )


def _group(subject: str, own: Sequence[Cause], clauses: Mapping[str, Clause]) -> Group:
    shown, rest = own[: causes.SHOWN], own[causes.SHOWN :]
    told = by_scope((clause for cause in rest for clause in cause.clauses), clauses)
    return Group(subject, tuple(shown), tuple(rest), told)


def _entry(
    number: int,
    finding: Finding,
    clause: Clause,
    subject: Subject,
    cell: Cell,
    *,
    same_as: int | None,
    with_pictures: bool,
    is_packed: bool,
    in_full: bool,
) -> Entry:
    case, step = finding.case, finding.step
    pairs = [] if same_as else figures.pairs(finding.expected, finding.got)
    comparisons: list[Comparison] = []
    inputs: list[Panel] = []
    drawing = None
    if with_pictures and pairs:
        comparisons = figures.compare(case, step, finding.expected, finding.got, finding.index)
        drawing = picture.of_case(case, step, finding.expected, finding.got, finding.index)
        if drawing is None:
            inputs = figures.inputs(case, step, finding.index)
    elif with_pictures and same_as is None and isinstance(finding.expected, list):
        drawing = picture.of_case(case, step, finding.expected, finding.got, None)  # a shape
    has_pictures = bool(pairs) or drawing is not None
    drawn = bool(comparisons) and all(len(one.panels) > 1 for one in comparisons)
    drawn = drawn and figures.only_tensors(finding.expected) and figures.only_tensors(finding.got)
    is_excuse = cell.status.key in ("excused", "stale")
    return Entry(
        number=number,
        finding=finding,
        clause=clause,
        subject=subject_name(subject),
        status=cell.status if is_excuse else statuses.status(finding.status),
        excuse=cell.reason if is_excuse else None,
        note=None if is_excuse else cell.reason,
        same_as=same_as,
        arguments=tuple(cases.arguments(case)),
        steps=tuple(cases.steps(case, step)),
        call=cases.summary(case),
        picture=drawing,
        inputs=tuple(inputs),
        comparisons=tuple(comparisons),
        is_packed=is_packed and with_pictures and has_pictures,
        pictures_left_out=bool(pairs) and not with_pictures,
        expected=None
        if drawn or finding.expected is None
        else words_of(finding.expected, finding.message),
        got=None if drawn or finding.got is None else words_of(finding.got, finding.message),
        got_error=is_error(finding.got),
        gauge=_gauge(finding),
        tensors=tuple(_full_tensors(finding)) if with_pictures and in_full else (),
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
