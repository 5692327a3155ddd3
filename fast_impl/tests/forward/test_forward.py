import numpy as np
import pytest

import fast_impl

CONFIG = {"strides": (2, 3), "padding": "same"}


def test_every_geometry_equals_the_loops(geometry, integers, loops):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    bias = integers(geometry.filters)
    got = fast_impl.conv2d_transpose(x, k, bias=bias, **geometry.config)
    np.testing.assert_array_equal(got, loops.forward(x, k, geometry.config, bias))


def test_every_geometry_has_the_predicted_shape(geometry, integers):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    predicted = fast_impl.output_shape(x.shape, k.shape, **geometry.config)
    assert fast_impl.conv2d_transpose(x, k, **geometry.config).shape == predicted


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_each_format_is_kept_and_exact_on_small_integers(dtype, integers, loops):
    x, k = integers((2, 3, 4, 3), dtype), integers((3, 4, 2, 3), dtype)
    got = fast_impl.conv2d_transpose(x, k, **CONFIG)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, loops.forward(x, k, CONFIG))


def test_bfloat16_is_kept_and_exact_on_small_integers(integers, loops):
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x, k = integers((2, 3, 4, 3), bfloat16), integers((3, 4, 2, 3), bfloat16)
    got = fast_impl.conv2d_transpose(x, k, **CONFIG)
    assert got.dtype == bfloat16
    np.testing.assert_array_equal(got.astype(np.float64), loops.forward(x, k, CONFIG))


def test_float16_is_summed_in_float32_and_rounded_once():
    x, k = np.ones((1, 1, 1, 3600), np.float16), np.ones((1, 1, 1, 3600), np.float16)
    assert fast_impl.conv2d_transpose(x, k).item() == 3600


def test_float16_partial_sums_do_not_overflow():
    x = np.ones((1, 1, 1, 3), np.float16)
    k = np.array([60000, 60000, -60000], np.float16).reshape(1, 1, 1, 3)
    assert fast_impl.conv2d_transpose(x, k).item() == 60000


def test_float16_bias_is_added_before_the_rounding():
    x, k = np.ones((1, 1, 1, 1), np.float16), np.full((1, 1, 1, 1), 2048, np.float16)
    # 2048 + 1.5 is a tie in neither direction once both are in float32: 2050 is nearest.
    bias = np.array([1.5], np.float16)
    assert fast_impl.conv2d_transpose(x, k, bias=bias).item() == 2050


def test_int32_wraps_around_like_the_format():
    x = np.full((1, 1, 1, 1), 2**30, np.int32)
    k = np.full((1, 1, 1, 1), 4, np.int32)
    assert fast_impl.conv2d_transpose(x, k).item() == 0


VIEWS = {
    "reversed": lambda a: np.ascontiguousarray(a[:, ::-1])[:, ::-1],
    "every second": lambda a: np.repeat(a, 2, axis=2)[:, :, ::2],
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.transpose(3, 2, 0, 1)).transpose(2, 3, 1, 0),
    "offset": lambda a: np.concatenate([a, a], axis=3)[..., a.shape[3] :],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=list(VIEWS))
def test_the_memory_order_of_the_arrays_does_not_matter(view, integers):
    x, k = integers((2, 3, 4, 3)), integers((3, 4, 2, 3))
    expected = fast_impl.conv2d_transpose(x, k, **CONFIG)
    np.testing.assert_array_equal(fast_impl.conv2d_transpose(view(x), view(k), **CONFIG), expected)


def test_a_broadcast_input_is_read_where_it_is(integers):
    x, k = np.broadcast_to(np.float32(2), (2, 3, 4, 3)), integers((3, 4, 2, 3))
    expected = fast_impl.conv2d_transpose(np.full(x.shape, 2, np.float32), k, **CONFIG)
    np.testing.assert_array_equal(fast_impl.conv2d_transpose(x, k, **CONFIG), expected)


def test_read_only_arrays_are_accepted(integers):
    x, k, bias = integers((2, 3, 4, 3)), integers((3, 4, 2, 3)), integers(2)
    expected = fast_impl.conv2d_transpose(x, k, bias=bias, **CONFIG)
    for array in (x, k, bias):
        array.flags.writeable = False
    np.testing.assert_array_equal(fast_impl.conv2d_transpose(x, k, bias=bias, **CONFIG), expected)


def test_the_arguments_are_not_written_to(geometry, integers):
    arrays = [integers(geometry.input_shape), integers(geometry.kernel_shape)]
    before = [array.copy() for array in arrays]
    fast_impl.conv2d_transpose(*arrays, **geometry.config)
    np.testing.assert_array_equal(arrays[0], before[0])
    np.testing.assert_array_equal(arrays[1], before[1])


def test_a_one_by_one_result_is_no_view_of_the_input():
    x = np.ones((1, 2, 2, 1), np.float32)
    y = fast_impl.conv2d_transpose(x, np.ones((1, 1, 1, 1), np.float32))
    assert not np.may_share_memory(x, y)


