"""Regularizers: the formats of their sums, and refusals; test_layer_training has them in a layer."""

import numpy as np
import pytest

from fast_impl.layer.objects import regularizers


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [
        # 3000 ones in float16 would stop at 2048; the squares of 300 are beyond it
        (regularizers.L1(1.0), 3000.0),
        (regularizers.L1L2(1.0), 3000.0),
        (regularizers.L2(1.0), 3000.0),
        (regularizers.L1L2(0.0, 1.0), 3000.0),
    ],
)
def test_a_half_format_is_summed_in_float32(regularizer, expected):
    assert regularizer(np.ones(3000, np.float16)) == expected


@pytest.mark.parametrize("regularizer", [regularizers.L2(0.01), regularizers.L1L2(0.0, 0.01)])
def test_squares_beyond_a_half_format_are_no_infinity(regularizer):
    assert float(regularizer(np.array([300], np.float16))) == 900


def test_the_gradient_in_a_half_format_is_rounded_once():
    # 0.3 + 2 * 0.3 * 0.7 with the factors in float32
    third = np.float32(0.3)
    x = np.float16(0.7)
    expected = np.float16(third + np.float32(2) * third * np.float32(x))
    found = regularizers.L1L2(0.3, 0.3).gradient(np.array([x]))
    assert found.tolist() == [float(expected)]


def test_a_factor_of_zero_leaves_infinities_out():
    x = np.array([np.inf, 1.0])
    assert regularizers.L1(0.5).gradient(x).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (regularizers.L1, "l1"),
        (regularizers.L2, "l2"),
        (regularizers.L1L2, "l1"),
        (regularizers.L1L2, "l2"),
        (regularizers.OrthogonalRegularizer, "factor"),
    ],
)
@pytest.mark.parametrize("value", ["a", float("nan"), float("inf"), [1.0]])
def test_a_factor_that_is_no_number_is_named(kind, name, value):
    with pytest.raises(ValueError, match=f"^{name}="):
        kind(**{name: value})


@pytest.mark.parametrize("regularizer", [regularizers.L1(1.0), regularizers.L2(1.0)])
def test_bfloat16_is_summed_in_float32(regularizer):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    # one by one, 300 ones in bfloat16 would stop at 256
    assert float(regularizer(np.ones(300, bfloat16))) == 300


@pytest.mark.parametrize(
    ("regularizer", "root"),
    [
        (regularizers.L1(1.0), 1),
        (regularizers.L1L2(1.0), 1),
        (regularizers.L2(1.0), 2),
        (regularizers.L1L2(0.0, 1.0), 2),
    ],
)
def test_a_penalty_is_summed_in_the_format_of_the_weight(regularizer, root):
    # 2**24 + 1 is 2**24 in float32, and so is 2**24 + 1 + 1 from left to right
    x = np.array([2.0 ** (24 // root), 1, 1], np.float32)
    assert float(regularizer(x)) == 2**24
    assert float(regularizer(x.astype(np.float64))) == 2**24 + 2


def test_a_gradient_is_computed_in_the_format_of_the_weight():
    regularizer, x = regularizers.L1L2(0.1, 0.3), np.array([0.1], np.float32)
    in_steps = np.float32(0.1) + np.float32(2 * np.float32(0.3)) * x
    assert regularizer.gradient(x).tolist() == in_steps.tolist()
    at_once = regularizer.l1 + 2 * regularizer.l2 * x.astype(np.float64)
    assert in_steps.tolist() != at_once.astype(np.float32).tolist()
