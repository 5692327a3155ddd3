"""Losses, gradients and steps of the layer, where this implementation does more."""

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


def test_an_activity_regularizer_without_a_penalty_is_refused():
    with pytest.raises(ValueError, match="must return a number"):
        built(activity_regularizer=lambda y: None)


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


# --- steps and constraints ------------------------------------------------------------------


def test_a_step_takes_what_gradients_returned():
    layer = built()
    gradients = layer.gradients(X, np.ones((2, 4, 4, 3), np.float32))
    layer.apply_gradients(gradients, 0.25)
    np.testing.assert_array_equal(layer.bias, B - 0.25 * gradients.bias)


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
