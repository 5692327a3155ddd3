"""Lengths of one axis."""

from reference_impl.formulas.axes import output_length, transposed


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
