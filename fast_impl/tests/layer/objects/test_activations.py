"""The formats in which activations are computed, and how they are registered."""

import math

import numpy as np
import pytest

from fast_impl.layer.objects import activations


def column(*values, dtype="float64"):
    return np.array(values, dtype=dtype).reshape(1, -1, 1, 1)


def slope(function, x, g):
    return function.gradient(x, np.asarray(function(x)), g)


@pytest.mark.parametrize("name", ["Softmax", "ThresholdedReLU", "softsign", "swish"])
def test_a_gradient_beside_infinity_warns_of_nothing(name):
    assert math.isnan(slope(activations.get(name), column(-math.inf), column(math.inf)).item())


def test_a_half_format_is_computed_in_float32():
    # exp(1.25) and 1.25 * sigmoid(1.25), to the nearest float16; the derivative likewise
    x = column(1.25, dtype="float16")
    swish = activations.get("swish")
    share = 1 / (1 + math.exp(-1.25))
    assert swish(x).item() == np.float16(1.25 * share)
    assert slope(swish, x, x).item() == np.float16(
        1.25 * (share + float(np.float16(1.25 * share)) * (1 - share))
    )


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Softmax"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_an_activation_layer_computes_in_float32_but_its_gradient_has_the_dtype(name, dtype):
    function, x = activations.get(name), column(1.0, dtype=dtype)
    assert (function(x).dtype, slope(function, x, x).dtype) == (np.float32, dtype)


@pytest.mark.parametrize("name", ["relu", "swish", "softmax"])
def test_a_new_activation_object_has_name_value_and_derivative(name):
    # The named ones are made when the module is imported; this one is not.
    given = activations.get(name)
    again = activations.Activation(name, given._function, given._derivative)
    x = column(-1.0, 0.5)
    assert (again.__name__, repr(again)) == (given.__name__, f"<activation {name}>")
    np.testing.assert_array_equal(again(x), given(x))
    np.testing.assert_array_equal(slope(again, x, x), slope(given, x, x))


@pytest.mark.parametrize(
    ("given", "computed"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64")],
)  # fmt: skip
def test_an_activation_is_computed_in_the_format_of_the_sums(given, computed):
    seen = []
    probe = activations.Activation(
        "probe",
        lambda x: seen.append(x.dtype) or x,
        lambda x, y, g: seen.extend([x.dtype, y.dtype, g.dtype]) or g,
    )
    x = column(1.0, dtype=given)
    assert (probe(x).dtype, probe.gradient(x, x, x).dtype) == (given, given)
    assert seen == [computed] * 4


def test_a_registered_activation_is_made_once():
    found = activations.NAMED["relu"]
    assert activations._constant_factory(found)() is found
