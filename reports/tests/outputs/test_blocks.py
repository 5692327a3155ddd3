"""Planes of numbers and text as lines, on screens of any width."""

import numpy as np
import pytest

from reports.outputs import blocks


def test_a_plane_has_rulers_and_its_numbers():
    assert blocks.plane("input", np.array([[1.0, 2.0]])) == ["input", "   0  1", "0  1  2"]


def test_a_box_is_drawn_around_its_part():
    lines = blocks.plane("canvas", np.array([[1.0, 2.0, 3.0]]), box=(0, 1, 1, 2))
    assert lines[2:] == ["      ┌───────┐", "0   1 │ 2   3 │", "      └───────┘"]


def test_a_mark_is_a_star_behind_the_number():
    assert blocks.plane("got", np.array([[1.0, 2.0]]), marks={(0, 1)})[2] == "0  1  2*"


def test_a_large_plane_is_cut_and_says_so():
    lines = blocks.plane("canvas", np.zeros((30, 30)))
    assert lines[-1] == "(rows 0 to 15, columns 0 to 11 of (30, 30))"


def test_blocks_of_unequal_height_stand_side_by_side():
    assert [*blocks.beside(["a"], ["b", "c"])] == ["a    b", "     c"]


def test_blocks_that_do_not_fit_stand_below_each_other():
    assert [*blocks.beside(["abcd"], ["e"], width=8)] == ["abcd", "", "e"]
    assert [*blocks.beside(["abcd"], ["e"], width=9)] == ["abcd    e"]


def test_a_large_plane_is_cut_around_what_is_marked():
    lines = blocks.plane("got", np.arange(900.0).reshape(30, 30), marks={(25, 14)})
    assert lines[-1] == "(rows 14 to 29, columns 8 to 19 of (30, 30))"
    assert any("764*" in line for line in lines)


def test_a_box_that_goes_on_beyond_the_cut_is_drawn_as_far_as_it_is_seen():
    lines = blocks.plane("canvas", np.zeros((1, 30)), focus=(0, 15), box=(0, 10, 1, 20))
    assert lines[3] == "0    0 │" + " ".join(11 * ["  0 "]) + "│"


def test_a_plane_has_no_more_columns_than_fit():
    lines = blocks.plane("input", np.full((1, 9), 1000.0), width=30)
    assert max(map(len, lines)) <= 30
    assert lines[-2:] == ["(rows 0 to 0, columns 0 to 3", "of (1, 9))"]


def test_a_plane_has_one_column_on_any_screen():
    assert blocks.plane("i", np.full((1, 2), 1000.0), width=3)[1:3] == ["      0", "0  1000"]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 13, ["one two three"]),
        ("one two three four five six", 24, ["one two three four five", "  six"]),
        (
            "a_word_that_is_longer_than_a_line here",
            24,
            ["a_word_that_is_longer_than_a_line", "  here"],
        ),
        ("one\ntwo", 40, ["one", "  two"]),
        ("", 40, [""]),
    ],
)
def test_a_text_is_broken_between_words(text, width, lines):
    assert blocks.paragraph(text, hanging=2, width=width) == lines


def test_a_labelled_text_begins_at_one_column():
    text = "a rule of the layer in many words"
    assert blocks.labelled("norm", text, column=6, indent=2, width=28) == [
        "  norm  a rule of the layer",
        "        in many words",
    ]
