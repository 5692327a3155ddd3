import numpy as np
import pytest

import fast_impl

X = np.linspace(-1, 1, 36, dtype=np.float32).reshape(2, 3, 3, 2)
K = np.linspace(-1, 2, 24, dtype=np.float32).reshape(2, 2, 3, 2)
B = np.array([1, -2, 3], np.float32)


def built(**options):
    layer = fast_impl.Conv2DTranspose(3, 2, weights=[K, B], **options)
    layer(X)
    return layer


# --- losses ---------------------------------------------------------------------------------


def test_activity_comes_first_then_kernel_then_bias():
    layer = built(
        activity_regularizer=lambda y: 20.0,
        kernel_regularizer=lambda w: 2.0,
        bias_regularizer=lambda w: 3.0,
    )
    assert layer.losses == [10.0, 2.0, 3.0]


def test_the_activity_loss_is_divided_by_the_batch_size():
    layer = built(activity_regularizer=lambda y: y.sum())
    layer(X[:1])
    assert layer.losses[0] == pytest.approx(layer(X[:1]).sum(), rel=1e-6)


def test_the_activity_loss_sees_the_activated_output():
    layer = built(activation="relu", activity_regularizer=lambda y: y.min())
    assert layer.losses == [0.0]


def test_the_activity_loss_of_an_empty_batch_is_zero():
    layer = built(activity_regularizer=lambda y: 5.0)
    layer(X[:0])
    assert layer.losses == [0.0]


def test_only_the_last_call_counts():
    layer = built(activity_regularizer="l2")
    layer(X)
    assert len(layer.losses) == 1


def test_a_refused_call_leaves_no_activity_loss():
    layer = built(activity_regularizer="l2")
    with pytest.raises(ValueError, match="axis -1"):
        layer(X[..., :1])
    assert layer.losses == []


def test_losses_have_the_dtype_of_the_layer():
    layer = fast_impl.Conv2DTranspose(
        3, 2, kernel_regularizer=lambda w: 1, activity_regularizer=lambda y: 1.5
    )
    layer(X.astype(np.float64))
    assert [loss.dtype for loss in layer.losses] == [np.float64, np.float64]


def test_weight_losses_follow_the_weights():
    layer = built(kernel_regularizer={"class_name": "L2", "config": {"l2": 0.5}})
    layer.set_weights([K * 0, B])
    assert layer.losses == [0.0]


def test_a_regularizer_without_a_penalty_adds_no_loss():
    assert built(kernel_regularizer=lambda w: None).losses == []


def test_an_activity_regularizer_without_a_penalty_is_refused():
    with pytest.raises(ValueError, match="must return a number"):
        built(activity_regularizer=lambda y: None)


def test_the_regularizer_cannot_change_the_weight():
    layer = built(kernel_regularizer=lambda w: w.fill(0))
    with pytest.raises(ValueError, match="read-only"):
        layer.losses  # noqa: B018


def test_the_loss_is_reachable_from_input_output_kernel_and_bias():
    layer = built(activity_regularizer="l2")
    y = layer(X)
    found = [layer.get_losses_for(array) for array in (X, y, layer.kernel, layer.bias)]
    assert found == [layer.losses] * 4


def test_an_equal_array_is_not_the_same_array():
    layer = built(activity_regularizer="l2")
    layer(X)
    assert layer.get_losses_for(X.copy()) == []


@pytest.mark.parametrize("wrap", [lambda a: [a], lambda a: ({"x": [a]},), lambda a: [[], (a, a)]])
def test_nested_arrays_are_found(wrap):
    layer = built(activity_regularizer="l2")
    assert layer.get_losses_for(wrap(X)) == layer.losses


def test_none_means_the_losses_of_the_weights():
    layer = built(activity_regularizer="l2", kernel_regularizer=lambda w: 7.0)
    assert layer.get_losses_for(None) == [7.0]


@pytest.mark.parametrize("wrong", ["x", 3, [None], b"x"])
def test_what_is_no_array_is_refused(wrong):
    with pytest.raises(TypeError, match="get_losses_for"):
        built(activity_regularizer="l2").get_losses_for(wrong)


def test_an_unbuilt_layer_has_no_losses():
    layer = fast_impl.Conv2DTranspose(3, 2, activity_regularizer="l2")
    assert (layer.losses, layer.get_losses_for(X)) == ([], [])


