"""How seeds and draws depend on each other, and what this implementation alone takes."""

import numpy as np
import pytest

from fast_impl.layer.objects import initializers

DOUBLE = np.dtype(np.float64)


def drawn(initializer, shape=(2, 3, 30, 40), dtype=DOUBLE):
    return initializer(shape, dtype)


def test_a_fan_below_one_is_raised():
    # no filters and one channel: the mean of the fans is 1/2, taken as 1
    initializer = initializers.VarianceScaling(1.0, "fan_avg", "uniform", 7)
    assert drawn(initializer, (0, 1)).shape == (0, 1)


@pytest.mark.parametrize(
    "kind",
    [
        initializers.RandomUniform, initializers.RandomNormal, initializers.TruncatedNormal,
        initializers.VarianceScaling, initializers.HeNormal, initializers.Orthogonal,
    ],
)  # fmt: skip
def test_without_a_seed_every_call_draws(kind):
    initializer = kind()
    assert (drawn(initializer) != drawn(initializer)).any()


def test_the_sign_of_a_seed_does_not_matter():
    np.testing.assert_array_equal(drawn(initializers.HeNormal(-7)), drawn(initializers.HeNormal(7)))


def test_bfloat16_is_floating_point():
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    assert drawn(initializers.HeNormal(), (2, 2), bfloat16).dtype == bfloat16
    assert isinstance(initializers.default(bfloat16), initializers.GlorotUniform)


def test_zeros_are_made_again_with_the_dtype_of_their_configuration():
    config = {"dtype": "float16"}
    assert initializers.Zeros.from_config(config).get_config() == config


def test_a_numpy_number_is_written_as_a_number():
    assert initializers.Constant(np.float32(2)).get_config() == {"value": 2.0}


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
