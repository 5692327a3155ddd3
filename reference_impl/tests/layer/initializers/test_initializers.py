"""Initial values: ranges, moments, fans, forms and failures (group INIT)."""

import math
from fractions import Fraction

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer import initializers
from reference_impl.layer.initializers.random_values import VarianceScaling, fans

KERNEL = (3, 4, 20, 30)  # fan_in = 3*4*20 = 240, fan_out = 3*4*30 = 360; 7200 numbers


def drawn(identifier, shape=KERNEL):
    return initializers.get(identifier)(shape, "float64")


def seeded(class_name, **config):
    return {"class_name": class_name, "config": {"seed": 7, **config}}


@pytest.mark.parametrize(
    ("identifier", "limit"),
    [
        (seeded("GlorotUniform"), math.sqrt(6 / 600)),
        (seeded("HeUniform"), math.sqrt(6 / 240)),
        (seeded("LecunUniform"), math.sqrt(3 / 240)),
        (seeded("RandomUniform"), 0.05),
        (seeded("VarianceScaling", mode="fan_out", distribution="uniform"), math.sqrt(3 / 360)),
    ],
)
def test_a_uniform_initializer_fills_its_range(identifier, limit):
    # 7200 draws miss the outer hundredth on either side with probability 2 * 0.995**7200 < 1e-15
    values = drawn(identifier)
    extremes = [values.min(), values.max()]
    np.testing.assert_allclose(extremes, [-0.995 * limit, 0.995 * limit], atol=0.005 * limit)


@pytest.mark.parametrize(
    ("identifier", "stddev"),
    [
        (seeded("GlorotNormal"), math.sqrt(2 / 600)),
        (seeded("HeNormal"), math.sqrt(2 / 240)),
        (seeded("LecunNormal"), math.sqrt(1 / 240)),
        (seeded("RandomNormal"), 0.05),
        (seeded("VarianceScaling", scale=3.0, mode="fan_avg"), math.sqrt(3 / 300)),
        (seeded("VarianceScaling", mode="fan_out", distribution="untruncated_normal"),
         math.sqrt(1 / 360)),
    ],
)  # fmt: skip
def test_a_normal_initializer_has_its_standard_deviation(identifier, stddev):
    # the standard error of the estimate from 7200 values is below 1 %
    assert drawn(identifier).std() == pytest.approx(stddev, rel=0.04)


@pytest.mark.parametrize("name", ["GlorotNormal", "HeNormal", "LecunNormal"])
def test_a_variance_scaling_normal_is_cut_off_at_two_of_its_own_deviations(name):
    values = drawn(seeded(name))
    # two standard deviations before the cut are 2 / 0.8796 of those after it
    assert abs(values).max() < 2 / 0.87962566 * values.std() * 1.04


def test_a_truncated_normal_stays_within_two_deviations():
    assert abs(drawn(seeded("TruncatedNormal", mean=1.0, stddev=0.5)) - 1.0).max() <= 1.0


def test_a_seed_gives_the_same_values_again():
    np.testing.assert_array_equal(drawn(seeded("HeNormal")), drawn(seeded("HeNormal")))


def test_different_seeds_give_different_values():
    other = {"class_name": "HeNormal", "config": {"seed": 8}}
    assert (drawn(seeded("HeNormal")) != drawn(other)).any()


def test_an_instance_gives_the_same_values_at_every_call():
    initializer = initializers.get(seeded("HeNormal"))
    np.testing.assert_array_equal(initializer(KERNEL), initializer(KERNEL))


def test_an_unseeded_instance_warns_when_it_is_used_again():
    initializer = initializers.get("he_normal")
    first = initializer((1, 1, 2, 2))
    with pytest.warns(UserWarning, match="HeNormal is unseeded"):
        assert initializer((1, 1, 2, 2)).tolist() == first.tolist()


