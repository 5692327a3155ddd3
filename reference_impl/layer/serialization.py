"""Function-valued arguments: by name, by config dict, by instance, by callable; and back to JSON.

The forms are Keras 2.15's (clauses ARG-07, INIT-05, LOSS-09, CONS-07, METH-06): an object of this
package is written as `{"module", "class_name", "config", "registered_name"}`, a function by its
name, a lambda as its code, which is written but, as in Keras, never read back.
"""

from __future__ import annotations

import base64
import dataclasses
import marshal
import types
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Configured", "deserialize", "named", "serialize"]


class Configured:
    """An object whose configuration is the fields of its dataclass, nothing where it is none."""

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as they are now."""
        fields: tuple[Any, ...] = dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        return {field.name: getattr(self, field.name) for field in fields}


def deserialize(
    config: Mapping[str, Any], known: Mapping[str, Callable[..., Any]], kind: str
) -> Any:
    """The object that a config dict describes.

    Args:
        config: `{"class_name": name, "config": keyword arguments}`, with or without Keras 2.15's
            further keys; a function is `{"class_name": "function", "config": name}`.
        known: what the names mean.
        kind: "activation function", "initializer", "regularizer" or "constraint", for messages.

    Raises:
        ValueError: no such form or no such name.
        TypeError: keyword arguments that the class does not take.
    """
    if "class_name" not in config or "config" not in config:
        raise ValueError(
            f"Improper config format for {dict(config)}. Expecting python dict contains "
            "`class_name` and `config` as keys"
        )
    name, arguments = config["class_name"], config["config"]
    if kind == "initializer" and isinstance(arguments, Mapping):
        # Keras 3 adds the axes of the fans, None for those of the layer.
        unsaid = ("input_axes", "output_axes")
        arguments = {k: v for k, v in arguments.items() if v is not None or k not in unsaid}
    if name == "function" and isinstance(arguments, str):
        name = arguments
        if name in known:
            return known[name]
    elif name in known:
        return known[name](**arguments)
    raise ValueError(
        f"Unknown {kind}: {name!r}. Only the names that Keras 2.15 defines are known here; give "
        "anything else as an instance or a callable"
    )


def named(identifier: Any, known: Mapping[str, Callable[..., Any]], kind: str, clause: str) -> Any:
    """What an argument means: a name, a config dict as in `deserialize`, or the callable itself.

    Raises:
        ValueError: an unknown name, or an object that is neither a name, a dict nor callable.
    """
    if isinstance(identifier, str):
        identifier = {"class_name": identifier, "config": {}}
    if isinstance(identifier, Mapping):
        return deserialize(identifier, known, kind)
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(
        f"Could not interpret {kind} identifier: {identifier!r}. Give a name, a config dict or a "
        f"callable ({clause})"
    )


def serialize(value: Any, module: str) -> Any:
    """The JSON-able form of a function-valued argument (METH-06).

    Args:
        value: None, a string, an object with `get_config()`, or a function.
        module: the Keras module that an object of this package stands for, "keras.constraints".

    Raises:
        TypeError: an object that has no `get_config()` and is no function.
    """
    if value is None or isinstance(value, str):
        return value
    if hasattr(value, "get_config"):
        home = type(value).__module__
        own = home.partition(".")[0] == __name__.partition(".")[0]
        return {
            "module": module if own else None if home == "__main__" else home,
            "class_name": type(value).__name__,
            "config": value.get_config(),
            "registered_name": None if own else type(value).__name__,
        }
    if isinstance(value, types.FunctionType) and value.__name__ == "<lambda>":
        return {"class_name": "__lambda__", "config": {"value": _code(value)}}
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        return {
            "module": "builtins",
            "class_name": type(value).__name__,
            "config": value.__name__,
            "registered_name": type(value).__name__,
        }
    raise TypeError(
        f"Cannot serialize object {value!r} of type {type(value)}: it needs a `get_config()` method"
    )


def _code(function: types.FunctionType) -> tuple[str, Any, Any]:
    """A lambda's code, defaults and closure, the code as base64 text."""
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    closure = function.__closure__
    return (
        code,
        function.__defaults__,
        None if closure is None else tuple(cell.cell_contents for cell in closure),
    )
