"""Regularizers: each formula by hand, and their forms (clauses LOSS-01, LOSS-09, ADD-03)."""

import numpy as np
import pytest

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
        ("Regularizer", 0.0),
        ({"class_name": "L1", "config": {"l1": 0.5}}, 3.0),
        ({"class_name": "L2", "config": {"l2": 0.25}}, 3.5),
        ({"class_name": "L1L2", "config": {"l1": 0.5}}, 3.0),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, 6.5),
        ({"class_name": "l1_l2", "config": {"l2": 0.5}}, HUNDREDTH * 6 + 7.0),
        ({"class_name": "l1_l2", "config": {"l1": 0.5}}, 3.0 + HUNDREDTH * 14),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (1, 3, 1)])
def test_a_penalty_follows_its_formula_with_a_float32_factor(
    regularizers, identifier, penalty, shape
):
    found = regularizers.get(identifier)(VALUES.reshape(shape))
    assert float(found) == pytest.approx(penalty, rel=1e-15)


@pytest.mark.parametrize("name", ["L1", "L2", "L1L2"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_penalty_and_gradient_have_the_dtype_of_the_array(regularizers, name, dtype):
    regularizer, x = getattr(regularizers, name)(1.0), VALUES.astype(dtype)
    penalty, gradient = regularizer(x), regularizer.gradient(x)
    assert (penalty.shape, penalty.dtype, gradient.dtype) == ((), dtype, dtype)


def test_an_instance_is_taken_as_it_is(regularizers):
    regularizer = regularizers.L2(0.5)
    assert regularizers.get(regularizer) is regularizer


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
def test_the_gradient_of_a_penalty_follows_its_formula(regularizers, identifier, expected, dtype):
    gradient = regularizers.get(identifier).gradient(np.array([1, -2, 3, 0], dtype))
    assert gradient.dtype == dtype
    np.testing.assert_array_equal(gradient, expected)


@pytest.mark.parametrize("name", ["L1", "L2"])
def test_no_factor_is_the_default_one(regularizers, name):
    assert list(getattr(regularizers, name)(None).get_config().values()) == [HUNDREDTH]


def test_the_orthogonal_regularizer_refuses_an_unknown_mode(regularizers):
    with pytest.raises(ValueError, match="mode"):
        regularizers.OrthogonalRegularizer(mode="diagonals")


@pytest.mark.parametrize("mode", ["rows", "columns"])
def test_the_orthogonal_regularizer_refuses_a_kernel(regularizers, mode):
    with pytest.raises(ValueError, match="must have rank 2"):
        regularizers.OrthogonalRegularizer(mode=mode)(np.ones((1, 1, 1, 1)))


@pytest.mark.parametrize(
    "identifier", [3, [3], {"class_name": "Foo", "config": {}}, {"class_name": "L2"}]
)
def test_what_is_no_regularizer_is_refused_by_the_constructor(Conv2DTranspose, identifier):
    with pytest.raises(ValueError, match=r"regularizer|Improper config"):
        Conv2DTranspose(1, 1, kernel_regularizer=identifier)


def test_an_unknown_regularizer_in_a_config_dict_is_called_one(regularizers):
    with pytest.raises(ValueError, match=r"^Unknown regularizer: 'Foo'"):
        regularizers.get({"class_name": "Foo", "config": {}})


@pytest.mark.parametrize("read", [lambda layer: layer.losses, lambda layer: layer.loss_gradients()])
def test_a_layer_refuses_the_orthogonal_regularizer_of_its_kernel(Conv2DTranspose, read):
    layer = Conv2DTranspose(1, 1, kernel_regularizer="orthogonal_regularizer")
    layer.build((1, 1, 1, 1))
    with pytest.raises(ValueError, match="must have rank 2"):
        read(layer)


def test_the_base_regularizer_is_a_loss_of_zero_with_a_gradient_of_zero(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, kernel_regularizer="Regularizer")
    layer(np.ones((1, 1, 1, 1), np.float32))
    assert [loss.item() for loss in layer.losses] == [0.0]
    assert layer.loss_gradients()[0].tolist() == [[[[0.0]]]]


def test_a_layer_gives_one_loss_gradient_for_each_weight(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1, kernel_regularizer={"class_name": "L2", "config": {"l2": 0.5}})
    layer.build((None, None, None, 2))
    layer.set_weights([np.array([[[[3.0, -1.0]]]]), np.array([7.0])])
    kernel, bias = layer.loss_gradients()
    np.testing.assert_array_equal(kernel, [[[[3.0, -1.0]]]])
    assert bias is None
