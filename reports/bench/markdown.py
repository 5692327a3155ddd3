"""The results as a Markdown table, for documentation and review comments."""

from __future__ import annotations

import os
import shlex

from reports.bench.page import milliseconds
from reports.bench.results import LayerResult, Results, geometric_mean
from reports.outputs.writing import write_text
from reports.views.enumeration import how_many


def table(results: Results) -> str:
    """Return one row for each layer, what follows from them, the machine, and the command."""
    ours, peers = results.ours, [peer.name for peer in results.measured]
    heading = ["layer", "sizes", *(f"{peer} ms" for peer in peers)]
    if ours is not None:
        heading += [f"{ours} ÷ best", f"{ours}: of the product's rate"]
    rows = [heading, ["---"] * 2 + ["---:"] * (len(heading) - 2)]
    rows += [_row(results, layer, peers, ours) for layer in results.compared]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    machine = results.machine
    rates = (
        f"{rate / 1e9:.0f} GFLOP/s in {dtype}"
        for dtype in machine.products
        if (rate := machine.product(dtype)) is not None
    )
    lines += ["", *_means(results, ours), ""]
    lines.append(
        f"{machine.processor} ({machine.instructions}), {results.settings.threads} threads; matrix "
        f"products: {', '.join(rates)}. Commit {results.commit or 'unknown'}, "
        f"{results.started[:10]}: `{shlex.join(results.command)}`"
    )
    versions = (f"{n} {v}" for peer in results.measured for n, v in peer.versions.items())
    lines += ["", ", ".join(dict.fromkeys(versions)) + "."]
    return "\n".join(lines) + "\n"


def write_table(results: Results, path: str | os.PathLike[str]) -> None:
    """Write the table to `path`, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    write_text(table(results), path)


def _row(results: Results, layer: LayerResult, peers: list[str], ours: str | None) -> list[str]:
    cells = [layer.name, layer.sizes]
    for peer in peers:
        found = layer.of(peer)
        cells.append("" if found is None else milliseconds(found.seconds))
    if ours is not None:
        mine, best = layer.of(ours), layer.best_rival
        cells.append(f"{mine.seconds / best.seconds:.2f}" if mine and best else "")
        share = results.share_of_product(layer, mine.seconds) if mine else None
        cells.append("" if share is None else f"{share:.0%}")
    return cells


def _means(results: Results, ours: str | None) -> list[str]:
    if ours is None:
        return []
    ratios = results.ratios(ours)
    mean = geometric_mean(ratios)
    if mean is None:
        return []
    against = [
        f"{value:.2f} of {peer.name}'s"
        for peer in results.measured
        if peer.name != ours
        and (value := geometric_mean(results.ratios(ours, peer.name))) is not None
    ]
    wins = sum(ratio <= 1 for ratio in ratios)
    return [
        f"Geometric means: {ours} takes {mean:.2f} of the best peer's time (the fastest on {wins} of "
        f"{how_many(len(ratios), 'layer')}), {', '.join(against)}."
    ]
