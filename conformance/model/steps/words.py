"""How a script spells values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeAlias

import numpy as np

from conformance.model.named import texts_of
from conformance.model.values.codec import Array, Value

#: So many numbers are listed. Of more, an expression that makes them is looked for, by the first of them.
LISTED, _FIRST = 64, 8
#: Seeds and integers of such an expression; fixed and shrunk cases have no others.
_SEEDS, _LARGEST = 320, 4


class Words:
    """The words that steps are written in: those of NumPy.

    A dialect that spells a step in another way has a method for it, ``write_`` and the step's tag.
    """

    framework = "numpy"
    #: How the layer's class is written.
    layer_class: str

    def value(self, value: Value) -> str:
        """Write an argument."""
        texts = texts_of(value)
        if texts is not None:
            return texts.get(self.framework, texts["tensorflow"])
        return _plain_text(tuple(value) if isinstance(value, list) else value)

    def given(self, positional: Sequence[Value], keywords: Mapping[str, Value]) -> str:
        """Write the arguments of a call."""
        named = (f"{name}={self.value(value)}" for name, value in keywords.items())
        return ", ".join([*map(self.value, positional), *named])

    def array(self, array: Array) -> str:
        """Write a NumPy array."""
        return array_text(array)

    def tensor(self, array: Array) -> str:
        """Write an array as the layer is called with it."""
        return array_text(array)

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
        numbers = ", ".join(_number(float(v)) for v in flat)
        return f"np.array([{numbers}]){shaped}.astype(__import__('ml_dtypes').bfloat16)"
    is_real = array.dtype.kind in "iuf" and not (
        array.dtype.kind == "f" and np.signbit(flat[flat == 0]).any()
    )
    start = int(flat[0]) if is_real and flat.size > 3 and np.isfinite(flat[0]) else None
    if start is not None and np.array_equal(flat, np.arange(start, start + flat.size)):
        return f"np.arange({start}, {start + flat.size}, dtype={name!r}){shaped}"
    if start is not None and not flat.any():
        return f"np.zeros({array.shape}, {name!r})"
    if array.size > LISTED and array.dtype.kind in "iuf":
        found = _formula(array)
        if found is not None:
            return found
    numbers = ", ".join(_number(v) for v in flat)
    return f"np.array([{numbers}], dtype={name!r}){shaped}"


def _formula(array: Array) -> str | None:
    """Return a short expression that makes the array, as cases of many sizes are made; None where none does."""
    flat, dtype = array.reshape(-1), array.dtype
    if np.full_like(array, flat[0]).tobytes() == array.tobytes():
        return f"np.full({array.shape}, {_number(flat[0])}, {dtype.name!r})"
    first = flat[:_FIRST]
    for key in (first, abs(first)):
        for text, make in _recipes(dtype.name).get(tuple(key.tolist()), ()):
            if make(array.shape).astype(dtype).tobytes() == array.tobytes():
                return f"{text.format(shape=array.shape)}.astype({dtype.name!r})"
    return None


_Recipe: TypeAlias = tuple[str, Callable[[tuple[int, ...]], Array]]


@cache
def _recipes(dtype: str) -> Mapping[tuple[float, ...], Sequence[_Recipe]]:
    """Return how drawn arrays are made, in words and as functions of the shape, by their first numbers."""
    found: defaultdict[tuple[float, ...], list[_Recipe]] = defaultdict(list)
    for seed in range(_SEEDS):
        drawn = partial(np.random.default_rng, seed)
        normal = drawn().standard_normal(_FIRST).astype(dtype)
        text = f"np.random.default_rng({seed}).standard_normal({{shape}})"
        found[tuple(normal.tolist())].append((text, partial(_normal, seed)))
        for largest in range(1, _LARGEST + 1):
            numbers = drawn().integers(-largest, largest + 1, _FIRST)
            text = f"np.random.default_rng({seed}).integers(-{largest}, {largest + 1}, {{shape}})"
            found[tuple(numbers.tolist())].append((text, partial(_integers, seed, largest)))
            numbers = drawn().integers(1, largest + 1, _FIRST)
            text = (
                f"(lambda r: r.integers(1, {largest + 1}, {{shape}}) * r.choice((-1, 1), {{shape}}))"
                f"(np.random.default_rng({seed}))"
            )
            found[tuple(numbers.tolist())].append((text, partial(_nonzero, seed, largest)))
    return found


def _normal(seed: int, shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


def _integers(seed: int, largest: int, shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(seed).integers(-largest, largest + 1, shape)


def _nonzero(seed: int, largest: int, shape: tuple[int, ...]) -> Array:
    generator = np.random.default_rng(seed)
    return np.asarray(generator.integers(1, largest + 1, shape) * generator.choice((-1, 1), shape))


def _number(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (complex, np.complexfloating)):
        return f"complex({_number(value.real)}, {_number(value.imag)})"
    # str() of a NumPy scalar is the shortest text that gives the same number in its own dtype.
    text = str(value)
    return text[:-2] + "." if text.endswith(".0") else text
