"""Judges scripts: each step's end against what is expected of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator

import attrs
import numpy as np

from conformance.cases.scripted.expected import (
    ActsAs,
    Arrays,
    Filled,
    Follows,
    Gives,
    Holds,
    IfTaken,
    Like,
    Numbers,
    Raises,
    Rounded,
    SameAs,
    Stores,
    Succeeds,
    Typed,
    Wanted,
)
from conformance.cases.scripted.script import Script, family_of
from conformance.cases.scripted.scripts import scripts_by_clause
from conformance.checks.check import Check
from conformance.checks.refusals import expect_error
from conformance.checks.view import NotSupported, NotTried, View
from conformance.model.case import Case
from conformance.model.traits import Traits
from conformance.model.values.codec import Array, Value, in_a_line
from conformance.oracle.comparison import (
    Mismatch,
    compare_dtype,
    compare_exactly,
    describe,
)
from conformance.oracle.expectation import Expectation


def check_of(clause: str, scripts: tuple[Script, ...]) -> Check:
    """Return the check that judges the cases of these scripts, and no others.

    Its judge raises NotTried on any other case of the family, such as one that was edited: nothing says
    what is expected of that.

    Raises:
        ValueError: two of the scripts have the same case.
    """
    by_case = {script.case.id: script for script in scripts}
    if len(by_case) < len(scripts):
        raise ValueError(f"two scripts of {clause} have the same case")

    def applies(case: Case, traits: Traits) -> bool:
        return case.id not in by_case or by_case[case.id].concerns(traits)

    def judge(view: View) -> Mismatch | None:
        if view.case.id not in by_case:
            raise NotTried(
                f"the case is none of the scripts of {clause}: nothing is expected of it"
            )
        return judge_script(by_case[view.case.id], view)

    judge.__name__ = f"check_scripts_of_{clause.lower().replace('-', '_')}"
    return Check(clause, judge, (family_of(clause),), applies, claims=False)


def judge_script(script: Script, view: View) -> Mismatch | None:
    """Return the first step's departure from the script."""
    refusal = script.constructor.by(view.traits)
    if refusal is not None:
        return expect_error(view, None, refusal)
    for index, line in enumerate(script.lines):
        wanted = line.expected.by(view.traits)
        mismatch = None if wanted is None else expect(view, index, wanted)
        if mismatch is not None:
            return mismatch
    return None


def expect(view: View, index: int, wanted: Wanted) -> Mismatch | None:
    """Return a mismatch unless step `index` ends as wanted."""
    if isinstance(wanted, Raises):
        return expect_error(view, index, wanted)
    if isinstance(wanted, IfTaken):
        if view.raised(index) is not None:
            raise NotSupported(f"does not take this: {view.raised(index)}")
        wanted = Gives(wanted.value)
    got = view.value(index)
    if isinstance(wanted, Succeeds):
        return None
    return _TESTS[type(wanted)](view, index, wanted, got)


def _numbers(view: View, index: int, _: Numbers, got: Value) -> Mismatch | None:
    return compare_exactly(got, view.expectation.value(index), index)


def _acts_as(view: View, index: int, wanted: ActsAs, got: Value) -> Mismatch | None:
    alike = Expectation(attrs.evolve(view.case, arguments=wanted.arguments))
    return compare_exactly(got, alike.value(index), index)


def _stores(_: View, index: int, wanted: Stores, got: Value) -> Mismatch | None:
    found = as_plain(got)
    if found != wanted.value:
        text = f"the attribute {wanted.attribute} should be {describe(wanted.value)}, is {describe(found)}"
        return Mismatch(text, wanted.value, found, index)
    return None


def _gives(_: View, index: int, wanted: Gives, got: Value) -> Mismatch | None:
    found = as_plain(got)
    if found != wanted.value or type(found) is not type(wanted.value):
        text = f"should be {describe(wanted.value)}, is {describe(found)}"
        return _wrong_number(got, wanted.value, index) or Mismatch(text, wanted.value, got, index)
    return None


def _rounded(view: View, index: int, wanted: Rounded, got: Value) -> Mismatch | None:
    arrays = got if isinstance(got, list) else [got]
    kept = {array.dtype.name for array in arrays if isinstance(array, np.ndarray)} - {wanted.dtype}
    if kept:
        raise NotSupported(f"what is assigned is kept as {', '.join(sorted(kept))}")
    return _gives(view, index, Gives(wanted.value), got)


