"""How strong the suite is: every known mistake against the cases of a run, with several seeds.

The measurement is a document (`strength.schema.json`). The one shipped beside this module was written by
``conformance strength --json conformance/strength/strength.json``; every record carries it into its report.
"""

from __future__ import annotations

import datetime
import json
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

from conformance import __version__
from conformance.judge.pool import Lost, conduct
from conformance.model import machine
from conformance.strength.mistakes import CHAPTERS, Mistake
from conformance.strength.trials import Score, Size, Task, conduct_trial, read_catalogue

FORMAT = 1
CATALOGUE = "conformance.strength.mistakes:MISTAKES"


def measure(
    catalogue: str,
    chosen: Sequence[str],
    *,
    examples: int,
    seeds: int,
    jobs: int,
    seconds: float,
    progress: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """Return what became of each chosen mistake, in their order; it does not depend on `jobs`.

    Args:
        catalogue: where the mistakes are, as `read_catalogue` takes it.
        chosen: ids of the catalogue.
        examples: examples of a family of average share, as in a run.
        seeds: how many; they are 0, 1, 2 ...
        jobs: number of processes.
        seconds: how long one case may take.
        progress: called `seeds + 1` times for each mistake.

    Raises:
        HarnessError: a check or the oracle raised where neither may.
    """
    mistakes = read_catalogue(catalogue)
    scores: dict[str, dict[int, Score]] = {name: {} for name in chosen}
    sizes: dict[str, Size] = {}
    trials = [Task(catalogue, name, seed, examples) for seed in range(seeds) for name in chosen]
    for task, result in conduct(conduct_trial, trials, jobs=jobs, seconds=seconds):
        scores[task.mistake][task.seed] = result.note[0] if isinstance(result, Lost) else result
        progress()
    hunts = []
    for name, found in scores.items():
        caught = [seed for seed, score in sorted(found.items()) if score.caught]
        if caught:
            hunts.append(Task(catalogue, name, caught[0], examples, smallest=True))
        else:
            progress()
    for task, result in conduct(conduct_trial, hunts, jobs=jobs, seconds=seconds):
        sizes[task.mistake] = result.note[1] if isinstance(result, Lost) else result
        progress()
    return [_entry(mistakes[name], scores[name], sizes.get(name)) for name in chosen]


def document(
    entries: Sequence[Mapping[str, Any]],
    *,
    profile: str,
    examples: int,
    seeds: int,
    jobs: int,
    seconds: float,
) -> dict[str, Any]:
    """Return the measurement with what is needed to repeat it."""
    return {
        "format": FORMAT,
        "tool": {"name": "conv2d-transpose-conformance", "version": __version__},
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
        "command": ["conformance", *sys.argv[1:]],
        "profile": profile,
        "examples": examples,
        "seeds": seeds,
        "jobs": jobs,
        "seconds": round(seconds, 1),
        "machine": machine.describe(),
        "mistakes": list(entries),
    }


def missing(older: Mapping[str, Any], chosen: Mapping[str, Mistake]) -> list[str]:
    """Return the ids of the mistakes that a measurement lacks, or has with another text or source."""
    known = {(e["id"], e.get("text"), e.get("source")) for e in older["mistakes"]}
    return [name for name, m in chosen.items() if (m.id, m.text, m.source) not in known]


def added(
    older: Mapping[str, Any], newer: Mapping[str, Any], catalogue: Sequence[str]
) -> dict[str, Any]:
    """Return the newer measurement with what the older one knows of the catalogue's other mistakes."""
    entries = {entry["id"]: entry for found in (older, newer) for entry in found["mistakes"]}
    return {
        **newer,
        "seconds": round((older.get("seconds") or 0) + newer["seconds"], 1),
        "mistakes": [entries[name] for name in catalogue if name in entries],
    }


def shipped() -> dict[str, Any]:
    """Return the measurement that comes with this package, what became of mutants (`killer.json`) included."""
    files = resources.files("conformance.strength")
    found, mutants = (
        json.loads((files / name).read_text(encoding="utf-8"))
        for name in ("strength.json", "killer.json")
    )
    (everything,) = (part for part in mutants["parts"] if part["part"] == "all")
    return {**found, "mutants": {**everything, "date": mutants["date"]}}


def _entry(mistake: Mistake, scores: Mapping[int, Score], size: Size | None) -> dict[str, Any]:
    in_order = [scores[seed] for seed in sorted(scores)]  # tasks end in any order
    caught = [score.caught for score in in_order if score.caught]
    drawn = [score.drawn for score in in_order if score.drawn]
    clauses = Counter(catch.clause for catch in caught)
    has_drawn = any(score.has_drawn for score in in_order)
    return {
        "id": mistake.id,
        "chapter": next((name for name, found in CHAPTERS.items() if mistake in found), ""),
        "text": mistake.text,
        "source": mistake.source,
        "expected": list(mistake.clauses),
        "caught": len(caught),
        "missed": sorted(seed for seed, score in scores.items() if score.caught is None),
        "clauses": dict(clauses.most_common()),
        "unexpected": sum(not catch.expected for catch in caught),
        "fixed": sum(catch.fixed for catch in caught),
        "examples": _median(catch.examples for catch in caught),
        "drawn": {"caught": len(drawn), "examples": _median(c.examples for c in drawn)}
        if has_drawn
        else None,
        "smallest": None
        if size is None
        else {"elements": size.elements, "steps": size.steps, "shrunk": size.shrunk},
    }


def _median(counts: Iterable[int]) -> float | None:
    found = list(counts)
    return statistics.median(found) if found else None
