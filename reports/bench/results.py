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

FORMAT = 2
KIND = "conformance-bench"


class ResultsError(ValueError):
    """A file that holds no results; the message is one sentence naming it."""


@attrs.frozen(kw_only=True)
class Settings:
    """How was measured. Every peer was asked with each number of `threads`; the faster one counts."""

    threads: list[int]
    rounds: int
    seconds: float
    gradients: bool = False
    dtype: str | None = None


@attrs.frozen(kw_only=True)
class Rate:
    """What the machine itself does at best with a number of threads, by samples taken between the layers.

    Args:
        threads: how many.
        dtype: of the matrix products.
        library: whose products were the faster.
        products: floating-point operations a second.
        copies: bytes a second, read and written both counted.
    """

    threads: int
    dtype: str
    library: str
    products: list[float]
    copies: list[float]


#: Variables that keep a library from the best kernels for the processor.
_NARROWING = (
    "OPENBLAS_CORETYPE",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
    "FAST_IMPL_MACHINE_CODE",
)


@attrs.frozen(kw_only=True)
class Machine:
    """Where was measured.

    `environment` has those variables that are set and decide which kernels libraries use; None where that was not
    recorded.
    """

    platform: str
    processor: str
    instructions: str
    cores: int
    memory: int | None
    python: str
    load_before: float | None
    load_after: float | None
    rates: list[Rate]
    environment: dict[str, str] | None = None

    @property
    def dtypes(self) -> list[str]:
        """The number formats of the products."""
        return list(dict.fromkeys(rate.dtype for rate in self.rates))

    def product(self, dtype: str, threads: int | None = None) -> float | None:
        """Return the median rate of products, with the number of threads where it is the greatest.

        Args:
            dtype: for float16 and bfloat16 it is that of float32, which they are computed in.
            threads: this number instead.
        """
        wanted = "float32" if dtype in ("float16", "bfloat16") else dtype
        return max(
            (
                statistics.median(rate.products)
                for rate in self.rates
                if rate.dtype == wanted and rate.products and threads in (None, rate.threads)
            ),
            default=None,
        )

    @property
    def copy(self) -> float | None:
        """Median rate of copying, with the number of threads where it is the greatest."""
        by_threads: dict[int, list[float]] = {}
        for rate in self.rates:
            by_threads.setdefault(rate.threads, []).extend(rate.copies)
        return max(
            (statistics.median(found) for found in by_threads.values() if found), default=None
        )


