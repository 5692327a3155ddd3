"""Initial values: ranges, moments, fans, forms and failures (group INIT)."""

import math
from fractions import Fraction

import numpy as np
import pytest

# height, width, filters, channels: a fan_in of 6 * 30 and a fan_out of 6 * 40; 7200 numbers
KERNEL = (2, 3, 30, 40)
DOUBLE = np.dtype("float64")
SEEDED = [
    "RandomUniform",
    "RandomNormal",
    "TruncatedNormal",
    "VarianceScaling",
    "HeNormal",
    "Orthogonal",
]


@pytest.fixture
def drawn(initializers):
    """The values of the initializer of a class with seed 7 and other arguments."""

    def draw(name, shape=KERNEL, dtype=DOUBLE, **config):
        config = {"seed": 7, **config}
        return initializers.get({"class_name": name, "config": config})(shape, dtype)

    return draw


@pytest.mark.parametrize(
    ("name", "config", "variance"),
    [
        ("GlorotUniform", {}, 2 / 420),
        ("GlorotNormal", {}, 2 / 420),
        ("LecunUniform", {}, 1 / 180),
        ("LecunNormal", {}, 1 / 180),
        ("HeUniform", {}, 2 / 180),
        ("HeNormal", {}, 2 / 180),
        ("RandomUniform", {"minval": -1, "maxval": 3}, 16 / 12),
        ("RandomNormal", {}, 0.05**2),
        ("RandomNormal", {"mean": 0, "stddev": 0.5}, 0.25),
        ("VarianceScaling", {"scale": 3.0, "mode": "fan_avg"}, 3 / 210),
        ("VarianceScaling", {"scale": 3.0, "mode": "fan_out", "distribution": "normal"}, 3 / 240),
        ("VarianceScaling", {"scale": 3.0, "mode": "fan_avg", "distribution": "uniform"}, 3 / 210),
        ("VarianceScaling", {"scale": 3.0, "distribution": "untruncated_normal"}, 3 / 180),
    ],
)  # fmt: skip
def test_the_variance_follows_from_the_shape(drawn, name, config, variance):
    # 7200 values: the relative standard error of the variance is below 0.017
    values = drawn(name, **config)
    assert (values.shape, values.dtype) == (KERNEL, DOUBLE)
    assert values.var() == pytest.approx(variance, rel=0.06)


@pytest.mark.parametrize(
    ("name", "config", "limit"),
    [
        ("GlorotUniform", {}, math.sqrt(6 / 420)),
        ("LecunUniform", {}, math.sqrt(3 / 180)),
        ("HeUniform", {}, math.sqrt(6 / 180)),
        ("RandomUniform", {}, 0.05),
        ("RandomUniform", {"minval": -0.25, "maxval": 0.25}, 0.25),
        ("VarianceScaling", {"mode": "fan_out", "distribution": "uniform"}, math.sqrt(3 / 240)),
        # Normal distributions are cut off at two of their own deviations.
        ("GlorotNormal", {}, 2 * math.sqrt(2 / 420) / 0.87962566103423978),
        ("LecunNormal", {}, 2 * math.sqrt(1 / 180) / 0.87962566103423978),
        ("HeNormal", {}, 2 * math.sqrt(2 / 180) / 0.87962566103423978),
        ("TruncatedNormal", {"mean": 0.0, "stddev": 0.5}, 1.0),
    ],
)
def test_values_fill_their_bounds(drawn, name, config, limit):
    # 7200 uniform draws miss the outer hundredth on either side with probability 2 * 0.995**7200 < 1e-15
    values = drawn(name, **config)
    assert 0.99 * limit < values.max() <= limit
    assert -limit <= values.min() < -0.99 * limit


def test_a_truncated_normal_has_the_moments_of_one(drawn):
    # of 40000 draws 1820 are drawn again; the standard errors are about 0.009 and 0.006
    values = drawn("TruncatedNormal", (40000,), mean=3.0, stddev=2.0)
    assert [values.mean(), values.std()] == pytest.approx([3.0, 2 * 0.87962566], abs=0.012)


def test_an_untruncated_normal_goes_beyond_two_deviations_around_zero(drawn):
    # the mean of 7200 standard normals stays within 0.05, their largest is beyond 3
    values = drawn("VarianceScaling", (1, 1, 1, 7200), distribution="untruncated_normal")
    assert abs(values.mean()) < 0.05
    assert abs(values).max() > 3


def test_a_fan_of_one_is_not_raised(drawn):
    values = drawn("LecunUniform", (1, 1, 1, 7200))
    assert abs(values).max() == pytest.approx(math.sqrt(3), rel=0.01)


