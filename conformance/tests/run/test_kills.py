"""Runs that ``kill -9`` ends at random moments: nothing finished is lost, and `--resume` goes on to the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.tests.conftest import Finished
from reports.record import FILE_NAME, PARTIAL_NAME

#: `tox -e kills` kills 200 times.
KILLS = int(os.environ.get("KILLS", "4"))
WORDS = (
    "run", "--subject", "reference", "--clause", "BIAS-*", "--clause", "PAD-01", "--examples", "2", "--out", "out",
)  # fmt: skip

#: Runs the command again and again, in children of a process that has imported everything. Each is killed at a
#: random moment, what it has left is read, and the next one continues it. Prints how each reading went.
DRIVER = """
import json, os, pathlib, random, signal, sys, time
import reports
from conformance.cli import main
from conformance.commands import diff, replay, report, run

def started(words):
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    try:
        main(words, standalone_mode=False)
    except SystemExit as ended:
        os._exit(ended.code or 0)
    finally:
        os._exit(99)

def waited(words):
    return os.waitstatus_to_exitcode(os.waitpid(started(words), 0)[1])

words, kills, partial, seed = sys.argv[4:], int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
begun = time.monotonic()
waited([*words[:-1], "warm"])
lasts = time.monotonic() - begun
moments, said = random.Random(seed), []
for _ in range(kills):
    child = started([*words, "--resume"])
    time.sleep(moments.uniform(0, lasts))
    os.kill(child, signal.SIGKILL)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    out = pathlib.Path(words[-1])
    if ended != -signal.SIGKILL:  # it was quicker, and has finished
        (out / "run.jsonl").unlink(missing_ok=True)
        said.append([])
    elif (out / partial).exists() and (out / partial).read_bytes().count(b"\\n"):
        found = reports.load(out / partial)
        assert found.unfinished
        path = str(out / partial)
        said.append([waited(["report", path]), waited(["diff", path, path])])
    else:
        said.append([])
print(json.dumps([said, waited([*words, "--resume"])]))
"""


def _verdicts(path: Path) -> list[Any]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    kept = (
        {k: v for k, v in line.items() if k not in ("seconds", "started", "command")}
        for line in lines
    )
    return [line for line in kept if line["kind"] != "header"]


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, command_environment: Mapping[str, str]
) -> tuple[Path, list[Any], int]:
    """The folder of a run that was killed several times, what reading said, and how it ended at last."""
    folder = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(KILLS), PARTIAL_NAME, "0", *WORDS],
        cwd=folder,
        env=dict(command_environment),
        capture_output=True,
        text=True,
        timeout=60 + 10 * KILLS,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    said, status = json.loads(done.stdout)
    return folder, said, status


def test_what_a_killed_run_leaves_is_read(killed: tuple[Path, list[Any], int]) -> None:
    assert {tuple(one) for one in killed[1]} <= {(), (0, 0)}


def test_a_run_that_was_killed_several_times_ends_as_an_undisturbed_one(
    killed: tuple[Path, list[Any], int], command: Callable[..., Finished]
) -> None:
    undisturbed = command(*WORDS)
    assert killed[2] == undisturbed.status
    assert _verdicts(killed[0] / "out" / FILE_NAME) == _verdicts(undisturbed.out / FILE_NAME)