def test_nested_lists_are_arrays_too():
    y = fast_impl.conv2d_transpose([[[[2.0]]]], [[[[3.0]]]])
    assert y.item() == 6.0


# --- out ------------------------------------------------------------------------------------


def test_out_is_filled_and_returned(geometry, integers):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    expected = fast_impl.conv2d_transpose(x, k, **geometry.config)
    out = np.full(expected.shape, np.nan, np.float32)
    assert fast_impl.conv2d_transpose(x, k, out=out, **geometry.config) is out
    np.testing.assert_array_equal(out, expected)


def test_out_may_be_strided(integers):
    x, k = integers((2, 3, 4, 3)), integers((3, 4, 2, 3))
    expected = fast_impl.conv2d_transpose(x, k, **CONFIG)
    room = np.full((*expected.shape[:3], 5), np.nan, np.float32)
    fast_impl.conv2d_transpose(x, k, out=room[..., 1:3], **CONFIG)
    np.testing.assert_array_equal(room[..., 1:3], expected)


def test_a_strided_out_is_not_written_beside(integers):
    x, k = integers((2, 3, 4, 3)), integers((3, 4, 2, 3))
    room = np.full((2, 6, 12, 5), np.nan, np.float32)
    fast_impl.conv2d_transpose(x, k, out=room[..., 1:3], **CONFIG)
    assert np.isnan(room[..., [0, 3, 4]]).all()


def test_out_may_overlap_the_inputs(integers):
    x, k = integers((2, 3, 4, 2)), integers((3, 3, 2, 2))
    expected = fast_impl.conv2d_transpose(x, k, padding="same")
    fast_impl.conv2d_transpose(x, k, padding="same", out=x)
    np.testing.assert_array_equal(x, expected)


# --- empty ----------------------------------------------------------------------------------


def test_an_empty_batch_gives_an_empty_batch(integers):
    y = fast_impl.conv2d_transpose(integers((0, 3, 4, 3)), integers((3, 4, 2, 3)), **CONFIG)
    assert y.shape == (0, 6, 12, 2)


def test_an_image_without_rows_gives_the_surplus_rows_of_the_bias(integers):
    y = fast_impl.conv2d_transpose(
        integers((1, 0, 2, 3)), integers((4, 2, 2, 3)), (1, 2), bias=integers(2, low=5, high=6)
    )
    np.testing.assert_array_equal(y, np.full((1, 3, 4, 2), 5, np.float32))


def test_no_input_channels_give_the_bias(integers):
    y = fast_impl.conv2d_transpose(
        integers((1, 4, 4, 0)), integers((2, 2, 3, 0)), bias=np.array([1, 2, 3], np.float32)
    )
    np.testing.assert_array_equal(y, np.broadcast_to(np.float32([1, 2, 3]), (1, 5, 5, 3)))


def test_no_filters_give_no_channels(integers):
    assert fast_impl.conv2d_transpose(integers((1, 2, 2, 3)), integers((2, 2, 0, 3))).size == 0


# --- special values -------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["inputs", "kernel"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_special_value_touches_only_its_own_products(geometry, where, value, integers, loops):
    x, k = integers(geometry.input_shape), integers(geometry.kernel_shape)
    array = x if where == "inputs" else k
    array.reshape(-1)[array.size // 2] = value
    got = fast_impl.conv2d_transpose(x, k, **geometry.config)
    np.testing.assert_array_equal(got, loops.forward(x, k, geometry.config))


def test_sums_of_negative_zeros_are_positive():
    x, k = np.full((1, 2, 2, 1), -0.0, np.float32), np.ones((3, 3, 1, 1), np.float32)
    y = fast_impl.conv2d_transpose(x, k, strides=4, bias=np.array([-0.0], np.float32))
    assert not np.signbit(y).any()


def test_arrays_may_be_in_the_byte_order_of_another_machine(integers):
    x, k, b = integers((1, 3, 4, 2)), integers((2, 2, 3, 2)), integers((3,))
    foreign = x.dtype.newbyteorder()
    got = fast_impl.conv2d_transpose(x.astype(foreign), k.astype(foreign), bias=b.astype(foreign))
    assert got.dtype.isnative
    np.testing.assert_array_equal(got, fast_impl.conv2d_transpose(x, k, bias=b))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_gradients_take_either_byte_order(integers, place):
    arrays = [integers((1, 3, 4, 2)), integers((2, 2, 3, 2)), integers((1, 4, 5, 3))]
    right = fast_impl.conv2d_transpose_gradients(*arrays)
    arrays[place] = arrays[place].astype(arrays[place].dtype.newbyteorder())
    for got, wanted in zip(fast_impl.conv2d_transpose_gradients(*arrays), right, strict=True):
        np.testing.assert_array_equal(got, wanted)
