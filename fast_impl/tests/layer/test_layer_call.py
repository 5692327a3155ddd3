import copy
import pickle
import threading

import numpy as np
import pytest

import fast_impl

X = np.arange(18, dtype=np.float32).reshape(1, 3, 3, 2)
K = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2) - 12
B = np.array([1, -2, 3], np.float32)


def built(**options):
    return fast_impl.Conv2DTranspose(3, 2, weights=[K, B], **options)


def test_the_layer_adds_bias_and_activation_to_the_function():
    layer = built(strides=2, padding="same", activation="relu")
    expected = np.maximum(fast_impl.conv2d_transpose(X, K, 2, "same", bias=B), 0)
    np.testing.assert_array_equal(layer(X), expected)


def test_apply_is_the_call():
    layer = built()
    np.testing.assert_array_equal(layer.apply(X), layer(X))


def test_without_bias_there_is_one_weight():
    layer = fast_impl.Conv2DTranspose(3, 2, use_bias=False)
    layer(X)
    assert (layer.bias, len(layer.weights)) == (None, 1)


def test_a_dilated_layer_computes_the_dilated_function():
    layer = built(dilation_rate=2)
    expected = fast_impl.conv2d_transpose(X, K, bias=B, dilation_rate=2)
    np.testing.assert_array_equal(layer(X), expected)


def test_channels_first_is_the_transposed_layer():
    last, first = built(strides=2), built(strides=2, data_format="channels_first")
    got = first(np.moveaxis(X, 3, 1))
    np.testing.assert_array_equal(np.moveaxis(got, 1, 3), last(X))


def test_softmax_works_on_the_last_axis_also_channels_first():
    layer = built(data_format="channels_first", activation="softmax")
    got = layer(np.moveaxis(X, 3, 1))
    np.testing.assert_allclose(got.sum(axis=3), 1, rtol=1e-6)


def test_the_dtype_comes_from_the_first_input():
    layer = fast_impl.Conv2DTranspose(3, 2)
    assert layer.dtype is None
    assert (layer(X.astype(np.float64)).dtype, layer.dtype) == (np.float64, "float64")


def test_build_before_any_call_means_float32():
    layer = fast_impl.Conv2DTranspose(3, 2)
    layer.build((None, None, None, 2))
    assert layer.kernel.dtype == np.float32


def test_another_dtype_later_is_refused():
    layer = built()
    layer(X)
    with pytest.raises(fast_impl.InvalidArgumentError, match="expected to be a float32"):
        layer(X.astype(np.float64))


def test_autocast_casts_floating_input():
    assert built(dtype="float32", autocast=True)(X.astype(np.float64)).dtype == np.float32


def test_mixed_precision_needs_autocast():
    with pytest.raises(ValueError, match="expected to be a float16"):
        built(dtype="mixed_float16")(X)


def test_mixed_precision_keeps_float32_weights():
    layer = built(dtype="mixed_float16", autocast=True)
    assert (layer(X).dtype, layer.kernel.dtype) == (np.float16, np.float32)


def test_an_int32_layer_starts_with_zeros():
    layer = fast_impl.Conv2DTranspose(3, 2)
    assert not layer(X.astype(np.int32)).any()


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint8", "bool", "uint16"])
def test_other_formats_are_refused(dtype):
    with pytest.raises(fast_impl.InvalidArgumentError, match="not in the list of allowed"):
        fast_impl.Conv2DTranspose(3, 2)(X.astype(dtype))


def test_complex_input_has_no_initializer():
    with pytest.raises(ValueError, match="initializer"):
        fast_impl.Conv2DTranspose(3, 2)(X.astype(np.complex64))


def test_big_endian_input_is_read():
    np.testing.assert_array_equal(built()(X.astype(">f4")), built()(X))


INPUTS = {
    "None": (None, TypeError),
    "text": ("a", TypeError),
    "object": (object(), TypeError),
    "nested lists": (X.tolist(), ValueError),
    "two arrays": ((X, X), ValueError),
    "no arrays": ([], ValueError),
    "array in a list": ([X], TypeError),
    "rank 3": (X[0], ValueError),
    "rank 5": (X[None], ValueError),
    "number": (3.0, ValueError),
    "array of text": (np.full(X.shape, "a"), fast_impl.InvalidArgumentError),
    "array of objects": (X.astype(object), ValueError),
}


@pytest.mark.parametrize(("inputs", "error"), INPUTS.values(), ids=list(INPUTS))
def test_what_is_not_one_array_is_refused(inputs, error):
    with pytest.raises(error) as caught:
        fast_impl.Conv2DTranspose(3, 2)(inputs)
    assert type(caught.value) is error


def test_other_channels_later_are_refused():
    layer = built()
    layer(X)
    with pytest.raises(ValueError, match="expected axis -1 to have value 2"):
        layer(X[..., :1])


def test_other_sizes_later_are_fine():
    layer = built()
    layer(X)
    assert layer(np.ones((2, 5, 4, 2), np.float32)).shape == (2, 6, 5, 3)


def test_a_second_positional_argument_is_refused():
    with pytest.raises(TypeError, match="one array"):
        built()(X, X)


def test_training_is_accepted_and_means_nothing():
    np.testing.assert_array_equal(built()(X, training=True), built()(X))


