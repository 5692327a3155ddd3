"""The appendix on the suite's own strength: known mistakes, and how soon each is caught."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import Collection, Sequence

import attrs

from reports.records.lines import Line, load_json, short
from reports.records.record import Mistake, RecordError, Strength

#: The formats of a measurement that this package reads.
FORMATS = (1,)


@attrs.frozen
class Chapter:
    """The mistakes of one chapter of the catalogue, with what sums them up."""

    name: str
    mistakes: tuple[Mistake, ...]
    always: int
    median: float | None


def load_strength(path: str | os.PathLike[str]) -> Strength:
    """Read a measurement that ``conformance strength --json`` wrote.

    Raises:
        RecordError: in one sentence naming the file: it cannot be read or is no such measurement.
    """
    name = os.fspath(path)
    data = load_json(path)
    if not isinstance(data, dict):
        raise RecordError(f"{name}: a measurement is a JSON object, not {short(data)}.")
    return read_strength(Line(name, 1, data))


def read_strength(line: Line) -> Strength:
    """Read a measurement; raise RecordError where it is none."""
    version = line.data.get("format")
    if isinstance(version, bool) or version not in FORMATS:
        line.refuse(f"a measurement of strength of format {short(version)} is unknown")
    return line.read(Strength)


def chapters(found: Strength | None) -> tuple[Chapter, ...]:
    """Lay the measurement out by the catalogue's chapters; nothing for None."""
    if found is None:
        return ()
    names = dict.fromkeys(mistake.chapter for mistake in found.mistakes)
    by_chapter = (tuple(m for m in found.mistakes if m.chapter == name) for name in names)
    return tuple(
        Chapter(
            name or "mistakes",
            mistakes,
            sum(mistake.caught >= found.seeds for mistake in mistakes),
            _median(mistakes),
        )
        for name, mistakes in zip(names, by_chapter)
    )


def _median(mistakes: Sequence[Mistake]) -> float | None:
    counts = [mistake.examples for mistake in mistakes if mistake.examples is not None]
    return statistics.median(counts) if counts else None


def reached(found: Strength | None, judged: Collection[str]) -> int:
    """Return how many of the mistakes break one of the clauses that a run has judged."""
    mistakes = found.mistakes if found is not None else ()
    return sum(any(clause in judged for clause in mistake.clauses) for mistake in mistakes)


def by_clause(found: Strength | None) -> dict[str, list[Mistake]]:
    """Return the mistakes that a clause catches, by its id; other ids have none."""
    caught: dict[str, list[Mistake]] = defaultdict(list)
    for mistake in found.mistakes if found is not None else ():
        for clause in mistake.clauses:
            caught[clause].append(mistake)
    return caught
