"""The messages of the process protocol, as a JSON schema made from the classes that read and write them."""

from __future__ import annotations

import json
from types import UnionType
from typing import Any, Union, get_args, get_origin

import attrs

from conformance.model.capabilities import FLAGS, LISTS
from conformance.model.steps import Shape
from conformance.model.steps.step import KINDS, Encoded
from conformance.model.values.codec import Array

#: The version that this release speaks; it rises when a program that obeys today's page would break.
VERSION = 1

_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_ARRAY = {
    "description": "The elements in C order, little endian. A size may be zero: `base64` is then empty.",
    "type": "object",
    "required": ["shape", "dtype", "base64"],
    "additionalProperties": False,
    "properties": {
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "dtype": {"description": "NumPy's name, or bfloat16.", "type": "string"},
        "base64": {"type": "string", "contentEncoding": "base64"},
    },
}
_VALUE = {
    "description": "Any JSON; an array and a float that JSON lacks have their own forms.",
    "anyOf": [
        {"type": ["null", "boolean", "number", "string"]},
        {"$ref": "#/$defs/array"},
        {
            "type": "object",
            "required": ["float"],
            "additionalProperties": False,
            "properties": {"float": {"enum": ["nan", "inf", "-inf"]}},
        },
        {"type": "array", "items": {"$ref": "#/$defs/value"}},
        {
            "type": "object",
            "not": {"anyOf": [{"required": ["base64"]}, {"required": ["float"]}]},
            "additionalProperties": {"$ref": "#/$defs/value"},
        },
    ],
}
_OUTCOME = {
    "description": "What the constructor or a step gave: a value, an error, or that the program lacks it.",
    "type": "object",
    "properties": {
        "value": {"$ref": "#/$defs/value"},
        "error": {
            "type": ["object", "null"],
            "required": ["types", "message", "moment"],
            "properties": {
                "types": {
                    "description": "The error's classes in Python's words, the most derived first.",
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string"},
                },
                "message": {"type": "string"},
                "moment": {"description": "`construct`, or the step's name.", "type": "string"},
            },
        },
        "unsupported": {
            "description": "What the program does not have; an error beside it is how it refused.",
            "type": ["string", "null"],
        },
        "modified": {
            "description": "Arguments that the step damaged in place.",
            "type": "array",
            "items": {"type": "string"},
        },
    },
}
_OBSERVATION = {
    "type": "object",
    "required": ["outcomes"],
    "properties": {
        "constructed": {"$ref": "#/$defs/outcome"},
        "outcomes": {
            "description": "One for each step; none after a constructor that failed or is unsupported.",
            "type": "array",
            "items": {"$ref": "#/$defs/outcome"},
        },
        "crash": {
            "description": "How the case ended the implementation, where the program outlived it.",
            "type": ["string", "null"],
        },
    },
}
_MESSAGES = {
    "describe": {
        "description": "The first question after a start.",
        "type": "object",
        "required": ["kind", "protocol"],
        "properties": {"kind": {"const": "describe"}, "protocol": {"const": VERSION}},
    },
    "description": {
        "description": "The answer to it. A program of another protocol is refused.",
        "type": "object",
        "required": ["kind"],
        "properties": {
            "kind": {"const": "description"},
            "protocol": {"const": VERSION},
            "versions": _TEXTS,
            "settings": _TEXTS,
            "renews": {
                "description": "Whether the program starts its implementation anew when that has ended, and when "
                "it is asked to.",
                "type": "boolean",
            },
            "capabilities": {
                "description": "What the program has; cases that need what is denied are not sent, and "
                "what is not named is tried.",
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    **{
                        name: {"type": "array", "items": {"enum": list(items)}}
                        for name, items in LISTS.items()
                    },
                    **{
                        name: {"description": text, "type": "boolean"}
                        for name, text in FLAGS.items()
                    },
                },
            },
            "unsupported_errors": {
                "description": "Regular expressions: errors whose message has one say that the program does "
                "not have something; or names of classes of errors.",
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {
                            "type": "object",
                            "required": ["error"],
                            "additionalProperties": False,
                            "properties": {"error": {"type": "string"}},
                        },
                    ]
                },
            },
        },
    },
    "renew": {
        "description": "A question to a program that `renews`: let the next case meet an implementation that has "
        "done nothing before.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"const": "renew"}},
    },
    "renewed": {
        "description": "The answer to it.",
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"const": "renewed"}},
    },
    "case": {
        "description": "A case to run.",
        "type": "object",
        "required": ["kind", "id", "case"],
        "properties": {
            "kind": {"const": "case"},
            "id": {"type": "string"},
            "case": {
                "type": "object",
                "required": ["id", "family", "arguments", "steps"],
                "properties": {
                    "id": {"type": "string"},
                    "family": {"description": "Who made the case.", "type": "string"},
                    "arguments": {
                        "description": "Keyword arguments of the constructor. Each may have any JSON type, for "
                        "invalid ones come on purpose.",
                        "type": "object",
                        "additionalProperties": {"$ref": "#/$defs/value"},
                    },
                    "steps": {"type": "array", "items": {"$ref": "#/$defs/step"}},
                    "situation": {
                        "description": "What surrounds the steps, for subjects in Python. A program "
                        "does the steps as they are listed; of those in `aside` nothing is asked.",
                        "type": "object",
                        "required": ["name", "aside"],
                        "properties": {
                            "name": {"type": "string"},
                            "aside": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                        },
                    },
                },
            },
        },
    },
    "observation": {
        "description": "The answer to it, with the same id.",
        "type": "object",
        "required": ["observation"],
        "properties": {
            "kind": {"const": "observation"},
            "id": {"type": "string"},
            "observation": _OBSERVATION,
        },
    },
}


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12): any message, and each by its name in ``$defs``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Messages of the process protocol, version {VERSION}",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in _MESSAGES],
        "$defs": {
            **_MESSAGES,
            "outcome": _OUTCOME,
            "value": _VALUE,
            "array": _ARRAY,
            "step": {
                "description": "One of the kinds of step; programs answer those they do not know with "
                "`unsupported`.",
                "oneOf": [{"$ref": f"#/$defs/step_{tag}"} for tag in sorted(KINDS)],
            },
            **{f"step_{tag}": _step(tag) for tag in sorted(KINDS)},
        },
    }


def schema_text() -> str:
    """Return the schema as a file holds it."""
    return json.dumps(schema(), indent=1) + "\n"


def _step(tag: str) -> dict[str, Any]:
    kind = KINDS[tag]
    first, *_ = (kind.__doc__ or "").strip().split("\n")
    fields = attrs.fields(attrs.resolve_types(kind, include_extras=True))
    properties = {field.name: _of(field.type) for field in fields}
    return {
        "description": first,
        "type": "object",
        "required": ["do", *properties],
        "additionalProperties": False,
        "properties": {"do": {"const": tag}, **properties},
    }


def _of(annotation: Any) -> dict[str, Any]:
    """Return the schema of a step's field."""
    plain = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    if annotation in plain:
        return {"type": plain[annotation]}
    if annotation == Encoded:
        return {"$ref": "#/$defs/value"}
    if annotation == Shape:
        return {"type": "array", "items": {"type": ["integer", "null"]}}
    if annotation == Array:
        return {"$ref": "#/$defs/array"}
    origin, inner = get_origin(annotation) or annotation, get_args(annotation)
    if origin in (Union, UnionType):
        return {"anyOf": [_of(one) for one in inner]}
    if origin is tuple and inner[1:] == (Ellipsis,):
        return {"type": "array", "items": _of(inner[0])}
    raise TypeError(f"a step's field of type {annotation!r} has no JSON")