def test_there_are_no_updates():
    layer = built()
    assert (layer.updates, layer.get_updates_for(X), layer.get_updates_for(None)) == ([], [], [])


def test_a_recorded_call_keeps_no_array_alive():
    import gc
    import weakref

    layer = fast_impl.Conv2DTranspose(3, 2, activity_regularizer="l2")
    inputs = X.copy()
    gone = weakref.ref(inputs), weakref.ref(layer(inputs))
    del inputs
    gc.collect()
    assert [reference() for reference in gone] == [None, None]


# --- gradients ------------------------------------------------------------------------------

NAMED = [
    "linear", "relu", "relu6", "leaky_relu", "elu", "selu", "softplus", "softsign", "tanh",
    "sigmoid", "hard_sigmoid", "exponential", "swish", "silu", "mish", "gelu", "softmax",
    "log_softmax",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_gradients_agree_with_finite_differences(name):
    generator = np.random.default_rng(3)
    x, k, b = (generator.normal(size=s) for s in ((2, 2, 3, 2), (3, 2, 3, 2), (3,)))
    layer = fast_impl.Conv2DTranspose(3, (3, 2), strides=2, activation=name, weights=[k, b])
    g = generator.normal(size=layer(x).shape)
    found = layer.gradients(x, g)
    direction = [generator.normal(size=a.shape) for a in (x, k, b)]
    step = 1e-6

    def moved(sign):
        layer.set_weights([k + sign * step * direction[1], b + sign * step * direction[2]])
        return (layer(x + sign * step * direction[0]) * g).sum()

    measured = (moved(1) - moved(-1)) / (2 * step)
    expected = sum(np.vdot(a, d) for a, d in zip(found, direction, strict=True))
    assert measured == pytest.approx(expected, rel=2e-6, abs=1e-6)


def test_a_callable_without_derivative_is_refused():
    with pytest.raises(ValueError, match="has no derivative"):
        built(activation=np.sin).gradients(X, np.ones((2, 4, 4, 3), np.float32))


def test_a_callable_may_bring_its_derivative():
    def double(y):
        return 2 * y

    double.gradient = lambda before, after, g: 2 * g
    g = np.ones((2, 4, 4, 3), np.float32)
    got = built(activation=double).gradients(X, g)
    np.testing.assert_array_equal(got.bias, 2 * built().gradients(X, g).bias)


def test_gradients_record_nothing():
    layer = built(activity_regularizer="l2")
    before = layer.losses
    layer.gradients(X[:1] * 7, np.ones((1, 4, 4, 3), np.float32))
    assert layer.losses == before


def test_without_bias_there_is_no_bias_gradient():
    layer = fast_impl.Conv2DTranspose(3, 2, use_bias=False)
    assert layer.gradients(X, np.ones((2, 4, 4, 3), np.float32)).bias is None


# --- steps and constraints ------------------------------------------------------------------


def test_a_step_goes_down_the_gradient():
    layer = built()
    layer.apply_gradients([np.ones_like(K), np.ones_like(B)], 0.5)
    np.testing.assert_array_equal(layer.kernel, K - 0.5)


def test_a_step_takes_what_gradients_returned():
    layer = built()
    gradients = layer.gradients(X, np.ones((2, 4, 4, 3), np.float32))
    layer.apply_gradients(gradients, 0.25)
    np.testing.assert_array_equal(layer.bias, B - 0.25 * gradients.bias)


def test_the_constraint_follows_the_step():
    layer = built(kernel_constraint="non_neg")
    layer.apply_gradients([np.ones_like(K), None], 0.5)
    np.testing.assert_array_equal(layer.kernel, np.maximum(K - 0.5, 0))


def test_constraints_do_not_touch_the_first_weights():
    np.testing.assert_array_equal(built(kernel_constraint="non_neg").kernel, K)


def test_a_weight_without_gradient_is_not_projected():
    layer = built(bias_constraint="non_neg")
    layer.apply_gradients([np.ones_like(K), None], 0.5)
    np.testing.assert_array_equal(layer.bias, B)


@pytest.mark.parametrize(
    ("constraint", "error"),
    [
        (lambda w: w[:1], ValueError),
        (lambda w: 0.0, ValueError),
        (lambda w: None, ValueError),
        (dict, TypeError),
    ],
    ids=["shape", "scalar", "None", "class"],
)
@pytest.mark.filterwarnings("error")
def test_a_constraint_must_keep_the_shape(constraint, error):
    with pytest.raises(error):
        built(kernel_constraint=constraint).apply_gradients([K, B], 0.1)


def test_a_frozen_layer_has_nothing_to_optimize():
    with pytest.raises(ValueError, match="No variables to optimize"):
        built(trainable=False).apply_gradients([K, B], 0.1)


def test_a_layer_frozen_at_construction_stays_frozen():
    layer = built(trainable=False)
    layer.trainable = True
    assert (layer.trainable_weights, len(layer.non_trainable_weights)) == ([], 2)


def test_non_neg_works_in_every_format():
    layer = fast_impl.Conv2DTranspose(
        3, 2, weights=[K, B], kernel_constraint="NonNeg", dtype="float64"
    )
    layer(X.astype(np.float64))
    layer.apply_gradients([K * 0, B * 0], 1.0)
    assert layer.kernel.min() == 0


def _projected(constraint, kernel):
    size = kernel.shape[:2]
    layer = fast_impl.Conv2DTranspose(
        kernel.shape[2], size, use_bias=False, kernel_constraint=constraint, weights=[kernel]
    )
    layer(np.ones((1, 1, 1, kernel.shape[3]), np.float32))
    layer.apply_gradients([np.zeros_like(kernel)], 1.0)
    return layer.kernel


def test_unit_norm_runs_along_the_rows_of_the_kernel():
    got = _projected("unit_norm", K)
    np.testing.assert_allclose((got**2).sum(axis=0), 1, rtol=1e-5)


def test_max_norm_leaves_small_columns_alone():
    got = _projected({"class_name": "MaxNorm", "config": {"max_value": 100}}, K)
    np.testing.assert_allclose(got, K, rtol=1e-5)


def test_min_max_norm_raises_small_columns():
    config = {"class_name": "MinMaxNorm", "config": {"min_value": 3, "max_value": 3}}
    got = _projected(config, K)
    np.testing.assert_allclose(np.sqrt((got**2).sum(axis=0)), 3, rtol=1e-5)


def test_the_radial_constraint_copies_the_corner_into_the_centre():
    kernel = np.arange(1, 10, dtype=np.float32).reshape(3, 3, 1, 1)
    got = _projected("radial_constraint", kernel)[..., 0, 0]
    assert got.tolist() == [[5, 5, 5], [5, 1, 5], [5, 5, 5]]


def test_the_radial_constraint_on_an_even_kernel():
    kernel = np.arange(1, 17, dtype=np.float32).reshape(4, 4, 1, 1)
    got = _projected("radial_constraint", kernel)[..., 0, 0]
    assert got.tolist() == [[16] * 4, [16, 6, 6, 16], [16, 6, 6, 16], [16] * 4]


@pytest.mark.parametrize("size", [(1, 1), (2, 3)])
def test_the_radial_constraint_needs_a_square_of_two(size):
    with pytest.raises(fast_impl.InvalidArgumentError, match="square kernel"):
        _projected("radial_constraint", np.ones((*size, 1, 1), np.float32))


# --- weights --------------------------------------------------------------------------------


def test_weights_are_returned_as_copies():
    layer = built()
    layer.get_weights()[0][...] = 0
    np.testing.assert_array_equal(layer.kernel, K)


def test_weights_are_cast_to_the_dtype_of_the_layer():
    layer = built()
    layer.set_weights([K.astype(np.float64), B.astype(np.int32)])
    assert (layer.kernel.dtype, layer.bias.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize("weights", [[K], [K, B, B], [K, B[:2]], [K, 1.0], [K, [1, 2, 3]]])
def test_other_weights_are_refused(weights):
    with pytest.raises(ValueError, match="weight"):
        built().set_weights(weights)


def test_refused_weights_change_nothing():
    layer = built()
    with pytest.raises(ValueError, match="weight"):
        layer.set_weights([K * 0, B[:2]])
    np.testing.assert_array_equal(layer.kernel, K)


# --- convolution_op -------------------------------------------------------------------------


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_convolution_op_is_the_adjoint_of_the_layer(data_format, padding):
    layer = fast_impl.Conv2DTranspose(
        3, (3, 2), strides=(2, 3), padding=padding, data_format=data_format, use_bias=False
    )
    x = np.random.default_rng(5).normal(size=(2, 4, 4, 4))
    y = layer(x)
    w = np.random.default_rng(6).normal(size=y.shape)
    assert np.vdot(layer.convolution_op(w, layer.kernel), x) == pytest.approx(np.vdot(w, y))


def test_convolution_op_works_unbuilt_and_on_lists():
    got = fast_impl.Conv2DTranspose(1, 1).convolution_op([[[[2.0]]]], [[[[3.0]]]])
    assert (got.item(), got.dtype) == (6.0, np.float32)


def test_convolution_op_groups_the_channels():
    x = np.arange(6, dtype=np.float32).reshape(1, 1, 1, 6)
    m = np.ones((1, 1, 3, 2), np.float32)
    got = fast_impl.Conv2DTranspose(1, 1).convolution_op(x, m)
    assert got.ravel().tolist() == [3, 12]


def test_convolution_op_keeps_two_batch_axes():
    x = np.ones((2, 3, 4, 4, 2), np.float32)
    m = np.ones((2, 2, 2, 5), np.float32)
    got = fast_impl.Conv2DTranspose(1, 2).convolution_op(x, m)
    assert got.shape == (2, 3, 3, 3, 5)


@pytest.mark.parametrize(
    ("x", "m", "error"),
    [
        ((3, 3, 2), (2, 2, 2, 2), fast_impl.InvalidArgumentError),
        ((1, 3, 3, 2), (2, 2, 2), ValueError),
        ((1, 3, 3, 2), (2, 2, 3, 2), fast_impl.InvalidArgumentError),
        ((1, 1, 3, 2), (4, 2, 2, 2), fast_impl.InvalidArgumentError),
    ],
    ids=["rank 3", "kernel of rank 3", "channels", "image below kernel"],
)
def test_convolution_op_refuses_what_does_not_fit(x, m, error):
    with pytest.raises(error):
        fast_impl.Conv2DTranspose(1, 2).convolution_op(
            np.ones(x, np.float32), np.ones(m, np.float32)
        )


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"class_name": "L1", "config": {"l1": 0.5}}, [0.5, -0.5, 0.0]),
        ({"class_name": "L2", "config": {"l2": 0.25}}, [0.5, -1.0, 0.0]),
        ({"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, [1.0, -1.5, 0.0]),
    ],
)
def test_loss_gradients_follow_the_formula_weight_by_weight(config, expected):
    layer = fast_impl.Conv2DTranspose(1, 1, kernel_regularizer=config)
    layer.build((None, None, None, 3))
    layer.set_weights([np.array([[[[1.0, -2.0, 0.0]]]]), np.array([7.0])])
    kernel, bias = layer.loss_gradients()
    assert kernel.dtype == np.float32
    np.testing.assert_array_equal(kernel, [[[expected]]])
    assert bias is None


