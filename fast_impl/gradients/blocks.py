"""Gradients by the products of `fast_impl.forward.blocks`, turned round.

The gradient of the inputs is a sum of products over taps, and the gradient of each row of taps is
one product over all pixels. Both want a fixed distance between pixel ``(i, j)`` and the block
``(i + down, j + right)`` of output columns that a tap carries it to. So images are copied side by
side, column by column, and one product takes many rows of many images; zeros between the columns
keep neighbours apart.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.gradients.layout import Chunk, Layout, Tap, Tile
from fast_impl.gradients.pixel_sums import pixel_sums
from fast_impl.problem.problem import Problem, channels_last
from fast_impl.runtime import blas, memory, workers

Array = npt.NDArray[Any]
Task = Callable[[int], None]
# Kinds of chunks, and bytes of Python's objects for a product.
_EDGES, _PRODUCT_BYTES = 3, 1 << 10


class Backward:
    """All gradients of one problem."""

    def __init__(self, problem: Problem, threads: int, limit: int) -> None:
        self.problem = problem
        self.layout = Layout(problem, threads, limit)
        self.dtype = self.layout.dtype
        self.product = blas.runner(self.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes that it keeps, about: products of each tap in each tile of a chunk."""
        tiles = (
            sum(1 for _ in self.layout.tiles(self.layout.chunks[0])) if self.layout.chunks else 0
        )
        return _EDGES * _PRODUCT_BYTES * len(self.layout.taps) * (tiles + self.layout.shares)

    def run(
        self, inputs: Array, kernel: Array, gradient: Array, out: tuple[Array, Array, Array]
    ) -> None:
        """Write the gradients of inputs, kernel and bias into the three arrays of ``out``."""
        problem = self.problem
        inputs_nhwc = channels_last(problem, inputs)
        gradient_nhwc = channels_last(problem, gradient)
        to_inputs = channels_last(problem, out[0])
        weights = np.ascontiguousarray(kernel, self.dtype).reshape(-1)
        if self.layout.shares > 1:
            sums = np.zeros((self.layout.shares, weights.size), self.dtype)
        elif out[1].dtype == self.dtype:
            sums = out[1].reshape(1, -1)
        else:
            sums = np.empty((1, weights.size), self.dtype)
        if (
            sum(tap.places for tap in self.layout.taps) * problem.filters * problem.in_channels
            < sums.size
        ):
            sums[...] = 0
        total, bias_tasks = pixel_sums(gradient_nhwc, self.dtype, self.layout.threads)
        with blas.one_thread():
            for number, chunk in enumerate(self.layout.chunks):
                with memory.scratch() as lender:
                    x, g = self._source(chunk, inputs_nhwc, gradient_nhwc, lender)
                    tasks = [
                        *self._kernel_tasks(chunk, x, g, sums, again=number > 0),
                        *self._input_tasks(chunk, weights, g, to_inputs, lender),
                        *(bias_tasks if number == 0 else ()),
                    ]
                    _run_all(tasks, self.layout.threads)
        if self.layout.shares > 1 or out[1].dtype != self.dtype:
            np.copyto(out[1], sums.sum(axis=0).reshape(out[1].shape), casting="unsafe")
        np.copyto(out[2], total.sum(axis=0), casting="unsafe")

    def _source(
        self, chunk: Chunk, inputs: Array, gradient: Array, lender: memory.Scratch
    ) -> tuple[Array, Array]:
        """Flat buffers with the pixels and blocks of a chunk, as the layout counts them."""
        problem = self.problem
        low, high = self.layout.reached(chunk)
        rows, channels = chunk.last - chunk.first, problem.in_channels
        stride = problem.height.stride
        x = lender.empty(rows * self.layout.pitch * chunk.images * channels, self.dtype)
        phase = self.layout.phase(chunk, high - low)
        g = lender.empty(stride * phase * self.layout.block, self.dtype)
        x_tile = x.reshape(rows, self.layout.pitch, chunk.images, channels)
        blocks = g.reshape(stride, phase, self.layout.block)
        before, after = self.layout.left * chunk.images, phase - self.layout.right * chunk.images
        blocks[:, :before] = 0
        blocks[:, after:] = 0
        shape = (stride, high - low, self.layout.pitch, chunk.images, self.layout.block)
        g_tile = blocks[:, before:after].reshape(shape)
        across = chunk.images > 1
        parts = min(chunk.images if across else high - low, 4 * self.layout.threads)

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

        workers.run(fill, parts, self.layout.threads)
        return x, g

    def _fill(self, blocks: Array, rows: Array) -> None:
        """Copy ``rows[images, rows, columns, filters]`` to ``blocks[rows, columns, images, ...]``."""
        images, count, width, filters = rows.shape
        blocks[count:] = 0
        whole, rest = divmod(width, self.problem.width.stride)
        columns = rows[:, :, : width - rest].reshape(images, count, whole, self.layout.block)
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
                products, _ = self.layout.compiled("share", where, number)
                self.product(products, x, g, sums[number])

            yield from (functools.partial(share, number) for number in range(len(sums)))
            return
        # Enough tasks for everybody, and no more: a product of few channels is a slow one.
        parts = (
            1
            if len(self.layout.taps) >= 2 * self.layout.threads or channels < 32
            else self.layout.threads
        )
        for number, tap in enumerate(self.layout.taps):
            for part in range(parts):
                ends = channels * part // parts, channels * (part + 1) // parts

                def task(seat: int, number: int = number, tap: Tap = tap, ends: Any = ends) -> None:  # noqa: ARG001
                    products, zero = self.layout.compiled("tap", where, number, again, *ends)
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
        line = self.layout.pitch * images
        tiles = list(self.layout.tiles(chunk))
        each = max(tile.last - tile.first for tile in tiles) * line * channels
        # Tiles of some channels are of all rows: together they fill one array.
        together = tiles[0].high - tiles[0].low < channels
        seats = 1 if together else self.layout.threads
        made = lender.empty(seats * each, self.dtype).reshape(seats, each)

        def task(tile: Tile, seat: int) -> None:
            products, zero = self.layout.compiled("tile", where, tile)
            target = to_inputs[chunk.first_image : chunk.first_image + images]
            target = target[:, tile.first : tile.last, :, tile.low : tile.high]
            sums = made[0 if together else seat]
            rows = tile.last - tile.first
            shaped = sums[: rows * line * channels].reshape(
                rows, self.layout.pitch, images, channels
            )
            some = shaped[..., tile.low : tile.high]
            if zero:
                some[...] = 0
            self.product(products, weights, g, sums)
            np.copyto(target, some[:, :width].transpose(2, 0, 1, 3), casting="unsafe")

        for tile in tiles:
            yield functools.partial(task, tile)


def _run_all(tasks: list[Task], threads: int) -> None:
    workers.run(lambda number, seat: tasks[number](seat), len(tasks), threads)
