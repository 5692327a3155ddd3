"""The constructor: what it stores, what it refuses, and what only a call refuses (group ARG)."""

from types import SimpleNamespace

import numpy as np
import pytest

from reference_impl import Conv2DTranspose, InvalidArgumentError

X = np.ones((1, 2, 2, 1), dtype=np.float32)


def layer(**arguments):
    return Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"filters": 0}, ValueError, "Expected a strictly positive value"),
        ({"filters": 0.5}, ValueError, "Expected a strictly positive value"),
        ({"filters": False}, ValueError, "Expected a strictly positive value"),
        ({"filters": "2"}, TypeError, "'<=' not supported"),
        ({"filters": [2]}, TypeError, "'<=' not supported"),
        ({"kernel_size": (1, 2, 3)}, ValueError, "argument must be a tuple of 2 integers"),
        ({"kernel_size": 3.0}, ValueError, "argument must be a tuple of 2 integers"),
        ({"kernel_size": np.int64(3)}, ValueError, "argument must be a tuple of 2 integers"),
        ({"kernel_size": None}, ValueError, "argument must be a tuple of 2 integers"),
        ({"kernel_size": (2, None)}, ValueError, "argument must be a tuple of 2 integers"),
        ({"kernel_size": 0}, ValueError, "does not satisfy the requirement `> 0`"),
        ({"kernel_size": (2, -1)}, ValueError, "does not satisfy the requirement `> 0`"),
        ({"kernel_size": "33"}, TypeError, "'<=' not supported"),
        ({"kernel_size": ("2", "3")}, TypeError, "'<=' not supported"),
        ({"strides": (1, 2, 2, 1)}, ValueError, "argument must be a tuple of 2 integers"),
        ({"strides": 1.0}, ValueError, "argument must be a tuple of 2 integers"),
        ({"strides": 0}, ValueError, r"cannot contains 0\(s\)"),
        ({"strides": (1, -1)}, ValueError, "requirement `>= 0`"),
        ({"padding": "full"}, ValueError, 'must be a list/tuple or one of "valid", "same"'),
        ({"padding": " valid"}, ValueError, 'must be a list/tuple or one of "valid", "same"'),
        ({"padding": b"same"}, ValueError, 'must be a list/tuple or one of "valid", "same"'),
        ({"padding": "Causal"}, ValueError, "Causal padding is only supported for"),
        ({"padding": None}, AttributeError, "has no attribute 'lower'"),
        ({"padding": 3}, AttributeError, "has no attribute 'lower'"),
        ({"data_format": "NHWC"}, ValueError, 'one of "channels_first", "channels_last"'),
        ({"data_format": ""}, ValueError, 'one of "channels_first", "channels_last"'),
        ({"data_format": 3}, AttributeError, "has no attribute 'lower'"),
        ({"trainable": 1}, TypeError, "Expected `trainable` argument to be a boolean"),
        ({"trainable": None}, TypeError, "Expected `trainable` argument to be a boolean"),
        ({"rank": 2}, TypeError, "multiple values for keyword argument"),
        ({"reuse": True}, TypeError, "Keyword argument not understood"),
        ({"dilations": 2}, TypeError, "Keyword argument not understood"),
        ({"dynamic": 1}, TypeError, "Expected `dynamic` argument"),
        ({"dtype": "foo"}, TypeError, "Cannot convert the argument `type_value`"),
        ({"dtype": "f4"}, TypeError, "Cannot convert the argument `type_value`"),
        ({"dtype": int}, TypeError, "Cannot convert the argument `type_value`"),
        ({"dtype": complex}, TypeError, "Cannot convert the argument `type_value`"),
        ({"dtype": b"float32"}, TypeError, "Cannot convert the argument `type_value`"),
        ({"strides": 2, "output_padding": 2}, ValueError, "Strides must be greater than output"),
        ({"output_padding": -1}, ValueError, "`output_padding` argument must be a tuple"),
        ({"output_padding": 0.0}, ValueError, "`output_padding` argument must be a tuple"),
        ({"dilation_rate": 0}, ValueError, "`dilation_rate` argument must be a tuple"),
        ({"dilation_rate": 2.0}, ValueError, "`dilation_rate` argument must be a tuple"),
        ({"strides": 2, "dilation_rate": 2}, ValueError, "not supported in conjunction"),
        ({"filters": 4, "groups": 3}, ValueError, "evenly divisible by the number of groups"),
        ({"filters": 4, "groups": "2"}, TypeError, "unsupported operand"),
    ],
)
def test_the_constructor_refuses(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        layer(**arguments)
    assert caught.type is error


def test_an_unknown_keyword_is_named_in_the_arguments_of_the_error():
    with pytest.raises(TypeError) as caught:
        layer(foo=1)
    assert caught.value.args == ("Keyword argument not understood:", "foo")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"filters": None}, ValueError, "The initializer passed is not valid"),
        ({"filters": np.float32(2)}, TypeError, "Dimension value must be integer"),
        ({"kernel_size": (2.0, 2.0)}, TypeError, "Dimension value must be integer"),
        ({"kernel_size": True}, ValueError, "mixed types"),
        ({"strides": (2.0, 2.0)}, TypeError, "Cannot convert 2.0 to EagerTensor"),
        ({"strides": 2, "output_padding": (0.5, 1)}, TypeError, "Cannot convert 0.5"),
        ({"dilation_rate": (1.0, 1.0)}, TypeError, "Cannot convert 1.0"),
        ({"dilation_rate": (1, 2)}, ValueError, "2 dimensions of the `dilation_rate`"),
        ({"padding": ["same"]}, TypeError, "unhashable type: 'list'"),
        ({"padding": ("same",)}, AssertionError, "must be a string"),
        ({"padding": "same", "output_padding": 0}, InvalidArgumentError, "doesn't match computed"),
        ({"name": 5}, ValueError, "name for name_scope must be a string"),
        ({"filters": 10**9}, MemoryError, "OOM when allocating"),
        ({"strides": 10**6}, MemoryError, "OOM when allocating"),
        ({"weights": [np.ones(1)]}, ValueError, "weight list of length 1"),
    ],
)
def test_the_constructor_accepts_what_only_the_call_refuses(arguments, error, message):
    late = layer(**arguments)
    with pytest.raises(error, match=message) as caught:
        late(X)
    assert caught.type is error


