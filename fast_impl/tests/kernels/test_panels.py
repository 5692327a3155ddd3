"""How lanes are cut into panels."""

import pytest

from fast_impl.kernels.format import Run
from fast_impl.kernels.panels import Lanes, Panel, panels
from fast_impl.tests.targets import IDLE


@pytest.mark.parametrize("size", [4, 8])
@pytest.mark.parametrize("line", [*range(1, 50), 64, 100, 672])
def test_panels_are_all_lanes_in_order(line, size):
    lane = 0
    for panel in panels(Lanes(line), size, IDLE):
        width = panel.vectors * 32 // size
        (run,) = panel.runs
        assert (panel.lane, run.lane, run.displacement) == (lane, 0, 0)
        assert run.lanes == width or panel.times == 1
        lane += panel.times * run.lanes
    assert lane == line


@pytest.mark.parametrize(
    ("line", "widths"),
    [
        (8, [(1, 1)]), (9, [(2, 1)]), (16, [(2, 1)]), (17, [(3, 1)]), (32, [(2, 2)]), (33, [(2, 1), (3, 1)]),
        (40, [(2, 1), (3, 1)]), (48, [(3, 2)]), (56, [(2, 2), (3, 1)]), (64, [(2, 4)]), (72, [(3, 3)]),
    ],
)  # fmt: skip
def test_panels_are_two_or_three_vectors_wide_where_they_can_be(line, widths):
    found = {}
    for panel in panels(Lanes(line), 4, IDLE):
        found[panel.vectors] = found.get(panel.vectors, 0) + panel.times
    assert list(found.items()) == widths


def test_lines_of_lanes_are_written_where_their_rows_are():
    assert list(panels(Lanes(3, 2, 640), 4, IDLE)) == [
        Panel(1, 1, 0, (Run(0, 3, 0), Run(3, 3, 640)))
    ]
    assert next(panels(Lanes(6, 4, 100), 4, IDLE)).vectors == 3
    with pytest.raises(ValueError, match="do not fit 3 vectors of 8 numbers"):
        list(panels(Lanes(7, 4, 100), 4, IDLE))
    with pytest.raises(ValueError, match="do not fit 3 vectors of 4 numbers"):
        list(panels(Lanes(7, 2, 100), 8, IDLE))
