"""The results as a Markdown table, for documentation and review comments."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from reports.bench.page import milliseconds
from reports.bench.results import LayerResult, Measurement, Results, geometric_mean, warnings
from reports.outputs.writing import write_text
from reports.views.enumeration import how_many


def table(results: Results) -> str:
    """Return a table for each number of threads, what follows from them, the machine, and the command."""
    threads = results.settings.threads
    lines: list[str] = []
    for title, layers in (("", results.compared), ("A size never seen before", results.shapes)):
        for number in threads if layers else []:
            heading = ": ".join(filter(None, (title, how_many(number, "thread"))))
            lines += [f"**{heading}**", "", *_rows(results, layers, number), ""]
            lines += _means(results, layers, number)
        if layers and len(threads) > 1:
            lines += _means(results, layers, None)
    machine = results.machine
    rates = (
        f"{rate / 1e9:.0f} GFLOP/s in {dtype} with {how_many(number, 'thread')}"
        for dtype in machine.dtypes
        for number in threads
        if (rate := machine.product(dtype, number)) is not None
    )
    lines += [f"Warning: {warning}.\n" for warning in warnings(machine.environment)]
    lines.append(
        f"{machine.processor} ({machine.instructions}, {how_many(machine.cores, 'core')}); matrix products: "
        f"{', '.join(rates)}. Commit {results.commit or 'unknown'}, {results.started[:10]}: "
        f"`{shlex.join(results.command)}`"
    )
    versions = (f"{n} {v}" for peer in results.measured for n, v in peer.versions.items())
    lines += ["", ", ".join(dict.fromkeys(versions)) + "."]
    used = (
        f"{peer.name}: {', '.join(f'{n} {kernel}' for n, kernel in peer.kernels.items())}"
        for peer in results.measured
        if peer.kernels
    )
    if kernels := "; ".join(used):
        lines += ["", f"Kernels in use: {kernels}."]
    return "\n".join(lines) + "\n"


def write_table(results: Results, path: str | os.PathLike[str]) -> None:
    """Write the table to `path`, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    write_text(table(results), path)


def _rows(results: Results, layers: Sequence[LayerResult], threads: int) -> list[str]:
    """Return the table of a number of threads; the last one has the ratio of the better times, too."""
    ours, peers = results.ours, [peer.name for peer in results.measured]
    several = results.settings.threads
    has_better = len(several) > 1 and threads == several[-1]
    # What takes the time of a new size is not its arithmetic alone.
    has_rate = all(layer.group != "shapes" for layer in layers)
    heading = ["layer", "sizes", *(f"{peer} ms" for peer in peers)]
    if ours is not None:
        heading += [f"{ours} ÷ best"] + ["better number of threads: ÷ best"] * has_better
        heading += [f"{ours}: of the product's rate"] * has_rate
    rows = [heading, ["---"] * 2 + ["---:"] * (len(heading) - 2)]
    for layer in layers:
        times = (layer.of(peer, threads) for peer in peers)
        cells = [
            layer.name,
            layer.sizes,
            *("" if m is None else milliseconds(m.seconds) for m in times),
        ]
        if ours is not None:
            cells += [_ratio(layer.ratio(ours, threads))]
            cells += [_ratio(layer.ratio(ours))] * has_better
            cells += [_share(results, layer, layer.of(ours, threads), threads)] * has_rate
        rows.append(cells)
    return ["| " + " | ".join(row) + " |" for row in rows]


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _share(results: Results, layer: LayerResult, mine: Measurement | None, threads: int) -> str:
    share = results.share_of_product(layer, mine.seconds, threads) if mine else None
    return "" if share is None else f"{share:.0%}"


def _means(results: Results, layers: Sequence[LayerResult], threads: int | None) -> list[str]:
    ours = results.ours
    if ours is None:
        return []
    ratios = results.ratios(ours, threads=threads, layers=layers)
    mean = geometric_mean(ratios)
    if mean is None:
        return []
    against = [
        f"{value:.2f} of {peer.name}'s"
        for peer in results.measured
        if peer.name != ours
        and (
            value := geometric_mean(results.ratios(ours, peer.name, threads=threads, layers=layers))
        )
        is not None
    ]
    wins = sum(ratio <= 1 for ratio in ratios)
    how = "" if threads else ", each library with the better number of threads"
    return [
        f"Geometric means{how}: {ours} takes {mean:.2f} of the best peer's time (the fastest on {wins} of "
        f"{how_many(len(ratios), 'layer')}), {', '.join(against)}.",
        "",
    ]
