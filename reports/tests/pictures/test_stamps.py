import numpy as np
import pytest

from reports.pictures import picture, stamps
from reports.tests import sample

# fmt: off
#: size, kernel, stride, dilation, padding, output padding; output and rows cropped before it, by hand.
AXES = [
    ((4, 3, 1, 1, "valid", None), 6, 0),
    ((2, 1, 3, 1, "valid", None), 6, 0),
    ((5, 3, 2, 1, "same", None), 10, 0),
    ((5, 4, 1, 1, "same", None), 5, 1),
    ((4, 3, 2, 1, "same", 0), 7, 1),
    ((4, 3, 2, 1, "same", 1), 8, 0),
    ((4, 3, 1, 2, "valid", None), 8, 0),
    ((3, 2, 1, 3, "same", None), 3, 1),
    ((3, 3, 2, 1, "valid", 1), 8, 0),
]
# fmt: on


@pytest.mark.parametrize(("axis", "output", "before"), AXES)
def test_an_axis_is_cropped_as_tensorflow_does(axis, output, before):
    found = stamps.axis_of(*axis)
    assert (found.output, found.before) == (output, before)


def made(inputs, kernel, **arguments):
    return stamps.of_example({"inputs": inputs, "kernel": kernel, **arguments})


def test_overlapping_stamps_add_up():
    found = made([[1, 2]], [[1, 10, 100]], strides=[1, 2])
    assert found.canvas[0, 0, :, 0].tolist() == [1, 10, 102, 20, 200]


def test_the_window_of_same_is_cut_out_of_the_canvas():
    found = made([[1, 0, 0]], [[1, 10, 100, 1000]], padding="same")
    assert found.output[0, 0, :, 0].tolist() == [10, 100, 1000]


def test_bias_is_added_within_the_window():
    assert made([[1]], [[2]], bias=5).output.item() == 7


def test_terms_sum_to_the_element():
    found = made([[1, 2], [3, 4]], [[5, 6], [7, 8]])
    sums = [
        sum(term.value * term.weight for term in found.terms(0, row, column, 0))
        for row in range(3)
        for column in range(3)
    ]
    assert sums == found.canvas[0, :, :, 0].ravel().tolist()


def test_stamps_sum_to_the_canvas_with_dilation():
    found = made([[1, 2]], [[1, 10]], dilation_rate=[1, 3], strides=1)
    assert found.canvas[0, 0, :, 0].tolist() == [1, 2, 0, 10, 20]


def test_a_case_of_the_record_is_read():
    case, expected, _ = sample.same_case()
    found = stamps.of_case({**case, "arguments": {**case["arguments"], "activation": None}}, 2)
    assert found.agrees_with(expected, 0.0)


def finding(crop, shape=(1, 3, 1, 1), data_format="channels_last"):
    """A call of padding same: a canvas of 1, 10, 100, 1000, 0, 0, cut out at `crop`."""
    inputs = sample.tensor(np.array([1.0, 0, 0]).reshape(shape))
    kernel = sample.tensor(np.array([1.0, 10, 100, 1000]).reshape(4, 1, 1, 1))
    case = {
        "arguments": {
            "filters": 1, "kernel_size": [4, 1], "padding": "same", "data_format": data_format},
        "steps": [
            {"do": "set_weights", "values": [kernel]},
            {"do": "call", "inputs": inputs},
        ],
    }  # fmt: skip
    canvas = np.array([0, 1.0, 10, 100, 1000, 0, 0])
    expected = sample.tensor(canvas[2:5].reshape(shape))
    got = sample.tensor(canvas[crop + 1 : crop + 4].reshape(shape))
    return case, 1, expected, got, None


def test_the_window_that_was_got_is_found():
    found = picture.of_case(*finding(2))
    assert found.window.startswith(
        "Got shows another part of the same canvas: its window begins at row 2, column 0 instead of row 1"
    )


def test_where_another_window_was_got_no_bias_is_said_to_be_missing():
    case, step, *_ = finding(2)
    weights = [*case["steps"][0]["values"], sample.tensor([9.0])]
    moved = {**case, "steps": [{"do": "set_weights", "values": weights}, case["steps"][1]]}
    expected, got = (
        sample.tensor(np.array(values).reshape(1, 3, 1, 1))
        for values in ([19.0, 109, 1009], [1009.0, 9, 9])
    )
    found = picture.of_case(moved, step, expected, got, (0, 2, 0, 0))
    assert (found.window != "", found.total) == (True, "bias 9, sum 1009; got 9.")


