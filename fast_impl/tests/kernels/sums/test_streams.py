"""What streams name, and how long they may be."""

import contextlib

import pytest

from fast_impl.kernels.format import END, NOWHERE, ZEROS
from fast_impl.kernels.sums import grids, streams, tiles
from fast_impl.kernels.sums.grids import Grid, Reach, Unit, cut, unit
from fast_impl.kernels.sums.streams import Streams, TooLongError


def _grid(images, rows, columns, taps=(0,), step=1):
    reach = Reach(columns, step, taps)
    return Grid(
        images, range(rows), range(columns), Reach(rows, step, taps), reach, 4, 4, (0, 0, 0)
    )


def _in_one_piece(monkeypatch, images, rows):
    """Cut every grid into units of so many images and rows, with all its columns."""
    monkeypatch.setattr(streams, "cut", lambda grid, tile: ((grid, Unit(images, rows, 0)),))


@pytest.mark.parametrize(
    ("images", "rows", "columns", "taps", "expected"),
    [
        (1, 4, 60, (0,), (1, 1)),
        (1, 4, 62, (0,), (1, 2)),
        (1, 4, 9, (0,), (1, 2)),
        (1, 5, 4, (0,), (1, 3)),
        (1, 1, 4, (0,), (1, 1)),
        (5, 1, 4, (0,), (5, 1)),
        (12, 4, 4, (0,), (1, 3)),
        (12, 4, 4, (-1, 0, 1), (6, 1)),
        (12, 4, 60, (-1, 0, 1), (1, 1)),
    ],
)
def test_a_unit_leaves_few_places_idle(images, rows, columns, taps, expected):
    assert unit(_grid(images, rows, columns, taps), 6)[:2] == expected


def test_places_of_a_unit_are_counted_with_the_idle_ones():
    assert unit(_grid(1, 1, 4), 6).places == 6
    assert unit(_grid(1, 3, 4), 6).places == 12
    assert unit(_grid(1, 4, 12, (-1, 0)), 6).places == pytest.approx(48 * 7 / 8)
    # Eight images: six at once, and two whose four columns take eight places in tiles of six.
    assert unit(_grid(8, 4, 4, (-1, 0)), 6).places == pytest.approx((6 + 3) * 16 * (7 / 8) ** 2)


def test_inputs_that_do_not_exist_are_known():
    reach = Reach(5, 2, (-1, 0, 1))
    assert [reach.valid(block) for block in range(3)] == [
        (False, True, True), (True, True, True), (True, True, False),
    ]  # fmt: skip
    assert [reach.first(block) for block in range(3)] == [0, 1, 3]
    assert reach.idle(range(3)) == pytest.approx(9 / 7)
    assert Reach(5, 1, ()).first(4) == 4
    assert Reach(5, 1, ()).idle(range(3)) == 1
    # An input that no block has counts as idle, and as nothing else.
    assert Reach(5, 1, (0, 9)).idle(range(3)) == 2


# One row of five pixels, whose first column has one tap of two.
BORDER = Grid(1, range(1), range(5), Reach(1, 1, (0,)), Reach(5, 1, (-1, 0)), 2, 4, (0, 0, 12), 100)


def test_a_stream_names_every_input_of_a_tile_and_zeros_for_those_beyond_the_edge(monkeypatch):
    _in_one_piece(monkeypatch, 1, 1)
    found = Streams()
    assert found.add(BORDER, 4, range(1), 64, 8, once=False) == range(1)
    words, jobs = found.arrays()
    assert jobs.tolist() == [[0, 0, 108]]
    assert words.tolist() == [
        2, 0, 12, 24, 36, 2, 0, ZEROS, 0, 8, 16, 2, 64, 0, 8, 16, 24,
        1, 12, 24, 36, 48, 4, 0, 0, 8, 16, 24,
        END,
    ]  # fmt: skip


def test_columns_at_the_border_are_tiles_of_their_own_without_the_taps_that_none_of_them_has(
    monkeypatch,
):
    monkeypatch.setattr(grids, "_WORTH_CUTTING", 1)
    found = Streams()
    assert found.add(BORDER, 4, range(1), 64, 8, once=False) == range(2)
    words, jobs = found.arrays()
    inside = [1, 12, 24, 36, 48, 4, 0, 0, 8, 16, 24, END]
    border = [1, 0, 0, 0, 0, 2, 64, 0, 0, 0, 0, END]
    assert words.tolist() == inside + border
    assert jobs.tolist() == [[0, 0, 108], [4 * len(inside), 0, 108]]


