"""What a step is: its JSON, its line in a script, and how it is done with primitives of a backend.

Each kind of step is one class. Subclassing `Step` makes it known by its tag: its name in snake case, which is
`do` in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, TypeAlias

import attrs
import cattrs
import numpy as np

from conformance.model.observation import Unsupported
from conformance.model.steps.backend import Backend
from conformance.model.steps.words import Words
from conformance.model.values.codec import Array, Value, decode, encode, text_of

Shape: TypeAlias = tuple[int | None, ...]
#: A shape in a case has at most so many axes.
_AXES = 64
#: A field of any values, arrays and named values among them.
Encoded: TypeAlias = Annotated[Any, "encoded"]


@attrs.frozen(eq=False)
class Step:
    """A step of a case: something done with the layer."""

    #: The step's name in JSON.
    tag: ClassVar[str] = ""
    #: Whether later steps may give something else because of it.
    changes_state: ClassVar[bool] = False
    #: Whether it uses layers by their names.
    names_layers: ClassVar[bool] = False
    #: Whether its line is a statement, which has no value to print.
    is_statement: ClassVar[bool] = False
    #: Whether it gives tensors, which a graph has to compute.
    gives_tensors: ClassVar[bool] = False
    #: The expression, or statement, that does the step in a script: fields of `step` and `words` are put in.
    text: ClassVar[str] = "'{step.tag}: run it by `conformance replay` of this finding'"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__name__.startswith("_"):
            cls.tag = re.sub("(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
            KINDS[cls.tag] = cls  # attrs makes a class twice, with slots the second time

    def run(self, backend: Backend) -> Value:
        """Do the step and return what it gives; a kind that has no way for every backend has none here."""
        raise Unsupported(f"has no step {self.tag!r}")

    def source(self, words: Words) -> str:
        """Return the line of a script that does the step."""
        return self.text.format(step=self, words=words)

    def source_between(self, words: Words) -> str:
        """Return the same for a step that another one follows in the script."""
        return self.source(words)

    def to_json(self) -> dict[str, Any]:
        """Return the step as plain JSON."""
        return {**_CONVERTER.unstructure(self), "do": self.tag}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Step:
        """Return the step that `to_json` wrote.

        Raises:
            TypeError, ValueError, cattrs.BaseValidationError: `data` is not one.
        """
        fields = dict(data)
        tag = fields.pop("do", None)
        if not isinstance(tag, str) or tag not in KINDS:
            raise ValueError(f"unknown step {text_of(tag, repr, 60)}")
        return _CONVERTER.structure(fields, KINDS[tag])


#: Every kind of step by its tag.
KINDS: dict[str, type[Step]] = {}


def names_an_attribute(_: Any, field: attrs.Attribute[str], name: str) -> None:
    """Raise ValueError unless a field is the name of a layer's attribute: a case may come from anybody."""
    if not name.isidentifier() or name.startswith("__"):
        raise ValueError(f"no `{field.name}` of a layer: {text_of(name, repr, 60)}")


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    for kind in (str, int, bool):  # by itself it would make them of whatever is there
        converter.register_structure_hook(kind, _structure_plain)
    converter.register_unstructure_hook_func(_is_array, encode)
    converter.register_structure_hook_func(_is_array, _structure_array)
    converter.register_structure_hook_func(lambda kind: kind == Shape, _structure_shape)
    converter.register_unstructure_hook_func(_is_encoded, encode)
    converter.register_structure_hook_func(_is_encoded, lambda data, _: decode(data))
    return converter


def _structure_plain(data: Any, kind: type) -> Any:
    if type(data) is not kind:
        raise TypeError(f"expected {kind.__name__}, got {text_of(data, repr, 60)}")
    return data


def _structure_shape(data: Any, _: Any) -> Shape:
    if not isinstance(data, (list, tuple)) or len(data) > _AXES:
        raise ValueError(
            f"a shape is a list of at most {_AXES} sizes, got {text_of(data, repr, 200)}"
        )
    if not all(size is None or type(size) is int for size in data):
        raise ValueError(f"a shape's sizes are integers or null, got {text_of(data, repr, 200)}")
    return tuple(data)


def _is_array(annotation: Any) -> bool:
    return bool(annotation == Array)


def _is_encoded(annotation: Any) -> bool:
    return bool(annotation == Encoded)


def _structure_array(data: Any, _: Any) -> Array:
    value = decode(data)
    if not isinstance(value, np.ndarray):
        told = text_of(data, repr, 200)
        raise TypeError(f"expected an array as shape, dtype and base64, got {told}")
    return value


_CONVERTER = _make_converter()
