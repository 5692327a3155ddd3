"""All calls of kernels of sums that compute one array, divided into tasks."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl.kernels import made
from fast_impl.kernels.format import JOB_BYTES, Sums, whole_lines
from fast_impl.kernels.sums.grids import Grid, cut
from fast_impl.kernels.sums.panels import Lanes, Panel, cuts
from fast_impl.kernels.sums.streams import MOST_WORDS, Streams
from fast_impl.kernels.target import Target
from fast_impl.kernels.tasks import DoPart, Task, Tasks
from fast_impl.runtime import memory
from fast_impl.runtime.addresses import address, call_words

Array = npt.NDArray[Any]

# Input bytes of one call, or bytes of one panel's weights, that stay in the cache.
_CACHED = 160 << 10
# Bytes of a panel's weights beyond which they are multiplied in steps.
_WEIGHT_BYTES = 320 << 10
# Words of streams that every plan may have, and cycles of work that are worth another one.
_FEW_WORDS, _CYCLES_A_WORD = 1 << 14, 8
# Ways to cut lanes that take more than this part of the first one's time are no better than it.
_ALIKE = 0.95
# Tasks for each thread: so many, of at least so many cycles, that none waits long for another in the end. Cycles
# of each thread until Ctrl-C is heard.
_TASKS, _LEAST, _HEARD = 12, 1e4, 60e6
# Bytes of Python's objects for a call, about.
_CALL_BYTES = 4 << 10
# Bytes of a result from which on it is faster to write around the caches, even if it is read at once.
_LARGE = 8 << 20


class Part(NamedTuple):
    """Pixels whose lanes all read the same inputs."""

    grid: Grid
    lanes: Lanes


class Section(NamedTuple):
    """Some rows of taps of one kind of panel of a part.

    Its weights begin at ``start``, its first lane is ``lane`` of all. It adds to what an earlier
    section wrote where it is not the first of its panel.
    """

    part: Part
    panel: Panel
    rows: range
    start: int
    lane: int
    width: int

    @property
    def again(self) -> bool:
        """Whether it adds to what the section before it has written."""
        return self.rows.start > 0

    @property
    def taps(self) -> range:
        """Its taps, of those of the part."""
        wide = len(self.part.grid.right.offsets)
        return range(self.rows.start * wide, self.rows.stop * wide)

    @property
    def numbers(self) -> int:
        """Weights of one of its panels."""
        grid = self.part.grid
        return len(self.rows) * len(grid.right.offsets) * grid.channels * self.width

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Panels, taps, numbers of a pixel, lanes: the order of packed weights."""
        return (self.panel.times, len(self.taps), self.part.grid.channels, self.width)

    def add(self, streams: Streams, target: Target) -> range:
        """Add its pixels to the streams; return which jobs are its own."""
        grid, panel, size = self.part.grid, self.panel, self.part.grid.size
        tile, tap = target.tiles[panel.vectors].rows, grid.channels * self.width * size
        return streams.add(grid, tile, self.rows, tap, panel.lane * size, self.again)

    def weights(self, packed: Array) -> Array:
        """The section's own part of all packed weights."""
        stop = self.start + self.panel.times * self.numbers
        return packed[self.start : stop].reshape(self.shape)

    def whole_lines(self, size: int) -> bool:
        """Whether it can write around the caches, for an output that begins with a line of them."""
        places = (self.part.grid.origin, *self.part.grid.outputs, self.panel.lane * size)
        return all(place % memory.LINE == 0 for place in places) and whole_lines(
            self.width * size, size, self.panel.runs, self.again
        )

    def cycles(self, target: Target) -> float:
        """Predicted."""
        grid, tile = self.part.grid, target.tiles[self.panel.vectors]
        tiles = sum([found.places for _, found in cut(grid, tile.rows)]) / tile.rows
        each = target.tile_cycles(self.panel.vectors, len(self.rows), len(self.taps), grid.channels)
        return tiles * each * self.panel.times


