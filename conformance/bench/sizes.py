"""Layers whose every call has a height and width that was not seen before: images, or audio, of varying length.

The sizes come in one drawn order, the same for every peer: first those that are checked, then some for each way
to call a library, then those of the turns. A process meets each only once, but for the first.
"""

from __future__ import annotations

import time
import zlib

import numpy as np

from conformance.bench.layers import Layer, Pair
from conformance.bench.peers import Array, Bind, Call
from conformance.model.values.codec import dtype_of

#: How many sizes are checked, and how many decide between two ways to call a library.
CHECKED, TRIED = 2, 16
#: The place of the first turn's first size.
FIRST_TURN = 100
#: How many sizes a sample is the mean of, and how many samples a turn has.
OF_SAMPLE, OF_TURN = 8, 5


def most_turns(layer: Layer) -> int:
    """Return for how many turns a layer has sizes."""
    return (layer.how_many_sizes - FIRST_TURN) // (OF_TURN * OF_SAMPLE)


def known(bind: Bind, layer: Layer) -> Call:
    """Return a call of a size that was seen when the result was checked."""
    return _calls(bind, layer, 0, 1)[0]


def tried(bind: Bind, layer: Layer, way: int) -> list[Call]:
    """Return the calls that decide about one way; what another way has seen may be known to the library."""
    return _calls(bind, layer, CHECKED + way * TRIED, TRIED)


def of_sample(bind: Bind, layer: Layer, turn: int, sample: int) -> list[Call]:
    """Return the calls of one sample of a turn."""
    return _calls(bind, layer, FIRST_TURN + (turn * OF_TURN + sample) * OF_SAMPLE, OF_SAMPLE)


def checked(bind: Bind, layer: Layer) -> list[Array]:
    """Compute the outputs that are checked; of each size, what `Call.outputs` returns."""
    return [
        array.copy()
        for call in _calls(bind, layer, 0, CHECKED)
        for array in call.outputs(call.run())
    ]


def seconds_of_each(calls: list[Call]) -> float:
    """Return the mean seconds of calls, each made once."""
    started = time.perf_counter()
    for call in calls:
        call.run()
    return (time.perf_counter() - started) / len(calls)


def _calls(bind: Bind, layer: Layer, start: int, count: int) -> list[Call]:
    return [bind(_images(layer, size)) for size in layer.sizes(start, count)]


def _images(layer: Layer, size: Pair) -> Array:
    """Draw images of a size: batch, height, width, channels; the same for all peers."""
    generator = np.random.default_rng([zlib.crc32(layer.name.encode()), *size])
    numbers = generator.standard_normal(layer.sized(size).input_shape, np.float32)
    return numbers.astype(dtype_of(layer.dtype), copy=False)