def test_unseeded_instances_hardly_ever_draw_the_same():
    # from 10**9 seeds, 200 draws meet with a probability of 2e-5
    assert len({initializers.get("uniform")((1,)).item() for _ in range(200)}) == 200


def test_two_unseeded_initializers_give_different_values():
    assert (drawn("glorot_uniform") != drawn("glorot_uniform")).any()


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 2, 7)])
def test_an_orthogonal_kernel_has_orthonormal_rows_or_columns(shape):
    matrix = drawn(seeded("Orthogonal"), shape).reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-14)


def test_an_orthogonal_direction_has_no_preferred_side():
    directions = [drawn(seeded("Orthogonal", seed=seed), (3, 1)) for seed in range(400)]
    # each number has the variance 1/3, their mean over 1200 a standard deviation of 1/60
    assert abs(np.mean(directions)) < 0.1


def test_an_orthogonal_matrix_may_be_square_and_have_a_gain():
    matrix = drawn(seeded("Orthogonal", gain=2.0), (3, 3))
    np.testing.assert_allclose(matrix.T @ matrix, 4 * np.eye(3), atol=1e-14)


def test_an_identity_matrix_need_not_be_square():
    matrix = initializers.Identity(2.0)((2, 3), "float64")
    assert (matrix.dtype.name, matrix.tolist()) == ("float64", [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize("shape", [(2,), (2, 2, 2)])
def test_an_identity_matrix_has_two_axes(shape):
    with pytest.raises(ValueError, match="2D matrices"):
        initializers.Identity()(shape)


def test_an_identity_matrix_is_refused_to_integers():
    with pytest.raises(ValueError, match="floating point"):
        initializers.Identity()((2, 2), "int32")


@pytest.mark.parametrize("name", ["RandomUniform", "RandomNormal", "TruncatedNormal"])
def test_a_random_initializer_takes_dtype_and_shape(name):
    values = initializers.get(name)((2, 3), "float64")
    assert (values.dtype.name, values.shape) == ("float64", (2, 3))


def test_the_default_kernel_is_glorot_uniform():
    layer = Conv2DTranspose(20, (3, 4))
    layer.build((None, None, None, 30))
    limit = math.sqrt(6 / 600)
    assert 0.99 * limit < abs(layer.kernel).max() <= limit


def test_the_default_bias_is_zero():
    layer = Conv2DTranspose(3, 1)
    layer.build((1, 1, 1, 2))
    assert layer.bias.tolist() == [0.0, 0.0, 0.0]


def test_a_bias_initializer_of_none_is_not_zero_but_glorot_uniform():
    layer = Conv2DTranspose(2000, 1, bias_initializer=None)
    layer.build((1, 1, 1, 1))
    limit = math.sqrt(3 / 2000)
    assert 0.98 * limit < abs(layer.bias).max() <= limit


def test_an_integer_layer_starts_with_zeros():
    layer = Conv2DTranspose(2, 2, dtype="int32", bias_initializer=None)
    layer.build((1, 1, 1, 3))
    assert [weight.any() for weight in layer.weights] == [False, False]


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("zeros", [0, 0, 0, 0]),
        ("Zeros", [0, 0, 0, 0]),
        ("zero", [0, 0, 0, 0]),
        ("OnesV2", [1, 1, 1, 1]),
        ("one", [1, 1, 1, 1]),
        ({"class_name": "constant", "config": {"value": 2.5}}, [2.5] * 4),
        ({"class_name": "Constant", "config": {"value": [1, 2, 3, 4]}}, [1, 2, 3, 4]),
        (initializers.Ones, [1, 1, 1, 1]),
        (initializers.Constant(3), [3, 3, 3, 3]),
        (lambda shape, dtype=None: np.full(shape, 7, dtype), [7, 7, 7, 7]),
        (lambda shape, **_: np.arange(4).reshape(shape), [0, 1, 2, 3]),
    ],
)
def test_an_initializer_may_be_a_name_a_dict_a_class_an_instance_or_a_callable(
    identifier, expected
):
    layer = Conv2DTranspose(2, (2, 1), kernel_initializer=identifier)
    layer.build((1, 1, 1, 1))
    assert layer.kernel.ravel().tolist() == expected


