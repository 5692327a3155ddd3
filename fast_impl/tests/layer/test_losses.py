"""Losses and steps of the layer, one by one; test_layer_training has the whole of it."""

import copy

import numpy as np
import pytest

from fast_impl import Conv2DTranspose, InvalidArgumentError
from fast_impl.layer.inputs import as_array
from fast_impl.layer.layer import _stepped
from fast_impl.layer.losses import CallRecord, activity_loss, flatten, weight_loss
from fast_impl.layer.objects import constraints, regularizers
from fast_impl.layer.tensors import gradient_of, learning_rate_of
from fast_impl.layer.variables import Variable

HALF = regularizers.L2(0.5)


def image(batch=2, dtype="float32"):
    return np.ones((batch, 1, 1, 1), dtype)


def layer(**arguments):
    """A layer that multiplies by 2 and adds 1."""
    constant = {"class_name": "Constant", "config": {"value": 2}}
    return Conv2DTranspose(1, 1, kernel_initializer=constant, bias_initializer="ones", **arguments)


def values(losses):
    return [loss.item() for loss in losses]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_losses_have_the_dtype_of_the_layer(dtype):
    made = layer(
        kernel_regularizer=lambda _: np.float64(2), activity_regularizer=lambda _: np.float32(3)
    )
    made(image(dtype=dtype))
    assert [(loss.dtype, loss.item()) for loss in made.losses] == [(dtype, 1.5), (dtype, 2.0)]


@pytest.mark.parametrize("batch", [0, 2])
def test_an_activity_loss_has_the_dtype_of_the_output_however_it_is_made(batch):
    loss = activity_loss(lambda _: np.float64(3), image(batch, "float16"))
    assert (loss.dtype, loss.shape, loss.item()) == (np.float16, (), 1.5 if batch else 0.0)


@pytest.mark.parametrize("shape", [(2,), (2, 3)])
def test_an_output_needs_a_batch_axis_and_no_other(shape):
    assert activity_loss(lambda y: y.sum(), np.ones(shape)) == np.prod(shape) / 2
    with pytest.raises(ValueError, match="batch axis"):
        activity_loss(lambda y: 1.0, np.float32(1))


def test_a_weight_loss_keeps_its_axes():
    loss = weight_loss(lambda _: [1.0, 2.0], np.ones(3, np.float16))
    assert (loss.tolist(), loss.dtype) == ([1.0, 2.0], np.float16)


def test_an_output_that_is_no_array_can_be_regularized():
    made = layer(activity_regularizer=lambda y: y.sum(), activation=lambda y: [[1.0], [3.0]])
    made(image())
    assert values(made.losses) == [2.0]


def test_a_copied_layer_keeps_its_losses_but_not_its_arrays():
    made, given = layer(activity_regularizer=HALF), image()
    made(given)
    again = copy.deepcopy(made)
    assert (values(again.losses), again.get_losses_for(given)) == ([4.5], [])
    again(given)
    assert values(again.get_losses_for(given)) == [4.5]


def test_a_record_knows_arrays_by_identity():
    record, array = CallRecord(), np.ones(2)
    record.add(1.0, (array, None, 3))
    assert (record.depends_on(array), record.depends_on(array.copy())) == (True, False)
    assert record.losses == [1.0]


def test_the_leaves_of_nested_containers_come_in_the_order_of_their_keys():
    nested = {"b": [1, (2, [])], "a": range(3, 5), "c": {"d": None}}
    assert list(flatten(nested)) == [3, 4, 1, 2, None]


# --- inputs ---------------------------------------------------------------------------------


def test_a_native_array_is_not_copied():
    given = image()
    assert as_array(given, "layer") is given


def test_a_big_endian_array_becomes_a_native_one():
    given = (image() * 3).astype(">f4")
    found = as_array(given, "layer")
    assert not given.dtype.isnative
    assert (found.dtype.isnative, found.dtype) == (True, np.float32)
    assert found.ravel().tolist() == [3.0, 3.0]


class Like:
    shape = (1, 1, 1, 1)

    def __array__(self, dtype=None, copy=None):
        return np.full(self.shape, 4, np.float32)


def test_what_turns_into_an_array_is_one():
    assert layer()(Like()).item() == 9


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"a": image(), "b": image()}, ValueError, "received 2 input"),
        (range(3), ValueError, r'Layer "mine" expects 1 input\(s\), but it received 3'),
        (
            [image(), "x"],
            TypeError,
            "^inputs: Inputs to a layer should be tensors. Got .*layer 'mine'",
        ),
        ({"a": image()}, TypeError, '^inputs: Layer "mine" takes an array itself'),
        (b"x", TypeError, "Got b'x' .of type bytes. as input for layer 'mine'"),
        (None, TypeError, "of type NoneType"),
        ("x" * 99, TypeError, r"Got 'x+\.\.\.x+' "),
        (image(dtype="M8[s]"), ValueError, "datetime64.* .layer 'mine'"),
        (image(dtype="m8[s]"), ValueError, "timedelta64"),
        (image(dtype=object), ValueError, "object"),
        (image(dtype="S1"), InvalidArgumentError, "dtype string.* .layer 'mine'"),
        (True, ValueError, "found ndim=0"),
        (np.ones((2, 1, 1)), ValueError, r"min_ndim=4, found ndim=3. .* received: \(2, 1, 1\)"),
        (np.ones((1,) * 5), ValueError, r"rank 4. Received input_shape=\(1, 1, 1, 1, 1\)"),
    ],
)
def test_what_is_not_one_array_of_numbers_is_refused(given, error, text):
    made = layer(name="mine")
    with pytest.raises(error, match=text) as caught:
        made(given)
    assert caught.type is error


