"""``conformance replay``: run one recorded case again."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import click
from rich.console import Console

import reports
from conformance.checks import CHECKS, NotSupported, NotTried, Traits
from conformance.commands.failing import usage_error
from conformance.judge.workbench import HarnessError, Workbench
from conformance.model.case import Case, step_name
from conformance.oracle.comparison import describe
from conformance.run.options import check_seconds
from conformance.run.run import traits_of
from conformance.subjects import LoadError, Subject, resolve, resolve_command


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--finding", type=int, default=1, show_default=True, help="Which finding of a run.jsonl."
)
@click.option("--subject", "specs", multiple=True, help="Default: the finding's own subject.")
@click.option("--subject-command", "commands", multiple=True, help="A program, as for `run`.")
@click.option(
    "--timeout", type=float, default=20.0, show_default=True, help="Seconds that a case may take."
)
def replay(
    file: Path, finding: int, specs: tuple[str, ...], commands: tuple[str, ...], timeout: float
) -> None:
    """Run a case again: a finding of a run.jsonl, or a file with one case as JSON.

    Prints what the subject does at every step and judges every clause that the case speaks to. Subjects are
    found as in the run, so paths count from the folder in which it was started.

    Exit status: 0 every clause holds; 1 one does not, or none could be judged (a recorded case of another
    project is judged by `run --corpus` only); 2 bad usage; 3 the harness is broken.
    """
    console = Console(highlight=False)
    data, recorded = _load(file, finding)
    try:
        case = Case.from_json(data)
    except ValueError as error:
        usage_error(f"{file}: {error}")
    if not specs and not commands:
        if recorded is None:
            specs = ("reference", "fast")
        elif recorded.get("command"):
            commands = (recorded["spec"],)
        else:
            specs = (recorded["spec"],)
    with contextlib.ExitStack() as ending:
        try:
            check_seconds("--timeout", timeout)
            subjects = [subject for spec in specs for subject in resolve(spec, timeout)]
            subjects += [resolve_command(command, timeout) for command in commands]
            for subject in subjects:
                ending.callback(subject.close)
            traits = [traits_of(subject, subject.describe()) for subject in subjects]
        except (LoadError, ValueError) as error:
            usage_error(error)
        try:
            hold = [_replay(case, *pair, console) for pair in zip(subjects, traits)]
        except HarnessError as error:
            console.print(f"harness broken: {error}", style="bold red", markup=False)
            raise SystemExit(3) from None
    raise SystemExit(0 if all(hold) else 1)


def _load(file: Path, number: int) -> tuple[Any, dict[str, Any] | None]:
    """Return the case as JSON, and the header's entry of the subject that it failed on."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        usage_error(f"cannot read {str(file)!r}: {error.strerror}")
    except UnicodeDecodeError:
        usage_error(f"{file}: not a text file")
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
    key = found["subject"], found["mode"]
    subjects = {(s["name"], s["mode"]): s for s in lines[0]["subjects"]}
    return found["case"], subjects.get(key)


def _replay(case: Case, subject: Subject, traits: Traits, console: Console) -> bool:
    """Run and judge the case; return whether clauses were judged and all of them hold."""
    bench = Workbench()
    observation = bench.observation(subject, case)
    console.print(f"{case.id} on {subject.name} ({subject.mode})", style="bold", markup=False)
    console.print(f"  Conv2DTranspose({dict(case.arguments)})", markup=False)
    if observation.crash:
        console.print(f"  crashed: {observation.crash}", style="red", markup=False)
    for step, outcome in zip(case.steps, observation.outcomes):
        what = outcome.error or outcome.unsupported or describe(outcome.value)
        console.print(f"  {step_name(step)}: {what}", markup=False)
    statuses = []
    for check in CHECKS:
        if case.family not in check.families or check.claims or not check.applies(case, traits):
            continue
        try:
            failure = bench.judge(check, case, subject, traits)
        except (NotSupported, NotTried) as reason:
            console.print(f"  {check.clause}: unsupported: {reason}", style="yellow", markup=False)
            continue
        statuses.append(failure is None)
        if failure is None:
            console.print(f"  {check.clause}: holds", style="green")
        else:
            console.print(
                f"  {check.clause}: {failure.mismatch.message}", style="red", markup=False
            )
    if not statuses:
        console.print("  no clause could be judged", style="yellow")
    return bool(statuses) and all(statuses)
