"""Which cases a check applies to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.checks import Traits
from conformance.checks.applicability import any_axis, argument, on_tensorflow, runs_here
from conformance.model.case import Case
from conformance.model.steps import Call, GetWeights
from conformance.model.values.codec import dtype_of

TENSORFLOW = Traits(tensorflow=True)


def _layer(**arguments: Any) -> Case:
    return Case("geometry", {"filters": 3, "kernel_size": 2, **arguments}, ())


@pytest.mark.parametrize(
    ("values", "arguments", "holds"),
    [
        ((), {"name": "x"}, True),
        ((), {}, False),
        (("x", "y"), {"name": "y"}, True),
        (("x", "y"), {"name": "z"}, False),
        (("x", "y"), {}, False),
    ],
)
def test_an_argument_is_given_and_one_of_the_values(
    values: tuple[str, ...], arguments: dict[str, str], holds: bool
) -> None:
    assert argument("name", *values)(_layer(**arguments), TENSORFLOW) is holds


@pytest.mark.parametrize(
    ("tests", "same", "arguments", "holds"),
    [
        (("short",), None, {"strides": [1, 3]}, True),
        (("short",), None, {"strides": 2}, False),
        (("long",), None, {"strides": [2, 9]}, True),
        (("long",), None, {"strides": 3}, False),
        (("odd",), None, {"strides": [1, 2]}, True),
        (("odd",), None, {"strides": 2}, False),
        (("odd",), None, {"strides": [4, 4], "kernel_size": [4, 3]}, True),
        (("strided",), None, {"strides": [1, 2]}, True),
        (("strided",), None, {}, False),
        (("dilated",), None, {"dilation_rate": 2}, True),
        (("dilated",), None, {}, False),
        (("extended",), None, {"output_padding": 0}, True),
        (("extended",), None, {}, False),
        (("plain",), None, {}, True),
        (("plain",), None, {"dilation_rate": 2}, False),
        (("plain",), None, {"output_padding": 0}, False),
        ((), True, {"padding": "same"}, True),
        ((), True, {"padding": "valid"}, False),
        ((), False, {}, True),
        ((), False, {"padding": "same"}, False),
        (("short", "plain"), False, {"strides": 3, "dilation_rate": 1}, True),
        (("short", "dilated"), False, {"strides": 3}, False),
        (("long", "short"), None, {"strides": [1, 3]}, False),
        (("short",), True, {"strides": 3}, False),
    ],
)
def test_some_axis_passes_every_test(
    tests: tuple[str, ...], same: bool | None, arguments: dict[str, Any], holds: bool
) -> None:
    assert any_axis(*tests, same=same)(_layer(**arguments), TENSORFLOW) is holds


@pytest.mark.parametrize("traits", [TENSORFLOW, Traits()])
def test_on_tensorflow_is_what_it_says(traits: Traits) -> None:
    assert on_tensorflow(_layer(), traits) is traits.tensorflow


@pytest.mark.parametrize(
    ("dtype", "traits", "runs"),
    [
        ("bfloat16", Traits(tensorflow=True, release=(2, 9)), False),
        ("bfloat16", Traits(tensorflow=True, release=(2, 10)), True),
        ("bfloat16", Traits(release=(2, 9)), True),
        ("float16", Traits(tensorflow=True, release=(2, 9)), True),
    ],
)
def test_only_an_old_tensorflow_lacks_bfloat16(dtype: str, traits: Traits, runs: bool) -> None:
    case = Case("numbers", {}, (GetWeights(), Call(np.zeros((1, 1, 1, 1), dtype_of(dtype)))))
    assert runs_here(case, traits) is runs
