"""Node.js and packages of the npm registry: where they are, and in which version."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path


def program(name: str) -> str:
    """Return the path of `node` or `npm`.

    Raises:
        OSError: it is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise OSError(f"the program {name} of Node.js is not on the PATH")
    return found


def folders() -> list[Path]:
    """Return where packages are looked for: NODE_PATH, then the folder in which the command was started."""
    given = [Path(one) for one in os.environ.get("NODE_PATH", "").split(os.pathsep) if one]
    return [*given, Path.cwd() / "node_modules"]


def version(package: str, places: list[Path] | None = None) -> str | None:
    """Return a package's version, None where it is in none of `places` (default: `folders()`)."""
    for place in folders() if places is None else places:
        description = place / package / "package.json"
        if description.is_file():
            return str(json.loads(description.read_text(encoding="utf-8"))["version"])
    return None


def lacking(packages: tuple[str, ...]) -> str | None:
    """Return what is missing to run the packages, in one line; None where nothing is."""
    if shutil.which("node") is None:
        return "not installed: needs Node.js, and npm install " + " ".join(packages)
    if any(version(package) is None for package in packages):
        return f"not installed: npm install {' '.join(packages)}"
    return None
