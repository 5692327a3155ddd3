"""``conformance replay``: run one recorded case again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import reports
from conformance.case import Case, step_name
from conformance.checks import CHECKS, NotSupported, NotTried
from conformance.commands.failing import usage_error
from conformance.comparison import describe
from conformance.run import traits_of
from conformance.subjects import LoadError, Subject, resolve
from conformance.workbench import HarnessError, Workbench


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--finding", type=int, default=1, show_default=True, help="Which finding of a run.jsonl."
)
@click.option("--subject", "specs", multiple=True, help="Default: the finding's own subject.")
@click.option("--timeout", type=float, default=20.0, show_default=True)
def replay(file: Path, finding: int, specs: tuple[str, ...], timeout: float) -> None:
    """Run a case again: a finding of a run.jsonl, or a file with one case as JSON.

    Prints what the subject does at every step and judges every clause that the case speaks to. Exit
    status as for `run`.
    """
    console = Console(highlight=False)
    data, recorded_spec = _load(file, finding)
    try:
        case = Case.from_json(data)
    except ValueError as error:
        usage_error(f"{file}: {error}")
    chosen = specs or ((recorded_spec,) if recorded_spec else ("reference", "fast"))
    bad = False
    for spec in chosen:
        try:
            for subject in resolve(spec, timeout):
                bad |= _replay(case, subject, console)
        except LoadError as error:
            usage_error(error)
        except HarnessError as error:
            console.print(f"harness broken: {error}", style="bold red", markup=False)
            raise SystemExit(3) from None
    raise SystemExit(1 if bad else 0)


def _load(file: Path, number: int) -> tuple[Any, str | None]:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        usage_error(f"cannot read {str(file)!r}: {error.strerror}")
    if file.suffix != ".jsonl":
        try:
            data = json.loads(text)
        except ValueError as error:
            usage_error(f"{file}: not JSON: {error}")
        return data.get("case", data) if isinstance(data, dict) else data, None
    try:
        record = reports.load(file)
    except reports.RecordError as error:
        usage_error(error)
    if not 1 <= number <= len(record.findings):
        usage_error(f"--finding {number}: {file} has {len(record.findings)} findings")
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    found = [line for line in lines if line["kind"] == "finding"][number - 1]
    header = lines[0]
    specs = {s["name"]: s["spec"] for s in header["subjects"]}
    return found["case"], specs.get(found["subject"])


def _replay(case: Case, subject: Subject, console: Console) -> bool:
    traits = traits_of(subject, subject.describe())
    bench = Workbench()
    observation = bench.observation(subject, case)
    console.print(f"{case.id} on {subject.name} ({subject.mode})", style="bold", markup=False)
    console.print(f"  Conv2DTranspose({dict(case.arguments)})", markup=False)
    if observation.crash:
        console.print(f"  crashed: {observation.crash}", style="red", markup=False)
    for step, outcome in zip(case.steps, observation.outcomes):
        what = outcome.error or outcome.unsupported or describe(outcome.value)
        console.print(f"  {step_name(step)}: {what}", markup=False)
    bad = False
    for check in CHECKS:
        if case.family not in check.families or check.claims or not check.applies(case, traits):
            continue
        try:
            failure = bench.judge(check, case, subject, traits)
        except (NotSupported, NotTried) as reason:
            console.print(f"  {check.clause}: unsupported: {reason}", style="yellow", markup=False)
            continue
        if failure is None:
            console.print(f"  {check.clause}: holds", style="green")
        else:
            bad = True
            console.print(
                f"  {check.clause}: {failure.mismatch.message}", style="red", markup=False
            )
    subject.close()
    return bad
