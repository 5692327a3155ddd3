"""One peer in a process of its own: it prepares a layer, then times it whenever it is asked.

``python -m conformance.bench.worker PEER --threads N`` reads one JSON object a line and answers each
with one line. What cannot be done is an answer too: `{"absent": ...}`, `{"unsupported": ...}`,
`{"wrong": ...}` or `{"error": ...}`, each with the reason.
"""

from __future__ import annotations

import gc
import json
import math
import os
import sys
import time
import zlib
from collections.abc import Callable
from typing import Any

import click
import numpy as np

from conformance.bench import memory, sizes, yardstick
from conformance.bench.layers import LAYERS, Layer
from conformance.bench.peers import Array, Bind, Call, Data, NotSupported, Peer, load
from conformance.model.values.codec import dtype_of

#: Largest difference from fast_impl, in units of the result's root mean square. Rounding stays far
#: below in every order of summation; bfloat16 products (0.01), a cropped side or a lost bias do not.
TOLERANCE = {"float64": 1e-11, "float32": 2e-4, "float16": 0.05, "bfloat16": 0.2}
#: Sums of gradients run over whole images and batches.
GRADIENT_FACTOR = 8

#: Parts of a measurement's seconds that one sample takes at least.
SAMPLES = 50
#: Samples of one turn, unless they take this many times the seconds; then one will do.
FEWEST_SAMPLES = 3
LONGEST = 5
#: Seconds of calls before the first sample: caches and threads of the last peer are still warm.
WARM_UP = 0.01


