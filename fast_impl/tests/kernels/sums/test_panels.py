"""How lanes are cut into panels."""

import pytest

from fast_impl.kernels.format import Run
from fast_impl.kernels.sums.panels import Lanes, Panel, cuts, widths
from fast_impl.kernels.x86.avx2 import AVX2
from fast_impl.kernels.x86.avx512 import AVX512
from fast_impl.tests.targets import IDLE, for_each_target


@for_each_target
@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("line", [*range(1, 50), 64, 100, 127, 128, 129, 672])
def test_panels_are_all_lanes_in_order_in_every_way_to_cut_them(line, size, target):
    for way in cuts(Lanes(line), size, target):
        lane = 0
        for panel in way:
            width = panel.vectors * target.vector // size
            (run,) = panel.runs
            assert (panel.lane, run.lane, run.displacement) == (lane, 0, 0)
            # Only the last one has idle lanes, and less than a vector of them.
            assert run.lanes == width or (panel.times == 1 and panel is way[-1])
            assert width - run.lanes < target.vector // size
            assert panel.vectors in target.tiles
            lane += panel.times * run.lanes
        assert lane == line


def _vectors(target, line):
    """Of each way: vectors of a panel, and how many panels have so many."""
    return [[(panel.vectors, panel.times) for panel in way] for way in cuts(Lanes(line), 4, target)]


@pytest.mark.parametrize(
    ("target", "line", "ways"),
    [
        # The best width comes first; a width that gives the same panels is no other way.
        (AVX2, 8, [[(1, 1)]]),
        (AVX2, 9, [[(2, 1)]]),
        (AVX2, 16, [[(2, 1)]]),
        (AVX2, 17, [[(2, 1), (1, 1)], [(3, 1)]]),
        (AVX2, 32, [[(2, 2)], [(3, 1), (1, 1)]]),
        (AVX2, 33, [[(2, 2), (1, 1)], [(3, 1), (2, 1)]]),
        (AVX2, 31, [[(2, 1), (2, 1)], [(3, 1), (1, 1)]]),
        (AVX2, 48, [[(2, 3)], [(3, 2)]]),
        (AVX512, 16, [[(1, 1)]]),
        (AVX512, 33, [[(3, 1)], [(2, 1), (1, 1)]]),
        (AVX512, 64, [[(4, 1)], [(2, 2)], [(3, 1), (1, 1)]]),
        (AVX512, 65, [[(4, 1), (1, 1)], [(2, 2), (1, 1)], [(3, 1), (2, 1)]]),
        (AVX512, 96, [[(4, 1), (2, 1)], [(2, 3)], [(3, 2)]]),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_ways_to_cut_lanes(target, line, ways):
    assert _vectors(target, line) == ways


@pytest.mark.parametrize(
    ("vectors", "most", "expected"),
    [
        (1, 4, [(1, 1)]),
        (4, 4, [(4, 1)]),
        (5, 4, [(4, 1), (1, 1)]),
        (8, 4, [(4, 2)]),
        (11, 4, [(4, 2), (3, 1)]),
        (3, 1, [(1, 3)]),
        (0, 4, []),
    ],
)
def test_widths_are_as_many_of_the_widest_as_there_are_and_one_for_the_rest(
    vectors, most, expected
):
    assert widths(vectors, most) == expected


@for_each_target
@pytest.mark.parametrize("vectors", range(40))
def test_widths_make_up_all_vectors(vectors, target):
    for most in target.tiles:
        found = widths(vectors, most)
        assert sum(width * count for width, count in found) == vectors
        assert all(1 <= width <= most and count >= 1 for width, count in found)


def test_lines_of_lanes_are_written_where_their_rows_are():
    assert cuts(Lanes(3, 2, 640), 4, IDLE) == ((Panel(1, 1, 0, (Run(0, 3, 0), Run(3, 3, 0, 1))),),)
    assert cuts(Lanes(6, 4, 100), 4, IDLE)[0][0].vectors == 3
    with pytest.raises(ValueError, match="do not fit 3 vectors of 8 numbers"):
        cuts(Lanes(7, 4, 100), 4, IDLE)
    with pytest.raises(ValueError, match="do not fit 3 vectors of 4 numbers"):
        cuts(Lanes(7, 2, 100), 8, IDLE)
