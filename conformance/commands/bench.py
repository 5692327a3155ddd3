"""``conformance bench``: how fast fast_impl is, beside other libraries and this machine's best."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conformance.bench import driver, kernels
from conformance.bench.layers import Layer, chosen
from conformance.bench.peers import PEERS, parse
from conformance.commands.console.failing import usage_error, writing
from conformance.commands.console.speed import show_changes, show_results, show_warnings
from conformance.commands.console.terminal import Terminal
from conformance.model import machine
from reports import bench as results_of
from reports.bench import Results, ResultsError, Settings


@click.command()
@click.option(
    "--peer",
    "specs",
    multiple=True,
    metavar="PEER",
    help=f"Whom to measure: {', '.join(PEERS)}; fast:ALGORITHM for one algorithm of fast; fast@FOLDER "
    "for another checkout of it. Repeatable. Default: the five, as far as they are installed.",
)
@click.option(
    "--layers",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    help="Which layers: the classes sixteen, others, growth, shapes (a new size in every call) and held (for "
    "the end of tuning), or patterns of names such as 'dcgan-*'. Repeatable. Default: sixteen.",
)
@click.option("--growth", is_flag=True, help="Also measure the series of growth.")
@click.option("--gradients", is_flag=True, help="Time the gradients instead of the output.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64", "float16", "bfloat16"]),
    help="Of all layers; default: each layer's own, mostly float32.",
)
@click.option("--rounds", type=int, default=7, show_default=True, help="Turns of each peer.")
@click.option(
    "--seconds", type=float, default=0.2, show_default=True, help="How long a turn measures."
)
@click.option(
    "--threads",
    type=int,
    help="For every peer. Default: each is measured with one and with one for each core, and the faster one "
    "counts.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the results.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the page.")
@click.option(
    "--markdown",
    "markdown_file",
    type=click.Path(path_type=Path),
    help="Write the table in Markdown, for documentation.",
)
@click.option(
    "--compare",
    "old_file",
    type=click.Path(path_type=Path),
    help="Say what changed since an earlier --json.",
)
@click.option(
    "--from",
    "new_file",
    type=click.Path(path_type=Path),
    help="Measure nothing: take the results of an earlier --json.",
)
def bench(
    specs: tuple[str, ...],
    patterns: tuple[str, ...],
    growth: bool,
    gradients: bool,
    dtype: str | None,
    rounds: int,
    seconds: float,
    threads: int | None,
    json_file: Path | None,
    html_file: Path | None,
    markdown_file: Path | None,
    old_file: Path | None,
    new_file: Path | None,
) -> None:
    """Measure fast_impl beside other libraries, layer by layer.

    Each peer works in a process of its own, once with one thread and once with all; they are asked in turns. A
    peer's result is checked before it is timed; a peer that is not installed is reported as absent, and is no
    failure. Exit status: 0, or 2 for bad usage; speed never decides it.
    """
    console = Terminal()
    try:
        old = results_of.load(old_file) if old_file else None
        if new_file is not None:
            results = results_of.load(new_file)
            show_warnings(results.machine.environment, console)
        else:
            layers = chosen((patterns or ("sixteen",)) + ("growth",) * growth, dtype)
            settings = _settings(threads, rounds, seconds, gradients, dtype)
            show_warnings(kernels.environment(), console)
            results = _measure(_checked(specs), layers, settings, console)
        comparison = results_of.compare(old, results) if old else None
    except (ResultsError, ValueError) as error:
        usage_error(error)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
    if json_file is not None:
        with writing(json_file):
            results_of.save(results, json_file)
    if html_file is not None:
        with writing(html_file):
            results_of.write(results, html_file, comparison)
    if markdown_file is not None:
        with writing(markdown_file):
            results_of.write_table(results, markdown_file)
    show_results(results, console)
    if comparison is not None:
        show_changes(comparison, console)
    for file in filter(None, (json_file, html_file, markdown_file)):
        console.print(f"written: {file}", soft_wrap=True)


def _settings(
    threads: int | None, rounds: int, seconds: float, gradients: bool, dtype: str | None
) -> Settings:
    cores = machine.cores()
    if threads is not None and not 1 <= threads <= cores:
        raise ValueError(f"--threads {threads}: this process may use 1 to {cores}")
    if rounds < 1:
        raise ValueError(f"--rounds {rounds}: at least 1 is needed")
    if not 0 < seconds < float("inf"):
        raise ValueError(f"--seconds {seconds:g}: must be above 0")
    return Settings(
        threads=[threads] if threads else sorted({1, cores}),
        rounds=rounds,
        seconds=seconds,
        gradients=gradients,
        dtype=dtype,
    )


def _checked(specs: Sequence[str]) -> list[str]:
    for spec in specs:
        parse(spec)
        if specs.count(spec) > 1:
            raise ValueError(f"--peer {spec!r} is given twice")
    return list(specs or PEERS)


def _measure(
    specs: Sequence[str], layers: Sequence[Layer], settings: Settings, console: Console
) -> Results:
    progress = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    with progress:
        task = progress.add_task("", total=driver.steps(layers, settings))
        done = -1

        def advance(text: str) -> None:
            nonlocal done
            done += 1
            progress.update(task, description=text, completed=done)

        command = ["conformance", "bench", *sys.argv[2:]]
        return driver.run(specs, layers, settings, command=command, progress=advance)
