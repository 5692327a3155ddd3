"""How outputs are divided into lanes."""

import itertools

import pytest

from fast_impl.kernels.sums.lanes import partitions
from fast_impl.problem.geometry import Axis
from fast_impl.tests.made import GIVEN, axes


@pytest.mark.parametrize("one_by_one", [False, True])
@pytest.mark.parametrize("name", GIVEN)
def test_every_partition_has_every_output_once(name, one_by_one):
    for axis in axes(name):
        for sides in partitions(axis, one_by_one):
            found = [
                block * axis.stride + side.first + place
                for side in sides
                for block in side.blocks
                for place in range(len(side.taps))
            ]
            assert sorted(found) == list(range(axis.output))


@pytest.mark.parametrize("name", GIVEN)
def test_every_partition_brings_every_tap_where_it_lands(name):
    for axis in axes(name):
        for sides in partitions(axis, one_by_one=True):
            arrived = sorted(
                (block - shift, tap, block * axis.stride + side.first + place)
                for side in sides
                for block in side.blocks
                for place, taps in enumerate(side.taps)
                for shift, tap in zip(side.shifts, taps, strict=True)
                if tap is not None and 0 <= block - shift < axis.input
            )
            expected = sorted(
                (i, tap, i * axis.stride + tap * axis.dilation - axis.before)
                for i, tap in itertools.product(range(axis.input), range(axis.kernel))
                if 0 <= i * axis.stride + tap * axis.dilation - axis.before < axis.output
            )
            assert arrived == expected


@pytest.mark.parametrize("name", GIVEN)
def test_a_side_counts_the_inputs_that_its_blocks_read(name):
    for axis in axes(name):
        for side in itertools.chain.from_iterable(partitions(axis, one_by_one=True)):
            read = itertools.product(side.blocks, side.shifts)
            assert side.reached == sum(0 <= block - shift < axis.input for block, shift in read)


def test_neighbours_with_the_same_shifts_share_lanes_and_others_do_at_the_price_of_zeros():
    axis = Axis(input=3, kernel=5, stride=3, dilation=1, output=11, before=0)
    apart, alike, together = partitions(axis, one_by_one=True)
    assert partitions(axis, one_by_one=False) == (alike, together)
    assert [(side.taps, side.shifts) for side in apart] == [
        (((3, 0),), (1, 0)), (((4, 1),), (1, 0)), (((2,),), (0,)),
    ]  # fmt: skip
    assert [(side.taps, side.blocks) for side in alike] == [
        (((3, 0), (4, 1)), range(4)), (((2,),), range(3)),
    ]  # fmt: skip
    assert [(len(side.taps), side.blocks) for side in together] == [
        (3, range(3)), (1, range(3, 4)), (1, range(3, 4)),
    ]  # fmt: skip
    assert [side.exact for side in (*apart, *alike, *together)] == [True] * 5 + [False, True, True]


def test_blocks_may_begin_where_the_first_tap_lands():
    axis = Axis(input=3, kernel=4, stride=2, dilation=1, output=6, before=1)
    *_, aligned = partitions(axis, one_by_one=False)
    assert [(side.first, side.shifts, side.blocks) for side in aligned] == [
        (-1, (1, 0), range(1, 3)), (-1, (1, 0), range(3, 4)), (0, (1, 0), range(1)),
    ]  # fmt: skip
    assert aligned[0].exact


@pytest.mark.parametrize("name", GIVEN)
def test_taps_that_reach_nothing_have_no_place(name):
    for axis in axes(name):
        reaching = {tap for tap in range(axis.kernel) if _reached_by(axis, tap)}
        for sides in partitions(axis, one_by_one=True):
            taps = {tap for side in sides for taps in side.taps for tap in taps}
            assert taps - {None} == reaching


def _reached_by(axis, tap):
    return [
        i for i in range(axis.input)
        if 0 <= i * axis.stride + tap * axis.dilation - axis.before < axis.output
    ]  # fmt: skip
