"""Names of layers and of their variable scopes, counted once for the whole process.

TensorFlow keeps two counters that disagree: default layer names are numbered from 1 in order of
construction, scope names from nothing in order of the first call (clause VAR-02).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from fast_impl.runtime.locks import Lock

_lock = Lock()
_layer_names: Counter[str] = Counter()
_scope_names: set[str] = set()
_reached: Counter[str] = Counter()  # the last number given to a scope name


def base_name(class_name: str) -> str:
    """The class's name in lower case with underscores, as Keras builds default names."""
    spaced = re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", spaced).lower()
    return f"private{snake}" if snake.startswith("_") else snake


def next_layer_name(base: str) -> str:
    """``base_1``, ``base_2``, ...: the default name of the next layer."""
    with _lock:
        _layer_names[base] += 1
        return f"{base}_{_layer_names[base]}"


def open_scope(name: Any, *, unique: bool) -> str:
    """The scope name for a layer called (or scoped) ``name``.

    Args:
        name: The wish.
        unique: Whether a scope of that name that was opened before leads to ``name_1`` and so on.

    Raises:
        ValueError: Not a string.
    """
    if not isinstance(name, str):
        raise ValueError(f"name={name!r}: name for name_scope must be a string")
    with _lock:
        scope = name
        if unique:
            number = _reached[name]
            while scope in _scope_names:
                number += 1
                scope = f"{name}_{number}"
            _reached[name] = number
        _scope_names.add(scope)
        return scope
