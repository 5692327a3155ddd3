"""A case: constructor arguments and a short list of steps, as plain data.

A case goes to JSON and back without loss and has an id made of its content, so that it can be
kept, sent, replayed against another subject, or turned into a script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import cattrs
import numpy as np

from conformance.model.named import texts_of
from conformance.model.situation import Situation
from conformance.model.steps import Step
from conformance.model.values.codec import Value, canonical_json, decode, encode, text_of

#: Numbers in a case have at most so many bits, and a case so many steps.
_BITS, _STEPS = 63, 1000


@attrs.frozen(eq=False, slots=False, repr=False)
class Case:
    """Constructor arguments and steps.

    `arguments` holds the page's keyword arguments as JSON values; a function is
    ``{"function": NAME}`` of `conformance.model.named`. `family` is the strategy that drew the case, `situation`
    what surrounds its steps.
    """

    family: str
    arguments: Mapping[str, Value]
    steps: tuple[Step, ...]
    situation: Situation | None = None

    def __repr__(self) -> str:
        return f"<Case {self.id} of {self.family!r}>"

    @cached_property
    def id(self) -> str:
        """The case's stable name, made of its content."""
        content = {key: value for key, value in self._plain.items() if key != "family"}
        return "c-" + hashlib.sha256(canonical_json(content).encode()).hexdigest()[:12]

    @property
    def _plain(self) -> dict[str, Any]:
        """The case as plain JSON, without its id; not kept, as arrays are longer as texts."""
        steps = [step.to_json() for step in self.steps]
        plain: dict[str, Any] = encode(
            {"family": self.family, "arguments": dict(self.arguments), "steps": steps}
        )
        if self.situation is not None:
            plain["situation"] = self.situation.to_json()
        return plain

    @property
    def elements(self) -> int:
        """How many elements the arrays of its steps have."""
        return sum(_elements(attrs.asdict(step, recurse=False)) for step in self.steps)

    @property
    def own_steps(self) -> Iterator[tuple[int, Step]]:
        """Yield index and step of every step but those that belong to the situation alone."""
        aside = () if self.situation is None else self.situation.aside
        for index, step in enumerate(self.steps):
            if index not in aside:
                yield index, step

    @property
    def situation_name(self) -> str | None:
        """What the situation is called, None where there is none."""
        return None if self.situation is None else self.situation.name

    @cached_property
    def without_situation(self) -> Case:
        """The same case in plain surroundings."""
        if self.situation is None:
            return self
        return Case(self.family, self.arguments, tuple(step for _, step in self.own_steps))

    def to_json(self) -> dict[str, Any]:
        """Return the case as plain JSON, its id included."""
        return {"id": self.id, **self._plain}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Case:
        """Return the case that `to_json` wrote.

        Raises:
            ValueError: `data` is not one, or holds a shape, a number or a name that no layer can be asked
                about; in one line.
        """
        arguments, listed = (
            (data.get("arguments"), data.get("steps"))
            if isinstance(data, Mapping)
            else (None, None)
        )
        try:
            if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
                raise ValueError("an object with `arguments` and a list of `steps` is needed")
            if len(listed) > _STEPS:
                raise ValueError(f"it has {len(listed):,} steps; the limit is {_STEPS:,}")
            family = data.get("family", "recorded")
            if not isinstance(family, str) or text_of(family) != family:
                raise ValueError(f"its `family` should be a text, not {text_of(family, repr, 60)}")
            _must_be_askable(arguments)
            _must_be_askable(listed)
            _must_be_askable(data.get("situation"))
            decoded = decode(arguments)
            if not isinstance(decoded, dict):
                raise ValueError("its `arguments` should be an object")
            around = data.get("situation")
            return Case(
                family=family,
                arguments=decoded,
                steps=tuple(map(Step.from_json, listed)),
                situation=None if around is None else Situation.from_json(around),
            )
        except cattrs.BaseValidationError as error:
            told = text_of(
                "; ".join(cattrs.transform_error(error, format_exception=_told)), limit=400
            )
            raise ValueError(f"not a case: {told}") from error
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            told = text_of(error, limit=400)
            raise ValueError(f"not a case: {type(error).__name__}: {told}") from error

    def argument(self, name: str, default: Value = None) -> Value:
        """Return a constructor argument, or `default` where the case leaves it out."""
        return self.arguments.get(name, default)


def _elements(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, Mapping):
        return sum(map(_elements, value.values()))
    return sum(map(_elements, value)) if isinstance(value, (list, tuple)) else 0


def _told(error: BaseException, kind: type | None) -> str:
    """Return what is wrong with a field: our own words, where there are some."""
    is_ours = type(error) in (TypeError, ValueError) and error.args
    return text_of(error, limit=200) if is_ours else cattrs.v.format_exception(error, kind)


def _must_be_askable(data: Any, levels: int = 50) -> None:
    """Raise ValueError over numbers beyond 64 bits, unknown functions and literals, and endless nesting."""
    if isinstance(data, int) and data.bit_length() > _BITS:
        raise ValueError(f"{text_of(data, repr, 40)} is beyond 64 bits")
    if isinstance(data, (dict, list)):
        if levels == 0:
            raise ValueError("it is nested too deep")
        texts_of(data)
        for item in data.values() if isinstance(data, dict) else data:
            _must_be_askable(item, levels - 1)
