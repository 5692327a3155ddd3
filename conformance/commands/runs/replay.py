"""``conformance replay``: run one recorded case again."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Any

import click

import reports
from conformance.cases import FAMILIES
from conformance.checks import CHECKS, NotSupported, NotTried, Traits
from conformance.commands.console.failing import usage_error
from conformance.commands.console.reading import load
from conformance.commands.console.terminal import Terminal
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import drawn_cases
from conformance.judge.judging import judge
from conformance.model.case import Case
from conformance.oracle.bounds import OracleError, check_case
from conformance.oracle.comparison import describe
from conformance.run.participants.participant import traits_of, understood
from conformance.run.settings.options import check_memory, check_seconds
from conformance.subjects import LoadError, Subject, is_built_in, resolve, resolve_command
from conformance.subjects.processes.process import MEMORY, SECONDS_PER_CASE
from reports.views.cases import summary
from reports.views.enumeration import how_many


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--finding", type=int, default=1, show_default=True, help="Which finding of a run.jsonl."
)
@click.option("--subject", "specs", multiple=True, help="Default: the finding's own subject.")
@click.option("--subject-command", "commands", multiple=True, help="A program, as for `run`.")
@click.option(
    "--trust",
    is_flag=True,
    help="Run the file, module or command that the record names, as whoever wrote it could have it do anything.",
)
@click.option(
    "--timeout",
    type=float,
    default=SECONDS_PER_CASE,
    show_default=True,
    help="Seconds that a case may take.",
)
@click.option(
    "--memory",
    type=float,
    default=MEMORY,
    show_default=True,
    help="GiB that a subject's processes may use together.",
)
def replay(
    file: Path,
    finding: int,
    specs: tuple[str, ...],
    commands: tuple[str, ...],
    trust: bool,
    timeout: float,
    memory: float,
) -> None:
    """Run a case again: a finding of a run.jsonl, or of its folder, or a file with one case as JSON.

    Prints what the subject does at every step and judges every clause that the case exercises. Without
    --subject or --subject-command, a finding is run on the subject it was found on: at once where that is
    built in, with --trust where the record names a file, module or command. Paths count from the folder in
    which the run was started.

    Exit status: 0 every clause holds; 1 one does not, or none could be judged (a recorded case of another
    project is judged by `run --corpus` only); 2 bad usage; 3 the harness is broken.
    """
    console = Terminal()
    try:
        check_seconds("--timeout", timeout)
        check_memory("--memory", memory)
    except ValueError as error:
        usage_error(error)
    data, recorded = _load(file, finding)
    try:
        case = Case.from_json(data)
        check_case(case)
    except (OracleError, ValueError) as error:
        usage_error(f"{file}: {error}")
    if not trust and names_code(data):
        usage_error(
            f"{file}: the case has arguments that make a framework import what they name "
            f"({', '.join(_IMPORTING)}); nothing was run: --trust runs it all the same"
        )
    if not specs and not commands:
        if recorded is None:
            specs = ("reference", "fast")
        else:
            if recorded.command or not is_built_in(recorded.spec):
                _show_or_refuse(recorded, file, trust, console)
            specs = () if recorded.command else (recorded.spec,)
            commands = (recorded.spec,) if recorded.command else ()
    with contextlib.ExitStack() as ending:
        try:
            subjects = [subject for spec in specs for subject in resolve(spec, timeout, memory)]
            subjects += [resolve_command(command, timeout, memory) for command in commands]
            for subject in subjects:
                ending.callback(subject.close)
            described = [subject.describe() for subject in subjects]
            traits = [*map(traits_of, subjects, described)]
            subjects = [*map(understood, subjects, described, traits)]
        except (LoadError, ValueError) as error:
            usage_error(error)
        statuses = [_replay(case, *pair, console) for pair in zip(subjects, traits)]
    raise SystemExit(max(statuses))


def _why_impossible(evidence: Evidence, case: Case, error: Exception) -> str | None:
    """Return why no layer can do the case, over which a check raised; None where the right layer can."""
    if isinstance(error.__cause__, OracleError):
        return str(error.__cause__)
    right = evidence.expectation(case).observation
    raised = (outcome.error for outcome in right.all_outcomes if outcome.error)
    told = [f"the right layer raises {one}" for one in raised]
    if not told and _form(case) not in _forms(case.family):
        told = [f"no case of the family {case.family!r} has its steps, and {error}"]
    return told[0] if told else None


@functools.cache
def _forms(name: str) -> frozenset[tuple[str, ...]]:
    """Return the steps that cases of a family have."""
    family = FAMILIES[name]
    drawn = drawn_cases(family, examples=_FORMS, run_seed=0)
    return frozenset(map(_form, (*family.listed(_FORMS), *drawn)))


def _form(case: Case) -> tuple[str, ...]:
    return tuple(step.tag for _, step in case.own_steps)


#: Cases that show which steps a family has.
_FORMS = 100
#: Keys by which Keras' configurations name code to be imported or run.
_IMPORTING = ("module", "registered_name", "__lambda__")


def names_code(data: Any) -> bool:
    """Tell whether a case's JSON holds a configuration that a framework would import code for."""
    if isinstance(data, dict):
        is_lambda = data.get("class_name") in ("Lambda", *_IMPORTING)
        return is_lambda or any(key in _IMPORTING or names_code(data[key]) for key in data)
    return isinstance(data, list) and any(map(names_code, data))