@pytest.mark.parametrize("identifier", ["foo", "", 3.0, np.ones(3)])
def test_what_is_no_initializer_is_refused_by_the_constructor(identifier):
    with pytest.raises(ValueError, match=r"Unknown initializer|Could not interpret initializer"):
        Conv2DTranspose(1, 1, kernel_initializer=identifier)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernel_initializer": "identity"}, ValueError, "2D matrices"),
        ({"bias_initializer": "orthogonal"}, ValueError, "at least two-dimensional"),
        ({"kernel_initializer": lambda shape: np.ones(shape)}, TypeError, "dtype"),
        ({"kernel_initializer": lambda: np.ones(1)}, TypeError, "argument"),
        ({"kernel_initializer": lambda shape, dtype: np.ones(3)}, ValueError, "INIT-06"),
        ({"bias_initializer": initializers.Constant([1, 2])}, TypeError, "unsupported shape"),
        ({"kernel_initializer": "he_normal", "dtype": "int32"}, ValueError, "floating point"),
        ({"dtype": "complex64"}, ValueError, "An initializer for variable kernel"),
        ({"kernel_initializer": "Initializer"}, NotImplementedError, "__call__"),
    ],
)
def test_an_initializer_that_does_not_fit_is_refused_when_the_weight_is_made(
    arguments, error, message
):
    layer = Conv2DTranspose(3, 2, **arguments)
    with pytest.raises(error, match=message) as caught:
        layer.build((1, 1, 1, 2))
    assert caught.type is error


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"scale": 0}, "`scale` must be positive"),
        ({"mode": "fan"}, "Invalid `mode` argument"),
        ({"distribution": "foo"}, "Invalid `distribution` argument"),
    ],
)
def test_variance_scaling_refuses_unknown_settings(config, message):
    with pytest.raises(ValueError, match=message):
        initializers.get({"class_name": "VarianceScaling", "config": config})


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weights_have_the_dtype_of_the_layer(dtype):
    layer = Conv2DTranspose(2, 2, dtype=dtype, kernel_initializer="he_uniform")
    layer.build((1, 1, 1, 2))
    assert {weight.dtype.name for weight in layer.weights} == {dtype}


def test_a_drawn_value_beyond_two_deviations_is_drawn_again_with_the_same_moments():
    # the standard error of the mean of 7200 values of deviation 0.88 is about 0.01
    values = drawn(seeded("TruncatedNormal", mean=3.0, stddev=1.0))
    assert [values.mean(), values.std()] == pytest.approx([3.0, 0.8796], abs=0.05)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((5,), (5, 5)), ((2, 3), (2, 3)), ((2, 3, 4), (6, 8)), ((2, 3, 4, 5), (24, 30))],
)
def test_the_fans_are_the_last_two_sizes_times_those_before(shape, expected):
    assert fans(shape) == expected


def test_a_fan_of_one_is_not_raised():
    values = drawn(seeded("LecunUniform"), (1, 1, 1, 7200))
    assert abs(values).max() == pytest.approx(math.sqrt(3), rel=0.01)


def test_an_untruncated_normal_goes_beyond_two_deviations_around_zero():
    values = drawn(seeded("VarianceScaling", distribution="untruncated_normal"), (1, 1, 1, 7200))
    # the mean of 7200 standard normals stays within 0.05, their largest is beyond 3
    assert (abs(values.mean()) < 0.05, abs(values).max() > 3) == (True, True)


@pytest.mark.parametrize(
    "name", ["Ones", "Zeros", "TruncatedNormal", "HeNormal", "HeUniform", "Orthogonal"]
)
def test_an_initializer_gives_the_dtype_that_is_asked_for(name):
    assert initializers.get(name)((2, 2), "float64").dtype == np.float64


