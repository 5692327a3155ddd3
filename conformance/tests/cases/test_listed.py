"""Cases that a family lists: in blocks, and by number instead of whole between processes."""

from __future__ import annotations

import pickle

import pytest

from conformance.cases import FAMILIES
from conformance.cases.index import BLOCK_ELEMENTS, THOROUGH, Family, is_listed
from conformance.cases.listed import numbers
from conformance.judge.exploring import BLOCK, blocks, drawn_cases, size_of_block

SIZES = FAMILIES["sizes"]


@pytest.mark.parametrize("examples", [1, THOROUGH])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_blocks_of_a_family_are_its_cases(name: str, examples: int) -> None:
    family = FAMILIES[name]
    listed = family.listed_blocks(examples)
    assert sum(listed, ()) == family.listed(examples)
    assert all(sum(c.elements for c in block) <= BLOCK_ELEMENTS for block in listed if block[1:])
    numbers_of_blocks = blocks(family, examples)
    sizes = [size_of_block(family, examples, number) for number in numbers_of_blocks]
    assert min(sizes) > 0
    assert sum(sizes) == len(family.listed(examples)) + family.drawn_count(examples)


def test_what_many_large_cases_give_is_told_in_several_messages() -> None:
    assert len(SIZES.listed_blocks(THOROUGH)) > 3


def test_drawn_cases_do_not_depend_on_how_many_blocks_come_before() -> None:
    strategy, several = FAMILIES["geometry"].strategy, SIZES.make_thorough
    families = [Family("geometry", strategy, thorough) for thorough in (several, lambda: ())]
    drawn = [drawn_cases(family, examples=THOROUGH, run_seed=0) for family in families]
    assert [case.id for case in drawn[0]] == [case.id for case in drawn[1]]


@pytest.mark.parametrize("name", ["geometry", "sizes", "degenerate"])
def test_the_first_drawn_block_is_so_however_many_are_listed(name: str) -> None:
    family = FAMILIES[name]
    drawn = drawn_cases(family, examples=1000, run_seed=0)
    first = drawn_cases(family, examples=1000, run_seed=0, most=1)
    assert 0 < len(first) <= BLOCK
    assert [case.id for case in drawn[: len(first)]] == [case.id for case in first]


@pytest.mark.parametrize("number", [0, len(SIZES.listed(THOROUGH)) - 1])
def test_a_listed_case_is_sent_by_its_number(number: int) -> None:
    case = SIZES.listed(THOROUGH)[number]
    sent = pickle.dumps(case)
    assert len(sent) < 200
    assert pickle.loads(sent) is case
    assert SIZES.named(case.id) is case


def test_any_other_case_is_sent_whole() -> None:
    case = SIZES.listed(THOROUGH)[0]
    alike = type(case)(case.family, case.arguments, case.steps)
    strange = Family("of a test", None, numbers.repeats).fixed[0]
    assert not is_listed(alike)
    assert not is_listed(strange)
    assert pickle.loads(pickle.dumps(alike)).id == case.id
    assert pickle.loads(pickle.dumps(strange)).id == strange.id


def test_an_id_that_no_case_has_is_none() -> None:
    with pytest.raises(KeyError):
        SIZES.named("c-000000000000")
