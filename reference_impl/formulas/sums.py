"""The transposed convolution, its gradients and its adjoint: sums over the same meetings.

A pixel (i, j) and a tap (a, b) meet at the place (p, q), see `Axis.meetings`; a product that lands
elsewhere is never made. `axes` are those of height and width, `zero` is what a sum starts from.
"""

from __future__ import annotations

from typing import Any

from reference_impl.formulas.axes import Axis

__all__ = ["bias_gradient", "convolution", "kernel_gradient", "scatter", "terms", "with_bias"]

Axes = tuple[Axis, Axis]
Kernel = list[list[list[tuple[int, int, Any]]]]


def terms(kernel: list[Any]) -> Kernel:
    """A kernel [a][b][o][c] of numbers with each tap as a list of (o, c, weight)."""
    return [
        [[(o, c, w) for o, ws in enumerate(tap) for c, w in enumerate(ws)] for tap in row]
        for row in kernel
    ]


def _meetings(axes: Axes) -> list[tuple[int, int, int, int, int, int]]:
    rows, columns = axes[0].meetings(), axes[1].meetings()
    return [(i, j, a, b, p, q) for i, a, p in rows for j, b, q in columns]


def _zeros(zero: Any, size: int, *sizes: int) -> list[Any]:
    return [_zeros(zero, *sizes) for _ in range(size)] if sizes else [zero] * size


def scatter(image: list[Any], kernel: Kernel, filters: int, axes: Axes, zero: Any) -> list[Any]:
    """`result[p][q][o] = sum of image[i][j][c] * kernel[a][b][o][c]`: the transposed convolution."""
    result = _zeros(zero, axes[0].kept, axes[1].kept, filters)
    for i, j, a, b, p, q in _meetings(axes):
        pixel, target = image[i][j], result[p][q]
        for o, c, weight in kernel[a][b]:
            target[o] += pixel[c] * weight
    return result


def with_bias(image: list[Any], bias: list[Any]) -> list[Any]:
    """`result[p][q][o] = image[p][q][o] + bias[o]`, where no product landed too (PAD-06)."""
    return [[[x + b for x, b in zip(pixel, bias, strict=True)] for pixel in row] for row in image]


def convolution(
    image: list[Any], kernel: Kernel, firsts: list[int], axes: Axes, zero: Any
) -> list[Any]:
    """`result[i][j][o] = sum of image[p][q][firsts[o] + c] * kernel[a][b][c][o]`; `firsts` make groups.

    With the axes of `scatter` and `firsts` of 0 it is its adjoint, and its gradient (METH-02, GRAD-02).
    """
    result = _zeros(zero, axes[0].length, axes[1].length, len(firsts))
    for i, j, a, b, p, q in _meetings(axes):
        pixel, target = image[p][q], result[i][j]
        for c, o, weight in kernel[a][b]:
            target[o] += pixel[firsts[o] + c] * weight
    return result


def kernel_gradient(
    images: list[Any], slopes: list[Any], filters: int, channels: int, axes: Axes, zero: Any
) -> list[Any]:
    """`result[a][b][o][c] = sum of slopes[p][q][o] * image[i][j][c]`, over all images."""
    result = _zeros(zero, axes[0].taps, axes[1].taps, filters, channels)
    for image, gradient in zip(images, slopes, strict=True):
        for i, j, a, b, p, q in _meetings(axes):
            pixel = image[i][j]
            for slope, tap in zip(gradient[p][q], result[a][b], strict=True):
                for c, x in enumerate(pixel):
                    tap[c] += slope * x
    return result


def bias_gradient(slopes: list[Any], filters: int, zero: Any) -> list[Any]:
    """`result[o] = sum of slopes[p][q][o]`, over all images."""
    result = [zero] * filters
    for pixel in (pixel for image in slopes for row in image for pixel in row):
        for o, slope in enumerate(pixel):
            result[o] += slope
    return result