def test_autocast_casts_bfloat16():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    assert layer(dtype="float32", autocast=True)(image(dtype=bfloat16)).dtype == np.float32


def test_autocast_does_not_cast_integers():
    made = layer(dtype="float32", autocast=True)
    with pytest.raises(InvalidArgumentError, match=r"expected to be a float32 .* is a int32"):
        made(image(dtype="int32"))


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        ((1,), {}, "got 1 more positional"),
        ((), {"mask": None}, "got keyword 'mask'"),
        ((1, 2), {"foo": 1}, "got 2 more positional"),
    ],
)
def test_further_arguments_of_a_call_are_refused(args, kwargs, text):
    with pytest.raises(TypeError, match=text):
        layer()(image(), *args, **kwargs)


# --- gradients and steps ----------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["linear", "tanh", "softmax"])
def test_an_output_gradient_of_another_shape_is_refused(activation):
    with pytest.raises(InvalidArgumentError, match=r"^output_gradient must have .*\(2, 1, 1, 1\)"):
        layer(activation=activation).gradients(image(), np.ones((2, 1, 1, 2), np.float32))


def test_gradients_name_the_layer_that_refuses():
    with pytest.raises(TypeError, match="layer 'mine'"):
        layer(name="mine").gradients(None, image())


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_step_takes_what_gradients_returned(use_bias):
    made = layer(use_bias=use_bias)
    made.apply_gradients(made.gradients(image(), image()), 0.5)
    # two pixels: each gradient is 2
    assert [weight.item() for weight in made.weights] == [1.0, 0.0][: 1 + use_bias]


@pytest.mark.parametrize(
    ("arguments", "gradients", "error", "text"),
    [
        ({"trainable": False}, [1.0, 1.0], ValueError, "No variables to optimize"),
        ({}, [None, None], ValueError, "No gradients provided for any variable"),
        ({}, [image(1)], ValueError, "got 1 gradients for 2 weights"),
        ({"use_bias": False}, [image(1), None], ValueError, "got 2 gradients for 1 weights"),
        ({}, [np.ones(1), np.ones(1)], ValueError, r"kernel:0 must have the shape .* got \(1,\)"),
        ({"dtype": "int32"}, [image(1), None], ValueError, "kernel:0 has dtype int32: only floats"),
    ],
)
def test_a_step_refuses(arguments, gradients, error, text):
    made = Conv2DTranspose(1, 1, **arguments)
    made.build((1, 1, 1, 1))
    with pytest.raises(error, match=text):
        made.apply_gradients(gradients, 1.0)


def variable(value, dtype, constraint=None):
    return Variable(
        "w:0", value, np.dtype(dtype), trainable=True, regularizer=None, constraint=constraint
    )


def descend(variable, gradient, rate):
    found = gradient_of(variable.array, gradient, variable.name)
    variable.array = _stepped(variable, found, learning_rate_of(rate))


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        (lambda w: w * np.float64(2), [1.0]),
        (lambda w: [3], [3.0]),
        (lambda w: np.array([True]), [1.0]),
        (lambda w: np.array([7], np.uint8), [7.0]),
        (constraints.MaxNorm(0.25), [0.25]),
    ],
)
def test_a_constraint_sees_the_updated_weight_and_its_result_is_cast(constraint, expected):
    made = variable([1.0], "float32", constraint)
    descend(made, [1.0], 0.5)
    assert (made.array.tolist(), made.array.dtype) == (pytest.approx(expected, rel=1e-6), "float32")


def test_a_bfloat16_result_of_a_constraint_is_an_array_of_numbers():
    bfloat16 = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    made = variable([1.0], bfloat16, constraints.NonNeg())
    descend(made, [1.0], 0.5)
    assert (made.array.tolist(), made.array.dtype) == ([0.5], bfloat16)


@pytest.mark.parametrize(
    ("constraint", "error", "text"),
    [
        (lambda w: None, ValueError, "^the constraint of w:0 returned None"),
        (lambda w: w[:0], ValueError, r"^Shape mismatch: .* of w:0 .*\(1,\); got \(0,\)"),
        (constraints.UnitNorm, TypeError, "^the constraint of w:0 returned UnitNorm, not an array"),
        (lambda w: np.array(["x"]), TypeError, "returned ndarray"),
    ],
)
def test_a_constraint_that_does_not_fit_is_named(constraint, error, text):
    with pytest.raises(error, match=text):
        descend(variable([1.0], "float32", constraint), [1.0], 0.5)


def test_a_variable_is_copied_with_its_dtype():
    again = copy.deepcopy(variable([1.0], "float16"))
    assert (again.array.dtype, again.array.flags.writeable) == (np.float16, False)


@pytest.mark.parametrize(("dtype", "penalty"), [("float16", 0.1), ("float32", 0.3)])
def test_a_penalty_is_rounded_before_it_is_divided(dtype, penalty):
    kind = np.dtype(dtype).type
    loss = activity_loss(lambda _: np.float64(penalty), image(5, dtype))
    assert loss == kind(kind(penalty) / kind(5))
    assert loss != kind(penalty / 5)


def test_a_learning_rate_beyond_the_dtype_of_the_weight_is_infinite():
    made = variable([1.0], "float16")
    with np.errstate(over="ignore"):
        descend(made, np.array([1e-4], np.float16), 1e5)
    assert made.array.tolist() == [-np.inf]
