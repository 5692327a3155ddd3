"""Leave-kind-out: what of each kind of mistakes clauses and cases catch that were not written for that kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen
class Kind:
    """What a measurement says about the mistakes of one chapter of the catalogue.

    Args:
        name: the chapter.
        mistakes: how many were measured.
        clauses: that caught them.
        general: those of the clauses by which mistakes of another kind are expected to be caught, too.
        by_general: mistakes that one of these caught with every seed.
        by_chance: mistakes that random cases alone caught with every seed.
        by_neither: ids of the mistakes that only clauses of this kind caught, and only by cases made on purpose.
    """

    name: str
    mistakes: int
    clauses: tuple[str, ...]
    general: tuple[str, ...]
    by_general: int
    by_chance: int
    by_neither: tuple[str, ...]


def kinds(measurement: Mapping[str, Any]) -> list[Kind]:
    """Return the kinds in the order of the measurement's chapters."""
    entries, seeds = measurement["mistakes"], measurement["seeds"]
    expecting: dict[str, set[str]] = {}
    for entry in entries:
        for clause in entry["expected"]:
            expecting.setdefault(clause, set()).add(entry["chapter"])
    found = []
    for name in dict.fromkeys(entry["chapter"] for entry in entries):
        own = [entry for entry in entries if entry["chapter"] == name]
        clauses = tuple(sorted({clause for entry in own for clause in entry["clauses"]}))
        general = tuple(c for c in clauses if expecting.get(c, set()) - {name})
        wide = {e["id"] for e in own if e["caught"] == seeds and {*e["clauses"]} <= {*general}}
        lucky = {e["id"] for e in own if e["drawn"] and e["drawn"]["caught"] == seeds}
        neither = tuple(e["id"] for e in own if e["id"] not in wide | lucky)
        found.append(Kind(name, len(own), clauses, general, len(wide), len(lucky), neither))
    return found


def markdown(measurement: Mapping[str, Any]) -> str:
    """Return the table, in Markdown."""
    lines = [
        "| kind | mistakes | clauses that caught them | of these also about other kinds | caught by such a clause "
        "| caught by random cases alone | caught only by a clause and cases of the kind |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {kind.name} | {kind.mistakes} | {len(kind.clauses)} | {len(kind.general)} | {kind.by_general} "
        f"| {kind.by_chance} | {len(kind.by_neither)} |"
        for kind in kinds(measurement)
    ]
    return "\n".join(lines)
