"""Gradients by the products of `fast_impl.methods.blocks`, turned round.

The gradient of the inputs is a sum of products over taps, and the gradient of each row of taps is
one product over all pixels. Both want a fixed distance between pixel ``(i, j)`` and the block
``(i + down, j + right)`` of output columns that a tap carries it to. So images are copied side by
side, column by column, and one product takes many rows of many images; zeros between the columns
keep neighbours apart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl import blas, memory, planner, workers
from fast_impl.backward_patches import PatchesBackward, suits
from fast_impl.dtypes import accumulator
from fast_impl.methods import scatter
from fast_impl.methods.blocks import rows_by_phase, tap_groups
from fast_impl.pixel_sums import pixel_sums
from fast_impl.problem import Problem

Array = npt.NDArray[Any]
Task = Callable[[int], None]

# Bytes of padded copies made at a time, and pixels of one task.
_CHUNK_BYTES = 24 << 20
_PIXELS = 1024
# Weights that each thread can have sums of, and pixels that one product then adds up.
_FEW_WEIGHTS = 1 << 18
_STRIP = 480
# Multiply-adds below which a second thread only costs.
_SMALL = 1 << 20
# Elements whose sum is worth the time to wake a thread.
_LARGE = 1 << 18
# Channels of the inputs that are enough for a task.
_CHANNELS = 64


class Tap(NamedTuple):
    """Taps of one row that fill neighbouring places of one block, as in `blocks`.

    They carry rows ``top`` to ``bottom`` of the input to the output rows of a ``phase``, ``down``
    rows of that phase lower and ``right`` blocks further on, where they fill ``places`` from
    ``place`` on. ``weights`` is where their weights begin.
    """

    phase: int
    down: int
    right: int
    place: int
    places: int
    weights: int
    top: int
    bottom: int


class Run(NamedTuple):
    """Pixels in a row, the first of them, and the address of the block that it reaches."""

    length: int
    pixel: int
    reached: int


class Tile(NamedTuple):
    """Rows ``first`` to ``last`` of pixels, channels ``low`` to ``high`` of each."""

    first: int
    last: int
    low: int
    high: int


class Chunk(NamedTuple):
    """Some whole images, or some rows of one image."""

    first_image: int
    images: int
    first: int
    last: int


def _taps(problem: Problem) -> list[Tap]:
    matrix = problem.filters * problem.in_channels
    found = []
    for phase, rows in enumerate(rows_by_phase(problem.height)):
        for row in rows:
            reaching, _ = problem.height.span(row.tap)
            for group in tap_groups(problem.width, merged=True):
                weights = (row.tap * problem.width.kernel + group.tap) * matrix
                found.append(
                    Tap(
                        phase, row.shift, group.shift, group.place, group.places, weights,
                        reaching.start, reaching.stop,
                    )
                )  # fmt: skip
    return found


class Backward:
    """All gradients of one problem."""

    def __init__(self, problem: Problem, threads: int, limit: int) -> None:
        self.problem = problem
        threads = 1 if problem.multiply_adds < _SMALL else threads
        self.threads = threads
        self.dtype = accumulator(problem.dtype)
        width = problem.width
        self.taps = _taps(problem)
        self.block = width.stride * problem.filters
        self.row_blocks = -(-problem.height.output // problem.height.stride)
        downs, rights = [tap.down for tap in self.taps], [tap.right for tap in self.taps]
        self.up, self.down = max(0, -min(downs)), max(0, *downs, 0)
        # Columns of zeros before and after a row, shared by neighbouring rows.
        blocks = -(-width.output // width.stride)
        self.left, self.right = max(0, -min(rights)), max(0, *rights, 0)
        over = max(0, width.input + self.right - blocks)
        self.pitch = max(width.input, blocks + max(self.left, over))
        # With few weights, each thread sums over pixels of its own.
        few = problem.filters * problem.in_channels * problem.height.kernel * width.kernel
        self.shares = threads if few <= _FEW_WEIGHTS else 1
        self.chunks = self._chunks(limit)
        self.product = blas.runner(self.dtype)
        self.compiled = functools.lru_cache(maxsize=1024)(self._compiled)

    def _chunks(self, limit: int) -> list[Chunk]:
        problem, height = self.problem, self.problem.height.input
        line = self.pitch * problem.in_channels
        reached = self.pitch * problem.height.stride * self.block
        room = min(_CHUNK_BYTES, limit // 2) // self.dtype.itemsize
        images = room // max(height * line + self.row_blocks * reached, 1)
        if images:
            return [
                Chunk(first, min(images, problem.batch - first), 0, height)
                for first in range(0, problem.batch, images)
            ]
        rows = max(1, room // max(line + reached, 1) - self.up - self.down)
        return [
            Chunk(image, 1, first, min(first + rows, height))
            for image in range(problem.batch)
            for first in range(0, height, rows)
        ]

    def _reached(self, chunk: Chunk) -> tuple[int, int]:
        """First and last block of output rows that a chunk needs."""
        first = max(0, chunk.first - self.up)
        return first, max(first, min(self.row_blocks, chunk.last + self.down))

    # --- the products -------------------------------------------------------------------------

    def _run(self, chunk: Chunk, tap: Tap, first: int, last: int) -> Run | None:
        """Pixels of rows ``first`` to ``last`` that a tap takes, and what it makes them reach."""
        first, last = max(first, tap.top), min(last, tap.bottom)
        if last <= first:
            return None
        line = self.pitch * chunk.images
        low, high = self._reached(chunk)
        block = self.left * chunk.images + (first + tap.down - low) * line
        block += tap.right * chunk.images + tap.phase * self._phase(chunk, high - low)
        reached = block * self.block + tap.place * self.problem.filters
        return Run((last - first) * line, (first - chunk.first) * line, reached)

    def _phase(self, chunk: Chunk, rows: int) -> int:
        """Blocks that one phase of output rows takes in a padded copy, zeros included."""
        return (self.left + rows * self.pitch + self.right) * chunk.images

    def _compiled(self, kind: str, chunk: Chunk, *sizes: Any) -> tuple[list[Any], bool]:
        """Products, and whether none of them writes to all it should before others add."""
        made, zero = getattr(self, f"_{kind}_products")(chunk, *sizes)
        return blas.compile_products(made, self.dtype), zero

    def _kernel_product(self, chunk: Chunk, tap: Tap, tile: Tile, add: bool) -> blas.Product | None:
        """Gradient of one row of taps from the pixels of a tile."""
        channels = self.problem.in_channels
        run = self._run(chunk, tap, tile.first, tile.last)
        if run is None:
            return None
        return blas.Product(
            tap.places * self.problem.filters, tile.high - tile.low, run.length,
            run.pixel * channels + tile.low, channels, run.reached, self.block,
            tap.weights + tile.low, channels, add=add, plain=True, turned=True,
        )  # fmt: skip

    def _tap_products(
        self, chunk: Chunk, number: int, again: bool, low: int, high: int
    ) -> tuple[list[blas.Product], bool]:
        """Gradient of one row of taps from all pixels of a chunk, for some channels."""
        tile = Tile(chunk.first, chunk.last, low, high)
        product = self._kernel_product(chunk, self.taps[number], tile, add=again)
        return [] if product is None else [product], product is None and not again

    def _share_products(self, chunk: Chunk, share: int) -> tuple[list[blas.Product], bool]:
        """Gradient of the kernel from one thread's share of a chunk's pixels."""
        channels = self.problem.in_channels
        most = max(tap.places for tap in self.taps) * self.problem.filters
        pixels = blas.uncopied_pixels(most, channels, self.dtype) or _STRIP
        rows = max(1, pixels // (self.pitch * chunk.images))
        found = [
            self._kernel_product(
                chunk, tap, Tile(first, min(first + rows, chunk.last), 0, channels), True
            )
            for first in range(chunk.first + share * rows, chunk.last, self.threads * rows)
            for tap in self.taps
        ]
        return [product for product in found if product is not None], False

    def _tile_products(self, chunk: Chunk, tile: Tile) -> tuple[list[blas.Product], bool]:
        """Gradient of the inputs in a tile."""
        channels, filters = self.problem.in_channels, self.problem.filters
        line = self.pitch * chunk.images
        origin = (tile.first - chunk.first) * line
        made = [
            blas.Product(
                run.length, tile.high - tile.low, tap.places * filters, tap.weights + tile.low,
                channels, run.reached, self.block, (run.pixel - origin) * channels + tile.low,
                channels, plain=True,
            )
            for tap in self.taps
            if (run := self._run(chunk, tap, tile.first, tile.last)) is not None
        ]  # fmt: skip
        covering = [p for p in made if p.m == (tile.last - tile.first) * line]
        if covering:
            made.remove(covering[0])
            made.insert(0, covering[0]._replace(add=False))
        return made, not covering

    # --- running ------------------------------------------------------------------------------

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        problem = self.problem
        inputs_nhwc = scatter.channels_last(problem, inputs)
        gradient_nhwc = scatter.channels_last(problem, gradient)
        to_inputs = scatter.channels_last(problem, out[0])
        weights = np.ascontiguousarray(kernel, self.dtype).reshape(-1)
        if self.shares > 1:
            sums = np.zeros((self.shares, weights.size), self.dtype)
        elif out[1].dtype == self.dtype:
            sums = out[1].reshape(1, -1)
        else:
            sums = np.empty((1, weights.size), self.dtype)
        if sum(tap.places for tap in self.taps) * problem.filters * problem.in_channels < sums.size:
            sums[...] = 0
        total, bias_tasks = pixel_sums(gradient_nhwc, self.dtype, self.threads)
        with blas.one_thread():
            for number, chunk in enumerate(self.chunks):
                with memory.scratch() as lender:
                    x, g = self._source(chunk, inputs_nhwc, gradient_nhwc, lender)
                    tasks = [
                        *self._kernel_tasks(chunk, x, g, sums, again=number > 0),
                        *self._input_tasks(chunk, weights, g, to_inputs, lender),
                        *(bias_tasks if number == 0 else ()),
                    ]
                    _run_all(tasks, self.threads)
        if self.shares > 1 or out[1].dtype != self.dtype:
            np.copyto(out[1], sums.sum(axis=0).reshape(out[1].shape), casting="unsafe")
        np.copyto(out[2], total.sum(axis=0), casting="unsafe")

    def _source(
        self, chunk: Chunk, inputs: Array, gradient: Array, lender: memory.Scratch
    ) -> tuple[Array, Array]:
        """Flat buffers with the pixels and blocks of a chunk, as `_run` counts them."""
        problem = self.problem
        low, high = self._reached(chunk)
        rows, channels = chunk.last - chunk.first, problem.in_channels
        stride = problem.height.stride
        x = lender.empty(rows * self.pitch * chunk.images * channels, self.dtype)
        phase = self._phase(chunk, high - low)
        g = lender.empty(stride * phase * self.block, self.dtype)
        x_tile = x.reshape(rows, self.pitch, chunk.images, channels)
        blocks = g.reshape(stride, phase, self.block)
        before, after = self.left * chunk.images, phase - self.right * chunk.images
        blocks[:, :before] = 0
        blocks[:, after:] = 0
        shape = (stride, high - low, self.pitch, chunk.images, self.block)
        g_tile = blocks[:, before:after].reshape(shape)
        across = chunk.images > 1
        parts = min(chunk.images if across else high - low, 4 * self.threads)

        def fill(number: int, seat: int) -> None:  # noqa: ARG001
            images, lines, reached = (
                slice(count * number // parts, count * (number + 1) // parts)
                if split
                else slice(0, count)
                for count, split in (
                    (chunk.images, across), (rows, not across), (high - low, not across),
                )
            )  # fmt: skip
            source = slice(chunk.first_image + images.start, chunk.first_image + images.stop)
            taken = slice(chunk.first + lines.start, chunk.first + lines.stop)
            pixels = x_tile[lines, :, images]
            pixels[:, problem.width.input :] = 0
            np.copyto(
                pixels[:, : problem.width.input],
                inputs[source, taken].transpose(1, 2, 0, 3),
                casting="unsafe",
            )
            for kind in range(stride):
                first = (low + reached.start) * stride + kind
                found = gradient[source, first : (low + reached.stop) * stride : stride]
                self._fill(g_tile[kind, reached, :, images], found)

        workers.run(fill, parts, self.threads)
        return x, g

    def _fill(self, blocks: Array, rows: Array) -> None:
        """Copy ``rows[images, rows, columns, filters]`` to ``blocks[rows, columns, images, ...]``."""
        images, count, width, filters = rows.shape
        blocks[count:] = 0
        whole, rest = divmod(width, self.problem.width.stride)
        columns = rows[:, :, : width - rest].reshape(images, count, whole, self.block)
        np.copyto(blocks[:count, :whole], columns.transpose(1, 2, 0, 3), casting="unsafe")
        blocks[:count, whole:] = 0
        if rest:
            last = rows[:, :, width - rest :].reshape(images, count, rest * filters)
            into = blocks[:count, whole, :, : rest * filters]
            np.copyto(into, last.transpose(1, 0, 2), casting="unsafe")

    def _kernel_tasks(
        self, chunk: Chunk, x: Array, g: Array, sums: Array, again: bool
    ) -> Iterator[Task]:
        channels, size = self.problem.in_channels, self.problem.filters * self.problem.in_channels
        where = chunk._replace(first_image=0)
        if len(sums) > 1:

            def share(number: int, seat: int) -> None:  # noqa: ARG001
                products, _ = self.compiled("share", where, number)
                self.product(products, x, g, sums[number])

            yield from (functools.partial(share, number) for number in range(len(sums)))
            return
        # Enough tasks for everybody, and no more: a product of few channels is a slow one.
        parts = 1 if len(self.taps) >= 2 * self.threads or channels < 32 else self.threads
        for number, tap in enumerate(self.taps):
            for part in range(parts):
                ends = channels * part // parts, channels * (part + 1) // parts

                def task(seat: int, number: int = number, tap: Tap = tap, ends: Any = ends) -> None:  # noqa: ARG001
                    products, zero = self.compiled("tap", where, number, again, *ends)
                    if zero:
                        weights = sums[0, tap.weights : tap.weights + tap.places * size]
                        weights.reshape(-1, channels)[:, slice(*ends)] = 0
                    self.product(products, x, g, sums[0])

                yield task

    def _input_tasks(
        self, chunk: Chunk, weights: Array, g: Array, to_inputs: Array, lender: memory.Scratch
    ) -> Iterator[Task]:
        channels, width = self.problem.in_channels, self.problem.width.input
        where = chunk._replace(first_image=0)
        images = chunk.images
        line = self.pitch * images
        tiles = list(_tiles(chunk, line, channels, self.threads))
        each = max(tile.last - tile.first for tile in tiles) * line * channels
        # Tiles of some channels are of all rows: together they fill one array.
        together = tiles[0].high - tiles[0].low < channels
        seats = 1 if together else self.threads
        made = lender.empty(seats * each, self.dtype).reshape(seats, each)

        def task(tile: Tile, seat: int) -> None:
            products, zero = self.compiled("tile", where, tile)
            target = to_inputs[chunk.first_image : chunk.first_image + images]
            target = target[:, tile.first : tile.last, :, tile.low : tile.high]
            sums = made[0 if together else seat]
            rows = tile.last - tile.first
            shaped = sums[: rows * line * channels].reshape(rows, self.pitch, images, channels)
            some = shaped[..., tile.low : tile.high]
            if zero:
                some[...] = 0
            self.product(products, weights, g, sums)
            np.copyto(target, some[:, :width].transpose(2, 0, 1, 3), casting="unsafe")

        for tile in tiles:
            yield functools.partial(task, tile)


def _tiles(chunk: Chunk, line: int, channels: int, threads: int) -> Iterator[Tile]:
    """Cut a chunk into tiles of about `_PIXELS`, or by channels where that gives too few."""
    rows = max(1, _PIXELS // line)
    if chunk.last - chunk.first < 2 * threads * rows and channels >= _CHANNELS * threads:
        for part in range(threads):
            ends = (channels * end // threads for end in (part, part + 1))
            yield Tile(chunk.first, chunk.last, *ends)
        return
    least = max(1, (chunk.last - chunk.first) // (2 * threads))
    for first in range(chunk.first, chunk.last, min(rows, least)):
        yield Tile(first, min(first + min(rows, least), chunk.last), 0, channels)


def _run_all(tasks: list[Task], threads: int) -> None:
    workers.run(lambda number, seat: tasks[number](seat), len(tasks), threads)


@functools.lru_cache(maxsize=256)
def planned(problem: Problem, threads: int, limit: int) -> Backward | PatchesBackward | None:
    """Return the plan for the gradients of a problem; None where the scatter has to do them."""
    if not problem.multiply_adds or accumulator(problem.dtype).kind != "f":
        return None
    if suits(problem):
        return PatchesBackward(problem, threads)
    return Backward(problem, threads, limit)


def _all_finite(arrays: Sequence[Array], threads: int) -> bool:
    found = [False] * len(arrays)

    def task(number: int, seat: int) -> None:  # noqa: ARG001
        found[number] = planner.all_finite(arrays[number])

    large = max(array.size for array in arrays) > _LARGE
    workers.run(task, len(arrays), threads if large else 1)
    return all(found)


def gradients(
    problem: Problem, inputs: Array, kernel: Array, gradient: Array
) -> tuple[Array, Array, Array]:
    """Compute the gradients of inputs, kernel and bias."""
    found = (
        memory.result(problem.input_shape, problem.dtype),
        memory.result(problem.kernel_shape, problem.dtype),
        np.empty((problem.filters,), problem.dtype),
    )
    threads = planner.default_threads()
    plan = planned(problem, threads, planner.WORKSPACE_LIMIT)
    with np.errstate(all="ignore"):
        if plan is not None:
            plan.run(inputs, kernel, gradient, found)
            # Zeros of the padded layouts met every value; only finite ones leave no trace.
            if _all_finite(found[:2], threads):
                return found
        scatter.input_gradient(problem, kernel, gradient, found[0])
        scatter.kernel_gradient(problem, inputs, gradient, found[1])
        scatter.bias_gradient(problem, gradient, found[2])
    return found
