"""Random problems by every method, with all memory between pages that nobody may touch.

    python -m fast_impl.tests.fuzz --problems 100000
    python -m fast_impl.tests.fuzz --problems 1 --first 4711

A problem is its number: sizes of one and zero on every axis, operands in any order and direction in
memory, and with any stride where an axis has one element or none. The problems run in a process of their
own: one that kills it is reported, and the next one goes on in a new process.
"""

import argparse
import contextlib
import faulthandler
import functools
import math
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from unittest import mock

import numpy as np

import fast_impl
from conformance.model.geometry import Geometry
from conformance.oracle import taps
from fast_impl.forward import blocks, col2im, costs, direct, packing, planar
from fast_impl.gradients import direct as direct_gradients
from fast_impl.gradients import direct_inputs, direct_kernel, patches, small
from fast_impl.gradients.blocks import Backward
from fast_impl.gradients.direct import DirectBackward
from fast_impl.gradients.patches import PatchesBackward
from fast_impl.gradients.small import SmallBackward
from fast_impl.kernels import copying, native
from fast_impl.kernels.sums import calls, grids, tiles
from fast_impl.kernels.x86 import features
from fast_impl.planning import gradients, planner
from fast_impl.problem import dtypes
from fast_impl.problem.errors import InvalidArgumentError
from fast_impl.problem.problem import Options, Problem
from fast_impl.runtime import checking, environment
from fast_impl.tests import guarded

# Most numbers of an array, and multiply-adds for each, of a small and of a large problem.
SMALL, LARGE, ADDS = 4_000, 60_000, 8
# Strides for axes of one element or none, in bytes.
ODD = (0, 1, 3, 4, 8, 12, 4096, -4, -7, 1 << 20, 1 << 40, -(1 << 40))
# Constants that decide how work is cut, with values that cut it finely.
CUTS = (
    (calls, {"_WEIGHT_BYTES": 1}),
    (calls, {"_CACHED": 64, "_LARGE": 1}),
    (copying, {"_BLOCK_BYTES": 64}),
    (direct_kernel, {"_FEW": 1000, "_SHORT": 0}),
    (direct_kernel, {"_FEW": 0, "_REUSE": 0}),
    (direct_kernel, {"_PIXELS": 7, "_CHUNK_ADDS": 0}),
    (direct_kernel, {"_FEW_WEIGHTS": 0}),
    (direct_kernel, {"_RESULT_BYTES": 64, "_TASKS": 7}),
    (direct_kernel, {"_PIECE_BYTES": 1}),
    (direct_kernel, {"_FEW_INPUTS": 0}),
    (direct_kernel, {"_BORDER": 1e9}),
    (direct_kernel, {"_BORDER": -1}),
    (direct_kernel, {"_WORTH": 1e9}),
    (direct_kernel, {"_WORTH": 0}),
    (direct_gradients, {"_FAR": 0}),
    (direct_inputs, {"_WORTH": 1e9}),
    (direct_inputs, {"_WORTH": 0}),
    (col2im, {"_SUM_BYTES": 1000}),
    (col2im, {"_SUM_BYTES": 1, "_MOST_PIXELS": 5}),
    (grids, {"_WORTH_CUTTING": 1}),
    (patches, {"_TILE_BYTES": 1000}),
    (tiles, {"_LOOKED_AT": 30, "_PADDED": 0}),
    (packing, {"_LOOKED_UP": 0}),
    (small, {"_ALONE": 0, "_SUMMED": 0}),
)


@dataclass(frozen=True)
class Trial:
    """One problem in ``channels_last`` order, and what else is drawn for it; ``seed`` gives the data."""

    sizes: tuple[int, int, int, int]
    kernel: tuple[int, int]
    filters: int
    strides: tuple[int, int]
    padding: str
    dilation_rate: tuple[int, int]
    output_padding: tuple[int, int] | None
    data_format: str
    dtype: str
    threads: int
    at_end: bool
    seed: int

    @functools.cached_property
    def problem(self):
        options = Options.checked(
            self.strides, self.padding, self.data_format, self.dilation_rate, self.output_padding
        )
        dtype = dtypes.by_name(self.dtype)
        shape = self.turned(np.empty(self.sizes, "u1")).shape
        kernel = (*self.kernel, self.filters, self.sizes[3])
        return Problem.checked(shape, dtype, kernel, dtype, options)

    def turned(self, array):
        """A view of an array with its channels last in the trial's own layout."""
        return np.moveaxis(array, 3, 1) if self.data_format == "channels_first" else array

    def fits(self, most):
        """Whether it can be computed, with so many numbers."""
        try:
            problem = self.problem
        except InvalidArgumentError:
            return False
        shapes = problem.input_shape, problem.output_shape, problem.kernel_shape
        return max(map(math.prod, shapes)) < most and problem.multiply_adds < ADDS * most


