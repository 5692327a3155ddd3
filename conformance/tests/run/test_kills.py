"""Runs that ``kill -9`` ends at random moments: nothing finished is lost, and `--resume` goes on to the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.records.record import FILE_NAME

#: `tox -e kills` kills 200 times.
KILLS = int(os.environ.get("KILLS", "3"))

#: Conducts the same run again and again, in children of a process that has imported everything. Each is killed at
#: a random moment, what it has left is read, and the next one continues it. Prints how many verdicts each left.
DRIVER = """
import json, os, pathlib, random, signal, sys, time
import reports
from conformance.run.settings.options import Options
from conformance.run.run import Run

def started(out):
    child = os.fork()
    if child:
        return child
    try:
        options = Options(
            subjects=("reference",), clauses=("ARG-*", "VAR-0[2-9]"), examples=2, out=out, resume=True
        )
        run = Run(options)
        list(run.judge_all())
        run.finish(page=False)
        os._exit(run.exit_status)
    finally:
        os._exit(99)

def waited(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

moments, begun = random.Random(0), time.monotonic()
ended = [waited(started(pathlib.Path("undisturbed")))]
lasts = time.monotonic() - begun
out, kept = pathlib.Path("out"), []
for _ in range(int(sys.argv[1])):
    child = started(out)
    time.sleep(moments.uniform(0, lasts))
    os.kill(child, signal.SIGKILL)
    waited(child)
    if (out / "run.jsonl").exists():  # it was quicker
        (out / "run.jsonl").rename(out / "finished.jsonl")
        kept.append(len(reports.load(out / "finished.jsonl").verdicts))
    elif (out / "run.partial.jsonl").exists() and (out / "run.partial.jsonl").stat().st_size:
        kept.append(len(reports.load(out / "run.partial.jsonl").verdicts))
print(json.dumps([kept, *ended, waited(started(out))]))
"""


def _found(path: Path) -> list[Any]:
    """The lines of a record but for its header and how long it took, and the cases of all families together.

    A case of two families is listed with the one that this part of the run came to first.
    """
    _, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    cases = {case for line in lines for case in line.get("cases", ())}
    left_out = ("seconds", "cases")
    told = [{k: v for k, v in line.items() if k not in left_out} for line in lines]
    return [sorted(cases), *told]


def test_a_run_that_is_killed_several_times_ends_as_an_undisturbed_one(
    tmp_path: Path, command_environment: Mapping[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(KILLS)],
        cwd=tmp_path,
        env=dict(command_environment),
        capture_output=True,
        text=True,
        timeout=100 + 20 * KILLS,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    kept, undisturbed, continued = json.loads(done.stdout)
    assert (continued, len(kept) <= KILLS) == (undisturbed, True)
    assert _found(tmp_path / "out" / FILE_NAME) == _found(tmp_path / "undisturbed" / FILE_NAME)
