"""``conformance smoke``: what a subject has, and whether its adapter or its layer is wrong."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import click

from conformance.commands.console.failing import usage_error
from conformance.commands.console.listing import with_format
from conformance.commands.console.terminal import Terminal
from conformance.model.capabilities import FLAGS, LISTS
from conformance.run.participants.participant import Participant, participants
from conformance.run.participants.smoke import adapter_fault, layer_faults
from conformance.run.settings.options import check_seconds, lack_of
from conformance.run.statistics.messages import often, said
from conformance.subjects import LoadError
from conformance.subjects.processes.process import SECONDS_PER_CASE


@click.command()
@click.argument("specs", metavar="[SUBJECT]...", nargs=-1)
@click.option("--subject-command", "commands", multiple=True, help="A program, as for `run`.")
@click.option(
    "--timeout",
    type=float,
    default=SECONDS_PER_CASE,
    show_default=True,
    help="Seconds that a case may take.",
)
@click.option(
    "--unsupported",
    "patterns",
    metavar="REGEX",
    multiple=True,
    help="Errors that are no failures, as for `run`.",
)
@with_format
def smoke(
    specs: tuple[str, ...],
    commands: tuple[str, ...],
    timeout: float,
    patterns: tuple[str, ...],
    as_json: bool,
) -> None:
    """Try each SUBJECT (as after --subject) for a few seconds: what it has, and what is wrong first.

    A wrong adapter gets arrays wrongly in or out; a wrong layer computes wrongly what went in rightly.

    Exit status: 0 both are right; 1 one is wrong; 2 bad usage.
    """
    if not specs and not commands:
        usage_error("name a subject, as after --subject, or a program with --subject-command")
    console = Terminal()
    told = []
    with contextlib.ExitStack() as ending:
        try:
            check_seconds("--timeout", timeout)
            lacks = [*map(lack_of, patterns)]
            started = participants(specs, commands, timeout, lacks=lacks)
        except (LoadError, ValueError) as error:
            usage_error(error)
        for participant in started:
            ending.callback(participant.subject.close)
        for participant in started:
            told.append(_judged(participant))
            if not as_json:
                _show(told[-1], participant, console)
    if as_json:
        click.echo(json.dumps(told, indent=1))
    raise SystemExit(1 if any(one["adapter"] or one["layer"] for one in told) else 0)


def _judged(participant: Participant) -> dict[str, Any]:
    subject, probed = participant.subject, participant.capabilities
    plain = probed.plain
    adapter = probed.crash or adapter_fault(subject, plain)
    # Behind a wrong adapter nothing can be seen of the layer.
    faults, cases = ({}, 0) if adapter else layer_faults(subject, participant.traits, plain)
    refusals = often(subject.name, subject.mode, said(faults.values()))
    return {
        "subject": subject.name,
        "mode": subject.mode,
        "versions": dict(participant.description.get("versions", {})),
        "asked_with": str(plain),
        "capabilities": dict(probed.has),
        "why_not": dict(probed.why),
        "adapter": adapter,
        "layer": {clause: failure.mismatch.message for clause, failure in faults.items()},
        "refusals": [str(one) for one in refusals],
        "cases": cases,
    }


def _show(told: dict[str, Any], participant: Participant, console: Terminal) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    console.print(f"{participant}  {versions}".rstrip(), style="bold", soft_wrap=True)
    if told["asked_with"]:
        console.told(
            f"no plain float32 layer is offered; tried instead: {told['asked_with']}",
            style="yellow",
        )
    _show_faults(told, console)
    has, why = told["capabilities"], told["why_not"]
    for name, items in LISTS.items():
        console.print(f"  {name:<15} {', '.join(has.get(name, ())) or 'none'}", soft_wrap=True)
        for item in items:
            if f"{name}: {item}" in why:
                text = f"  {'':<15} not {item}: {why[f'{name}: {item}']}"
                console.print(text, style="dim", soft_wrap=True)
    for name in FLAGS:
        said = "yes" if has.get(name) else f"no: {why[name]}" if name in why else "no"
        if name not in has:
            said = "not tried"
        console.print(f"  {name:<15} {said}", soft_wrap=True)


def _show_faults(told: dict[str, Any], console: Terminal) -> None:
    """Say whether adapter and layer are right; what several clauses say in the same words, once."""
    if told["adapter"]:
        console.told(f"your adapter is wrong: {told['adapter']}", style="bold red")
        return
    clauses: dict[str, list[str]] = {}
    for clause, text in told["layer"].items():
        clauses.setdefault(text, []).append(clause)
    for text, broken in clauses.items():
        console.told(f"your layer is wrong: {', '.join(broken)}: {text}", style="bold red")
    for refusal in told["refusals"]:
        console.told(refusal, style="yellow")
    console.told("the adapter is right: arrays go in and come out as they should", style="green")
    if not told["cases"]:
        console.told("no tiny case could be judged: everything is unsupported", style="yellow")
    elif not told["layer"]:
        console.told(f"the layer is right on {told['cases']} tiny cases", style="green")
