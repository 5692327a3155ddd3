"""Where taps land along one axis, and the problem that two axes make."""

import numpy as np
import pytest

import fast_impl
from fast_impl.problem.geometry import Axis, output_length
from fast_impl.problem.problem import Options, Problem

FLOAT = np.dtype(np.float32)


def axis(length, kernel, stride=1, padding="same", dilation=1, extra=None):
    return Axis.resolve("height", length, kernel, stride, padding, dilation, extra)


@pytest.mark.parametrize("extra", [None, 0, 1])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (2, 3), (3, 2), (5, 2), (5, 4), (3, 3)])
def test_a_span_has_the_rows_that_land_in_the_output(kernel, stride, padding, dilation, extra):
    if padding == "same" and extra == 0:
        kernel += 1 - kernel % 2  # an even extent would be refused
    found = axis(4, kernel, stride, padding, dilation, extra)
    reached = 0
    for tap in range(kernel):
        landing = [(i, i * stride + tap * dilation - found.before) for i in range(4)]
        inside = [(i, p) for i, p in landing if 0 <= p < found.output]
        rows, outs = found.span(tap)
        made = list(zip(range(4)[rows], range(found.output)[outs], strict=True))
        assert made == inside
        reached += len(inside)
    assert found.reached == reached


PARTS = [slice(0, 6), slice(0, 2), slice(1, 4), slice(3, 6), slice(5, 6), slice(2, 2)]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize(
    "window", [slice(0, 9), slice(0, 3), slice(2, 5), slice(8, 9), slice(4, 4)]
)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2), (1, 3)])
def test_parts_of_rows_and_taps_are_told_from_their_beginnings(part, window, stride, dilation):
    found = Axis(input=6, kernel=6, stride=stride, dilation=dilation, output=9, before=2)
    for fixed in range(6):
        for told, step, start in (
            (found.span(fixed, part, window), stride, fixed * dilation - 2),
            (found.taps(fixed, part, window), dilation, fixed * stride - 2),
        ):
            landing = [(n, start + n * step) for n in range(6)[part]]
            inside = [(n, p) for n, p in landing if window.start <= p < window.stop]
            made = zip(range(6)[part][told[0]], range(9)[window][told[1]], strict=True)
            assert list(made) == inside


def test_a_tap_that_reaches_nothing_has_an_empty_span():
    # one pixel, kernel 5, "same": the middle tap alone lands in the output
    found = axis(1, 5)
    assert [found.span(tap)[0] for tap in range(5)] == [
        slice(0, 0), slice(0, 0), slice(0, 1), slice(0, 0), slice(0, 0),
    ]  # fmt: skip
    assert found.span(0) == (slice(0, 0), slice(0, 0))


@pytest.mark.parametrize(
    ("arguments", "length"),
    [
        ((4, 3, 1, "valid"), 6),
        ((4, 3, 2, "valid"), 9),
        ((4, 2, 3, "valid"), 12),  # a kernel below the stride: 4 * 3
        ((4, 3, 3, "valid"), 12),
        ((4, 3, 2, "same"), 8),
        ((4, 3, 1, "valid", 2), 8),
        ((4, 3, 2, "valid", 2), 11),
        ((4, 3, 2, "valid", 1, 0), 9),
        ((4, 3, 2, "valid", 1, 1), 10),
        ((4, 3, 2, "same", 1, 0), 7),
        ((4, 3, 2, "same", 2, 1), 8),
        ((4, 4, 2, "same", 1, 0), 6),
        ((0, 1, 3, "valid", 1, 0), -2),
    ],
)
def test_an_output_length_follows_its_formula(arguments, length):
    assert output_length(*arguments) == length


