"""The values of a record: tensors decoded, everything else put into words."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]

_DTYPES = frozenset(
    ["bool", "bfloat16", "complex64", "complex128", "float16", "float32", "float64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
)

#: Where an exception came from, by the record's word for the moment.
_MOMENTS = {"construct": "the constructor", "build": "build", "call": "the call"}


@attrs.frozen(eq=False)
class Tensor:
    """An array as a subject gave it; `dtype` is the record's word (bfloat16 is held as float32)."""

    dtype: str
    array: Array

    @property
    def summary(self) -> str:
        """Dtype and shape, such as ``float32 (2, 3, 4, 2)``."""
        return f"{self.dtype} {shape_text(self.array.shape)}"

    def element(self, index: tuple[int, ...]) -> str:
        """Write the element at `index` with all the digits that its dtype has."""
        return number_text(self.array[index])

    def text(self, limit: int) -> str:
        """All elements, or the corners of a tensor with more than `limit`."""
        return np.array2string(
            self.array, threshold=limit, max_line_width=96, floatmode="unique", separator=", "
        )


@attrs.frozen
class Unreadable:
    """A tensor that cannot be decoded, with the reason."""

    reason: str


def is_tensor(value: object) -> bool:
    """Whether `value` is a tensor of the record: shape, dtype and base64."""
    return isinstance(value, Mapping) and {"shape", "dtype", "base64"} <= value.keys()


def decode(value: Mapping[str, Any]) -> Tensor | Unreadable:
    """Decode a tensor: little-endian bytes in C order; nothing of it is trusted."""
    dtype, shape = value["dtype"], value["shape"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
        return Unreadable(f"its shape is {brief(shape)}")
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        return Unreadable(f"its dtype {brief(dtype)} is unknown to this report")
    try:
        raw = base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, TypeError, ValueError):
        return Unreadable("its base64 is damaged")
    stored = np.dtype("<u2") if dtype == "bfloat16" else np.dtype(dtype).newbyteorder("<")
    needed = math.prod(shape) * stored.itemsize
    if len(raw) != needed:
        return Unreadable(f"its shape needs {needed} bytes, it has {len(raw)}")
    flat: Array = np.frombuffer(raw, dtype=stored)
    if dtype == "bfloat16":  # the upper half of a float32
        flat = (flat.astype("<u4") << 16).view("<f4")
    try:
        return Tensor(dtype, flat.reshape(shape))
    except (OverflowError, ValueError):
        return Unreadable(f"no array has the shape {brief(shape)}")


def as_tensor(value: object) -> Tensor | None:
    """Return the tensor that `value` is, or None."""
    if not isinstance(value, Mapping) or not is_tensor(value):
        return None
    decoded = decode(value)
    return decoded if isinstance(decoded, Tensor) else None


def shape_text(shape: tuple[int, ...] | list[Any]) -> str:
    """Write a shape as Python writes it, with ``None`` for unknown sizes."""
    sizes = ", ".join(str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


def number_text(number: Any) -> str:
    """Write a number, as short as its dtype allows without loss."""
    return str(number.item() if isinstance(number, (np.bool_, np.integer)) else number)


def brief(value: object, limit: int = 160) -> str:
    """Any JSON value in one short line of Python's spelling."""
    text = _spell(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


#: Begins a message about an exception that was wanted.
WANTED = "should raise "
#: Begins a message about a process that ended, or was ended: it did not answer, say, or answered too much.
ENDED = "broke down: "


def words(value: object) -> str:
    """Put what a step gave, or should have given, into one line."""
    if isinstance(value, Mapping) and not is_tensor(value):
        if "types" in value and "message" in value:
            return _error_words(value)
        if set(value) == {"error"} and isinstance(value["error"], Mapping):
            return words(value["error"])
        if "unsupported" in value:
            return f"not supported: {value['unsupported']}"
    return brief(value, 400)


def words_of(value: object, message: str) -> str:
    """Put a value of a finding into one line; exceptions that were wanted are named as they are, not as texts."""
    return value if isinstance(value, str) and message.startswith(WANTED) else words(value)


def is_error(value: object) -> bool:
    """Whether `value` is an exception: types, message and moment."""
    return isinstance(value, Mapping) and "types" in value and "message" in value


def told(error: Mapping[str, Any]) -> str:
    """Return the line of an exception that says what is wrong; of an older record, the first of its message."""
    return str(error.get("told") or str(error["message"] or "").strip().partition("\n")[0])


def _error_words(error: Mapping[str, Any]) -> str:
    types = error["types"]
    name = str(types[0]) if isinstance(types, list) and types else "an exception"
    moment = error.get("moment")
    moment = f" from {_MOMENTS.get(str(moment), moment)}" if moment else ""
    what = told(error)[:400]
    return f"{name}{moment}" + (f": {what}" if what else "")


def _spell(value: object) -> str:
    if isinstance(value, Mapping):
        if is_tensor(value):
            decoded = decode(value)
            if isinstance(decoded, Unreadable):
                return f"a tensor that cannot be read: {decoded.reason}"
            if decoded.array.ndim == 0:
                return f"{decoded.dtype} {decoded.element(())}"
            return decoded.summary
        if set(value) == {"literal"}:
            return str(value["literal"])
        if set(value) == {"function"}:
            return f"<function {_quoted(value['function'])}>"
        if set(value) == {"float"}:
            return str(value["float"])
        if set(value) == {"type", "repr"}:
            return f"{value['type']}: {value['repr']}"
        return "{" + ", ".join(f"{_quoted(k)}: {_spell(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        if value and all(item is None or type(item) is int for item in value):
            return shape_text(value)
        return "[" + ", ".join(_spell(item) for item in value) + "]"
    if isinstance(value, str):
        return value if value in ("NaN", "Infinity", "-Infinity") else _quoted(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    return json.dumps(value)


def _quoted(text: object) -> str:
    return repr(str(text))
