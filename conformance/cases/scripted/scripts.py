"""Every script, in the page's order, and the families that they are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from conformance.cases.scripted.layer import (
    arguments,
    attributes,
    forms,
    methods,
    migration,
    refusals,
    siblings,
    variables,
)
from conformance.cases.scripted.numbers import (
    bends,
    functions,
    initializers,
    passing_on,
    rates,
    rounding,
    zeros,
)
from conformance.cases.scripted.script import Script, family_of
from conformance.model.case import Case

SCRIPTS: tuple[Script, ...] = (
    *forms.SCRIPTS,
    *arguments.SCRIPTS,
    *initializers.SCRIPTS,
    *functions.SCRIPTS,
    *variables.SCRIPTS,
    *methods.SCRIPTS,
    *attributes.SCRIPTS,
    *migration.SCRIPTS,
    *bends.SCRIPTS,
    *refusals.SCRIPTS,
    *rounding.SCRIPTS,
    *rates.SCRIPTS,
    *passing_on.SCRIPTS,
    *zeros.SCRIPTS,
    *siblings.SCRIPTS,
)


def scripts_by_clause() -> Mapping[str, tuple[Script, ...]]:
    """Return the scripts of each clause, clauses in the order in which they first occur."""
    clauses = dict.fromkeys(script.clause for script in SCRIPTS)
    return {name: tuple(s for s in SCRIPTS if s.clause == name) for name in clauses}


def scripted_families() -> Mapping[str, Callable[[], tuple[Case, ...]]]:
    """Return what makes the cases of each clause's scripts, by the family's name."""
    found = scripts_by_clause()
    return {family_of(clause): functools.partial(_cases, found[clause]) for clause in found}


def _cases(scripts: tuple[Script, ...]) -> tuple[Case, ...]:
    return tuple(script.case for script in scripts)
