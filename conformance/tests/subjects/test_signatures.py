"""A bare function is given the page's arguments by its own parameters, whatever their order and names."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import conformance
import fast_impl
from conformance.findings.scripts import script_for
from conformance.model.case import Case
from conformance.model.observation import Outcome
from conformance.model.steps import Build, Call, Gradients, SetWeights
from conformance.oracle.comparison import Mismatch
from conformance.subjects.backend import observe
from conformance.subjects.layer import FunctionBackend
from conformance.subjects.loading import LoadError, backend_class, driven_as
from conformance.subjects.signatures import arguments_of, taken_by

Function = Callable[..., Any]
right = fast_impl.conv2d_transpose


def of_the_page(inputs, kernel, strides, padding, data_format):  # type: ignore[no-untyped-def]
    return right(inputs, kernel, strides, padding, data_format)


def of_other_names(x, w, stride=(1, 1), pad="valid", layout="channels_last"):  # type: ignore[no-untyped-def]
    return right(x, w, stride, pad, layout)


def by_place(x, w, stride, pad, layout, /):  # type: ignore[no-untyped-def]
    return right(x, w, stride, pad, layout)


def in_another_order(inputs, kernel, padding="valid", strides=(1, 1), bias=None):  # type: ignore[no-untyped-def]
    return right(inputs, kernel, strides, padding, bias=bias)


def with_a_bias_early(x, w, strides, padding, bias=None, data_format="channels_last"):  # type: ignore[no-untyped-def]
    return right(x, w, strides, padding, data_format, bias=bias)


def without_layout(inputs, kernel, strides, padding):  # type: ignore[no-untyped-def]
    return right(inputs, kernel, strides, padding)


def without_strides(x, w, *, padding):  # type: ignore[no-untyped-def]
    return right(x, w, 1, padding)


def of_any_names(x, w, **options):  # type: ignore[no-untyped-def]
    return right(x, w, **options)


def of_any_place(*arguments):  # type: ignore[no-untyped-def]
    return right(*arguments)


def of_places_behind_a_name(x, w, strides, *others):  # type: ignore[no-untyped-def]
    return right(x, w, strides, *others)


FUNCTIONS: tuple[Function, ...] = (
    of_the_page, of_other_names, by_place, in_another_order, with_a_bias_early, without_layout, without_strides,
    of_any_names, of_any_place, of_places_behind_a_name,
)  # fmt: skip
INPUTS = np.arange(24, dtype=np.float32).reshape(1, 3, 4, 2)
KERNEL, BIAS = np.arange(36, dtype=np.float32).reshape(2, 3, 3, 2), np.arange(3, dtype=np.float32)
#: Arguments of the page; the bias is a weight.
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"strides": 1}, {"strides": [1, 1], "padding": "valid"}, {"strides": 2}, {"strides": [2, 3]},
    {"padding": "same"},
    {"padding": "same", "strides": [3, 1]}, {"data_format": "channels_last"}, {"data_format": "channels_first"},
    {"dilation_rate": 2}, {"output_padding": 1, "strides": 2}, {"bias": True}, {"bias": True, "padding": "same"},
)  # fmt: skip


def _called(function: Function, options: Mapping[str, Any]) -> Outcome:
    is_first = options.get("data_format") == "channels_first"
    weights = (KERNEL, BIAS) if "bias" in options else (KERNEL,)
    call = Call(INPUTS.transpose(0, 3, 1, 2) if is_first else INPUTS)
    arguments = {k: v for k, v in options.items() if k != "bias"}
    case = Case(
        "any", {"filters": 3, "kernel_size": [2, 3], **arguments}, (SetWeights(weights), call)
    )
    return observe(case, FunctionBackend(function)).outcomes[-1]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_function_that_computes_right_is_never_called_wrongly(function: Function) -> None:
    got = [(_called(function, options), _called(right, options)) for options in OPTIONS]
    assert [one.error for pair in got for one in pair if one.error] == []
    judged = [(one.value, other.value) for one, other in got if one.unsupported is None]
    assert len(judged) >= 4
    assert all(np.array_equal(value, wanted) for value, wanted in judged)


BY_NAME = {"bias", "dilation_rate", "output_padding"}


@pytest.mark.parametrize(
    ("function", "lacking"),
    {
        of_the_page: BY_NAME,
        of_other_names: BY_NAME,
        in_another_order: {"data_format", "dilation_rate", "output_padding"},
        with_a_bias_early: {"dilation_rate", "output_padding"},
        without_layout: {*BY_NAME, "data_format"},
        without_strides: {*BY_NAME, "data_format", "strides"},
        of_any_names: set(),
    }.items(),
)
def test_what_a_function_does_not_take_is_unsupported(
    function: Function, lacking: set[str]
) -> None:
    told = {
        outcome.unsupported
        for options in OPTIONS
        if (outcome := _called(function, options)).unsupported
    }
    assert told == {f"the function takes no {name!r}" for name in lacking}


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (
            lambda *, inputs, kernel, strides: None,
            "it does not take inputs and a kernel by position",
        ),
        (lambda x, w: None, "it takes neither strides nor padding"),
        # Nobody knows which of them is which behind a bias.
        (lambda x, w, bias, step, border: None, "it takes neither strides nor padding"),
        (lambda x, w, bias, output_padding: None, "it takes neither strides nor padding"),
        (
            lambda x, w, strides, padding, data_format, groups: None,
            "nothing is known to be given as groups",
        ),
        (
            lambda x, w, strides, *, tiles, lanes: None,
            "nothing is known to be given as tiles and lanes",
        ),
    ],
)
def test_what_cannot_be_called_so_is_refused(function: Function, reason: str) -> None:
    with pytest.raises(
        LoadError, match=rf"^mine takes .*: neither a layer's arguments .*: {reason}$"
    ):
        backend_class(function, "mine")


def test_a_function_in_c_is_given_all_by_place() -> None:
    placed, named = arguments_of(taken_by(max), {"strides": (2, 2), "bias": 1})
    assert (placed, named) == ([(2, 2), "valid", "channels_last"], {"bias": 1})


def test_a_default_that_is_spelled_otherwise_needs_no_parameter() -> None:
    assert arguments_of({"padding": "pad"}, {"strides": [1, 1]}) == ([], {"pad": "valid"})
    with pytest.raises(KeyError, match="strides"):
        arguments_of({"padding": "pad"}, {"strides": [1, 2]})


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_the_script_of_a_finding_calls_the_function_as_the_suite_does(
    function: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs, kernel = np.ones((1, 2, 2, 1), np.float32), np.ones((1, 2, 1, 1), np.float32)
    arguments: Mapping[str, Any] = {"filters": 1, "kernel_size": [1, 2], "padding": "same"}
    case = Case("geometry", arguments, (SetWeights((kernel,)), Call(inputs)))
    spec = f"{__name__}:{function.__name__}"
    script = script_for(
        spec,
        "eager",
        case,
        Mismatch("wrong", step=1),
        is_command=False,
        driven_as=driven_as(function),
    )
    lines = [line for line in script.splitlines() if not line.startswith("from conformance.tests")]
    exec("\n".join(lines), {function.__name__: function})
    assert capsys.readouterr().out.strip() == str(right(inputs, kernel, 1, "same"))


def test_operators_are_no_convolutions() -> None:
    with pytest.raises(LoadError, match="neither strides nor padding"):
        backend_class(operator.add, "operator.add")


def both_ways(inputs, kernel, strides, padding, data_format, *, bias=None):  # type: ignore[no-untyped-def]
    return right(inputs, kernel, strides, padding, data_format, bias=bias)


both_ways.gradients = fast_impl.conv2d_transpose_gradients  # type: ignore[attr-defined]

BACK = Case(
    "gradients",
    {"filters": 1, "kernel_size": 1, "strides": [2, 1], "padding": "same"},
    (
        Build((1, 1, 1, 1)),
        SetWeights((np.full((1, 1, 1, 1), 3, np.float32), np.ones(1, np.float32))),
        Gradients(np.full((1, 1, 1, 1), 5, np.float32), np.ones((1, 2, 1, 1), np.float32)),
    ),
)


def test_the_second_function_of_a_pair_gives_gradients() -> None:
    *_, found = observe(BACK, FunctionBackend(both_ways)).outcomes
    assert [gradient.ravel().tolist() for gradient in found.value] == [[3], [5], [2]]


def test_a_gradient_of_no_bias_is_left_out() -> None:
    *steps, last = BACK.steps
    without = Case(
        "gradients",
        {**BACK.arguments, "use_bias": False},
        (steps[0], SetWeights(steps[1].values[:1]), last),  # type: ignore[attr-defined]
    )
    *_, found = observe(without, FunctionBackend(both_ways)).outcomes
    assert found.value[2:] == [None]


def test_a_function_alone_has_no_gradients() -> None:
    *_, found = observe(BACK, FunctionBackend(of_the_page)).outcomes
    assert found.unsupported == "a bare function has no 'gradients': only a layer (a class) does"


def test_the_script_of_gradients_calls_the_second_function(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mismatch = Mismatch("wrong", 0.0, 0.0, 2)
    script = script_for(
        f"{__name__}:both_ways",
        "eager",
        BACK,
        mismatch,
        is_command=False,
        driven_as=driven_as(both_ways),
    )
    exec(script, {})
    assert "kernel=array([[[[5.]]]]" in capsys.readouterr().out.replace("\n", "")


def test_wrong_gradients_of_a_pair_are_found() -> None:
    def pair(inputs: Any, kernel: Any, strides: Any, padding: Any, data_format: Any) -> Any:
        return right(inputs, kernel, strides, padding, data_format)

    def back(
        inputs: Any, kernel: Any, given: Any, strides: Any, padding: Any, data_format: Any
    ) -> Any:
        found = fast_impl.conv2d_transpose_gradients(
            inputs, kernel, given, strides, padding, data_format
        )
        return found.inputs, found.kernel[::-1]

    pair.gradients = back  # type: ignore[attr-defined]
    result = conformance.check(pair, profile="smoke", clause=("GRAD-01", "VAL-01"), examples=3)
    assert [finding.clause for finding in result.findings] == ["GRAD-01"]
