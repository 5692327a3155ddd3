"""The constructor: what it stores, what it refuses, and what only a call refuses (group ARG)."""

from types import SimpleNamespace

import numpy as np
import pytest

X = np.ones((1, 2, 2, 1), np.float32)
PAIR = "argument must be a tuple of 2"
NOT_A_PADDING = '^padding=|must be a list/tuple or one of "valid", "same"'
NOT_A_DTYPE = "^dtype=|Cannot convert the argument `type_value`"
NOT_A_POLICY = "'class_name' and 'config'|Unknown `config`"


@pytest.fixture
def layer(Conv2DTranspose):
    return lambda **arguments: Conv2DTranspose(**{"filters": 1, "kernel_size": 2, **arguments})


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"filters": 0}, "ValueError", "Expected a strictly positive value"),
        ({"filters": 0.5}, "ValueError", "Expected a strictly positive value"),
        ({"filters": False}, "ValueError", "Expected a strictly positive value"),
        ({"filters": "2"}, "TypeError", "'<=' not supported"),
        ({"filters": [2]}, "TypeError", "'<=' not supported"),
        ({"kernel_size": (1, 2, 3)}, "ValueError", f"`kernel_size` {PAIR}"),
        ({"kernel_size": 3.0}, "ValueError", f"`kernel_size` {PAIR}"),
        ({"kernel_size": np.int64(3)}, "ValueError", f"`kernel_size` {PAIR}"),
        ({"kernel_size": None}, "ValueError", f"`kernel_size` {PAIR}"),
        ({"kernel_size": (2, None)}, "ValueError", f"`kernel_size` {PAIR}"),
        ({"kernel_size": 0}, "ValueError", "`kernel_size` .* requirement `> 0`"),
        ({"kernel_size": (2, 0)}, "ValueError", "`kernel_size` .* requirement `> 0`"),
        ({"kernel_size": (2, -1)}, "ValueError", "`kernel_size` .* requirement `> 0`"),
        ({"kernel_size": "33"}, "TypeError", "'<=?' not supported"),
        ({"kernel_size": ("2", "3")}, "TypeError", "'<=?' not supported"),
        ({"strides": (1, 2, 3)}, "ValueError", f"`strides` {PAIR}"),
        ({"strides": (1, 2, 2, 1)}, "ValueError", f"`strides` {PAIR}"),
        ({"strides": 1.0}, "ValueError", f"`strides` {PAIR}"),
        ({"strides": 0}, "ValueError", r"cannot contains 0\(s\)"),
        ({"strides": (0, 1)}, "ValueError", r"cannot contains 0\(s\)"),
        ({"strides": (1, 0)}, "ValueError", r"cannot contains 0\(s\)"),
        ({"strides": (1, -1)}, "ValueError", "`strides` .* requirement `>= 0`"),
        ({"padding": "full"}, "ValueError", NOT_A_PADDING),
        ({"padding": " valid"}, "ValueError", NOT_A_PADDING),
        ({"padding": b"same"}, "ValueError", NOT_A_PADDING),
        ({"padding": "Causal"}, "ValueError", "Causal padding"),
        ({"padding": None}, "AttributeError", "has no attribute 'lower'"),
        ({"padding": 3}, "AttributeError", "has no attribute 'lower'"),
        ({"data_format": "NHWC"}, "ValueError", "data_format"),
        ({"data_format": ""}, "ValueError", "data_format"),
        ({"data_format": 3}, "AttributeError", "has no attribute 'lower'"),
        ({"trainable": 1}, "TypeError", "trainable"),
        ({"trainable": None}, "TypeError", "trainable"),
        ({"rank": 2}, "TypeError", "multiple values for keyword argument 'rank'"),
        ({"reuse": True}, "TypeError", "Keyword argument not understood"),
        ({"dilations": 2}, "TypeError", "Keyword argument not understood"),
        ({"dynamic": 1}, "TypeError", "dynamic"),
        ({"dtype": "foo"}, "TypeError", NOT_A_DTYPE),
        ({"dtype": "f4"}, "TypeError", NOT_A_DTYPE),
        ({"dtype": "mixed_f4"}, "TypeError", NOT_A_DTYPE),
        ({"dtype": int}, "TypeError", NOT_A_DTYPE),
        ({"dtype": complex}, "TypeError", NOT_A_DTYPE),
        ({"dtype": b"float32"}, "TypeError", NOT_A_DTYPE),
        ({"dtype": object()}, "TypeError", NOT_A_DTYPE),
        ({"dtype": {}}, "ValueError", NOT_A_POLICY),
        ({"dtype": {"config": {"name": "half"}}}, "ValueError", NOT_A_POLICY),
        ({"dtype": {"class_name": "Policy"}}, "ValueError", NOT_A_POLICY),
        ({"dtype": {"class_name": "Policy", "config": 3}}, "ValueError", NOT_A_POLICY),
        ({"dtype": {"class_name": "Policy", "config": {}}}, "TypeError", "'name' must be a string"),
        (
            {"dtype": {"class_name": "Policy", "config": {"name": 3}}},
            "TypeError",
            "'name' must be a string",
        ),
        (
            {"dtype": SimpleNamespace(compute_dtype="float32", variable_dtype="float64")},
            "TypeError",
            "variable_dtype='float64'",
        ),
        (
            {"dtype": SimpleNamespace(compute_dtype="float32", variable_dtype="int8")},
            "TypeError",
            "variable_dtype='int8'",
        ),
        (
            {"dtype": SimpleNamespace(compute_dtype=None, variable_dtype=None)},
            "TypeError",
            "compute_dtype=None",
        ),
        ({"strides": 2, "output_padding": 2}, "ValueError", "Strides must be greater"),
        ({"strides": (2, 3), "output_padding": (1, 3)}, "ValueError", "Strides must be greater"),
        ({"strides": (2, 3), "output_padding": (2, 1)}, "ValueError", "Strides must be greater"),
        ({"output_padding": -1}, "ValueError", "`output_padding` .* requirement `>= 0`"),
        ({"output_padding": 0.0}, "ValueError", f"`output_padding` {PAIR}"),
        ({"dilation_rate": (1, 2, 3)}, "ValueError", f"`dilation_rate` {PAIR}"),
        ({"dilation_rate": 0}, "ValueError", "`dilation_rate` .* requirement `> 0`"),
        ({"dilation_rate": 2.0}, "ValueError", f"`dilation_rate` {PAIR}"),
        ({"strides": 2, "dilation_rate": 2}, "ValueError", "not supported in conjunction"),
        ({"strides": (1, 2), "dilation_rate": (2, 1)}, "ValueError", "not supported in conj"),
        ({"filters": 4, "groups": 3}, "ValueError", "evenly divisible by the number of groups"),
        ({"filters": 4, "groups": "2"}, "TypeError", "unsupported operand|groups"),
    ],
)
def test_the_constructor_refuses(layer, refused, arguments, error, text):
    with refused(error, text):
        layer(**arguments)


