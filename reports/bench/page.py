"""The page of a benchmark: one file that loads nothing."""

from __future__ import annotations

import os
import shlex

from markupsafe import Markup

from reports.bench import drawing, pictures
from reports.bench.comparison import Comparison
from reports.bench.results import Results, geometric_mean, warnings
from reports.outputs.page import asset, environment, policy
from reports.outputs.writing import write_text


def render(results: Results, comparison: Comparison | None = None) -> str:
    """Return the page as HTML text; the same results give the same text."""
    style, script = asset("page.css") + asset("bench.css"), asset("page.js")
    ours, compared = results.ours, results.compared
    ratios = results.ratios(ours) if ours is not None else []
    found: str = environment().get_template("bench.html.j2").render(
        generator=f"conv2d-transpose-conformance {results.tool}",
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        results=results,
        comparison=comparison,
        ours=ours,
        compared=compared,
        mean=geometric_mean(ratios),
        new_sizes=geometric_mean(results.ratios(ours, layers=results.shapes)) if ours else None,
        wins=sum(ratio <= 1 for ratio in ratios),
        cards=[(peer, *_against(results, peer.name)) for peer in results.peers],
        key=drawing.key(results),
        ratios=[pictures.ratios(results, is_narrow=narrow) for narrow in (False, True)],
        roofline=[
            pictures.roofline(results, compared, is_narrow=narrow) for narrow in (False, True)
        ],
        growth=pictures.growth(results),
        problems=results.problems,
        warnings=warnings(results.machine.environment),
        colour=lambda peer: drawing.colour(results, peer),
        milliseconds=milliseconds,
        command=shlex.join(results.command),
    )  # fmt: skip
    return found


def write(
    results: Results, path: str | os.PathLike[str], comparison: Comparison | None = None
) -> None:
    """Write the page to `path`, whole or not at all.

    Raises:
        OSError: the folder is missing or cannot be written.
    """
    write_text(render(results, comparison), path)


def milliseconds(seconds: float) -> str:
    """Write a time with three digits."""
    ms = seconds * 1e3
    for digits, least in ((0, 99.95), (1, 9.995), (2, 0.9995)):
        if ms >= least:
            return f"{ms:,.{digits}f}"
    return f"{ms:.3f}"


def _against(results: Results, peer: str) -> tuple[float | None, int, int]:
    """Return our time over a peer's (mean), on how many layers we are faster, and of how many."""
    if results.ours is None or peer == results.ours:
        return None, 0, 0
    ratios = results.ratios(results.ours, peer)
    return geometric_mean(ratios), sum(ratio <= 1 for ratio in ratios), len(ratios)
