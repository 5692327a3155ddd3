"""The sums of large cases: one matrix product for each tap of the kernel, in float64.

The loops of `reference_impl` decide what is right; where a case is too large for them, these products stand in.
They share no code with either implementation, and a property test compares them with the loops. Sums of integers
below 2**53 are exact, in whatever order the matrix product adds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.model.geometry import Geometry
from conformance.model.values.codec import Array

_Places = tuple[slice, slice]


def conv2d_transpose(geometry: Geometry, inputs: Array, kernel: Array, bias: Array | None) -> Array:
    """Return the transposed convolution of finite numbers.

    Args:
        geometry: strides, padding, data format, dilation, output padding.
        inputs: images in the geometry's data format, float64.
        kernel: (kernel height, kernel width, filters, input channels), float64.
        bias: (filters,), or None.

    Returns:
        The output in the geometry's data format, float64. Cost: one product for each pixel, tap, filter and
        channel, and the full result before cropping as memory.
    """
    images = geometry.to_channels_last(inputs)
    full, kept = _full(geometry, images.shape, kernel.shape[2])
    for a, b, places in _taps(geometry, images.shape):
        full[:, places[0], places[1]] += images @ kernel[a, b].T
    outputs = full[:, kept[0], kept[1]]
    return _own_format(geometry, outputs if bias is None else outputs + bias)


def conv2d_transpose_gradients(
    geometry: Geometry, inputs: Array, kernel: Array, output_gradient: Array
) -> tuple[Array, Array, Array]:
    """Return the gradients of `sum(output * output_gradient)` by inputs, kernel and bias; shapes as theirs."""
    images = geometry.to_channels_last(inputs)
    upstream = geometry.to_channels_last(output_gradient)
    full, kept = _full(geometry, images.shape, kernel.shape[2])
    full[:, kept[0], kept[1]] = upstream
    by_images, by_kernel = np.zeros(images.shape), np.zeros(kernel.shape)
    for a, b, places in _taps(geometry, images.shape):
        met = full[:, places[0], places[1]]
        by_images += met @ kernel[a, b]
        by_kernel[a, b] = np.tensordot(met, images, axes=((0, 1, 2), (0, 1, 2)))
    return _own_format(geometry, by_images), by_kernel, upstream.sum(axis=(0, 1, 2))


def _full(geometry: Geometry, shape: tuple[int, ...], filters: int) -> tuple[Array, _Places]:
    """Return zeros in the size of the result before cropping, with the rows appended, and what is kept of it."""
    sizes, kept = [], []
    for axis, length in zip(geometry.axes, shape[1:3]):
        before, out = axis.crop_before(length), axis.output_length(length)
        sizes.append(max((length - 1) * axis.stride + axis.extent, before + out))
        kept.append(slice(before, before + out))
    return np.zeros((shape[0], *sizes, filters)), (kept[0], kept[1])


def _taps(geometry: Geometry, shape: tuple[int, ...]) -> Iterator[tuple[int, int, _Places]]:
    """Yield each tap (a, b) and the places of the full result to which it takes the pixels."""
    rows, columns = (
        [
            slice(start, start + length * axis.stride, axis.stride)
            for start in range(0, axis.extent, axis.dilation)
        ]
        for axis, length in zip(geometry.axes, shape[1:3])
    )
    for a, row in enumerate(rows):
        for b, column in enumerate(columns):
            yield a, b, (row, column)


def _own_format(geometry: Geometry, array: Array) -> Array:
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if geometry.channels_first else array
