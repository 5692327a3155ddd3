"""The programs of docs/frameworks.md: each difference shown without the suite, where its version is installed."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.subjects.frameworks import node

DOCUMENT = Path(__file__).parents[3] / "docs" / "frameworks.md"
BLOCK = re.compile(r"^```(python|js)\n((?:#|//) (\S+) (\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)


def _programs() -> Iterator[object]:
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.is_file() else ""
    for number, (language, program, name, version) in enumerate(BLOCK.findall(text), 1):
        yield pytest.param(language, program, name, version, id=f"{name}-{number}")


def _version(language: str, name: str) -> str | None:
    if language == "js":
        return node.version(name) if shutil.which("node") else None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


@pytest.mark.parametrize(("language", "program", "name", "version"), [*_programs()])
def test_a_program_shows_what_it_says(language: str, program: str, name: str, version: str) -> None:
    found = _version(language, name)
    if found != version:
        pytest.skip(f"{name} {version} is not installed here, but {found}")
    command = ["node", "-e"] if language == "js" else [sys.executable, "-c"]
    variables = {**os.environ, "NODE_PATH": os.pathsep.join(map(str, node.folders()))}
    done = subprocess.run(
        [*command, program], capture_output=True, text=True, timeout=120, check=False, env=variables
    )
    assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
