"""What becomes of a backend's answers, and that an observation survives JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from conformance.model import steps
from conformance.model.case import Case
from conformance.model.observation import Error, Observation, Outcome, Unsupported
from conformance.subjects.backend import observe, plain
from conformance.subjects.layer import LayerBackend


class _Backend:
    """Does what `answers` say, by the step's name; keeps what it was asked."""

    moment = ""
    modified: tuple[str, ...] = ()
    may_lack = True

    def __init__(self, **answers: Any) -> None:
        self.asked: list[str] = []
        self._answers = {"construct": None, **answers}

    def construct(self, case: Case) -> None:
        self._answer("construct")

    def later(self, outcomes: Any) -> Any:
        return outcomes

    def do(self, step: steps.Step) -> Any:
        if step.tag not in self._answers:
            return step.run(None)  # type: ignore[arg-type]
        return self._answer(step.tag)

    def _answer(self, name: str) -> Any:
        self.asked.append(name)
        answer = self._answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.asked.append("close")


CASE = Case("any", {}, (steps.Losses(), steps.GetWeights()))


def test_each_step_has_an_outcome() -> None:
    seen = observe(CASE, _Backend(losses=[1.0], get_weights="two"))
    assert [outcome.value for outcome in seen.outcomes] == [[1.0], "two"]


def test_an_exception_is_an_outcome_and_the_next_step_is_tried() -> None:
    seen = observe(CASE, _Backend(losses=KeyError("gone"), get_weights="two"))
    assert seen.outcomes[0].error == Error(
        ("KeyError", "LookupError", "Exception", "BaseException"), "'gone'", "losses"
    )
    assert seen.outcomes[1].value == "two"


@pytest.mark.parametrize("absence", [Unsupported("no losses"), NotImplementedError("no losses")])
def test_an_absence_is_no_error(absence: Exception) -> None:
    seen = observe(CASE, _Backend(losses=absence, get_weights=1))
    assert (seen.outcomes[0].unsupported, seen.outcomes[0].error) == ("no losses", None)


def test_an_absence_without_words_is_named() -> None:
    seen = observe(CASE, _Backend(losses=NotImplementedError(), get_weights=1))
    assert seen.outcomes[0].unsupported == "losses raised NotImplementedError"


def test_a_step_that_the_backend_lacks_is_unsupported() -> None:
    seen = observe(Case("any", {}, (steps.WeightNames(),)), _Backend())
    assert seen.outcomes[0].unsupported == "has no step 'weight_names'"


@pytest.mark.parametrize("reason", [ValueError("no"), Unsupported("no")])
def test_a_constructor_that_raised_ends_the_case(reason: Exception) -> None:
    backend = _Backend(construct=reason, losses=1, get_weights=1)
    assert observe(CASE, backend).outcomes == ()
    assert backend.asked == ["construct", "close"]


class _Layer:
    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments


def test_a_step_is_done_in_its_own_way() -> None:
    listed = (steps.Construct("other", {"filters": 2}), steps.Read("arguments"))
    seen = observe(Case("any", {}, listed), LayerBackend(_Layer))
    assert seen.outcomes[1].value == {"filters": 2}


def test_a_step_is_done_by_the_method_of_a_backend_that_has_one() -> None:
    class Own(LayerBackend):
        def do_read(self, step: steps.Read) -> str:
            return f"reads {step.attribute}"

    seen = observe(Case("any", {}, (steps.Read("name"),)), Own(_Layer))
    assert seen.outcomes[0].value == "reads name"


def test_the_backend_is_closed_whatever_happens() -> None:
    backend = _Backend()

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        observe(CASE, backend, interrupt)
    assert backend.asked == ["construct", "close"]


def test_plain_copies_an_array() -> None:
    array = np.ones(2)
    copied = plain([array])
    array[0] = 7
    assert copied[0].tolist() == [1, 1]


def test_plain_makes_lists_of_tuples_and_texts_of_keys() -> None:
    assert plain({1: (2, None)}) == {"1": [2, None]}


@pytest.mark.parametrize(
    "seen",
    [
        Observation(Outcome(), (Outcome(value=[1.5, None, "text"]),)),
        Observation(Outcome(error=Error(("A", "B"), "why", "construct"))),
        Observation(
            Outcome(), (Outcome(unsupported="nothing"), Outcome(value=3, modified=("inputs",)))
        ),
        Observation(crash="ended by signal 11"),
    ],
    ids=["values", "error", "unsupported", "crash"],
)
def test_an_observation_survives_json(seen: Observation) -> None:
    again = Observation.from_json(json.loads(json.dumps(seen.to_json())))
    assert (again.crash, len(again.outcomes)) == (seen.crash, len(seen.outcomes))
    for one, other in zip((again.constructed, *again.outcomes), (seen.constructed, *seen.outcomes)):
        assert (one.value, one.error, one.unsupported, one.modified) == (
            other.value, other.error, other.unsupported, other.modified,
        )  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"outcomes": 3},
        {"outcomes": [3]},
        {"outcomes": [{"error": {"types": [], "message": "", "moment": ""}}]},
        {"outcomes": [{"error": {"types": "ValueError", "message": "", "moment": ""}}]},
        {"outcomes": [{"error": {"types": ["ValueError"]}}]},
        {"outcomes": [{"value": {"shape": [2], "dtype": "float32", "base64": ""}}]},
    ],
    ids=[
        "nothing",
        "a number",
        "no outcome",
        "no types",
        "types as text",
        "no message",
        "no bytes",
    ],
)
def test_what_is_no_observation_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="not an observation"):
        Observation.from_json(data)


def test_an_error_is_told_in_one_line() -> None:
    assert str(Error(("ValueError",), "first\nsecond", "call")) == "ValueError at call: first"
