"""Named functions and literals: the same in every framework, and nothing else is evaluated."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from conformance.model.named import (
    _PLAIN,
    _TENSORFLOW,
    FUNCTIONS,
    literal,
    resolve,
    resolve_arguments,
    texts_of,
)
from conformance.model.observation import Unsupported
from conformance.subjects import tensorflow_is_installed

#: What TensorFlow has no word for, or NumPy's own behaviour is the point of.
NUMPY_ONLY = {name for name in FUNCTIONS if name.startswith("numpy ")}
_WEIGHTS = np.arange(-6, 6, dtype=np.float32).reshape(1, 3, 2, 2)


def applied(name: str, framework: str, names: dict[str, Any]) -> Any:
    function = resolve({"function": name}, framework, names)
    parameters = FUNCTIONS[name][framework].partition(":")[0].removeprefix("lambda").strip()
    if name.endswith(", values"):
        return function((1, 3, 2, 2), "float32")
    if name == "division by zero":
        with pytest.raises(ZeroDivisionError):
            function(1)
        return None
    if parameters.startswith(("shape", "s,")):
        return function((1, 3, 2, 2), "float32") if "dtype" in parameters else function((1,))
    if not parameters:
        return function()
    return function(names["tf"].constant(_WEIGHTS) if framework == "tensorflow" else _WEIGHTS)


_COMPARE = """
import numpy as np, tensorflow as tf
from conformance.tests.model.test_functions import FUNCTIONS, NUMPY_ONLY, applied
different = []
for name in FUNCTIONS.keys() - NUMPY_ONLY:
    one = applied(name, "numpy", dict(np=np))
    other = applied(name, "tensorflow", dict(np=np, tf=tf))
    same = one is other
    if one is not None and other is not None:
        one, other = np.asarray(one), np.asarray(other)
        same = one.shape == other.shape and np.allclose(one, other)
    if not same:
        different.append(name)
print(different)
"""


@pytest.mark.tensorflow
def test_a_function_is_the_same_in_both_frameworks(command_environment: Mapping[str, str]) -> None:
    if not tensorflow_is_installed():
        pytest.skip("needs TensorFlow")
    done = subprocess.run(
        [sys.executable, "-c", _COMPARE], env=dict(command_environment), capture_output=True,
        text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("triple", 3 * _WEIGHTS),
        ("sum", -6.0),
        ("half l1", 18.0),
        ("clip", np.clip(_WEIGHTS, -2, 2)),
        ("double plus one", 2 * _WEIGHTS + 1),
        ("count up", np.arange(1, 13).reshape(1, 3, 2, 2)),
    ],
)
def test_a_function_does_what_its_name_says(name: str, wanted: Any) -> None:
    np.testing.assert_array_equal(applied(name, "numpy", {"np": np}), wanted)


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(
        ValueError, match="unknown function 'sqrt' in a case; known: a third in float64, clip,"
    ):
        texts_of({"function": "sqrt"})


@pytest.mark.parametrize("value", ["relu", {"class_name": "L2"}, {"function": "sum", "more": 1}, 3])
def test_plain_data_names_no_function(value: Any) -> None:
    assert texts_of(value) is None


@pytest.mark.parametrize("text", ["__import__('os').getcwd()", "np.int64(4)", ""])
def test_a_text_that_is_not_listed_is_never_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match="unknown literal"):
        resolve({"literal": text})


@pytest.mark.parametrize("name", [3, None, ["sum"]])
@pytest.mark.parametrize("kind", ["function", "literal"])
def test_a_name_that_is_no_text_is_refused(kind: str, name: Any) -> None:
    with pytest.raises(ValueError, match=f"unknown {kind}"):
        resolve({kind: name})


@pytest.mark.parametrize("text", _PLAIN)
def test_a_literal_has_a_value(text: str) -> None:
    assert resolve(literal(text)) is not None


@pytest.mark.parametrize("text", _TENSORFLOW)
def test_a_literal_of_tensorflow_is_unsupported_elsewhere(text: str) -> None:
    with pytest.raises(Unsupported, match="TensorFlow's own"):
        resolve(literal(text))


def test_a_literal_is_made_anew() -> None:
    assert resolve(literal("[2, 3]")) is not resolve(literal("[2, 3]"))


def test_a_literal_stays_the_list_that_it_is() -> None:
    found = resolve_arguments({"kernel_size": [2, 3], "strides": literal("[2, 3]")})
    assert (found["kernel_size"], found["strides"]) == ((2, 3), [2, 3])


@pytest.mark.parametrize(
    "value", [{"function": "sum"}, {"class_name": "L2", "config": {"l2": 0.5}}]
)
def test_arguments_that_are_the_same_are_one_object(value: Any) -> None:
    found = resolve_arguments({"kernel_regularizer": value, "bias_regularizer": dict(value)})
    assert found["kernel_regularizer"] is found["bias_regularizer"]
