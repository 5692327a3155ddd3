"""How two measurements of speed differ, as `bench --compare` and `diff` print it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from reports.bench import Comparison
from reports.bench.page import milliseconds

_STYLES = {"faster": "green", "slower": "bold red", "within noise": "dim"}


def show_changes(comparison: Comparison, console: Console) -> None:
    """Print every layer and peer that both have, and how fast the machine itself was."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("layer", "peer", "before ms", "now ms", "now/before", "turns", ""):
        table.add_column(heading, justify="left" if heading in ("layer", "peer", "") else "right")
    for change in comparison.changes:
        table.add_row(
            change.layer, change.peer, milliseconds(change.old.seconds),
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
