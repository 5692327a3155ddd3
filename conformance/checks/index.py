"""The one index: which checks prove a clause, on which families of cases, and the other way round."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from conformance.cases import FAMILIES, Family
from conformance.checks.chapters.forward import (
    activations,
    dtypes,
    formats,
    padding,
    shapes,
    values,
)
from conformance.checks.chapters.layer import interface, life_cycles, processes, situations
from conformance.checks.chapters.training import constraints, gradients, initializers, losses
from conformance.checks.check import Check
from conformance.checks.scripted import SCRIPTED
from conformance.model.case import Case
from conformance.model.traits import Traits


class Checks:
    """Checks by clause and by family.

    Args:
        checks: in the order in which a clause's checks are asked; one that is listed twice counts once.
        families: the families that they may name, in the order in which a run makes their cases.

    Raises:
        ValueError: a check names another family.
    """

    def __init__(self, checks: Iterable[Check], families: Mapping[str, Family]) -> None:
        self._checks = tuple(dict.fromkeys(checks))
        self._families = families
        for check in self._checks:
            unknown = sorted(set(check.families) - families.keys())
            if unknown:
                raise ValueError(
                    f"{check.name} of {check.clause}: no family is called {unknown[0]!r}"
                )

    def __iter__(self) -> Iterator[Check]:
        return iter(self._checks)

    def __len__(self) -> int:
        return len(self._checks)

    def of(self, clause: str, *, claims: bool = False) -> tuple[Check, ...]:
        """Return the checks of a clause's norm, or of the page's claim."""
        return tuple(c for c in self._checks if c.clause == clause and c.claims == claims)

    def only(self, clauses: Collection[str]) -> Checks:
        """Return those of some clauses, claims among them."""
        return Checks((c for c in self._checks if c.clause in clauses), self._families)

    def names(self, clause: str) -> list[str]:
        """Return the names of a clause's checks, of its norm and of the page's claim."""
        return [check.name for check in self._checks if check.clause == clause]

    def on(self, family: str) -> tuple[Check, ...]:
        """Return the checks that are run on a family's cases, claims among them."""
        return tuple(check for check in self._checks if family in check.families)

    def applying(self, case: Case, traits: Traits) -> tuple[Check, ...]:
        """Return the checks that say something about a case, claims among them."""
        return tuple(check for check in self.on(case.family) if check.applies(case, traits))

    def families(self, *clauses: str) -> tuple[Family, ...]:
        """Return the families that any of the clauses needs, in the order of a run."""
        names = {name for c in self._checks if c.clause in clauses for name in c.families}
        return tuple(family for name, family in self._families.items() if name in names)

    def clauses(self, family: str) -> tuple[str, ...]:
        """Return the clauses that a family's cases are judged by."""
        return tuple(dict.fromkeys(check.clause for check in self.on(family)))


def _found() -> Iterator[Check]:
    chapters = (
        values, dtypes, activations, constraints, formats, gradients, initializers, interface,
        life_cycles, losses, padding, processes, shapes, situations,
    )  # fmt: skip
    for chapter in chapters:
        yield from (found for found in vars(chapter).values() if isinstance(found, Check))
    yield from SCRIPTED


#: Every check of the suite.
CHECKS = Checks(_found(), FAMILIES)
