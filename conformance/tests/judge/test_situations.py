"""Situations: what is wrong there alone is told by the clause about them, and by no other."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from conformance.cases import FAMILIES
from conformance.checks import CHECKS, Traits
from conformance.judge.evidence import Evidence
from conformance.judge.judging import judge_case
from conformance.model.case import Case
from conformance.model.observation import Observation
from conformance.model.situation import KINDS
from conformance.subjects.backend import observe
from conformance.subjects.layer import LayerBackend
from conformance.subjects.loading import load

ZOO = Path(__file__).parents[1] / "zoo" / "situations.py"
#: In every situation: the listed cases of a call, which a layer without gradients can do.
CASES = [case for case in FAMILIES["geometry"].fixed if case.situation is not None]


class _Subject:
    mode = "eager"

    def __init__(self, name: str) -> None:
        self.name = self.spec = name
        self._layer = load(f"{ZOO}:{name}")

    def observe(self, case: Case) -> Observation:
        return observe(case, LayerBackend(self._layer))


@functools.cache
def _evidence() -> Evidence:
    return Evidence()


@functools.cache
def _failures(name: str) -> dict[str, list[Any]]:
    tallies: dict[tuple[str, bool], Any] = {}
    for case in CASES:
        judge_case(_evidence(), CHECKS.on("geometry"), case, _Subject(name), Traits(), tallies)
    assert all(tally.broken is None for tally in tallies.values())
    return {
        clause: t.failures for (clause, claim), t in tallies.items() if t.failures and not claim
    }


CAUGHT = {
    "StaleKernel": "LIFE-01",
    "ReusedBuffer": "SIT-02",
    "MemoryOrder": "SIT-01",
    "KeptWeights": "SIT-02",
    "SecondCall": "VAL-02",
    "OneImage": "DTYPE-06",
    "SharedScratch": "SIT-03",
    "ResultIsInput": "SIT-02",
    "LiveWeights": "SIT-02",
    "KnownByIdentity": "SIT-02",
    "OwnOutput": "SIT-02",
    "KeptStrides": "SIT-02",
    "PackOfThread": "SIT-03",
}


@pytest.mark.parametrize("name", CAUGHT)
def test_a_layer_fails_the_clause_about_the_situation_in_which_it_is_wrong(name: str) -> None:
    assert CAUGHT[name] in _failures(name)


@pytest.mark.parametrize(
    "name",
    [
        "StaleKernel",
        "MemoryOrder",
        "KeptWeights",
        "SharedScratch",
        "OwnOutput",
        "KeptStrides",
        "PackOfThread",
    ],
)
def test_a_layer_that_is_wrong_in_one_situation_fails_no_other_clause(name: str) -> None:
    assert list(_failures(name)) == [CAUGHT[name]]


def test_the_finding_says_what_surrounds_the_call() -> None:
    (first, *_) = _failures("MemoryOrder")["SIT-01"]
    assert "where arrays are Fortran-ordered; it holds without that" in first.mismatch.message


def test_what_is_wrong_everywhere_is_no_matter_of_situations() -> None:
    situational = {kind.clause for kind in KINDS.values()}
    assert not situational & _failures("Shifted").keys()


def test_what_is_wrong_everywhere_is_shown_without_a_situation() -> None:
    assert all(f.case.situation is None for found in _failures("Shifted").values() for f in found)


def test_a_layer_may_let_threads_wait_for_each_other() -> None:
    assert _failures("Locked") == {}


def test_a_layer_may_refuse_lists_where_nothing_asks_for_them() -> None:
    assert _failures("TuplesAlone") == {}


def test_an_exception_in_a_situation_is_an_error_of_the_clause_about_it() -> None:
    assert {failure.status for failure in _failures("Refusing")["SIT-01"]} == {"error"}


def test_a_layer_may_refuse_another_dtype_and_the_other_byte_order() -> None:
    assert _failures("OneByteOrder") == {}


@pytest.mark.parametrize("name", ["ValidAlone", "SmallAlone", "WithBiasAlone", "FourImagesAtMost"])
def test_what_a_layer_refuses_anyway_is_no_matter_of_situations(name: str) -> None:
    situational = {kind.clause for kind in KINDS.values()}
    assert not situational & _failures(name).keys()


def test_a_refusal_that_only_comes_after_another_layer_is_an_error_of_the_clause_about_it() -> None:
    assert {failure.status for failure in _failures("OneLayer")["LIFE-01"]} == {"error"}
