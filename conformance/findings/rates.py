"""How often a diagnosis is right, and how often wrong: ``python -m conformance.findings.rates``.

Every known mistake is diagnosed twice: with the whole catalogue, which must name it, and with itself left
out, when nothing may be said to equal another mistake unless the two cannot be told apart. That is judged
on cases of three seeds that the diagnosis has not seen, of the clauses that either is expected to fail.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
from rich.progress import track

from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Traits
from conformance.findings.agreement import agree
from conformance.findings.diagnosis import Diagnostician
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases, explore
from conformance.judge.judging import Failure
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.strength.mistakes import MISTAKES, Mistake
from conformance.subjects import Subject
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from reports.views.enumeration import how_many

_UNSEEN_SEEDS = (101, 102, 103)


class _Wrong(Subject):
    """A known mistake as a subject, in this process, under a name that says nothing."""

    def __init__(self, mistake: Mistake) -> None:
        self.name = self.spec = f"wrong layer {mistake.id}"
        self.mode = "eager"
        self._layer = mistake.layer

    def describe(self) -> dict[str, Any]:
        return {}

    def observe(self, case: Case) -> Observation:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return observe(case, LayerBackend(self._layer))

    def close(self) -> None:
        """Nothing is held."""


@attrs.frozen
class Diagnosed:
    """What was said of one mistake, with it in the catalogue and without."""

    mistake: str
    clause: str
    named: bool
    known: str | None
    left_out: str | None
    verdict: str


def diagnosed(workbench: Evidence, mistake: Mistake, examples: int) -> Diagnosed | None:
    """Diagnose one mistake's first failing clause; None where none of the expected ones fails."""
    subject = _Wrong(mistake)
    for clause in mistake.clauses:
        failures = [
            failure
            for family in CHECKS.families(clause)
            for (told, claims), tally in explore(
                workbench,
                family,
                subject,
                Traits(),
                examples=examples,
                run_seed=0,
                progress=lambda _: None,
                checks=CHECKS.only({clause}),
            ).items()
            if told == clause and not claims
            for failure in tally.failures
        ]
        if not failures:
            continue
        whole, without = (
            Diagnostician(workbench, examples=examples, run_seed=0, left_out=left_out)
            for left_out in ((), (mistake.id,))
        )
        known = whole.diagnose(subject, clause, failures)
        left_out = without.diagnose(subject, clause, failures)
        named = known is not None and f"{mistake.id}" in known
        other = _mistake_in(left_out)
        verdict = "none" if left_out is None else "described"
        if other is not None:
            certain = str(left_out).startswith("equals")
            same = all(
                agree(case, subject.observe(case), _Wrong(other).observe(case))
                for name in sorted(_families(failures, (*mistake.clauses, *other.clauses)))
                for seed in _UNSEEN_SEEDS
                for case in drawn_cases(FAMILIES[name], examples=examples, run_seed=seed)
            )
            verdict = ("same" if same else "wrong") + ("" if certain else ", uncertain")
        return Diagnosed(mistake.id, clause, named, known, left_out, verdict)
    return None


def _families(failures: Sequence[Failure], clauses: Collection[str]) -> set[str]:
    """Return the families of some failures, and those that show some clauses."""
    shown = {family.name for family in CHECKS.families(*clauses)}
    return shown | {failure.case.family for failure in failures}


def _mistake_in(text: str | None) -> Mistake | None:
    if text is None or " the known mistake " not in text:
        return None
    return MISTAKES[text.split(" the known mistake ")[1].split(":")[0]]


@click.command()
@click.option("--examples", default=60, show_default=True, help="As in `conformance run`.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Write every diagnosis.")
def main(examples: int, file: Path | None) -> None:
    """Diagnose every known mistake, with it in the catalogue and left out."""
    workbench = Evidence(keep=5000)
    results = []
    silent = []
    for mistake in track(MISTAKES.values(), "diagnosing", transient=True):
        result = diagnosed(workbench, mistake, examples)
        if result is None:
            silent.append(mistake.id)
        else:
            results.append(result)
    if file is not None:
        file.write_text(json.dumps([attrs.asdict(r) for r in results], indent=1) + "\n")
    total = len(results)
    certain = [r for r in results if r.known is not None and r.known.startswith("equals")]
    click.echo(
        f"{how_many(total, 'mistake')} diagnosed; no expected clause failed for {len(silent)}: {silent}"
    )
    click.echo(
        f"in the catalogue: named {sum(r.named for r in results)}, for certain {len(certain)}"
    )
    click.echo(
        f"  named another instead: {[r.mistake for r in results if not r.named and _mistake_in(r.known)]}"
    )
    click.echo("left out of it:")
    for verdict in sorted({r.verdict for r in results}):
        same = [r.mistake for r in results if r.verdict == verdict]
        shown = f": {same}" if verdict.startswith("wrong") else ""
        click.echo(f"  {verdict}: {len(same)}{shown}")


if __name__ == "__main__":
    main()
