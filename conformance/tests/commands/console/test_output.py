"""A command whose output cannot be written: its work is done, and the exit status tells."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
RUN = ("run", "--subject", "fast", "--profile", "smoke", "--clause", "PAD-01", "--out", "out")


def _to_full(
    words: tuple[str, ...], folder: Path, environment: Mapping[str, str], both: bool = False
) -> subprocess.CompletedProcess[str]:
    with FULL.open("w") as full:
        return subprocess.run(
            [sys.executable, "-m", "conformance", *words],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=full if both else subprocess.PIPE,
            text=True,
            check=False,
        )


@needs_full
@pytest.mark.parametrize("words", [("--help",), ("clauses",), RUN], ids=" ".join)
def test_a_full_disk_under_the_output_is_one_line_and_status_3(
    words: tuple[str, ...], tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    done = _to_full(words, tmp_path, command_environment)
    assert done.stderr == "cannot write to standard output: No space left on device\n"
    assert done.returncode == 3
    assert [(tmp_path / "out" / name).is_file() for name in ("run.jsonl", "index.html")] == [
        words == RUN
    ] * 2


@needs_full
def test_a_full_disk_under_both_streams_ends_with_status_3(
    tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    assert _to_full(RUN, tmp_path, command_environment, both=True).returncode == 3
    assert (tmp_path / "out" / "run.jsonl").is_file()


@needs_full
def test_what_cannot_be_said_of_bad_usage_changes_no_status(
    tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    words = ("run", "--no-such-option")
    assert _to_full(words, tmp_path, command_environment, both=True).returncode == 2


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&-"])
def test_without_a_standard_output_a_command_ends_as_ever(
    closed: str, tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "conformance", "clauses"],
        cwd=tmp_path,
        env=dict(command_environment),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("subject", "status"), [("fast", 0), ("wrong_results.py:ForgetsBias", 1)])
def test_a_reader_that_has_gone_ends_no_run(
    subject: str,
    status: int,
    tmp_path: Path,
    zoo: Path,
    command_environment: Mapping[str, str],
) -> None:
    named = subject if ":" not in subject else str(zoo / subject)
    words = ("run", "--subject", named, "--profile", "smoke", "--clause", "BIAS-01")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "conformance", *words, "--out", "out"],
        cwd=tmp_path,
        env=dict(command_environment),
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (status, "")
    assert (tmp_path / "out" / "run.jsonl").is_file()


#: What runs the command in a session whose terminal is its standard input.
_IN_ITS_TERMINAL = """
import fcntl, runpy, signal, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup may have changed
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runpy.run_module("conformance", run_name="__main__", alter_sys=True)
"""


def test_a_run_whose_terminal_is_closed_ends_with_a_page(
    tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    master, terminal = pty.openpty()
    words = ("run", "--subject", "fast", "--profile", "smoke", "--jobs", "1", "--out", "out")
    with subprocess.Popen(
        [sys.executable, "-c", _IN_ITS_TERMINAL, *words],
        cwd=tmp_path,
        env=dict(command_environment),
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as running:
        os.close(terminal)
        partial = tmp_path / "out" / "run.partial.jsonl"
        while not (partial.is_file() and '"kind": "verdict"' in partial.read_text("utf-8")):
            assert running.poll() is None
            # What it draws must be read, or it waits.
            os.read(master, 1 << 16) if select.select([master], [], [], 0.1)[0] else None
        os.close(master)
        _, told = running.communicate()
    assert (running.returncode, told) == (
        130,
        "cannot write to standard output: Input/output error\n",
    )
    assert (tmp_path / "out" / "index.html").is_file()
