"""Every case that is always run is the recorded one: what a run tries must be meant to change.

The snapshot has each family's cases by id, which is made of all their content, and what each script expects of
subjects. After a change that is meant:

    python -m pytest conformance/tests/cases/test_recorded_cases.py --snapshot-update
"""

from __future__ import annotations

import json
from importlib.util import find_spec, module_from_spec
from typing import Any

import attrs
import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from conformance.cases import FAMILIES
from conformance.cases.scripted.script import Script
from conformance.model.values.codec import encode

#: Modules whose scripts are recorded with what they expect, and the rooms where they are.
ROOMS = {
    **dict.fromkeys(
        ["arguments", "attributes", "forms", "methods", "migration", "variables"], "layer"
    ),
    "initializers": "numbers",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_begins_with_the_recorded_cases(family: str, snapshot: SnapshotAssertion) -> None:
    found = FAMILIES[family]
    drawn = f", {found.share:g} drawn" if found.is_drawn else ""
    ids = [case.id.removeprefix("c-") for case in (*found.make_fixed(), *found.make_thorough())]
    assert f"{len(ids)} fixed{drawn}: {' '.join(ids)}" == snapshot


def _short(value: Any) -> Any:
    """A value with arrays as their dtype and shape."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if attrs.has(type(value)):
        fields = attrs.asdict(value, recurse=False, filter=lambda _, v: v not in (None, "", ()))
        given = " ".join(json.dumps(encode(_short(v)), default=repr) for v in fields.values())
        return f"{type(value).__name__} {given}".strip()
    return value


def _told(script: Script) -> str:
    lines = [("constructor", script.constructor)]
    lines += [(line.step.tag, line.expected) for line in script.lines]
    ends = [
        f"{name}: " + " / ".join(f"{key} {_short(value)}" for key, value in _given(expected))
        for name, expected in lines
        if _given(expected)
    ]
    return f"{script.clause} {script.case.id} {script.where}; " + "; ".join(ends)


def _given(expected: Any) -> list[tuple[str, Any]]:
    given = attrs.asdict(expected, recurse=False, filter=lambda _, value: value is not None)
    if "graph" in given and given["graph"] == given.get("eager"):
        given = {"both": given.pop("eager"), **{k: v for k, v in given.items() if k != "graph"}}
    return list(given.items())


def _made_anew(module: str) -> tuple[Script, ...]:
    """What a module makes while it is imported, made once more: as it is now, mutated or not."""
    spec = find_spec(f"conformance.cases.scripted.{ROOMS[module]}.{module}")
    assert spec is not None
    assert spec.loader is not None
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    found: tuple[Script, ...] = made.SCRIPTS
    return found


@pytest.mark.parametrize("module", sorted(ROOMS))
def test_scripts_expect_what_is_recorded(module: str, snapshot: SnapshotAssertion) -> None:
    assert list(map(_told, _made_anew(module))) == snapshot
