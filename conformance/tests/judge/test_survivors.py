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
from fast_impl.layer.objects import regularizers


class Subject:
    mode = "eager"
    name = spec = "mutant"

    def __init__(self, layer: type = fast_impl.Conv2DTranspose) -> None:
        self._layer = layer

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(self._layer))


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


class ForgetsItsInputShape(fast_impl.Conv2DTranspose):
    def get_config(self):
        config = super().get_config()
        config.pop("batch_input_shape", None)
        return config


class KnowsNoLayerByName(fast_impl.Conv2DTranspose):
    def __init__(self, *arguments, **keywords):
        if keywords.get("activation") in ("ReLU", "ELU", "ThresholdedReLU"):
            raise KeyError(keywords["activation"])
        super().__init__(*arguments, **keywords)


class TakesNoDtypeOfAnInitializer(fast_impl.Conv2DTranspose):
    def __init__(self, *arguments, **keywords):
        form = keywords.get("kernel_initializer")
        if isinstance(form, dict) and "dtype" in form.get("config", ()):
            raise TypeError("unexpected keyword argument")
        super().__init__(*arguments, **keywords)


class AsksForPlainIntegers(fast_impl.Conv2DTranspose):
    def compute_output_shape(self, input_shape):
        if any(type(size) is not int for size in input_shape if size is not None):
            raise TypeError("an integer is needed")
        return super().compute_output_shape(tuple(input_shape))


@pytest.mark.parametrize(
    ("layer", "clause"),
    [
        (ForgetsItsInputShape, "ARG-20"),
        (KnowsNoLayerByName, "ACT-01"),
        (KnowsNoLayerByName, "GRAD-06"),
        (TakesNoDtypeOfAnInitializer, "INIT-05"),
        (AsksForPlainIntegers, "SHAPE-09"),
    ],
)
def test_forms_that_nothing_asked_for_are_checked(layer: type, clause: str) -> None:
    found = explore(
        Evidence(), FAMILIES[f"scripted {clause}"], Subject(layer), Traits(), examples=1, run_seed=0,
        progress=lambda _: None,
    )  # fmt: skip
    assert found[clause, False].failures
