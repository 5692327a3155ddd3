"""Gradients of the layer, and one step of gradient descent with its constraints (GRAD, CONS)."""

import numpy as np
import pytest

HALF_NORM = {"class_name": "MaxNorm", "config": {"max_value": 0.5}}


def normal(seed, *shape, dtype="float64"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.fixture
def built(Conv2DTranspose):
    def build(**arguments):
        layer = Conv2DTranspose(
            **{"filters": 2, "kernel_size": (2, 3), "dtype": "float64", **arguments}
        )
        layer.build((1, 3, 3, 3))
        return layer

    return build


def ones(layer):
    return [np.ones_like(weight) for weight in layer.weights]


@pytest.mark.parametrize("part", ["inputs", "kernel", "bias"])
@pytest.mark.parametrize(
    ("activation", "arguments"),
    [
        *(
            (name, {"strides": (1, 2), "padding": "same"})
            for name in ("linear", "tanh", "softplus", "selu", "softmax")
        ),
        ("tanh", {"strides": (2, 3), "output_padding": (1, 2)}),
        ("linear", {"data_format": "channels_first", "padding": "same", "strides": 2}),
        ("tanh", {"dilation_rate": 2}),
    ],
)
def test_gradients_are_the_central_differences_of_the_weighted_output(
    built, activation, arguments, part
):
    layer = built(activation=activation, **arguments)
    # Known weights: no output may lie at a corner of the activation.
    layer.set_weights([normal(3 + n, *w.shape) for n, w in enumerate(layer.get_weights())])
    inputs, step = normal(1, 2, 3, 2, 3), 2.0**-17
    slopes = normal(2, *layer(inputs).shape)
    start = {"inputs": inputs, "kernel": layer.get_weights()[0], "bias": layer.get_weights()[1]}

    def weighted(values):
        moved = {**start, part: values}
        layer.set_weights([moved["kernel"], moved["bias"]])
        return (layer(moved["inputs"]) * slopes).sum()

    found = getattr(layer.gradients(inputs, slopes), part)
    expected = np.empty_like(start[part])
    for position in np.ndindex(expected.shape):
        move = np.zeros_like(start[part])
        move[position] = step
        difference = weighted(start[part] + move) - weighted(start[part] - move)
        expected[position] = difference / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("activation", ["linear", "tanh", "softmax"])
def test_an_output_gradient_of_another_shape_is_refused(built, refused, activation):
    layer = built(activation=activation)
    with refused("InvalidArgumentError", "output_gradient`? must have"):
        layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 4, 3, 2)))


def test_the_bias_gradient_of_a_layer_without_bias_is_none(built):
    layer = built(use_bias=False)
    assert layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 3, 4, 2))).bias is None


def test_gradients_build_the_layer(Conv2DTranspose):
    layer = Conv2DTranspose(1, 1)
    layer.gradients(normal(1, 1, 2, 2, 3), np.ones((1, 2, 2, 1)))
    assert layer.built