class Calls:
    """What to call, but for the addresses of the arrays.

    Attributes:
        chains: Sections that write the same outputs, one after the other.
        chain_cycles: Predicted cycles of each chain, of one core.
        elements: Numbers that all packed weights are.
        lanes: Numbers that are added to the sums of all first sections (a bias).
        cycles: Predicted, of one core.
    """

    def __init__(self, parts: Sequence[Part], dtype: np.dtype[Any], target: Target) -> None:
        self.dtype, self.target = dtype, target
        self.chains: list[list[Section]] = []
        self.chain_cycles: list[float] = []
        self.elements = self.lanes = 0
        for part in parts:
            ways = [self._chains(part, way) for way in cuts(part.lanes, dtype.itemsize, target)]
            of_chains = [
                [sum([section.cycles(target) for section in chain]) for chain in way]
                for way in ways
            ]
            cycles = [sum(each) for each in of_chains]
            least = min(range(len(ways)), key=cycles.__getitem__)
            # The first way, where it is about as good: so that images of many sizes want kernels packed alike.
            if cycles[0] * _ALIKE <= cycles[least]:
                least = 0
            self.chains += ways[least]
            self.chain_cycles += of_chains[least]
            last = ways[least][-1][-1]
            self.elements = last.start + last.panel.times * last.numbers
            self.lanes = last.lane + last.panel.times * last.width
        self.cycles = sum(self.chain_cycles)

    def _chains(self, part: Part, panels: Sequence[Panel]) -> list[list[Section]]:
        """The sections of a part that is cut into these panels, behind what there is."""
        start, lane = self.elements, self.lanes
        chains = []
        for panel in panels:
            width = panel.vectors * self.target.vector // self.dtype.itemsize
            chain = []
            for rows in _steps(part, width * self.dtype.itemsize):
                section = Section(part, panel, rows, start, lane, width)
                chain.append(section)
                start += panel.times * section.numbers
            chains.append(chain)
            lane += panel.times * width
        return chains

    @property
    def sections(self) -> Iterator[Section]:
        """All of them."""
        return itertools.chain.from_iterable(self.chains)

    def prepare(self, threads: int, parts: int = 1) -> PreparedCalls:
        """Make the streams, kernels and tasks for so many threads, which may do them in so many parts."""
        return PreparedCalls(self, threads, parts)


