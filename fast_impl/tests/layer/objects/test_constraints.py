"""Constraints: each formula by hand. EPS is what a norm gets before the division."""

import math

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError
from fast_impl.layer.objects import constraints

EPS = 1e-7


def weight(*values, shape=(2, 1, 1, 1), dtype="float64"):
    return np.array(values, dtype=dtype).reshape(shape)


@pytest.mark.parametrize(
    ("constraint", "factor"),
    [
        # the column (3, 4) has norm 5
        (constraints.UnitNorm(), 1 / (EPS + 5)),
        (constraints.MaxNorm(), 2 / (EPS + 5)),
        (constraints.MaxNorm(10), 5 / (EPS + 5)),
        (constraints.MaxNorm(0.5), 0.5 / (EPS + 5)),
        (constraints.MaxNorm(-1), 0.0),
        (constraints.MinMaxNorm(), 1 / (EPS + 5)),
        (constraints.MinMaxNorm(6, 8), 6 / (EPS + 5)),
        (constraints.MinMaxNorm(0, 10), 5 / (EPS + 5)),
        # a quarter of 1 and three quarters of 5
        (constraints.MinMaxNorm(0, 1, rate=0.25), 4 / (EPS + 5)),
        # the upper limit is raised to the lower one
        (constraints.MinMaxNorm(3, 1), 3 / (EPS + 5)),
    ],
)
def test_a_norm_constraint_scales_by_its_formula(constraint, factor):
    found = constraint(weight(3, 4)).ravel().tolist()
    assert found == pytest.approx([3 * factor, 4 * factor], rel=1e-15)


@pytest.mark.parametrize("constraint", [constraints.MaxNorm(), constraints.UnitNorm()])
def test_the_default_axis_is_the_height_of_the_kernel(constraint):
    # shape (2, 1, 1, 2): the columns (3, 4) and (6, 8) are scaled each by its own norm
    found = constraint(weight(3, 6, 4, 8, shape=(2, 1, 1, 2)))
    size = 2 if isinstance(constraint, constraints.MaxNorm) else 1
    np.testing.assert_allclose(found.ravel(), np.multiply(size, [0.6, 0.6, 0.8, 0.8]), rtol=1e-7)


@pytest.mark.parametrize("axis", [[0, 1, 3], (0, 1, -1), [0, 3, 1]])
def test_several_axes_make_one_norm_per_filter(axis):
    # height 2, width 1, filters 1, channels 2: one norm sqrt(1 + 4 + 4 + 16) = 5
    found = constraints.UnitNorm(axis)(weight(1, 2, 2, 4, shape=(2, 1, 1, 2)))
    assert found.ravel().tolist() == pytest.approx([0.2, 0.4, 0.4, 0.8], rel=1e-7)


@pytest.mark.parametrize("axis", [-4, 3, (0, -1), [1, 2]])
@pytest.mark.parametrize("kind", [constraints.UnitNorm, constraints.MaxNorm])
def test_a_norm_constraint_keeps_the_shape_for_every_axis(kind, axis):
    assert kind(axis=axis)(np.ones((1, 2, 1, 3))).shape == (1, 2, 1, 3)


def test_zero_weights_stay_zero():
    assert not constraints.MinMaxNorm(1, 2)(weight(0, 0)).any()


def test_an_infinite_norm_makes_finite_weights_zero_and_infinite_ones_nan():
    found = constraints.MaxNorm()(weight(1, math.inf)).ravel().tolist()
    assert found == pytest.approx([0.0, math.nan], nan_ok=True)


def test_a_norm_that_overflows_warns_of_nothing():
    assert constraints.UnitNorm()(weight(1e30, 1e30, dtype="float32")).ravel().tolist() == [0, 0]


def test_a_half_format_has_its_norm_in_float32():
    # 300**2 is beyond float16; the norm of (300, 400) is 500
    found = constraints.UnitNorm()(weight(300, 400, dtype="float16"))
    assert (found.dtype.name, found.ravel().tolist()) == (
        "float16",
        [float(np.float16(0.6)), float(np.float16(0.8))],
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_non_neg_keeps_the_dtype_and_works_for_every_one(dtype):
    found = constraints.NonNeg()(weight(-3, 4, dtype=dtype))
    assert (found.dtype.name, found.ravel().tolist()) == (dtype, [0, 4])


def test_non_neg_keeps_fractions():
    assert constraints.NonNeg()(weight(0.5, -0.5)).ravel().tolist() == [0.5, 0.0]


def test_non_neg_makes_negative_weights_negative_zeros():
    found = constraints.NonNeg()(weight(-3, 4, 0.0, shape=(3, 1, 1, 1)))
    assert np.signbit(found).ravel().tolist() == [True, False, False]


def test_non_neg_makes_nan_of_nan_and_minus_infinity():
    assert np.isnan(constraints.NonNeg()(weight(math.nan, -math.inf))).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        # 2x2: one ring, w[0, 0]
        (2, [[0, 0], [0, 0]]),
        # 3x3, weights 0 to 8: the centre is the corner w[0, 0], the ring is w[1, 1]
        (3, [[4, 4, 4], [4, 0, 4], [4, 4, 4]]),
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
def test_the_radial_constraint_takes_its_rings_from_the_diagonal(size, expected):
    weights = np.arange(size * size, dtype=float).reshape(size, size, 1, 1)
    assert constraints.RadialConstraint()(weights)[:, :, 0, 0].tolist() == expected


def test_the_radial_constraint_treats_every_filter_and_channel_by_itself():
    weights = np.arange(2 * 2 * 2 * 3, dtype=float).reshape(2, 2, 2, 3)
    expected = np.broadcast_to(weights[0, 0], weights.shape)
    np.testing.assert_array_equal(constraints.RadialConstraint()(weights), expected)


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (3, 2, 1, 1)])
def test_the_radial_constraint_refuses_single_and_oblong_kernels(shape):
    with pytest.raises(InvalidArgumentError, match="square kernel"):
        constraints.RadialConstraint()(np.ones(shape))


def test_the_radial_constraint_refuses_a_bias():
    with pytest.raises(ValueError, match="rank 4"):
        constraints.RadialConstraint()(np.ones(3))


def test_the_base_class_leaves_the_weight_alone():
    assert constraints.Constraint()(weight(-3, 4)).ravel().tolist() == [-3, 4]


@pytest.mark.parametrize("identifier", ["foo", "", "Nonneg", 3])
def test_what_is_no_constraint_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match=r"(Unknown|Could not interpret) constraint"):
        Conv2DTranspose(1, 1, bias_constraint=identifier)
