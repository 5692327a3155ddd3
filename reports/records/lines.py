"""A line of a record being read into its class, with errors that say where."""

from __future__ import annotations

import functools
import json
import math
import os
import re
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs

from reports.records.record import RecordError

T = TypeVar("T", bound=attrs.AttrsInstance)

#: Numbers that JSON lacks, as a record spells them.
_NO_JSON = ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
#: A field that has no value and needs one.
_MISSING = object()
#: What values of these types are called, one of them and a list of them.
_NAMES: Mapping[type, tuple[str, str]] = {
    str: ("a text", "a list of texts"),
    int: ("a whole number", "a list of whole numbers"),
    float: ("a number", "a list of numbers"),
    bool: ("true or false", "a list of true and false"),
    list: ("a list", "a list of lists"),
    dict: ("an object", "a list of objects"),
}
#: A record is nested no deeper than this: what reads it may go down level by level.
DEPTH = 100


def short(value: object) -> str:
    """Write a JSON value in at most 60 characters."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_deep(data: object, levels: int = DEPTH) -> bool:
    """Whether JSON data is nested deeper than `levels`."""
    if not isinstance(data, (dict, list)):
        return False
    items = data.values() if isinstance(data, dict) else data
    return levels == 0 or any(is_deep(item, levels - 1) for item in items)


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, of at most 64 bits: nobody counts further."""
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def load_json(path: str | os.PathLike[str]) -> Any:
    """Read a file of one JSON value.

    Raises:
        RecordError: in one sentence naming the file: it cannot be read, or is not JSON of this kind.
    """
    name = os.fspath(path)
    return parse(read_text(name), name)


def read_text(name: str) -> str:
    """Return a file's text; raise RecordError where it cannot be read."""
    try:
        return Path(name).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RecordError(f"{name} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise RecordError(f"{name} is not UTF-8 text (byte {error.start}).") from error


def parse(content: str, place: str) -> Any:
    """Return JSON data; raise RecordError, naming its `place`, where it is none or nested too deep."""
    try:
        data = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise RecordError(f"{place} is not JSON: {reason}.") from error
    if is_deep(data):
        raise RecordError(f"{place} is nested deeper than {DEPTH} levels.")
    return _well_formed(data) if _SURROGATE.search(content) else data


def _well_formed(data: Any) -> Any:
    """Replace lone surrogates, which JSON can write and nothing else can, in every text."""
    if isinstance(data, str):
        return data.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(data, list):
        return [_well_formed(item) for item in data]
    if isinstance(data, dict):
        return {_well_formed(key): _well_formed(value) for key, value in data.items()}
    return data


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")


@attrs.frozen
class Line:
    """An object of a record, with the place that error messages name."""

    file: str
    number: int
    data: Mapping[str, Any]
    inside: str = ""

    def refuse(self, why: str) -> NoReturn:
        """Raise RecordError: where, and why."""
        raise RecordError(f"{self.file}, line {self.number}: {why}.")

    def read(self, into: type[T]) -> T:
        """Return the object as a class of `reports.records.record`; what the class does not know is ignored.

        Raises:
            RecordError: in one sentence naming the field, its value and the rule that it breaks.
        """
        found = {}
        for name, expected, default in _fields(into):
            value = self.data.get(name, _MISSING)
            if default is attrs.NOTHING or (value is not None and value is not _MISSING):
                found[name] = self._read(self.inside + name, value, expected)
        try:
            return into(**found)
        except ValueError as error:  # a rule on several fields
            self.refuse(str(error))

    def inner(self, name: str) -> Line:
        """Return an object that must be there, to be read in turn."""
        data = self._checked(self.inside + name, self.data.get(name, _MISSING), dict)
        return Line(self.file, self.number, data, f"{self.inside}{name}.")

    def _read(self, place: str, value: Any, expected: Any) -> Any:
        """Return a field's value, or an item of it, as what is expected there."""
        origin, inner = get_origin(expected), get_args(expected)
        if expected is Any:
            return value
        if origin in (Union, types.UnionType):
            return None if value is None else self._read(place, value, inner[0])
        if origin is tuple:
            return self._read_list(place, value, inner[0])
        if origin is not None:
            items = self._checked(place, value, dict)
            if inner[1] is str:  # such as versions: numbers are told as they are written
                return {k: v if isinstance(v, str) else json.dumps(v) for k, v in items.items()}
            return {k: self._read(f"{place}.{short(k)[1:-1]}", items[k], inner[1]) for k in items}
        if attrs.has(expected):
            data = self._checked(place, value, dict)
            return Line(self.file, self.number, data, f"{place}.").read(expected)
        return self._checked(place, value, expected)

    def _read_list(self, place: str, value: Any, expected: Any) -> tuple[Any, ...]:
        if expected is str and isinstance(value, str):
            return (value,)
        items = self._checked(place, value, list)
        if expected in _NAMES and any(_as(expected, item) is None for item in items):
            self._refuse_value(place, value, _NAMES[expected][1])
        return tuple(
            self._read(f"{place}[{number}]", item, expected) for number, item in enumerate(items)
        )

    def _checked(self, place: str, value: Any, expected: type) -> Any:
        found = _as(expected, value)
        if found is None:
            what = _NAMES[expected][0]
            is_long = expected is int and isinstance(value, int) and not isinstance(value, bool)
            if is_long:
                self.refuse(f'"{place}" must be {what} of at most 64 bits')
            self._refuse_value(place, value, what)
        return found

    def _refuse_value(self, place: str, value: Any, what: str) -> NoReturn:
        if value is _MISSING:
            self.refuse(f'"{place}" is missing ({what})')
        self.refuse(f'"{place}" must be {what}, not {short(value)}')


@functools.cache
def _fields(into: type[attrs.AttrsInstance]) -> tuple[tuple[str, Any, Any], ...]:
    """Return name, type and default of a class's fields."""
    hints = get_type_hints(into)
    return tuple((field.name, hints[field.name], field.default) for field in attrs.fields(into))


def _as(expected: type, value: Any) -> Any:
    """Return JSON data as a value of a plain type; None where it is none."""
    if expected is float:
        return _as_number(value)
    if expected is int:
        return value if is_whole(value) else None
    return value if isinstance(value, expected) else None


def _as_number(value: Any) -> float | None:
    """Return a number, those that JSON lacks included."""
    if isinstance(value, dict) and value.keys() == {"float"}:
        value = value["float"]
    if isinstance(value, str) and value in _NO_JSON:
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
