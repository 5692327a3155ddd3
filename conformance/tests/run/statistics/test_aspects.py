"""Aspects: what a case is about, and what a run says about each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.cases.aspects import ASPECTS, main_step, traits_of
from conformance.judge.evidence import Explored
from conformance.model.case import Case
from conformance.model.steps import Build, Call, Gradients
from conformance.run.statistics.aspects import entries, seen
from reports.records.record import Aspect, Finding

INPUTS = np.ones((1, 2, 2, 1), np.float32)


def _case(family: str = "geometry", inputs: Any = INPUTS, **arguments: Any) -> Case:
    given = {"filters": 1, "kernel_size": [2, 3], **arguments}
    return Case(family, given, (Build(inputs.shape), Call(inputs)))


@pytest.mark.parametrize(
    ("arguments", "traits"),
    [
        ({}, ()),
        ({"strides": [1, 4]}, ("kernel < stride",)),
        ({"dilation_rate": 2}, ("dilation",)),
        ({"strides": 2, "output_padding": [0, 1]}, ("output_padding",)),
        ({"data_format": "channels_first", "dtype": "float16"}, ("channels_first", "float16")),
        ({"dtype": "int32"}, ("int32",)),
    ],
)
def test_a_case_has_the_traits_of_its_arguments(
    arguments: dict[str, Any], traits: tuple[str, ...]
) -> None:
    assert traits_of(_case(**arguments)) == traits


def test_an_image_without_rows_is_empty() -> None:
    assert traits_of(_case("pairs", np.ones((1, 0, 2, 1), np.float32))) == ("empty sizes",)


def test_a_family_may_be_about_something_of_its_own() -> None:
    assert traits_of(_case("specials")) == ("NaN and infinities",)


@pytest.mark.parametrize("case", [_case("round trips"), _case(activation="relu")])
def test_a_case_about_something_else_has_none(case: Case) -> None:
    assert traits_of(case) is None


def test_the_main_step_is_the_first_that_gives_the_result() -> None:
    steps = (Build(INPUTS.shape), Gradients(INPUTS, INPUTS), Call(INPUTS))
    assert main_step(Case("gradients", {}, steps)) == 1


def _rows(
    *cases: tuple[str, tuple[str, ...], str | None], failing: Any = (), findings: Any = ()
) -> Any:
    judged = seen([Explored(*case) for case in cases], dict(failing))
    found = entries("torch", "exact", judged, findings)
    return {a.name: (a.right, a.judged, a.cause) for a in found}


def test_right_and_wrong_cases_are_counted_with_the_first_cause() -> None:
    rows = _rows(
        ("a", (), None), ("b", (), None), ("c", (), None), failing={"b": "one", "c": "two"}
    )
    assert rows == {ASPECTS[0]: (1, 3, "one")}


def test_cases_that_lack_something_are_not_counted() -> None:
    assert _rows(("a", ("int32",), "no int32")) == {"int32": (0, 0, "no int32")}


def test_a_case_counts_for_the_most_special_of_its_traits() -> None:
    assert _rows(("a", ("channels_first", "int32"), None)) == {"int32": (1, 1, None)}


def test_what_a_more_basic_trait_explains_says_nothing_about_another() -> None:
    rows = _rows(
        ("a", ("kernel < stride",), None),
        ("b", ("kernel < stride", "int32"), None),
        failing={"a": "no rows are appended", "b": "no rows are appended"},
    )
    assert rows == {"kernel < stride": (0, 1, "no rows are appended")}


def test_a_diagnosis_of_a_finding_names_the_cause() -> None:
    finding = Finding(
        clause="PAD-01", subject="torch", mode="exact", message="wrong",
        case=_case(strides=[1, 4]).to_json(), diagnosis="short kernels are centred",
    )  # fmt: skip
    rows = _rows(("a", ("kernel < stride",), None), failing={"a": "wrong"}, findings=[finding])
    assert rows["kernel < stride"] == (0, 1, "short kernels are centred")


def test_aspects_come_in_their_order() -> None:
    cases = [Explored("a", ("dilation",), None), Explored("b", (), None)]
    found = entries("torch", "exact", seen(cases, {}), ())
    assert found == (
        Aspect("torch", "exact", "kernel ≥ stride", 1, 1),
        Aspect("torch", "exact", "dilation", 1, 1),
    )