def _show_or_refuse(subject: reports.Subject, file: Path, trust: bool, console: Terminal) -> None:
    kind = "the command" if subject.command else "the file or module"
    if not trust:
        own = "--subject-command COMMAND" if subject.command else "--subject SPEC"
        usage_error(
            f"{file} names {kind} {subject.spec!r}, and a record may come from anybody: nothing was run. "
            f"Use --trust to run it, or {own} to run another one"
        )
    console.told(f"running {kind} that the record names: {subject.spec}", style="yellow")


def _load(file: Path, number: int) -> tuple[Any, reports.Subject | None]:
    """Return the case as JSON, and the header's entry of the subject that it failed on."""
    if file.suffix != ".jsonl" and not file.is_dir():
        try:
            data = reports.load_json(file)
        except reports.RecordError as error:
            usage_error(error)
        return data.get("case", data) if isinstance(data, dict) else data, None
    record = load(file)
    if not 1 <= number <= len(record.findings):
        usage_error(f"--finding {number}: {file} has {how_many(len(record.findings), 'finding')}")
    found = record.findings[number - 1]
    subjects = {subject.key: subject for subject in record.header.subjects}
    return found.case, subjects.get((found.subject, found.mode))


def _replay(case: Case, subject: Subject, traits: Traits, console: Terminal) -> int:
    """Run and judge the case; return the exit status that it deserves."""
    evidence = Evidence()
    observation = evidence.observation(subject, case)
    console.told(f"{case.id} on {subject.name} ({subject.mode})", style="bold")
    console.told(summary(case.to_json()), indent=2, hanging=2)
    if observation.crash:
        console.told(f"crashed: {observation.crash}", indent=2, hanging=2, style="red")
    for step, outcome in zip(case.steps, observation.outcomes):
        what = outcome.error or outcome.unsupported or describe(outcome.value)
        console.told(f"{step.tag}: {what}", indent=2, hanging=2)
    statuses: list[int] = []
    for check in CHECKS.on(case.family):
        if check.claims:
            continue
        try:
            if not check.applies(case, traits):
                continue
            failure = judge(evidence, check, case, subject, traits)
        except (NotSupported, NotTried) as reason:
            text = f"{check.clause}: unsupported: {reason}"
            console.told(text, indent=2, hanging=2, style="yellow")
            continue
        except Exception as error:
            # A case from a file may be one that no layer can do: then it is the case that is wrong.
            why = _why_impossible(evidence, case, error)
            told = (
                f"harness broken: {error}" if why is None else f"the case cannot be judged: {why}"
            )
            console.told(f"{check.clause}: {told}", indent=2, hanging=2, style="bold red")
            statuses.append(3 if why is None else 2)
            continue
        statuses.append(0 if failure is None else 1)
        if failure is None:
            console.told(f"{check.clause}: holds", indent=2, style="green")
        else:
            text = f"{check.clause}: {failure.mismatch.message}"
            console.told(text, indent=2, hanging=2, style="red")
    if not statuses:
        console.told("no clause could be judged", indent=2, style="yellow")
    worst_first = (status for status in (3, 1, 2, 0) if status in statuses)
    return next(worst_first, 1)
