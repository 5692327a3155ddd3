"""Losses of the layer: what they are, in which order, of which call (group LOSS)."""

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError
from reference_impl.layer.losses import regularizers

HALF = regularizers.L2(0.5)


def image(batch=2, dtype="float32"):
    return np.ones((batch, 1, 1, 1), dtype=dtype)


def layer(**arguments):
    """A layer that multiplies by 2 and adds 1; `value` below is what its output is."""
    constant = {"class_name": "Constant", "config": {"value": 2}}
    return Conv2DTranspose(1, 1, kernel_initializer=constant, bias_initializer="ones", **arguments)


def values(losses):
    return [loss.item() for loss in losses]


def test_weight_losses_are_not_scaled():
    made = layer(kernel_regularizer=HALF, bias_regularizer=HALF)
    made(image())
    # 0.5 * 2**2 and 0.5 * 1**2
    assert values(made.losses) == [2.0, 0.5]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_activity_loss_is_divided_by_the_batch_size(batch):
    made = layer(activity_regularizer=HALF)
    made(image(batch))
    # every output is 3: 0.5 * 9 * batch / batch
    assert values(made.losses) == [4.5]


def test_the_batch_is_the_first_axis_for_channels_first_too():
    made = layer(activity_regularizer=HALF, data_format="channels_first")
    made(np.ones((2, 1, 1, 3), dtype=np.float32))
    # three outputs of 3 per image
    assert values(made.losses) == [13.5]


def test_the_activity_loss_sees_the_output_after_the_activation():
    made = layer(activity_regularizer=HALF, activation=lambda z: z - 1)
    made(image())
    assert values(made.losses) == [2.0]


def test_activity_losses_come_first_then_the_kernel_then_the_bias():
    made = layer(kernel_regularizer=HALF, bias_regularizer=HALF, activity_regularizer=HALF)
    made(image())
    assert values(made.losses) == [4.5, 2.0, 0.5]


def test_only_the_activity_loss_of_the_last_call_is_kept():
    made = layer(activity_regularizer=HALF)
    made(image())
    made(image() * 2)
    # the output is 5
    assert values(made.losses) == [12.5]


def test_a_refused_call_leaves_no_activity_loss():
    made = layer(activity_regularizer=HALF)
    made(image())
    with pytest.raises(ValueError, match="ndim=4"):
        made(np.ones(3))
    assert made.losses == []


def test_the_activity_loss_of_an_empty_batch_is_zero():
    made = layer(activity_regularizer=HALF)
    made(image(0))
    assert values(made.losses) == [0.0]


def test_weight_losses_follow_the_current_weights():
    made = layer(kernel_regularizer=HALF)
    made(image())
    made.set_weights([np.full((1, 1, 1, 1), 4.0), np.ones(1)])
    assert values(made.losses) == [8.0]


def test_a_layer_that_is_not_trainable_keeps_its_losses():
    made = layer(kernel_regularizer=HALF, trainable=False)
    made(image())
    assert values(made.losses) == [2.0]


def test_a_bias_regularizer_without_a_bias_is_ignored():
    made = layer(bias_regularizer=HALF, use_bias=False)
    made(image())
    assert made.losses == []


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_losses_have_the_dtype_of_the_layer(dtype):
    made = layer(kernel_regularizer=HALF, activity_regularizer=HALF)
    made(image(dtype=dtype))
    assert {loss.dtype.name for loss in made.losses} == {dtype}


@pytest.mark.parametrize(
    ("returned", "dtype"),
    [(2.5, "float32"), (3, "float64"), (np.float64(2), "float64"), (np.float16(2), "float16")],
)
def test_the_activity_loss_keeps_the_dtype_that_a_callable_returns(returned, dtype):
    made = layer(activity_regularizer=lambda _: returned)
    made(image())
    assert (made.losses[0].item(), made.losses[0].dtype.name) == (returned / 2, dtype)


