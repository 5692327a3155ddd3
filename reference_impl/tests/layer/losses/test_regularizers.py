"""Regularizers: each formula by hand, and their forms (clauses LOSS-01, LOSS-09, ADD-03)."""

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer.losses import regularizers

HUNDREDTH = float(np.float32(0.01))
VALUES = np.array([1.0, -2.0, 3.0])  # absolute values sum to 6, squares to 14


@pytest.mark.parametrize(
    ("identifier", "penalty"),
    [
        ("l1", HUNDREDTH * 6),
        ("L1", HUNDREDTH * 6),
        ("l2", HUNDREDTH * 14),
        ("L2", HUNDREDTH * 14),
        ("l1_l2", HUNDREDTH * 20),
        ("L1L2", 0.0),
        ({"class_name": "L1", "config": {"l1": 0.5}}, 3.0),
        ({"class_name": "L2", "config": {"l2": 0.25}}, 3.5),
        ({"class_name": "L2", "config": {"l": 0.5}}, 7.0),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, 6.5),
        ({"class_name": "l1_l2", "config": {"l2": 0.5}}, HUNDREDTH * 6 + 7.0),
        (regularizers.L2(0.5), 7.0),
    ],
)
def test_a_penalty_follows_its_formula_with_a_float32_factor(identifier, penalty):
    assert regularizers.get(identifier)(VALUES).item() == pytest.approx(penalty, rel=1e-15)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_penalty_is_a_number_of_the_arrays_dtype(dtype):
    penalty = regularizers.L2()(VALUES.astype(dtype))
    assert (penalty.shape, penalty.dtype.name) == ((), dtype)


@pytest.mark.parametrize(("factor", "expected"), [(0.01, 0), (1.5, 10)])
def test_l1_of_integers_truncates_its_factor(factor, expected):
    penalty = regularizers.L1(factor)(np.array([5, -5], dtype=np.int32))
    assert (penalty.item(), penalty.dtype.name) == (expected, "int32")


@pytest.mark.parametrize(("name", "penalty"), [("L1", 6.0), ("L2", 14.0)])
def test_a_penalty_takes_all_axes(name, penalty):
    regularizer = regularizers.get({"class_name": name, "config": {"l": 1.0}})
    assert regularizer(VALUES.reshape(1, 3, 1)).item() == penalty


@pytest.mark.parametrize(("name", "error"), [("l2", InvalidArgumentError), ("l1_l2", TypeError)])
def test_other_penalties_refuse_integers(name, error):
    with pytest.raises(error, match="int32"):
        regularizers.get(name)(np.array([5], dtype=np.int32))


@pytest.mark.parametrize(
    "identifier",
    [
        3,
        [3],
        {"class_name": "Foo", "config": {}},
        {"class_name": "L2"},
        {"class_name": "L2", "config": {"l2": float("nan")}},
        {"class_name": "L2", "config": {"l2": "a"}},
    ],
)
def test_what_is_no_regularizer_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match=r"regulariz|Improper config"):
        Conv2DTranspose(1, 1, kernel_regularizer=identifier)


def test_an_unknown_argument_of_a_regularizer_is_a_type_error():
    with pytest.raises(TypeError, match="not recognized by l2"):
        Conv2DTranspose(1, 1, kernel_regularizer={"class_name": "L2", "config": {"foo": 1}})


def test_l1_names_itself_when_it_refuses_an_argument():
    with pytest.raises(TypeError, match="not recognized by l1"):
        regularizers.L1(foo=1)


def test_the_orthogonal_regularizer_refuses_an_unknown_mode():
    with pytest.raises(ValueError, match="mode"):
        regularizers.OrthogonalRegularizer(mode="diagonals")


@pytest.mark.parametrize("name", ["orthogonal_regularizer", "OrthogonalRegularizer"])
def test_the_orthogonal_regularizer_refuses_a_kernel(name):
    layer = Conv2DTranspose(1, 1, kernel_regularizer=name)
    layer.build((1, 1, 1, 1))
    with pytest.raises(ValueError, match="must have rank 2"):
        _ = layer.losses


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ({"class_name": "L1", "config": {"l1": 0.5}}, [0.5, -0.5, 0.5, 0.0]),
        ({"class_name": "L2", "config": {"l2": 0.25}}, [0.5, -1.0, 1.5, 0.0]),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, [1.0, -1.5, 2.0, 0.0]),
        ("Regularizer", [0.0, 0.0, 0.0, 0.0]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_of_a_penalty_follows_its_formula(identifier, expected, dtype):
    gradient = regularizers.get(identifier).gradient(np.array([1, -2, 3, 0], dtype))
    assert gradient.dtype == dtype
    np.testing.assert_array_equal(gradient, expected)


def test_a_layer_gives_one_loss_gradient_for_each_weight():
    layer = Conv2DTranspose(1, 1, kernel_regularizer={"class_name": "L2", "config": {"l2": 0.5}})
    layer.build((None, None, None, 2))
    layer.set_weights([np.array([[[[3.0, -1.0]]]]), np.array([7.0])])
    kernel, bias = layer.loss_gradients()
    np.testing.assert_array_equal(kernel, [[[[3.0, -1.0]]]])
    assert bias is None


def test_a_callable_regularizer_may_bring_its_gradient():
    def penalty(weight):
        return weight.sum()

    layer = Conv2DTranspose(1, 1, kernel_regularizer=penalty)
    layer.build((None, None, None, 2))
    with pytest.raises(TypeError, match="attribute gradient"):
        layer.loss_gradients()
    penalty.gradient = np.ones_like
    np.testing.assert_array_equal(layer.loss_gradients()[0], [[[[1.0, 1.0]]]])


def test_an_unknown_regularizer_in_a_config_dict_is_called_one():
    with pytest.raises(ValueError, match=r"^Unknown regularizer: 'Foo'"):
        regularizers.get({"class_name": "Foo", "config": {}})


@pytest.mark.parametrize("kind", [regularizers.L1, regularizers.L2])
def test_no_factor_is_the_default_one(kind):
    assert list(kind(None).get_config().values()) == [HUNDREDTH]


def test_the_orthogonal_regularizer_has_no_gradient_by_a_kernel():
    layer = Conv2DTranspose(1, 1, kernel_regularizer="orthogonal_regularizer")
    layer.build((1, 1, 1, 1))
    with pytest.raises(ValueError, match="must have rank 2"):
        layer.loss_gradients()
