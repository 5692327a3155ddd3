"""Every case that is always run is the recorded one: what a run tries must be meant to change.

`cases.txt` has a line for each fixed case (its family, its arguments, its steps with the shapes of their data,
and its id, which stands for the data too), and what scenes and forms of arguments want in each mode of each
release. After a change that is meant:

    RECORD_CASES=1 python -m pytest conformance/tests/cases/test_recorded_cases.py
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Iterator
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import CodeType
from typing import Any

import attrs
import numpy as np
import pytest

from conformance.cases.families import geometry_case
from conformance.model.case import Case, step_name
from conformance.model.codec import encode

RECORDED = Path(__file__).with_name("cases.txt")
# Those in which norms change, and the last ones before.
RELEASES = ((2, 9), (2, 10), (2, 15), (2, 16))
MODES = ("eager", "graph")


def _anew(module: str) -> dict[str, Any]:
    """What the module makes while it is imported, made once more."""
    spec = find_spec(f"conformance.cases.{module}")
    assert spec is not None
    assert spec.origin is not None
    made = module_from_spec(spec)
    exec(_code(spec.origin), vars(made))
    return vars(made)


@functools.cache
def _code(file: str) -> CodeType:
    # Kept: with its mutants in it a module takes up to ten seconds to compile.
    return compile(Path(file).read_text("utf-8"), file, "exec")


def _plain(value: Any) -> str:
    return json.dumps(encode(value), sort_keys=True, default=repr)


def _short(value: Any) -> Any:
    """A value with arrays as their dtype and shape."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name}{list(value.shape)}"
    if isinstance(value, (list, tuple)):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return value


def _step(step: Any) -> str:
    fields = [_plain(_short(getattr(step, field.name))) for field in attrs.fields(type(step))]
    return f"{step_name(step)}({', '.join(fields)})"


def _line(case: Case) -> str:
    told = " ".join(map(_step, case.steps))
    return f"{case.family}: {_plain(_short(dict(case.arguments)))} {told} {case.id}"


def _lines(cases: Iterable[Case]) -> list[str]:
    return [_line(case) for case in cases]


def _by_family(families: dict[str, tuple[Case, ...]]) -> Iterator[str]:
    for name, cases in families.items():
        yield f"family {name}: {len(cases)}"
        yield from _lines(cases)


def _wish(wanted: Any) -> str:
    if wanted is None:
        return "nothing"
    return f"{type(wanted).__name__} {_plain(_short(attrs.asdict(wanted, recurse=False)))}"


def _for_subjects(wishes: dict[str, str]) -> Iterator[str]:
    """Each wish once, with the subjects it is made of."""
    for wish in dict.fromkeys(wishes.values()):
        names = [name for name, other in wishes.items() if other == wish]
        yield f"    {'all' if len(names) == len(wishes) else ', '.join(names)}: {wish}"


def _subjects() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {
        "off": {"tensorflow": False, "graph": False, "release": (2, 15)}
    }
    for release in RELEASES:
        for mode in MODES:
            name = f"{'.'.join(map(str, release))} {mode}"
            found[name] = {"tensorflow": True, "graph": mode == "graph", "release": release}
    return found


def _scenes(module: str) -> Iterator[str]:
    for scene in _anew(module)["SCENES"]:
        yield _line(scene.case())
        concerned = [name for name, traits in _subjects().items() if scene.concerns(**traits)]
        yield f"  {scene.where}: {', '.join(concerned)}; constructor {_wish(scene.constructor)}"
        for line in scene.lines:
            yield f"  {step_name(line.step)}"
            yield from _for_subjects({n: _wish(line.wanted(**t)) for n, t in _subjects().items()})


def _fate(fate: Any) -> str:
    if type(fate).__name__ == "Refused":
        return f"{fate.error} at {fate.moment}: {fate.fragment!r}"
    stored = f", stored as {_plain(fate.stored)}" if fate.is_stored else ""
    # `object()` stands for a value that changes nothing of what the layer does.
    alike = _plain(fate.acts_as) if type(fate.acts_as) is not object else "nothing"
    return f"acts as {alike}{stored}"


def _forms() -> Iterator[str]:
    made = _anew("scripted.argument_forms")
    for form, case in zip(made["FORMS"], made["argument_form_cases"]()):
        given = {**form.others, form.argument: form.value}
        yield f"{form.clause} {form.argument}: {_plain(given)} {case.id} of {case.family}"
        fates = {
            f"{'.'.join(map(str, release))} {mode}": _fate(
                form.fate_in(graph=mode == "graph", release=release)
            )
            for release in RELEASES
            for mode in MODES
        }
        yield from _for_subjects(fates)
    yield f"{len(made['BY_CASE'])} of {len(made['FORMS'])} forms have a case of their own"


def _fixed() -> Iterator[str]:
    made = _anew("scripted.fixed")
    yield from _by_family(made["CASES"])
    yield from _lines((*made["SOFTMAX"], *made["GRADIENTS"]))
    yield from _lines(map(geometry_case, made["GEOMETRIES"]))


def _families() -> Iterator[str]:
    for name, family in _anew("families")["FAMILIES"].items():
        kind = "fixed" if family.strategy is None else "drawn"
        yield f"{name} ({family.name}): {kind}, {len(family.fixed)} fixed, share {family.share:g}"
        if kind == "drawn":
            yield from _lines(family.fixed)


CHAPTERS = {
    "fixed": _fixed,
    "interface": lambda: _by_family(_anew("scripted.interface")["CASES"]),
    "families": _families,
    "pairs": lambda: _lines(_anew("pairs")["PAIRS"]),
    "argument forms": _forms,
    "scenes about arguments": lambda: _scenes("scenes_arguments"),
    "scenes about attributes": lambda: _scenes("scenes_attributes"),
    "scenes about initializers": lambda: _scenes("scenes_initializers"),
    "scenes about methods": lambda: _scenes("scenes_methods"),
    "scenes about migration": lambda: _scenes("scenes_migration"),
    "scenes about variables": lambda: _scenes("scenes_variables"),
}


def _described(chapter: str) -> list[str]:
    return [line.rstrip() for line in CHAPTERS[chapter]()]


def _recorded() -> dict[str, list[str]]:
    parts = RECORDED.read_text("utf-8").removeprefix("## ").split("\n## ")
    return {lines[0]: lines[1:] for lines in (part.splitlines() for part in parts)}


@pytest.mark.skipif("RECORD_CASES" in os.environ, reason="being recorded")
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_cases_are_the_recorded_ones(chapter: str) -> None:
    assert _described(chapter) == _recorded()[chapter]


@pytest.mark.skipif("RECORD_CASES" not in os.environ, reason="only with RECORD_CASES=1")
def test_record() -> None:
    parts = ["\n".join([f"## {chapter}", *_described(chapter)]) for chapter in CHAPTERS]
    RECORDED.write_text("\n".join(parts) + "\n", "utf-8")