@pytest.mark.parametrize("returned", [2.5, 3, np.float64(2), [1.0, 2.0]])
def test_a_weight_loss_of_a_callable_is_float32(returned):
    made = layer(kernel_regularizer=lambda _: returned)
    made(image(dtype="float64"))
    assert (made.losses[0].tolist(), made.losses[0].dtype.name) == (returned, "float32")


def test_the_base_regularizer_is_a_loss_of_zero():
    made = layer(kernel_regularizer="Regularizer")
    made(image())
    assert values(made.losses) == [0.0]


def test_a_weight_regularizer_that_returns_text_fails_where_the_losses_are_read():
    made = layer(kernel_regularizer=lambda _: "text")
    made(image())
    with pytest.raises(TypeError, match="Cannot convert the loss"):
        _ = made.losses


def test_a_weight_regularizer_that_returns_none_gives_no_loss():
    made = layer(kernel_regularizer=lambda _: None)
    made(image())
    assert made.losses == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"activity_regularizer": lambda _: None}, ValueError, r"\(None\)"),
        ({"activity_regularizer": "foo"}, TypeError, "'str' object is not callable"),
        ({"activity_regularizer": lambda _: True}, TypeError, "Invalid dtype bool"),
        (
            {"activity_regularizer": "l2", "activation": lambda _: np.float32(1)},
            InvalidArgumentError,
            "slice index 0",
        ),
        ({"activity_regularizer": "l2", "activation": lambda _: None}, ValueError, r"\(None\)"),
    ],
)
def test_an_activity_regularizer_that_does_not_fit_fails_at_the_call(arguments, error, message):
    made = layer(**arguments)
    with pytest.raises(error, match=message) as caught:
        made(image())
    assert caught.type is error


def test_an_unknown_weight_regularizer_fails_where_the_losses_are_read():
    made = layer(kernel_regularizer="foo")
    made(image())
    with pytest.raises(TypeError, match="'str' object is not callable"):
        _ = made.losses


@pytest.fixture(name="recorded")
def _recorded():
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
        lambda made, inputs, output: {"b": image(), "a": [output]},
    ],
    ids=["inputs", "output", "kernel", "bias", "nested", "dict"],
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


def test_get_losses_for_the_kernel_survives_set_weights(recorded):
    made = recorded[0]
    made.set_weights(made.get_weights())
    assert values(made.get_losses_for(made.kernel)) == [4.5]


@pytest.mark.parametrize("method", ["get_losses_for", "get_updates_for"])
@pytest.mark.parametrize("inputs", ["text", 3, [None], 1.5])
def test_what_is_no_array_is_a_type_error(recorded, method, inputs):
    with pytest.raises(TypeError, match="Expected the arrays"):
        getattr(recorded[0], method)(inputs)


@pytest.mark.parametrize("method", ["get_losses_for", "get_updates_for"])
def test_an_unbuilt_layer_has_neither_losses_nor_updates(method):
    assert getattr(Conv2DTranspose(1, 1), method)(image()) == []


@pytest.mark.parametrize("choose", [lambda inputs: inputs, lambda _: None, lambda _: []])
def test_there_are_never_updates(recorded, choose):
    assert recorded[0].get_updates_for(choose(recorded[1])) == []


@pytest.mark.parametrize(
    ("returned", "dtype"), [(np.int32([[8, 4]]), "float64"), (np.float32([[8, 4]]), "float32")]
)
def test_an_activity_loss_keeps_its_axes_and_integers_become_float64(returned, dtype):
    made = layer(activity_regularizer=lambda _: returned)
    made(image(4))
    assert (made.losses[0].dtype.name, made.losses[0].tolist()) == (dtype, [[2.0, 1.0]])


@pytest.mark.parametrize("returned", [True, "text", np.array(["text"]), np.array(None)])
def test_an_activity_loss_that_is_no_number_is_refused(returned):
    made = layer(activity_regularizer=lambda _: returned)
    with pytest.raises(TypeError, match="Invalid dtype"):
        made(image())
