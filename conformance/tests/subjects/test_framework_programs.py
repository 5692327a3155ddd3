"""The programs of docs/frameworks.md: each difference shown without the suite, where its version is installed."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[3] / "docs" / "frameworks.md"
BLOCK = re.compile(r"^```python\n(# (\S+) (\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)


def _programs() -> Iterator[object]:
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.is_file() else ""
    for number, (program, name, version) in enumerate(BLOCK.findall(text), 1):
        yield pytest.param(program, name, version, id=f"{name}-{number}")


@pytest.mark.parametrize(("program", "name", "version"), [*_programs()])
def test_a_program_shows_what_it_says(program: str, name: str, version: str) -> None:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        found = None
    if found != version:
        pytest.skip(f"{name} {version} is not installed here, but {found}")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr[-2000:] if done.returncode else "") == (0, "")