FUNCTIONS = {
    "forward": fast_impl.conv2d_transpose,
    "shape": lambda image, kernel, *options, **named: fast_impl.output_shape(
        image.shape, kernel.shape, *options, **named
    ),
    "gradients": lambda image, kernel, *options, **named: fast_impl.conv2d_transpose_gradients(
        image, kernel, image, *options, **named
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_a_negative_length_is_refused(function):
    # (0 - 1) * 3 + 1 + 0 = -2
    with pytest.raises(fast_impl.InvalidArgumentError, match=r"negative output height \(-2\)"):
        function(np.ones((1, 0, 4, 1)), np.ones((1, 1, 1, 1)), 3, output_padding=0)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_the_axis_that_does_not_map_back_is_named(function):
    with pytest.raises(fast_impl.InvalidArgumentError, match="output width 4 does not map back"):
        function(np.ones((1, 3, 3, 1)), np.ones((3, 2, 1, 1)), 2, "same", output_padding=(1, 0))


# --- problem --------------------------------------------------------------------------------


def problem(input_shape, kernel_shape, *options):
    given = (*options, *((1, 1), "valid", "channels_last", (1, 1), None)[len(options) :])
    return Problem.checked(input_shape, FLOAT, kernel_shape, FLOAT, Options.checked(*given))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_problem_knows_its_shapes(data_format):
    first = data_format == "channels_first"
    made = problem(
        (2, 6, 4, 5) if first else (2, 4, 5, 6), (2, 3, 7, 6), (3, 2), "same", data_format
    )
    assert made.kernel_shape == (2, 3, 7, 6)
    assert made.input_shape == ((2, 6, 4, 5) if first else (2, 4, 5, 6))
    assert made.output_shape == ((2, 7, 12, 10) if first else (2, 12, 10, 7))


@pytest.mark.parametrize(
    ("padding", "count"),
    [
        # all products arrive: 2 images, 3 x 5 channels and filters, 4 * 2 and 5 * 3 (row, tap) pairs
        ("valid", 2 * 15 * 8 * 15),
        # "same", stride 1: the last row of tap 1, and the outer columns of taps 0 and 2, do not
        ("same", 2 * 15 * 7 * 13),
    ],
)
def test_the_multiply_adds_are_the_products_that_arrive(padding, count):
    assert problem((2, 4, 5, 3), (2, 3, 5, 3), (1, 1), padding).multiply_adds == count


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"strides": 0}, ValueError, "^strides=0 must be an integer, or 2 integers, of at least 1"),
        ({"strides": (1, 2, 3)}, ValueError, "^strides="),
        ({"strides": (1,)}, ValueError, "^strides="),
        ({"strides": (2, -1)}, ValueError, "^strides="),
        ({"strides": 1.5}, TypeError, "^strides="),
        ({"strides": None}, TypeError, "^strides="),
        ({"dilation_rate": (0, 1)}, ValueError, "^dilation_rate=.* at least 1"),
        ({"output_padding": -1}, ValueError, "^output_padding=.* at least 0"),
        ({"output_padding": 1}, ValueError, r"^output_padding=\(1, 1\) must be smaller"),
        ({"strides": (1, 2), "output_padding": (1, 1)}, ValueError, "must be smaller"),
        ({"strides": (2, 1), "output_padding": (1, 1)}, ValueError, "must be smaller"),
        ({"padding": None}, TypeError, "^padding=None must be one of 'valid', 'same'"),
        ({"data_format": ""}, ValueError, "^data_format='' must be one of 'channels_last', "),
    ],
)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_an_argument_out_of_its_range_is_named(function, arguments, error, text):
    with pytest.raises(error, match=text):
        function(np.ones((1, 2, 2, 1)), np.ones((2, 2, 1, 1)), **arguments)


@pytest.mark.parametrize(
    ("input_shape", "kernel_shape", "text"),
    [
        ((2, 2, 1), (1, 1, 1, 1), "^input_shape="),
        ((1, 2, 2, 1, 1), (1, 1, 1, 1), "^input_shape="),
        ((1, 2, 2, 1), (1, 1, 1), "^kernel_shape="),
        ((1, 2, 2, 1), (1, -1, 1, 1), "^kernel_shape="),
    ],
)
def test_the_output_shape_needs_four_sizes_of_both(input_shape, kernel_shape, text):
    with pytest.raises(ValueError, match=text):
        fast_impl.output_shape(input_shape, kernel_shape)


@pytest.mark.parametrize("shape", [(0, 1, 1, 1), (1, 0, 1, 1)])
def test_a_kernel_without_taps_is_refused(shape):
    with pytest.raises(ValueError, match="has no taps"):
        fast_impl.conv2d_transpose(np.ones((1, 2, 2, 1)), np.ones(shape))


def test_a_kernel_of_one_tap_is_accepted():
    assert fast_impl.conv2d_transpose(np.ones((1, 2, 2, 1)), np.ones((1, 1, 1, 1))).sum() == 4
