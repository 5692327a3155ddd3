"""Values that cross a process border: plain JSON, and arrays as shape, dtype and base64."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
#: None, bool, int, float, str, an array, or a list or string-keyed dict of values.
Value: TypeAlias = Any

_TENSOR_KEYS = {"shape", "dtype", "base64"}


def dtype_of(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype called `name`; ``bfloat16`` comes from ml_dtypes."""
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def encode(value: Value) -> Any:
    """Return `value` as plain JSON, without loss.

    Arrays become ``{"shape": [...], "dtype": "float32", "base64": "..."}`` (C order, little
    endian); a float that JSON lacks becomes ``{"float": "nan"}``; tuples become lists; an object of
    any other type becomes ``{"type": ..., "repr": ...}``, so that nothing stops a record.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    return {"type": type(value).__name__, "repr": _short_repr(value)}


def decode(data: Any) -> Value:
    """Undo `encode`; raise ValueError where an array's bytes do not fit its shape and dtype."""
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
        return {"type": f"ndarray of {array.dtype}", "repr": _short_repr(array)}
    # ndarray.astype(">..") keeps bfloat16, which has no byte order of its own.
    little = array.astype(array.dtype.newbyteorder("<")) if array.dtype.kind != "V" else array
    return {
        "shape": list(array.shape),
        "dtype": array.dtype.name,
        "base64": base64.b64encode(little.tobytes()).decode("ascii"),
    }


def _decode_array(data: Mapping[str, Any]) -> Array:
    dtype = dtype_of(data["dtype"])
    raw = base64.b64decode(data["base64"], validate=True)
    shape = tuple(data["shape"])
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"array of shape {shape} and dtype {dtype.name} needs "
            f"{math.prod(shape) * dtype.itemsize} bytes, got {len(raw)}"
        )
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def _short_repr(value: object, limit: int = 200) -> str:
    try:
        text = repr(value)
    except Exception as error:
        text = f"<repr raised {type(error).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."
