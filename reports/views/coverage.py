"""The chapter on coverage: which pairs of parameter values the run exercised."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import attrs

from reports.records.record import Coverage, Exercised, Impossible, Who

#: From this many cases on a pair has the colour of the level, from 1.
LEVELS = (1, 2, 5, 20, 100)
#: What the colours mean, and the classes they belong to.
LEGEND = (
    ("impossible", "no"),
    ("out of reach", "un"),
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
    """One pair: on how many cases the subject with fewest of them showed it.

    None where no layer can show it, or where none of these gives a result for one of the two values.
    `counts` are those of each group of subjects, in the order of the shares.
    """

    count: int | None
    is_possible: bool = True
    counts: tuple[int, ...] = ()

    @property
    def style(self) -> str:
        """The class of the cell: `no`, `un` out of reach, `l0` where nothing showed it, to `l5`."""
        if self.count is None:
            return "un" if self.is_possible else "no"
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

    subjects: tuple[Who, ...]
    cases: int
    covered: int
    reached: int


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
        total: how many pairs are possible and within reach of a subject.
        covered: how many of them every subject exercised that reaches them.
        least: on how few cases a pair was shown.
        unreached: parameter and value for which no subject gave any result.
        unreached_pairs: how many possible pairs need one of them.
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
    unreached: tuple[tuple[str, str], ...]
    unreached_pairs: int
    missing: tuple[Missing, ...]
    impossible: tuple[Impossible, ...]
    impossible_pairs: int


def build(coverage: Coverage | None) -> Map | None:
    """Lay the coverage out; None where the record has none."""
    if coverage is None or not coverage.groups:
        return None
    impossible = set(_impossible_pairs(coverage))
    possible = [pair for pair in _pairs(coverage) if pair not in impossible]
    values = _values(coverage)
    reached = [(group, _reached(group)) for group in coverage.groups if group.cases]
    fewest = {
        (i, j): min(group.counts[i][j] for group, has in reached if has[i] and has[j])
        for i, j in possible
        if any(has[i] and has[j] for _, has in reached)
    }
    unreached = [n for n in range(len(values)) if not any(has[n] for _, has in reached)]
    missing: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for (i, j), count in fewest.items():
        if count == 0:
            (second, row), (first, column) = values[i], values[j]
            missing.setdefault((first, second), []).append((column, row))
    blocks = [
        Block(
            parameter.name,
            tuple(
                Row(
                    value,
                    tuple(
                        Cell(
                            fewest.get((i, j)),
                            (i, j) not in impossible,
                            tuple(group.counts[i][j] for group in coverage.groups),
                        )
                        for j in range(start)
                    ),
                )
                for i, value in enumerate(parameter.values, start)
            ),
        )
        for parameter, start in zip(coverage.parameters, _starts(coverage), strict=True)
    ]
    return Map(
        blocks=tuple(reversed(blocks[1:])),
        columns=tuple((p.name, p.values) for p in coverage.parameters[:-1]),
        shares=tuple(_share(group, possible) for group in coverage.groups),
        total=len(fewest),
        covered=sum(count > 0 for count in fewest.values()),
        least=min(fewest.values(), default=0),
        unreached=tuple(values[n] for n in unreached) if reached else (),
        unreached_pairs=len(possible) - len(fewest),
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
                places = number[rule.first.parameter, one], number[rule.second.parameter, other]
                yield max(places), min(places)


def _reached(group: Exercised) -> list[bool]:
    """Whether a group's subjects gave a result for each value."""
    size = len(group.counts)
    return [
        any(group.counts[max(n, m)][min(n, m)] for m in range(size) if m != n) for n in range(size)
    ]


def _share(group: Exercised, possible: Collection[tuple[int, int]]) -> Share:
    has = _reached(group)
    reached = [group.counts[i][j] for i, j in possible if has[i] and has[j]]
    return Share(group.subjects, group.cases, sum(count > 0 for count in reached), len(reached))
