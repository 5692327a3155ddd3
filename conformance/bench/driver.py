"""A run: every peer in a process of its own, asked in turns, layer by layer."""

from __future__ import annotations

import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs

from conformance import __version__
from conformance.bench import kernels, sizes, yardstick
from conformance.bench.layers import SERIES, Layer
from conformance.bench.process import Process
from conformance.model import machine
from reports.bench import LayerResult, Machine, Measurement, Peer, Rate, Results, Settings

#: Seconds of quiet before each turn, for what the last one's peer has left to the system.
PAUSE = 0.02

Progress = Callable[[str], None]


def run(
    specs: Sequence[str],
    layers: Sequence[Layer],
    settings: Settings,
    *,
    command: Sequence[str] = (),
    progress: Progress = lambda _: None,
) -> Results:
    """Measure.

    Args:
        specs: the peers, as `conformance.bench.peers.parse` takes them.
        layers: what they compute.
        settings: numbers of threads, rounds, seconds of a turn, forward or gradients.
        command: what the user typed, for the record.
        progress: told what happens next, once for each of `steps`.

    Raises:
        ValueError: a layer cannot be measured so.
        RuntimeError: fast_impl itself cannot be run, with which every result is checked.
    """
    _require_sizes(layers, settings)
    started, clock = datetime.now(timezone.utc), time.monotonic()
    load_before = machine.load()
    rates: dict[tuple[int, str], Rate] = {}
    with _processes(specs, settings.threads) as (judges, processes):
        progress("starting the peers")
        for judge in judges:
            _must(judge.hello())
        peers, there = _started(specs, processes)
        results = []
        with tempfile.TemporaryDirectory() as folder:
            expected = Path(folder) / "expected.npz"
            for layer in layers:
                results.append(_measure(judges[-1], there, layer, settings, expected, progress))
                dtype = "float64" if layer.dtype == "float64" else "float32"
                for judge in judges:
                    _add_rate(rates, judge, dtype)
    return Results(
        tool=__version__,
        commit=_commit(),
        command=list(command),
        started=started.isoformat(timespec="seconds"),
        took=round(time.monotonic() - clock, 1),
        settings=settings,
        machine=Machine(
            platform=platform.platform(),
            processor=machine.processor(),
            instructions=machine.instructions(),
            cores=machine.cores(),
            memory=machine.memory(),
            python=platform.python_version(),
            load_before=load_before,
            load_after=machine.load(),
            rates=list(rates.values()),
            environment=kernels.environment(),
        ),
        peers=peers,
        layers=results,
    )


def steps(layers: Sequence[Layer], settings: Settings) -> int:
    """Return how often `run` reports progress."""
    return 1 + len(layers) * (1 + settings.rounds)


def _require_sizes(layers: Sequence[Layer], settings: Settings) -> None:
    """Raise ValueError where layers whose sizes change cannot be measured so."""
    varying = [layer for layer in layers if layer.least is not None]
    if varying and settings.gradients:
        raise ValueError(
            f"--gradients: {varying[0].name}, whose sizes change, is measured forward only; leave out "
            "--gradients or the class shapes"
        )
    for layer in varying:
        most = sizes.most_turns(layer)
        if settings.rounds > most:
            raise ValueError(
                f"--rounds {settings.rounds}: {layer.name} has new sizes for {most} at most"
            )


@contextmanager
def _processes(
    specs: Sequence[str], threads: Sequence[int]
) -> Iterator[tuple[list[Process], list[Process]]]:
    """Make the judges, one for each number of threads, and the peers."""
    judges = [Process("fast", number) for number in threads]
    processes = [Process(spec, number) for spec in specs for number in threads]
    try:
        yield judges, processes
    finally:
        for process in (*judges, *processes):
            process.close()