def test_a_callable_regularizer_may_bring_its_gradient():
    def penalty(weight):
        return weight.sum()

    layer = fast_impl.Conv2DTranspose(1, 1, kernel_regularizer=penalty)
    layer.build((None, None, None, 2))
    with pytest.raises(ValueError, match="attribute gradient"):
        layer.loss_gradients()
    penalty.gradient = np.ones_like
    np.testing.assert_array_equal(layer.loss_gradients()[0], [[[[1.0, 1.0]]]])


def test_loss_gradients_come_in_the_order_of_the_weights():
    layer = fast_impl.Conv2DTranspose(2, 1, kernel_regularizer="l2", use_bias=False)
    layer.trainable = False
    layer.build((None, None, None, 3))
    layer.trainable = True
    layer.build((None, None, None, 5))
    shapes = [weight.shape for weight in layer.weights]
    assert shapes == [(1, 1, 2, 5), (1, 1, 2, 3)]
    assert [gradient.shape for gradient in layer.loss_gradients()] == shapes
    layer.trainable = False
    shapes = [weight.shape for weight in layer.weights]
    assert [gradient.shape for gradient in layer.loss_gradients()] == shapes


def test_gradients_of_a_mixed_layer_are_as_wide_as_what_they_are_of() -> None:
    layer = fast_impl.Conv2DTranspose(2, 1, dtype="mixed_float16", autocast=True)
    images = np.ones((1, 2, 2, 3), np.float32)
    found = layer.gradients(images, np.ones((1, 2, 2, 2), np.float16))
    assert [gradient.dtype.name for gradient in found] == ["float32"] * 3