@pytest.mark.parametrize(
    ("shape", "fans"),
    [((), (1, 1)), ((5,), (5, 5)), ((2, 3), (2, 3)), ((2, 3, 4), (6, 8)), ((2, 3, 4, 5), (24, 30))],
)
def test_the_fans_are_the_last_two_sizes_times_those_before(implementation, shape, fans):
    assert implementation.fans(shape) == fans


@pytest.mark.parametrize("name", SEEDED)
def test_a_seed_gives_the_same_values_again(drawn, name):
    np.testing.assert_array_equal(drawn(name), drawn(name))


@pytest.mark.parametrize("name", SEEDED)
def test_another_seed_gives_other_values(drawn, name):
    assert (drawn(name) != drawn(name, seed=8)).any()


@pytest.mark.parametrize("name", SEEDED)
def test_without_a_seed_every_instance_draws(drawn, name):
    assert (drawn(name, seed=None) != drawn(name, seed=None)).any()


@pytest.mark.parametrize("name", [*SEEDED, "HeUniform", "Ones", "Zeros", "Identity"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_values_have_the_dtype_and_the_shape_that_are_asked_for(initializers, name, dtype):
    values = initializers.get(name)((2, 3), np.dtype(dtype))
    assert (values.shape, values.dtype) == ((2, 3), dtype)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 2, 7), (3, 3), (1, 2, 2, 4)])
def test_an_orthogonal_kernel_has_orthonormal_rows_or_columns_times_the_gain(drawn, shape):
    matrix = drawn("Orthogonal", shape, gain=2.0).reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-14)


def test_an_orthogonal_direction_has_no_preferred_side(drawn):
    directions = [drawn("Orthogonal", (3, 1), seed=seed) for seed in range(400)]
    # each number has the variance 1/3, their mean over 1200 a standard deviation of 1/60
    assert abs(np.mean(directions)) < 0.1


def test_an_identity_matrix_need_not_be_square(initializers):
    matrix = initializers.Identity(2.0)((2, 3), DOUBLE)
    assert (matrix.dtype, matrix.tolist()) == (DOUBLE, [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize("shape", [(2,), (2, 2, 2)])
def test_an_identity_matrix_has_two_axes(initializers, shape):
    with pytest.raises(ValueError, match="2D matrices"):
        initializers.Identity()(shape, DOUBLE)


@pytest.mark.parametrize("name", [*SEEDED[1:], "Identity"])
@pytest.mark.parametrize("dtype", ["int32", "bool", "complex64"])
def test_random_and_identity_values_are_floating_point_numbers(initializers, name, dtype):
    with pytest.raises(ValueError, match="floating point"):
        initializers.get(name)((2, 2), np.dtype(dtype))


def test_a_constant_integer_is_exact(initializers):
    values = initializers.Constant([2**53 + 1, 1])((2,), np.dtype("int64"))
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
        ([-(2**70)], "float64", -(2.0**70)),
        (np.bool_(True), "float32", 1.0),
        (1j, "complex64", 1j),
        (1.5, "complex64", 1.5),
    ],
)
def test_a_constant_is_converted_as_tensorflow_converts_it(initializers, value, dtype, expected):
    values = initializers.Constant(value)((1,), np.dtype(dtype))
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
def test_a_constant_that_the_dtype_does_not_hold_is_refused(
    Conv2DTranspose, refused, value, dtype, error
):
    config = {"class_name": "Constant", "config": {"value": value}}
    layer = Conv2DTranspose(1, 1, dtype=dtype, kernel_initializer=config)
    with refused(error.__name__, "value"):
        layer.build((1, 1, 1, 1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, [[3, 3], [3, 3]]),
        ([[3]], [[3, 3], [3, 3]]),
        ([1, 2, 3, 4], [[1, 2], [3, 4]]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.full((1, 1, 1), 7), [[7, 7], [7, 7]]),
    ],
)
@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_a_constant_is_one_value_or_as_many_as_the_weight_has(initializers, value, dtype, expected):
    array = initializers.Constant(value)((2, 2), np.dtype(dtype))
    assert (array.tolist(), array.dtype) == (expected, dtype)


