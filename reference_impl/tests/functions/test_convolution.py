"""The function `convolution`, which names its own arguments and is exact (clauses METH-02 to METH-04)."""

import numpy as np
import pytest

from reference_impl import InvalidArgumentError, convolution


def ones(*shape, dtype="float32"):
    return np.ones(shape, dtype=dtype)


def test_same_pads_the_extra_row_behind():
    # the last window sees 4 and a zero
    x = np.array([1, 2, 3, 4]).reshape(1, 4, 1, 1)
    result = convolution(x, np.array([10, 1]).reshape(2, 1, 1, 1), padding="same")
    assert result.ravel().tolist() == [12, 23, 34, 40]


@pytest.mark.parametrize(
    ("inputs", "kernel", "message"),
    [
        ((3, 3, 1), (1, 1, 1, 1), r"`inputs` must have 4 axes \(batch, height, width, channels\)"),
        ((1, 3, 3, 1), (1, 1, 1), r"`kernel` must have 4 axes \(kernel_height, kernel_width, in, "),
    ],
)
def test_an_operand_of_another_rank_is_named_with_its_axes(inputs, kernel, message):
    with pytest.raises(InvalidArgumentError, match=message):
        convolution(ones(*inputs), ones(*kernel))


def test_a_kernel_of_another_dtype_is_named():
    with pytest.raises(InvalidArgumentError, match="`kernel` was expected to be float32"):
        convolution(ones(1, 1, 1, 1), ones(1, 1, 1, 1, dtype="float64"))


@pytest.mark.parametrize("name", ["strides", "dilation_rate"])
def test_a_number_out_of_its_range_is_named(name):
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        convolution(ones(1, 2, 2, 1), ones(1, 1, 1, 1), **{name: 0})


def test_integers_beyond_float64_are_exact():
    x = np.array([2**63 + 1, -1], dtype=object).reshape(1, 2, 1, 1)
    result = convolution(x, np.array([1], dtype=object).reshape(1, 1, 1, 1))
    assert result.ravel().tolist() == [2**63 + 1, -1]
