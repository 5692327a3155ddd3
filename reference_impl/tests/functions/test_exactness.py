"""The arithmetic: exact for integers and fractions, float64 and one rounding for floats."""

from fractions import Fraction

import numpy as np
import pytest

from reference_impl import InvalidArgumentError, conv2d_transpose, conv2d_transpose_gradients
from reference_impl.storage import from_numbers

GEOMETRY = {"strides": (2, 3), "padding": "same"}


def fractions(array):
    """The very values of a float array, as fractions."""
    return np.vectorize(Fraction, otypes=[object])(array)


def normal(seed, *shape, dtype="float64"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


X, K, B = normal(1, 2, 3, 4, 5), normal(2, 3, 4, 2, 5), normal(3, 2)


def test_fractions_stay_fractions_and_are_exact():
    third = np.array([Fraction(1, 3)], dtype=object).reshape(1, 1, 1, 1)
    seventh = np.array([Fraction(1, 7)], dtype=object).reshape(1, 1, 1, 1)
    bias = np.array([Fraction(1, 2)], dtype=object)
    result = conv2d_transpose(third, seventh, bias=bias)
    assert result.ravel().tolist() == [Fraction(1, 21) + Fraction(1, 2)]


def test_object_integers_do_not_overflow():
    big = np.array([10**30], dtype=object).reshape(1, 1, 1, 1)
    assert conv2d_transpose(big, big).ravel().tolist() == [10**60]


def test_int32_results_wrap_around_as_twos_complement():
    big = np.full((1, 1, 1, 1), 2**16 + 1, dtype=np.int32)
    # (2**16 + 1)**2 = 2**32 + 2**17 + 1
    assert conv2d_transpose(big, big).ravel().tolist() == [2**17 + 1]


def test_the_wrapped_top_bit_is_the_sign():
    big = np.full((1, 1, 1, 1), 2**16, dtype=np.int32)
    half = np.full((1, 1, 1, 1), 2**15, dtype=np.int32)
    assert conv2d_transpose(big, half).ravel().tolist() == [-(2**31)]


def test_float64_is_within_the_bound_of_the_exact_result():
    got = conv2d_transpose(X, K, bias=B, **GEOMETRY)
    exact = conv2d_transpose(fractions(X), fractions(K), bias=fractions(B), **GEOMETRY)
    size = conv2d_transpose(
        fractions(abs(X)), fractions(abs(K)), bias=fractions(abs(B)), **GEOMETRY
    )
    terms = K.shape[0] * K.shape[1] * K.shape[3] + 1
    gamma = Fraction(terms, 2**53 - terms)
    assert (abs(fractions(got) - exact) <= gamma * size).all()


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_smaller_formats_are_the_float64_result_rounded_once(dtype):
    x, kernel, bias = X.astype(dtype), K.astype(dtype), B.astype(dtype)
    wide = [array.astype("float64") for array in (x, kernel, bias)]
    expected = conv2d_transpose(wide[0], wide[1], bias=wide[2], **GEOMETRY).astype(dtype)
    np.testing.assert_array_equal(conv2d_transpose(x, kernel, bias=bias, **GEOMETRY), expected)


@pytest.fixture(name="gradients", scope="module")
def _gradients():
    """The gradients of float64 data, the exact ones, and those of the absolute values."""
    slopes = normal(4, 2, 6, 12, 2)
    exact = [fractions(array) for array in (X, K, slopes)]
    return (
        conv2d_transpose_gradients(X, K, slopes, **GEOMETRY),
        conv2d_transpose_gradients(*exact, **GEOMETRY),
        conv2d_transpose_gradients(*map(abs, exact), **GEOMETRY),
    )


@pytest.mark.parametrize("part", ["inputs", "kernel", "bias"])
def test_gradients_are_within_the_bound_of_the_exact_gradients(gradients, part):
    got, exact, size = (getattr(found, part) for found in gradients)
    terms = 2 * 6 * 12 * 2
    gamma = Fraction(terms, 2**53 - terms)
    assert (abs(fractions(got) - exact) <= gamma * size).all()


def test_float16_overflow_of_a_result_is_infinite():
    big = np.full((1, 1, 1, 1), 300, dtype=np.float16)
    assert conv2d_transpose(big, big).ravel().tolist() == [np.inf]


def test_an_overflow_of_a_partial_sum_only_is_no_overflow():
    # 60000 + 60000 - 60000: in float16 the first sum would already be infinite (ADD-01)
    x = np.full((1, 1, 1, 3), 60000, dtype=np.float16)
    kernel = np.array([1, 1, -1], dtype=np.float16).reshape(1, 1, 1, 3)
    assert conv2d_transpose(x, kernel).ravel().tolist() == [60000]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 + 2**-9, 1.0),  # below half of the spacing 2**-7
        (1 + 2**-8, 1.0),  # a tie goes to the even neighbour
        (1 + 3 * 2**-8, 1 + 2**-6),  # the other tie, even upwards
        (1 + 2**-8 + 2**-40, 1 + 2**-7),  # float32 would round to the tie first, then down
        (-(1 + 2**-8 + 2**-40), -(1 + 2**-7)),
        (2.0**-134, 0.0),  # half of the smallest subnormal: a tie with zero
        (1.5 * 2.0**-134, 2.0**-133),
        (1.3 * 2.0**-133, 2.0**-133),  # rounding to 2**-134 first would give a tie
        (3.4e38, np.inf),  # above the largest bfloat16 by more than half
        (np.inf, np.inf),
        (0.0, 0.0),
    ],
)
def test_bfloat16_is_rounded_once_to_nearest_even(value, expected):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    assert float(from_numbers([value], (1,), np.dtype(bfloat16))[0]) == expected