def trial(number):
    """The trial with this number."""
    random = np.random.default_rng([2026, number])

    def pick(*choices):
        return choices[random.integers(len(choices))]

    def pair(*choices):
        return pick(*choices), pick(*choices)

    most = SMALL if random.random() < 0.9 else LARGE
    few = (1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 24, 25, 33, 64)
    while True:
        strides = pair(1, 1, 2, 2, 3, 4, 8)
        length = functools.partial(pick, 0, 1, 1, 2, 3, 4, 5, 7, 8, 11)
        if random.random() < 0.9:
            length = functools.partial(pick, 1, 1, 2, 3, 4, 5, 8, 13, 20)
        size = functools.partial(pick, *few, *((0,) if random.random() < 0.1 else ()))
        extra = None
        if random.random() < 0.2:
            extra = tuple(int(random.integers(stride)) for stride in strides)
        found = Trial(
            sizes=(pick(0, *range(1, 41)) if random.random() < 0.5 else pick(1, 2, 3),
                   length(), length(), size()),
            kernel=strides if random.random() < 0.15 else pair(1, 1, 2, 3, 3, 4, 5, 6, 16),
            filters=1 if random.random() < 0.3 else size(),
            strides=strides,
            padding=pick("valid", "same"),
            dilation_rate=(1, 1) if random.random() < 0.7 else pair(1, 2, 3, 6),
            output_padding=extra,
            data_format=pick("channels_last", "channels_last", "channels_first"),
            dtype=pick("float32", "float64"),
            threads=pick(1, 2),
            at_end=pick(False, True),
            seed=number,
        )  # fmt: skip
        if found.fits(most):
            # Narrow formats are rounded once from sums that are exact.
            narrow = random.random() < 0.15
            return replace(found, dtype=pick("float16", "bfloat16")) if narrow else found


# --- what must come out --------------------------------------------------------------------------


def expected(given, x, k, bias, g):
    """The output and the gradients of inputs, kernel and bias, all with their channels last."""
    x, k, bias, g = (array.astype(np.float64) for array in (x, k, bias, g))
    options = {**asdict(given), "data_format": "channels_last", "kernel_size": given.kernel}
    geometry = Geometry.of(options)
    return (
        taps.conv2d_transpose(geometry, x, k, bias),
        *taps.conv2d_transpose_gradients(geometry, x, k, g),
    )


# --- operands ------------------------------------------------------------------------------------


def odd_strides(array, random):
    """The same array with any strides where they mean nothing."""
    strides = [
        int(random.choice(ODD)) if size < 2 or not array.size else stride
        for size, stride in zip(array.shape, array.strides, strict=True)
    ]
    return np.lib.stride_tricks.as_strided(array, array.shape, strides)


def dressed(array, random, at_end):
    """A copy that lies in memory in any order and direction, and at times at an odd address."""
    # Axes from the slowest to the fastest: as in C, as in Fortran, or in any order.
    order, form = list(range(array.ndim)), random.random()
    if form < 0.2:
        order.reverse()
    elif form < 0.5:
        random.shuffle(order)
    steps = [1] * array.ndim
    if random.random() < 0.3:
        steps = [int(step) for step in random.choice((1, 1, 2, -1), array.ndim)]
    strides, each = [0] * array.ndim, array.itemsize
    for axis in reversed(order):
        strides[axis] = each * steps[axis]
        each *= max(array.shape[axis], 1) * abs(steps[axis])
    reach = [(max(n, 1) - 1) * stride for n, stride in zip(array.shape, strides, strict=True)]
    first = -sum(far for far in reach if far < 0)
    shift = int(random.integers(array.itemsize)) if random.random() < 0.1 else 0
    size = sum(map(abs, reach)) + array.itemsize if array.size else 0
    memory = guarded.block(shift + size, at_end)
    memory[...] = 255
    start = (0 if at_end else shift) + (first if size else 0)
    found = np.ndarray(array.shape, array.dtype, memory, start, strides)
    found[...] = array
    return odd_strides(found, random)


# --- one trial -----------------------------------------------------------------------------------


@contextlib.contextmanager
def finely_cut(given, random):
    """Work cut in any way: constants, lanes, tiles, and threads that cost nothing."""
    with contextlib.ExitStack() as stack:
        for module, constants in CUTS:
            if random.random() < 0.25:
                stack.enter_context(mock.patch.multiple(module, **constants))
        if random.random() < 0.5:
            for module, name in ((direct, "_candidates"), (blocks, "_tilings"), (planar, "_sizes")):
                stack.enter_context(mock.patch.object(module, name, _one_of(module, name, random)))
        if given.threads > 1:
            stack.enter_context(mock.patch.object(costs, "WAKE", 0))
            for module in (direct_gradients, patches):
                stack.enter_context(mock.patch.object(module, "_SMALL", 0))
        yield


def _one_of(module, name, random):
    real = getattr(module, name)

    def chosen(*given):
        found = list(real(*given))
        return [found[random.integers(len(found))]] if found else found

    return chosen


