"""Where rows were dropped or added is found from the output alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reference_impl
from conformance.cases.drawn.data import position_coded
from conformance.checks import Traits
from conformance.checks.chapters.forward import padding
from conformance.model.case import Case
from conformance.model.geometry import Geometry
from conformance.model.values.codec import Array


@pytest.mark.parametrize(
    ("rows", "before"),
    [
        ([1, 2, 3], 0),
        ([2, 3, 0], 1),
        ([3, 0], 2),
        ([0, 1, 2], -1),
        ([0, 0, 1, 2, 3, 0], -2),
        ([2], 1),
    ],
)
def test_rows_match_where_they_were_taken_from(rows: list[int], before: int) -> None:
    full = np.array([[1], [2], [3]])
    found = [n for n in range(-3, 4) if padding._matches(np.array(rows)[:, None], full, n)]
    assert found == [before]


def _full(geometry: dict[str, Any], inputs: Array, kernel: Array) -> Array:
    """The result before any row is dropped, as long as the kernel reaches."""
    strides = geometry.get("strides", [1, 1])
    output = reference_impl.conv2d_transpose(inputs, kernel, tuple(strides), "valid")
    height, width = (
        (n - 1) * s + k for n, s, k in zip(inputs.shape[1:3], strides, kernel.shape[:2])
    )
    return np.asarray(output[:, :height, :width])


def _moved(full: Array, before: int, axis: int) -> Array:
    """The full result from `before` on, with zeros where it has no rows."""
    lines = np.moveaxis(full, axis, 0)
    found = np.zeros_like(lines)
    for row in range(found.shape[0]):
        if 0 <= row + before < lines.shape[0]:
            found[row] = lines[row + before]
    return np.moveaxis(found, 0, axis)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("kernel_size", "strides", "reach"), [([3, 3], [1, 1], 3), ([2, 2], [3, 3], 3)]
)
def test_the_offset_is_found_as_far_as_the_kernel_or_the_stride_reaches(
    number: int, kernel_size: list[int], strides: list[int], reach: int
) -> None:
    arguments = {"filters": 2, "kernel_size": kernel_size, "strides": strides}
    inputs = position_coded((2, 4, 5, 2), "float64")
    kernel = position_coded((*kernel_size, 2, 2), "float64")
    full = _full(arguments, inputs, kernel)
    geometry = Geometry.of(arguments)
    found = [
        padding._rows_dropped(_moved(full, n, 1 + number), inputs, kernel, number, geometry)
        for n in range(-reach - 1, reach + 2)
    ]
    assert found == [0, *range(-reach, reach + 1), 0]


def test_of_several_offsets_the_smallest_is_told() -> None:
    geometry = Geometry.of({"filters": 1, "kernel_size": 3})
    nothing, inputs = np.zeros((1, 6, 6, 1)), np.zeros((1, 4, 4, 1))
    assert padding._rows_dropped(nothing, inputs, np.ones((3, 3, 1, 1)), 0, geometry) == 0


@pytest.mark.parametrize(
    ("arguments", "odd"),
    [
        ({"kernel_size": 4}, True),
        ({"kernel_size": 3}, False),
        ({"kernel_size": [3, 4]}, True),
        ({"kernel_size": 4, "padding": "valid"}, False),
        ({"kernel_size": 2, "strides": 3}, False),
    ],
)
def test_an_odd_crop_is_one_of_same_with_a_long_kernel(
    arguments: dict[str, Any], odd: bool
) -> None:
    case = Case("geometry", {"filters": 1, "padding": "same", **arguments}, ())
    assert padding._odd_crop(case, Traits()) is odd


@pytest.mark.parametrize(
    ("activation", "couples"), [("softmax", True), ("relu", False), (None, False)]
)
def test_only_softmax_couples_positions(activation: str | None, couples: bool) -> None:
    case = Case("activations", {"activation": activation}, ())
    assert padding.case_couples_positions(case) is couples
