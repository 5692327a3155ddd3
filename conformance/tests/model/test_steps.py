"""Steps: each kind is one class, known by its tag."""

from __future__ import annotations

import attrs
import pytest

from conformance.model import steps
from conformance.model.values.codec import Value


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
