"""Run an example, and TensorFlow beside it where it is installed: each side in a process of its own."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Example:
    """What an example computes.

    Args:
        module: Its name, for ``python -m``.
        about: What it is, a sentence.
        sizes: Keywords of `prepare` by the name of a size; the first is the default.
        prepare: Makes what both sides share: a dict of arrays and numbers.
        ours, theirs: Make of it what shall be timed: a callable without arguments that returns an array.
        agreement: Return the largest difference of the two as a part of what is allowed, given the shared, our
            result and theirs; TensorFlow may be asked again.
        runs: How often each side is timed after a first run; 0 is to time the first.
    """

    module: str
    about: str
    sizes: Mapping[str, Mapping[str, Any]]
    prepare: Callable[..., Any]
    ours: Callable[[Any], Callable[[], Array]]
    theirs: Callable[[Any], Callable[[], Array]]
    agreement: Callable[[Any, Array, Array], float]
    runs: int = 3


class SideFailedError(Exception):
    """The process of a side ended with an error; the message is its last line."""


@dataclass(frozen=True)
class Side:
    """One side's result, seconds of its fastest run, and the most memory its process had, in MiB."""

    result: Array
    seconds: float
    mebibytes: float


def measured(make: Callable[[Any], Callable[[], Array]], shared: Any, runs: int) -> Side:
    """Run one side in this process: once to warm up, then `runs` times."""
    run = make(shared)
    if runs:
        run()
    result: Array = np.zeros(0)
    times = []
    for _ in range(max(runs, 1)):
        begin = time.perf_counter()
        result = run()
        times.append(time.perf_counter() - begin)
    return Side(np.asarray(result), min(times), _most_memory())


def _most_memory() -> float:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(example: Example, arguments: list[str] | None = None) -> int:
    """Run the command of an example; status 1: a side fails, or the two differ by more than is allowed."""
    parser = argparse.ArgumentParser(f"python -m {example.module}", description=example.about)
    parser.add_argument("--size", choices=[*example.sizes], default=next(iter(example.sizes)))
    parser.add_argument("--alone", action="store_true", help="without TensorFlow")
    parser.add_argument("--side", choices=["ours", "theirs"], help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.side:
        shared = example.prepare(**example.sizes[given.size])
        side = measured(getattr(example, given.side), shared, example.runs)
        part = 0.0
        if given.ours:
            part = example.agreement(shared, np.load(given.ours)["result"], side.result)
        np.savez(given.out, result=side.result, figures=[side.seconds, side.mebibytes, part])
        return 0
    print(example.about)
    label = "fast_impl   "
    try:
        with tempfile.TemporaryDirectory() as folder:
            ours, _ = _process(example, given.size, "ours", Path(folder))
            print(f"{label} {_figures(ours)}   result {ours.result.shape}")
            label = "TensorFlow  "
            if given.alone or importlib.util.find_spec("tensorflow") is None:
                extra = "pip install 'conv2d-transpose-conformance[tensorflow]'"
                absent = f"not installed, so nothing is compared: {extra}"
                print(f"{label} {'not asked for' if given.alone else absent}")
                return 0
            theirs, part = _process(example, given.size, "theirs", Path(folder))
    except SideFailedError as error:
        print(f"{label} failed: {error}")
        return 1
    most = np.abs(ours.result.astype(np.float64) - theirs.result).max()
    print(f"{label} {_figures(theirs)}")
    print(f"speed        {theirs.seconds / ours.seconds:.2f} times TensorFlow's")
    print(f"agreement    largest difference {most:.2g}; {part:.2g} of what is allowed")
    return 0 if part <= 1 else 1


def _figures(side: Side) -> str:
    return f"{side.seconds * 1000:9.1f} ms   {side.mebibytes:7.0f} MiB at most"


def _process(example: Example, size: str, side: str, folder: Path) -> tuple[Side, float]:
    """Run a side in a process of its own; theirs, which runs second, also says how well the two agree."""
    out = folder / f"{side}.npz"
    command = [sys.executable, "-W", "ignore", "-m", example.module, "--size", size, "--side", side]
    command += ["--out", str(out)]
    if side == "theirs":
        command += ["--ours", str(folder / "ours.npz")]
    done = subprocess.run(
        command,
        check=False,
        env={"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise SideFailedError(said[-1] if said else f"its process ended with {done.returncode}")
    with np.load(out) as found:
        seconds, mebibytes, part = map(float, found["figures"])
        return Side(found["result"], seconds, mebibytes), part


def part_of(allowed: Any, ours: Array, theirs: Array) -> float:
    """Return the largest difference as a part of what is allowed there."""
    return float((np.abs(ours.astype(np.float64) - theirs) / allowed).max())


def rounding(terms: int, dtype: Any = np.float32) -> float:
    """Return gamma of docs/tolerance.md: what `terms` roundings change at most, relatively."""
    unit = terms * float(np.finfo(dtype).eps) / 2
    return unit / (1 - unit)
