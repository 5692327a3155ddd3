"""Copies between the forms in which pixels lie in memory."""

import ctypes
import math

import numpy as np
import pytest

from fast_impl.kernels import copying
from fast_impl.kernels.format import Copies
from fast_impl.tests.targets import on_each_target, telling


@on_each_target
@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("block", [1, 2 * 44, 4 * 44, 5 * 44, 1 << 20])
@pytest.mark.parametrize("panels", [1, 2, 3])
@pytest.mark.parametrize("first", [0, 3, 4])
def test_panels_take_what_there_is_and_zeros_for_the_rest(
    target, panels, first, block, together, monkeypatch
):
    monkeypatch.setattr(copying, "_BLOCK_BYTES", block)
    source = np.arange(2 * 3 * 11, dtype="f4").reshape(2, 3, 11)
    if not together:
        source = np.repeat(source, 2, axis=0)[::2]
    into = np.full((panels, 2, 3, 4), np.nan, "f4")
    padded = np.pad(source, ((0, 0), (0, 0), (0, 10)))
    if panels * 4 < 11 - first + 4:  # at most one of them lacks numbers
        copying.fill(into, source, first, target)
        for panel in range(panels):
            start = first + 4 * panel
            np.testing.assert_array_equal(into[panel], padded[..., start : start + 4])
    nothing = np.full((panels, 0, 3, 4), np.nan, "f4")
    copying.fill(nothing, source[:0], 0, target)


@pytest.mark.parametrize(
    ("shape", "apart", "expected"),
    [
        # Blocks of two pixels of 24 bytes, and a rest of one.
        ((3, 3, 6), False, [(4, 2, 48), (1, 1, 48)]),
        ((2, 3, 6), False, [(3, 2, 48)]),
        ((1, 2, 6), False, [(1, 2, 48)]),
        ((1, 1, 6), False, [(1, 1, 24)]),
        ((3, 2, 6), True, [(3, 2, 96)]),
    ],
)
def test_a_long_axis_is_copied_in_blocks(shape, apart, expected, monkeypatch):
    told = []

    def kernel(place):
        fields = Copies.OUTER, Copies.INNER, Copies.OUTER_STEP, Copies.TARGET_PANEL_STEP
        *found, step = (ctypes.c_int64.from_address(place + field).value for field in fields)
        assert step == math.prod(shape) * 4
        told.append(tuple(found))

    monkeypatch.setattr(copying, "_BLOCK_BYTES", 50)
    source = np.zeros((2 * shape[0], *shape[1:]), "f4")[::2] if apart else np.zeros(shape, "f4")
    copying.fill(np.zeros((1, *shape), "f4"), source, 0, telling(kernel))
    assert told == expected


@pytest.mark.parametrize(
    ("count", "parts", "expected"),
    [
        (7, 3, [(0, 2), (2, 4), (4, 7)]),
        (2, 5, [(0, 1), (1, 2)]),
        (4, 1, [(0, 4)]),
        (0, 2, [(0, 0)]),
    ],
)
def test_shares_are_even(count, parts, expected):
    assert [(share.start, share.stop) for share in copying.shares(count, parts)] == expected
