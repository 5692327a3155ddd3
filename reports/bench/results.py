"""What a run of the benchmark measured, and its JSON."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import cattrs

FORMAT = 1
KIND = "conformance-bench"


class ResultsError(ValueError):
    """A file that holds no results; the message is one sentence naming it."""


@attrs.frozen(kw_only=True)
class Settings:
    """How was measured: what two runs must share to be compared."""

    threads: int
    rounds: int
    seconds: float
    gradients: bool = False
    dtype: str | None = None


@attrs.frozen(kw_only=True)
class Machine:
    """Where was measured.

    Rates are samples taken between the layers of the same run: `products` floating-point operations
    a second by number format, `copies` bytes a second, read and written both counted.
    """

    platform: str
    processor: str
    instructions: str
    cores: int
    memory: int | None
    python: str
    load_before: float | None
    load_after: float | None
    products: dict[str, list[float]]
    product_library: dict[str, str]
    copies: list[float]

    def product(self, dtype: str) -> float | None:
        """Median rate of matrix products, for float16 of those in float32, which it is computed in."""
        samples = self.products.get("float32" if dtype == "float16" else dtype)
        return statistics.median(samples) if samples else None

    @property
    def copy(self) -> float | None:
        """Median rate of copying."""
        return statistics.median(self.copies) if self.copies else None


@attrs.frozen(kw_only=True)
class Peer:
    """A library, with its versions; or the reason why it was not measured."""

    name: str
    versions: dict[str, str] = attrs.field(factory=dict)
    absent: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is fast_impl, whole or in part."""
        return is_ours(self.name)


@attrs.frozen(kw_only=True)
class Measurement:
    """One peer on one layer.

    Args:
        peer: its name.
        turns: seconds of every sample, by turn: nothing is left out.
        inner: how many calls each sample is the mean of.
        variant: the way of calling that was the fastest.
        memory: bytes beyond one input, kernel and output; None where the system does not say.
        difference: the largest from the expected result, in units of its root mean square.
        problem: why there are no turns: `unsupported`, `wrong` or `error`.
        reason: the same in words.
    """

    peer: str
    turns: list[list[float]] = attrs.field(factory=list)
    inner: int = 1
    variant: str = ""
    memory: int | None = None
    difference: float | None = None
    problem: str | None = None
    reason: str = ""

    @property
    def is_timed(self) -> bool:
        """Whether there is a time."""
        return bool(self.turns)

    @property
    def medians(self) -> list[float]:
        """The median of each turn."""
        return [statistics.median(turn) for turn in self.turns]

    @property
    def seconds(self) -> float:
        """The median of the turns' medians."""
        return statistics.median(self.medians)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The quartiles of all samples."""
        samples = [sample for turn in self.turns for sample in turn]
        if len(samples) < 2:
            return samples[0], samples[0]
        low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
        return low, high

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, as a share of the median."""
        low, high = self.quartiles
        return (high - low) / 2 / self.seconds


@attrs.frozen(kw_only=True)
class LayerResult:
    """One layer: its sizes, its work, and every peer's time.

    `flop` and `bytes` are what the layer needs at least; `series` and `value` place it in a series of
    growth.
    """

    name: str
    group: str
    sizes: str
    dtype: str
    flop: float
    bytes: float
    series: str = ""
    axis: str = ""
    value: float = 0.0
    measurements: list[Measurement] = attrs.field(factory=list)

    def of(self, peer: str) -> Measurement | None:
        """Return a peer's measurement, None where it has no time."""
        return next((m for m in self.measurements if m.peer == peer and m.is_timed), None)

    def problem_of(self, peer: str) -> Measurement | None:
        """Return why a peer has no time here, None where it was not asked."""
        return next((m for m in self.measurements if m.peer == peer and m.problem), None)

    @property
    def best_rival(self) -> Measurement | None:
        """The fastest peer other than our own."""
        rivals = [m for m in self.measurements if m.is_timed and not is_ours(m.peer)]
        return min(rivals, key=lambda m: m.seconds, default=None)

    def ratio(self, peer: str) -> float | None:
        """Return a peer's time over that of the best rival; below one it is the faster."""
        mine, best = self.of(peer), self.best_rival
        return None if mine is None or best is None else mine.seconds / best.seconds

    @property
    def intensity(self) -> float:
        """Operations for each byte that has to be moved."""
        return self.flop / self.bytes