@pytest.mark.parametrize(
    ("attribute", "given", "stored"),
    [
        ("filters", 3.7, 3),
        ("filters", np.int8(3), 3),
        ("filters", True, True),
        ("kernel_size", 3, (3, 3)),
        ("kernel_size", [3, 2], (3, 2)),
        ("kernel_size", range(2, 4), (2, 3)),
        ("strides", np.array([2, 3]), (2, 3)),
        ("padding", "SAME", "same"),
        ("data_format", "Channels_First", "channels_first"),
        ("data_format", None, "channels_last"),
        ("dilation_rate", 2, (2, 2)),
        ("output_padding", None, None),
        ("output_padding", 0, (0, 0)),
        ("groups", None, 1),
        ("use_bias", "no", "no"),
        ("dtype", "double", "float64"),
        ("dtype", np.float16, "float16"),
        ("dtype", np.dtype(">f4"), "float32"),
        ("dtype", bool, "bool"),
        ("dtype", None, None),
        ("dtype", "", "float32"),
        ("dtype", float, "float32"),
        ("dtype", {"class_name": "Policy", "config": {"name": "half"}}, "float16"),
        ("dtype", "mixed_float16", "float32"),
        ("dtype", SimpleNamespace(compute_dtype="float64", variable_dtype="float64"), "float64"),
        ("dtype", SimpleNamespace(compute_dtype="bfloat16", variable_dtype="float32"), "float32"),
        (
            "dtype",
            SimpleNamespace(compute_dtype=np.dtype("f2"), variable_dtype=np.float32),
            "float32",
        ),
        ("dtype", SimpleNamespace(compute_dtype=np.float64, variable_dtype="float64"), "float64"),
        ("name", "any name at all", "any name at all"),
        ("trainable", False, False),
    ],
)
def test_the_constructor_stores(attribute, given, stored):
    assert getattr(layer(**{attribute: given}), attribute) == stored


@pytest.mark.parametrize("use_bias", ["no", 2.5, 1, True])
def test_a_true_use_bias_makes_a_bias(use_bias):
    made = layer(use_bias=use_bias)
    made.build(X.shape)
    assert made.bias.shape == (1,)


@pytest.mark.parametrize("use_bias", ["", 0, None, [], False])
def test_a_false_use_bias_makes_none(use_bias):
    made = layer(use_bias=use_bias)
    made.build(X.shape)
    assert made.bias is None


def test_all_sixteen_arguments_may_be_given_by_position():
    made = Conv2DTranspose(
        2, 3, 1, "same", "channels_last", "relu", True, "ones", "zeros", None, None, None, None,
        None, True, "sixteen",
    )  # fmt: skip
    assert made.name == "sixteen"


