"""Losses of the layer: what they are, in which order, of which call (group LOSS)."""

import numpy as np
import pytest

HALF = {"class_name": "L2", "config": {"l2": 0.5}}


def image(batch=2, dtype="float32"):
    return np.ones((batch, 1, 1, 1), dtype=dtype)


@pytest.fixture
def layer(Conv2DTranspose):
    """A layer that multiplies by 2 and adds 1."""

    def made(**arguments):
        constant = {"class_name": "Constant", "config": {"value": 2}}
        return Conv2DTranspose(
            1, 1, kernel_initializer=constant, bias_initializer="ones", **arguments
        )

    return made


def values(losses):
    return [loss.item() for loss in losses]


def test_weight_losses_are_not_scaled(layer):
    made = layer(kernel_regularizer=HALF, bias_regularizer=HALF)
    made(image())
    # 0.5 * 2**2 and 0.5 * 1**2
    assert values(made.losses) == [2.0, 0.5]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_activity_loss_is_divided_by_the_batch_size(layer, batch):
    made = layer(activity_regularizer=HALF)
    made(image(batch))
    # every output is 3: 0.5 * 9 * batch / batch
    assert values(made.losses) == [4.5]


def test_the_batch_is_the_first_axis_for_channels_first_too(layer):
    made = layer(activity_regularizer=HALF, data_format="channels_first")
    made(np.ones((2, 1, 1, 3), dtype=np.float32))
    # three outputs of 3 per image
    assert values(made.losses) == [13.5]


@pytest.mark.parametrize(
    ("penalty", "expected", "dtype"),
    [
        (lambda y: y.sum(dtype=y.dtype), 2.5, "float64"),
        (lambda _: 7, 1.75, "float64"),
        (lambda _: 7.0, 1.75, "float32"),
        (lambda _: np.float16(7), 1.75, "float16"),
    ],
)
def test_the_activity_loss_of_integers_is_no_integer(layer, penalty, expected, dtype):
    made = layer(activity_regularizer=penalty, dtype="int32")
    made(np.array([3, 0, 0, 0], np.int32).reshape(4, 1, 1, 1))
    # outputs of 7, 1, 1 and 1
    assert (float(made.losses[0]), made.losses[0].dtype) == (expected, dtype)


def test_the_activity_loss_sees_the_output_after_the_activation(layer):
    made = layer(activity_regularizer=HALF, activation=lambda z: z - 1)
    made(image())
    assert values(made.losses) == [2.0]


def test_activity_losses_come_first_then_the_kernel_then_the_bias(layer):
    made = layer(kernel_regularizer=HALF, bias_regularizer=HALF, activity_regularizer=HALF)
    made(image())
    assert values(made.losses) == [4.5, 2.0, 0.5]


def test_only_the_activity_loss_of_the_last_call_is_kept(layer):
    made = layer(activity_regularizer=HALF)
    made(image())
    made(image() * 2)
    # the output is 5
    assert values(made.losses) == [12.5]


def test_a_refused_call_leaves_no_activity_loss(layer):
    made = layer(activity_regularizer=HALF)
    made(image())
    with pytest.raises(ValueError, match="ndim=4"):
        made(np.ones(3))
    assert made.losses == []


@pytest.mark.parametrize("regularizer", [HALF, lambda y: 5.0])
def test_the_activity_loss_of_an_empty_batch_is_zero(layer, regularizer):
    made = layer(activity_regularizer=regularizer)
    made(image(0))
    assert values(made.losses) == [0.0]


def test_weight_losses_follow_the_current_weights(layer):
    made = layer(kernel_regularizer=HALF)
    made(image())
    made.set_weights([np.full((1, 1, 1, 1), 4.0), np.ones(1)])
    assert values(made.losses) == [8.0]


def test_a_layer_that_is_not_trainable_keeps_its_losses(layer):
    made = layer(kernel_regularizer=HALF, trainable=False)
    made(image())
    assert values(made.losses) == [2.0]


def test_a_bias_regularizer_without_a_bias_is_ignored(layer):
    made = layer(bias_regularizer=HALF, use_bias=False)
    made(image())
    assert made.losses == []


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_losses_have_the_dtype_of_the_layer(layer, dtype):
    made = layer(kernel_regularizer=HALF, activity_regularizer=HALF)
    made(image(dtype=dtype))
    assert {loss.dtype.name for loss in made.losses} == {dtype}


def test_a_weight_regularizer_that_returns_none_gives_no_loss(layer):
    made = layer(kernel_regularizer=lambda _: None)
    made(image())
    assert made.losses == []


def test_the_regularizer_cannot_change_the_weight(layer):
    made = layer(kernel_regularizer=lambda w: w.fill(0))
    made(image())
    with pytest.raises(ValueError, match="read-only"):
        made.losses  # noqa: B018


@pytest.fixture
def recorded(layer):
    """A layer with all three losses, and the input and output of its only call."""
    made = layer(kernel_regularizer=HALF, bias_regularizer=HALF, activity_regularizer=HALF)
    inputs = image()
    return made, inputs, made(inputs)


@pytest.mark.parametrize(
    "choose",
    [
        lambda made, inputs, output: inputs,
        lambda made, inputs, output: output,
        lambda made, inputs, output: made.kernel,
        lambda made, inputs, output: made.bias,
        lambda made, inputs, output: [inputs, (output, {"deep": made.kernel})],
        lambda made, inputs, output: [[], (inputs, inputs)],
        lambda made, inputs, output: {"b": image(), "a": [output]},
    ],
    ids=["inputs", "output", "kernel", "bias", "nested", "twice", "dict"],
)
def test_get_losses_for_an_array_of_the_call_gives_the_activity_loss(recorded, choose):
    assert values(recorded[0].get_losses_for(choose(*recorded))) == [4.5]


@pytest.mark.parametrize(
    "choose",
    [
        lambda made, inputs, output: inputs.copy(),
        lambda made, inputs, output: output[:1],
        lambda made, inputs, output: [],
    ],
    ids=["equal", "view", "nothing"],
)
def test_get_losses_for_another_array_gives_nothing(recorded, choose):
    assert recorded[0].get_losses_for(choose(*recorded)) == []


def test_get_losses_for_none_gives_the_weight_losses(recorded):
    assert values(recorded[0].get_losses_for(None)) == [2.0, 0.5]


def test_get_losses_for_the_weights_survives_set_weights(recorded):
    made = recorded[0]
    made.set_weights(made.get_weights())
    assert [values(made.get_losses_for(weight)) for weight in made.weights] == [[4.5], [4.5]]


def test_an_input_that_was_cast_counts_in_both_forms(layer):
    made = layer(activity_regularizer=HALF, autocast=True, dtype="float32")
    given = image(dtype="float64")
    made(given)
    assert values(made.get_losses_for(given)) == [4.5]


@pytest.mark.parametrize("inputs", ["text", 3, [None], 1.5, b"x"])
def test_losses_for_what_is_no_array_are_a_type_error(recorded, inputs):
    with pytest.raises(TypeError, match=r"Expected the arrays|get_losses_for"):
        recorded[0].get_losses_for(inputs)


@pytest.mark.parametrize("method", ["get_losses_for", "get_updates_for"])
def test_an_unbuilt_layer_has_neither_losses_nor_updates(layer, method):
    made = layer(activity_regularizer=HALF)
    assert (made.losses, getattr(made, method)(image())) == ([], [])


@pytest.mark.parametrize("choose", [lambda inputs: inputs, lambda _: None, lambda _: []])
def test_there_are_never_updates(recorded, choose):
    assert recorded[0].get_updates_for(choose(recorded[1])) == []
