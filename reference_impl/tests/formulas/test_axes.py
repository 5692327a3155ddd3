"""Crops and lengths of one axis, as they were measured in TensorFlow."""

import itertools

import pytest

from reference_impl.formulas.axes import output_length, transposed

# (before, after) dropped by "same"; a negative number is appended zeros. Rows: kernel 1 to 6.
# Columns: stride 1 to 4. Measured in TensorFlow (PAD-01, PAD-02).
SAME_CROPS = [
    [(0, 0), (0, -1), (0, -2), (0, -3)],
    [(0, 1), (0, 0), (0, -1), (0, -2)],
    [(1, 1), (0, 1), (0, 0), (0, -1)],
    [(1, 2), (1, 1), (0, 1), (0, 0)],
    [(2, 2), (1, 2), (1, 1), (0, 1)],
    [(2, 3), (2, 2), (1, 2), (1, 1)],
]


def crop(found):
    return found.before, found.full - found.before - found.kept


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize(("kernel", "stride"), list(itertools.product(range(1, 7), range(1, 5))))
def test_same_crops_what_tensorflow_was_measured_to_crop(kernel, stride, length):
    expected = SAME_CROPS[kernel - 1][stride - 1]
    assert crop(transposed(length, kernel, stride, True)) == expected


@pytest.mark.parametrize(
    ("kernel", "stride", "output_padding", "expected"),
    [
        (3, 2, 0, (1, 1)),
        (3, 2, 1, (0, 1)),
        (5, 3, 0, (2, 2)),
        (5, 3, 1, (1, 2)),
        (5, 3, 2, (1, 1)),
        (4, 3, 1, (1, 2)),
        (4, 3, 2, (1, 1)),
        (6, 4, 3, (1, 2)),
        (2, 3, 1, (0, 1)),
        (2, 3, 2, (0, 0)),
        (1, 3, 0, (0, 0)),
        (1, 3, 2, (0, -2)),
    ],
)
def test_same_with_output_padding_crops_what_was_measured(kernel, stride, output_padding, expected):
    found = transposed(4, kernel, stride, True, extra=output_padding)
    assert crop(found) == expected


@pytest.mark.parametrize(
    ("kernel", "dilation", "expected"),
    [(2, 2, (1, 1)), (2, 3, (1, 2)), (3, 2, (2, 2)), (4, 2, (3, 3)), (4, 3, (4, 5))],
)
def test_same_with_dilation_crops_what_was_measured(kernel, dilation, expected):
    assert crop(transposed(6, kernel, 1, True, dilation=dilation)) == expected


def test_an_output_length_is_of_a_kernel_without_dilation_unless_one_is_given():
    # (4-1)*1 + 3
    assert output_length(4, 3, 1, False) == 6


def test_an_empty_input_has_an_empty_full_result_of_which_nothing_is_dropped():
    found = transposed(0, 5, 1, True)
    assert (found.full, found.before, found.kept) == (0, 0, 0)


def test_one_pixel_reaches_over_the_whole_kernel():
    # (1-1)*1 + 5, of which "same" keeps one in the middle
    found = transposed(1, 5, 1, True)
    assert (found.full, found.before, found.kept) == (5, 2, 1)