def test_a_seventeenth_positional_argument_is_refused():
    with pytest.raises(TypeError):
        Conv2DTranspose(*[1, 1, 1, "same", "channels_last"], *[None] * 12)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_have_no_effect_on_the_numbers(groups):
    x = np.random.default_rng(1).normal(size=(1, 3, 3, 3))
    expected = Conv2DTranspose(4, 2, kernel_initializer="ones")(x)
    result = Conv2DTranspose(4, 2, kernel_initializer="ones", groups=groups)(x)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    "keywords",
    [
        {"dynamic": True},
        {"input_shape": (7, 7, 5)},
        {"batch_input_shape": (9, 7, 7, 5)},
        {"batch_size": 9},
        {"input_dim": 5},
        {"implementation": 2},
        {"conv_op": None},
        {"kernel_layout": None},
        {"bias_layout": None},
    ],
)
def test_keywords_without_effect_are_accepted(keywords):
    assert layer(**keywords)(X).shape == (1, 3, 3, 1)


@pytest.mark.parametrize("dtype", [SimpleNamespace(name="float64"), np.float64, "double"])
def test_a_dtype_may_be_anything_with_the_name_of_one(dtype):
    assert Conv2DTranspose(1, 1, dtype=dtype).dtype == "float64"


def test_what_has_no_name_of_a_dtype_is_refused():
    with pytest.raises(TypeError, match="Cannot convert the argument"):
        Conv2DTranspose(1, 1, dtype=object())


@pytest.mark.parametrize(
    ("arguments", "input_shape", "expected"),
    [
        ({"data_format": "channels_first"}, (2, 7, 4, 5), (2, 3, 5, 7)),
        ({"strides": (2, 3)}, (2, 4, 5, 7), (2, 8, 15, 3)),
        ({"strides": (2, 3), "padding": "same"}, (2, 4, 5, 7), (2, 8, 15, 3)),
        # (4-1)*1 + 2 - 2*1: "same" takes both rows of an even kernel away
        ({"padding": "same", "output_padding": 0}, (2, 4, 5, 7), (2, 3, 5, 3)),
        ({"dilation_rate": (2, 2)}, (2, 4, 5, 7), (2, 6, 9, 3)),
        ({"strides": (2, 3), "output_padding": (1, 2)}, (2, 4, 5, 7), (2, 9, 17, 3)),
        ({}, (None, None, 5, None), (None, None, 7, 3)),
    ],
)
def test_the_output_shape_of_a_layer_follows_its_arguments(arguments, input_shape, expected):
    # kernel 2 x 3: "valid" adds 1 and 2 at stride 1, twice as much at dilation 2
    layer = Conv2DTranspose(3, (2, 3), **arguments)
    assert layer.compute_output_shape(input_shape) == expected


@pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
def test_a_pair_that_is_none_is_named(name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        Conv2DTranspose(**{"filters": 1, "kernel_size": 1, name: (1, 2, 3)})


def test_a_new_layer_is_not_built():
    assert Conv2DTranspose(1, 1).built is False


@pytest.mark.parametrize("weight", ["float32", "bool"])
def test_a_weight_without_initializer_is_made_for_numbers_and_booleans(weight):
    made = Conv2DTranspose(1, 1, dtype=weight, use_bias=False)
    made.build((1, 1, 1, 1))
    assert made.kernel.dtype.name == weight


@pytest.mark.parametrize(("padding", "error"), [(["same"], TypeError), (("same",), AssertionError)])
def test_the_output_shape_of_a_layer_needs_a_padding_that_is_a_string(padding, error):
    with pytest.raises(error, match="must be a string"):
        Conv2DTranspose(1, 1, padding=padding).compute_output_shape((1, 1, 1, 1))


@pytest.mark.parametrize(
    ("dtype", "error", "message"),
    [
        ({}, ValueError, "Unknown `config`"),
        ({"config": {"name": "float16"}}, ValueError, "Unknown `config`"),
        ({"class_name": "Policy"}, ValueError, "Unknown `config`"),
        ({"class_name": "Policy", "config": 3}, ValueError, "Unknown `config`"),
        ({"class_name": "Policy", "config": {}}, TypeError, "'name' must be a string"),
        ({"class_name": "Policy", "config": {"name": 3}}, TypeError, "'name' must be a string"),
        (
            SimpleNamespace(compute_dtype="float32", variable_dtype="int8"),
            TypeError,
            "variable_dtype='int8'",
        ),
        (SimpleNamespace(compute_dtype=None, variable_dtype=None), TypeError, "compute_dtype=None"),
    ],
)
def test_a_policy_needs_its_configuration(dtype, error, message):
    with pytest.raises(error, match=message) as caught:
        layer(dtype=dtype)
    assert caught.type is error
