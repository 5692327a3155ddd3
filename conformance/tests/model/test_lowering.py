"""The lowering: what it makes of the full result is the oracle's result, for every padding, stride and rate."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.cases.listed.numbers import GEOMETRIES
from conformance.model.geometry import Axis
from conformance.model.lowering import Crop, crops, output_padding, pads
from reference_impl import conv2d_transpose


@pytest.mark.parametrize(
    ("axis", "length", "before", "after"),
    [
        (Axis(3, 2, 1, None, True), 4, 0, 1),  # the odd row goes at the back
        (Axis(4, 1, 1, None, True), 4, 1, 2),
        (Axis(1, 3, 1, None, False), 4, 0, -2),  # rows are appended where the kernel is short
        (Axis(3, 2, 1, 1, True), 4, 0, 1),
        (Axis(1, 2, 1, 1, True), 4, 0, -1),
        (Axis(2, 1, 3, None, True), 4, 1, 2),
        (Axis(1, 3, 1, None, True), 0, 0, 0),  # of no rows there are none
        (Axis(1, 3, 1, None, False), 0, 0, 0),
        (Axis(5, 3, 1, None, False), 0, 0, 0),
    ],
)
def test_an_axis_is_cropped_as_tensorflow_does(
    axis: Axis, length: int, before: int, after: int
) -> None:
    assert Crop.of(axis, length) == Crop(before, after)


@pytest.mark.parametrize("c", GEOMETRIES)
def test_the_full_result_lowered_is_the_layer_s(c) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.default_rng(0)
    inputs = generator.integers(-3, 4, (2, *c.size, c.in_channels)).astype(np.float32)
    kernel = generator.integers(-3, 4, c.kernel_shape).astype(np.float32)
    height, width = c.geometry.axes
    cut = crops((height, width), c.size)
    full = np.zeros(
        (2, *((n - 1) * a.stride + a.extent for n, a in zip(c.size, (height, width))), c.filters)
    )
    for i, j in np.ndindex(*c.size):
        for u, v in np.ndindex(*c.kernel_size):
            row = i * height.stride + u * height.dilation
            column = j * width.stride + v * width.dilation
            full[:, row, column] += inputs[:, i, j] @ kernel[u, v].T
    kept = full[:, cut[0].kept, cut[1].kept]
    lowered = np.pad(kept, ((0, 0), *((0, n) for n in output_padding(cut)), (0, 0)))
    expected = conv2d_transpose(
        inputs, kernel, c.strides, c.padding, dilation_rate=c.dilation_rate,
        output_padding=c.output_padding,
    )  # fmt: skip
    np.testing.assert_array_equal(lowered, expected)


def test_pads_are_top_left_bottom_right() -> None:
    assert pads((Crop(1, 2), Crop(3, -1))) == (1, 3, 2, 0)
