"""Gradients by one product per tap, for every size and format: the method of last resort."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fast_impl.forward.scatter import blocks, has_more_taps_than_pixels, piece
from fast_impl.problem.dtypes import accumulator
from fast_impl.problem.problem import Problem, channels_last

Array = npt.NDArray[Any]


def input_gradient(
    problem: Problem, kernel: Array, output_gradient: Array, out: Array, limit: int = 1 << 62
) -> None:
    """Write the gradient of the inputs into ``out``: a gather, the adjoint of the scatter."""
    wide, most = accumulator(problem.dtype), piece(problem, limit)
    gradient_nhwc, out_nhwc = channels_last(problem, output_gradient), channels_last(problem, out)
    height, width = problem.height, problem.width
    if has_more_taps_than_pixels(problem):
        _input_gradient_by_pixel(problem, kernel, gradient_nhwc, out_nhwc, most)
        return
    for block in blocks(out_nhwc.shape, most):
        images, rows, columns, channels = block
        target = out_nhwc[block]
        sums = target if target.dtype == wide else np.empty(target.shape, wide)
        sums[...] = 0
        for a in range(height.kernel):
            taken, reached = height.span(a, rows)
            if not taken.stop:
                continue
            for b in range(width.kernel):
                taken_columns, reached_columns = width.span(b, columns)
                if not taken_columns.stop:
                    continue
                pixels = gradient_nhwc[images, reached, reached_columns]
                into = sums[:, taken, taken_columns]
                weights = kernel[a, b, :, channels].astype(wide, copy=False)
                for some in blocks(pixels.shape, most):
                    into[some[:3]] += pixels[some].astype(wide, copy=False) @ weights[some[3]]
        if sums is not target:
            np.copyto(target, sums, casting="unsafe")


def kernel_gradient(
    problem: Problem, inputs: Array, output_gradient: Array, out: Array, limit: int = 1 << 62
) -> None:
    """Write the gradient of the kernel into ``out``: one product over all pixels per tap."""
    wide, most = accumulator(problem.dtype), piece(problem, limit)
    inputs_nhwc = channels_last(problem, inputs)
    gradient_nhwc = channels_last(problem, output_gradient)
    if has_more_taps_than_pixels(problem):
        _kernel_gradient_by_pixel(problem, inputs_nhwc, gradient_nhwc, out, most)
        return
    for a in range(problem.height.kernel):
        rows, out_rows = problem.height.span(a)
        for b in range(problem.width.kernel):
            columns, out_columns = problem.width.span(b)
            pixels = inputs_nhwc[:, rows, columns]
            reached = gradient_nhwc[:, out_rows, out_columns]
            for filters, channels in blocks(out.shape[2:], most):
                x, g = pixels[..., channels], reached[..., filters]
                each = max(x.shape[3], g.shape[3], 1)
                total = np.zeros((g.shape[3], x.shape[3]), wide)
                for some in blocks(x.shape[:3], max(1, most // each)):
                    total += _flat(g[some], wide).T @ _flat(x[some], wide)
                out[a, b, filters, channels] = total


def _input_gradient_by_pixel(
    problem: Problem, kernel: Array, gradient: Array, out: Array, most: int
) -> None:
    height, width = problem.height, problem.width
    wide = accumulator(problem.dtype)
    for i, j in itertools.product(range(height.input), range(width.input)):
        down, rows = height.taps(i)
        right, columns = width.taps(j)
        weights, reached = kernel[down, right], gradient[:, rows, columns]
        for images, channels in blocks((len(out), problem.in_channels), most):
            sums: Array = np.zeros(out[images, i, j, channels].shape, wide)
            each = max(sums.size, sums.shape[1] * weights.shape[2])
            for a, b, o in blocks(
                weights.shape[:3], max(1, most // max(each, 1)) * weights.shape[2]
            ):
                taps = (
                    weights[a, b, o, channels].reshape(-1, sums.shape[1]).astype(wide, copy=False)
                )
                g = reached[images, a, b, o].reshape(len(sums), len(taps))
                sums += g.astype(wide, copy=False) @ taps
            out[images, i, j, channels] = sums


def _kernel_gradient_by_pixel(
    problem: Problem, inputs: Array, gradient: Array, out: Array, most: int
) -> None:
    height, width = problem.height, problem.width
    wide = accumulator(problem.dtype)
    for block in blocks(out.shape, most):
        a, b, filters, channels = block
        total = np.zeros(out[block].shape, wide)
        for i, j in itertools.product(range(height.input), range(width.input)):
            down, rows = height.taps(i, a)
            right, columns = width.taps(j, b)
            into = total[down, right]
            if not into.size:
                continue
            for image, x in zip(gradient, inputs, strict=True):
                reached = image[rows, columns, filters].astype(wide, copy=False)
                into += reached[..., None] * x[i, j, channels].astype(wide, copy=False)
        out[block] = total


def bias_gradient(problem: Problem, output_gradient: Array, out: Array) -> None:
    """Write the gradient of the bias into ``out``: the sum over batch, height and width."""
    wide = accumulator(problem.dtype)
    axes = (0, 2, 3) if problem.channels_first else (0, 1, 2)
    out[...] = output_gradient.sum(axis=axes, dtype=wide)


def _flat(pixels: Array, dtype: Any) -> Array:
    # Not -1 for the count: NumPy cannot tell it where there are no channels.
    count = math.prod(pixels.shape[:3])
    return pixels.reshape(count, pixels.shape[3]).astype(dtype, copy=False)
