"""No known mistake is named where the subject crashes, hangs, raises, or differs by less than is compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest

import fast_impl
from conformance.cases import FAMILIES
from conformance.checks import Traits
from conformance.findings.agreement import agree, lacks_more
from conformance.findings.diagnosis import Diagnostician
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome
from conformance.strength.mistakes import MISTAKES
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from conformance.tests.zoo.transforms import ByFFT

pytestmark = pytest.mark.diagnosis

EXAMPLES = 12


class Subject:
    """A layer that ends its process on some cases, in the words of whoever asked."""

    mode = "eager"

    def __init__(
        self, layer: type, crash: str = "", ends: Callable[[Case], bool] = lambda _: False
    ) -> None:
        self.name = self.spec = "somebody's layer"
        self._layer, self._crash, self._ends = layer, crash, ends

    def observe(self, case: Case) -> Observation:
        if self._ends(case):
            return Observation(crash=self._crash)
        return observe(case, LayerBackend(self._layer))


def diagnoses(subject: Subject, *families: str) -> dict[str, str | None]:
    """Return what is said of each clause that fails on some families."""
    workbench = Evidence()
    failures = {}
    for family in families:
        found = explore(
            workbench, FAMILIES[family], subject, Traits(), examples=EXAMPLES, run_seed=0,
            progress=lambda _: None,
        )  # fmt: skip
        for (clause, claims), tally in found.items():
            if tally.failures and not claims:
                failures.setdefault(clause, []).extend(tally.failures)
    assert failures
    diagnostician = Diagnostician(workbench, examples=EXAMPLES, run_seed=0)
    return {
        clause: diagnostician.diagnose(subject, clause, found)
        for clause, found in sorted(failures.items())
    }


class PassesOn(fast_impl.Conv2DTranspose):
    """Passes its arguments on to what takes six of them, and refuses the others in words of its own."""

    def __init__(self, *args, **kwargs):
        def base(filters, kernel_size, strides=(1, 1), padding="valid", use_bias=True, name=None):
            return (filters, kernel_size, strides, padding), {"use_bias": use_bias, "name": name}

        try:
            positional, keywords = base(*args, **kwargs)
        except TypeError:
            raise TypeError("six arguments will do") from None
        super().__init__(*positional, **keywords)


class NamesOnly(fast_impl.Conv2DTranspose):
    """Refuses every layer without a name, and is no reading of the page by that."""

    def __init__(self, filters, kernel_size, **kwargs):
        if "activation" in kwargs:
            raise TypeError("no activations")
        super().__init__(filters, kernel_size, **kwargs)


class Guarded(fast_impl.Conv2DTranspose):
    """Takes four arguments, and refuses sizes below zero in its own words; many a mistake has no such method."""

    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid"):
        super().__init__(filters, kernel_size, strides, padding.lower())

    def compute_output_shape(self, input_shape):
        if any(size is not None and size < 0 for size in input_shape):
            raise TypeError("sizes are counts")
        return super().compute_output_shape(input_shape)


class LastBit(fast_impl.Conv2DTranspose):
    """Gives outputs whose last bits are different at every call."""

    calls = itertools.count()

    def __call__(self, inputs, *args, **kwargs):
        outputs = super().__call__(inputs, *args, **kwargs)
        if isinstance(outputs, np.ndarray) and outputs.dtype == np.float32:
            return np.nextafter(outputs, np.float32((-1) ** next(self.calls) * np.inf))
        return outputs


def builds_twice(case: Case) -> bool:
    return sum(isinstance(step, steps.Build) for step in case.steps) > 1


SEGMENTATION_FAULT = "the process was killed by signal 11 (SIGSEGV)"
HANG = "no answer within 20 seconds"

RIGHT = {
    "passes on, activations": (Subject(PassesOn), ("activations", "losses")),
    "passes on, arguments": (Subject(PassesOn), ("scripted ARG-07", "scripted MIG-04")),
    "refuses activations": (Subject(NamesOnly), ("activations", "activation results")),
    "dies of a second build": (
        Subject(fast_impl.Conv2DTranspose, SEGMENTATION_FAULT, builds_twice),
        ("scripted VAR-15", "scripted METH-03"),
    ),
    "dies of every case": (
        Subject(fast_impl.Conv2DTranspose, SEGMENTATION_FAULT, lambda _: True),
        ("scripted VAR-15", "geometry"),
    ),
    "hangs on long strides": (
        Subject(fast_impl.Conv2DTranspose, HANG, lambda case: case.family == "killers KILL-04"),
        ("killers KILL-04",),
    ),
    "hangs on every regularizer": (
        Subject(
            fast_impl.Conv2DTranspose, HANG, lambda case: "kernel_regularizer" in case.arguments
        ),
        ("regularizer forms", "losses"),
    ),
    "refuses negative sizes": (Subject(Guarded), ("shape questions",)),
    "rounds like an FFT": (Subject(ByFFT), ("repeats", "geometry", "specials")),
}


@pytest.mark.filterwarnings("ignore")
def test_a_last_bit_that_varies_is_no_finding() -> None:
    """Small integers are right once they are rounded: a transform gives no more than that."""
    for family in ("repeats", "geometry"):
        found = explore(
            Evidence(), FAMILIES[family], Subject(LastBit), Traits(), examples=EXAMPLES, run_seed=0,
            progress=lambda _: None,
        )  # fmt: skip
        judged = [tally for (_, claims), tally in found.items() if not claims]
        assert judged
        assert not any(tally.failures for tally in judged)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.filterwarnings("ignore")
def test_nobody_is_named_wrongly(name: str) -> None:
    subject, families = RIGHT[name]
    assert set(diagnoses(subject, *families).values()) == {None}


@pytest.mark.filterwarnings("ignore")
def test_a_mistake_is_named_beside_cases_that_it_raises_on() -> None:
    told = diagnoses(Subject(MISTAKES["M02_height"].layer), "geometry")
    assert "equals the known mistake M02_height" in told["PAD-01"]


def seen(*values: object) -> Observation:
    return Observation(outcomes=tuple(Outcome(value=value) for value in values))


@pytest.mark.parametrize(
    "other",
    [
        Observation(),
        Observation(crash=HANG),
        Observation(not_tried="no time"),
        Observation(Outcome(unsupported="takes no name")),
        Observation(Outcome(error=Error(("TypeError", "Exception"), "no name", "construct"))),
        Observation(crash=HANG, outcomes=(Outcome(value=1),)),
        seen(1, 2),
    ],
)
def test_an_observation_of_other_steps_agrees_with_none(other: Observation) -> None:
    case = Case("any", {}, (steps.GetWeights(),) * 2)
    assert (agree(case, seen(1), other), agree(case, other, seen(1))) == (False, False)


LACKS = Outcome(unsupported="the class has no such method")


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (Observation(outcomes=(LACKS,)), seen(1), True),
        (Observation(outcomes=(LACKS,)), Observation(outcomes=(LACKS,)), False),
        (seen(1), Observation(outcomes=(LACKS,)), False),
        (Observation(LACKS), seen(1), True),
        (seen(1), seen(2), False),
    ],
)
def test_what_a_layer_lacks_explains_nothing_that_another_did(
    one: Observation, other: Observation, wanted: bool
) -> None:
    assert lacks_more(one, other) == wanted


def test_two_crashes_do_not_agree() -> None:
    case = Case("any", {}, ())
    assert not agree(case, Observation(crash=HANG), Observation(crash=HANG))
