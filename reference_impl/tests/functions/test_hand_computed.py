"""Transposed convolutions worked out by hand; the working stands beside each case.

In the one-dimensional cases the image is one column: x and w are lists along the height. The full
result has `full[i * stride + a * dilation] += x[i] * w[a]`.
"""

import numpy as np
import pytest

from reference_impl import conv2d_transpose

DIGITS = [1, 10, 100, 1000, 10000]


def along_height(x, w, bias=None, **arguments):
    """The result of a one-channel image of one column, as a list."""
    stride = arguments.pop("stride", 1)
    dilation = arguments.pop("dilation", 1)
    padding = arguments.pop("output_padding", None)
    result = conv2d_transpose(
        np.array(x).reshape(1, -1, 1, 1),
        np.array(w).reshape(-1, 1, 1, 1),
        (stride, 1),
        bias=None if bias is None else np.array([bias]),
        dilation_rate=(dilation, 1),
        output_padding=None if padding is None else (padding, 0),
        **arguments,
    )
    return result[0, :, 0, 0].tolist()


def test_valid_keeps_the_full_result():
    # 1*[10,1] at 0, 2*[10,1] at 1, 3*[10,1] at 2: 10, 1+20, 2+30, 3
    assert along_height([1, 2, 3], [10, 1], padding="valid") == [10, 21, 32, 3]


def test_valid_with_a_stride_spreads_the_kernels():
    # 1*[1,10,100] at 0 and 2*[1,10,100] at 2 meet at position 2: 100 + 2
    assert along_height([1, 2], DIGITS[:3], stride=2) == [1, 10, 102, 20, 200]


def test_valid_with_a_kernel_below_the_stride_appends_zeros_that_get_the_bias():
    # length 2*3 = 6; products 5*2 and 7*2 at 0 and 3; everything else is the bias 1
    assert along_height([5, 7], [2], bias=1, stride=3) == [11, 1, 1, 15, 1, 1]


def test_same_with_a_kernel_below_the_stride_drops_nothing_and_appends_zeros():
    # full: 3 4 0 6 8, length (2-1)*3 + 2 = 5; wanted 2*3 = 6: one zero at the end
    assert along_height([1, 2], [3, 4], stride=3, padding="same") == [3, 4, 0, 6, 8, 0]


def test_same_with_kernel_equal_to_the_stride_is_the_full_result():
    # full: 1*[3,4] then 2*[3,4], length 4 = 2*2: nothing to drop
    assert along_height([1, 2], [3, 4], stride=2, padding="same") == [3, 4, 6, 8]


def test_same_with_a_kernel_of_two_drops_the_last_row():
    # full: 10 21 32 3 as above; total 4 - 3 = 1: 0 in front, 1 behind
    assert along_height([1, 2, 3], [10, 1], padding="same") == [10, 21, 32]


def test_same_with_a_kernel_of_three_drops_one_row_on_each_side():
    # full: 1, 10+2, 100+20+3, 200+30, 300; total 5 - 3 = 2: 1 in front, 1 behind
    assert along_height([1, 2, 3], DIGITS[:3], padding="same") == [12, 123, 230]


def test_same_with_a_kernel_of_four_drops_one_row_in_front_and_two_behind():
    # full: 1, 12, 123, 1000+200+30, 2000+300, 3000; total 6 - 3 = 3: 1 in front, 2 behind
    assert along_height([1, 2, 3], DIGITS[:4], padding="same") == [12, 123, 1230]


def test_same_with_kernel_three_and_stride_two_drops_the_last_row():
    # full: 1 10 102 20 200; wanted 2*2 = 4; total 1: 0 in front, 1 behind
    assert along_height([1, 2], DIGITS[:3], stride=2, padding="same") == [1, 10, 102, 20]


def test_same_with_kernel_five_and_stride_two_drops_one_in_front_and_two_behind():
    # full: 1, 10, 100+2, 1000+20, 10000+200, 2000, 20000; wanted 4; total 3: 1 and 2
    assert along_height([1, 2], DIGITS, stride=2, padding="same") == [10, 102, 1020, 10200]


@pytest.mark.parametrize(
    ("output_padding", "expected"),
    [
        # length (2-1)*3 + 2 + op: the full result 3 4 0 6 8 and op zeros
        (0, [3, 4, 0, 6, 8]),
        (1, [3, 4, 0, 6, 8, 0]),
        (2, [3, 4, 0, 6, 8, 0, 0]),
    ],
)
def test_output_padding_with_valid_appends_zeros(output_padding, expected):
    result = along_height([1, 2], [3, 4], stride=3, output_padding=output_padding)
    assert result == expected


@pytest.mark.parametrize(
    ("output_padding", "expected"),
    [
        # full: 1 10 102 20 200; wanted (2-1)*2 + 3 - 2*1 + op = 3 + op; total 2 - op
        (0, [10, 102, 20]),  # total 2: 1 in front, 1 behind
        (1, [1, 10, 102, 20]),  # total 1: 0 in front, 1 behind
    ],
)
def test_output_padding_with_same_moves_the_crop(output_padding, expected):
    result = along_height(
        [1, 2], DIGITS[:3], stride=2, padding="same", output_padding=output_padding
    )
    assert result == expected


def test_output_padding_beyond_the_full_result_is_a_negative_crop():
    # full: 10 0 0 14, length 4; wanted (2-1)*3 + 1 - 2*0 + 2 = 6: two zeros at the end
    result = along_height([5, 7], [2], stride=3, padding="same", output_padding=2)
    assert result == [10, 0, 0, 14, 0, 0]