def test_an_untruncated_normal_gives_the_dtype_that_is_asked_for():
    initializer = VarianceScaling(distribution="untruncated_normal")
    assert initializer((2, 2), "float64").dtype == np.float64


@pytest.mark.parametrize("name", ["RandomNormal", "RandomUniform"])
def test_a_random_initializer_keeps_its_seed(name):
    first, second = (drawn(seeded(name)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_integer_constant_is_exact():
    values = initializers.Constant([2**53 + 1, 1])((2,), "int64")
    assert values.tolist() == [2**53 + 1, 1]


# What TensorFlow 2.15 makes of a constant: it is strict with Python's numbers, and casts arrays.
@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (2**31, "int32", -(2**31)),
        (2**40, "int8", 0),
        (-1, "uint8", 255),
        (True, "int32", 1),
        (np.float64(1.5), "int32", 1),
        (np.array([2.5]), "int32", 2),
        (np.array([2], object), "int32", 2),
        (True, "bool", True),
        (1e300, "float32", math.inf),
        (2**63 + 1, "float32", 2.0**63),
        (-(2**70), "float32", -(2.0**70)),
        (np.bool_(True), "float32", 1.0),
        (1j, "complex64", 1j),
        (1.5, "complex64", 1.5),
    ],
)
def test_a_constant_is_converted_as_tensorflow_converts_it(value, dtype, expected):
    values = initializers.Constant(value)((1,), dtype)
    assert (values.dtype.name, values.tolist()) == (dtype, [expected])


@pytest.mark.parametrize(
    ("value", "dtype", "error"),
    [
        *((bad, "int32", TypeError) for bad in (1.5, 2.0, 1e300, math.nan, math.inf, 1j, "1")),
        *((bad, "int32", TypeError) for bad in ([1, 2.0], ["a"])),
        *((bad, "int32", ValueError) for bad in (None, [None, 1], 2**63 + 1, 10**400, Fraction(1))),
        *((bad, "bool", TypeError) for bad in (1, 0.0, "a")),
        *((bad, "float32", TypeError) for bad in ("1", ["a", "b"], 1j)),
        *((bad, "float32", ValueError) for bad in (None, [None, 1], 10**400, Fraction(1, 2))),
        (np.array("1"), "float32", ValueError),
        (np.array([None]), "float32", ValueError),
        (np.array(1j), "float32", ValueError),
        (np.datetime64("2020-01-01"), "float32", ValueError),
        (np.datetime64("2020-01-01"), "int32", ValueError),
    ],
)
def test_a_constant_that_the_dtype_does_not_hold_is_refused(value, dtype, error):
    layer = Conv2DTranspose(
        1, 1, dtype=dtype, kernel_initializer={"class_name": "Constant", "config": {"value": value}}
    )
    with pytest.raises(error, match="`value`") as caught:
        layer.build((1, 1, 1, 1))
    assert caught.type is error


@pytest.mark.parametrize(
    ("returned", "dtype", "error"),
    [
        ([[[[1.5]]]], "int32", TypeError),
        ([[[["a"]]]], "float32", TypeError),
        ([[[[None]]]], "float32", ValueError),
        (None, "float32", ValueError),
        (np.full((1, 1, 1, 1), None), "float32", ValueError),
        (np.full((1, 1, 1, 1), "1"), "float32", ValueError),
        (np.full((1, 1, 1, 1), 1j), "float32", ValueError),
        (np.full((1, 1, 1, 1), np.datetime64("2020-01-01")), "float32", ValueError),
    ],
)
def test_an_initial_value_that_is_no_number_is_refused(returned, dtype, error):
    layer = Conv2DTranspose(1, 1, dtype=dtype, kernel_initializer=lambda shape, dtype: returned)
    with pytest.raises(error, match="initial value of kernel") as caught:
        layer.build((1, 1, 1, 1))
    assert caught.type is error


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_a_uniform_integer_is_drawn_from_its_range_without_the_end(dtype):
    values = initializers.RandomUniform(-2, 3, seed=7)((200,), dtype)
    assert (values.dtype.name, sorted(set(values.tolist()))) == (dtype, [-2, -1, 0, 1, 2])


