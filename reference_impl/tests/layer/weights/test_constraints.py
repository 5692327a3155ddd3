"""Constraints: each formula by hand (group CONS). EPS is what a norm gets before the division."""

import math

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer.weights import constraints

EPS = 1e-7


def kernel(*values, shape=(2, 1, 1, 1), dtype="float64"):
    return np.array(values, dtype=dtype).reshape(shape)


@pytest.mark.parametrize(
    ("constraint", "factor"),
    [
        # the column (3, 4) has norm 5
        (constraints.UnitNorm(), 1 / (EPS + 5)),
        (constraints.MaxNorm(), 2 / (EPS + 5)),
        (constraints.MaxNorm(10), 5 / (EPS + 5)),
        (constraints.MaxNorm(-1), 0.0),
        (constraints.MinMaxNorm(), 1 / (EPS + 5)),
        (constraints.MinMaxNorm(6, 8), 6 / (EPS + 5)),
        (constraints.MinMaxNorm(0, 10), 5 / (EPS + 5)),
        # half way from 5 to 1
        (constraints.MinMaxNorm(0, 1, rate=0.5), 3 / (EPS + 5)),
        # the upper bound is raised to the lower one
        (constraints.MinMaxNorm(3, 1), 3 / (EPS + 5)),
    ],
)
def test_a_norm_constraint_scales_by_its_formula(constraint, factor):
    result = constraint(kernel(3, 4)).ravel().tolist()
    assert result == pytest.approx([3 * factor, 4 * factor], rel=1e-15)


def test_the_default_axis_is_the_height_of_the_kernel():
    # shape (2, 1, 1, 2): the columns (3, 4) and (6, 8) are scaled each by its own norm
    result = constraints.UnitNorm()(kernel(3, 6, 4, 8, shape=(2, 1, 1, 2)))
    assert result.ravel().tolist() == pytest.approx([0.6, 0.6, 0.8, 0.8], rel=1e-7)


@pytest.mark.parametrize("axis", [[0, 1, 3], (0, 1, -1), [0, 3, 1]])
def test_several_axes_make_one_norm_per_filter(axis):
    # axes of height 2, width 1, filters 1, channels 2: one norm sqrt(1 + 4 + 4 + 16) = 5
    result = constraints.UnitNorm(axis)(kernel(1, 2, 2, 4, shape=(2, 1, 1, 2)))
    assert result.ravel().tolist() == pytest.approx([0.2, 0.4, 0.4, 0.8], rel=1e-7)


def test_zero_weights_stay_zero():
    assert not constraints.MinMaxNorm(1, 2)(kernel(0, 0)).any()


def test_an_infinite_norm_makes_finite_weights_zero_and_infinite_ones_nan():
    result = constraints.MaxNorm()(kernel(1, math.inf)).ravel().tolist()
    assert result == pytest.approx([0.0, math.nan], nan_ok=True)


def test_an_axis_that_a_weight_does_not_have_is_refused():
    with pytest.raises(InvalidArgumentError, match="Invalid reduction dimension"):
        constraints.UnitNorm(5)(kernel(1, 2))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_non_neg_keeps_the_dtype_and_works_for_every_one(dtype):
    result = constraints.NonNeg()(kernel(-3, 4, dtype=dtype))
    assert (result.dtype.name, result.ravel().tolist()) == (dtype, [0, 4])


def test_non_neg_makes_negative_weights_negative_zeros():
    assert np.signbit(constraints.NonNeg()(kernel(-3, 4))).ravel().tolist() == [True, False]


def test_non_neg_makes_nan_of_nan_and_minus_infinity():
    assert np.isnan(constraints.NonNeg()(kernel(math.nan, -math.inf))).all()


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
def test_the_radial_constraint_takes_its_rings_from_the_diagonal(size, expected):
    weights = np.arange(size * size, dtype=float).reshape(size, size, 1, 1)
    assert constraints.RadialConstraint()(weights)[:, :, 0, 0].tolist() == expected


def test_the_radial_constraint_treats_every_filter_and_channel_by_itself():
    weights = np.arange(2 * 2 * 2 * 3, dtype=float).reshape(2, 2, 2, 3)
    expected = np.broadcast_to(weights[0, 0], weights.shape)
    np.testing.assert_array_equal(constraints.RadialConstraint()(weights), expected)


@pytest.mark.parametrize("shape", [(1, 1, 2, 3), (2, 3, 1, 1), (3, 2, 1, 1)])
def test_the_radial_constraint_refuses_single_and_oblong_kernels(shape):
    with pytest.raises(InvalidArgumentError, match="square kernel"):
        constraints.RadialConstraint()(np.ones(shape))


def test_the_radial_constraint_refuses_a_bias():
    with pytest.raises(ValueError, match="rank 4"):
        constraints.RadialConstraint()(np.ones(3))


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("NonNeg", constraints.NonNeg),
        ("non_neg", constraints.NonNeg),
        ("nonneg", constraints.NonNeg),
        ("max_norm", constraints.MaxNorm),
        ("maxnorm", constraints.MaxNorm),
        ("unit_norm", constraints.UnitNorm),
        ("unitnorm", constraints.UnitNorm),
        ("min_max_norm", constraints.MinMaxNorm),
        ("radial_constraint", constraints.RadialConstraint),
        ("Constraint", constraints.Constraint),
        ({"class_name": "UnitNorm", "config": {"axis": [0, 1]}}, constraints.UnitNorm),
    ],
)
def test_a_constraint_may_be_a_name_or_a_config_dict(identifier, kind):
    assert type(Conv2DTranspose(1, 1, kernel_constraint=identifier).kernel_constraint) is kind


@pytest.mark.parametrize("identifier", ["foo", "", "Nonneg", 3])
def test_what_is_no_constraint_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match=r"Unknown constraint|Could not interpret constraint"):
        Conv2DTranspose(1, 1, bias_constraint=identifier)


def test_non_neg_keeps_fractions():
    weights = np.array([[0.5, -0.5]], dtype=np.float32)
    assert constraints.NonNeg()(weights).tolist() == [[0.5, 0.0]]


@pytest.mark.parametrize("axis", [None, -4, 3, (0, -1)])
def test_a_norm_constraint_keeps_the_shape_for_every_axis_that_there_is(axis):
    weights = np.ones((1, 2, 1, 3))
    assert constraints.UnitNorm(axis)(weights).shape == weights.shape


def test_no_axis_means_one_norm_for_the_whole_weight():
    weights = np.array([[3.0, 4.0]])
    np.testing.assert_allclose(constraints.UnitNorm(None)(weights), [[0.6, 0.8]], rtol=1e-6)


@pytest.mark.parametrize("axis", [-5, 4])
def test_an_axis_just_beyond_those_of_a_weight_is_refused(axis):
    with pytest.raises(InvalidArgumentError, match="Invalid reduction dimension"):
        constraints.UnitNorm(axis)(np.ones((1, 1, 1, 1)))
