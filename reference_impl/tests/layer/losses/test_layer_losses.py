"""The formats of losses of callables, and what is no loss (group LOSS)."""

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError


def image(batch=2, dtype="float32"):
    return np.ones((batch, 1, 1, 1), dtype=dtype)


def layer(**arguments):
    return Conv2DTranspose(1, 1, **arguments)


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


def test_a_weight_regularizer_that_returns_text_fails_where_the_losses_are_read():
    made = layer(kernel_regularizer=lambda _: "text")
    made(image())
    with pytest.raises(TypeError, match="Cannot convert the loss"):
        _ = made.losses


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


@pytest.mark.parametrize("inputs", ["text", 3, [None], 1.5])
def test_updates_for_what_is_no_array_are_a_type_error(inputs):
    with pytest.raises(TypeError, match="Expected the arrays"):
        layer().get_updates_for(inputs)


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