@functools.cache
def _targets():
    """What kernels may be generated for here: all that there is, or what the user names."""
    named = isinstance(environment.choice("FAST_IMPL_MACHINE_CODE", tuple(features.NAMES)), str)
    if named or native.target() is None:
        return [native.target()]
    return features.targets()


def _ways_back(given, target):
    """Every way to compute the gradients, by its name."""
    (problem, _), limit = given.problem.trimmed(), planner.WORKSPACE_LIMIT
    yield "scatter", None
    if not problem.multiply_adds:
        return
    if target is not None and direct_gradients.suits(problem, limit):
        yield "direct", DirectBackward.planned(problem, given.threads, limit, target)
    if patches.suits(problem, given.threads, limit):
        yield "patches", PatchesBackward(problem, given.threads)
    if small.suits(problem, limit):
        yield "small", SmallBackward(problem)
    yield "blocks", Backward(problem, given.threads, limit)


def differences(given):
    """Compute a trial in every way; yield what is wrong."""
    random = np.random.default_rng([given.seed, 1])
    problem = given.problem
    shapes = given.sizes, problem.kernel_shape, (given.filters,)
    x, k, bias = (random.integers(-3, 4, shape).astype(given.dtype) for shape in shapes)
    lengths = problem.height.output, problem.width.output
    g = random.integers(-3, 4, (len(x), *lengths, given.filters)).astype(given.dtype)
    y, *backwards = expected(given, x, k, bias, g)
    y, x, g, backwards[0] = map(given.turned, (y, x, g, backwards[0]))
    x, k, bias, g = (dressed(array, random, given.at_end) for array in (x, k, bias, g))
    y, *backwards = (np.asarray(array, given.dtype) for array in (y, *backwards))
    target = _targets()[random.integers(len(_targets()))]
    with finely_cut(given, random):
        for algorithm in fast_impl.algorithms():
            out = dressed(np.full_like(y, 77), random, given.at_end)
            out = out if random.random() < 0.7 else None
            with guarded.everything(given.at_end):
                plan = planner.planned(
                    problem, algorithm, given.threads, planner.WORKSPACE_LIMIT, target
                )
                found = plan.run(x, plan.pack(k), bias=bias, out=out)
            yield from _unequal(algorithm, ("result", found, y))
        for way, plan in _ways_back(given, target):
            with (
                guarded.everything(given.at_end),
                mock.patch.object(gradients, "planned", lambda *_, plan=plan: plan),
            ):
                found = gradients.gradients(problem, x, k, g)
            named = zip(("to inputs", "to kernel", "to bias"), found, backwards, strict=True)
            yield from _unequal(f"gradients by {way}", *named)


def _unequal(way, *results):
    for name, found, wanted in results:
        if not np.array_equal(found, wanted):
            yield f"{way}: {name} is wrong"


def failure(number):
    """What is wrong with a trial; "" for nothing."""
    given = trial(number)
    for cached in (
        grids.cut,
        planner.planned,
        planner.checked,
        gradients.planned,
        gradients.checked,
    ):
        cached.cache_clear()
    try:
        # Every second trial without the check of addresses, as at a user's.
        with mock.patch.object(checking, "wanted", return_value=number % 2 == 1):
            found = list(differences(given))
    except Exception as error:
        found = [f"{type(error).__name__}: {error}"]
    return f"{'; '.join(found)} in {given}" if found else ""


# --- many trials ---------------------------------------------------------------------------------


def failures(first, count, program=("-m", "fast_impl.tests.fuzz")):
    """Run trials in processes of their own; yield the number and the failure of each that fails."""
    end = first + count
    while first < end:
        some = "--first", str(first), "--problems", str(min(end - first, 1000)), "--here"
        child = subprocess.Popen(
            [sys.executable, *program, *some], stdout=subprocess.PIPE, text=True,
            cwd=Path(fast_impl.__file__).parents[1],
        )  # fmt: skip
        begun = first
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                begun, found = int(line.split()[0]), line.partition(" ")[2].strip()
                if found:
                    yield begun, found
        if child.wait():
            yield begun, f"ended with status {child.returncode} in {trial(begun)}"
        first = begun + 1


def say(*words):
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = int(os.environ.get("FUZZ_PROBLEMS", "1000"))
    parser.add_argument("--problems", type=int, default=default, help="how many (%(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (%(default)s)")
    parser.add_argument("--here", action="store_true", help="in this process; one line for each")
    given = parser.parse_args(arguments)
    numbers = range(given.first, given.first + given.problems)
    if given.here:
        faulthandler.enable()
        for number in numbers:
            say(number)
            found = failure(number)
            if found:
                say(number, found)
        return 0
    failed = 0
    for number, found in failures(given.first, given.problems):
        failed += 1
        say(f"problem {number}: {found}")
    say(f"{given.problems} problems, {failed} failures")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
