"""Windows: each input pixel times all taps at once, and each of these windows added where it belongs (col2im).

One matrix product has a column for every tap of every filter, so that few filters fill vectors, too, and nothing
is multiplied by padding or by a made-up weight. The generated kernels of sums (`fast_impl.kernels.format`) keep a
window of the output in registers, and add it, line by line, to sums in the cache. A task has some rows of the
output to itself, and computes every window that reaches them: windows at the border of two tasks are computed by
both, and every output is summed in the order of its inputs however the work is divided.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.forward import costs
from fast_impl.forward.method import MOST_TAPS, Offer, Proposal
from fast_impl.forward.turned import Turned, taken
from fast_impl.kernels import made
from fast_impl.kernels.copying import shares
from fast_impl.kernels.format import END, ZEROS, Run, Sums
from fast_impl.kernels.sums.panels import widths
from fast_impl.kernels.sums.streams import TooLongError, as_words
from fast_impl.kernels.target import Target
from fast_impl.kernels.tasks import Task, Tasks
from fast_impl.problem.problem import Problem
from fast_impl.runtime import memory, workers
from fast_impl.runtime.addresses import address, call_words

Array = npt.NDArray[Any]

# Bytes of the sums of a task, which stay in a core's cache while inputs pass through it.
_SUM_BYTES = 256 << 10
# Vectors of a window beyond which other methods have enough lanes.
_MOST_VECTORS = 16
# Pixels of a task's stream.
_MOST_PIXELS = 1 << 13
# Tasks for each thread.
_TASKS = 4
# Cycles to add a vector, or a part of one, of a window to the sums; seconds of a sum that is set and copied.
_ADD, _SUM = 3.0, 0.15e-9
# Seconds of a task besides; to pack a kernel, and for each of its weights.
_TASK = 6e-6
_PACK, _WEIGHT = 10e-6, 2e-9


class _Panel(NamedTuple):
    """Some lanes of all windows: so many vectors from ``lane`` on, and the lines that they are written to."""

    vectors: int
    lane: int
    runs: tuple[Run, ...]


class _Band(NamedTuple):
    """A task: output rows ``low`` to ``high`` of some images, and the input rows that reach them.

    ``top`` is the row of the full result (nothing cropped) that its sums begin with.
    """

    first_image: int
    images: int
    first: int
    last: int
    low: int
    high: int
    top: int


class Col2im:
    """The method for one problem with its channels last."""

    silent = False

    def __init__(self, problem: Problem, threads: int, target: Target) -> None:
        self.problem, self.target = problem, target
        self.size = problem.dtype.itemsize
        width = problem.width
        full = (width.input - 1) * width.stride + width.extent
        # Numbers of a row of sums.
        self.line = max(full, width.before + width.output) * problem.filters
        self.panels = self._panels()
        self.lanes = target.vector // self.size
        self.bands = self._bands(threads)
        self.threads = min(threads, len(self.bands))

    def _panels(self) -> list[_Panel]:
        problem, target = self.problem, self.target
        height, width, filters = problem.height, problem.width, problem.filters
        # Lines of a window that are neighbours in the output.
        across = 1 if width.dilation == 1 else width.kernel
        line = width.kernel // across * filters
        lines = [
            ((a * across + b) * line, b * width.dilation * filters * self.size, a)
            for a in range(height.kernel)
            for b in range(across)
        ]
        numbers = target.vector // self.size
        found = []
        lane = 0
        for vectors, count in widths(-(-len(lines) * line // numbers), target.best):
            for _ in range(count):
                end = lane + vectors * numbers
                runs = []
                for start, displacement, number in lines:
                    low, high = max(start, lane), min(start + line, end)
                    if low < high:
                        moved = displacement + (low - start) * self.size
                        runs.append(Run(low - lane, high - low, moved, number))
                found.append(_Panel(vectors, lane, tuple(runs)))
                lane = end
        return found

    def _bands(self, threads: int) -> list[_Band]:
        problem, height = self.problem, self.problem.height
        row = height.stride * self.line * self.size
        halo = -(-height.extent // height.stride) - 1
        most = max(1, min(_SUM_BYTES // row, _MOST_PIXELS // problem.width.input))
        images = max(1, min(most // height.input, problem.batch))
        if threads > 1:
            images = max(1, min(images, problem.batch // (threads * _TASKS)))
        count = -(-height.input // max(1, most - halo)) if most < height.input else 1
        if threads > 1 and problem.batch < threads:
            count = max(count, min(height.input // (4 * halo + 4), threads * _TASKS))
        found = []
        for image in range(0, problem.batch, images):
            some = min(images, problem.batch - image)
            for rows in shares(height.input, count):
                start, stop = rows.start, rows.stop
                # In rows of the full result, of which `before` are cropped.
                low = max(start * height.stride, height.before)
                end = height.before + height.output
                high = min(stop * height.stride, end) if stop < height.input else end
                low = min(low, high)
                first = max(0, start - halo)
                top = min(low, first * height.stride)
                found.append(
                    _Band(image, some, first, stop, low - height.before, high - height.before, top)
                )
        return [band for band in found if band.high > band.low]

    def prepare(self) -> None:
        """Make kernels and streams."""
        problem, height = self.problem, self.problem.height
        kernels = [
            made.sums(self.target, panel.vectors, self.size, panel.runs, True)
            for panel in self.panels
        ]
        self._nothing = np.zeros(problem.in_channels, problem.dtype)
        self._job = np.zeros((1, 3), np.int64)
        # Rows of sums of an image.
        self._rows = max(
            max(band.high + height.before, (band.last - 1) * height.stride + height.extent)
            - band.top
            for band in self.bands
        )  # fmt: skip
        self.elements = max(band.images for band in self.bands) * self._rows * self.line
        self._streams: dict[tuple[int, ...], Array] = {}
        calls: Task = [(kernel, row) for row, kernel in enumerate(kernels)]
        self._calls = [
            Tasks(self._told(band), Sums.INPUTS, 3, [calls], self.target) for band in self.bands
        ]

    @property
    def workspace(self) -> int:
        """Bytes that a run needs."""
        return self.threads * self.elements * self.size

    def _told(self, band: _Band) -> Array:
        """What the kernels of a task are told, but for the addresses of its arrays."""
        problem = self.problem
        image = problem.height.input * problem.width.input
        first = band.first_image * image + band.first * problem.width.input
        fields = {
            Sums.JOBS: address(self._job), Sums.COUNT: 1, Sums.NOTHING: address(self._nothing),
            Sums.INPUTS: first * problem.in_channels * self.size, Sums.PANELS: 1,
            Sums.LINE: problem.height.dilation * self.line * self.size,
        }  # fmt: skip
        told = []
        for panel in self.panels:
            fields[Sums.STREAMS] = address(
                self._stream(band, self.target.tiles[panel.vectors].rows)
            )
            fields[Sums.WEIGHTS] = panel.lane * problem.in_channels * self.size
            told.append(call_words(self.target.sums.words, fields))
        return np.array(told, np.int64)

    def _stream(self, band: _Band, tile: int) -> Array:
        height, width = self.problem.height, self.problem.width
        start = band.first * height.stride - band.top
        key = (tile, band.images, band.last - band.first, start)
        found = self._streams.get(key)
        if found is None:
            # Row by row, and in each row columns far apart, so that no window waits for its neighbour to be
            # written: an order that is the same however rows and images are divided among tasks.
            apart = -(-width.input // tile)
            columns = np.arange(tile * apart).reshape(tile, apart).T.ravel()
            row, column, image = np.meshgrid(
                np.arange(band.last - band.first),
                columns[columns < width.input],
                np.arange(band.images),
                indexing="ij",
            )
            source = ((image * height.input + row) * width.input + column).ravel()
            to = (image * self._rows + row * height.stride + start) * self.line
            to = (to + column * width.stride * self.problem.filters).ravel()
            del row, column, image
            tiles = -(-len(source) // tile)
            order = np.arange(tiles * tile).reshape(tiles, tile)
            there = order < len(source)
            order = np.minimum(order, len(source) - 1)
            stream = np.full(tiles * (3 + 2 * tile) + 1, END)
            words = stream[:-1].reshape(tiles, -1)
            words[:, 0], words[:, 1 + tile], words[:, 2 + tile] = 1, self.problem.in_channels, 0
            to *= self.size
            words[:, 1 : 1 + tile] = to[order]
            # A tile that is not full adds zeros.
            pixel = self.problem.in_channels * self.size
            source *= pixel
            words[:, 3 + tile :] = source[order]
            words[:, 3 + tile :][~there] = ZEROS
            found = self._streams[key] = as_words(stream)
        return found

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about."""
        streams = sum(stream.nbytes for stream in self._streams.values())
        return streams + sum(calls.nbytes for calls in self._calls)

    @property
    def form(self) -> Hashable:
        """What distinguishes the form of its packed kernels."""
        return ("col2im", self.size, *((panel.vectors, panel.lane) for panel in self.panels))

    def pack(self, kernel: Array) -> Array:
        """The weights of each panel, ``[channels, lanes]``, in the order in which the kernels read them."""
        flat = kernel.reshape(-1, kernel.shape[3])
        channels = kernel.shape[3]
        total = sum(panel.vectors for panel in self.panels) * self.lanes
        packed = memory.aligned(total * channels, self.problem.dtype)
        for panel in self.panels:
            lanes = panel.vectors * self.lanes
            into = packed[panel.lane * channels :][: lanes * channels].reshape(channels, lanes)
            some = flat[panel.lane : panel.lane + lanes]
            into[:, : len(some)] = some.T
            into[:, len(some) :] = 0
        return packed

    def run(self, inputs: Array, packed: Array, bias: Array | None, out: Array) -> None:
        """Write the transposed convolution of ``inputs`` into ``out``."""
        found = out if out.flags.c_contiguous else np.empty(out.shape, out.dtype)
        with memory.scratch() as lender:
            rooms = lender.empty(self.threads * self.elements, out.dtype)
            task = functools.partial(
                self._task,
                np.ascontiguousarray(inputs),
                packed,
                self._before(bias),
                rooms.reshape(self.threads, -1),
                found.reshape(*found.shape[:2], -1),
            )
            workers.run(task, len(self.bands), self.threads)
        if found is not out:
            out[...] = found

    def _before(self, bias: Array | None) -> Array | int:
        """What is in a row of sums before anything is added: nothing, or the bias of each number."""
        # A bias of -0 would make an output -0 that has no input.
        return 0 if bias is None else np.tile(bias + 0, self.line // self.problem.filters)

    def _task(
        self,
        inputs: Array,
        packed: Array,
        before: Array | int,
        rooms: Array,
        out: Array,
        number: int,
        seat: int,
    ) -> None:
        band = self.bands[number]
        sums = rooms[seat][: band.images * self._rows * self.line]
        np.copyto(sums.reshape(-1, self.line), before)
        self._calls[number].run(
            (address(inputs), address(packed), address(sums)),
            1,
            lambda: {
                Sums.JOBS: self._job, Sums.NOTHING: self._nothing, Sums.INPUTS: inputs,
                Sums.STREAMS: list(self._streams.values()), Sums.WEIGHTS: packed, Sums.OUTPUTS: sums,
            },
        )  # fmt: skip
        top = band.low + self.problem.height.before - band.top
        left = self.problem.width.before * self.problem.filters
        rows = sums.reshape(band.images, self._rows, self.line)
        rows = rows[:, top : top + band.high - band.low, left : left + out.shape[2]]
        np.copyto(
            out[band.first_image : band.first_image + band.images, band.low : band.high], rows
        )

    def seconds(self) -> float:
        """Predicted time of the whole problem."""
        problem, target = self.problem, self.target
        pixels = sum(
            band.images * (band.last - band.first) * problem.width.input for band in self.bands
        )
        cycles = 0.0
        for panel in self.panels:
            tile = target.tiles[panel.vectors]
            adds = sum(-(-run.lanes // self.lanes) for run in panel.runs)
            each = problem.in_channels * tile.step + target.tap + target.tile
            cycles += each / tile.rows + adds * _ADD
        sums = math.prod(problem.output_shape) * _SUM * (self.size // 4)
        tasks = len(self.bands) * (_TASK + len(self.panels) * costs.CALL)
        work = cycles * pixels * target.cycle + sums + tasks
        return costs.START + work / self.threads + (costs.WAKE if self.threads > 1 else 0)


def _least_seconds(problem: Problem, threads: int, target: Target) -> float:
    """No more than `Col2im.seconds`, found in a tenth of the time: as if no place of tiles were idle."""
    vectors = -(-math.prod(problem.kernel_shape[:3]) * problem.dtype.itemsize // target.vector)
    cycles = target.least_cycles(vectors, 1, 1, problem.in_channels) + vectors * _ADD
    pixels = problem.batch * problem.height.input * problem.width.input
    sums = math.prod(problem.output_shape) * _SUM * (problem.dtype.itemsize // 4)
    return costs.START + (cycles * pixels * target.cycle + sums) / threads


def _best(problem: Problem, threads: int, target: Target) -> Col2im:
    methods = [Col2im(problem, count, target) for count in sorted({1, threads})]
    return min(methods, key=Col2im.seconds)


def offer(problem: Problem, threads: int, limit: int, target: Target | None) -> Offer | None:
    """Offer the method for windows of few lanes, or None where generated kernels do not apply."""
    lanes = math.prod(problem.kernel_shape[:3])
    if (
        target is None
        or not problem.multiply_adds
        or lanes * problem.dtype.itemsize > _MOST_VECTORS * target.vector
        or problem.height.kernel * problem.width.kernel > MOST_TAPS
    ):
        return None
    given = taken(problem, limit, target)
    if given is None:
        return None
    inner, own = given
    packing = _PACK + _WEIGHT * lanes * problem.in_channels
    if inner is problem:
        least = _least_seconds(problem, threads, own)
        return Offer(least, packing, lambda: _prepared(_best(problem, threads, own), None))
    found = _best(inner, threads, own)
    turned = Turned(problem, found, threads)
    return Offer(turned.seconds(found.seconds()), packing, lambda: _prepared(found, turned))


def _prepared(method: Col2im, turned: Turned | None) -> Proposal | None:
    """Propose the method, ready to run; None where its streams would be too long."""
    try:
        method.prepare()
    except TooLongError:
        return None
    lanes = " + ".join(f"{panel.vectors * method.lanes}" for panel in method.panels)
    return Proposal(
        turned or method,
        turned.seconds(method.seconds()) if turned else method.seconds(),
        method.workspace + (turned.workspace if turned else 0),
        turned.threads if turned else method.threads,
        multiplies_padding=True,
        explanation=(
            f"windows of {lanes} lanes by generated kernels, added where they overlap; "
            f"{len(method.bands)} task(s)" + (turned.explanation() if turned else "")
        ),
    )
