"""What `convolution_op` says of operands that it refuses, and the format of its sums."""

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype)


def convolved(x, kernel):
    return Conv2DTranspose(1, 1).convolution_op(x, kernel)


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        ((1, 1, 3, 1), "divisible by filter depth: 4 vs 3"),
        ((1, 1, 0, 2), "divisible by filter depth: 4 vs 0"),
        ((1, 1, 2, 3), "the 3 filters of the kernel .* 2 groups"),
        ((0, 1, 4, 1), "must not have zero elements"),
        ((1, 0, 4, 1), "must not have zero elements"),
    ],
)
def test_channels_and_taps_that_do_not_fit_are_refused(kernel, text):
    with pytest.raises(InvalidArgumentError, match=text):
        convolved(ones(1, 3, 3, 4), ones(*kernel))


def test_nested_lists_of_booleans_are_refused_as_such():
    with pytest.raises(InvalidArgumentError, match=r"^inputs has dtype bool"):
        convolved([[[[True]]]], [[[[True]]]])


@pytest.mark.parametrize(
    ("x", "kernel", "error", "text"),
    [
        (ones(1, 2, 2, 1), ones(1, 1, 1), ValueError, r"kernel of shape \(1, 1, 1\) .* length 1"),
        (ones(1, 2, 2, 1), ones(1, 1, 1, 1, 1), ValueError, "of length 3"),
        (ones(2, 2, 1), ones(1, 1, 1, 1), InvalidArgumentError, r"rank 4; got shape \(2, 2, 1\)"),
        (
            ones(1, 1, 1, 1),
            ones(1, 1, 1, 1, dtype="float64"),
            InvalidArgumentError,
            "^kernel was expected to be a float32 array .* float64",
        ),
        (
            ones(1, 1, 1, 1, dtype="int64"),
            ones(1, 1, 1, 1, dtype="int64"),
            InvalidArgumentError,
            "^inputs has dtype int64",
        ),
    ],
)
def test_operands_that_do_not_fit_are_refused(x, kernel, error, text):
    with pytest.raises(error, match=text):
        convolved(x, kernel)


def test_a_half_format_is_summed_in_float32():
    x = np.ones((1, 1, 1, 3000), np.float16)
    assert convolved(x, np.ones((1, 1, 3000, 1), np.float16)).item() == 3000
