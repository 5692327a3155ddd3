"""Initializers: their values, distributions and refusals."""

import math

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError
from fast_impl.layer.objects import initializers
from fast_impl.layer.objects.initializers import VarianceScaling

DOUBLE, INT = np.dtype(np.float64), np.dtype(np.int32)
# height, width, filters, channels: a fan_in of 6 * 30 and a fan_out of 6 * 40
KERNEL = (2, 3, 30, 40)


def drawn(initializer, shape=KERNEL, dtype=DOUBLE):
    return initializer(shape, dtype)


@pytest.mark.parametrize(
    ("initializer", "variance"),
    [
        (initializers.GlorotUniform(7), 2 / 420),
        (initializers.GlorotNormal(7), 2 / 420),
        (initializers.LecunUniform(7), 1 / 180),
        (initializers.LecunNormal(7), 1 / 180),
        (initializers.HeUniform(7), 2 / 180),
        (initializers.HeNormal(7), 2 / 180),
        (initializers.RandomUniform(-1, 3, 7), 16 / 12),
        (initializers.RandomNormal(0, 0.5, 7), 0.25),
        (VarianceScaling(3.0, "fan_out", "normal", 7), 3 / 240),
        (VarianceScaling(3.0, "fan_avg", "uniform", 7), 3 / 210),
        (VarianceScaling(3.0, "fan_in", "untruncated_normal", 7), 3 / 180),
    ],
)
def test_the_variance_follows_from_the_shape(initializer, variance):
    # 7200 values: the relative standard error of the variance is below 0.017
    values = drawn(initializer)
    assert (values.shape, values.dtype) == (KERNEL, DOUBLE)
    assert values.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize(
    ("initializer", "limit"),
    [
        (initializers.GlorotUniform(7), math.sqrt(6 / 420)),
        (initializers.LecunUniform(7), math.sqrt(3 / 180)),
        (initializers.HeUniform(7), math.sqrt(6 / 180)),
        (initializers.GlorotNormal(7), 2 * math.sqrt(2 / 420) / 0.87962566103423978),
        (initializers.HeNormal(7), 2 * math.sqrt(2 / 180) / 0.87962566103423978),
        (initializers.TruncatedNormal(0.0, 0.5, 7), 1.0),
        (initializers.RandomUniform(-0.25, 0.25, 7), 0.25),
    ],
)
def test_values_fill_their_bounds(initializer, limit):
    values = drawn(initializer)
    assert 0.99 * limit < values.max() <= limit
    assert -limit <= values.min() < -0.99 * limit


def test_a_truncated_normal_has_the_moments_of_one():
    # standard errors below 0.013 and 0.01
    values = drawn(initializers.TruncatedNormal(3.0, 2.0, 7))
    assert [values.mean(), values.std()] == pytest.approx([3.0, 2 * 0.8796], abs=0.06)


def test_an_untruncated_normal_goes_beyond_two_deviations_around_zero():
    values = drawn(VarianceScaling(1.0, "fan_in", "untruncated_normal", 7), (1, 1, 1, 7200))
    assert abs(values.mean()) < 0.05
    assert abs(values).max() > 3


def test_a_fan_of_one_is_not_raised():
    values = drawn(initializers.LecunUniform(7), (1, 1, 1, 7200))
    assert abs(values).max() == pytest.approx(math.sqrt(3), rel=0.01)


def test_a_fan_below_one_is_raised():
    # no filters and one channel: the mean of the fans is 1/2, taken as 1
    initializer = VarianceScaling(1.0, "fan_avg", "uniform", 7)
    assert drawn(initializer, (0, 1)).shape == (0, 1)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((5,), (5, 5)), ((2, 3), (2, 3)), ((2, 3, 4), (6, 8)), ((2, 3, 4, 5), (24, 30))],
)
def test_the_fans_are_the_last_two_sizes_times_those_before(shape, fans):
    assert initializers._fans(shape) == fans


SEEDED = [
    initializers.RandomUniform, initializers.RandomNormal, initializers.TruncatedNormal,
    initializers.VarianceScaling, initializers.HeNormal, initializers.Orthogonal,
]  # fmt: skip


@pytest.mark.parametrize("kind", SEEDED)
def test_a_seed_gives_the_same_values_again(kind):
    np.testing.assert_array_equal(drawn(kind(seed=7)), drawn(kind(seed=7)))


@pytest.mark.parametrize("kind", SEEDED)
def test_another_seed_gives_other_values(kind):
    assert (drawn(kind(seed=7)) != drawn(kind(seed=8))).any()


@pytest.mark.parametrize("kind", SEEDED)
def test_without_a_seed_every_call_draws(kind):
    initializer = kind()
    assert (drawn(initializer) != drawn(initializer)).any()