@pytest.mark.parametrize(
    ("bounds", "dtype", "error"),
    [
        ({}, "int32", TypeError),
        ({"minval": 0, "maxval": 2.5}, "int32", TypeError),
        ({"minval": "a", "maxval": 2}, "int64", TypeError),
        ({"minval": 0, "maxval": None}, "int32", ValueError),
        ({"minval": 3, "maxval": 3}, "int32", InvalidArgumentError),
        ({"minval": 5, "maxval": 1}, "int64", InvalidArgumentError),
        ({"minval": 0, "maxval": 9}, "uint8", ValueError),
        ({"minval": 0, "maxval": 9}, "bool", ValueError),
        ({"minval": None}, "float32", ValueError),
        ({"maxval": "a"}, "float32", TypeError),
        ({"maxval": [1.0, 2.0]}, "float32", ValueError),
    ],
)
def test_a_uniform_initializer_refuses_bounds_that_fit_no_number(bounds, dtype, error):
    with pytest.raises(error, match=r"minval|maxval|floating point type") as caught:
        initializers.RandomUniform(**bounds)((2,), dtype)
    assert caught.type is error


def test_a_uniform_initializer_without_an_upper_bound_ends_at_one():
    values = initializers.RandomUniform(0, None, seed=7)((1000,), "float64")
    assert 0.99 < values.max() < 1


@pytest.mark.parametrize(
    ("name", "option"),
    [("RandomNormal", "mean"), ("RandomNormal", "stddev"), ("Orthogonal", "gain")],
)
def test_an_option_of_a_random_initializer_is_a_number(name, option):
    with pytest.raises(ValueError, match=f"`{option}`"):
        drawn({"class_name": name, "config": {option: None}}, (2, 2))


def test_an_initializer_gives_float32_where_no_dtype_is_asked_for():
    assert initializers.Ones()((2,)).dtype == np.float32


def test_a_normal_distribution_is_a_truncated_one():
    config = VarianceScaling(distribution="Normal").get_config()
    assert config["distribution"] == "truncated_normal"


def test_a_function_in_a_config_dict_is_not_called():
    assert initializers.get({"class_name": "function", "config": "ones"}) is initializers.Ones


def test_an_unknown_function_in_a_config_dict_is_named():
    with pytest.raises(ValueError, match="Unknown initializer: 'foo'"):
        initializers.get({"class_name": "function", "config": "foo"})


def test_the_arguments_of_a_class_are_not_a_name():
    with pytest.raises(TypeError):
        initializers.get({"class_name": "Ones", "config": "zeros"})


def test_what_is_drawn_again_has_the_same_distribution():
    # of 40000 draws 1820 are drawn again; the standard errors are about 0.0044 and 0.003
    values = drawn(seeded("TruncatedNormal", mean=0.0, stddev=1.0), (40000,))
    assert [values.mean(), values.std()] == pytest.approx([0.0, 0.87962566], abs=0.006)


@pytest.mark.parametrize(("dtype", "config"), [(None, {}), ("float16", {"dtype": "float16"})])
def test_zeros_write_the_dtype_that_they_were_given(dtype, config):
    assert initializers.Zeros(dtype).get_config() == config


def test_keras_3_may_say_that_it_was_told_no_axes_of_the_fans():
    config = {"seed": 3, "input_axes": None, "output_axes": None}
    made = initializers.get({"class_name": "HeNormal", "config": config})
    assert made.get_config() == {"seed": 3}


def test_axes_of_fans_that_keras_3_was_told_are_refused():
    with pytest.raises(TypeError, match="input_axes"):
        initializers.get({"class_name": "HeNormal", "config": {"input_axes": [0]}})