def _started(
    specs: Sequence[str], processes: Sequence[Process]
) -> tuple[list[Peer], list[Process]]:
    """Start every process; return what the peers say of themselves, and those that run."""
    peers: list[Peer] = []
    there: list[Process] = []
    for spec in specs:
        own = [process for process in processes if process.spec == spec]
        answers = [process.hello() for process in own]
        running = [process for process, answer in zip(own, answers) if "absent" not in answer]
        there += running
        found = running[0].ask(do="kernels").get("kernels", {}) if running else {}
        versions: dict[str, str] = next((a["versions"] for a in answers if "versions" in a), {})
        absent = None if running else answers[0]["absent"]
        peers.append(Peer(name=spec, versions=versions, kernels=found, absent=absent))
    return peers, there


def _add_rate(rates: dict[tuple[int, str], Rate], judge: Process, dtype: str) -> None:
    large = {"size": yardstick.PRODUCT_SIZE, "copied": yardstick.COPY_BYTES}
    answer = _must(judge.ask(do="rates", dtype=dtype, **large))
    before = rates.get((judge.threads, dtype))
    rates[judge.threads, dtype] = Rate(
        threads=judge.threads,
        dtype=dtype,
        library=answer["library"],
        products=[*(before.products if before else []), float(f"{answer['product']:.4g}")],
        copies=[*(before.copies if before else []), float(f"{answer['copy']:.4g}")],
    )


def _measure(
    judge: Process,
    processes: Sequence[Process],
    layer: Layer,
    settings: Settings,
    expected: Path,
    progress: Progress,
) -> LayerResult:
    """Prepare and check every peer, then ask those that are right in turns."""
    progress(f"{layer.name}: checking")
    task: dict[str, Any] = {"layer": attrs.asdict(layer), "gradients": settings.gradients}
    _must(judge.ask(do="expect", file=str(expected), **task))
    found = {
        process: _prepared(process, process.ask(do="prepare", expected=str(expected), **task))
        for process in processes
    }
    for number in range(settings.rounds):
        progress(f"{layer.name}: round {number + 1}")
        ready = [process for process in processes if found[process].problem is None]
        # Each round begins with another one: nobody always follows the same neighbour.
        first = number % len(ready) if ready else 0
        for process in ready[first:] + ready[:first]:
            answer = process.ask(quiet=PAUSE, do="measure", seconds=settings.seconds, turn=number)
            found[process] = _with_turn(found[process], answer)
    typical = layer.middle
    return LayerResult(
        name=layer.name,
        group=layer.group,
        sizes=layer.describe(),
        dtype=layer.dtype,
        flop=typical.flop(settings.gradients),
        bytes=typical.bytes(settings.gradients),
        series=layer.series,
        axis=SERIES[layer.series][0] if layer.series else "",
        value=layer.value,
        measurements=[found[process] for process in processes],
    )


def _prepared(process: Process, answer: dict[str, Any]) -> Measurement:
    who: dict[str, Any] = {"peer": process.spec, "threads": process.threads}
    for problem in ("unsupported", "wrong", "error"):
        if problem in answer:
            return Measurement(**who, problem=problem, reason=answer[problem])
    return Measurement(
        **who,
        variant=answer["variant"],
        memory=answer["memory"],
        difference=float(f"{answer['difference']:.2g}"),
    )


def _with_turn(before: Measurement, answer: dict[str, Any]) -> Measurement:
    if "error" in answer:
        return attrs.evolve(before, turns=[], problem="error", reason=answer["error"])
    return attrs.evolve(before, turns=[*before.turns, answer["samples"]], inner=answer["inner"])


def _must(answer: dict[str, Any]) -> dict[str, Any]:
    reasons = (answer.get(problem) for problem in ("absent", "error", "unsupported"))
    reason = next((reason for reason in reasons if reason), None)
    if reason is not None:
        raise RuntimeError(f"fast_impl, which checks the results, failed: {reason}")
    return answer


def _commit() -> str:
    """Return the commit of the running sources, with a plus where they differ; empty outside Git."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        # An installed copy inside somebody's repository is not that repository's commit.
        if not git("ls-files", "--error-unmatch", str(Path(__file__).name)):
            return ""
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + "+" if git("status", "--porcelain", "--untracked-files=no") else commit
    except OSError:
        return ""
