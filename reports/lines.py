"""A line of a record being read: typed access to its fields, with errors that say where."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import attrs

from reports.record import RecordError

T = TypeVar("T")


def short(value: object) -> str:
    """Write a JSON value in at most 60 characters."""
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


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
        return int(self._checked(key, (int,), "a whole number"))

    def number_or_none(self, key: str) -> float | None:
        """Return a number, those that JSON lacks included, or None for null or nothing."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value in ("NaN", "Infinity", "-Infinity"):
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
