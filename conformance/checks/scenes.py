"""Judges scenes: each step's end against what the scene wants of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from conformance.cases.scripted.interface import SCENES
from conformance.cases.scripted.scenes import (
    Arrays,
    Filled,
    Follows,
    Gives,
    Holds,
    Like,
    Numbers,
    Raises,
    SameAs,
    Scene,
    Succeeds,
    Typed,
    Wanted,
)
from conformance.checks.registry import Traits, View, check, expect_error
from conformance.model.case import Case
from conformance.model.codec import Value
from conformance.oracle.comparison import (
    Mismatch,
    compare_dtype,
    compare_each,
    compare_numbers,
    describe,
)

_BY_CASE = {scene.case().id: scene for scene in SCENES}


def judge_scene(view: View) -> Mismatch | None:
    """Return the first step's departure from the scene."""
    scene = _BY_CASE[view.case.id]
    if scene.constructor is not None:
        return _raises(view, None, scene.constructor)
    traits = view.traits
    for index, line in enumerate(scene.lines):
        wanted = line.wanted(
            tensorflow=traits.tensorflow, graph=traits.graph, release=traits.release
        )
        if wanted is not None:
            mismatch = _judge(view, index, wanted)
            if mismatch is not None:
                return mismatch
    return None


def _raises(view: View, index: int | None, wanted: Raises) -> Mismatch | None:
    moments = (wanted.moment,) if wanted.moment else ()
    return expect_error(
        view, index, *wanted.error.split("|"), fragment=wanted.fragment, moments=moments
    )


def _judge(view: View, index: int, wanted: Wanted) -> Mismatch | None:
    if isinstance(wanted, Raises):
        return _raises(view, index, wanted)
    got = view.value(index)
    if isinstance(wanted, Succeeds):
        return None
    if isinstance(wanted, Numbers):
        return _numbers(view, index, got)
    return _TESTS[type(wanted)](view, index, wanted, got)


def _numbers(view: View, index: int, got: Value) -> Mismatch | None:
    def equal(one: Value, target: Value) -> Mismatch | None:
        return compare_numbers(one, target, np.zeros(target.shape), step=index)

    return compare_each(got, view.expectation.value(index), index, equal)


def _gives(_: View, index: int, wanted: Gives, got: Value) -> Mismatch | None:
    found = as_plain(got)
    if found != wanted.value or type(found) is not type(wanted.value):
        return Mismatch(
            f"should be {wanted.value!r}, is {describe(found)}", wanted.value, got, index
        )
    return None


def as_plain(value: Value) -> Value:
    """Return a value with arrays and NumPy numbers, at any depth, as Python's."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {key: as_plain(item) for key, item in value.items()}
    return [as_plain(item) for item in value] if isinstance(value, list) else value


def _holds(_: View, index: int, wanted: Holds, got: Value) -> Mismatch | None:
    if not isinstance(got, (list, dict, str)):
        return Mismatch(f"should be a list, is {describe(got)}", list(wanted.members), got, index)
    for member in wanted.members:
        if member not in got:
            return Mismatch(f"should hold {member!r}: {describe(got)}", member, got, index)
    for member in wanted.absent:
        if member in got:
            return Mismatch(f"should not hold {member!r}: {describe(got)}", None, got, index)
    return None


def _like(_: View, index: int, wanted: Like, got: Value) -> Mismatch | None:
    if not isinstance(got, str) or not re.fullmatch(wanted.pattern, got):
        text = f"should match {wanted.pattern!r}, is {describe(got)}"
        return Mismatch(text, wanted.pattern, got, index)
    return None


def _same_as(view: View, index: int, wanted: SameAs, got: Value) -> Mismatch | None:
    before = view.value(wanted.step)
    if not _identical(before, got):
        text = f"should be what step {wanted.step} gave, is {describe(got)}"
        return Mismatch(text, before, got, index)
    return None


def _identical(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        same = one.shape == other.shape and one.dtype == other.dtype
        return same and one.tobytes() == other.tobytes()
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_identical, one, other))
    return type(one) is type(other) and bool(np.all(one == other))


def _follows(view: View, index: int, wanted: Follows, got: Value) -> Mismatch | None:
    before = view.value(wanted.step)
    expected = _next_name(before)
    if got != expected:
        text = f"should be {expected!r} after {before!r}, is {describe(got)}"
        return Mismatch(text, expected, got, index)
    return None


def _next_name(name: Value) -> str:
    stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", str(name)).groups()  # type: ignore[union-attr]
    return f"{stem}_{int(number or 0) + 1}"


def _arrays(_: View, index: int, wanted: Arrays, got: Value) -> Mismatch | None:
    items = got if isinstance(got, list) else [got]
    shapes = [list(item.shape) if isinstance(item, np.ndarray) else None for item in items]
    expected = [list(shape) for shape in wanted.shapes]
    if shapes != expected:
        return Mismatch(f"the shapes should be {expected}, are {shapes}", expected, shapes, index)
    return None


def _typed(_: View, index: int, wanted: Typed, got: Value) -> Mismatch | None:
    for item in got if isinstance(got, list) else [got]:
        mismatch = compare_dtype(item, wanted.dtype, index)
        if mismatch is not None:
            return mismatch
    return None


def _filled(_: View, index: int, wanted: Filled, got: Value) -> Mismatch | None:
    found = [_distinct(item) for item in got] if isinstance(got, list) else got
    expected = [[number] for number in wanted.numbers]
    if found != expected:
        text = f"should hold nothing but {list(wanted.numbers)}, holds {describe(found)}"
        return Mismatch(text, expected, found, index)
    return None


def _distinct(item: Value) -> Value:
    return np.unique(item).tolist() if isinstance(item, (np.ndarray, int, float)) else item


_TESTS: dict[type, Callable[..., Mismatch | None]] = {
    Gives: _gives,
    Holds: _holds,
    Like: _like,
    SameAs: _same_as,
    Follows: _follows,
    Arrays: _arrays,
    Typed: _typed,
    Filled: _filled,
}


def _applies(case: Case, traits: Traits) -> bool:
    scene: Scene | None = _BY_CASE.get(case.id)
    return scene is not None and scene.concerns(
        tensorflow=traits.tensorflow, graph=traits.graph, release=traits.release
    )


def _register() -> None:
    for clause in dict.fromkeys(scene.clause for scene in SCENES):

        def judge(view: View) -> Mismatch | None:
            return judge_scene(view)

        judge.__name__ = f"check_scenes_of_{clause.lower().replace('-', '_')}"
        check(clause, f"scenes {clause}", when=_applies)(judge)


_register()
