"""Gradients by the products of `fast_impl.methods.blocks`, turned round.

Inputs and output gradients are copied once into padded layouts in which the pixel ``(i, j)`` and
the block ``(i + down, j + right)`` of output columns that a tap carries it to are a fixed distance
apart. Then the gradient of the inputs is a sum of products over taps, and the gradient of each row
of taps is one product over all pixels. What lies between the images is zero.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fast_impl import blas, memory, planner, workers
from fast_impl.backward_patches import PatchesBackward, suits
from fast_impl.dtypes import accumulator
from fast_impl.methods import scatter
from fast_impl.methods.blocks import rows_by_phase, tap_groups
from fast_impl.pixel_sums import add_pixels
from fast_impl.problem import Problem

Array = npt.NDArray[Any]

# Bytes of padded copies made at a time, and pixels of one task.
_CHUNK_BYTES = 24 << 20
_PIXELS = 1024


class _Tap(NamedTuple):
    """A row of taps that fills neighbouring places of one block, as in `blocks`."""

    phase: int
    down: int
    right: int
    place: int
    places: int
    weights: int


class Chunk(NamedTuple):
    """Some whole images, or some rows of one image."""

    first_image: int
    images: int
    first_row: int
    rows: int


class Backward:
    """All gradients of one problem."""

    def __init__(self, problem: Problem, threads: int, limit: int) -> None:
        self.problem = problem
        self.threads = threads
        self.dtype = accumulator(problem.dtype)
        height, width = problem.height, problem.width
        groups = tap_groups(width, merged=True)
        self.taps = [
            _Tap(
                phase, row.shift, group.shift, group.place, group.places,
                (row.tap * width.kernel + group.tap) * problem.filters * problem.in_channels,
            )
            for phase, rows in enumerate(rows_by_phase(height))
            for row in rows
            for group in groups
        ]  # fmt: skip
        downs, rights = [tap.down for tap in self.taps], [tap.right for tap in self.taps]
        self.row_blocks = -(-height.output // height.stride)
        self.blocks = -(-width.output // width.stride)
        self.up, self.down = max(0, -min(downs)), max(0, *downs)
        left, right = max(0, -min(rights)), max(0, *rights)
        over = max(0, width.input + right - self.blocks)
        self.pitch = max(width.input, self.blocks + max(left, over))
        self.lead = self.up * self.pitch + left
        self.trail = self.down * self.pitch + right
        self.block = width.stride * problem.filters
        # Rows from one image to the next where whole images are taken.
        over = max(0, height.input + self.down - self.row_blocks)
        self.image_rows = max(height.input, self.row_blocks + max(self.up, over))
        # Rows of the inputs' gradient that one task computes.
        self.step = max(1, _PIXELS // self.pitch)
        self.chunks = self._chunks(limit)
        self.product = blas.runner(self.dtype)
        self.compiled = functools.lru_cache(maxsize=256)(self._compiled)

    def _chunks(self, limit: int) -> list[Chunk]:
        problem = self.problem
        each = self.pitch * (problem.in_channels + problem.height.stride * self.block)
        each *= self.dtype.itemsize
        room = max(1, min(_CHUNK_BYTES, limit // 2) // max(each, 1))
        if room >= self.image_rows:
            images = room // self.image_rows
            return [
                Chunk(first, min(images, problem.batch - first), 0, problem.height.input)
                for first in range(0, problem.batch, images)
            ]
        rows = max(1, room - self.up - self.down)
        return [
            Chunk(image, 1, first, min(rows, problem.height.input - first))
            for image in range(problem.batch)
            for first in range(0, problem.height.input, rows)
        ]

    def _lines(self, chunk: Chunk) -> int:
        """Rows from image to image in the padded layout."""
        whole = chunk.rows == self.problem.height.input
        return self.image_rows if whole else chunk.rows + self.down

    def _compiled(self, kind: str, *sizes: int) -> list[Any]:
        made = self._input_products(*sizes) if kind == "inputs" else self._kernel_products(*sizes)
        return blas.compile_products(made, self.dtype)

    def _input_products(self, line: int, lines: int, phase_size: int) -> list[blas.Product]:
        """Gradient of the inputs in ``lines`` rows of the padded layout, from row ``line``."""
        channels, filters = self.problem.in_channels, self.problem.filters
        products = []
        for number, tap in enumerate(self.taps):
            pixel = self.lead + (line + tap.down) * self.pitch + tap.right
            products.append(
                blas.Product(
                    lines * self.pitch, channels, tap.places * filters, tap.weights, channels,
                    (tap.phase * phase_size + pixel) * self.block + tap.place * filters,
                    self.block, 0, channels, add=number > 0, plain=True,
                )
            )  # fmt: skip
        return products

    def _kernel_products(
        self, number: int, pixels: int, phase_size: int, add: int, first: int, last: int
    ) -> list[blas.Product]:
        """Gradient of one row of taps, for the channels ``first`` to ``last``."""
        channels, filters = self.problem.in_channels, self.problem.filters
        tap = self.taps[number]
        pixel = self.lead + tap.down * self.pitch + tap.right
        return [
            blas.Product(
                tap.places * filters, last - first, pixels, first, channels,
                (tap.phase * phase_size + pixel) * self.block + tap.place * filters, self.block,
                tap.weights + first, channels, add=bool(add), plain=True, turned=True,
            )
        ]  # fmt: skip

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
        sums = out[1] if out[1].dtype == self.dtype else np.empty(out[1].shape, self.dtype)
        if sum(tap.places for tap in self.taps) * problem.filters * problem.in_channels < sums.size:
            sums[...] = 0
        total = np.zeros(problem.filters, self.dtype)
        with blas.one_thread():
            for number, chunk in enumerate(self.chunks):
                with memory.scratch() as lender:
                    self._chunk(
                        chunk, inputs_nhwc, weights, gradient_nhwc, to_inputs, sums.reshape(-1),
                        lender, again=number > 0,
                    )  # fmt: skip
        with blas.one_thread():
            add_pixels(gradient_nhwc, total)
        if sums is not out[1]:
            np.copyto(out[1], sums, casting="unsafe")
        np.copyto(out[2], total, casting="unsafe")

    def _chunk(
        self,
        chunk: Chunk,
        inputs: Array,
        weights: Array,
        gradient: Array,
        to_inputs: Array,
        sums: Array,
        lender: memory.Scratch,
        *,
        again: bool,
    ) -> None:
        problem = self.problem
        lines = self._lines(chunk)
        pixels = chunk.images * lines * self.pitch
        phase_size = self.lead + pixels + self.trail
        x = lender.zeros(pixels * problem.in_channels, self.dtype)
        g = lender.zeros(problem.height.stride * phase_size * self.block, self.dtype)
        x_tile = x.reshape(chunk.images, lines, self.pitch, problem.in_channels)
        g_tile = g.reshape(problem.height.stride, phase_size, self.block)

        parts = min(chunk.images, 4 * self.threads)

        def fill(number: int, seat: int) -> None:  # noqa: ARG001
            ends = (chunk.images * end // parts for end in (number, number + 1))
            images = slice(*ends)
            rows = slice(chunk.first_row, chunk.first_row + chunk.rows)
            source = slice(chunk.first_image + images.start, chunk.first_image + images.stop)
            pixels_of = x_tile[images, : chunk.rows, : problem.width.input]
            np.copyto(pixels_of, inputs[source, rows], casting="unsafe")
            self._fill(g_tile, gradient[source], images, chunk)

        workers.run(fill, parts, self.threads)
        most = self.step * self.pitch * problem.in_channels
        tasks = list(self._tasks(chunk, x, weights, g, to_inputs, sums, again))
        made = lender.empty(self.threads * most, self.dtype).reshape(self.threads, -1)

        def work(number: int, seat: int) -> None:
            tasks[number](made[seat])

        workers.run(work, len(tasks), self.threads)

    def _fill(self, g_tile: Array, gradient: Array, images: slice, chunk: Chunk) -> None:
        """Copy the output gradient of some images, by row phases, into the padded layout."""
        height, width = self.problem.height, self.problem.width
        first = max(0, chunk.first_row - self.up)
        last = min(self.row_blocks, chunk.first_row + chunk.rows + self.down)
        if chunk.rows == height.input:
            first, last = 0, self.row_blocks
        if last <= first:
            return
        count, lines = len(gradient), self._lines(chunk)
        filled = width.output * self.problem.filters
        for phase in range(height.stride):
            rows = gradient[:, first * height.stride + phase : last * height.stride : height.stride]
            if not rows.shape[1]:
                continue
            # Rows above the chunk's first one lie in the lead, or in the image before.
            start = self.lead + (images.start * lines + first - chunk.first_row) * self.pitch
            lie = np.lib.stride_tricks.as_strided(
                g_tile[phase, start:],
                (count, rows.shape[1], filled),
                (lines * self.pitch * g_tile.strides[1], self.pitch * g_tile.strides[1],
                 g_tile.itemsize),
            )  # fmt: skip
            shaped = lie.reshape(count, rows.shape[1], width.output, self.problem.filters)
            np.copyto(shaped, rows, casting="unsafe")

    def _tasks(
        self,
        chunk: Chunk,
        x: Array,
        weights: Array,
        g: Array,
        to_inputs: Array,
        sums: Array,
        again: bool,
    ) -> Iterator[Callable[[Array], None]]:
        problem = self.problem
        lines = self._lines(chunk)
        pixels = chunk.images * lines * self.pitch
        phase_size = self.lead + pixels + self.trail
        channels = problem.in_channels
        # Enough tasks for everybody, and no more: a product of few channels is a slow one.
        parts = 1 if len(self.taps) >= 2 * self.threads or channels < 32 else self.threads
        for number in range(len(self.taps)):
            for part in range(parts):
                ends = channels * part // parts, channels * (part + 1) // parts
                products = self.compiled("kernel", number, pixels, phase_size, int(again), *ends)
                yield lambda _, products=products: self.product(products, x, g, sums)
        step = self.step
        if chunk.images > 1 and step >= lines:
            for image in range(0, chunk.images, step // lines):
                count = min(step // lines, chunk.images - image)
                yield functools.partial(
                    self._inputs, chunk, weights, g, to_inputs, image * lines, count, lines
                )
            return
        for image in range(chunk.images):
            for row in range(0, chunk.rows, step):
                some = min(step, chunk.rows - row)
                yield functools.partial(
                    self._inputs, chunk, weights, g, to_inputs, image * lines + row, 1, some
                )

    def _inputs(
        self,
        chunk: Chunk,
        weights: Array,
        g: Array,
        to_inputs: Array,
        line: int,
        images: int,
        rows: int,
        made: Array,
    ) -> None:
        """Gradient of ``rows`` rows of some images, from row ``line`` of the padded layout."""
        problem = self.problem
        lines = self._lines(chunk)
        phase_size = self.lead + chunk.images * lines * self.pitch + self.trail
        self.product(self.compiled("inputs", line, images * rows, phase_size), weights, g, made)
        shape = (images, rows, self.pitch, problem.in_channels)
        tile = made[: math.prod(shape)].reshape(shape)
        image, row = divmod(line, lines)
        start = chunk.first_row + row
        stop = min(start + rows, chunk.first_row + chunk.rows)
        image += chunk.first_image
        np.copyto(
            to_inputs[image : image + images, start:stop],
            tile[:, : stop - start, : problem.width.input],
            casting="unsafe",
        )


@functools.lru_cache(maxsize=256)
def planned(problem: Problem, threads: int, limit: int) -> Backward | PatchesBackward | None:
    """Return the plan for the gradients of a problem; None where the scatter has to do them."""
    if not problem.multiply_adds or accumulator(problem.dtype).kind != "f":
        return None
    if suits(problem):
        return PatchesBackward(problem, threads)
    return Backward(problem, threads, limit)


def gradients(
    problem: Problem, inputs: Array, kernel: Array, gradient: Array
) -> tuple[Array, Array, Array]:
    """Compute the gradients of inputs, kernel and bias."""
    found = (
        memory.result(problem.input_shape, problem.dtype),
        memory.result(problem.kernel_shape, problem.dtype),
        np.empty((problem.filters,), problem.dtype),
    )
    plan = planned(problem, planner.default_threads(), planner.WORKSPACE_LIMIT)
    with np.errstate(all="ignore"):
        if plan is not None:
            plan.run(inputs, kernel, gradient, found)
            # Zeros of the padded layouts met every value; only finite ones leave no trace.
            if all(planner.all_finite(array) for array in found[:2]):
                return found
        scatter.input_gradient(problem, kernel, gradient, found[0])
        scatter.kernel_gradient(problem, inputs, gradient, found[1])
        scatter.bias_gradient(problem, gradient, found[2])
    return found
