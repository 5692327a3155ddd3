"""How a script writes an array: a large one as the expression that makes it, where a case of many sizes has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TypeAlias

import numpy as np

from conformance.cases.drawn.data import nonzero_integers, reals, small_integers
from conformance.model.steps import words
from conformance.model.values.codec import Array

#: So many numbers are listed. Of more, an expression that makes them is looked for, by the first of them.
LISTED, _FIRST = 64, 8
#: Seeds and integers of such an expression; fixed and shrunk cases have no others.
_SEEDS, _LARGEST = 320, 4

#: The expression for a shape, and what returns the array of a shape and a dtype.
_Recipe: TypeAlias = tuple[str, Callable[..., Array]]


def array_text(array: Array) -> str:
    """Return source text that makes the array, exactly."""
    listed = words.array_text(array)
    if array.size <= LISTED or array.dtype.kind not in "iuf" or not listed.startswith("np.array("):
        return listed
    flat, name = array.reshape(-1), array.dtype.name
    if np.full_like(array, flat[0]).tobytes() == array.tobytes():
        return f"np.full({array.shape}, {words.number_text(flat[0])}, {name!r})"
    for text, make in _recipes(name).get(_key(flat[:_FIRST]), ()):
        if make(array.shape, dtype_name=name).tobytes() == array.tobytes():
            return f"{text.format(shape=array.shape)}.astype({name!r})"
    return listed


@cache
def _recipes(name: str) -> Mapping[tuple[float, ...], Sequence[_Recipe]]:
    """Return how drawn arrays of a dtype are made, by their first numbers."""
    found: defaultdict[tuple[float, ...], list[_Recipe]] = defaultdict(list)
    for seed in range(_SEEDS):
        drawn = f"np.random.default_rng({seed})"
        made = [(f"{drawn}.standard_normal({{shape}})", partial(reals, seed=seed))]
        for largest in range(1, _LARGEST + 1):
            text = f"{drawn}.integers(-{largest}, {largest + 1}, {{shape}})"
            made.append((text, partial(small_integers, seed=seed, largest=largest)))
            text = f"(lambda r: r.integers(1, {largest + 1}, {{shape}}) * r.choice((-1, 1), {{shape}}))({drawn})"
            made.append((text, partial(nonzero_integers, seed=seed, largest=largest)))
        for text, make in made:
            found[_key(make((_FIRST,), dtype_name=name))].append((text, make))
    return found


def _key(first: Array) -> tuple[float, ...]:
    """Return the first numbers without their signs, which are drawn after all of them."""
    return tuple(abs(first).tolist())
