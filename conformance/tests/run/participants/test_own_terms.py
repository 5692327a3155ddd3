"""What offers no bias, or channels_first alone, is asked all that means something without the default."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import conformance
import fast_impl
from conformance.model.case import Case
from conformance.model.steps import Build, Call, Invoke, SetWeights
from conformance.run.participants.plainest import PLAIN, Plainest

SIZES = (1, 2, 3, 4)
WEIGHTS = (np.ones((1, 1, 2, 4), np.float32), np.ones(2, np.float32))
STEPS = (Build(SIZES), SetWeights(WEIGHTS), Call(np.ones(SIZES, np.float32)))
CASE = Case("geometry", {"filters": 2, "kernel_size": 1}, STEPS)


def test_what_has_all_defaults_is_asked_as_the_case_says() -> None:
    assert PLAIN.in_own_terms(CASE) is CASE


def test_what_has_no_bias_is_asked_without_one() -> None:
    asked = Plainest(use_bias=False).in_own_terms(CASE)
    (given,) = (step.values for step in asked.steps if isinstance(step, SetWeights))
    assert (asked.argument("use_bias"), [w.ndim for w in given]) == (False, [4])


def test_what_has_channels_first_is_asked_with_channels_first() -> None:
    asked = Plainest(data_format="channels_first").in_own_terms(CASE)
    shapes = [getattr(s, "input_shape", np.shape(getattr(s, "inputs", 0))) for s in asked.steps]
    assert (asked.argument("data_format"), shapes) == (
        "channels_first",
        [(1, 4, 2, 3), (), (1, 4, 2, 3)],
    )
    # How an array lies in memory is the matter of situations alone.
    assert asked.steps[2].inputs.flags.c_contiguous


OTHERS = {
    "scripted": Case("scripted ARG-03", CASE.arguments, STEPS),
    "steps": Case("geometry", CASE.arguments, (*STEPS, Invoke("count_params"))),
    "named": Case("geometry", {**CASE.arguments, "use_bias": True}, STEPS),
    "one weight": Case("geometry", CASE.arguments, (Build(SIZES), SetWeights(WEIGHTS[:1]))),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_what_would_mean_something_else_stays_as_it_is(case: Case) -> None:
    assert Plainest(use_bias=False).in_own_terms(case) is case


def test_what_has_not_four_axes_stays_as_it_is() -> None:
    flat = Case("geometry", CASE.arguments, (Call(np.ones((2, 3), np.float32)),))
    assert Plainest(data_format="channels_first").in_own_terms(flat) is flat


def _bare(inputs: Any, kernel: Any, strides: Any, padding: Any) -> Any:
    return fast_impl.conv2d_transpose(inputs, kernel, strides, padding)


def test_a_function_without_a_bias_is_judged_on_what_needs_none() -> None:
    clauses = ("PAD-*", "SHAPE-0[12]", "BIAS-*", "VAL-01")
    result = conformance.check(_bare, profile="smoke", clause=clauses, examples=3)
    found = {verdict.clause: verdict.status for verdict in result.verdicts}
    assert [found[name] for name in ("PAD-01", "PAD-02", "PAD-03", "SHAPE-01")] == ["pass"] * 4
    assert (found["BIAS-01"], found["BIAS-02"]) == ("unsupported", "unsupported")


def _shifted(inputs: Any, kernel: Any, strides: Any, padding: Any) -> Any:
    outputs = fast_impl.conv2d_transpose(inputs, kernel, strides, padding)
    return (
        np.roll(outputs, 1, 1) if padding == "same" and len(kernel) >= strides[0] > 1 else outputs
    )


def test_a_mistake_of_such_a_function_is_the_matter_of_its_own_clause() -> None:
    clauses = ("PAD-*", "SHAPE-0[12]", "BIAS-*", "VAL-01", "FMT-01")
    result = conformance.check(_shifted, profile="smoke", clause=clauses)
    assert [(f.clause, f.case["arguments"]["use_bias"]) for f in result.findings] == [
        ("PAD-01", False)
    ]


def _pair(inputs: Any, kernel: Any, strides: Any, padding: Any, data_format: Any) -> Any:
    return fast_impl.conv2d_transpose(inputs, kernel, strides, padding, data_format)


_pair.gradients = fast_impl.conv2d_transpose_gradients  # type: ignore[attr-defined]


class _Engine:
    """Knows no other layer than one of channels_first without a bias."""

    def __init__(self, *args: Any, data_format: Any = "channels_first", **more: Any) -> None:
        if data_format != "channels_first" or more.pop("use_bias", False):
            raise NotImplementedError("only channels_first, without a bias")
        self._layer = fast_impl.Conv2DTranspose(
            *args, data_format=data_format, use_bias=False, **more
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_layer"], name)

    def __call__(self, inputs: Any) -> Any:
        return self._layer(inputs)

    def build(self, shape: Any) -> None:
        self._layer.build(shape)

    def set_weights(self, weights: Any) -> None:
        self._layer.set_weights(weights)


@pytest.mark.parametrize("right", [_pair, _Engine])
def test_nothing_is_wrong_in_own_terms_that_is_right_with_the_defaults(right: Any) -> None:
    clauses = ("GRAD-*", "SHAPE-*", "PAD-*", "VAL-*", "DTYPE-0[2-6]", "FMT-*", "LIFE-*", "KILL-*")
    result = conformance.check(right, profile="smoke", clause=clauses, examples=5)
    assert [(f.clause, f.message) for f in result.findings] == []