def _wrong_number(got: Value, wanted: Value, index: int, what: str = "output") -> Mismatch | None:
    """Return the mismatch of the first array that differs from its numbers, None where something else differs."""
    if isinstance(got, np.ndarray) and isinstance(wanted, list):
        with contextlib.suppress(ValueError):  # numbers that make no array
            exact = np.array(wanted)
            return compare_exactly(got, exact, index, what) if exact.dtype.kind in "fi" else None
    if isinstance(got, list) and isinstance(wanted, list) and len(got) == len(wanted):
        items = enumerate(zip(got, wanted))
        found = (_wrong_number(*pair, index, f"item {place}") for place, pair in items)
        return next((mismatch for mismatch in found if mismatch is not None), None)
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
            keys = in_a_line(", ".join(map(repr, got)))
            held = f"the keys {keys}" if isinstance(got, dict) else describe(got)
            return Mismatch(f"should hold {member!r}, holds {held}", member, got, index)
    for member in wanted.absent:
        if member in got:
            return Mismatch(f"should not hold {member!r}: {describe(got)}", None, got, index)
    for key, value in wanted.items.items():
        found = as_plain(got[key]) if isinstance(got, dict) and key in got else None
        if found != value or type(found) is not type(value):
            return Mismatch(f"{key} should be {value!r}, is {describe(found)}", value, found, index)
    return None


def _like(_: View, index: int, wanted: Like, got: Value) -> Mismatch | None:
    if not isinstance(got, str) or not re.fullmatch(wanted.pattern, got):
        text = f"should match {wanted.pattern!r}, is {describe(got)}"
        return Mismatch(text, wanted.pattern, got, index)
    return None


def _same_as(view: View, index: int, wanted: SameAs, got: Value) -> Mismatch | None:
    before = view.value(wanted.step)
    if not _identical(before, got):
        steps = view.case.steps
        gave = steps[wanted.step].tag.replace("_", " ")
        same_kind = steps[wanted.step].tag == steps[index].tag
        when = f"as the first {gave}" if same_kind else f"as {gave} gave"
        return Mismatch(f"should be {when}: {_difference(before, got)}", before, got, index)
    return None


def _difference(before: Value, got: Value) -> str:
    """Tell where two values that are not identical differ first."""
    if isinstance(before, list) and isinstance(got, list):
        if len(before) != len(got):
            return f"its length was {len(before)}, is {len(got)}"
        pairs = enumerate(zip(before, got))
        place, (one, other) = next(pair for pair in pairs if not _identical(*pair[1]))
        return f"item {place} {_difference(one, other)}"
    arrays = [value for value in (before, got) if isinstance(value, np.ndarray) and value.ndim]
    if len(arrays) == 2 and len({(array.shape, array.dtype) for array in arrays}) == 1:
        differs = (_bytes_of(before) != _bytes_of(got)).any(axis=-1)
        index = tuple(map(int, np.argwhere(differs)[0]))
        count = f"{np.count_nonzero(differs)} of {got.size} elements differ"
        return f"{list(index)} was {before[index]}, is {got[index]}; {count}"
    return f"was {describe(before)}, is {describe(got)}"


def _bytes_of(array: Array) -> Array:
    """Return the bytes of each element, along one more axis."""
    return np.ascontiguousarray(array).view(np.uint8).reshape(*array.shape, array.itemsize)


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
    (stem, number), (name, least) = map(_name_and_number, (got, expected))
    skipped = wanted.skips and stem == name and number > least
    if got != expected and not skipped:
        text = f"should be {expected!r} after {before!r}, is {describe(got)}"
        return Mismatch(text, expected, got, index)
    return None


def _next_name(name: Value) -> str:
    stem, number = _name_and_number(name)
    return f"{stem}_{number + 1}"


def _name_and_number(name: Value) -> tuple[str, int]:
    stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", str(name)).groups()  # type: ignore[union-attr]
    return stem, int(number or 0)


def _arrays(_: View, index: int, wanted: Arrays, got: Value) -> Mismatch | None:
    items = got if isinstance(got, list) else [got]
    shapes = [list(item.shape) if isinstance(item, np.ndarray) else None for item in items]
    expected = [list(shape) for shape in wanted.shapes]
    if shapes != expected:
        return Mismatch(f"the shapes should be {expected}, are {shapes}", expected, shapes, index)
    return None


def _typed(_: View, index: int, wanted: Typed, got: Value) -> Mismatch | None:
    for item in got if isinstance(got, list) else [got]:
        if wanted.or_number and isinstance(item, (int, float)):
            continue
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
    Numbers: _numbers,
    ActsAs: _acts_as,
    Stores: _stores,
    Gives: _gives,
    Rounded: _rounded,
    Holds: _holds,
    Like: _like,
    SameAs: _same_as,
    Follows: _follows,
    Arrays: _arrays,
    Typed: _typed,
    Filled: _filled,
}


def _checks() -> Iterator[Check]:
    for clause, scripts in scripts_by_clause().items():
        yield check_of(clause, scripts)


#: A check for each clause that has scripts.
SCRIPTED: tuple[Check, ...] = tuple(_checks())
