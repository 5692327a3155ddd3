"""Layers that transform are judged in the norm of each image, which is said, and lets no wrong one through."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.cases import FAMILIES
from conformance.checks import Traits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore
from conformance.judge.judging import Tally
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.oracle.comparison import compare_numbers
from conformance.oracle.expectation import Expectation
from conformance.oracle.settling import settled
from conformance.subjects.objects import ObjectSubject

sys.path.insert(0, str(Path(__file__).parent.parent / "zoo"))
import transforms

pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered in cast")

EXAMPLES = 30
RIGHT = {layer.__name__: layer for layer in transforms.RIGHT}
WRONG = {layer.__name__: layer for layer in transforms.WRONG}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence()


def tallies(
    evidence: Evidence, layer: type, family: str, examples: int = EXAMPLES
) -> Mapping[Any, Tally]:
    return explore(
        evidence, FAMILIES[family], ObjectSubject(layer), Traits(), examples=examples, run_seed=0,
        progress=lambda _: None,
    )  # fmt: skip


@pytest.mark.parametrize("layer", RIGHT.values(), ids=RIGHT)
def test_a_right_transform_has_no_wrong_number(evidence: Evidence, layer: type) -> None:
    found = tallies(evidence, layer, "numbers")
    assert {clause: tally.failures for clause, tally in found.items() if tally.failures} == {}


@pytest.mark.parametrize("family", ["scripted DTYPE-03", "loss targets", "activation gradients"])
def test_a_transform_is_no_reason_for_a_finding_behind_the_sums(
    evidence: Evidence, family: str
) -> None:
    found = tallies(evidence, transforms.ByFFT, family)
    assert found
    assert {clause: tally.failures for clause, tally in found.items() if tally.failures} == {}


@pytest.mark.parametrize("layer", WRONG.values(), ids=WRONG)
def test_a_wrong_transform_is_caught_by_its_numbers(evidence: Evidence, layer: type) -> None:
    assert tallies(evidence, layer, "numbers")["DTYPE-02", False].failures


@pytest.mark.parametrize("family", ["activations", "activation gradients", "gradients", "sizes"])
def test_every_clause_on_results_of_a_right_transform_holds(
    evidence: Evidence, family: str
) -> None:
    found = tallies(evidence, transforms.FFT, family, 4)
    assert {clause: tally.failures for clause, tally in found.items() if tally.failures} == {}


@pytest.mark.filterwarnings("ignore:overflow encountered")
@pytest.mark.parametrize(
    "family", ["geometry", "specials", "handed over", "scripted ARG-01", "scripted GRAD-06"]
)
def test_a_transform_of_formats_of_16_bits_is_right(evidence: Evidence, family: str) -> None:
    found = tallies(evidence, transforms.HalfFFT, family, 4)
    # The page's own sentences fail with every layer.
    assert [
        clause for (clause, claims), tally in found.items() if tally.failures and not claims
    ] == []


def test_what_holds_in_the_norm_alone_is_counted(evidence: Evidence) -> None:
    assert tallies(evidence, transforms.FFT, "numbers")["VAL-01", False].normwise > 0


def test_the_layer_itself_is_accurate_element_by_element(evidence: Evidence) -> None:
    found = tallies(evidence, transforms.fast_impl.Conv2DTranspose, "numbers")
    assert sum(tally.normwise for tally in found.values()) == 0


def test_a_nan_that_spreads_over_an_image_is_wrong(evidence: Evidence) -> None:
    assert tallies(evidence, transforms.SpreadingFFT, "specials", 12)["DTYPE-05", False].failures


class OtherSlopeAtZero(transforms.fast_impl.Conv2DTranspose):
    """Its results are exact, and it takes the slope of relu on the right for that at 0."""

    def gradients(self, inputs: Any, output_gradient: Any) -> Any:
        shift = np.nextafter(np.float32(0), np.float32(1))
        bias = self.bias
        if bias is not None:
            self.bias = bias + np.float32(1e-6)
        try:
            return super().gradients(np.asarray(inputs) + shift, output_gradient)
        finally:
            if bias is not None:
                self.bias = bias


def test_an_exact_layer_may_not_take_the_other_slope_of_a_corner(evidence: Evidence) -> None:
    found = tallies(evidence, OtherSlopeAtZero, "activation gradients", 4)
    assert found["GRAD-06", False].failures


# The second bound.

TARGET = np.array([100.0, 0.0, 3.0])


def compare(got: Any, allowed: float = 0.0, wide: float = 0.1) -> Any:
    return compare_numbers(
        np.asarray(got, np.float32), TARGET, np.full(3, allowed), step=0,
        normwise=lambda: np.full(3, wide),
    )  # fmt: skip


def test_what_rounds_to_the_right_integers_is_right() -> None:
    assert compare([100.05, -0.05, 3.0]) is None


def test_what_rounds_to_another_integer_is_wrong_within_any_bound() -> None:
    assert compare([100.0, 0.0, 4.0], wide=10.0) is not None


def test_what_is_beyond_the_second_bound_is_wrong() -> None:
    assert compare([100.0, 0.0, 3.2]) is not None


def test_numbers_that_round_are_judged_by_the_second_bound_alone() -> None:
    assert compare([100.0, 0.6, 3.0], allowed=1e-6, wide=1.0) is None


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_near(special: float) -> None:
    assert compare([100.0, special, 3.0], wide=np.inf) is not None


# Steps whose numbers a transform has blurred.

KERNEL = np.arange(1, 5, dtype=np.float32).reshape(2, 2, 1, 1)
CASE = Case(
    "any",
    {"filters": 1, "kernel_size": 2, "use_bias": False},
    (
        steps.Build((1, 2, 2, 1)),
        steps.SetWeights((KERNEL,)),
        steps.Call(np.ones((1, 2, 2, 1), np.float32)),
        steps.GetWeights(),
    ),
)


def blurred(step: int, by: float) -> Observation | None:
    """What settling makes of a right observation whose step is off by so much."""
    found = ObjectSubject(transforms.fast_impl.Conv2DTranspose).observe(CASE)
    value = found.outcomes[step].value
    array = value[0] if isinstance(value, list) else value
    array += np.float32(by)
    return settled(CASE, found, Expectation(CASE))


def test_a_call_that_is_blurred_gets_its_right_numbers() -> None:
    found = blurred(2, 1e-6)
    assert found is not None
    assert found.outcomes[2].value.ravel().tolist() == [1, 3, 2, 4, 10, 6, 3, 7, 4]


def test_a_call_that_is_off_by_more_stays_as_it_is() -> None:
    assert blurred(2, 1e-2) is None


def test_weights_that_nobody_has_trained_are_never_blurred() -> None:
    assert blurred(3, 1e-6) is None
