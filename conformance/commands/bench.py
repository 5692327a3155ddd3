"""``conformance bench``: how fast fast_impl is, beside other libraries and this machine's best."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from conformance.bench import driver
from conformance.bench.layers import Layer, chosen
from conformance.bench.peers import PEERS, parse
from conformance.commands.console.failing import usage_error
from conformance.commands.console.speed import show_changes
from conformance.commands.console.terminal import Terminal
from conformance.model import machine
from reports import bench as results_of
from reports.bench import LayerResult, Results, ResultsError, Settings
from reports.bench.page import milliseconds
from reports.bench.results import geometric_mean, slope
from reports.views.enumeration import how_many


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
    help="Which layers: the classes sixteen, others and growth, or patterns of names such as "
    "'dcgan-*'. Repeatable. Default: sixteen.",
)
@click.option("--growth", is_flag=True, help="Also measure the series of growth.")
@click.option("--gradients", is_flag=True, help="Time the gradients instead of the output.")
@click.option(
    "--dtype", type=click.Choice(["float32", "float64", "float16"]), help="For all layers."
)
@click.option("--rounds", type=int, default=7, show_default=True, help="Turns of each peer.")
@click.option(
    "--seconds", type=float, default=0.2, show_default=True, help="How long a turn measures."
)
@click.option("--threads", type=int, help="For every peer. Default: one for each core.")
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

    Each peer works in a process of its own; they are asked in turns. A peer's result is checked
    before it is timed; a peer that is not installed is reported as absent, and is no failure. Exit status: 0, or 2
    for bad usage; speed never decides it.
    """
    console = Terminal()
    try:
        old = results_of.load(old_file) if old_file else None
        if new_file is not None:
            results = results_of.load(new_file)
        else:
            layers = chosen((patterns or ("sixteen",)) + ("growth",) * growth, dtype)
            settings = _settings(threads, rounds, seconds, gradients, dtype)
            results = _measure(_checked(specs), layers, settings, console)
        comparison = results_of.compare(old, results) if old else None
    except (ResultsError, ValueError) as error:
        usage_error(error)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None
    try:
        if json_file is not None:
            results_of.save(results, json_file)
        if html_file is not None:
            results_of.write(results, html_file, comparison)
        if markdown_file is not None:
            results_of.write_table(results, markdown_file)
    except OSError as error:
        usage_error(f"cannot write {str(error.filename)!r}: {error.strerror}")
    _show(results, console)
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
        threads=threads or cores, rounds=rounds, seconds=seconds, gradients=gradients, dtype=dtype
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


def _show(results: Results, console: Console) -> None:
    for peer in results.peers:
        if peer.absent is not None:
            console.print(f"{peer.name} is absent: {peer.absent}", style="yellow")
    compared = results.compared
    if compared:
        console.print(_table(results, compared, is_wide=console.width >= 130))
        _show_means(results, console)
    _show_growth(results, console)
    for found in results.problems:
        console.print(
            f"{found.peer} {found.problem}: {found.reason} ({found.layers})",
            style="red" if found.problem == "wrong" else "yellow",
        )


def _table(results: Results, layers: Sequence[LayerResult], is_wide: bool) -> Table:
    """Return the times; with spreads, rates and memory where there is room."""
    ours = results.ours
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", no_wrap=True)
    table.add_column("GFLOP", justify="right", no_wrap=True)
    for peer in results.measured:
        table.add_column(f"{peer.name}\nms", justify="right")
    if ours is not None:
        headings = [f"{ours}\n/ best", f"{ours}\nGFLOP/s", "of\nproduct", f"{ours}\nMiB"]
        for heading in headings if is_wide else headings[:1]:
            table.add_column(heading, justify="right")
    for layer in layers:
        cells: list[str | Text] = [layer.name, f"{layer.flop / 1e9:.3g}"]
        best = min((m.seconds for m in layer.measurements if m.is_timed), default=0)
        for peer in results.measured:
            found = layer.of(peer.name)
            text = "–" if found is None else milliseconds(found.seconds)  # noqa: RUF001
            text += f" ±{found.spread:.0%}" if found is not None and is_wide else ""
            cells.append(Text(text, "bold" if found and found.seconds == best else ""))
        mine = None if ours is None else layer.of(ours)
        if ours is not None and mine is not None:
            ratio = layer.ratio(ours)
            share = results.share_of_product(layer, mine.seconds)
            cells += [
                "–" if ratio is None else Text(f"{ratio:.2f}", "green" if ratio <= 1 else "yellow"),  # noqa: RUF001
                f"{layer.flop / mine.seconds / 1e9:.3g}",
                "–" if share is None else f"{share:.0%}",  # noqa: RUF001
                "–" if mine.memory is None else f"{mine.memory / 2**20:.0f}",  # noqa: RUF001
            ]
        table.add_row(*cells[: len(table.columns)])
    return table


def _show_means(results: Results, console: Console) -> None:
    for dtype, samples in results.machine.products.items():
        rate = results.machine.product(dtype)
        if rate is not None:
            console.print(
                f"this machine: {rate / 1e9:.0f} GFLOP/s in a {dtype} matrix product (median of "
                f"{len(samples)}), {(results.machine.copy or 0) / 1e9:.1f} GB/s in copying; "
                f"{how_many(results.settings.threads, 'thread')}"
            )
    ours = results.ours
    if ours is None:
        return
    ratios = results.ratios(ours)
    if ratios:
        console.print(
            f"{ours}: {geometric_mean(ratios):.2f} times the best peer's time (geometric mean), "
            f"the fastest on {sum(r <= 1 for r in ratios)} of {how_many(len(ratios), 'layer')}"
        )
    for peer in results.measured:
        mean = geometric_mean(results.ratios(ours, peer.name))
        if mean is not None and peer.name != ours:
            console.print(f"  {mean:.2f} times {peer.name}'s time")


def _show_growth(results: Results, console: Console) -> None:
    series = list(dict.fromkeys(layer.series for layer in results.layers if layer.series))
    if not series:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("time grows with the power of")
    for peer in results.measured:
        table.add_column(peer.name, justify="right")
    for name in series:
        layers = [layer for layer in results.layers if layer.series == name]
        slopes = []
        for peer in results.measured:
            timed = [(layer.value, layer.of(peer.name)) for layer in layers]
            found = slope([(value, m.seconds) for value, m in timed if m is not None])
            slopes.append("–" if found is None else f"{found:.2f}")  # noqa: RUF001
        table.add_row(layers[0].axis, *slopes)
    console.print(table)