def test_gradients_record_no_call_and_add_no_losses(built):
    layer = built(activity_regularizer="l2", kernel_regularizer="l2")
    inputs = normal(1, 1, 2, 2, 3)
    layer(inputs)
    before = [loss.item() for loss in layer.losses]
    layer.gradients(inputs * 5, np.ones((1, 3, 4, 2)))
    assert [loss.item() for loss in layer.losses] == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradients_of_an_empty_image_are_zeros_of_the_right_shape(built, dtype):
    layer = built(kernel_size=(2, 3), strides=(3, 1), dtype=dtype, autocast=True)
    found = layer.gradients(np.zeros((1, 0, 2, 3)), np.ones((1, 0, 4, 2), dtype))
    assert [part.shape for part in found] == [(1, 0, 2, 3), (2, 3, 2, 3), (2,)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_gradients_have_the_dtype_of_the_layer(built, dtype):
    layer = built(dtype=dtype, activation="tanh")
    found = layer.gradients(normal(1, 1, 2, 2, 3, dtype=dtype), np.ones((1, 3, 4, 2), dtype))
    assert {part.dtype.name for part in found} == {dtype}


def test_the_gradient_of_an_input_that_was_cast_has_the_dtype_of_the_input(built):
    found = built(autocast=True).gradients(
        normal(1, 1, 2, 2, 3, dtype="float32"), np.ones((1, 3, 4, 2))
    )
    assert [part.dtype.name for part in found] == ["float32", "float64", "float64"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_mixed_precision_has_gradients_as_wide_as_what_they_are_of(built, dtype):
    layer = built(dtype="mixed_float16", autocast=True)
    found = layer.gradients(normal(1, 1, 2, 2, 3, dtype=dtype), np.ones((1, 3, 4, 2), np.float16))
    assert [part.dtype.name for part in found] == [dtype, "float32", "float32"]


@pytest.mark.parametrize("rate", [0.25, np.float64(0.25), np.array(0.25), np.float16(0.25)])
def test_a_step_takes_the_learning_rate_times_the_gradient_away(built, rate):
    layer = built(kernel_initializer="ones")
    layer.apply_gradients(ones(layer), rate)
    assert [set(weight.ravel()) for weight in layer.weights] == [{0.75}, {-0.25}]


def test_the_gradient_of_a_step_may_be_nested_lists(built):
    layer = built(use_bias=False, filters=1, kernel_size=1, kernel_initializer="ones")
    layer.apply_gradients([[[[[1.0, 2.0, 4.0]]]]], 0.125)
    assert layer.kernel.ravel().tolist() == [0.875, 0.75, 0.5]


def test_the_gradient_of_a_step_is_rounded_to_the_dtype_of_the_weight(built):
    # 1 + 2**-11 + 2**-20 is 1 + 2**-10 as a float16
    layer = built(dtype="float16", use_bias=False, kernel_initializer="ones")
    layer.apply_gradients([np.full(layer.kernel.shape, 1 + 2.0**-11 + 2.0**-20)], 1.0)
    assert set(layer.kernel.ravel().tolist()) == {-(2.0**-10)}


def test_the_learning_rate_is_taken_in_the_dtype_of_the_weights(built):
    layer = built(dtype="float32", kernel_initializer="zeros")
    layer.apply_gradients(ones(layer), 0.1)
    assert layer.kernel.flat[0] == -np.float32(0.1)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4"])
def test_a_gradient_of_another_floating_dtype_is_rounded(built, dtype):
    layer = built(dtype="float32", use_bias=False, kernel_initializer="ones")
    layer.apply_gradients([np.ones((2, 3, 2, 3), dtype)], 0.5)
    assert (set(layer.kernel.ravel()), layer.kernel.dtype) == ({0.5}, np.float32)


def test_the_constraint_comes_after_the_step(built):
    # the kernel goes from 1 to -1, and is then made non-negative
    layer = built(kernel_initializer="ones", kernel_constraint="non_neg")
    layer.apply_gradients(ones(layer), 2.0)
    assert not layer.kernel.any()


def test_a_constraint_sees_the_updated_weight(built):
    seen = []
    layer = built(kernel_initializer="ones", bias_constraint=lambda w: seen.append(w.tolist()) or w)
    layer.apply_gradients(ones(layer), 0.5)
    assert seen == [[-0.5, -0.5]]


def test_the_bias_has_a_constraint_of_its_own(built):
    layer = built(bias_constraint="non_neg")
    layer.apply_gradients(ones(layer), 1.0)
    assert layer.bias.tolist() == [0.0, 0.0]


def test_a_constraint_is_not_applied_without_a_step(built):
    layer = built(kernel_initializer="ones", kernel_constraint=HALF_NORM)
    layer(normal(1, 1, 2, 2, 3))
    assert (layer.kernel == 1).all()


def test_a_weight_without_gradient_is_neither_updated_nor_projected(built):
    layer = built(kernel_initializer="ones", kernel_constraint=HALF_NORM)
    layer.apply_gradients([None, np.ones(2)], 1.0)
    assert ((layer.kernel == 1).all(), layer.bias.tolist()) == (True, [-1.0, -1.0])


def test_a_numpy_constraint_is_cast_to_the_dtype_of_the_weight(built):
    layer = built(dtype="float32", kernel_constraint=lambda w: np.full(w.shape, 0.1))
    layer.apply_gradients(ones(layer), 0.0)
    assert layer.kernel.dtype == np.float32


class NoInstance:
    """What is called with a weight makes an instance, which is no weight."""

    def __init__(self, weight):
        pass


@pytest.mark.parametrize(
    ("constraint", "error", "text"),
    [
        (lambda w: None, "ValueError", "returned None"),
        (lambda w: w[0], "ValueError", "Shape mismatch"),
        (lambda w: 1.0, "ValueError", "Shape mismatch"),
        (NoInstance, "TypeError", "NoInstance|class given instead of an instance"),
        ("radial_constraint", "InvalidArgumentError", "square kernel"),
    ],
)
def test_a_constraint_that_does_not_fit_fails_at_the_step(built, refused, constraint, error, text):
    layer = built(kernel_constraint=constraint)
    with refused(error, text):
        layer.apply_gradients(ones(layer), 1.0)


@pytest.mark.parametrize(
    ("arguments", "gradients", "text"),
    [
        ({"trainable": False}, [1.0, 1.0], "No variables to optimize"),
        ({}, [None, None], "No gradients provided for any variable"),
        ({}, [np.ones((2, 3, 2, 3))], "2 gradients are needed|1 gradients for 2 weights"),
    ],
)
def test_a_step_refuses(built, arguments, gradients, text):
    with pytest.raises(ValueError, match=text):
        built(**arguments).apply_gradients(gradients, 1.0)


@pytest.mark.parametrize(("made", "stepped"), [(True, False), (False, True)])
def test_frozen_weights_are_not_optimized(built, made, stepped):
    layer = built(trainable=made)
    layer.trainable = stepped
    with pytest.raises(ValueError, match="No variables to optimize"):
        layer.apply_gradients(ones(layer), 1.0)


def test_a_layer_without_bias_takes_one_gradient(built):
    layer = built(use_bias=False, kernel_initializer="ones")
    layer.apply_gradients([np.ones((2, 3, 2, 3))], 1.0)
    assert not layer.kernel.any()


def test_a_refused_gradient_of_the_bias_leaves_the_kernel_as_it_was(built):
    layer = built(kernel_initializer="ones")
    with pytest.raises(ValueError, match="bias"):
        layer.apply_gradients([np.ones_like(layer.kernel), [None, 1.0]], 0.5)
    assert (layer.kernel == 1).all()
