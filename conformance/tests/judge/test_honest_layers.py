"""Honest layers: what they refuse is proposed as such, and beside that nothing but real differences is red."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import conformance

sys.path.insert(0, str(Path(__file__).parent.parent / "zoo"))
import honest

BAD = ("fail", "error", "blocked")


def _red(result: conformance.Result) -> list[str]:
    return [verdict.clause for verdict in result.verdicts if verdict.status in BAD]


def _broken(result: conformance.Result) -> set[str]:
    return {verdict.clause for verdict in result.verdicts if verdict.status in ("fail", "error")}


def _proposed(result: conformance.Result) -> list[str]:
    return [told.pattern for told in result.record.footer.said_often]


#: Clauses that ask for what a layer refuses, what it says, and the pattern that is proposed.
CLAUSES = ("DTYPE-*", "SHAPE-*", "ARG-03", "INIT-07", "VAL-01", "ACT-01", "ACT-02", "METH-06")
LAYERS = {
    honest.Single: r"this layer is for \w+\d+ and not for \w+\d+",
    honest.InWordsOfTorch: r"expected scalar type \w+",
    honest.OddOnly: "kernels are centred here: sides have to be odd",
    honest.FewActivations: "Unknown activation",
}


@pytest.mark.parametrize(("layer", "pattern"), LAYERS.items())
def test_what_is_refused_in_own_words_is_proposed(layer: type, pattern: str) -> None:
    result = conformance.check(layer, profile="smoke", clause=CLAUSES, examples=3)
    assert pattern in _proposed(result)


@pytest.mark.parametrize("layer", LAYERS)
def test_nothing_that_is_refused_in_own_words_fails(layer: type) -> None:
    result = conformance.check(layer, profile="smoke", clause=CLAUSES, examples=3)
    assert [verdict.clause for verdict in result.verdicts if verdict.status == "fail"] == []


@pytest.mark.parametrize("layer", LAYERS)
def test_with_what_is_proposed_nothing_is_red(layer: type) -> None:
    proposed: list[str] = []
    for _ in range(2):  # what a refusal has hidden is seen by the second run
        result = conformance.check(
            layer, profile="smoke", clause=CLAUSES, examples=3, unsupported=proposed
        )
        proposed += _proposed(result)
    result = conformance.check(
        layer, profile="smoke", clause=CLAUSES, examples=3, unsupported=proposed
    )
    assert _red(result) == []


def test_what_comes_out_in_a_dtype_of_its_own_is_the_matter_of_one_clause() -> None:
    result = conformance.check(honest.Wide, profile="smoke", clause="DTYPE-0[24]", examples=3)
    found = {verdict.clause: (verdict.status, [*verdict.blocked_by]) for verdict in result.verdicts}
    assert found == {"DTYPE-02": ("fail", []), "DTYPE-04": ("blocked", ["DTYPE-02"])}


def test_one_number_for_both_axes_is_the_matter_of_the_argument_that_does_not_take_it() -> None:
    clauses = ("ARG-0[34]", "VAL-01", "KILL-04", "PAD-*", "LOSS-01")
    result = conformance.check(honest.PairsOnly, profile="smoke", clause=clauses, examples=3)
    assert _broken(result) == {"ARG-03", "ARG-04"}


def test_weights_and_results_in_another_dtype_everywhere_are_the_matter_of_the_clauses_about_dtypes() -> (
    None
):
    clauses = ("DTYPE-0[12]", "SHAPE-1[12]", "METH-07")
    result = conformance.check(honest.Double, profile="smoke", clause=clauses, examples=3)
    assert _broken(result) == {"DTYPE-01", "DTYPE-02"}
    blocked = {v.clause: [*v.blocked_by] for v in result.verdicts if v.blocked_by}
    assert blocked == {"SHAPE-11": ["DTYPE-02"], "METH-07": ["DTYPE-01"]}


def test_a_cast_is_one_cause_though_the_dtype_is_told_before_any_call() -> None:
    result = conformance.check(honest.Casting, profile="smoke", clause="DTYPE-0[14]", examples=3)
    told = {finding.clause: str(finding.diagnosis) for finding in result.findings}
    assert {*told} == {"DTYPE-01", "DTYPE-04"}
    assert len({*told.values()}) == 1
    assert "cast to the layer's dtype" in told["DTYPE-01"]


def test_a_result_in_another_dtype_is_no_second_cause_for_the_dtype_of_the_first_input() -> None:
    clauses = ("DTYPE-0[124]", "INIT-07")
    result = conformance.check(honest.Wider, profile="smoke", clause=clauses, examples=3)
    refused = {finding.clause for finding in result.findings if finding.status == "error"}
    assert (_broken(result), refused) == ({"DTYPE-01", "DTYPE-02"}, {"DTYPE-01"})


def test_what_gives_promises_refuses_nothing_by_the_clause_about_values() -> None:
    clauses = ("VAL-01", "SHAPE-1*", "DTYPE-0[34]", "INIT-07", "KILL-04")
    result = conformance.check(honest.Promising, profile="smoke", clause=clauses, examples=3)
    assert _broken(result) == {"VAL-01"}


@pytest.mark.parametrize("layer", [honest.CropsAtTheBeginning, honest.FirstCropsAtTheBeginning])
def test_what_a_layer_always_has_is_not_what_makes_it_wrong(layer: type) -> None:
    clauses = ("PAD-*", "BIAS-*", "VAL-01", "SHAPE-0*", "FMT-*")
    result = conformance.check(layer, profile="smoke", clause=clauses)
    assert _broken(result) == {"PAD-01"}


def test_none_for_a_number_may_be_of_a_wrong_type_as_well_as_a_wrong_value() -> None:
    result = conformance.check(honest.NoneOfAWrongType, profile="smoke", clause="INIT-05")
    assert _red(result) == []