def test_an_unknown_keyword_is_named_in_the_arguments_of_the_error(layer):
    with pytest.raises(TypeError) as caught:
        layer(foo=1)
    assert caught.value.args == ("Keyword argument not understood:", "foo")


def test_a_seventeenth_positional_argument_is_refused(Conv2DTranspose):
    with pytest.raises(TypeError):
        Conv2DTranspose(*[1, 1, 1, "same", "channels_last"], *[None] * 12)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"filters": None}, "ValueError", "^filters=None|The initializer passed is not valid"),
        ({"filters": np.float32(2)}, "TypeError", "Dimension value must be integer"),
        ({"kernel_size": (2.0, 2.0)}, "TypeError", "Dimension value must be integer"),
        ({"kernel_size": (2, 2.0)}, "TypeError", "Dimension value must be integer"),
        ({"kernel_size": True}, "ValueError", "^kernel_size=|mixed types"),
        ({"kernel_size": (2, True)}, "ValueError", "^kernel_size=|mixed types"),
        ({"strides": (1, 2.0)}, "TypeError", "^strides=|Cannot convert 2.0 to EagerTensor"),
        ({"strides": (2.0, 2.0)}, "TypeError", "^strides=|Cannot convert 2.0 to EagerTensor"),
        (
            {"strides": 2, "output_padding": (0.5, 1)},
            "TypeError",
            "^output_padding=|Cannot convert 0.5",
        ),
        ({"dilation_rate": (1.0, 1.0)}, "TypeError", "^dilation_rate=|Cannot convert 1.0"),
        ({"dilation_rate": (1, 2)}, "ValueError", "2 dimensions of the `dilation_rate`"),
        ({"padding": ["same"]}, "TypeError", "^padding=|unhashable type: 'list'"),
        ({"padding": ("same",)}, "AssertionError", "^padding=|must be a string"),
        (
            {"padding": "same", "output_padding": 0},
            "InvalidArgumentError",
            "output_padding=0|doesn't match computed",
        ),
        ({"name": 5}, "ValueError", "name"),
        ({"strides": 10**7}, "MemoryError", None),
        ({"weights": [np.ones(1)]}, "ValueError", "weight list of length 1"),
        ({"activity_regularizer": "foo"}, "TypeError", None),
    ],
)
def test_the_constructor_accepts_what_only_the_call_refuses(layer, refused, arguments, error, text):
    late = layer(**arguments)
    with refused(error, text):
        late(X)


def test_an_unknown_regularizer_fails_when_its_loss_is_read(layer):
    late = layer(kernel_regularizer="foo")
    late(X)
    with pytest.raises(TypeError, match="not callable"):
        late.losses  # noqa: B018


