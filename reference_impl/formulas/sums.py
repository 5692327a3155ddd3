"""The transposed convolution, its gradients and its adjoint: sums over the same meetings.

A pixel (i, j) and a tap (a, b) meet at the place (p, q), see `Axis.meetings`; a product that lands
elsewhere is never made. `axes` are those of height and width, `zero` is what a sum starts from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from reference_impl.formulas.axes import Axis

__all__ = ["bias_gradient", "convolution", "kernel_gradient", "scatter", "with_bias"]

Axes = tuple[Axis, Axis]


def _meetings(axes: Axes) -> Iterator[tuple[int, int, int, int, int, int]]:
    for (i, a, p), (j, b, q) in itertools.product(axes[0].meetings(), axes[1].meetings()):
        yield i, j, a, b, p, q


def _zeros(zero: Any, *sizes: int) -> Any:
    return [_zeros(zero, *sizes[1:]) for _ in range(sizes[0])] if sizes else zero


def scatter(image: list[Any], kernel: list[Any], filters: int, axes: Axes, zero: Any) -> list[Any]:
    """`result[p][q][o] = sum of image[i][j][c] * kernel[a][b][o][c]`: the transposed convolution."""
    result: list[Any] = _zeros(zero, axes[0].kept, axes[1].kept, filters)
    for i, j, a, b, p, q in _meetings(axes):
        pixel, target = image[i][j], result[p][q]
        for o, weights in enumerate(kernel[a][b]):
            for x, weight in zip(pixel, weights, strict=True):
                target[o] += x * weight
    return result


def with_bias(image: list[Any], bias: list[Any]) -> list[Any]:
    """`result[p][q][o] = image[p][q][o] + bias[o]`, where no product landed too (PAD-06)."""
    return [[[x + b for x, b in zip(pixel, bias, strict=True)] for pixel in row] for row in image]


def convolution(
    image: list[Any], kernel: list[Any], filters: int, groups: int, axes: Axes, zero: Any
) -> list[Any]:
    """`result[i][j][o] = sum of image[p][q][first + c] * kernel[a][b][c][o]`, first of o's group.

    With the axes of `scatter` this is its adjoint: the gradient by its image, given that of its
    result (METH-02, GRAD-02).
    """
    result: list[Any] = _zeros(zero, axes[0].length, axes[1].length, filters)
    for i, j, a, b, p, q in _meetings(axes):
        pixel, taps, target = image[p][q], kernel[a][b], result[i][j]
        for o in range(filters):
            first = o * groups // filters * len(taps)
            for x, weights in zip(pixel[first:], taps, strict=False):
                target[o] += x * weights[o]
    return result


def kernel_gradient(
    images: list[Any], slopes: list[Any], filters: int, channels: int, axes: Axes, zero: Any
) -> list[Any]:
    """`result[a][b][o][c] = sum of slopes[p][q][o] * image[i][j][c]`, over all images."""
    result: list[Any] = _zeros(zero, axes[0].taps, axes[1].taps, filters, channels)
    for image, gradient in zip(images, slopes, strict=True):
        for i, j, a, b, p, q in _meetings(axes):
            for slope, tap in zip(gradient[p][q], result[a][b], strict=True):
                for c, x in enumerate(image[i][j]):
                    tap[c] += slope * x
    return result


def bias_gradient(slopes: list[Any], filters: int, zero: Any) -> list[Any]:
    """`result[o] = sum of slopes[p][q][o]`, over all images."""
    result = [zero] * filters
    for pixel in (pixel for image in slopes for row in image for pixel in row):
        for o, slope in enumerate(pixel):
            result[o] += slope
    return result
