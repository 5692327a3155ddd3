"""Regularizers: each formula by hand; test_layer_training has them in a layer."""

import numpy as np
import pytest

from fast_impl import Conv2DTranspose
from fast_impl.layer.objects import regularizers

HUNDREDTH = float(np.float32(0.01))
VALUES = np.array([1.0, -2.0, 3.0])  # absolute values sum to 6, squares to 14


@pytest.mark.parametrize(
    ("identifier", "penalty"),
    [
        ("l1", HUNDREDTH * 6),
        ("L2", HUNDREDTH * 14),
        ("l1_l2", HUNDREDTH * 20),
        ("L1L2", 0.0),
        ("Regularizer", 0.0),
        ({"class_name": "L1", "config": {"l1": 0.5}}, 3.0),
        ({"class_name": "L2", "config": {"l2": 0.25}}, 3.5),
        ({"class_name": "L1L2", "config": {"l1": 0.5}}, 3.0),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, 6.5),
        ({"class_name": "l1_l2", "config": {"l2": 0.5}}, HUNDREDTH * 6 + 7.0),
        ({"class_name": "l1_l2", "config": {"l1": 0.5}}, 3.0 + HUNDREDTH * 14),
    ],
)
def test_a_penalty_follows_its_formula_with_a_float32_factor(identifier, penalty):
    found = regularizers.get(identifier)(VALUES.reshape(1, 3, 1))
    assert float(found) == pytest.approx(penalty, rel=1e-15)


@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2, regularizers.L1L2])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_penalty_and_gradient_have_the_dtype_of_the_array(kind, dtype):
    x = VALUES.astype(dtype)
    penalty, gradient = kind(1.0)(x), kind(1.0).gradient(x)
    assert (penalty.shape, penalty.dtype, gradient.dtype) == ((), dtype, dtype)


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


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ({"class_name": "L1", "config": {"l1": 0.5}}, [0.5, -0.5, 0.5, 0.0]),
        ({"class_name": "L2", "config": {"l2": 0.25}}, [0.5, -1.0, 1.5, 0.0]),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, [1.0, -1.5, 2.0, 0.0]),
        ("Regularizer", [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_the_gradient_of_a_penalty_follows_its_formula(identifier, expected):
    found = regularizers.get(identifier).gradient(np.array([1.0, -2.0, 3.0, 0.0]))
    np.testing.assert_array_equal(found, expected)


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


@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2])
def test_no_factor_is_the_default_one(kind):
    assert list(kind(None).get_config().values()) == [HUNDREDTH]


def test_the_orthogonal_regularizer_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match=r"^mode="):
        regularizers.OrthogonalRegularizer(mode="diagonals")


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_the_orthogonal_regularizer_refuses_a_kernel(mode):
    with pytest.raises(ValueError, match="must have rank 2"):
        regularizers.OrthogonalRegularizer(mode=mode)(np.ones((1, 1, 1, 1)))


@pytest.mark.parametrize(
    "identifier", [3, [3], {"class_name": "Foo", "config": {}}, {"class_name": "L2"}]
)
def test_what_is_no_regularizer_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match="regularizer"):
        Conv2DTranspose(1, 1, kernel_regularizer=identifier)


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
