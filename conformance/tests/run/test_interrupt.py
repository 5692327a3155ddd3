"""Ctrl-C, and a check that breaks, keep what was judged."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest


@attrs.frozen
class Ended:
    status: int
    stdout: str
    stderr: str
    out: Path

    @property
    def footer(self) -> dict[str, Any]:
        """The last line of run.jsonl."""
        lines = (self.out / "run.jsonl").read_text(encoding="utf-8").splitlines()
        footer: dict[str, Any] = json.loads(lines[-1])
        return footer


@pytest.fixture(scope="module")
def interrupted(
    tmp_path_factory: pytest.TempPathFactory, command_environment: Mapping[str, str]
) -> Ended:
    """A run that got SIGINT while its second subject was being judged."""
    folder = tmp_path_factory.mktemp("interrupted")
    words = ["run", "--subject", "fast", "--subject", "reference", "--out", "out"]
    process = subprocess.Popen(
        # As many examples as no machine runs before the signal comes: some seconds.
        [sys.executable, "-u", "-m", "conformance", *words, "--clause", "SHAPE-04", "--examples", "12"],
        cwd=folder,
        env=dict(command_environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Whoever runs the tests in the background ignores the signal, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("running reference"):
            break
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    return Ended(process.returncode, "".join(said) + rest, errors, folder / "out")


def test_an_interrupted_run_ends_with_status_130(interrupted: Ended) -> None:
    assert interrupted.status == 130


def test_an_interrupted_run_keeps_its_record_as_incomplete(interrupted: Ended) -> None:
    assert (interrupted.footer["complete"], interrupted.footer["reason"]) == (False, "interrupted")


def test_an_interrupted_run_keeps_the_verdicts_it_had(interrupted: Ended) -> None:
    assert interrupted.footer["counts"]["pass"] > 0


def test_an_interrupted_run_writes_the_page(interrupted: Ended) -> None:
    assert (interrupted.out / "index.html").is_file()


def test_an_interrupted_run_says_how_to_see_what_it_kept(interrupted: Ended) -> None:
    assert "conformance report out/run.jsonl" in interrupted.stdout


def test_an_interrupted_run_leaves_no_partial_file(interrupted: Ended) -> None:
    assert sorted(path.name for path in interrupted.out.iterdir()) == ["index.html", "run.jsonl"]


def test_an_interrupted_run_gives_no_traceback(interrupted: Ended) -> None:
    assert "Traceback" not in interrupted.stdout + interrupted.stderr


def test_the_folder_one_is_in_has_no_say(command: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not yours')", encoding="utf-8")
    done = command(
        "run", "--subject", "fast", "--clause", "SHAPE-10", "--examples", "2", cwd=tmp_path
    )
    assert done.status == 0


BROKEN_CHECK = """
from conformance.checks import CHECKS
from conformance.cli import main

def raises(view):
    raise KeyError("a slip in the check")

for check in CHECKS.of("SHAPE-10"):
    object.__setattr__(check, "judge", raises)
main(["run", "--subject", "fast", "--clause", "SHAPE-10", "--examples", "2", "--out", "out"])
"""


@pytest.fixture(scope="module")
def broken(
    tmp_path_factory: pytest.TempPathFactory, command_environment: Mapping[str, str]
) -> Ended:
    """A run with a check that raises."""
    folder = tmp_path_factory.mktemp("broken")
    done = subprocess.run(
        [sys.executable, "-c", BROKEN_CHECK],
        cwd=folder,
        env=dict(command_environment),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Ended(done.returncode, done.stdout, done.stderr, folder / "out")


def test_a_check_that_raises_ends_the_command_with_status_3(broken: Ended) -> None:
    assert broken.status == 3


def test_a_check_that_raises_leaves_record_and_page(broken: Ended) -> None:
    assert sorted(path.name for path in broken.out.iterdir()) == ["index.html", "run.jsonl"]


def test_a_check_that_raises_is_named(broken: Ended) -> None:
    assert "raises of SHAPE-10 raised KeyError: 'a slip in the check'" in broken.stdout


def test_a_check_that_raises_is_not_blamed_on_the_subject(broken: Ended) -> None:
    assert "harness broken" in broken.stdout


def test_a_check_that_raises_gives_no_traceback(broken: Ended) -> None:
    assert "Traceback" not in broken.stdout + broken.stderr
