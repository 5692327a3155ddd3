"""A run: every peer in a process of its own, asked in turns, layer by layer."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs

from conformance import __version__
from conformance.bench.layers import SERIES, Layer
from conformance.model import machine
from conformance.subjects.processes.process import START_SECONDS, Broken, LineProcess
from reports.bench import LayerResult, Machine, Measurement, Peer, Results, Settings

#: Seconds that a peer may take to make a layer ready, and beyond its share to measure it.
PATIENCE = 300.0
#: Seconds of quiet before each turn: some libraries' threads spin on for a while when they are done.
PAUSE = 0.02

Progress = Callable[[str], None]


class Process:
    """A peer's process; one that died is started again for the next layer."""

    def __init__(self, spec: str, threads: int) -> None:
        self.spec = spec
        self._threads = threads
        self._child: LineProcess | None = None

    def hello(self) -> dict[str, Any]:
        """Start, and return versions or the reason why there is none."""
        try:
            self._child = LineProcess(self._command(), self._environment())
            answer = self._child.ask({"do": "hello"}, START_SECONDS)
        except (Broken, OSError) as reason:
            self.close()
            return {"absent": str(reason)}
        if "versions" not in answer:
            self.close()
            return {"absent": answer.get("absent") or answer.get("error") or "no answer"}
        return answer

    def ask(self, **request: Any) -> dict[str, Any]:
        """Ask; a process that dies or hangs is an answer `error`."""
        if self._child is None:
            answer = self.hello()
            if "absent" in answer:
                return {"error": answer["absent"]}
        assert self._child is not None
        try:
            return self._child.ask(request, PATIENCE)
        except Broken as reason:
            self.close()
            return {"error": str(reason)}

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _command(self) -> list[str]:
        arguments = [self.spec, "--threads", str(self._threads)]
        return [sys.executable, "-m", "conformance.bench.worker", *arguments]

    def _environment(self) -> dict[str, str]:
        names = (
            "FAST_IMPL_NUM_THREADS",
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
        )
        return {**os.environ, **dict.fromkeys(names, str(self._threads))}


@attrs.define
class _Rates:
    """What the yardstick said so far."""

    products: dict[str, list[float]] = attrs.field(factory=dict)
    libraries: dict[str, str] = attrs.field(factory=dict)
    copies: list[float] = attrs.field(factory=list)

    def add(self, dtype: str, answer: dict[str, Any]) -> None:
        self.products.setdefault(dtype, []).append(float(f"{answer['product']:.4g}"))
        self.copies.append(float(f"{answer['copy']:.4g}"))
        self.libraries[dtype] = answer["library"]


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
        settings: threads, rounds, seconds of a turn, forward or gradients.
        command: what the user typed, for the record.
        progress: told what happens next, once for each of `steps`.

    Raises:
        RuntimeError: fast_impl itself cannot be run, with which every result is checked.
    """
    started, clock = datetime.now(timezone.utc), time.monotonic()
    load_before = machine.load()
    rates = _Rates()
    with _processes(specs, settings.threads) as (judge, processes):
        progress("starting the peers")
        answer = judge.hello()
        if "absent" in answer:
            raise RuntimeError(
                f"fast_impl, which checks the results, does not run: {answer['absent']}"
            )
        peers = [_peer(process) for process in processes]
        there = [p for p, peer in zip(processes, peers) if peer.absent is None]
        results = []
        with tempfile.TemporaryDirectory() as folder:
            expected = Path(folder) / "expected.npz"
            for layer in layers:
                results.append(_measure(judge, there, layer, settings, expected, progress))
                dtype = "float64" if layer.dtype == "float64" else "float32"
                rates.add(dtype, _must(judge.ask(do="rates", dtype=dtype)))
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
            products=rates.products,
            product_library=rates.libraries,
            copies=rates.copies,
        ),
        peers=peers,
        layers=results,
    )


def steps(layers: Sequence[Layer], settings: Settings) -> int:
    """Return how often `run` reports progress."""
    return 1 + len(layers) * (1 + settings.rounds)


@contextmanager
def _processes(specs: Sequence[str], threads: int) -> Iterator[tuple[Process, list[Process]]]:
    judge, processes = Process("fast", threads), [Process(spec, threads) for spec in specs]
    try:
        yield judge, processes
    finally:
        for process in (judge, *processes):
            process.close()


def _peer(process: Process) -> Peer:
    answer = process.hello()
    return Peer(name=process.spec, versions=answer.get("versions", {}), absent=answer.get("absent"))


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
    task = {"layer": attrs.asdict(layer), "gradients": settings.gradients}
    _must(judge.ask(do="expect", file=str(expected), **task))
    found = {
        process: _prepared(process.spec, process.ask(do="prepare", expected=str(expected), **task))
        for process in processes
    }
    for number in range(settings.rounds):
        progress(f"{layer.name}: round {number + 1}")
        ready = [process for process in processes if found[process].problem is None]
        # Each round begins with another peer: nobody always follows the same neighbour.
        first = number % len(ready) if ready else 0
        for process in ready[first:] + ready[:first]:
            time.sleep(PAUSE)
            answer = process.ask(do="measure", seconds=settings.seconds)
            found[process] = _with_turn(found[process], answer)
    return LayerResult(
        name=layer.name,
        group=layer.group,
        sizes=layer.describe(),
        dtype=layer.dtype,
        flop=layer.flop(settings.gradients),
        bytes=layer.bytes(settings.gradients),
        series=layer.series,
        axis=SERIES[layer.series][0] if layer.series else "",
        value=layer.value,
        measurements=[found[process] for process in processes],
    )


def _prepared(peer: str, answer: dict[str, Any]) -> Measurement:
    for problem in ("unsupported", "wrong", "error"):
        if problem in answer:
            return Measurement(peer=peer, problem=problem, reason=answer[problem])
    return Measurement(
        peer=peer,
        variant=answer["variant"],
        memory=answer["memory"],
        difference=float(f"{answer['difference']:.2g}"),
    )


def _with_turn(before: Measurement, answer: dict[str, Any]) -> Measurement:
    if "error" in answer:
        return attrs.evolve(before, turns=[], problem="error", reason=answer["error"])
    return attrs.evolve(before, turns=[*before.turns, answer["samples"]], inner=answer["inner"])


def _must(answer: dict[str, Any]) -> dict[str, Any]:
    reason = answer.get("error") or answer.get("unsupported")
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