def test_dilation_with_valid_puts_the_taps_apart():
    # taps 10 and 1, three apart: 10*1 at 0, 10*2 at 1, 1*1 at 3, 1*2 at 4
    assert along_height([1, 2], [10, 1], dilation=3) == [10, 20, 0, 1, 2]


def test_dilation_with_same_drops_half_of_the_covered_length():
    # full: 10 20 1 2, covered length 3; wanted 2; total 2: 1 in front, 1 behind
    assert along_height([1, 2], [10, 1], dilation=2, padding="same") == [20, 1]


def test_dilation_with_same_and_an_odd_rest_drops_it_behind():
    # covered 4; full: 10 20 0 1 2, length 5; wanted 2; total 3: 1 in front, 2 behind
    assert along_height([1, 2], [10, 1], dilation=3, padding="same") == [20, 0]


def test_dilation_together_with_a_stride_follows_the_same_formula():
    # taps 10 and 1 two apart, inputs three apart: 10*1 at 0, 1*1 at 2, 10*2 at 3, 1*2 at 5
    assert along_height([1, 2], [10, 1], stride=3, dilation=2) == [10, 0, 1, 20, 0, 2]


def test_the_kernel_is_not_flipped():
    # one pixel of value 1: the result is the kernel itself
    kernel = np.arange(1, 7).reshape(2, 3, 1, 1)
    result = conv2d_transpose(np.ones((1, 1, 1, 1), dtype=int), kernel)
    assert result[0, :, :, 0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_every_filter_sums_over_the_input_channels_and_adds_its_bias():
    # pixel (1, 2); filter 0: 1*1 + 2*10 = 21, filter 1: 2 + 40 = 42, filter 2: 3 + 60 = 63
    kernel = np.array([[1, 10], [2, 20], [3, 30]]).reshape(1, 1, 3, 2)
    pixel = np.array([1, 2]).reshape(1, 1, 1, 2)
    result = conv2d_transpose(pixel, kernel, bias=np.array([100, 200, 300]))
    assert result.ravel().tolist() == [121, 242, 363]


def test_channels_first_has_the_channels_before_the_height():
    # pixels (1,3) and (2,4), same kernel: 1+30, 2+40 / 2+60, 4+80 / 3+90, 6+120
    kernel = np.array([[1, 10], [2, 20], [3, 30]]).reshape(1, 1, 3, 2)
    pixels = np.array([[1, 2], [3, 4]]).reshape(1, 2, 1, 2)
    result = conv2d_transpose(pixels, kernel, data_format="channels_first")
    assert result[0, :, 0, :].tolist() == [[31, 42], [62, 84], [93, 126]]


# One case with nothing equal: two images of 1 x 2 pixels with two channels, a 2 x 3 kernel, strides
# (3, 2), "valid". Height: kernel 2 below stride 3, so 1*3 = 3 rows, the third one untouched. Width:
# (2-1)*2 + 3 = 5.
UNEQUAL_KERNEL = np.stack([[[1, 2, 3], [4, 5, 6]], [[10, 20, 30], [40, 50, 60]]], axis=-1)[
    :, :, None, :
]
UNEQUAL_IMAGES = np.array([[[[1, 2], [3, 4]]], [[[0, 1], [1, 0]]]])


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        # (1,2) gives 1*k0 + 2*k1 = 21 42 63 / 84 105 126 at column 0,
        # (3,4) gives 3*k0 + 4*k1 = 43 86 129 / 172 215 258 at column 2
        (0, [[21, 42, 63 + 43, 86, 129], [84, 105, 126 + 172, 215, 258], [0, 0, 0, 0, 0]]),
        # (0,1) gives k1 at column 0, (1,0) gives k0 at column 2
        (1, [[10, 20, 30 + 1, 2, 3], [40, 50, 60 + 4, 5, 6], [0, 0, 0, 0, 0]]),
    ],
)
def test_two_images_with_unequal_everything(image, expected):
    result = conv2d_transpose(UNEQUAL_IMAGES, UNEQUAL_KERNEL, (3, 2))
    assert result[image, :, :, 0].tolist() == expected


def test_height_and_width_have_their_own_kernel_stride_and_crop():
    # x = [[1,2]]; kernel 3 x 2 of rows (1,10) (100,1000) (3,7); strides (1, 3), "same".
    # Height: full 3, wanted 1, total 2: the middle row is left, taps 100 and 1000.
    # Width: kernel 2 below stride 3: full 100 1000 0 200 2000 (5), wanted 6: one zero behind.
    kernel = np.array([[1, 10], [100, 1000], [3, 7]]).reshape(3, 2, 1, 1)
    result = conv2d_transpose(np.array([1, 2]).reshape(1, 1, 2, 1), kernel, (1, 3), "same")
    assert result[0, :, :, 0].tolist() == [[100, 1000, 0, 200, 2000, 0]]


def test_an_empty_image_with_valid_holds_the_bias():
    # height 0, kernel 4, stride 2: 0*2 + max(4-2, 0) = 2 rows that no product reaches
    result = conv2d_transpose(
        np.zeros((1, 0, 1, 1)), np.ones((4, 1, 1, 1)), (2, 1), bias=np.array([7.0])
    )
    assert result.ravel().tolist() == [7.0, 7.0]
