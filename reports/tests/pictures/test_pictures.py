# ruff: noqa: RUF001 - pictures have true minus signs
import re

import numpy as np
import pytest

import reports
from reports.pictures import figures, gauge, heatmap, planes
from reports.records import values
from reports.tests import sample

CASE = {"arguments": {}, "steps": [{"do": "call"}]}


def compared(expected, got, index=None, case=CASE, dtype="float32"):
    """The comparison of two arrays as a finding shows it."""
    return figures.compare(
        case, 0, sample.tensor(expected, dtype), sample.tensor(got, dtype), index
    )[0]


def cells(panel):
    """The texts of a picture's cells."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", panel.svg.split('class="num"')[1])


def test_a_comparison_shows_expected_got_and_difference():
    found = compared([[[[1.0]]]], [[[[3.0]]]])
    assert [panel.title for panel in found.panels] == ["expected", "got", "difference"]


def test_the_difference_is_got_minus_expected():
    assert cells(compared([[1.0, 2.0]], [[3.0, 2.0]]).panels[2]) == ["2", "·"]


def test_the_plane_holds_the_failing_index():
    expected = np.arange(24.0).reshape(1, 2, 3, 4)
    found = compared(expected, expected + 1, index=(0, 1, 2, 3))
    assert cells(found.panels[0]) == ["3", "7", "11", "15", "19", "23"]
    assert found.panels[0].detail == "batch 0, channel 3"


def test_channels_first_planes_are_the_last_two_axes():
    case = {"arguments": {"data_format": "Channels_First"}, "steps": [{"do": "call"}]}
    expected = np.arange(24.0).reshape(1, 4, 2, 3)
    found = compared(expected, expected + 1, index=(0, 3, 1, 2), case=case)
    assert found.panels[0].detail == "batch 0, channel 3"
    assert cells(found.panels[0]) == ["18", "19", "20", "21", "22", "23"]


def test_kernels_are_drawn_along_rows_and_columns():
    case = {"arguments": {}, "steps": [{"do": "get_weights"}]}
    expected = np.arange(24.0).reshape(2, 3, 1, 4)
    found = compared(expected, expected + 1, index=(0, 0, 0, 2), case=case)
    assert found.panels[0].detail == "filter 0, input channel 2"


def test_the_failing_element_is_outlined():
    found = compared([[1.0, 2.0]], [[1.0, 5.0]], index=(0, 1))
    assert found.panels[1].svg.count('class="focus"') == 1


def test_without_an_index_the_largest_difference_is_outlined():
    found = compared([1.0, 2.0, 3.0], [1.5, 2.0, 9.0])
    assert found.element == "at [2] expected 3.0, got 9.0"


def test_an_index_that_does_not_fit_is_not_believed():
    found = compared([1.0, 2.0], [1.0, 4.0], index=(7, 7))
    assert found.element == "at [1] expected 2.0, got 4.0"


def test_shapes_that_differ_are_shown_side_by_side():
    found = compared(np.ones((1, 2, 3, 1)), np.ones((1, 3, 3, 1)))
    assert [panel.title for panel in found.panels] == ["expected", "got"]
    assert [panel.svg.count('class="beyond"') for panel in found.panels] == [0, 1]
    assert found.note.startswith("The shapes differ: expected (1, 2, 3, 1), got (1, 3, 3, 1).")


def test_ranks_that_differ_are_shown_side_by_side():
    found = compared(np.ones((1, 2, 3, 1)), np.ones((3, 2)))
    assert [panel.title for panel in found.panels] == ["expected", "got"]


@pytest.mark.parametrize("shape", [(0, 2, 3, 1), (1, 0, 3, 1), (1, 2, 3, 0), (0,), (0, 0)])
def test_tensors_without_elements_are_drawn(shape):
    found = compared(np.zeros(shape), np.ones(tuple(max(1, size) for size in shape)))
    assert "no element" in found.panels[0].svg


def test_two_empty_tensors_are_equal():
    assert compared(np.zeros((0, 2)), np.zeros((0, 2))).note == "All elements are equal."


def test_a_scalar_is_a_single_cell():
    assert cells(compared(1.5, 2.5).panels[2]) == ["1"]


def test_nan_and_infinity_have_texts():
    found = compared([np.nan, np.inf, -np.inf], [0.0, 1.0, 2.0])
    assert cells(found.panels[0]) == ["NaN", "∞", "−∞"]


def test_the_same_nan_and_infinity_are_no_difference():
    values_ = [np.nan, np.inf, -np.inf, 1.0]
    assert compared(values_, values_).note == "All elements are equal."


def test_a_nan_is_the_worst_difference():
    assert compared([1.0, 1.0], [100.0, np.nan]).element == "at [1] expected 1.0, got nan"


def test_integers_that_float64_cannot_tell_apart_still_differ():
    found = compared([2**62], [2**62 + 1], dtype="int64")
    assert found.note == "The only element differs."


def test_signed_zeros_are_told_apart_in_the_pictures():
    assert cells(compared([0.0, 1.0], [-0.0, 2.0]).panels[1]) == ["−0", "2"]


@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int32", "int64", "uint8", "uint64", "float16", "float32", "float64",
     "bfloat16", "complex64"],
)  # fmt: skip
def test_every_dtype_is_drawn(dtype):
    found = compared(np.array([0.0, 1.0]), np.array([1.0, 1.0]), dtype=dtype)
    assert found.note == "1 of 2 elements differs."


def test_dtypes_that_differ_are_named():
    found = figures.compare(
        CASE, 0, sample.tensor([1.0], "float32"), sample.tensor([1.0], "float64"), None
    )
    assert found[0].note == "All elements are equal; expected float32, got float64."


def test_bfloat16_is_the_upper_half_of_a_float32():
    decoded = values.decode({"shape": [2], "dtype": "bfloat16", "base64": "gD/AwA=="})
    assert decoded.array.tolist() == [1.0, -6.0]


def test_a_bfloat16_may_be_a_scalar():
    assert values.decode({"shape": [], "dtype": "bfloat16", "base64": "gD8="}).array == 1.0


def test_bytes_are_little_endian_in_c_order():
    decoded = values.decode({"shape": [2, 1], "dtype": "int16", "base64": "AQAAAQ=="})
    assert decoded.array.tolist() == [[1], [256]]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"shape": [2], "dtype": "float32", "base64": "AAAA"}, "its shape needs 8 bytes, it has 3"),
        ({"shape": [1], "dtype": "float32", "base64": "?"}, "its base64 is damaged"),
        ({"shape": [1], "dtype": "float32", "base64": None}, "its base64 is damaged"),
        ({"shape": [-1], "dtype": "float32", "base64": ""}, "its shape is (-1,)"),
        ({"shape": 4, "dtype": "float32", "base64": ""}, "its shape is 4"),
        (
            {"shape": [1], "dtype": "object", "base64": ""},
            "its dtype 'object' is unknown to this report",
        ),
        ({"shape": [1], "dtype": ["a"], "base64": ""}, "its dtype ['a'] is unknown to this report"),
        (
            {"shape": [10**30, 0], "dtype": "float32", "base64": ""},
            f"no array has the shape ({10**30}, 0)",
        ),
        (
            {"shape": [1] * 81, "dtype": "int8", "base64": "AA=="},
            f"no array has the shape {values.brief([1] * 81)}",
        ),
    ],
)
def test_a_damaged_tensor_has_its_reason(broken, reason):
    assert values.decode(broken) == values.Unreadable(reason)


def test_a_damaged_tensor_does_not_stop_the_page(load):
    damaged = {"shape": [2], "dtype": "float32", "base64": "AAAA"}
    lines = [sample.header(), sample.finding(got=damaged, index=None), sample.footer()]
    assert "its shape needs 8 bytes, it has 3" in reports.render(load(lines))


def test_lists_of_tensors_are_drawn_one_by_one():
    expected = [sample.tensor(np.ones((2, 2, 1, 1))), sample.tensor([1.0])]
    got = [sample.tensor(np.ones((2, 2, 1, 1))), sample.tensor([2.0])]
    assert [one.name for one in figures.compare(CASE, 0, expected, got, None)] == ["bias"]


def test_an_item_that_is_missing_is_shown():
    expected = [sample.tensor(1.0), sample.tensor(2.0)]
    found = figures.compare(CASE, 0, expected, expected[:1], None)
    assert [(one.name, one.note) for one in found] == [
        ("item 1", "Only expected has this; got has nothing in its place.")
    ]


def test_an_item_too_many_is_shown():
    got = [sample.tensor(1.0), sample.tensor(2.0)]
    found = figures.compare(CASE, 0, got[:1], got, None)
    assert found[0].note == "Only got has this; expected has nothing in its place."


def test_a_key_that_is_missing_is_shown():
    expected = {"kernel": sample.tensor(1.0), "bias": sample.tensor(2.0)}
    found = figures.compare(CASE, 0, expected, {"kernel": sample.tensor(1.0)}, None)
    assert [one.name for one in found] == ["bias"]


def test_a_missing_item_is_shown_before_a_rounding_difference():
    expected = [sample.tensor(1.0, "float64"), sample.tensor(2.0)]
    got = [sample.tensor(1.00000001, "float64")]
    assert [one.name for one in figures.compare(CASE, 0, expected, got, None)] == ["item 1"]


def test_what_is_wrong_outright_is_shown_before_a_rounding_difference():
    expected = [sample.tensor(1.0, "float64"), sample.tensor(2.0)]
    got = [sample.tensor(1.00000001, "float64"), sample.tensor(3.0)]
    assert [one.name for one in figures.compare(CASE, 0, expected, got, None)] == ["item 1"]


def test_unequal_lists_are_never_called_equal(load):
    line = sample.finding(expected=[sample.tensor(1.0)] * 2, got=[sample.tensor(1.0)], index=None)
    text = reports.render(load([sample.header(), line, sample.footer()]))
    assert "All elements are equal" not in text


def test_the_sign_of_zero_is_a_difference_where_nothing_else_differs():
    assert (
        compared([0.0, 1.0], [-0.0, 1.0]).note
        == "1 of 2 elements differs in the sign of zero alone."
    )


def test_the_sign_of_zero_is_no_difference_beside_others():
    assert compared([0.0, 1.0], [-0.0, 2.0]).note == "1 of 2 elements differs."


def test_named_tensors_keep_their_names():
    expected = {"inputs": sample.tensor([1.0]), "kernel": sample.tensor([1.0])}
    got = {"inputs": sample.tensor([2.0]), "kernel": sample.tensor([2.0])}
    found = figures.compare(CASE, 0, expected, got, None)
    assert [one.name for one in found] == ["inputs", "kernel"]


def test_a_tensor_against_an_error_is_shown_alone():
    found = figures.compare(CASE, 0, sample.tensor([1.0]), {"types": ["E"], "message": ""}, None)
    assert [panel.title for panel in found[0].panels] == ["expected"]


def test_large_planes_have_no_numbers():
    found = compared(np.zeros((30, 30)), np.ones((30, 30)))
    assert 'class="num"' not in found.panels[0].svg


def test_very_large_planes_are_cut_around_the_failing_element():
    expected = np.zeros((200, 300))
    got = expected.copy()
    got[150, 260] = 1.0
    found = compared(expected, got)
    assert found.panels[0].detail == "blue −1, orange 1 · rows 130 to 169, columns 240 to 279"
    assert found.panels[0].svg.count('class="focus"') == 1


def test_input_and_kernel_are_shown_with_their_planes():
    case, _, _ = sample.same_case()
    found = figures.inputs(case, 2, (1, 0, 0, 2))
    assert [(panel.title, panel.shape, panel.detail) for panel in found] == [
        ("input", "(2, 3, 4, 2)", "batch 1, channel 0"),
        ("kernel", "(4, 3, 3, 2)", "filter 2, input channel 0"),
    ]


@pytest.mark.parametrize(
    "case", [{}, {"steps": None}, {"steps": [3]}, {"steps": [{"do": "call", "inputs": 3}]}]
)
def test_a_case_without_tensors_has_no_pictures(case):
    assert figures.inputs(case, 0, None) == []


def gradient_case(output_gradient):
    """A case whose last step asks for gradients."""
    step = {"do": "gradients", "inputs": sample.tensor(np.ones((2, 1, 2, 1)))}
    step["output_gradient"] = sample.tensor(output_gradient)
    return {"arguments": {}, "steps": [step]}


def test_a_bias_gradient_shows_the_output_gradient_of_every_image_that_it_sums():
    given = np.arange(8.0).reshape(2, 1, 2, 2)
    panels = figures.inputs(gradient_case(given), 0, (1,))
    found = [cells(panel) for panel in panels if panel.title == "output gradient"]
    assert found == [["1", "3"], ["5", "7"]]


def test_the_images_of_an_output_gradient_that_are_not_drawn_are_counted():
    panels = figures.inputs(gradient_case(np.ones((5, 1, 2, 1))), 0, (0,))
    assert [panel.detail.partition(" · ")[2] for panel in panels[1:]] == ["", "", "of 5 images"]


def test_another_gradient_shows_the_first_image_of_the_output_gradient():
    panels = figures.inputs(gradient_case(np.ones((2, 1, 2, 1))), 0, (1, 0, 0, 0))
    assert [panel.title for panel in panels] == ["input", "output gradient"]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"), (-0.0, "−0"), (1.0, "1"), (-36.0, "−36"), (99999.0, "99999"), (1e5, "1e5"),
        (0.714285, "0.714"), (0.000953, "9.5e−4"), (-2.5e-9, "−2.5e−9"), (1234.5, "1.2e3"),
        (1e300, "1e300"),
    ],
)  # fmt: skip
def test_numbers_in_cells_are_short(number, text):
    assert heatmap.short_number(number) == text


def test_planes_of_zero_have_a_scale():
    assert heatmap.largest_magnitude([np.zeros((2, 2)), np.full((1, 1), np.nan)]) == 0.0


def test_axes_are_named_by_the_case():
    assert planes.image_axes({"arguments": {"data_format": "channels_first"}}) == planes.FIRST


@pytest.mark.parametrize(
    ("error", "bound", "ratio"),
    [
        (9.0, 4.5, "2 times the bound"),
        (3.0, 4.0, "within the bound"),
        (float("nan"), 4.0, ""),
        (float("inf"), 4.0, ""),
        (3.0, 0.0, "inputs are integers, so any difference is a bug"),
        (3.0, -1.0, ""),
    ],
)
def test_a_gauge_says_how_far_beyond_the_bound(error, bound, ratio):
    assert gauge.ratio(error, bound) == ratio


@pytest.mark.parametrize("error", [0.0, 1.0, 1e30, float("inf"), float("nan"), -1.0])
def test_a_gauge_stays_in_its_frame(error):
    place = re.search(r'cx="([-\d.]+)"', gauge.draw(error, 4.0)).group(1)
    assert 0 <= float(place) <= 268


def test_an_error_and_a_bound_of_zero_are_drawn():
    assert 'class="within"' in gauge.draw(0.0, 0.0)


def test_an_error_of_nan_is_beyond_any_bound():
    assert 'class="over"' in gauge.draw(float("nan"), 4.0)


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 2.5, "text", [], [1, None], [1.5, "a"], {}, {"a": [1]}, {"float": "nan"},
     "NaN", {"types": [], "message": None}, {"error": {"types": ["E"], "message": "m"}}],
)  # fmt: skip
def test_any_plain_value_can_be_expected_and_got(load, value):
    lines = [sample.header(), sample.finding(expected=value, got=3, index=None), sample.footer()]
    assert 'id="finding-1"' in reports.render(load(lines))


@pytest.mark.parametrize(
    ("given", "expected", "told"),
    [
        (
            [[3.0], [-2.0]],
            [1.0],
            "Element [0] is the sum of the output gradient's channel 0: 3 + (−2) = 1.",
        ),
        ([[3.0], [3.0]], [5.0], ""),
        (np.ones((40, 1)), [40.0], ""),
    ],
    ids=["few", "not their sum", "many"],
)
def test_a_bias_gradient_is_written_as_a_sum(given, expected, told):
    case = gradient_case(np.array(given).reshape(-1, 1, 1, 1))
    expected, got = (sample.tensor(np.array(one)) for one in (expected, [9.0]))
    (found,) = figures.compare(case, 0, expected, got, (0,))
    assert found.note == f"{told} The only element differs.".strip()
