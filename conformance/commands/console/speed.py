"""What `bench` measured, and how two measurements differ, as `bench` and `diff` print it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from conformance.commands.console.terminal import Terminal
from reports.bench import Comparison, LayerResult, Results
from reports.bench.page import milliseconds
from reports.bench.results import geometric_mean, slope, warnings
from reports.outputs.blocks import UNLIMITED
from reports.views.enumeration import how_many

_STYLES = {"faster": "green", "slower": "bold red", "within noise": "dim"}
#: What a cell says without a value.
_NOTHING = "–"  # noqa: RUF001


def show_warnings(environment: dict[str, str] | None, console: Terminal) -> None:
    """Print what in the environment makes libraries slower than they are elsewhere."""
    for warning in warnings(environment):
        console.told(f"warning: {warning}", style="bold yellow")


def show_results(results: Results, console: Terminal) -> None:
    """Print the times of every layer, what follows from them, and who was not timed."""
    for peer in results.peers:
        if peer.absent is not None:
            console.told(f"{peer.name} is absent: {peer.absent}", style="yellow")
    if results.compared:
        _show_times(results, results.compared, console)
        _show_machine(results, console)
        _show_means(results, results.compared, console)
    if results.shapes:
        console.print("milliseconds for a size that was never seen before:")
        _show_times(results, results.shapes, console)
        _show_means(results, results.shapes, console)
    _show_growth(results, console)
    for found in results.problems:
        console.told(
            f"{found.peer} {found.problem}: {found.reason} ({found.layers})",
            style="red" if found.problem == "wrong" else "yellow",
        )


def _show_times(results: Results, layers: Sequence[LayerResult], console: Terminal) -> None:
    """Print all columns side by side where they fit, else a table for each number of threads."""
    threads = results.settings.threads
    together = partial(_table, results, layers, threads)
    for table in (together(is_rich=True), together()):
        if _fits(table, console):
            console.print(table)
            return
    apart = [partial(_table, results, layers, [n], is_last=n == threads[-1]) for n in threads]
    is_narrow = not all(_fits(one(), console) for one in apart)
    for one in apart:
        console.print(one(is_narrow=is_narrow))


def _fits(table: Table, console: Terminal) -> bool:
    # Within the console's own options no width would be above its own.
    options = console.options.update(width=UNLIMITED)
    return Measurement.get(console, options, table).maximum <= console.width


def _table(
    results: Results,
    layers: Sequence[LayerResult],
    threads: Sequence[int],
    *,
    is_rich: bool = False,
    is_narrow: bool = False,
    is_last: bool = True,
) -> Table:
    """Return the times: a group of columns for each number of threads, and what follows from the better ones.

    Args:
        results: the run.
        layers: the rows.
        threads: the groups.
        is_rich: with spreads, rates and memory.
        is_narrow: without the work, and with headings that are broken.
        is_last: whether the ratio of the better times is in it, where there are several numbers of threads.
    """
    ours, peers = results.ours, results.measured
    # What takes the time of a new size is not its arithmetic alone.
    has_work = all(layer.group != "shapes" for layer in layers)
    table = Table(box=None, pad_edge=False, header_style="bold")
    # One group has its name where there is room for it.
    has_one = len(threads) == 1
    table.add_column(f"{how_many(threads[0], 'thread') if has_one else ''}\nlayer", no_wrap=True)
    if has_work and not is_narrow:
        table.add_column("\nGFLOP", justify="right", no_wrap=True)
    for number in threads:
        for place, peer in enumerate(peers):
            group = "" if place or has_one else how_many(number, "thread")
            table.add_column(
                f"{group}\n{peer.name}",
                justify="right",
                no_wrap=not is_narrow,
                overflow="fold",
                min_width=7,
            )
        if ours is not None:
            table.add_column(f"{ours}\n/ best", justify="right", no_wrap=True)
    has_better = ours is not None and is_last and len(results.settings.threads) > 1
    if has_better:
        table.add_column("better:\n/ best", justify="right", no_wrap=True)
    has_rates = ours is not None and is_rich and has_work
    if has_rates:
        for heading in (f"{ours}\nGFLOP/s", "of\nproduct", f"{ours}\nMiB"):
            table.add_column(heading, justify="right", no_wrap=True)
    for layer in layers:
        best = layer.best()
        cells: list[str | Text] = [layer.name]
        if has_work and not is_narrow:
            cells.append(f"{layer.flop / 1e9:.3g}")
        for number in threads:
            for peer in peers:
                found = layer.of(peer.name, number)
                text = _NOTHING if found is None else milliseconds(found.seconds)
                text += f" ±{found.spread:.0%}" if found is not None and is_rich else ""
                cells.append(Text(text, "bold" if found is not None and found == best else ""))
            if ours is not None:
                cells.append(_ratio(layer.ratio(ours, number)))
        if has_better and ours is not None:
            cells.append(_ratio(layer.ratio(ours)))
        if has_rates and ours is not None:
            cells += _rates(results, layer, ours)
        table.add_row(*cells)
    return table


def _ratio(ratio: float | None) -> str | Text:
    return _NOTHING if ratio is None else Text(f"{ratio:.2f}", "green" if ratio <= 1 else "yellow")


def _rates(results: Results, layer: LayerResult, ours: str) -> list[str]:
    mine = layer.of(ours)
    if mine is None:
        return [_NOTHING] * 3
    share = results.share_of_product(layer, mine.seconds)
    return [
        f"{layer.flop / mine.seconds / 1e9:.3g}",
        _NOTHING if share is None else f"{share:.0%}",
        _NOTHING if mine.memory is None else f"{mine.memory / 2**20:.0f}",
    ]


def _show_machine(results: Results, console: Terminal) -> None:
    machine = results.machine
    for dtype in machine.dtypes:
        rates = [
            f"{rate / 1e9:.0f} GFLOP/s with {how_many(number, 'thread')}"
            for number in results.settings.threads
            if (rate := machine.product(dtype, number)) is not None
        ]
        console.told(f"this machine, a {dtype} matrix product: {', '.join(rates)}")
    console.print(f"this machine, copying: {(machine.copy or 0) / 1e9:.1f} GB/s")
    for peer in results.measured:
        if peer.kernels:
            used = ", ".join(f"{name} {kernel}" for name, kernel in peer.kernels.items())
            console.told(f"kernels of {peer.name}: {used}")


def _show_means(results: Results, layers: Sequence[LayerResult], console: Terminal) -> None:
    ours, threads = results.ours, results.settings.threads
    if ours is None:
        return
    several: list[int | None] = [None, *threads]
    for number in several if len(threads) > 1 else several[:1]:
        ratios = results.ratios(ours, threads=number, layers=layers)
        if not ratios:
            continue
        how = how_many(number or threads[0], "thread")
        if number is None and len(threads) > 1:
            how = "the better number of threads"
        console.told(
            f"{ours}, {how}: {geometric_mean(ratios):.2f} times the best peer's time (geometric mean), "
            f"the fastest on {sum(r <= 1 for r in ratios)} of {how_many(len(ratios), 'layer')}"
        )
        if number is None:
            for peer in results.measured:
                mean = geometric_mean(results.ratios(ours, peer.name, layers=layers))
                if mean is not None and peer.name != ours:
                    console.print(f"  {mean:.2f} times {peer.name}'s time")


def _show_growth(results: Results, console: Terminal) -> None:
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
            slopes.append(_NOTHING if found is None else f"{found:.2f}")
        table.add_row(layers[0].axis, *slopes)
    console.print(table)


def show_changes(comparison: Comparison, console: Terminal) -> None:
    """Print every layer, peer and number of threads that both have, and how fast the machine itself was."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    left = ("layer", "peer", "")
    for heading in ("layer", "peer", "threads", "before ms", "now ms", "now/before", "turns", ""):
        table.add_column(heading, justify="left" if heading in left else "right")
    for change in comparison.changes:
        table.add_row(
            change.layer, change.peer, str(change.threads), milliseconds(change.old.seconds),
            milliseconds(change.new.seconds), f"{change.ratio:.3f}",
            f"{change.low:.2f} to {change.high:.2f}", change.verdict,
            style=_STYLES[change.verdict],
        )  # fmt: skip
    console.print(table)
    rates = {"matrix products": comparison.product, "copying": comparison.copy}
    said = ", ".join(f"{name} {rate:.3f}" for name, rate in rates.items() if rate is not None)
    console.print(f"rates of the machine itself, now/before: {said}")
    for note in comparison.notes:
        console.print(f"not the same: {note}", style="yellow")
