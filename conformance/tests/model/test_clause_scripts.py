"""The scripts of the clauses, which pages and terminal show: TensorFlow does what their comments say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from conformance.model.clauses import Clause, all_clauses
from conformance.subjects import environments

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.skipif(environments.running_version() is None, reason="TensorFlow is not installed here"),
]  # fmt: skip
SCRIPTS = [clause for clause in all_clauses() if clause.script]
#: All scripts in one process, since TensorFlow takes seconds to import.
PROGRAM = """
import contextlib, io, json, sys
ends = {}
for name, script in json.load(sys.stdin).items():
    printed, raised = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(printed):
            exec(script, {})
    except Exception as error:
        raised = [kind.__name__ for kind in type(error).__mro__]
    ends[name] = {"printed": printed.getvalue().splitlines(), "raised": raised}
print(json.dumps(ends))
"""


@pytest.fixture(scope="module")
def ends(command_environment: Mapping[str, str]) -> dict[str, Any]:
    """What each script printed and raised."""
    scripts = json.dumps({clause.id: clause.script for clause in SCRIPTS})
    variables = {**command_environment, "TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        input=scripts, capture_output=True, text=True, timeout=240, env=variables, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _comments(clause: Clause) -> list[str]:
    return re.findall(r"\)  # (.*)$", clause.script or "", re.MULTILINE)


@pytest.mark.parametrize("clause", SCRIPTS, ids=lambda clause: clause.id)
def test_a_script_raises_what_its_last_comment_says_and_nothing_else(
    clause: Clause, ends: dict[str, Any]
) -> None:
    wanted = [c for c in _comments(clause) if re.match(r"[A-Z]\w+Error\b", c)]
    raised = ends[clause.id]["raised"]
    assert (raised is None) if not wanted else wanted[-1].partition(":")[0] in (raised or ())


SHOWN = [c for c in SCRIPTS if any(re.match(r"\[|\(|True|False|None", x) for x in _comments(c))]


@pytest.mark.parametrize("clause", SHOWN, ids=lambda clause: clause.id)
def test_a_script_prints_what_its_comments_say(clause: Clause, ends: dict[str, Any]) -> None:
    comments = [c for c in _comments(clause) if not re.match(r"[A-Z]\w+Error\b", c)]
    lines = ends[clause.id]["printed"]
    differing = [
        (line, comment)
        for line, comment in zip(lines, comments, strict=True)
        if not _plain(comment).startswith(_plain(line))
    ]
    assert differing == []


def _plain(text: str) -> str:
    """Spaces and the dots of whole numbers left out."""
    return re.sub(r"\.(?!\d)|\s", "", text)