def test_bfloat16_arrays_give_bfloat16_results():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.ones((1, 1, 1, 1), dtype=bfloat16)
    result = conv2d_transpose(x, x)
    assert (result.dtype, result.shape) == (bfloat16, (1, 1, 1, 1))


def test_a_nan_touches_only_its_own_patch():
    x = np.zeros((1, 3, 1, 1))
    x[0, 1] = np.nan
    result = conv2d_transpose(x, np.ones((2, 1, 1, 1)), (3, 1))
    assert np.isnan(result.ravel()).tolist() == [False] * 3 + [True, True] + [False] * 4


def test_zero_times_infinity_inside_the_patch_is_nan():
    x = np.zeros((1, 1, 1, 1))
    result = conv2d_transpose(x, np.full((1, 1, 1, 1), np.inf), (3, 3))
    assert np.isnan(result[0, :, :, 0]).tolist() == [[True, False, False]] + [[False] * 3] * 2


def test_a_sum_that_is_zero_is_positive_zero():
    x = np.full((1, 1, 1, 1), -0.0)
    assert not np.signbit(conv2d_transpose(x, np.ones((1, 1, 1, 1)), (2, 2))).any()


def test_the_result_does_not_depend_on_the_memory_order_of_the_operands():
    expected = conv2d_transpose(X, K, **GEOMETRY)
    result = conv2d_transpose(np.asfortranarray(X), K[::-1][::-1], **GEOMETRY)
    np.testing.assert_array_equal(result, expected)


def test_the_operands_may_be_read_only_and_are_not_changed():
    x, kernel = X.copy(), K.copy()
    x.setflags(write=False)
    kernel.setflags(write=False)
    conv2d_transpose_gradients(x, kernel, conv2d_transpose(x, kernel))
    np.testing.assert_array_equal(x, X)


def test_out_receives_the_result_and_is_returned():
    out = np.full((2, 6, 12, 2), np.nan)
    assert conv2d_transpose(X, K, out=out, **GEOMETRY) is out


def test_out_may_be_the_input_itself():
    x = X.copy()
    kernel = normal(5, 1, 1, 5, 5)
    expected = conv2d_transpose(x, kernel)
    np.testing.assert_array_equal(conv2d_transpose(x, kernel, out=x), expected)


@pytest.mark.parametrize(
    "out", [np.zeros((2, 6, 12, 3)), np.zeros((2, 6, 12, 2), dtype=np.float32)]
)
def test_out_of_another_shape_or_dtype_is_refused(out):
    with pytest.raises(ValueError, match="`out` must have"):
        conv2d_transpose(X, K, out=out, **GEOMETRY)


@pytest.mark.parametrize(
    "out",
    [
        np.ma.masked_array(np.zeros((2, 6, 12, 2)), mask=True),
        np.zeros((2, 6, 12, 2)).tolist(),
        np.broadcast_to(0.0, (2, 6, 12, 2)),
    ],
    ids=["masked", "list", "read-only"],
)
def test_out_that_would_not_hold_the_result_is_refused(out):
    with pytest.raises(ValueError, match="`out` must be"):
        conv2d_transpose(X, K, out=out, **GEOMETRY)


def test_operands_and_out_may_be_in_another_byte_order():
    expected, out = conv2d_transpose(X, K, bias=B, **GEOMETRY), np.zeros((2, 6, 12, 2), ">f8")
    conv2d_transpose(X.astype(">f8"), K, bias=B.astype(">f8"), out=out, **GEOMETRY)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("element", [None, "1", b"1"])
def test_objects_that_are_no_numbers_are_refused(element):
    objects = np.full((1, 1, 1, 1), element, object)
    with pytest.raises(InvalidArgumentError, match="`inputs` must hold numbers"):
        conv2d_transpose(objects, objects)


@pytest.mark.parametrize("operand", ["kernel", "bias"])
def test_operands_of_different_dtypes_are_refused(operand):
    given = {"kernel": K, "bias": B}
    given[operand] = given[operand].astype(np.float32)
    with pytest.raises(InvalidArgumentError, match=f"`{operand}` was expected to be float64"):
        conv2d_transpose(X, **given)


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_dtypes_without_a_rule_are_refused(dtype):
    ones = np.ones((1, 1, 1, 1), dtype=dtype)
    with pytest.raises(InvalidArgumentError, match="not in the list of allowed values"):
        conv2d_transpose(ones, ones)


def test_int32_reaches_its_largest_number():
    values = from_numbers([2**31 - 1, 2**31], (2,), np.dtype("int32"))
    assert values.tolist() == [2**31 - 1, -(2**31)]


def test_integers_beyond_int64_wrap_exactly():
    assert from_numbers([2**63 + 1, -1], (2,), np.dtype("int32")).tolist() == [1, -1]


def test_a_flat_list_of_objects_takes_the_shape_and_stays_objects():
    values = from_numbers([1, 2, 3, 4], (2, 2), np.dtype(object))
    assert (values.dtype, values.tolist()) == (np.dtype(object), [[1, 2], [3, 4]])