@pytest.mark.parametrize(
    ("attribute", "given", "stored"),
    [
        ("filters", 3.7, 3),
        ("filters", True, True),
        ("kernel_size", 3, (3, 3)),
        ("kernel_size", [3, 2], (3, 2)),
        ("kernel_size", np.array([3, 2]), (3, 2)),
        ("kernel_size", range(2, 4), (2, 3)),
        ("strides", np.array([2, 3]), (2, 3)),
        ("padding", "SAME", "same"),
        ("padding", ["same"], ["same"]),
        ("data_format", "Channels_First", "channels_first"),
        ("data_format", None, "channels_last"),
        ("dilation_rate", 2, (2, 2)),
        ("output_padding", None, None),
        ("output_padding", 0, (0, 0)),
        ("groups", None, 1),
        ("use_bias", "no", "no"),
        ("dtype", "double", "float64"),
        ("dtype", "half", "float16"),
        ("dtype", "float", "float32"),
        ("dtype", "bool", "bool"),
        ("dtype", "uint8", "uint8"),
        ("dtype", "int64", "int64"),
        ("dtype", "complex128", "complex128"),
        ("dtype", bool, "bool"),
        ("dtype", np.float16, "float16"),
        ("dtype", np.dtype(np.float64), "float64"),
        ("dtype", np.dtype(">f4"), "float32"),
        ("dtype", float, "float32"),
        ("dtype", None, None),
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
def test_the_constructor_stores(layer, attribute, given, stored):
    found = getattr(layer(**{attribute: given}), attribute)
    assert (found, type(found)) == (stored, type(stored))


def test_the_filters_may_be_a_numpy_integer(layer):
    assert layer(filters=np.int8(3)).filters == 3


def test_an_iterator_of_two_is_a_pair(layer):
    assert layer(kernel_size=iter((2, 3))).kernel_size == (2, 3)


def test_a_new_layer_is_not_built(layer):
    assert layer().built is False


@pytest.mark.parametrize("use_bias", ["no", 2.5, 1, True])
def test_a_true_use_bias_makes_a_bias(layer, use_bias):
    made = layer(use_bias=use_bias)
    made.build(X.shape)
    assert made.bias.shape == (1,)


@pytest.mark.parametrize("use_bias", ["", 0, None, [], False])
def test_a_false_use_bias_makes_none(layer, use_bias):
    made = layer(use_bias=use_bias)
    made.build(X.shape)
    assert made.bias is None


def test_all_sixteen_arguments_may_be_given_by_position(Conv2DTranspose):
    made = Conv2DTranspose(
        2, 3, 1, "same", "channels_last", "relu", True, "ones", "zeros", "l1", "l2", "l1_l2",
        "max_norm", "unit_norm", False, "sixteen",
    )  # fmt: skip
    config = made.get_config()
    assert [
        config[key]["class_name"]
        for key in (
            "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer",
            "activity_regularizer", "kernel_constraint", "bias_constraint",
        )
    ] == ["Ones", "Zeros", "L1", "L2", "L1L2", "MaxNorm", "UnitNorm"]  # fmt: skip
    assert (config["name"], config["trainable"], config["activation"]) == ("sixteen", False, "relu")


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_groups_have_no_effect_on_the_numbers(Conv2DTranspose, groups):
    x = np.random.default_rng(1).normal(size=(1, 3, 3, 3))
    expected = Conv2DTranspose(4, 2, kernel_initializer="ones")(x)
    result = Conv2DTranspose(4, 2, kernel_initializer="ones", groups=groups)(x)
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    "keywords",
    [
        {"dynamic": True}, {"input_shape": (7, 7, 5)}, {"batch_input_shape": (9, 7, 7, 5)},
        {"batch_size": 9}, {"input_dim": 5}, {"implementation": 2}, {"conv_op": None},
        {"kernel_layout": None}, {"bias_layout": None},
    ],
)  # fmt: skip
def test_keywords_without_effect_are_accepted(layer, keywords):
    assert layer(**keywords)(X).shape == (1, 3, 3, 1)


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
        ({}, [None, None, 5, None], (None, None, 7, 3)),
        ({}, (2, 0, 5, 7), (2, 1, 7, 3)),
        ({}, (1, 2, 3, 4, 5), (1, 3, 5, 3, 5)),
    ],
)
def test_the_output_shape_of_a_layer_follows_its_arguments(
    Conv2DTranspose, arguments, input_shape, expected
):
    # kernel 2 x 3: "valid" adds 1 and 2 at stride 1, twice as much at dilation 2
    made = Conv2DTranspose(3, (2, 3), **arguments)
    assert made.compute_output_shape(input_shape) == expected


@pytest.mark.parametrize(
    ("shape", "error"),
    [
        (None, "ValueError"),
        (4, "IndexError"),
        ((1, 2, 3), "IndexError"),
        ((1, -1, 2, 3), "ValueError"),
        ((1, 2.0, 3, 4), "TypeError"),
    ],
)
def test_the_output_shape_of_no_shape_is_refused(layer, refused, shape, error):
    with refused(error, None):
        layer().compute_output_shape(shape)


@pytest.mark.parametrize(
    ("padding", "error"), [(["same"], "TypeError"), (("same",), "AssertionError")]
)
def test_the_output_shape_of_a_layer_needs_a_padding_that_is_a_string(
    layer, refused, padding, error
):
    with refused(error, "^padding=|must be a string"):
        layer(padding=padding).compute_output_shape((1, 1, 1, 1))
