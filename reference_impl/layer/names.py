"""Names and scopes of layers: one process, one register of each (clauses VAR-02, ARG-10).

A layer's default name and its scope come from two different registers, so they disagree by one:
the first layer is called `conv2d_transpose_1` and its scope `conv2d_transpose`.
"""

from __future__ import annotations

import re
from collections import Counter

__all__ = ["default_name", "keras_name", "open_scope", "snake_case", "unique_scope"]

_default_names: Counter[str] = Counter()
_scopes: set[str] = set()
_nested: set[str] = set()  # those of `_scopes` inside another one; few, so that opening stays quick
_reached: Counter[str] = Counter()  # the last number given to a base that is not nested


def snake_case(class_name: str) -> str:
    """The name of a class as Keras writes it: `Conv2DTranspose` is `conv2d_transpose`."""
    parted = re.sub("(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)
    name = re.sub("([a-z])([A-Z])", r"\1_\2", parted).lower()
    return "private" + name if name.startswith("_") else name


def default_name(base: str) -> str:
    """`base_1`, `base_2`, ...: never without a number, in order of construction."""
    _default_names[base] += 1
    return f"{base}_{_default_names[base]}"


def keras_name(base: str) -> str:
    """`base`, `base_1`, ...: how Keras' own layers are named; the first has no number."""
    _default_names[base] += 1
    number = _default_names[base] - 1
    return f"{base}_{number}" if number else base


def unique_scope(base: object) -> str:
    """Opens the scope `base`, or `base_1`, `base_2`, ... where that was opened before.

    Raises:
        ValueError: `base` is not a string (ARG-10).
    """
    if not isinstance(base, str):
        raise ValueError(f"name for name_scope must be a string. Received name={base!r} (ARG-10)")
    number = _reached[base]
    name = f"{base}_{number}" if number else base
    while name in _scopes:
        number += 1
        name = f"{base}_{number}"
    if number and "/" not in base:
        _reached[base] = number
    return open_scope(name)


def open_scope(name: str) -> str:
    """Opens exactly this scope; closing it again forgets the scopes inside it."""
    _scopes.add(name)
    if "/" in name:
        _nested.add(name)
    for inner in [scope for scope in _nested if scope.startswith(f"{name}/")]:
        _scopes.discard(inner)
        _nested.discard(inner)
    return name
