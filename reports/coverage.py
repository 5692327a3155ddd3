"""The chapter on coverage: which pairs of parameter values the run exercised."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from reports.record import Coverage, Exercised, Impossible

#: From this many cases on a pair has the colour of the level, from 1.
LEVELS = (1, 2, 5, 20, 100)
#: What the colours mean, and the classes they belong to.
LEGEND = (
    ("impossible", "no"),
    ("none", "l0"),
    *(
        (
            str(least) if most == least else f"{least} to {most}" if most else f"{least} or more",
            f"l{level}",
        )
        for level, (least, most) in enumerate(
            zip(LEVELS, (*(n - 1 for n in LEVELS[1:]), 0)), start=1
        )
    ),
)


@attrs.frozen
class Cell:
    """One pair: on how many cases the subject with fewest of them showed it; None where no layer can."""

    count: int | None

    @property
    def style(self) -> str:
        """The class of the cell: `no` where it is impossible, `l0` where nothing showed it, to `l5`."""
        if self.count is None:
            return "no"
        return f"l{sum(self.count >= least for least in LEVELS)}"


@attrs.frozen
class Row:
    """A value, and its pairs with the values of all parameters before its own."""

    value: str
    cells: tuple[Cell, ...]


@attrs.frozen
class Block:
    """The rows of one parameter."""

    parameter: str
    rows: tuple[Row, ...]


@attrs.frozen
class Share:
    """What some subjects exercised."""

    subjects: tuple[tuple[str, str], ...]
    cases: int
    covered: int


@attrs.frozen
class Missing:
    """Values of two parameters that no case showed together on some subject."""

    first: str
    second: str
    values: tuple[tuple[str, str], ...]


@attrs.frozen
class Map:
    """The chapter.

    Args:
        blocks: the triangle, the longest rows first; its columns are `columns`.
        columns: parameter and values, the last parameter left out.
        shares: what each group of subjects exercised.
        total: how many pairs are possible.
        covered: how many of them every subject exercised that gave any result.
        least: on how few cases a pair was shown.
        missing: pairs that were not shown on some subject.
        impossible: rules for pairs that no layer can show.
        impossible_pairs: how many those are.
    """

    blocks: tuple[Block, ...]
    columns: tuple[tuple[str, tuple[str, ...]], ...]
    shares: tuple[Share, ...]
    total: int
    covered: int
    least: int
    missing: tuple[Missing, ...]
    impossible: tuple[Impossible, ...]
    impossible_pairs: int


def build(coverage: Coverage) -> Map | None:
    """Lay the coverage out; None where the record has none."""
    if not coverage.groups:
        return None
    impossible = set(_impossible_pairs(coverage))
    pairs = [pair for pair in _pairs(coverage) if pair not in impossible]
    values = _values(coverage)
    judged = [group for group in coverage.groups if group.cases]
    fewest = {(i, j): min((g.counts[i][j] for g in judged), default=0) for i, j in pairs}
    missing: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for i, j in pairs:
        if fewest[i, j] == 0:
            (second, row), (first, column) = values[i], values[j]
            missing.setdefault((first, second), []).append((column, row))
    blocks = [
        Block(
            parameter.name,
            tuple(
                Row(value, tuple(Cell(fewest.get((i, j))) for j in range(start)))
                for i, value in enumerate(parameter.values, start)
            ),
        )
        for parameter, start in zip(coverage.parameters, _starts(coverage), strict=True)
    ]
    return Map(
        blocks=tuple(reversed(blocks[1:])),
        columns=tuple((p.name, p.values) for p in coverage.parameters[:-1]),
        shares=tuple(_share(group, pairs) for group in coverage.groups),
        total=len(pairs),
        covered=sum(count > 0 for count in fewest.values()),
        least=min(fewest.values(), default=0),
        missing=tuple(Missing(*names, tuple(found)) for names, found in missing.items()),
        impossible=coverage.impossible,
        impossible_pairs=len(impossible),
    )


def _values(coverage: Coverage) -> list[tuple[str, str]]:
    return [(p.name, value) for p in coverage.parameters for value in p.values]


def _starts(coverage: Coverage) -> Iterator[int]:
    """Yield the number of each parameter's first value."""
    start = 0
    for parameter in coverage.parameters:
        yield start
        start += len(parameter.values)


def _pairs(coverage: Coverage) -> Iterator[tuple[int, int]]:
    """Yield the numbers of every two values of different parameters, the higher number first."""
    for parameter, start in zip(coverage.parameters, _starts(coverage), strict=True):
        for i in range(start, start + len(parameter.values)):
            for j in range(start):
                yield i, j


def _impossible_pairs(coverage: Coverage) -> Iterator[tuple[int, int]]:
    number = {value: place for place, value in enumerate(_values(coverage))}
    for rule in coverage.impossible:
        for one in rule.first.values:
            for other in rule.second.values:
                places = number[rule.first.name, one], number[rule.second.name, other]
                yield max(places), min(places)


def _share(group: Exercised, pairs: list[tuple[int, int]]) -> Share:
    return Share(group.subjects, group.cases, sum(group.counts[i][j] > 0 for i, j in pairs))
