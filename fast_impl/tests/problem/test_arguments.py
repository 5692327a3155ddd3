import numpy as np
import pytest

import fast_impl

X = np.ones((1, 3, 4, 2), np.float32)
K = np.ones((3, 2, 5, 2), np.float32)

REFUSED = {
    "strides of zero": ({"strides": (0, 1)}, ValueError, r"strides=\(0, 1\)"),
    "three strides": ({"strides": (1, 1, 1)}, ValueError, "strides"),
    "strides as floats": ({"strides": (1.0, 2.0)}, TypeError, "strides"),
    "padding unknown": ({"padding": "full"}, ValueError, "padding='full'"),
    "padding no text": ({"padding": 1}, TypeError, "padding=1"),
    "data_format unknown": ({"data_format": "NHWC"}, ValueError, "data_format='NHWC'"),
    "dilation of zero": ({"dilation_rate": 0}, ValueError, "dilation_rate=0"),
    "output padding of the stride": (
        {"strides": 2, "output_padding": 2},
        ValueError,
        "must be smaller than strides",
    ),
    "output padding below zero": ({"strides": 2, "output_padding": -1}, ValueError, "at least 0"),
    "bias of another length": (
        {"bias": np.ones(4, np.float32)},
        fast_impl.InvalidArgumentError,
        r"bias must have shape \(5,\)",
    ),
    "bias of another format": ({"bias": np.ones(5)}, fast_impl.InvalidArgumentError, "float64"),
    "out of another shape": ({"out": np.ones((1, 5, 5, 4), np.float32)}, ValueError, "out must"),
    "out of another format": ({"out": np.ones((1, 5, 5, 5))}, ValueError, "float64"),
    "out no array": ({"out": [1.0]}, TypeError, "out=\\[1.0\\] must be a NumPy array"),
    "even extent with output padding 0": (
        {"strides": 2, "padding": "same", "output_padding": 0},
        fast_impl.InvalidArgumentError,
        "output_padding=0",
    ),
}


@pytest.mark.parametrize(("options", "error", "text"), REFUSED.values(), ids=list(REFUSED))
def test_a_wrong_option_is_refused_with_its_name(options, error, text):
    with pytest.raises(error, match=text):
        fast_impl.conv2d_transpose(X, K, **options)


ARRAYS = {
    "inputs of rank 3": (X[0], K, ValueError, "inputs must have rank 4"),
    "kernel of rank 3": (X, K[0], ValueError, "kernel must have rank 4"),
    "no taps": (X, K[:0], ValueError, "has no taps"),
    "channels": (X[..., :1], K, fast_impl.InvalidArgumentError, "has 1 channels"),
    "formats": (X.astype("f8"), K, fast_impl.InvalidArgumentError, "nothing is cast silently"),
    "int64": (
        X.astype("i8"),
        K.astype("i8"),
        fast_impl.InvalidArgumentError,
        "inputs has dtype int64",
    ),
    "complex": (X.astype("c8"), K.astype("c8"), fast_impl.InvalidArgumentError, "complex64"),
    "Boolean": (X > 0, K > 0, fast_impl.InvalidArgumentError, "bool"),
}


@pytest.mark.parametrize(("x", "k", "error", "text"), ARRAYS.values(), ids=list(ARRAYS))
def test_a_wrong_array_is_refused_with_the_rule(x, k, error, text):
    with pytest.raises(error, match=text):
        fast_impl.conv2d_transpose(x, k)


def test_a_read_only_out_is_refused():
    out = np.ones((1, 5, 5, 5), np.float32)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        fast_impl.conv2d_transpose(X, K, out=out)


def test_one_integer_stands_for_both_axes():
    expected = fast_impl.conv2d_transpose(X, K, (2, 2))
    np.testing.assert_array_equal(fast_impl.conv2d_transpose(X, K, 2), expected)


def test_text_is_accepted_in_any_case():
    expected = fast_impl.conv2d_transpose(X, K, padding="same")
    got = fast_impl.conv2d_transpose(X, K, padding="SAME", data_format="Channels_Last")
    np.testing.assert_array_equal(got, expected)


def test_invalid_argument_error_is_a_value_error():
    assert issubclass(fast_impl.InvalidArgumentError, ValueError)


# --- output_shape ---------------------------------------------------------------------------


def test_a_shape_of_other_channels_is_refused():
    with pytest.raises(fast_impl.InvalidArgumentError, match="has 3 channels"):
        fast_impl.output_shape((1, 2, 2, 3), (1, 1, 1, 2))


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="at least 0"):
        fast_impl.output_shape((1, -2, 2, 2), (1, 1, 1, 2))
