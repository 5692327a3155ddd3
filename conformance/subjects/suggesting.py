"""What may have been meant by a name after ``--subject`` that names nothing."""

from __future__ import annotations

import ast
import difflib
import inspect
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

#: Names that a module defines are told up to so many.
MOST_NAMES = 8


def like(name: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that is spelled most like `name`, whatever the case of its letters."""
    by_lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.7)
    return by_lower[close[0]] if close else None


def did_you_mean(name: str | None) -> str:
    """Return a question to end a message with; empty without a name."""
    return "" if name is None else f"; did you mean {name!r}?"


def of_word(spec: str, built_in: Iterable[str]) -> str:
    """Say what is wrong with a subject that is a single word: no file and no name in it."""
    word = spec.rstrip(":")
    if word.endswith(".py"):
        path = Path(word)
        if not path.is_file():
            return f"subject {spec!r}: {of_file(word)}"
        return f"subject {spec!r}: add the name of the class or function, such as {word}:{_first_name(path)}"
    meant = like(word, built_in)
    if meant is not None:
        return f"unknown subject {spec!r}{did_you_mean(meant)}"
    return (
        f"unknown subject {spec!r}: `conformance subjects` lists those that are built in; your own is "
        "path/to/file.py:Name or package.module:Name"
    )


def of_file(where: str) -> str:
    """Say that there is no such file, and which one beside it has nearly its name."""
    path = Path(where)
    if path.is_dir():
        return f"{where} is a folder: a file is needed"
    if not path.parent.is_dir():
        return f"no such file: {where} (there is no folder {str(path.parent)!r})"
    beside = like(path.name, (one.name for one in path.parent.glob("*.py")))
    return f"no such file: {where}" + did_you_mean(beside and str(path.with_name(beside)))


def of_package(path: Path) -> str:
    """Return what to add where a file that belongs to a package cannot be imported by itself."""
    folder, names = path.resolve().parent, [path.stem]
    while (folder / "__init__.py").is_file():
        names.insert(0, folder.name)
        folder = folder.parent
    if len(names) == 1:
        return ""
    return f"; it belongs to a package: say {'.'.join(names)}:NAME, in the folder {folder}"


def of_module(name: str, missing: str | None, target: str) -> str:
    """Return what to add where a module cannot be found: a file, or a module, that may be meant.

    Args:
        name: the module that was to be imported.
        missing: the one that was not found; None where another error ended the import.
        target: the name that was to be taken from it.
    """
    path = Path(name)
    if path.is_dir() and "/" in name:
        return f"; it is a folder: name a file in it, {path / 'file.py'}:{target}"
    file = path.with_name(f"{path.name}.py")
    if file.is_file():
        return did_you_mean(f"{file}:{target}")
    if missing is None or missing != name.partition(".")[0]:
        return ""
    return did_you_mean(like(missing, (found.name for found in pkgutil.iter_modules())))


def of_attribute(name: str, holder: object) -> str:
    """Return what to add where `holder` has no such attribute: one of nearly that name, or what it defines."""
    question = did_you_mean(like(name, (one for one in dir(holder) if not one.startswith("_"))))
    if question or not isinstance(holder, ModuleType):
        return question
    own = [
        key
        for key, value in vars(holder).items()
        if not key.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == holder.__name__
    ]
    return f"; it defines {', '.join(own)}" if 0 < len(own) <= MOST_NAMES else ""


def _first_name(path: Path) -> str:
    """Return the first public class or function of a file, without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return "Name"
    kinds = (ast.ClassDef, ast.FunctionDef)
    defined = [one.name for one in tree.body if isinstance(one, kinds)]
    return next((name for name in defined if not name.startswith("_")), "Name")
