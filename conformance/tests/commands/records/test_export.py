"""`conformance export`: from a run to a file, with one line for what cannot be done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def folder(command: Callable[..., Any]) -> Path:
    """The folder of a run in the default place."""
    done = command("run", "--subject", "fast", "--clause", "VAR-14", "--examples", "1")
    return Path(done.out).parent


@pytest.mark.parametrize(
    ("kind", "begins"),
    [
        ("junit", "<?xml"),
        ("ctrf", "{"),
        ("markdown", "## Conformance"),
        ("badge", "<svg"),
        ("shields", "{"),
    ],
)
def test_a_format_is_printed(
    kind: str, begins: str, folder: Path, command: Callable[..., Any]
) -> None:
    assert command("export", f"--{kind}", cwd=folder).stdout.startswith(begins)


def test_a_format_is_written_to_a_file(folder: Path, command: Callable[..., Any]) -> None:
    done = command("export", "--junit", "--out", "new/ci/junit.xml", cwd=folder)
    assert (done.stdout, (folder / "new/ci/junit.xml").read_text()[:5]) == ("", "<?xml")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "choose a format: --junit, --ctrf, --markdown, --badge, --shields"),
        (
            ("--junit", "--badge"),
            "--junit and --badge each say what to write: give one of them",
        ),
        (("--junit", "nothing.jsonl"), "nothing.jsonl"),
        (
            ("--junit", "--out", "conformance-report/run.jsonl/x.xml"),
            "cannot write 'conformance-report/run.jsonl/x.xml': File exists",
        ),
    ],
    ids=["no format", "two formats", "no record", "a file for a folder"],
)
def test_what_cannot_be_done_is_one_line(
    options: tuple[str, ...], told: str, folder: Path, command: Callable[..., Any]
) -> None:
    done = command("export", *options, cwd=folder)
    assert (done.status, told in done.stderr, done.stderr.count("\n")) == (2, True, 1)
