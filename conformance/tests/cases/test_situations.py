"""Cases in situations: the steps of a situation stand beside the case's own, which stay as they are."""

from __future__ import annotations

import json

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.cases import FAMILIES
from conformance.cases.situations import FAMILIES as SITUATED
from conformance.cases.situations import drawn_in_situations, situated
from conformance.model import steps
from conformance.model.case import Case
from conformance.model.situation import KINDS, Situation

PAIRS = [(family, name) for family in SITUATED for name in SITUATED[family]]


def _plain(family: str) -> Case:
    """A case of the family that has arrays and weights."""
    return next(c for c in FAMILIES[family].fixed if c.situation is not None).without_situation


@pytest.mark.parametrize(("family", "name"), PAIRS)
def test_every_run_has_a_case_of_the_family_in_the_situation(family: str, name: str) -> None:
    found = {case.situation.name for case in FAMILIES[family].fixed if case.situation is not None}
    assert name in found


@pytest.mark.parametrize(("family", "name"), [pair for pair in PAIRS if pair[1] != "repeated"])
def test_without_its_situation_a_case_is_the_one_it_was(family: str, name: str) -> None:
    plain = _plain(family)
    assert situated(plain, name).without_situation.id == plain.id


@pytest.mark.parametrize("name", KINDS)
def test_the_situation_is_part_of_the_id(name: str) -> None:
    case = situated(_plain("geometry"), name)
    assert case.id != case.without_situation.id


@pytest.mark.parametrize("name", KINDS)
def test_a_situation_survives_json(name: str) -> None:
    case = situated(_plain("geometry"), name)
    assert Case.from_json(json.loads(json.dumps(case.to_json()))).situation == case.situation


def test_a_case_without_a_situation_says_nothing_of_it() -> None:
    assert "situation" not in _plain("geometry").to_json()


@pytest.mark.parametrize(
    "data",
    [
        3,
        {},
        {"name": "upside down"},
        {"name": "sliced", "aside": 3},
        {"name": "sliced", "aside": [-1]},
    ],
)
def test_json_that_is_no_situation_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="situation"):
        Case.from_json({**_plain("geometry").to_json(), "situation": data})


def test_a_case_without_weights_has_no_room_for_other_weights() -> None:
    case = Case("geometry", {"filters": 1, "kernel_size": 1}, (steps.Build((1, 2, 3, 1)),))
    assert situated(case, "other weights before") is case


def test_training_before_is_followed_by_the_weights_of_the_case() -> None:
    case = situated(_plain("constraints"), "called before")
    kinds = [type(step) for step in case.steps]
    last_aside = max(case.situation.aside)
    assert kinds[last_aside] is steps.Train
    assert kinds[last_aside + 1] is steps.SetWeights


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(SITUATED)), st.data())
def test_a_drawn_situation_leaves_the_case_as_it_was(family: str, data: st.DataObject) -> None:
    plain = _plain(family)
    case = data.draw(drawn_in_situations(family, st.just(plain)))
    if case.situation is not None and case.situation.name != "repeated":
        assert case.without_situation.id == plain.id


def test_images_of_as_many_pixels_come_before() -> None:
    (case, *_) = (c for c in FAMILIES["geometry"].fixed if c.situation_name == "other sizes before")
    shapes = [step.inputs.shape for step in case.steps if isinstance(step, steps.Call)]
    batch, height, width, channels = shapes[-1]
    assert (batch, width, height, channels) in shapes


def test_inputs_of_the_same_sum_come_before() -> None:
    (case, *_) = (c for c in FAMILIES["geometry"].fixed if c.situation_name == "other calls around")
    *_, before, own, _ = (step.inputs for step in case.steps if isinstance(step, steps.Call))
    assert before.sum() == own.sum()
    assert before.tolist() != own.tolist()


def test_a_situation_names_steps_by_their_index() -> None:
    case = attrs.evolve(_plain("geometry"), situation=Situation("sliced", (0,)))
    assert [index for index, _ in case.own_steps] == [1, 2, 3, 4]
