"""`conformance init`: each start runs as it stands, with the command that it prints."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOOLS = {"--class": None, "--function": None, "--c": "cc", "--js": "node"}


@pytest.fixture(scope="module", params=TOOLS)
def started(
    request: pytest.FixtureRequest, command: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:  # fmt: skip
    """What `init` did, and how a short run of what it printed ended."""
    tool = TOOLS[request.param]
    if tool is not None and shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("init")
    done = command("init", request.param, cwd=folder)
    *builds, run = re.findall(r"^    (\w.*)$", done.stdout, re.MULTILINE)
    for build in builds:
        subprocess.run(shlex.split(build), cwd=folder, check=True, timeout=60)
    words = shlex.split(run.removeprefix("conformance "))
    options = (
        "--clause",
        "SHAPE-*",
        "--clause",
        "PAD-0[1-3]",
        "--clause",
        "ARG-0[3-5]",
        "--clause",
        "LIFE-04",
        "--examples",
        "4",
    )
    return done, command(*words, *options, "--out", "out", cwd=folder)  # fmt: skip


def test_a_start_is_written(started: tuple[Any, Any]) -> None:
    assert started[0].status == 0


def test_a_start_conforms(started: tuple[Any, Any]) -> None:
    assert started[1].status == 0


@pytest.mark.parametrize("clause", ["SHAPE-01", "SHAPE-02", "PAD-01", "PAD-03"])
def test_a_start_is_judged(clause: str, started: tuple[Any, Any]) -> None:
    assert started[1].statuses[clause] == "pass"


def test_a_program_has_the_protocol_beside_it(command: Callable[..., Any], tmp_path: Path) -> None:
    command("init", "--js", cwd=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "my_program.js", "protocol.md", "protocol.schema.json",
    ]  # fmt: skip


def test_nothing_is_overwritten(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "my_layer.py").write_text("mine", encoding="utf-8")
    done = command("init", cwd=tmp_path)
    assert (done.status, (tmp_path / "my_layer.py").read_text()) == (2, "mine")


def test_two_kinds_are_refused(command: Callable[..., Any], tmp_path: Path) -> None:
    done = command("init", "--c", "--js", cwd=tmp_path)
    told = "--c and --js each say what to write: give one of them"
    assert (done.status, told in done.stderr, list(tmp_path.iterdir())) == (2, True, [])


def test_what_is_there_is_named(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "my_layer.py").write_text("mine", encoding="utf-8")
    assert "'my_layer.py' is there already" in command("init", cwd=tmp_path).stderr


def test_a_folder_can_be_named(command: Callable[..., Any], tmp_path: Path) -> None:
    command("init", "--out", "deep/er", cwd=tmp_path)
    assert (tmp_path / "deep" / "er" / "my_layer.py").is_file()
