"""How a script spells values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conformance.model.named import texts_of
from conformance.model.values.codec import Array, Value


class Words:
    """The words that steps are written in: those of NumPy.

    A dialect that spells a step in another way has a method for it, ``write_`` and the step's tag.
    """

    framework = "numpy"
    #: How the weights of `layer` are read.
    weights = "layer.get_weights()"
    #: How the layer's class is written.
    layer_class: str

    def value(self, value: Value) -> str:
        """Write an argument."""
        texts = texts_of(value)
        if texts is not None:
            return texts.get(self.framework, texts["tensorflow"])
        return _plain_text(tuple(value) if isinstance(value, list) else value)

    def given(self, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
        """Write the arguments of a call; of functions and configurations that are the same, one object."""
        alike = Counter(repr(value) for value in keywords.values() if isinstance(value, Mapping))
        written: dict[str, str] = {}
        named = []
        for name, value in keywords.items():
            text = written.get(repr(value))
            if text is None:
                text = self.argument(name, value)
                if alike[repr(value)] > 1:
                    written[repr(value)] = f"same_{len(written) + 1}"
                    text = f"({written[repr(value)]} := {text})"
            named.append(f"{name}={text}")
        return ", ".join([*map(self.value, positional), *named])

    def argument(self, name: str, value: Value) -> str:
        """Write what a keyword is."""
        return self.value(value)

    def shape(self, shape: Sequence[int | None]) -> str:
        """Write a shape that a layer is built for, or asked about."""
        return repr(tuple(shape))

    def array(self, array: Array) -> str:
        """Write a NumPy array."""
        return array_text(array)

    def tensor(self, array: Array) -> str:
        """Write an array as the layer is called with it."""
        return array_text(array)

    def placed(self, text: str) -> str:
        """Write what the layer gave as the layer gets it back."""
        return text

    def called(self, function: str, *arrays: str, others: Sequence[str] = ()) -> str:
        """Write a call of the layer, or of one of its methods, on arrays, with others after them."""
        return f"{function}({', '.join((*arrays, *others))})"


def _plain_text(value: Value) -> str:
    """Return source text that makes a value without names in it."""
    if isinstance(value, np.ndarray):
        return array_text(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_plain_text, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_plain_text, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key!r}: {_plain_text(item)}' for key, item in value.items())}}}"
    return repr(value)


def array_text(array: Array) -> str:
    """Return source text that makes the array, exactly."""
    name = array.dtype.name
    flat = array.reshape(-1)
    shaped = "" if array.ndim == 1 else f".reshape({', '.join(map(str, array.shape)) or '()'})"
    if name == "bfloat16":
        numbers = ", ".join(number_text(float(v)) for v in flat)
        return f"np.array([{numbers}]){shaped}.astype(__import__('ml_dtypes').bfloat16)"
    is_real = array.dtype.kind in "iuf" and not (
        array.dtype.kind == "f" and np.signbit(flat[flat == 0]).any()
    )
    start = int(flat[0]) if is_real and flat.size > 3 and np.isfinite(flat[0]) else None
    if start is not None and np.array_equal(flat, np.arange(start, start + flat.size)):
        return f"np.arange({start}, {start + flat.size}, dtype={name!r}){shaped}"
    if start is not None and not flat.any():
        return f"np.zeros({array.shape}, {name!r})"
    numbers = ", ".join(number_text(v) for v in flat)
    return f"np.array([{numbers}], dtype={name!r}){shaped}"


def number_text(value: Any) -> str:
    """Return source text that makes a number, exactly."""
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (complex, np.complexfloating)):
        return f"complex({number_text(value.real)}, {number_text(value.imag)})"
    # str() of a NumPy scalar is the shortest text that gives the same number in its own dtype.
    text = str(value)
    return text[:-2] + "." if text.endswith(".0") else text