def _columns(grid, tile):
    """By columns that are cut together: rows of a unit, and whether they are taken column by column."""
    return [
        ((part.columns.start, part.columns.stop), found.rows, found.upright)
        for part, found in cut(grid, tile)
    ]


@pytest.mark.parametrize(
    ("images", "rows", "columns", "taps", "step", "expected"),
    [
        (1, 1, 9, (0,), 1, [((0, 9), 1, False)]),
        (1, 40, 9, (-1, 0, 1), 1, [((1, 8), 5, False), ((0, 1), 24, True), ((8, 9), 24, True)]),
        (1, 40, 9, (-2, 0), 1, [((2, 9), 5, False), ((0, 2), 24, True)]),
        # No column has all taps, or few are at the border; images side by side have none.
        (1, 40, 300, (-1, 0, 1), 1, [((0, 300), 1, False)]),
        (12, 4, 4, (-1, 0, 1), 1, [((0, 4), 1, False)]),
    ],
)
def test_columns_are_cut_by_themselves_where_fewer_places_reach_over_the_edge(
    images, rows, columns, taps, step, expected, monkeypatch
):
    monkeypatch.setattr(grids, "_WORTH_CUTTING", 1)
    assert _columns(_grid(images, rows, columns, taps, step), 6) == expected


def test_columns_are_cut_by_themselves_where_that_saves_more_than_it_takes_to_plan(monkeypatch):
    grid = _grid(1, 40, 9, (-1, 0, 1))
    idle = (grid.right.idle(grid.columns) - 1) * 40 * 9 * grid.taps * grid.channels
    for least, parts in ((idle, 3), (idle + 1, 1)):
        monkeypatch.setattr(grids, "_WORTH_CUTTING", least)
        cut.cache_clear()
        assert len(cut(grid, 6)) == parts


@pytest.mark.parametrize("tile", [4, 6, 8])
@pytest.mark.parametrize("taps", [(), (0,), (-1, 0, 1), (-9, 0, 9), (-3, -2), (2, 5), (-40, 40)])
@pytest.mark.parametrize("rows", [1, 7, 40])
@pytest.mark.parametrize("columns", [range(1), range(9), range(-2, 11), range(3, 8)])
def test_every_column_is_cut_once(columns, rows, taps, tile, monkeypatch):
    monkeypatch.setattr(grids, "_WORTH_CUTTING", 1)
    reach = Reach(9, 1, taps)
    grid = Grid(1, range(rows), columns, Reach(rows, 1, (0,)), reach, 4, 4, (0, 0, 0))
    found = [column for part, _ in cut(grid, tile) for column in part.columns]
    assert sorted(found) == list(columns)


def test_a_stream_that_must_write_once_skips_what_was_written_before():
    grid = Grid(1, range(1), range(5), Reach(1, 1, (0,)), Reach(5, 1, (0,)), 2, 4, (0, 0, 12))
    found = Streams()
    found.add(grid, 4, range(1), 64, 0, once=True)
    words, _ = found.arrays()
    assert words[1:5].tolist() == [0, 12, 24, 36]
    assert words[12:16].tolist() == [NOWHERE] * 3 + [48]


def test_rows_that_read_alike_share_a_stream():
    grid = Grid(
        2, range(9), range(6), Reach(9, 1, (-1, 0, 1)), Reach(6, 1, (0,)), 1, 4, (1000, 100, 4)
    )
    found = Streams()
    found.add(grid, 6, range(3), 4, 0, once=False)
    _, jobs = found.arrays()
    assert len(jobs) == 18
    assert len(set(jobs[:, 0].tolist())) == 3
    assert jobs[:4, 1].tolist() == [0, 0, 24, 48]
    assert jobs[8:11, 2].tolist() == [800, 1000, 1100]
    assert jobs[9, 1] == 9 * 24


def test_addresses_of_more_than_32_bits_are_left_to_other_methods():
    assert streams.as_words([0, (1 << 31) - 1, -1]).tolist() == [0, (1 << 31) - 1, -1]
    assert streams.as_words([]).tolist() == []
    with pytest.raises(TooLongError):
        streams.as_words([0, 1 << 31])


def test_a_row_of_too_many_tiles_is_refused_before_it_is_cut():
    grid = _grid(1, 1, 2_000_000)
    with pytest.raises(TooLongError):
        Streams().add(grid, 8, range(1), 64, 0, once=False)


