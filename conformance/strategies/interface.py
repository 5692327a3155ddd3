"""Cases about the layer as a Python object: arguments, methods, names, attributes, configuration."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.case import Case
from conformance.strategies.argument_forms import argument_form_cases


def _all_cases() -> tuple[Case, ...]:
    return (*argument_form_cases(),)


def _by_family(cases: tuple[Case, ...]) -> dict[str, tuple[Case, ...]]:
    families: dict[str, tuple[Case, ...]] = {}
    for case in cases:
        families[case.family] = (*families.get(case.family, ()), case)
    return families


#: Families all of whose cases are always run.
CASES: Mapping[str, tuple[Case, ...]] = _by_family(_all_cases())