def test_the_sign_of_a_seed_does_not_matter():
    np.testing.assert_array_equal(drawn(initializers.HeNormal(-7)), drawn(initializers.HeNormal(7)))


@pytest.mark.parametrize("kind", [*SEEDED, initializers.Ones, initializers.Zeros])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_values_have_the_dtype_that_is_asked_for(kind, dtype):
    assert drawn(kind(), (2, 2), np.dtype(dtype)).dtype == dtype


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (kind, dtype)
        for kind in [*SEEDED, initializers.Identity]
        for dtype in ("int32", "bool", "complex64")
        if (kind, dtype) != (initializers.RandomUniform, "int32")
    ],
)
def test_random_and_identity_values_are_floating_point_numbers(kind, dtype):
    with pytest.raises(ValueError, match="floating point"):
        drawn(kind(), (2, 2), np.dtype(dtype))


def test_bfloat16_is_floating_point():
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    assert drawn(initializers.HeNormal(), (2, 2), bfloat16).dtype == bfloat16
    assert isinstance(initializers.default(bfloat16), initializers.GlorotUniform)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_no_initializer_means_zeros_for_integers_and_booleans(dtype):
    assert isinstance(initializers.default(np.dtype(dtype)), initializers.Zeros)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 2, 7), (3, 3), (1, 2, 2, 4)])
def test_an_orthogonal_kernel_has_orthonormal_rows_or_columns(shape):
    matrix = drawn(initializers.Orthogonal(2.0, 7), shape).reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-14)


def test_an_orthogonal_direction_has_no_preferred_side():
    directions = [drawn(initializers.Orthogonal(1.0, seed), (3, 1)) for seed in range(400)]
    # each number has the variance 1/3, their mean over 1200 a standard deviation of 1/60
    assert abs(np.mean(directions)) < 0.1


def test_an_orthogonal_bias_is_refused():
    with pytest.raises(ValueError, match="at least two axes"):
        drawn(initializers.Orthogonal(), (3,))


def test_an_identity_matrix_need_not_be_square():
    matrix = drawn(initializers.Identity(2.0), (2, 3))
    assert (matrix.dtype, matrix.tolist()) == (DOUBLE, [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize("shape", [(2,), (2, 2, 2)])
def test_an_identity_matrix_has_two_axes(shape):
    with pytest.raises(ValueError, match="2D matrices"):
        drawn(initializers.Identity(), shape)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (3, DOUBLE, [[3.0, 3.0], [3.0, 3.0]]),
        (2**70, DOUBLE, [[2.0**70] * 2] * 2),
        ([-(2**70)], DOUBLE, [[-(2.0**70)] * 2] * 2),
        ([[3]], INT, [[3, 3], [3, 3]]),
        ([1, 2, 3, 4], DOUBLE, [[1.0, 2.0], [3.0, 4.0]]),
        (np.array([[1, 2], [3, 4]]), INT, [[1, 2], [3, 4]]),
    ],
)
def test_a_constant_is_one_value_or_as_many_as_the_weight_has(value, dtype, expected):
    array = drawn(initializers.Constant(value), (2, 2), dtype)
    assert (array.tolist(), array.dtype) == (expected, dtype)


def test_a_constant_of_one_value_fills_a_weight_of_one_value():
    assert drawn(initializers.Constant([5]), (1, 1)).tolist() == [[5.0]]


@pytest.mark.parametrize("value", [[1, 2], [1, 2, 3], []])
def test_a_constant_of_another_number_of_values_is_refused(value):
    with pytest.raises(TypeError, match=f"holds {len(value)} values"):
        drawn(initializers.Constant(value), (2, 2))


def test_a_numpy_number_is_written_as_a_number():
    assert initializers.Constant(np.float32(2)).get_config() == {"value": 2.0}


@pytest.mark.parametrize(("dtype", "config"), [(None, {}), ("float16", {"dtype": "float16"})])
def test_zeros_write_the_dtype_that_they_were_given(dtype, config):
    zeros = initializers.Zeros(dtype)
    assert zeros.get_config() == config
    assert initializers.Zeros.from_config(config).get_config() == config


@pytest.mark.parametrize("name", ["Ones", "HeNormal", "Constant", "Orthogonal"])
def test_an_old_style_dtype_in_a_configuration_means_nothing(name):
    given = {"class_name": name, "config": {"dtype": "float16"}}
    assert "dtype" not in initializers.get(given).get_config()


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("OnesV2", [1, 1, 1, 1]),
        (initializers.Ones, [1, 1, 1, 1]),
        (initializers.Constant(3), [3, 3, 3, 3]),
        (lambda shape, dtype=None: np.full(shape, 7, dtype), [7, 7, 7, 7]),
        (lambda shape, **_: np.arange(4).reshape(shape), [0, 1, 2, 3]),
    ],
)
def test_an_initializer_may_be_a_name_a_class_an_instance_or_a_callable(identifier, expected):
    layer = Conv2DTranspose(2, (2, 1), kernel_initializer=identifier)
    layer.build((1, 1, 1, 1))
    assert (layer.kernel.ravel().tolist(), layer.kernel.dtype) == (expected, np.float32)


