"""Which pairs of parameter values a run exercised, as its record holds it."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.cases import space
from conformance.run.participants.participant import Participant
from reports.records import record


def entry(groups: Iterable[tuple[Iterable[Participant], space.Coverage]]) -> record.Coverage:
    """Return the space, and counts for each group of participants that exercised the same cases."""
    return record.Coverage(
        parameters=tuple(record.Parameter(p.name, p.values) for p in space.PARAMETERS),
        impossible=tuple(
            record.Impossible(
                first=record.Side(rule.parameter, rule.values),
                second=record.Side(rule.other, rule.other_values),
                reason=rule.reason,
            )
            for rule in space.IMPOSSIBLE
        ),
        groups=tuple(
            record.Exercised(
                subjects=tuple(record.Who(*member.key) for member in members),
                cases=covered.cases,
                # The lower triangle, a row for each value of each parameter.
                counts=tuple(
                    tuple(row[:length].tolist()) for length, row in enumerate(covered.counts)
                ),
            )
            for members, covered in groups
        ),
    )
