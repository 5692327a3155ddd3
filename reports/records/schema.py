"""The JSON schema of a record's lines, made from the classes of `reports.records.record`.

``python -m reports.records.schema FILE`` writes it.
"""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import attrs

from reports.records.record import FORMATS, LINES, Rule

#: What stands in a record and is no class of it: cases and values, which come from a subject.
_VALUE = {"$ref": "#/$defs/value"}
_DEFINED: dict[str, dict[str, Any]] = {
    "case": {
        "description": "Constructor arguments and steps; with them the case can be run again.",
        "type": "object",
        "required": ["id", "arguments", "steps"],
        "properties": {
            "id": {"type": "string", "pattern": "^c-[0-9a-f]+$"},
            "family": {"type": "string"},
            "arguments": {"type": "object", "additionalProperties": _VALUE},
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["do"],
                    "properties": {"do": {"type": "string", "minLength": 1}},
                    "additionalProperties": _VALUE,
                },
            },
            "situation": {
                "description": "What surrounds the steps; `aside` are those that belong to it alone.",
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "aside": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                },
            },
        },
    },
    "value": {
        "description": "Any JSON value. An object with shape, dtype and base64 is a tensor: "
        "little-endian bytes in C order.",
        "if": {"type": "object", "required": ["shape", "dtype", "base64"]},
        "then": {
            "properties": {
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                "dtype": {"type": "string"},
                "base64": {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
            }
        },
        "else": {
            "if": {"type": "array"},
            "then": {"items": _VALUE},
            "else": {"if": {"type": "object"}, "then": {"additionalProperties": _VALUE}},
        },
    },
    "number": {
        "description": "A number, or what stands for one that JSON lacks.",
        "anyOf": [
            {"type": "number"},
            {"enum": ["NaN", "Infinity", "-Infinity"]},
            {
                "type": "object",
                "required": ["float"],
                "properties": {"float": {"enum": ["nan", "inf", "-inf"]}},
                "additionalProperties": False,
            },
        ],
    },
}
_PLAIN = {str: "string", int: "integer", bool: "boolean"}


def schema() -> dict[str, Any]:
    """Return the schema of a line; readers ignore fields they do not know, so it allows them."""
    defined = dict(_DEFINED)
    kinds = {kind: _of(holds, defined) for kind, holds in LINES.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:conv2d-transpose-conformance:record:{FORMATS[-1]}",
        "title": f"A line of the record of a conformance run, format {FORMATS[-1]}",
        "description": "A record is a text file of JSON lines in UTF-8: one header, then verdicts, "
        "findings and at most one line on the strength of the suite in any order, then one footer. A record "
        "without a footer is unfinished. Readers ignore fields they do not know. Made from the classes in "
        "reports/records/record.py.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": [*kinds]}},
        "allOf": [
            {"if": {"properties": {"kind": {"const": kind}}}, "then": found}
            for kind, found in kinds.items()
        ],
        "$defs": defined,
    }


def _of(expected: Any, defined: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a type; classes are added to `defined`."""
    origin, inner = get_origin(expected), get_args(expected)
    if origin is Annotated:
        found = _of(inner[0], defined)
        for rule in inner[1:]:
            about = {"description": rule.about} if rule.about else {}
            found = {**about, **found, **rule.keywords}
        return {"$ref": f"#/$defs/{found['ref']}"} if "ref" in found else found
    if origin in (Union, types.UnionType):
        return _or_null(_of(inner[0], defined))
    if origin is tuple:
        return {"type": "array", "items": _of(inner[0], defined)}
    if origin is not None:
        return {"type": "object", "additionalProperties": _of(inner[1], defined)}
    if attrs.has(expected):
        return {"$ref": f"#/$defs/{_define(expected, defined)}"}
    if expected in _PLAIN:
        return {"type": _PLAIN[expected]}
    return {"$ref": "#/$defs/number"} if expected is float else _VALUE


def _or_null(found: dict[str, Any]) -> dict[str, Any]:
    if "type" in found:
        return {**found, "type": [found["type"], "null"]}
    return {"anyOf": [found, {"type": "null"}]}


def _define(holds: type[attrs.AttrsInstance], defined: dict[str, dict[str, Any]]) -> str:
    """Add a class to the definitions; return its name among them."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", holds.__name__).lower()
    if name not in defined:
        hints = get_type_hints(holds, include_extras=True)
        fields = attrs.fields(holds)
        needed = [
            f.name for f in fields if f.default is attrs.NOTHING or _is_written(hints[f.name])
        ]
        defined[name] = {
            "description": (holds.__doc__ or "").partition("\n")[0],
            "type": "object",
            "required": needed,
            "properties": {field.name: _of(hints[field.name], defined) for field in fields},
        }
    return name


def _is_written(expected: Any) -> bool:
    rules = get_args(expected)[1:] if get_origin(expected) is Annotated else ()
    return any(isinstance(rule, Rule) and rule.written for rule in rules)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