@pytest.mark.parametrize(
    ("images", "rows", "columns", "before", "least"),
    [
        # Two rows of 13 make 7 tiles of 4; so do 28 columns, and 4 images by 7 columns.
        (1, 2, 13, 0, 35), (1, 1, 28, 0, 35), (1, 1, 25, 0, 35), (4, 1, 7, 0, 35), (1, 1, 28, 10, 45),
    ],
)  # fmt: skip
def test_words_are_counted_before_a_row_is_cut(images, rows, columns, before, least, monkeypatch):
    monkeypatch.setattr(streams, "Cutter", lambda *_: pytest.fail("rows were cut"))
    _in_one_piece(monkeypatch, images, rows)
    for most, refused in ((least, False), (least - 1, True)):
        monkeypatch.setattr(streams, "MOST_WORDS", most)
        with pytest.raises(TooLongError) if refused else contextlib.nullcontext():
            Streams(_count=before).add(_grid(images, rows, columns), 4, range(1), 64, 0, once=False)


def test_words_of_all_grids_are_counted_together():
    grid = _grid(1, 1, 28)
    for most, refused in ((70, False), (69, True)):
        found = Streams(most)
        found.add(grid, 4, range(1), 64, 0, once=False)
        with pytest.raises(TooLongError) if refused else contextlib.nullcontext():
            found.add(grid, 4, range(1), 64, 0, once=False)


@pytest.mark.parametrize("unit", [(1, 1), (2, 1), (1, 2)])
def test_jobs_are_counted_before_a_row_is_cut(unit, monkeypatch):
    _in_one_piece(monkeypatch, *unit)
    grid = _grid(5, 3, 4)
    jobs = Streams().add(grid, 4, range(1), 64, 0, once=False)
    assert len(jobs) == {(1, 1): 15, (2, 1): 9, (1, 2): 10}[unit]
    for most, refused in ((len(jobs), False), (len(jobs) - 1, True)):
        monkeypatch.setattr(streams, "_MOST_JOBS", most)
        with pytest.raises(TooLongError) if refused else contextlib.nullcontext():
            Streams().add(grid, 4, range(1), 64, 0, once=False)


def test_words_have_a_limit_while_they_are_made(monkeypatch):
    grid = _grid(1, 3, 9)
    made_words = Streams()
    made_words.add(grid, 4, range(1), 64, 0, once=False)
    words = len(made_words.arrays()[0])
    for most, refused in ((words - 1, False), (words - 2, True)):  # the last one is the end
        monkeypatch.setattr(streams, "MOST_WORDS", most)
        found = Streams()
        found.add(grid, 4, range(1), 64, 0, once=False)
        with pytest.raises(TooLongError) if refused else contextlib.nullcontext():
            found.arrays()


def _expanded(words, jobs, tile):
    """What each job reads and writes: its inputs, its outputs and the words of its tiles."""
    found = []
    for stream, inputs, outputs in jobs.tolist():
        at, tiles = stream // 4, []
        while words[at] >= 0:
            size = 1 + tile + words[at] * (2 + tile)
            tiles.append(words[at : at + size].tolist())
            at += size
        found.append((inputs, outputs, tiles))
    return found


@pytest.mark.parametrize("once", [False, True])
@pytest.mark.parametrize("padded", [0, 512])
@pytest.mark.parametrize("looked_at", [1, 100, 1 << 18])
@pytest.mark.parametrize(("images", "step"), [(1, 1), (5, 2)])
def test_grids_give_the_same_alone_and_together_at_once_and_tile_by_tile(
    images, step, looked_at, padded, once, monkeypatch
):
    columns = Reach(9, 1, (-1, 0, 1))
    grids = [
        Grid(images, range(first, 7), range(-1, 8), Reach(7, step, taps), across, 3, 4, (999, 99, 9), at)
        for first, taps, across, at in (
            (0, (-1, 0, 1), columns, 0),
            (0, (-2, 3), columns._replace(offsets=(0, 2)), 8),
            (1, (), columns, 16),
            (0, (0,), columns._replace(offsets=(-3, -2, 4, 5)), 24),
        )
    ]  # fmt: skip
    alone = []
    for grid in grids:
        found = Streams()
        found.add(grid, 4, range(len(grid.down.offsets)), 64, 8, once)
        alone += _expanded(*found.arrays(), 4)
    monkeypatch.setattr(tiles, "_LOOKED_AT", looked_at)
    monkeypatch.setattr(tiles, "_PADDED", padded)
    together = Streams()
    ranges = [together.add(g, 4, range(len(g.down.offsets)), 64, 8, once) for g in grids]
    assert _expanded(*together.arrays(), 4) == alone
    assert [some.start for some in ranges[1:]] == [some.stop for some in ranges[:-1]]


def test_too_many_jobs_are_refused():
    with pytest.raises(TooLongError):
        Streams().add(_grid(1, 140_000, 60), 6, range(1), 64, 0, once=False)
