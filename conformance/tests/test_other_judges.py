"""Distributions of initial values, signatures and lists of methods, as their checks see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtr

from conformance.case import Case, Has, Signature
from conformance.checks import CHECKS, Traits, View, initializers
from conformance.comparison import Mismatch
from conformance.observation import Observation, Outcome
from conformance.oracle import Expectation

JUDGES = {check.name: check.judge for check in CHECKS}
PLACES = np.array([-9.0, -4.0, -2.0, 0.0, 2.0, 4.0, 9.0])
#: A normal of deviation 2 that is cut at two deviations, at `PLACES`.
CUT = [
    0.0,
    0.0,
    (ndtr(-1) - ndtr(-2)) / (1 - 2 * ndtr(-2)),
    0.5,
    (ndtr(1) - ndtr(-2)) / (1 - 2 * ndtr(-2)),
    1.0,
    1.0,
]


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: initializers._uniform(4.0), [0.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]),
        (lambda: initializers._normal(2.0), ndtr(PLACES / 2)),
        (lambda: initializers._cut_normal(2.0), CUT),
        (lambda: initializers._scaled(4.0 * 0.87962566103423978**2), CUT),
    ],
    ids=["uniform", "normal", "cut normal", "scaled"],
)
def test_a_distribution_is_its_formula(make: Callable[[], Any], wanted: Any) -> None:
    assert make()(PLACES) == pytest.approx(np.asarray(wanted), abs=1e-15)


def _judged(judge: str, step: Any, value: Any) -> Mismatch | None:
    case = Case("signatures", {"filters": 3, "kernel_size": 2}, (step,))
    observation = Observation(outcomes=(Outcome(value=value),))
    return JUDGES[judge](View(case, observation, Expectation(case), Traits()))


def _signature(bias_initializer: str | None) -> list[list[Any]]:
    defaults = {
        "filters": None, "kernel_size": None, "strides": "(1, 1)", "padding": "'valid'",
        "data_format": "'channels_last'", "activation": "None", "use_bias": "True",
        "kernel_initializer": "None", "bias_initializer": bias_initializer,
        "kernel_regularizer": "None", "bias_regularizer": "None", "activity_regularizer": "None",
        "kernel_constraint": "None", "bias_constraint": "None", "trainable": "True", "name": "None",
    }  # fmt: skip
    named = [[name, "POSITIONAL_OR_KEYWORD", text] for name, text in defaults.items()]
    return [*named, ["kwargs", "VAR_KEYWORD", None]]


def test_the_default_of_the_bias_initializer_may_be_any_object() -> None:
    assert _judged("check_signature", Signature(), _signature("<zeros at 0x7f>")) is None


def test_the_bias_initializer_has_a_default() -> None:
    found = _judged("check_signature", Signature(), _signature(None))
    assert found is not None
    assert found.message == "bias_initializer should default to Zeros, defaults to None"


def test_another_default_is_told() -> None:
    signature = _signature("zeros")
    signature[2][2] = "(2, 2)"
    found = _judged("check_signature", Signature(), signature)
    assert found is not None
    assert found.message == "strides should default to (1, 1), defaults to (2, 2)"


def test_every_missing_method_is_told() -> None:
    step = Has(("apply", "convolution_op", "get_losses_for", "get_updates_for"))
    found = _judged("claim_the_listed_methods_exist", step, [True, True, False, False])
    assert found is not None
    assert found.message == "the layer has no get_losses_for, get_updates_for"
