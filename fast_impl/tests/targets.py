"""Targets for tests: kernels that do nothing, kernels that tell, and kernels that NumPy interprets."""

import ctypes
import dataclasses
import functools
import itertools

import numpy as np
import pytest

from fast_impl.kernels import native
from fast_impl.kernels.format import Copies, Products, Sums
from fast_impl.kernels.target import Generator, Target, Tile
from fast_impl.kernels.x86 import features
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512

# All targets with code of their own for float32 and float64, and those whose code this process can run: none where
# the user forbids generated code.
TARGETS = {name: target for name, target in features.NAMES.items() if target.pairs is None}
NATIVE = native.target()
HERE = [] if NATIVE is None else features.targets()
generated = pytest.mark.skipif(
    NATIVE is None, reason="this processor or system runs no generated code"
)


def needs(target):
    """Skip a test that runs code for a target where this process cannot."""
    return pytest.mark.skipif(
        target not in HERE, reason=f"this processor or system runs no code for {target.name}"
    )


# For tests that run code, with an argument ``target``: once for each target, where the processor has it.
on_each_target = pytest.mark.parametrize(
    "target",
    [pytest.param(target, id=name, marks=needs(target)) for name, target in TARGETS.items()],
)
# For tests that make code, and do not run it.
for_each_target = pytest.mark.parametrize("target", TARGETS.values(), ids=list(TARGETS))


def telling(kernel, target=AVX2):
    """A target, but for what a call of any kernel does."""
    return dataclasses.replace(
        target,
        team=None,
        turns=None,
        formats=None,
        **{
            kind: Generator(lambda *_: functools.partial(kernel), getattr(target, kind).words)
            for kind in ("sums", "products", "copies")
        },
    )


IDLE, IDLE_AVX512 = (telling(lambda place: None, target) for target in (AVX2, AVX512))


def interpreted(vector, registers, rows, *, masks=False):
    """An instruction set that does not exist: so many bytes a vector, rows by vectors of a panel."""
    return Target(
        name=f"NumPy, {vector} bytes",
        vector=vector,
        registers=registers,
        masks=masks,
        tiles={vectors: Tile(some, 1.0, 1.0, some) for vectors, some in rows.items()},
        best=2,
        tap=1.0,
        tile=1.0,
        # Cheaper than everything else.
        cycle=1e-12,
        most_step=1 << 20,
        sums=Generator(_sums, Sums.SIZE // 8),
        products=Generator(_products, Products.SIZE // 8),
        copies=Generator(_copies, Copies.SIZE // 8),
    )


def _numbers(place, count, dtype):
    room = (ctypes.c_char * (count * np.dtype(dtype).itemsize)).from_address(place)
    return np.frombuffer(room, dtype)


def _told(place, fields):
    return {at: ctypes.c_int64.from_address(place + at).value for at in range(0, fields.SIZE, 8)}


def _words(place):
    """The 32-bit integers from an address on."""
    return (ctypes.c_int32.from_address(place + at).value for at in itertools.count(0, 4))


def _jobs(call, fields):
    return _numbers(call[fields.JOBS], 3 * call[fields.COUNT], "i8").reshape(-1, 3).tolist()


def _sums(target, vectors, size, runs, again):
    rows, lanes, dtype = target.tiles[vectors].rows, vectors * target.vector // size, f"f{size}"

    def tile(words, taps, call, weights, inputs):
        sums = np.zeros((rows, lanes), dtype)
        for _ in range(taps):
            length, where = next(words), next(words)
            packed = _numbers(weights + where, length * lanes, dtype).reshape(length, lanes)
            for row in range(rows):
                place = next(words)
                pixel = call[Sums.NOTHING] if place < 0 else inputs + place
                sums[row] += _numbers(pixel, length, dtype) @ packed
        return sums

    def kernel(place):
        call = _told(place, Sums)
        for panel, (stream, inputs, outputs) in itertools.product(
            range(call[Sums.PANELS]), _jobs(call, Sums)
        ):
            weights = call[Sums.WEIGHTS] + panel * call[Sums.WEIGHTS_STEP]
            outputs += call[Sums.OUTPUTS] + panel * call[Sums.OUTPUTS_STEP]
            bias = _numbers(call[Sums.BIAS] + panel * lanes * size, lanes, dtype)
            words = _words(call[Sums.STREAMS] + stream)
            while (taps := next(words)) >= 0:
                targets = list(itertools.islice(words, rows))
                sums = tile(words, taps, call, weights, call[Sums.INPUTS] + inputs)
                for (row, to), run in itertools.product(enumerate(targets), runs):
                    if to >= 0:
                        some = slice(run.lane, run.lane + run.lanes)
                        into = _numbers(
                            outputs + to + run.displacement + run.line * call[Sums.LINE],
                            run.lanes,
                            dtype,
                        )
                        into[...] = sums[row, some] + (into if again else bias[some])

    return kernel


def _products(target, rows, vectors, size, gradient_step, channels, input_step):
    lanes, dtype = vectors * target.vector // size, f"f{size}"
    read = channels if target.masks else lanes

    def kernel(place):
        call = _told(place, Products)
        for panel, (stream, gradients, result) in itertools.product(
            range(call[Products.PANELS]), _jobs(call, Products)
        ):
            inputs = call[Products.INPUTS] + panel * call[Products.INPUTS_STEP]
            result += call[Products.RESULT] + panel * call[Products.RESULT_STEP]
            words = _words(call[Products.STREAMS] + stream)
            sums = np.zeros((rows, lanes), dtype)
            while (length := next(words)) >= 0:
                pixels = inputs + next(words)
                first = call[Products.GRADIENTS] + gradients + next(words)
                for number in range(length):
                    pixel = _numbers(pixels + number * input_step, read, dtype)
                    gradient = _numbers(first + number * gradient_step, rows, dtype)
                    sums[:, :read] += np.outer(gradient, pixel)
            for row in range(rows):
                to = result + row * call[Products.RESULT_ROW]
                _numbers(to, channels, dtype)[...] += sums[row, :channels]

    return kernel


def _copies(target, length):
    loops = (
        (Copies.OUTER, Copies.OUTER_STEP, Copies.TARGET_OUTER_STEP),
        (Copies.PANELS, Copies.PANEL_STEP, Copies.TARGET_PANEL_STEP),
        (Copies.INNER, Copies.INNER_STEP, Copies.TARGET_INNER_STEP),
    )

    def kernel(place):
        call = _told(place, Copies)
        for turns in itertools.product(*(range(call[count]) for count, _, _ in loops)):
            source, into = (
                call[first] + sum(n * call[loop[side]] for n, loop in zip(turns, loops))
                for first, side in ((Copies.SOURCE, 1), (Copies.TARGET, 2))
            )
            ctypes.memmove(into, source, length)
        moved = _numbers(place, 2, "i8")
        moved += [call[Copies.OUTER] * call[loops[0][side]] for side in (1, 2)]

    return kernel