@click.command()
@click.argument("spec")
@click.option("--threads", type=int, required=True)
def main(spec: str, threads: int) -> None:
    """Serve the peer SPEC on standard input and output."""
    # A library that prints must not speak into the protocol: its standard output is our error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    server = Server(spec, threads)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(server, request.pop("do"))(**request)
        except NotSupported as reason:
            answer = {"unsupported": str(reason)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {_first_line(error)}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Server:
    """Answers the requests: its public methods."""

    def __init__(self, spec: str, threads: int) -> None:
        self._spec, self._threads = spec, threads
        self._peer: Peer | None = None
        self._call: Call | None = None
        self._layer: Layer | None = None
        #: The way that makes calls of any size, where they change.
        self._bind: Bind | None = None
        self._seconds = 0.0
        self._yardsticks: dict[str, yardstick.Yardstick] = {}

    def hello(self) -> dict[str, Any]:
        """Import the library and run a small layer, so that nothing is loaded later."""
        try:
            self._peer = load(self._spec, self._threads)
        except Exception as error:
            missing = isinstance(error, ImportError)
            return {"absent": _first_line(error) if missing else f"{type(error).__name__}: {error}"}
        small = next(layer for layer in LAYERS if layer.name == "tiny")
        for make in self._peer.prepare(small, data_of(small)).values():
            make().run()
        return {"versions": self._peer.versions(), "process": os.getpid()}

    def kernels(self) -> dict[str, Any]:
        """Say which kernels the library uses."""
        assert self._peer is not None
        return {"kernels": self._peer.kernels()}

    def expect(self, layer: dict[str, Any], gradients: bool, file: str) -> dict[str, Any]:
        """Write the results of this peer, those the others are checked against."""
        assert self._peer is not None
        wanted = Layer(**layer)
        if wanted.least is not None:
            (make_bind, *_) = self._peer.varying(wanted, data_of(wanted)).values()
            outputs = sizes.checked(make_bind(), wanted)
        else:
            (make, *_) = self._peer.prepare(wanted, data_of(wanted, gradients)).values()
            call = make()
            outputs = call.outputs(call.run())
        # A file of arrays has no bfloat16; float32 holds the same numbers.
        np.savez(file, *[a.astype(np.float32) if a.dtype.kind == "V" else a for a in outputs])
        return {}

    def rates(self, dtype: str, size: int, copied: int) -> dict[str, Any]:
        """Measure the machine once, as `yardstick.make`."""
        if dtype not in self._yardsticks:
            self._yardsticks.clear()
            self._yardsticks[dtype] = yardstick.make(dtype, self._threads, size, copied)
        ready = self._yardsticks[dtype]
        return {
            "product": ready.product_flops(),
            "copy": ready.copy_bytes(),
            "library": ready.library,
        }

    def prepare(self, layer: dict[str, Any], gradients: bool, expected: str) -> dict[str, Any]:
        """Make a layer ready, check it, choose the fastest way, and measure its memory."""
        assert self._peer is not None
        self._call = self._bind = None
        self._layer = wanted = Layer(**layer)
        if wanted.least is not None:
            variant, worst = self._choose_for_sizes(wanted, expected)
            if self._bind is None:
                return _wrong(variant, worst)
            return {"variant": variant, "memory": None, "difference": worst}
        before = memory.settle()
        variant, worst = self._choose(wanted, gradients, expected)
        if self._call is None:
            return _wrong(variant, worst)
        held = memory.settle()
        self._call.run()
        highest = memory.highest()
        extra = None
        if before is not None and held is not None and highest is not None:
            extra = max(0, highest - before - wanted.bytes(gradients))
        return {"variant": variant, "memory": extra, "difference": worst}

    def measure(self, seconds: float, turn: int) -> dict[str, Any]:
        """Time the prepared layer; a sample is the mean of `inner` calls.

        Args:
            seconds: how long.
            turn: its number, which decides the sizes where they change.
        """
        if self._bind is not None:
            return self._measure_sizes(self._bind, seconds, turn)
        assert self._call is not None
        run = self._call.run
        inner = max(1, math.ceil(seconds / SAMPLES / self._seconds))
        gc.collect()
        _at_least(run, WARM_UP)
        samples: list[float] = []
        begin = now = time.perf_counter()
        while now < begin + seconds or (
            len(samples) < FEWEST_SAMPLES and now < begin + LONGEST * seconds
        ):
            for _ in range(inner):
                run()
            samples.append((time.perf_counter() - now) / inner)
            now = time.perf_counter()
        return _samples(samples, inner)

    def _measure_sizes(self, bind: Bind, seconds: float, turn: int) -> dict[str, Any]:
        """Time calls of sizes that this process has not seen; those of a turn are the same for all."""
        assert self._layer is not None
        known = sizes.known(bind, self._layer)
        samples: list[float] = []
        begin = time.perf_counter()
        for number in range(sizes.OF_TURN):
            calls = sizes.of_sample(bind, self._layer, turn, number)
            gc.collect()
            _at_least(known.run, WARM_UP)
            samples.append(sizes.seconds_of_each(calls))
            if time.perf_counter() - begin > LONGEST * seconds:
                break
        return _samples(samples, sizes.OF_SAMPLE)

    def _choose_for_sizes(self, layer: Layer, expected: str) -> tuple[str, float]:
        """Keep the right way that is the fastest on new sizes, as `_choose` does."""
        assert self._peer is not None
        ways = self._peer.varying(layer, data_of(layer))
        best, fastest, last = math.inf, ("", math.nan), ("", math.nan)
        for place, (name, make) in enumerate(ways.items()):
            bind = make()
            difference = _difference(sizes.checked(bind, layer), expected, layer.dtype)
            last = (name, difference)
            if not difference <= TOLERANCE[layer.dtype]:
                continue
            seconds = sizes.seconds_of_each(sizes.tried(bind, layer, place))
            if seconds < best:
                best, fastest, self._bind = seconds, (name, difference), bind
        return last if self._bind is None else fastest

    def _choose(self, layer: Layer, gradients: bool, expected: str) -> tuple[str, float]:
        """Keep the fastest right way, say its name and how much it differs.

        Where every way is wrong none is kept, and the last one's name and difference are returned.
        """
        assert self._peer is not None
        ways = self._peer.prepare(layer, data_of(layer, gradients))
        allowed = TOLERANCE[layer.dtype] * (GRADIENT_FACTOR if gradients else 1)
        best, fastest, chosen = math.inf, ("", math.nan), None
        last = ("", math.nan)
        for name, make in ways.items():
            call = make()
            difference = _difference(call.outputs(call.run()), expected, layer.dtype)
            last = (name, difference)
            if not difference <= allowed:
                continue
            seconds = _at_least(call.run, 4 * WARM_UP)
            if seconds < best:
                best, fastest, chosen = seconds, (name, difference), call
        self._call, self._seconds = chosen, best
        return last if chosen is None else fastest


def data_of(layer: Layer, gradients: bool = False) -> Data:
    """Draw the arrays of a layer: normal numbers, outputs of about the bias's size; always the same."""
    generator = np.random.default_rng(zlib.crc32(layer.name.encode()))

    def drawn(shape: tuple[int, ...], scale: float = 1.0) -> Array:
        numbers = generator.standard_normal(shape, np.float32)
        numbers *= np.float32(scale)
        return numbers.astype(dtype_of(layer.dtype), copy=False)

    terms = layer.flop() / 2 / math.prod(layer.output_shape)
    return Data(
        drawn(layer.input_shape),
        drawn(layer.kernel_shape, 1 / math.sqrt(max(terms, 1))),
        drawn((layer.filters,)),
        drawn(layer.output_shape) if gradients else None,
    )


def _samples(samples: list[float], inner: int) -> dict[str, Any]:
    return {"samples": [float(f"{sample:.4g}") for sample in samples], "inner": inner}


def _wrong(variant: str, worst: float) -> dict[str, Any]:
    return {"wrong": f"{variant}: differs by {worst:.2g} of the root mean square"}


def _difference(got: list[Array], file: str, dtype: str) -> float:
    """Return the largest difference from the arrays in a file; infinite for other shapes, dtypes, or NaN."""
    worst = 0.0
    with np.load(file) as wanted:
        for array, name in zip(got, wanted.files, strict=True):
            expected = wanted[name]
            if array.shape != expected.shape or array.dtype.name != dtype:
                return math.inf
            size = math.sqrt(float(np.mean(np.square(expected, dtype=np.float64))))
            apart = array.astype(np.float64) - expected
            largest = float(np.max(np.abs(apart, out=apart), initial=0.0))
            worst = max(worst, largest / size if size else largest)
            if math.isnan(largest):
                return math.inf
    return worst


def _at_least(run: Callable[[], Any], seconds: float) -> float:
    """Call until the time is over, at least once; return the shortest call."""
    best, end = math.inf, time.perf_counter() + seconds
    while True:
        started = time.perf_counter()
        run()
        now = time.perf_counter()
        best = min(best, now - started)
        if now >= end:
            return best


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), "")[:300]


if __name__ == "__main__":
    main()
