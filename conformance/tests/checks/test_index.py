"""The index answers what a clause is proved by, and what a case is judged by."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from conformance.cases import FAMILIES, Family
from conformance.checks import CHECKS, Check, Checks, Misbehaved, NotTried, Traits, View
from conformance.checks.applicability import on_tensorflow
from conformance.checks.check import check, claim
from conformance.checks.scripted import check_of
from conformance.model.case import Case
from conformance.model.clauses import all_clauses
from conformance.model.observation import Observation
from conformance.oracle.expectation import Expectation

CASE = Case("geometry", {"filters": 3, "kernel_size": 2}, ())
EVERY_TRAITS = [
    Traits(),
    *(
        Traits(tensorflow=True, release=release, mode=mode, onednn=onednn)
        for release in ((2, 9), (2, 15), (2, 16))
        for mode in ("eager", "graph")
        for onednn in (False, True)
    ),
]


def _judge(_: View) -> None:
    return None


@pytest.mark.parametrize(("make", "claims"), [(check, False), (claim, True)])
def test_a_check_is_its_judge_with_its_clause(make: Any, claims: bool) -> None:
    wanted = Check("SHAPE-01", _judge, ("one", "two"), on_tensorflow, claims)
    assert make("SHAPE-01", "one", "two", when=on_tensorflow)(_judge) == wanted


@pytest.mark.parametrize("make", [check, claim])
def test_a_check_without_condition_applies_to_every_case(make: Any) -> None:
    assert make("SHAPE-01", "one")(_judge).applies(CASE, Traits()) is True


def test_a_check_names_the_families_that_it_judges() -> None:
    with pytest.raises(TypeError, match=r"^a check of SHAPE-01 names no family of cases$"):
        check("SHAPE-01")(_judge)


A = check("A-01", "two", when=on_tensorflow)(_judge)
B = check("B-01", "two", "three")(_judge)
SENTENCE = claim("A-01", "one")(_judge)
TWO = Family("two")
SMALL = Checks((A, B, SENTENCE, A), {"three": Family("three"), "two": TWO, "one": Family("one")})


def test_a_check_that_is_listed_twice_counts_once() -> None:
    assert (list(SMALL), len(SMALL)) == ([A, B, SENTENCE], 3)


def test_claims_stand_apart_from_checks_of_the_norm() -> None:
    assert (SMALL.of("A-01"), SMALL.of("A-01", claims=True)) == ((A,), (SENTENCE,))


def test_a_clause_s_checks_have_names() -> None:
    assert SMALL.names("A-01") == ["_judge", "_judge"]


def test_a_family_has_its_checks_and_clauses() -> None:
    assert (SMALL.on("two"), SMALL.clauses("two")) == ((A, B), ("A-01", "B-01"))


@pytest.mark.parametrize(("tensorflow", "found"), [(True, (A, B)), (False, (B,))])
def test_a_case_has_the_checks_that_apply(tensorflow: bool, found: tuple[Check, ...]) -> None:
    assert SMALL.applying(Case("two", {}, ()), Traits(tensorflow=tensorflow)) == found


def test_families_stand_in_the_order_of_a_run() -> None:
    assert [family.name for family in SMALL.families("A-01", "B-01")] == ["three", "two", "one"]


def test_a_family_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^_judge of A-01: no family is called 'one'$"):
        Checks((SENTENCE,), {"two": TWO})


def test_every_check_proves_a_clause_that_exists() -> None:
    assert {check.clause for check in CHECKS} <= {clause.id for clause in all_clauses()}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_judged(family: str) -> None:
    assert CHECKS.on(family)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_fixed_case_is_judged_for_some_subject(family: str) -> None:
    without = [
        case.id
        for case in FAMILIES[family].fixed
        if not any(CHECKS.applying(case, traits) for traits in EVERY_TRAITS)
    ]
    assert without == []


SCRIPTED = [family for name, family in FAMILIES.items() if name.startswith("scripted ")]


def _holds_unseen(found: Check, case: Case, traits: Traits) -> bool:
    """Whether the check says that the clause holds without a look at what the subject did."""
    view = View(case, Observation(crash="signal 6"), Expectation(case), traits)
    try:
        return found.judge(view) is None
    except Misbehaved:
        return False


@pytest.mark.parametrize("family", SCRIPTED, ids=lambda family: family.name)
def test_no_script_passes_what_it_has_not_looked_at(family: Family) -> None:
    (found,) = [c for c in CHECKS.on(family.name) if c.name.startswith("check_scripts")]
    unseen = [
        (case.id, traits)
        for case in family.fixed
        for traits in EVERY_TRAITS
        if found.applies(case, traits) and _holds_unseen(found, case, traits)
    ]
    assert unseen == []


@pytest.mark.parametrize("family", SCRIPTED, ids=lambda family: family.name)
def test_an_edited_scripted_case_is_never_judged_silently(family: Family) -> None:
    edited = attrs.evolve(family.fixed[0], arguments={"filters": 7, "kernel_size": 5})
    (found,) = [c for c in CHECKS.on(family.name) if c.name.startswith("check_scripts")]
    assert found.applies(edited, Traits())
    view = View(edited, Observation(), Expectation(edited), Traits())
    with pytest.raises(NotTried, match=f"none of the scripts of {found.clause}"):
        found.judge(view)


def test_two_scripts_of_a_clause_with_the_same_case_are_refused() -> None:
    from conformance.cases.scripted.layer.arguments import SIGNATURE

    with pytest.raises(ValueError, match=r"^two scripts of ARG-01 have the same case$"):
        check_of("ARG-01", (SIGNATURE, attrs.evolve(SIGNATURE, where="graph")))