@attrs.frozen
class Problem:
    """Why a peer was not timed, and the layers it is true of."""

    peer: str
    problem: str
    reason: str
    layers: str


@attrs.frozen(kw_only=True)
class Results:
    """One run."""

    tool: str
    commit: str
    command: list[str]
    started: str
    took: float
    settings: Settings
    machine: Machine
    peers: list[Peer]
    layers: list[LayerResult]

    @property
    def measured(self) -> list[Peer]:
        """The peers that were there."""
        return [peer for peer in self.peers if peer.absent is None]

    @property
    def ours(self) -> str | None:
        """Our own peer, that the others are compared with; the first of several."""
        return next((peer.name for peer in self.measured if peer.is_ours), None)

    @property
    def problems(self) -> list[Problem]:
        """What was not timed: one entry for each peer and reason, with its layers."""
        found: dict[tuple[str, str, str], list[str]] = {}
        for layer in self.layers:
            for measurement in layer.measurements:
                if measurement.problem is not None:
                    key = (measurement.peer, measurement.problem, measurement.reason)
                    found.setdefault(key, []).append(layer.name)
        return [
            Problem(*key, ", ".join(names) if len(names) < len(self.layers) else "all layers")
            for key, names in found.items()
        ]

    @property
    def compared(self) -> list[LayerResult]:
        """The layers that are no part of a series of growth."""
        return [layer for layer in self.layers if layer.group != "growth"]

    def ratios(self, peer: str, rival: str | None = None) -> list[float]:
        """Return a peer's time over `rival`'s, or the best rival's, for each layer that has both."""
        found: list[float] = []
        for layer in self.compared:
            mine = layer.of(peer)
            other = layer.best_rival if rival is None else layer.of(rival)
            if mine is not None and other is not None:
                found.append(mine.seconds / other.seconds)
        return found

    def share_of_product(self, layer: LayerResult, seconds: float) -> float | None:
        """Return the rate of a layer as a share of this machine's matrix products."""
        rate = self.machine.product(layer.dtype)
        return None if rate is None else layer.flop / seconds / rate


def is_ours(peer: str) -> bool:
    """Whether a peer's name is that of fast_impl, of an algorithm of it, or of another checkout."""
    return peer == "fast" or peer.startswith(("fast:", "fast@"))


def geometric_mean(numbers: Iterable[float]) -> float | None:
    """Return the geometric mean, None of nothing."""
    logs = [math.log(number) for number in numbers]
    return math.exp(sum(logs) / len(logs)) if logs else None


def slope(points: Sequence[tuple[float, float]], least: float = 0.001) -> float | None:
    """Return the slope of log y over log x by least squares.

    Args:
        points: pairs of x and y, both above zero.
        least: points with a smaller y are left out: below, fixed costs of a call hide the growth.

    Returns:
        The slope; None with fewer than three points left.
    """
    kept = [(math.log(x), math.log(y)) for x, y in points if y >= least]
    if len(kept) < 3:
        return None
    return statistics.linear_regression([x for x, _ in kept], [y for _, y in kept]).slope


def save(results: Results, path: str | os.PathLike[str]) -> None:
    """Write the results as JSON.

    Raises:
        OSError: the file cannot be written.
    """
    data = {"kind": KIND, "format": FORMAT, **cattrs.unstructure(results)}
    Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def load(path: str | os.PathLike[str]) -> Results:
    """Read results that `save` wrote.

    Raises:
        ResultsError: the file cannot be read or holds something else.
    """
    name = os.fspath(path)
    try:
        data: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{name!r} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{name!r} is not JSON: {error}") from None
    if not isinstance(data, dict) or data.get("kind") != KIND:
        raise ResultsError(f"{name!r} holds no results of `conformance bench --json`")
    if data.get("format") != FORMAT:
        raise ResultsError(
            f"{name!r} has format {data.get('format')!r}; this version reads {FORMAT}"
        )
    try:
        return cattrs.structure(data, Results)
    except cattrs.BaseValidationError as error:
        first = cattrs.transform_error(error)[0]
        raise ResultsError(f"{name!r} holds no results: {first}") from None