def _steps(part: Part, width: int) -> Iterator[range]:
    """Cut the rows of taps so that a panel's weights, ``width`` bytes each, stay in the cache."""
    grid = part.grid
    rows = len(grid.down.offsets)
    bytes_each = len(grid.right.offsets) * grid.channels * width
    fitting = max(1, _WEIGHT_BYTES // max(bytes_each, 1))
    count = max(1, -(-rows // fitting)) if part.lanes.lines == 1 else 1
    for number in range(count):
        yield range(rows * number // count, rows * (number + 1) // count)


def _most_words(cycles: float) -> int:
    """Return how long streams may be for work of so many cycles: making a word takes about a microsecond."""
    return min(MOST_WORDS, max(_FEW_WORDS, int(cycles / _CYCLES_A_WORD)))


class PreparedCalls:
    """Calls that are ready to be made, any number of times and from any thread."""

    def __init__(self, calls: Calls, threads: int, parts: int) -> None:
        self.threads = threads
        self._size, self._words = calls.dtype.itemsize, calls.target.sums.words
        streams = Streams(_most_words(calls.cycles))
        jobs = [[section.add(streams, calls.target) for section in chain] for chain in calls.chains]
        self._streams, self._jobs = streams.arrays()
        most = max(chain[0].part.grid.channels for chain in calls.chains)
        self._nothing = np.zeros(most, calls.dtype)
        self.no_bias = np.zeros(calls.lanes, calls.dtype)
        # Weights that fill the cache should pass through it once, not once for every part.
        cached = max([section.numbers for section in calls.sections]) * self._size < _CACHED
        each_task = calls.cycles / (parts if cached else 1)
        if threads > 1:
            each_task = min(each_task, max(calls.cycles / (threads * _TASKS), _LEAST))
        # Whether the result is worth writing around the caches.
        grid = calls.chains[0][0].part.grid
        large = grid.images * grid.outputs[0] >= _LARGE
        rows: list[list[int]] = []
        tasks: list[Task] = []
        for chain, own, cycles in zip(calls.chains, jobs, calls.chain_cycles, strict=True):
            cuts = max(1, round(cycles / max(each_task, 1)))
            each, across = self._cut(chain, len(own[0]), cuts)
            told = []
            for section, some in zip(chain, own, strict=True):
                panel = section.panel
                kernel = made.sums(
                    calls.target, panel.vectors, self._size, panel.runs, section.again
                )
                around = large and len(chain) == 1 and section.whole_lines(self._size)
                fields = list(self._fields(section, some, each, across, around))
                told.append([(kernel, len(rows) + i) for i in range(len(fields))])
                rows += fields
            tasks += [list(task) for task in zip(*told, strict=True)]
        template = np.array(rows, np.int64)
        # Outputs in their order, so that a part has some rows.
        tasks.sort(key=lambda task: self._begins(template[task[0][1]]))
        parts = max(parts, round(calls.cycles / (threads * _HEARD)))
        # Calls that write through the caches, and those that write around them where they can.
        self._near = self._far = Tasks(template, Sums.INPUTS, 4, tasks, calls.target, parts)
        if template[:, Sums.AROUND // 8].any():
            near = template.copy()
            near[:, Sums.AROUND // 8] = False
            self._near = Tasks(near, Sums.INPUTS, 4, tasks, calls.target, parts)

    @property
    def workspace(self) -> int:
        """Bytes that a run needs."""
        return self._near.template.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes that are kept: arrays, of which runs have a copy, and what Python needs for a call."""
        arrays = self._streams, self._jobs, self._nothing, self.no_bias
        calls = sum(map(len, self._near.tasks))
        tasks = self._near.nbytes + self._far.nbytes + _CALL_BYTES * calls
        return sum(array.nbytes for array in arrays) + tasks

    @property
    def tasks(self) -> int:
        """Tasks of a run."""
        return len(self._near.tasks)

    def _fields(
        self, section: Section, jobs: range, each: int, across: int, around: bool
    ) -> Iterator[list[int]]:
        """What each call of a section is told, with so many jobs and panels each."""
        panel = section.panel
        width, taps = section.width * self._size, section.numbers * self._size
        for first, low in itertools.product(
            range(jobs.start, jobs.stop, each), range(0, panel.times, across)
        ):
            fields = {
                Sums.JOBS: address(self._jobs) + first * JOB_BYTES,
                Sums.COUNT: min(each, jobs.stop - first),
                Sums.STREAMS: address(self._streams),
                Sums.WEIGHTS: section.start * self._size + low * taps,
                Sums.OUTPUTS: low * width,
                Sums.BIAS: section.lane * self._size + low * width,
                Sums.NOTHING: address(self._nothing),
                Sums.PANELS: min(across, panel.times - low),
                Sums.WEIGHTS_STEP: taps,
                Sums.OUTPUTS_STEP: width,
                Sums.AROUND: around,
                Sums.LINE: section.part.lanes.apart,
            }
            yield call_words(self._words, fields)

    def _cut(self, chain: list[Section], jobs: int, cuts: int) -> tuple[int, int]:
        """Jobs and panels of each call, where about ``cuts`` calls are wanted."""
        panels, grid = chain[0].panel.times, chain[0].part.grid
        if max(section.numbers for section in chain) * self._size >= _CACHED:
            # Weights that fill the cache should pass through it once, not once for every call.
            across = min(cuts, panels)
            return -(-jobs // -(-cuts // across)), -(-panels // across)
        down = min(cuts, jobs)
        across = -(-cuts // down)
        if panels > 1:
            down = max(down, min(jobs, grid.images * grid.image_bytes // _CACHED))
        return -(-jobs // down), -(-panels // across)

    def _begins(self, told: Array) -> int:
        """Where the outputs of a call begin."""
        job = (int(told[Sums.JOBS // 8]) - address(self._jobs)) // JOB_BYTES
        return int(self._jobs[job, 2])

    def run(self, inputs: Array, packed: Array, lanes: Array, out: Array) -> None:
        """Compute ``out``; all arrays are contiguous, ``lanes`` has a number for every lane."""
        self._tasks(out).run(
            (address(inputs), address(packed), address(out), address(lanes)),
            self.threads,
            lambda: self._operands(inputs, packed, lanes, out),
        )

    @contextlib.contextmanager
    def in_parts(
        self, inputs: Array, packed: Array, lanes: Array, out: Array
    ) -> Iterator[tuple[DoPart, int]]:
        """Give what computes a part of ``out``, which the caller does for each, and how many parts there are."""
        tasks = self._tasks(out)
        addresses = address(inputs), address(packed), address(out), address(lanes)
        do, room = tasks.filled(addresses, lambda: self._operands(inputs, packed, lanes, out))
        yield do, len(tasks.parts)
        tasks.give(room)

    def _tasks(self, out: Array) -> Tasks:
        return self._far if address(out) % memory.LINE == 0 else self._near

    def _operands(
        self, inputs: Array, packed: Array, lanes: Array, out: Array
    ) -> Mapping[int, Array]:
        return {
            Sums.JOBS: self._jobs, Sums.STREAMS: self._streams, Sums.NOTHING: self._nothing,
            Sums.INPUTS: inputs, Sums.WEIGHTS: packed, Sums.OUTPUTS: out, Sums.BIAS: lanes,
        }  # fmt: skip
