"""The errors of weight files: one line each, which begins with the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from os import PathLike

_LONGEST = 300


class WeightsError(ValueError):
    """A file of weights, or an array in it, that cannot be read, written or used.

    The message is one line: the file, the array, what was expected and what was found.
    """


def first_line(error: BaseException) -> str:
    """Return what another library says went wrong, on one line of moderate length."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = lines[0] if lines else type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def needs(path: str | PathLike[str], package: str, extra: str) -> ModuleNotFoundError:
    """Return the error for a package that is not installed."""
    return ModuleNotFoundError(
        f"{path}: this kind of file needs the package {package}: "
        f"pip install 'conv2d-transpose-conformance[{extra}]'",
        name=package,
    )


def choices(wanted: str | None, known: Iterable[str]) -> str:
    """Return the names nearest to the wanted one, or all where they are few, as half a sentence."""
    names = list(dict.fromkeys(known))
    if not names:
        return "there is none"
    near = difflib.get_close_matches(wanted, names, n=3, cutoff=0.5) if wanted else []
    shown = ", ".join(repr(name) for name in names[:8])
    there = f"there are {shown}" if len(names) <= 8 else f"there are {len(names)}: {shown} ..."
    return f"did you mean {' or '.join(map(repr, near))}? {there}" if near else there
