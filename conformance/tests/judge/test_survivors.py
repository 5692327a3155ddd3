"""Mutants that the cases of a run once let through (`tox run -e killer`), and their kind."""

from __future__ import annotations

import pytest

import fast_impl
from conformance.cases import FAMILIES
from conformance.checks import Traits
from conformance.judge.evidence import Evidence
from conformance.judge.exploring import explore
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from fast_impl.layer import regularizers


class Subject:
    mode = "eager"
    name = spec = "mutant"

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(fast_impl.Conv2DTranspose))


@pytest.mark.parametrize(
    ("regularizer", "defaults"),
    [("L1L2", (0.0, 1.0)), ("L1L2", (1.0, 0.0)), ("L1", (1.0,)), ("L2", (1.0,))],
)
def test_what_a_regularizers_config_leaves_out_is_checked(
    monkeypatch: pytest.MonkeyPatch, regularizer: str, defaults: tuple[float, ...]
) -> None:
    begin = getattr(regularizers, regularizer).__init__
    monkeypatch.setattr(begin, "__defaults__", defaults)
    found = explore(
        Evidence(), FAMILIES["regularizer forms"], Subject(), Traits(), examples=1, run_seed=0,
        progress=lambda _: None,
    )  # fmt: skip
    assert found["LOSS-09", False].failures