@pytest.mark.parametrize("value", [[1, 2], [1, 2, 3], []])
def test_a_constant_of_another_number_of_values_is_refused(initializers, value):
    with pytest.raises(TypeError, match=rf"\b{len(value)} (values|elements)"):
        initializers.Constant(value)((2, 2), DOUBLE)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_uniform_integers_reach_from_the_lower_limit_up_to_below_the_upper(initializers, dtype):
    values = initializers.RandomUniform(-2, 3, seed=7)((500,), np.dtype(dtype))
    assert (values.dtype.name, set(values.tolist())) == (dtype, {-2, -1, 0, 1, 2})


@pytest.mark.parametrize(
    ("bounds", "dtype", "error"),
    [
        ({}, "int32", "TypeError"),
        ({"minval": 0, "maxval": 2.5}, "int32", "TypeError"),
        ({"minval": "a", "maxval": 2}, "int64", "TypeError"),
        ({"minval": 0, "maxval": None}, "int32", "ValueError"),
        ({"minval": 3, "maxval": 3}, "int32", "InvalidArgumentError"),
        ({"minval": 5, "maxval": 1}, "int64", "InvalidArgumentError"),
        ({"minval": 0, "maxval": 9}, "uint8", "ValueError"),
        ({"minval": 0, "maxval": 9}, "bool", "ValueError"),
        ({"minval": None}, "float32", "ValueError"),
        ({"maxval": "a"}, "float32", "TypeError"),
        ({"maxval": [1.0, 2.0]}, "float32", "ValueError"),
    ],
)
def test_a_uniform_initializer_refuses_bounds_that_fit_no_number(
    initializers, refused, bounds, dtype, error
):
    with refused(error, r"minval|maxval|floating point type"):
        initializers.RandomUniform(**bounds)((2,), np.dtype(dtype))


def test_a_uniform_initializer_without_an_upper_bound_ends_at_one(initializers):
    values = initializers.RandomUniform(0, None, seed=7)((1000,), DOUBLE)
    assert 0.99 < values.max() < 1


@pytest.mark.parametrize(
    ("name", "option"),
    [("RandomNormal", "mean"), ("RandomNormal", "stddev"), ("Orthogonal", "gain")],
)
def test_an_option_of_a_random_initializer_is_a_number(drawn, name, option):
    with pytest.raises(ValueError, match=option):
        drawn(name, (2, 2), **{option: None})


@pytest.mark.parametrize(
    ("config", "culprit"),
    [
        ({"scale": 0}, "scale"),
        ({"scale": -1.0}, "scale"),
        ({"mode": "fan"}, "mode"),
        ({"distribution": "foo"}, "distribution"),
    ],
)
def test_variance_scaling_refuses_unknown_settings(initializers, config, culprit):
    with pytest.raises(ValueError, match=rf"^(Invalid )?`?{culprit}\b"):
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
def test_a_distribution_is_read_in_any_case(initializers, given, kept):
    config = initializers.VarianceScaling(0.5, distribution=given).get_config()
    assert config == {"scale": 0.5, "mode": "fan_in", "distribution": kept, "seed": None}


@pytest.mark.parametrize(("dtype", "config"), [(None, {}), ("float16", {"dtype": "float16"})])
def test_zeros_write_the_dtype_that_they_were_given(initializers, dtype, config):
    assert initializers.Zeros(dtype).get_config() == config


@pytest.mark.parametrize("name", ["Ones", "HeNormal", "Constant", "Orthogonal"])
def test_an_old_style_dtype_in_a_configuration_means_nothing(initializers, name):
    given = {"class_name": name, "config": {"dtype": "float16"}}
    assert "dtype" not in initializers.get(given).get_config()


def test_axes_of_fans_that_keras_3_was_told_are_refused(initializers):
    with pytest.raises(TypeError, match="input_axes"):
        initializers.get({"class_name": "HeNormal", "config": {"input_axes": [0]}})


def test_keras_3_may_say_that_it_was_told_no_axes_of_the_fans(initializers):
    config = {"seed": 3, "input_axes": None, "output_axes": None}
    made = initializers.get({"class_name": "HeNormal", "config": config})
    assert made.get_config() == {"seed": 3}


def test_the_default_kernel_is_glorot_uniform(Conv2DTranspose):
    layer = Conv2DTranspose(20, (3, 4))
    layer.build((None, None, None, 30))
    limit = math.sqrt(6 / 600)
    assert 0.99 * limit < abs(layer.kernel).max() <= limit


def test_two_layers_do_not_begin_alike(Conv2DTranspose):
    layers = [Conv2DTranspose(3, 2) for _ in range(2)]
    for layer in layers:
        layer.build((1, 1, 1, 2))
    assert (layers[0].kernel != layers[1].kernel).any()