@attrs.frozen(kw_only=True)
class Peer:
    """A library, with its versions and the kernels in use; or the reason why it was not measured."""

    name: str
    versions: dict[str, str] = attrs.field(factory=dict)
    kernels: dict[str, str] = attrs.field(factory=dict)
    absent: str | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is fast_impl, whole or in part."""
        return is_ours(self.name)


@attrs.frozen(kw_only=True)
class Measurement:
    """One peer on one layer, with one number of threads.

    Args:
        peer: its name.
        threads: how many it had.
        turns: seconds of every sample, by turn: nothing is left out.
        inner: how many calls each sample is the mean of.
        variant: the way of calling that was the fastest.
        memory: bytes beyond one input, kernel and output; None where the system does not say.
        difference: the largest from the expected result, in units of its root mean square.
        problem: why there are no turns: `unsupported`, `wrong` or `error`.
        reason: the same in words.
    """

    peer: str
    threads: int
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
    """One layer: its sizes, its work, and every peer's times.

    `flop` and `bytes` are what the layer needs at least (where sizes change, in their middle); `series` and
    `value` place it in a series of growth.
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

    def of(self, peer: str, threads: int | None = None) -> Measurement | None:
        """Return a peer's measurement with a number of threads, or the faster one; None where it has no time."""
        return _fastest(m for m in self._timed(threads) if m.peer == peer)

    def problem_of(self, peer: str, threads: int | None = None) -> Measurement | None:
        """Return why a peer has no time here, None where it was not asked."""
        found = (m for m in self.measurements if m.problem and threads in (None, m.threads))
        return next((m for m in found if m.peer == peer), None)

    def best(self, threads: int | None = None) -> Measurement | None:
        """Return the fastest measurement of all."""
        return _fastest(self._timed(threads))

    def best_rival(self, threads: int | None = None) -> Measurement | None:
        """Return the fastest measurement of a peer other than our own."""
        return _fastest(m for m in self._timed(threads) if not is_ours(m.peer))

    def ratio(self, peer: str, threads: int | None = None) -> float | None:
        """Return a peer's time over that of the best rival; below one it is the faster.

        Args:
            peer: its name.
            threads: how many both have; without it, each has the number with which it is the faster.
        """
        mine, best = self.of(peer, threads), self.best_rival(threads)
        return None if mine is None or best is None else mine.seconds / best.seconds

    def _timed(self, threads: int | None) -> list[Measurement]:
        return [m for m in self.measurements if m.is_timed and threads in (None, m.threads)]

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
        found: dict[tuple[str, str, str], dict[str, None]] = {}
        for layer in self.layers:
            for measurement in layer.measurements:
                if measurement.problem is not None:
                    key = (measurement.peer, measurement.problem, measurement.reason)
                    found.setdefault(key, {})[layer.name] = None
        return [
            Problem(*key, ", ".join(names) if len(names) < len(self.layers) else "all layers")
            for key, names in found.items()
        ]

    @property
    def compared(self) -> list[LayerResult]:
        """The layers that are no part of a series of growth, and whose sizes do not change."""
        return [layer for layer in self.layers if layer.group not in ("growth", "shapes")]

    @property
    def shapes(self) -> list[LayerResult]:
        """The layers whose size changes from call to call: the time is that of a size never seen before."""
        return [layer for layer in self.layers if layer.group == "shapes"]

    def ratios(
        self,
        peer: str,
        rival: str | None = None,
        *,
        threads: int | None = None,
        layers: Sequence[LayerResult] | None = None,
    ) -> list[float]:
        """Return a peer's time over `rival`'s, or the best rival's, for each layer that has both.

        Args:
            peer: its name.
            rival: the other's.
            threads: how many both have; without it, each has the number with which it is the faster.
            layers: which; without it, `compared`.
        """
        found: list[float] = []
        for layer in self.compared if layers is None else layers:
            mine = layer.of(peer, threads)
            other = layer.best_rival(threads) if rival is None else layer.of(rival, threads)
            if mine is not None and other is not None:
                found.append(mine.seconds / other.seconds)
        return found

    def share_of_product(
        self, layer: LayerResult, seconds: float, threads: int | None = None
    ) -> float | None:
        """Return the rate of a layer as a share of this machine's matrix products, as `Machine.product` says."""
        rate = self.machine.product(layer.dtype, threads)
        return None if rate is None else layer.flop / seconds / rate


def warnings(environment: dict[str, str] | None) -> list[str]:
    """Return a sentence for each variable that keeps libraries from their best kernels.

    Args:
        environment: the variables that are set, as `Machine` has them.
    """
    found = environment or {}
    return [
        f"{name}={found[name]} is set in the environment: it decides which kernels are used, and may hide the "
        f"best ones of this processor. To measure without it: env -u {name} conformance bench"
        for name in _NARROWING
        if name in found
    ]


def _fastest(found: Iterable[Measurement]) -> Measurement | None:
    return min(found, key=lambda m: m.seconds, default=None)


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
    if data.get("format") not in (1, FORMAT):
        raise ResultsError(
            f"{name!r} has format {data.get('format')!r}; this version reads 1 and {FORMAT}: measure again, "
            "or use the version that wrote it"
        )
    try:
        return cattrs.structure(_upgraded(data) if data["format"] == 1 else data, Results)
    except cattrs.BaseValidationError as error:
        first = cattrs.transform_error(error)[0]
        raise ResultsError(f"{name!r} holds no results: {first}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ResultsError(f"{name!r} holds no results of format 1: {error!r}") from None


def _upgraded(data: dict[str, Any]) -> dict[str, Any]:
    """Return results of format 1, whose peers had one number of threads, in the present format."""
    settings, machine = data["settings"], data["machine"]
    threads = settings["threads"]
    rates = [
        {
            "threads": threads,
            "dtype": dtype,
            "library": machine["product_library"][dtype],
            "products": products,
            "copies": machine["copies"] if place == 0 else [],
        }
        for place, (dtype, products) in enumerate(machine["products"].items())
    ]
    layers = [
        {**layer, "measurements": [{**m, "threads": threads} for m in layer["measurements"]]}
        for layer in data["layers"]
    ]
    return {
        **data,
        "settings": {**settings, "threads": [threads]},
        "machine": {**machine, "rates": rates},
        "layers": layers,
    }
