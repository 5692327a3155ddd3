"""Environment variables of the library, read strictly: a value that means nothing is an error."""

from __future__ import annotations

import os

_YES = ("1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")


def flag(name: str, default: bool = False) -> bool:
    """Return what a switch is set to; ``default`` where it is not set, or empty.

    Raises:
        ValueError: It is neither yes nor no.
    """
    found = choice(name, ())
    return default if found is None else bool(found)


def choice(name: str, choices: tuple[str, ...]) -> bool | str | None:
    """Return one of some words, or what a switch is set to; None where it is not set, or empty.

    Raises:
        ValueError: It is no such word, and neither yes nor no.
    """
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return None
    if value in choices:
        return value
    if value not in _YES + _NO:
        raise ValueError(
            f"the environment variable {name}={value!r} must be one of "
            f"{', '.join((*choices, *_YES, *_NO))}"
        )
    return value in _YES


def count(name: str, most: int) -> int | None:
    """Return a number of things; None where it is not set, or empty.

    Raises:
        ValueError: It is no integer from 1 to ``most``.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise ValueError(
            f"the environment variable {name}={value!r} must be an integer from 1 to {most}"
        )
    return int(value)
