"""The norm's formulas on one axis, against counting positions one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from conformance.model.geometry import Axis, Geometry

PLAIN = [
    Axis(kernel, stride, 1, None, same)
    for kernel, stride, same in itertools.product(range(1, 7), range(1, 6), (False, True))
]
DILATED = [
    Axis(kernel, 1, rate, None, same)
    for kernel, rate, same in itertools.product(range(1, 5), (2, 3), (False, True))
]


def _forward_length(axis: Axis, length: int) -> int:
    """Count the windows of a forward convolution, sliding one by one."""
    if axis.same:
        return len(range(0, length, axis.stride))
    return sum(start + axis.extent <= length for start in range(0, max(length, 0), axis.stride))


@pytest.mark.parametrize("axis", PLAIN + DILATED, ids=str)
def test_a_forward_convolution_makes_the_input_s_length_of_the_output(axis: Axis) -> None:
    shrinking = {n: _forward_length(axis, n) for n in range(1, 60)}
    fitting = {h: [n for n in shrinking if shrinking[n] == h] for h in range(1, 6)}
    # The longest for `same`; the shortest for `valid`, which has a whole stride for every row.
    wanted = [max(f) if axis.same else max(f[0], h * axis.stride) for h, f in fitting.items()]
    assert [axis.output_length(h) for h in fitting] == wanted
    assert [shrinking[n] for n in wanted] == list(fitting)


@pytest.mark.parametrize("axis", PLAIN + DILATED, ids=str)
def test_the_forward_length_is_the_number_of_windows(axis: Axis) -> None:
    lengths = range(1, 20)
    counted = [_forward_length(axis, n) for n in lengths]
    assert [max(axis.forward_length(n), 0) for n in lengths] == counted


@pytest.mark.parametrize("axis", [axis for axis in PLAIN + DILATED if axis.same], ids=str)
def test_same_crops_half_of_what_sticks_out_rounded_down(axis: Axis) -> None:
    length = 4
    reached = {
        i * axis.stride + a * axis.dilation for i in range(length) for a in range(axis.kernel)
    }
    surplus = max(max(reached) + 1 - axis.output_length(length), 0)
    assert axis.crop_before(length) == surplus // 2


@pytest.mark.parametrize("axis", [axis for axis in PLAIN if not axis.same], ids=str)
def test_valid_crops_nothing(axis: Axis) -> None:
    assert axis.crop_before(4) == 0


@pytest.mark.parametrize(("kernel", "stride"), list(itertools.product(range(1, 7), range(1, 6))))
def test_no_output_element_has_more_terms_than_said(kernel: int, stride: int) -> None:
    geometry = Geometry.of({"filters": 1, "kernel_size": [kernel, 1], "strides": [stride, 1]})
    landed = np.zeros(60, int)
    for i, a in itertools.product(range(8), range(kernel)):
        landed[i * stride + a] += 1
    assert geometry.terms(3) == 3 * landed.max()


def test_shapes_follow_the_data_format() -> None:
    arguments = {"filters": 5, "kernel_size": [2, 3], "strides": [3, 1]}
    last, first = (
        Geometry.of({**arguments, "data_format": name})
        for name in ("channels_last", "Channels_First")
    )
    assert last.output_shape((7, 4, 6, 2)) == (7, 12, 8, 5)
    assert first.output_shape((7, 2, 4, 6)) == (7, 5, 12, 8)
    assert first.to_channels_last(np.zeros((7, 2, 4, 6))).shape == (7, 4, 6, 2)
    assert first.kernel_shape(2) == last.kernel_shape(2) == (2, 3, 5, 2)
