"""A case: constructor arguments and a short list of steps, as plain data.

A case goes to JSON and back without loss and has an id made of its content, so that it can be
kept, sent, replayed against another subject, or turned into a script.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs
import cattrs

from conformance.model.codec import Value, canonical_json, decode, encode
from conformance.model.steps import Step


@attrs.frozen(eq=False, slots=False, repr=False)
class Case:
    """Constructor arguments and steps.

    `arguments` holds the page's keyword arguments as JSON values; a function is
    ``{"function": NAME}`` of `conformance.model.named`. `family` is the strategy that drew the case.
    """

    family: str
    arguments: Mapping[str, Value]
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        return f"<Case {self.id} of {self.family!r}>"

    @cached_property
    def id(self) -> str:
        """The case's stable name, made of its content."""
        content = {key: value for key, value in self._plain.items() if key != "family"}
        return "c-" + hashlib.sha256(canonical_json(content).encode()).hexdigest()[:12]

    @cached_property
    def _plain(self) -> dict[str, Any]:
        return {
            "family": self.family,
            "arguments": encode(dict(self.arguments)),
            "steps": [step.to_json() for step in self.steps],
        }

    def to_json(self) -> dict[str, Any]:
        """Return the case as plain JSON, its id included."""
        return {"id": self.id, **self._plain}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Case:
        """Return the case that `to_json` wrote; raise ValueError where `data` is not one."""
        if not isinstance(data, Mapping) or not isinstance(data.get("arguments"), Mapping):
            raise ValueError(
                "not a case: an object with `arguments` (an object) and `steps` is needed"
            )
        try:
            return Case(
                family=str(data.get("family", "recorded")),
                arguments=decode(data["arguments"]),
                steps=tuple(map(Step.from_json, data["steps"])),
            )
        except cattrs.BaseValidationError as error:
            raise ValueError("not a case: " + "; ".join(cattrs.transform_error(error))) from error
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not a case: {type(error).__name__}: {error}") from error

    def argument(self, name: str, default: Value = None) -> Value:
        """Return a constructor argument, or `default` where the case leaves it out."""
        return self.arguments.get(name, default)
