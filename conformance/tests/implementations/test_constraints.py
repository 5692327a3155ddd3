"""Constraints: each formula by hand (group CONS). EPS is what a norm gets before the division."""

import math

import numpy as np
import pytest

EPS = 1e-7


def weight(*values, shape=(2, 1, 1, 1), dtype="float64"):
    return np.array(values, dtype=dtype).reshape(shape)


@pytest.mark.parametrize(
    ("name", "arguments", "factor"),
    [
        # the column (3, 4) has norm 5
        ("UnitNorm", (), 1 / (EPS + 5)),
        ("MaxNorm", (), 2 / (EPS + 5)),
        ("MaxNorm", (10,), 5 / (EPS + 5)),
        ("MaxNorm", (0.5,), 0.5 / (EPS + 5)),
        ("MaxNorm", (-1,), 0.0),
        ("MinMaxNorm", (), 1 / (EPS + 5)),
        ("MinMaxNorm", (6, 8), 6 / (EPS + 5)),
        ("MinMaxNorm", (0, 10), 5 / (EPS + 5)),
        # a quarter of 1 and three quarters of 5
        ("MinMaxNorm", (0, 1, 0.25), 4 / (EPS + 5)),
        # the upper limit is raised to the lower one
        ("MinMaxNorm", (3, 1), 3 / (EPS + 5)),
    ],
)
def test_a_norm_constraint_scales_by_its_formula(constraints, name, arguments, factor):
    found = getattr(constraints, name)(*arguments)(weight(3, 4)).ravel().tolist()
    assert found == pytest.approx([3 * factor, 4 * factor], rel=1e-15)


@pytest.mark.parametrize(("name", "norm"), [("MaxNorm", 2), ("UnitNorm", 1)])
def test_the_default_axis_is_the_height_of_the_kernel(constraints, name, norm):
    # shape (2, 1, 1, 2): the columns (3, 4) and (6, 8) are scaled each by its own norm
    found = getattr(constraints, name)()(weight(3, 6, 4, 8, shape=(2, 1, 1, 2)))
    np.testing.assert_allclose(found.ravel(), np.multiply(norm, [0.6, 0.6, 0.8, 0.8]), rtol=1e-7)


@pytest.mark.parametrize("axis", [[0, 1, 3], (0, 1, -1), [0, 3, 1]])
def test_several_axes_make_one_norm_per_filter(constraints, axis):
    # height 2, width 1, filters 1, channels 2: one norm sqrt(1 + 4 + 4 + 16) = 5
    found = constraints.UnitNorm(axis)(weight(1, 2, 2, 4, shape=(2, 1, 1, 2)))
    assert found.ravel().tolist() == pytest.approx([0.2, 0.4, 0.4, 0.8], rel=1e-7)


@pytest.mark.parametrize("axis", [-4, 3, (0, -1), [1, 2]])
@pytest.mark.parametrize("name", ["UnitNorm", "MaxNorm"])
def test_a_norm_constraint_keeps_the_shape_for_every_axis(constraints, name, axis):
    assert getattr(constraints, name)(axis=axis)(np.ones((1, 2, 1, 3))).shape == (1, 2, 1, 3)


def test_zero_weights_stay_zero(constraints):
    assert not constraints.MinMaxNorm(1, 2)(weight(0, 0)).any()


def test_an_infinite_norm_makes_finite_weights_zero_and_infinite_ones_nan(constraints):
    found = constraints.MaxNorm()(weight(1, math.inf)).ravel().tolist()
    assert found == pytest.approx([0.0, math.nan], nan_ok=True)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_non_neg_keeps_the_dtype_and_works_for_every_one(constraints, dtype):
    found = constraints.NonNeg()(weight(-3, 4, dtype=dtype))
    assert (found.dtype.name, found.ravel().tolist()) == (dtype, [0, 4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_non_neg_keeps_fractions(constraints, dtype):
    assert constraints.NonNeg()(weight(0.5, -0.5, dtype=dtype)).ravel().tolist() == [0.5, 0.0]


def test_non_neg_makes_negative_weights_negative_zeros(constraints):
    found = constraints.NonNeg()(weight(-3, 4, 0.0, shape=(3, 1, 1, 1)))
    assert np.signbit(found).ravel().tolist() == [True, False, False]


def test_non_neg_makes_nan_of_nan_and_minus_infinity(constraints):
    assert np.isnan(constraints.NonNeg()(weight(math.nan, -math.inf))).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # 2x2: one ring, w[0, 0]
        (2, [[0, 0], [0, 0]]),
        # 3x3, weights 0 to 8: the centre is the corner w[0, 0], the ring is w[1, 1]
        (3, [[4, 4, 4], [4, 0, 4], [4, 4, 4]]),
        # 4x4, weights 0 to 15: core w[1, 1] = 5, ring w[3, 3] = 15
        (4, [[15, 15, 15, 15], [15, 5, 5, 15], [15, 5, 5, 15], [15, 15, 15, 15]]),
        # 5x5, weights 0 to 24: centre w[1, 1] = 6, then w[2, 2] = 12, then w[3, 3] = 18
        (
            5,
            [
                [18, 18, 18, 18, 18],
                [18, 12, 12, 12, 18],
                [18, 12, 6, 12, 18],
                [18, 12, 12, 12, 18],
                [18, 18, 18, 18, 18],
            ],
        ),
    ],
)
def test_the_radial_constraint_takes_its_rings_from_the_diagonal(constraints, size, expected):
    weights = np.arange(size * size, dtype=float).reshape(size, size, 1, 1)
    assert constraints.RadialConstraint()(weights)[:, :, 0, 0].tolist() == expected


def test_the_radial_constraint_treats_every_filter_and_channel_by_itself(constraints):
    weights = np.arange(2 * 2 * 2 * 3, dtype=float).reshape(2, 2, 2, 3)
    expected = np.broadcast_to(weights[0, 0], weights.shape)
    np.testing.assert_array_equal(constraints.RadialConstraint()(weights), expected)


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (2, 3, 1, 1), (3, 2, 1, 1)])
def test_the_radial_constraint_refuses_single_and_oblong_kernels(constraints, refused, shape):
    with refused("InvalidArgumentError", "square kernel"):
        constraints.RadialConstraint()(np.ones(shape))


def test_the_radial_constraint_refuses_a_bias(constraints):
    with pytest.raises(ValueError, match="rank 4"):
        constraints.RadialConstraint()(np.ones(3))


def test_the_base_class_leaves_the_weight_alone(constraints):
    assert constraints.Constraint()(weight(-3, 4)).ravel().tolist() == [-3, 4]


@pytest.mark.parametrize("identifier", ["nonneg", {"class_name": "NonNeg", "config": {}}])
def test_a_layer_has_the_constraint_that_is_named(Conv2DTranspose, constraints, identifier):
    layer = Conv2DTranspose(1, 1, kernel_constraint=identifier)
    assert type(layer.kernel_constraint) is constraints.NonNeg


@pytest.mark.parametrize("identifier", ["foo", "", "Nonneg", 3])
def test_what_is_no_constraint_is_refused_by_the_constructor(Conv2DTranspose, identifier):
    with pytest.raises(ValueError, match=r"(Unknown|Could not interpret) constraint"):
        Conv2DTranspose(1, 1, bias_constraint=identifier)
