"""Values that cross a process border: plain JSON, and arrays as shape, dtype and base64."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
#: None, bool, int, float, str, an array, or a list or string-keyed dict of values.
Value: TypeAlias = Any

_TENSOR_KEYS = {"shape", "dtype", "base64"}
_OPAQUE_KEYS = {"type", "repr"}
#: What lies deeper than so many lists and mappings, or within itself, is told by its type alone.
_DEPTH = 40
#: Longer integers than this many bits are told by their type: not every reader of JSON takes them.
_BITS = 1000


def dtype_of(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype called `name`; ``bfloat16`` comes from ml_dtypes."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def encode(value: Value) -> Any:
    """Return `value` as plain JSON, whatever it is: never raises.

    Arrays become ``{"shape": [...], "dtype": "float32", "base64": "..."}`` (C order, little
    endian); a float that JSON lacks becomes ``{"float": "nan"}``; tuples become lists. `decode` gives
    such values back without loss. What JSON cannot hold (an object of any other type, a list in itself,
    an integer of thousands of digits) becomes ``{"type": ..., "repr": ...}``; a lone surrogate in a text
    is escaped. What is encoded already stays as it is.
    """
    return _encode(value, ())


def text_of(value: object, tell: Callable[[object], str] = str, limit: int = 10_000) -> str:
    """Return `value` in words, by `str` or `repr`, at most `limit` characters; never raises."""
    try:
        text = _well_formed(str.__str__(tell(value)))
    except Exception as error:
        text = f"<{tell.__name__} raised {type(error).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def is_told(value: Value) -> bool:
    """Tell whether `encode` made this of something that JSON cannot hold."""
    return isinstance(value, Mapping) and value.keys() == _OPAQUE_KEYS


def type_name(value: Value) -> str:
    """Return the name of the type that an implementation gave, also of what `encode` has told in words."""
    if is_told(value):
        return str(value["type"])
    return "None" if value is None else type(value).__name__


def dtype_or_type(value: Value) -> str:
    """Return the name of an array's dtype, and of anything else's type."""
    return value.dtype.name if isinstance(value, np.ndarray) else type_name(value)


def of_a_type(value: Value) -> str:
    """Return the name of the type with its article: ``a list``, ``an ndarray of object``, ``None``."""
    name = type_name(value)
    if name == "None":
        return name
    return f"{'an' if name.lower().startswith(('a', 'e', 'i', 'nd', 'o')) else 'a'} {name}"


def in_a_line(text: str, limit: int = 100) -> str:
    """Return a text as one line of at most `limit` characters, cut between words."""
    found = " ".join(text.split())
    if len(found) <= limit:
        return found
    cut = found[: limit - 4].rpartition(" ")[0] or found[: limit - 4]
    return f"{cut} ..."


def _encode(value: Value, within: tuple[int, ...]) -> Any:
    try:
        if value is None or isinstance(value, bool):
            return value
        # Subclasses may override anything: what counts is the plain value.
        if isinstance(value, str):
            return _well_formed(str.__str__(value))
        if isinstance(value, int) and int.bit_length(value) <= _BITS:
            return int.__int__(value)
        if isinstance(value, float):
            number = float.__float__(value)
            return number if math.isfinite(number) else {"float": repr(number)}
        if isinstance(value, (np.generic, np.ndarray)):
            return _encode_array(np.asarray(value))
        if id(value) not in within and (len(within) < _DEPTH or is_told(value)):
            inside = (*within, id(value))
            if isinstance(value, (list, tuple)):
                return [_encode(item, inside) for item in value]
            if isinstance(value, Mapping):
                return {
                    _well_formed(str(key)): _encode(item, inside) for key, item in value.items()
                }
    except Exception:
        pass  # the value's own methods raise: its type is what is left to tell
    return _opaque(type(value).__name__, value)


def decode(data: Any) -> Value:
    """Undo `encode`.

    Raises:
        ValueError: an array's shape, dtype and bytes do not make one.
    """
    if isinstance(data, list):
        return [decode(item) for item in data]
    if isinstance(data, dict):
        if data.keys() == _TENSOR_KEYS:
            return _decode_array(data)
        if data.keys() == {"float"}:
            return float(data["float"])
        return {key: decode(item) for key, item in data.items()}
    return data


def canonical_json(data: Any) -> str:
    """Return JSON text that is the same for the same encoded value."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _encode_array(array: Array) -> dict[str, Any]:
    if array.dtype.hasobject or (array.dtype.kind in "SUVMm" and array.dtype.name != "bfloat16"):
        return _opaque(f"ndarray of {array.dtype}", array)
    # ndarray.astype(">..") keeps bfloat16, which has no byte order of its own.
    little = array.astype(array.dtype.newbyteorder("<")) if array.dtype.kind != "V" else array
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _decode_array(data: Mapping[str, Any]) -> Array:
    sizes, name = data["shape"], data["dtype"]
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError(f"an array's shape is a list of sizes, got {text_of(sizes, repr, 200)}")
    if not isinstance(name, str) or not isinstance(data["base64"], str):
        raise ValueError("an array's dtype and base64 are texts")
    try:
        dtype = dtype_of(name)
    except Exception as error:
        raise ValueError(f"unknown dtype {text_of(name, repr, 200)} of an array") from error
    if dtype.kind not in "biufc" and name != "bfloat16":
        raise ValueError(f"unknown dtype {text_of(name, repr, 200)} of an array")
    raw = base64.b64decode(data["base64"], validate=True)
    shape = tuple(sizes)
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"array of shape {text_of(shape, repr, 200)} and dtype {dtype.name} needs "
            f"{math.prod(shape) * dtype.itemsize} bytes, got {len(raw)}"
        )
    try:
        return np.frombuffer(raw, dtype=dtype).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"no array has the shape {text_of(shape, repr, 200)}") from error


def _well_formed(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _opaque(kind: str, value: object) -> dict[str, str]:
    return {"type": _well_formed(kind), "repr": text_of(value, repr, 200)}
