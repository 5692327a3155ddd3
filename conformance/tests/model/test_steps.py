"""Steps: each kind is one class, known by its tag."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from conformance.findings.dialects import LayerWords
from conformance.model import steps
from conformance.model.values.codec import Value
from conformance.subjects.layer import LayerBackend


def test_a_kind_of_step_is_known_as_soon_as_its_class_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps.step, "KINDS", dict(steps.KINDS))

    @attrs.frozen
    class TurnRound(steps.Step):
        times: int

        def run(self, backend: steps.Backend) -> Value:
            return self.times

    data = {"times": 2, "do": "turn_round"}
    assert steps.Step.from_json(data) == TurnRound(2)
    assert TurnRound(2).to_json() == data


@pytest.mark.parametrize("kind", steps.KINDS.values(), ids=str)
def test_every_kind_is_public_by_its_name(kind: type[steps.Step]) -> None:
    assert getattr(steps, kind.__name__) is kind


@pytest.mark.parametrize("kind", steps.KINDS.values(), ids=str)
def test_every_kind_says_what_it_does(kind: type[steps.Step]) -> None:
    assert (kind.__doc__ or "").endswith(".") or "\n" in (kind.__doc__ or "")


def test_a_step_that_asks_for_losses_is_not_one_that_asks_for_updates() -> None:
    assert not isinstance(steps.UpdatesFor("inputs"), steps.LossesFor)


class Lists:
    """A layer that gives its own lists."""

    def __init__(self, **_: object) -> None:
        self.weights = [1, 2]

    def get_losses_for(self, _: object) -> list[int]:
        return self.weights


@pytest.mark.parametrize(
    "step", [steps.Empty("weights"), steps.Empty("get_losses_for", is_method=True)]
)
def test_a_list_that_is_the_layer_s_own_is_emptied(step: steps.Step) -> None:
    backend = LayerBackend(Lists)
    backend.construct({})
    backend.do(step)
    assert backend.layer.weights == []


def test_a_list_that_a_method_gives_is_emptied_in_a_script() -> None:
    source = steps.Empty("get_losses_for", is_method=True).source(LayerWords("layers.py:Lists"))
    assert source == "layer.get_losses_for(inputs).clear()"


def test_the_gradients_of_a_step_lie_in_a_script_as_the_situation_says() -> None:
    words = LayerWords("layers.py:Lists")
    words.situation = "read only"
    ones = np.ones((1, 1, 1, 1))
    assert "[read_only(g) for g in" in steps.Train(ones, ones, 1.0).source(words)
