"""Nothing on the page, and nothing that was found beside it, is without a clause."""

from __future__ import annotations

import inspect
import sys
from importlib import resources

import pytest

import reference_impl
from conformance.checks import CHECKS
from conformance.model.clauses import all_clauses

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LISTED = tomllib.loads(
    resources.files("conformance.model.clauses").joinpath("page_items.toml").read_text("utf-8")
)
CLAUSES = {clause.id: clause for clause in all_clauses()}
ITEMS = {f"{item['kind']} {item['name']}": item for item in LISTED["item"]}
ROWS = {
    **{name: item["clauses"] for name, item in ITEMS.items()},
    **LISTED["facts"],
    **{f"error: {name}": clauses for name, clauses in LISTED["errors"].items()},
    **LISTED["errata"],
    **{
        f"{group}-{number:02d}": [f"{group}-{number:02d}"]
        for group, count in LISTED["groups"].items()
        for number in range(1, count + 1)
    },
}


@pytest.mark.parametrize("name", ROWS)
def test_every_item_has_a_clause_that_is_checked(name: str) -> None:
    assert ROWS[name]
    checked = {check.clause for check in CHECKS}
    for clause_id in ROWS[name]:
        assert clause_id in CLAUSES
        assert clause_id in checked or CLAUSES[clause_id].untestable


def test_every_argument_of_the_page_is_an_item() -> None:
    parameters = list(inspect.signature(reference_impl.Conv2DTranspose.__init__).parameters)[1:]
    assert [item["name"] for item in LISTED["item"] if item["kind"] == "argument"] == parameters


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("attribute", {"graph", "scope_name"}),
        ("method", {"apply", "convolution_op", "get_losses_for", "get_updates_for"}),
    ],
)
def test_every_attribute_and_method_of_the_page_is_an_item(kind: str, names: set[str]) -> None:
    assert {item["name"] for item in LISTED["item"] if item["kind"] == kind} == names


@pytest.mark.parametrize("clause_id", [clause.id for clause in all_clauses() if clause.page])
def test_every_clause_that_quotes_the_page_belongs_to_an_item(clause_id: str) -> None:
    assert any(clause_id in item["clauses"] for item in ITEMS.values())


def test_all_errata_are_listed() -> None:
    assert list(LISTED["errata"]) == [f"X{number:02d}" for number in range(1, 37)]


@pytest.mark.parametrize("name", LISTED["errata"])
def test_every_erratum_has_a_worked_example(name: str) -> None:
    assert any(CLAUSES[c].script or CLAUSES[c].example for c in LISTED["errata"][name])


def test_every_clause_has_a_check_or_says_why_not() -> None:
    checked = {check.clause for check in CHECKS}
    assert [c.id for c in all_clauses() if c.id not in checked and not c.untestable] == []


def test_every_check_belongs_to_a_clause() -> None:
    assert [check.name for check in CHECKS if check.clause not in CLAUSES] == []