def test_of_a_wrong_shape_the_first_element_that_is_missing_is_explained():
    case, step, *_ = finding(1)
    assert picture.of_case(case, step, [1, 3, 1, 1], [1, 2, 1, 1], None).element == (0, 2, 0, 0)


@pytest.mark.parametrize("got", [[1, 4, 1, 1], [1, "2", 1, 1], [1, 2], 7])
def test_of_another_shape_any_element_is_explained(got):
    case, step, *_ = finding(1)
    found = [picture.of_case(case, step, [1, 3, 1, 1], one, None).element for one in (got, None)]
    assert found[0] == found[1]


def test_a_window_that_begins_before_the_canvas_is_drawn():
    assert 'class="window-got"' in picture.of_case(*finding(-1)).grids[-1].svg


def test_what_a_window_shows_beyond_the_canvas_is_drawn_and_explained():
    found = picture.of_case(*finding(-1))
    assert (found.outside, 'class="outside"' in found.grids[-1].svg) == (True, True)
    assert "outside the canvas, where no stamp lands" in found.window


def test_a_window_within_the_canvas_has_nothing_outside():
    assert not picture.of_case(*finding(2)).outside


def test_no_window_is_drawn_where_the_numbers_are_others():
    case, step, expected, _, index = finding(1)
    got = sample.tensor(np.full((1, 3, 1, 1), 7.0))
    assert picture.of_case(case, step, expected, got, index).window == ""


def test_what_is_larger_than_any_canvas_is_searched_for_no_window():
    case, step, expected, _, index = finding(1)
    canvas = np.zeros((1, stamps.LARGEST_CANVAS[0] + 1, 1, 1))
    canvas[0, 1:5, 0, 0] = [1, 10, 100, 1000]  # which it would be otherwise
    assert picture.of_case(case, step, expected, sample.tensor(canvas), index).window == ""


def test_the_first_wrong_element_is_explained():
    case, step, expected, got, _ = finding(2)
    found = picture.of_case(case, step, expected, got, (0, 1, 0, 0))
    assert (found.place, found.terms, found.total) == (
        "Element [0, 1, 0, 0] of the output is row 2, column 0 of the canvas:",
        ("input[0, 0] · kernel[2, 0] = 1 · 100 = 100", "input[1, 0] · kernel[1, 0] = 0 · 10 = 0",
         "input[2, 0] · kernel[0, 0] = 0 · 1 = 0"),
        "sum 100; got 1000.",
    )  # fmt: skip


def test_channels_first_is_explained_in_its_own_order():
    case, step, expected, got, _ = finding(2, (1, 1, 3, 1), "channels_first")
    found = picture.of_case(case, step, expected, got, (0, 0, 1, 0))
    assert found.place.startswith("Element [0, 0, 1, 0] of the output is row 2")


def test_nothing_is_drawn_where_the_record_expects_something_else():
    case, step, _, got, index = finding(1)
    assert picture.of_case(case, step, sample.tensor(np.ones((1, 3, 1, 1))), got, index) is None


def changed(**arguments):
    case, step, *_ = finding(1)
    return {**case, "arguments": {**case["arguments"], **arguments}}, step


@pytest.mark.parametrize(
    ("case", "step"),
    [
        ({}, 0), ({"steps": [3], "arguments": {}}, 0), (finding(1)[0], None), (finding(1)[0], 7),
        (finding(1)[0], 0), changed(strides={"literal": "np.int32(3)"}), changed(padding="full"),
        changed(strides=10**9), changed(strides=[0, 1]), changed(dilation_rate=[True, 1]),
        ({"arguments": {}, "steps": [{"do": "call", "inputs": sample.tensor(np.ones((1, 2, 2, 1)))}]}, 0),
    ],
)  # fmt: skip
def test_what_is_no_plain_call_has_no_stamps(case, step):
    assert stamps.of_case(case, step) is None


def test_weights_that_changed_meanwhile_are_not_drawn():
    case, *_ = finding(1)
    weights, call = case["steps"]
    steps = [weights, {"do": "train", "learning_rate": 1.0}, call]
    assert stamps.of_case({**case, "steps": steps}, 2) is None


@pytest.mark.parametrize(
    "example", [{}, {"inputs": 3, "kernel": [[1]]}, {"inputs": [[1]], "kernel": [["a"]]}]
)
def test_an_example_that_is_none_has_no_picture(example):
    assert picture.of_example(example) is None