@pytest.mark.parametrize("identifier", ["foo", "", 3.0, np.ones(3)])
def test_what_is_no_initializer_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match=r"(Unknown|Could not interpret) initializer"):
        Conv2DTranspose(1, 1, kernel_initializer=identifier)


def test_the_base_initializer_has_no_values():
    with pytest.raises(NotImplementedError):
        initializers.Initializer()((1,), DOUBLE)


@pytest.mark.parametrize(
    ("config", "culprit"),
    [
        ({"scale": 0}, "scale"),
        ({"scale": -1.0}, "scale"),
        ({"mode": "fan"}, "mode"),
        ({"distribution": "foo"}, "distribution"),
    ],
)
def test_variance_scaling_refuses_unknown_settings(config, culprit):
    with pytest.raises(ValueError, match=f"^{culprit}="):
        initializers.get({"class_name": "VarianceScaling", "config": config})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Normal", "truncated_normal"),
        ("TRUNCATED_NORMAL", "truncated_normal"),
        ("Untruncated_Normal", "untruncated_normal"),
        ("UNIFORM", "uniform"),
    ],
)
def test_a_distribution_is_read_in_any_case(given, kept):
    assert VarianceScaling(0.5, distribution=given).get_config() == {
        "scale": 0.5, "mode": "fan_in", "distribution": kept, "seed": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "snake"),
    [("GlorotUniform", "glorot_uniform"), ("Ones", "ones"), ("LecunNormalV2", "lecun_normal_v2")],
)
def test_a_class_is_known_by_its_name_with_underscores(name, snake):
    assert initializers._snake(name) == snake


def test_a_truncated_normal_never_goes_beyond_two_deviations():
    kind = initializers.get("truncated_normal")
    kind.mean, kind.stddev = 0.0, 1.0
    few = [np.abs(kind((10,), np.dtype(np.float64))).max() for _ in range(200)]
    assert max(few) <= 2
    assert np.abs(kind((100_000,), np.dtype(np.float64))).max() <= 2


@pytest.mark.parametrize("kind", [initializers.RandomNormal, initializers.TruncatedNormal])
def test_mean_and_deviation_move_and_stretch_the_same_numbers(kind):
    shape, dtype = (50,), np.dtype(np.float64)
    plain, moved = kind(0.0, 1.0, seed=3)(shape, dtype), kind(5.0, 2.0, seed=3)(shape, dtype)
    np.testing.assert_allclose(moved, 5 + 2 * plain, rtol=1e-15)


def test_a_truncated_normal_draws_again_only_what_lies_beyond():
    shape, dtype = (500,), np.dtype(np.float64)
    drawn = initializers.RandomNormal(0.0, 1.0, seed=3)(shape, dtype)
    kept = np.abs(drawn) <= 2
    truncated = initializers.TruncatedNormal(0.0, 1.0, seed=3)(shape, dtype)
    np.testing.assert_array_equal(truncated[kept], drawn[kept])
    assert 0 < kept.sum() < 500
    assert not np.isin(truncated[~kept], drawn).any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_identity_matrix_has_the_dtype_that_is_asked_for(dtype):
    assert initializers.Identity()((2, 2), np.dtype(dtype)).dtype == dtype


def test_a_constant_with_more_axes_is_one_value_all_the_same():
    values = initializers.Constant(np.full((1, 1, 1), 7))((2,), np.dtype(np.float32))
    np.testing.assert_array_equal(values, [7, 7])


def test_uniform_integers_reach_from_the_lower_limit_up_to_below_the_upper():
    values = drawn(initializers.RandomUniform(-2, 3, seed=1), (500,), np.dtype(np.int32))
    assert (values.dtype, set(values.tolist())) == (np.dtype(np.int32), {-2, -1, 0, 1, 2})


@pytest.mark.parametrize(
    ("initializer", "error"),
    [
        (initializers.RandomUniform(), TypeError),
        (initializers.RandomUniform(3, 3), InvalidArgumentError),
        (initializers.RandomUniform(0, None), ValueError),
        (initializers.Constant(1.5), TypeError),
        (initializers.Constant(1e300), TypeError),
        (initializers.Constant(2**70), ValueError),
        (initializers.Constant(None), ValueError),
        (initializers.Constant("1"), TypeError),
        (initializers.Constant(np.datetime64("2020-01-01")), ValueError),
    ],
)
def test_values_that_int32_does_not_hold_are_refused(initializer, error):
    with pytest.raises(error):
        drawn(initializer, (2,), np.dtype(np.int32))