def test_an_even_extent_with_output_padding_0_is_refused_at_the_call():
    layer = fast_impl.Conv2DTranspose(3, 2, strides=2, padding="same", output_padding=0)
    with pytest.raises(fast_impl.InvalidArgumentError, match="output_padding"):
        layer(X)


def test_the_result_of_a_callable_activation_is_returned_as_it_is():
    assert built(activation=lambda y: None)(X) is None


def test_the_kernel_is_read_only():
    layer = built()
    layer(X)
    with pytest.raises(ValueError, match="read-only"):
        layer.kernel[...] = 0


def test_the_weights_given_are_copied():
    kernel = K.copy()
    layer = fast_impl.Conv2DTranspose(3, 2, weights=[kernel, B])
    before = layer(X)
    kernel[...] = 0
    np.testing.assert_array_equal(layer(X), before)


@pytest.mark.parametrize("route", ["set_weights", "assignment", "apply_gradients", "build"])
def test_new_weights_are_used_by_whatever_route_they_came(route):
    layer = built(strides=2)
    before = layer(X)
    if route == "set_weights":
        layer.set_weights([K + 1, B])
    elif route == "assignment":
        layer.kernel = K + 1
    elif route == "apply_gradients":
        layer.apply_gradients([np.full_like(K, -1), None], 1.0)
    else:
        layer.build((1, 3, 3, 2))
        layer.kernel, layer.bias = K + 1, B
    expected = fast_impl.conv2d_transpose(X, K + 1, 2, bias=B)
    np.testing.assert_array_equal(layer(X), expected)
    assert not np.array_equal(before, expected)


def test_a_copy_has_weights_of_its_own():
    layer = built()
    layer(X)
    other = copy.deepcopy(layer)
    other.set_weights([K * 0, B])
    np.testing.assert_array_equal(layer.kernel, K)


def test_a_pickled_layer_computes_the_same():
    layer = built(activation="relu", activity_regularizer="l2")
    expected = layer(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(layer))(X), expected)


def test_a_copied_kernel_is_read_only_too():
    layer = built()
    layer(X)
    assert not copy.deepcopy(layer).kernel.flags.writeable


def test_a_first_call_from_many_threads_builds_once():
    layer = fast_impl.Conv2DTranspose(3, 2)
    barrier = threading.Barrier(8)
    results = []

    def call():
        barrier.wait()
        results.append(layer(X))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(layer.weights) == 2
    assert all(np.array_equal(result, results[0]) for result in results)


def test_an_empty_batch_is_fine():
    assert built()(X[:0]).shape == (0, 4, 4, 3)


def test_the_output_is_new_each_time():
    layer = built()
    assert not np.may_share_memory(layer(X), layer(X))


def test_a_bias_is_rounded_to_the_format_of_the_computation():
    layer = fast_impl.Conv2DTranspose(1, 1, dtype="mixed_float16", autocast=True)
    layer.build((1, 1, 1, 1))
    layer.set_weights([np.full((1, 1, 1, 1), 2.0**-11), np.array([1 + 2.0**-12])])
    # 1 + 2**-12 is 1 as a float16, and 1 + 2**-11 a tie: the even one of 1 and 1 + 2**-10 is 1
    assert layer(np.ones((1, 1, 1, 1), np.float16)).item() == 1


@pytest.mark.parametrize(
    ("dtype", "error"),
    [("float32", fast_impl.InvalidArgumentError), ("mixed_float16", ValueError)],
)
def test_the_error_for_another_dtype_depends_on_the_policy(dtype, error):
    layer = fast_impl.Conv2DTranspose(1, 1, dtype=dtype)
    with pytest.raises(ValueError, match="convert it") as caught:
        layer(np.ones((1, 1, 1, 1), np.float64))
    assert caught.type is error


def test_a_shape_may_be_an_array():
    layer = fast_impl.Conv2DTranspose(2, 3)
    assert layer.compute_output_shape(np.array([1, 4, 4, 3])) == (1, 6, 6, 2)
    layer.build(np.array([1, 4, 4, 3]))
    assert layer.kernel.shape == (3, 3, 2, 3)


def test_the_output_padding_of_the_layer_is_used():
    layer = fast_impl.Conv2DTranspose(1, 3, strides=2, output_padding=1)
    assert layer(np.ones((1, 4, 4, 1), np.float32)).shape == (1, 10, 10, 1)


@pytest.mark.parametrize(("value", "said"), [(None, "got None"), (np.ones(2), r"got shape \(2,\)")])
def test_the_error_of_an_initializer_says_what_it_returned(value, said):
    layer = fast_impl.Conv2DTranspose(1, 1, kernel_initializer=lambda shape, dtype: value)
    with pytest.raises(ValueError, match=said):
        layer.build((1, 1, 1, 1))


def test_the_bias_has_a_constraint_of_its_own():
    layer = fast_impl.Conv2DTranspose(1, 1, bias_constraint="non_neg")
    layer.build((1, 1, 1, 1))
    layer.apply_gradients([np.ones((1, 1, 1, 1)), np.ones(1)], 1.0)
    assert layer.bias.tolist() == [0.0]


def test_weights_are_kept_in_rows_whatever_order_they_come_in():
    layer = fast_impl.Conv2DTranspose(2, 3, use_bias=False)
    layer.build((1, 1, 1, 4))
    layer.set_weights([np.asfortranarray(np.ones((3, 3, 2, 4), np.float32))])
    assert (layer.kernel.flags.c_contiguous, layer.kernel.flags.writeable) == (True, False)
