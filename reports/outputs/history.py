"""An index of many runs: for each subject how it went from run to run."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import attrs
from markupsafe import Markup, escape

from reports.outputs.page import document
from reports.outputs.writing import write_text
from reports.records.record import Record
from reports.views import matrix
from reports.views.changes import KINDS, Change, Precision, compare, precision
from reports.views.enumeration import first_of, how_many
from reports.views.matrix import Column

#: Clauses of a kind of change that are named; others are counted.
_NAMED = 4


@attrs.frozen(eq=False)
class Point:
    """One run of a subject; `page` is the address of its own page, None where there is none."""

    record: Record
    column: Column
    broken: int
    unjudged: int
    page: str | None


@attrs.frozen(eq=False)
class Trend:
    """The runs of one subject in one mode over one scope, oldest first, and what the newest one changed."""

    subject: str
    mode: str
    scope: str
    points: tuple[Point, ...]
    change: str

    @property
    def last(self) -> Point:
        """The newest run."""
        return self.points[-1]

    @property
    def badge(self) -> Markup:
        """A small picture of the newest run's verdict, to be used elsewhere."""
        point = self.last
        text = f"{point.column.passed}/{point.column.applicable}"
        colour = {"pass": "#0f7a43", "fail": "#b3261e"}.get(point.column.state, "#586170")
        return badge("Conv2DTranspose", text, colour)

    @property
    def chart(self) -> Markup:
        """The clauses that were judged, run by run: one bar each."""
        return _chart(self.points)


def trends(records: Sequence[Record], folder: Path | None = None) -> list[Trend]:
    """Return the trends of the subjects, those that are broken now first.

    Runs have the same scope where they have the same profile and the same number of clauses.

    Args:
        records: the runs, in any order.
        folder: where the index will be, for links to the pages beside the records.
    """
    found: dict[tuple[str, str, str], list[Point]] = {}
    for record in sorted(records, key=lambda one: one.header.started):
        for column in matrix.build(record).columns:
            judged = [(status, number) for status, number in column.tally]
            point = Point(
                record,
                column,
                sum(number for status, number in judged if status.breaks),
                sum(number for status, number in judged if status.unjudged),
                _page_of(record, folder),
            )
            key = (*column.subject.key, _scope(record))
            found.setdefault(key, []).append(point)
    # The subjects of a run share what it has changed.
    changes, drifts = functools.cache(compare), functools.cache(precision)
    made = []
    for (subject, mode, scope), points in found.items():
        change = "first run"
        if len(points) > 1:
            pair = points[-2].record, points[-1].record
            change = _told(subject, mode, changes(*pair), drifts(*pair))
        made.append(Trend(subject, mode, scope, tuple(points), change))
    return sorted(made, key=lambda one: (one.last.column.state == "pass", one.subject, one.mode))


def _told(subject: str, mode: str, changes: Sequence[Change], drifts: Sequence[Precision]) -> str:
    """Return in words what a run changed of one subject."""
    key = subject, mode
    told = []
    for kind, (heading, *_) in KINDS.items():
        clauses = [
            one.clause for one in changes if one.kind == kind and (one.subject, one.mode) == key
        ]
        if clauses:
            told.append(f"{heading.lower()}: {first_of(clauses, _NAMED)}")
    told += [
        f"{'less' if one.worse else 'more'} precise in {one.dtype} ({one.old:.3g} before, {one.new:.3g} now)"
        for one in drifts
        if (one.subject, one.mode) == key
    ]
    return "; ".join(told) or "as before"


def _scope(record: Record) -> str:
    header = record.header
    total = len(header.clauses)
    of = f" of {header.clauses_in_all}" if total < (header.clauses_in_all or 0) else ""
    return (
        f"profile {header.profile}, {total}{of} {'clause' if total == 1 and not of else 'clauses'}"
    )


def _page_of(record: Record, folder: Path | None) -> str | None:
    """Return the relative address of the page beside a record, None where there is none."""
    if not record.path or folder is None:
        return None
    page = Path(record.path).resolve().with_name("index.html")
    if not page.is_file():
        return None
    return quote(os.path.relpath(page, folder.resolve()).replace(os.sep, "/"))


def render_index(records: Sequence[Record], folder: Path | None = None) -> str:
    """Return the index of runs as HTML text that loads nothing from anywhere.

    Raises:
        ValueError: there is no record.
    """
    if not records:
        raise ValueError("an index needs at least one record")
    newest = max(records, key=lambda one: one.header.started)
    found = trends(records, folder)
    return document(
        "index.html.j2",
        newest,
        trends=found,
        runs=len(records),
        broken=[trend for trend in found if trend.last.column.state != "pass"],
    )


def write_index(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write the index of runs, whole or not at all; it links to the `index.html` beside each record.

    Raises:
        OSError: the folder is missing or cannot be written.
        ValueError: there is no record.
    """
    write_text(render_index(records, Path(path).parent), path)


def badge(label: str, text: str, colour: str) -> Markup:
    """Draw a badge whose colours are its own, so that it can be shown anywhere."""
    left, right = (7 * len(part) + 12 for part in (label, text))
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}: {escape(text)}" '
        f'width="{left + right}" height="20" font-family="Verdana,Geneva,sans-serif" font-size="11">'
        f'<rect width="{left}" height="20" fill="#444c56"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{colour}"/>'
        f'<text x="{left / 2:g}" y="14" fill="#fff" text-anchor="middle">{escape(label)}</text>'
        f'<text x="{left + right / 2:g}" y="14" fill="#fff" text-anchor="middle">{escape(text)}</text></svg>'
    )


_STEP, _HEIGHT, _SHOWN = 14, 40, 40


def _chart(points: Sequence[Point]) -> Markup:
    shown = points[-_SHOWN:]
    bars = []
    # The run that judged most is the highest; where clauses are lost, a bar is lower.
    most = max((p.column.passed + p.unjudged + p.broken for p in shown), default=0)
    total = max(most, 1)
    for place, point in enumerate(shown):
        y = float(_HEIGHT)
        for kind, number in (
            ("pass", point.column.passed),
            ("gaveup", point.unjudged),
            ("fail", point.broken),
        ):
            height = _HEIGHT * number / total
            # One broken clause among many must not vanish.
            height = max(height, 3.0) if number and kind != "pass" else height
            y = max(y - height, 0.0)
            bars.append(
                f'<rect class="f-{kind}" x="{place * _STEP}" y="{y:.1f}" width="{_STEP - 3}" '
                f'height="{height:.1f}"/>'
            )
    first, last = shown[0], shown[-1]
    label = (
        f"{how_many(len(shown), 'run')}: in the first, {first.column.passed} passed and {first.broken} broke; "
        f"in the last, {last.column.passed} and {last.broken}"
    )
    width = len(shown) * _STEP
    return Markup(
        f'<svg class="trend" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {_HEIGHT}" '
        f'width="{width}" height="{_HEIGHT}">{"".join(bars)}</svg>'
    )
