"""A line of a record being read: typed access to its fields, with errors that say where."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import attrs

from reports.record import RecordError

T = TypeVar("T")

#: Numbers that JSON lacks, as a record spells them.
_NO_JSON = ("NaN", "Infinity", "-Infinity", "nan", "inf", "-inf")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
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

    def _checked(self, key: str, kinds: tuple[type, ...], what: str) -> Any:
        value = self.data.get(key)
        if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, kinds):
            field = f"{self.inside}{key}"
            if key not in self.data:
                self.refuse(f'"{field}" is missing ({what})')
            self.refuse(f'"{field}" must be {what}, not {short(value)}')
        return value

    def text(self, key: str) -> str:
        """Return a text that must be there."""
        return str(self._checked(key, (str,), "a text"))

    def text_or(self, key: str, default: str = "") -> str:
        """Return a text, or the default for null or nothing."""
        return default if self.data.get(key) is None else self.text(key)

    def text_or_none(self, key: str) -> str | None:
        """Return a text, or None for null or nothing."""
        return None if self.data.get(key) is None else self.text(key)

    def integer_or_none(self, key: str) -> int | None:
        """Return a whole number, or None for null or nothing."""
        if self.data.get(key) is None:
            return None
        number = int(self._checked(key, (int,), "a whole number"))
        if not is_whole(number):
            self.refuse(f'"{self.inside}{key}" must be a whole number of at most 64 bits')
        return number

    def number_or_none(self, key: str) -> float | None:
        """Return a number, those that JSON lacks included, or None for null or nothing."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, dict) and value.keys() == {"float"}:
            value = value["float"]
        if isinstance(value, str) and value in _NO_JSON:
            return float(value)
        number = self._checked(key, (int, float), "a number")
        try:
            return float(number)
        except OverflowError:
            return math.inf if number > 0 else -math.inf

    def flag(self, key: str) -> bool:
        """Return true or false, which must be there."""
        return bool(self._checked(key, (bool,), "true or false"))

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return an object, empty for null or nothing."""
        value = self.data.get(key)
        return {} if value is None else dict(self._checked(key, (dict,), "an object"))

    def items(self, key: str) -> list[Any]:
        """Return a list that must be there."""
        return list(self._checked(key, (list,), "a list"))

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, or one text as a list; empty for null or nothing."""
        value = self.data.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        return tuple(str(item) for item in self.items(key))

    def inner(self, key: str) -> Line:
        """Return an object that must be there, to be read in turn."""
        data = self._checked(key, (dict,), "an object")
        return Line(self.file, self.number, data, f"{self.inside}{key}.")

    def inner_or_none(self, key: str, read: Callable[[Line], T]) -> T | None:
        """Read an object, or return None for null or nothing."""
        return None if self.data.get(key) is None else read(self.inner(key))

    def each(self, key: str, read: Callable[[Line], T]) -> tuple[T, ...]:
        """Read a list of objects that must be there."""
        found = []
        for position, data in enumerate(self.items(key)):
            inside = f"{self.inside}{key}[{position}]"
            if not isinstance(data, dict):
                self.refuse(f'"{inside}" must be an object, not {short(data)}')
            found.append(read(Line(self.file, self.number, data, inside + ".")))
        return tuple(found)

    def strings(self, key: str) -> dict[str, str]:
        """Return an object whose values are texts; others are written as JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in self.mapping(key).items()
        }