def test_the_default_bias_is_zero(Conv2DTranspose):
    layer = Conv2DTranspose(3, 1)
    layer.build((1, 1, 1, 2))
    assert layer.bias.tolist() == [0.0, 0.0, 0.0]


def test_a_bias_initializer_of_none_is_not_zero_but_glorot_uniform(Conv2DTranspose):
    layer = Conv2DTranspose(2000, 1, bias_initializer=None)
    layer.build((1, 1, 1, 1))
    limit = math.sqrt(3 / 2000)
    assert 0.98 * limit < abs(layer.bias).max() <= limit


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool"])
def test_a_layer_of_integers_starts_with_zeros(Conv2DTranspose, dtype):
    layer = Conv2DTranspose(2, 2, dtype=dtype, bias_initializer=None)
    layer.build((1, 1, 1, 3))
    assert [weight.any() for weight in layer.weights] == [False, False]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_weights_have_the_dtype_of_the_layer(Conv2DTranspose, dtype):
    layer = Conv2DTranspose(2, 2, dtype=dtype, kernel_initializer="he_uniform")
    layer.build((1, 1, 1, 2))
    assert {weight.dtype.name for weight in layer.weights} == {dtype}


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
        (lambda shape, dtype=None: np.full(shape, 7, dtype), [7, 7, 7, 7]),
        (lambda shape, **_: np.arange(4).reshape(shape), [0, 1, 2, 3]),
    ],
)
def test_an_initializer_may_be_a_name_a_dict_or_a_callable(Conv2DTranspose, identifier, expected):
    layer = Conv2DTranspose(2, (2, 1), kernel_initializer=identifier)
    layer.build((1, 1, 1, 1))
    assert (layer.kernel.ravel().tolist(), layer.kernel.dtype) == (expected, np.float32)


def test_an_initializer_may_be_a_class_or_an_instance(Conv2DTranspose, initializers):
    layer = Conv2DTranspose(
        2, 1, kernel_initializer=initializers.Ones, bias_initializer=initializers.Constant(3)
    )
    layer.build((1, 1, 1, 1))
    assert [weight.ravel().tolist() for weight in layer.weights] == [[1, 1], [3, 3]]


@pytest.mark.parametrize("identifier", ["foo", "", 3.0, np.ones(3)])
def test_what_is_no_initializer_is_refused_by_the_constructor(Conv2DTranspose, identifier):
    with pytest.raises(ValueError, match=r"(Unknown|Could not interpret) initializer"):
        Conv2DTranspose(1, 1, kernel_initializer=identifier)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"kernel_initializer": "identity"}, "ValueError", "2D matrices"),
        ({"bias_initializer": "orthogonal"}, "ValueError", r"at least two(-dimensional| axes)"),
        ({"kernel_initializer": lambda shape: np.ones(shape)}, "TypeError", "dtype|argument"),
        ({"kernel_initializer": lambda: np.ones(1)}, "TypeError", "argument"),
        ({"kernel_initializer": lambda shape, dtype: np.ones(3)}, "ValueError", "shape"),
        ({"kernel_initializer": "he_normal", "dtype": "int32"}, "ValueError", "floating point"),
        ({"dtype": "complex64"}, "ValueError", "An initializer for"),
        ({"kernel_initializer": "Initializer"}, "NotImplementedError", None),
    ],
)
def test_an_initializer_that_does_not_fit_is_refused_when_the_weight_is_made(
    Conv2DTranspose, refused, arguments, error, message
):
    layer = Conv2DTranspose(3, 2, **arguments)
    with refused(error, message):
        layer.build((1, 1, 1, 2))


@pytest.mark.parametrize(
    ("returned", "dtype", "error"),
    [
        ([[[[1.5]]]], "int32", "TypeError"),
        ([[[["a"]]]], "float32", "TypeError"),
        ([[[[None]]]], "float32", "ValueError"),
        (None, "float32", "ValueError"),
        (np.full((1, 1, 1, 1), None), "float32", "ValueError"),
        (np.full((1, 1, 1, 1), "1"), "float32", "ValueError"),
        (np.full((1, 1, 1, 1), 1j), "float32", "ValueError"),
        (np.full((1, 1, 1, 1), np.datetime64("2020-01-01")), "float32", "ValueError"),
    ],
)
def test_an_initial_value_that_is_no_number_is_refused(
    Conv2DTranspose, refused, returned, dtype, error
):
    layer = Conv2DTranspose(1, 1, dtype=dtype, kernel_initializer=lambda shape, dtype: returned)
    with refused(error, "kernel"):
        layer.build((1, 1, 1, 1))
