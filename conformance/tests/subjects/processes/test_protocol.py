"""Programs that speak the process protocol, and some that do not."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.run.participants.participant import participants
from conformance.subjects import LoadError, resolve_command

PAGE = Path(__file__).parents[4] / "docs" / "protocol.md"

RunProgram = Callable[..., Any]


@pytest.fixture(scope="session")
def run_program(
    command: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> RunProgram:
    """Return how a run of a Python program as the subject ends."""

    def run(text: str, *options: str) -> Any:
        folder = tmp_path_factory.mktemp("program")
        (folder / "program.py").write_text(text, encoding="utf-8")
        words = shlex.join([sys.executable, "program.py"])
        return command(
            "run",
            "--subject-command",
            words,
            "--profile",
            "smoke",
            "--out",
            "out",
            *options,
            cwd=folder,
        )

    return run


@pytest.fixture(scope="module")
def documented(run_program: RunProgram) -> Any:
    """A run of the page's program."""
    (text,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return run_program(text)


def test_the_documented_program_conforms(documented: Any) -> None:
    assert documented.status == 0


@pytest.mark.parametrize(
    "clause", ["SHAPE-01", "SHAPE-02", "PAD-01", "PAD-03", "VAL-01", "BIAS-01"]
)
def test_the_documented_program_is_judged(documented: Any, clause: str) -> None:
    assert documented.statuses[clause] == "pass"


def test_what_the_documented_program_lacks_is_unsupported(documented: Any) -> None:
    assert documented.statuses["GRAD-01"] == "unsupported"


def test_the_description_is_in_the_record(documented: Any) -> None:
    assert documented.lines("header")[0]["subjects"][0]["versions"] == {"minimal": "1.0"}


LOOP = """
import json, sys, time
for line in sys.stdin:
    request = json.loads(line)
    if request["kind"] == "describe":
        print("{}", flush=True)
        continue
    case = request["case"]
    if case["family"] in GOOD:
        print(json.dumps({"outcomes": [{"unsupported": "no"} for _ in case["steps"]]}), flush=True)
        continue
    ANSWER
"""


def program_of(name: str, *families: str) -> str:
    """A program that gives one of `ANSWERS`, but to cases of `families`."""
    return LOOP.replace("ANSWER", ANSWERS[name][0]).replace("GOOD", repr(families))


#: What a program does when asked for a case, and what the finding must say.
ANSWERS = {
    "garbage": ("print('Hello!', flush=True)", "a line that is not JSON: 'Hello!'"),
    "a list": ("print([], flush=True)", "JSON that is no object"),
    "an object": ("print('{}', flush=True)", "no observation"),
    "text": ("print(json.dumps({'observation': 'x'}), flush=True)", "no observation"),
    "another id": (
        "print(json.dumps({'id': 'c-1', 'observation': {'outcomes': []}}), flush=True)",
        "answered case 'c-1'",
    ),
    "too few outcomes": (
        "print(json.dumps({'outcomes': []}), flush=True)",
        "fewer outcomes than the case has steps",
    ),
    "short arrays": (
        "print(json.dumps({'outcomes': [{'value': {'shape': [9], 'dtype': 'float32', 'base64': ''}}]}),"
        " flush=True)",
        "needs 36 bytes, got 0",
    ),
    "an unknown dtype": (
        "print(json.dumps({'outcomes': [{'value': {'shape': [0], 'dtype': 'float33', 'base64': ''}}]}),"
        " flush=True)",
        "no observation",
    ),
    "an error without types": (
        "print(json.dumps({'outcomes': [{'error': {'types': [], 'message': '', 'moment': ''}}]}),"
        " flush=True)",
        "no observation",
    ),
    "death": ("sys.exit('out of paper')", "exited with status 1; its last words: out of paper"),
    "silence": ("time.sleep(3600)", "no answer within 0.5 seconds"),
}
#: Those of which a run tells; the others end in the same words, of which the refusals below tell.
RUN = "garbage", "too few outcomes", "short arrays", "death", "silence"


@pytest.fixture(scope="module")
def answered(run_program: RunProgram) -> Callable[[str], Any]:
    """Return the run of a program that gives one of `ANSWERS`; each is run once."""
    known: dict[str, Any] = {}

    def run(name: str) -> Any:
        if name not in known:
            known[name] = run_program(
                program_of(name, "capabilities"),
                "--clause",
                "DTYPE-01",
                "--examples",
                "1",
                "--timeout",
                "0.5",
            )
        return known[name]

    return run


@pytest.mark.parametrize("name", RUN)
def test_a_bad_answer_is_an_error_of_the_subject(name: str, answered: Callable[[str], Any]) -> None:
    assert answered(name).statuses == {"DTYPE-01": "error"}


@pytest.mark.parametrize("name", RUN)
def test_a_bad_answer_is_described(name: str, answered: Callable[[str], Any]) -> None:
    assert ANSWERS[name][1] in answered(name).finding("DTYPE-01")["message"]


@pytest.mark.parametrize("name", RUN)
def test_a_bad_answer_ends_the_command_with_status_1(
    name: str, answered: Callable[[str], Any]
) -> None:
    assert answered(name).status == 1


@pytest.mark.parametrize("name", RUN)
def test_a_bad_answer_gives_no_traceback(name: str, answered: Callable[[str], Any]) -> None:
    assert "Traceback" not in answered(name).stdout + answered(name).stderr


def _refused(text: str, folder: Path, seconds: float = 0.5) -> str:
    """Return how a program is refused before a run."""
    (folder / "program.py").write_text(text, encoding="utf-8")
    words = shlex.join([sys.executable, str(folder / "program.py")])
    with pytest.raises(LoadError, match=r"\A[^\n]+\Z") as caught:
        participants((), [words], seconds)
    return str(caught.value)


@pytest.mark.parametrize("name", ANSWERS)
def test_a_program_that_breaks_the_protocol_on_each_case_is_refused(
    name: str, tmp_path: Path
) -> None:
    wanted = ANSWERS[name][1].replace(
        "fewer outcomes than the case has steps", "0 outcomes for 3 steps"
    )
    assert wanted in _refused(program_of(name), tmp_path)


def test_a_program_that_ends_at_once_is_refused(tmp_path: Path) -> None:
    assert "exited with status 1; its last words: no" in _refused("exit('no')", tmp_path)


def test_a_refused_program_is_bad_usage_in_one_line(run_program: RunProgram) -> None:
    done = run_program("exit('no')")
    assert (done.status, len(done.stderr.splitlines()), done.stdout) == (2, 1, "")


DIES_ONCE = """
import json, sys
for line in sys.stdin:
    case = json.loads(line).get("case", {"steps": []})
    if any(step["do"] == "call" for step in case["steps"]):
        sys.exit("out of paper")
    print(json.dumps({"outcomes": [{} for _ in case["steps"]]}), flush=True)
"""


def test_a_program_that_dies_of_its_calls_alone_is_the_run_s_matter(
    run_program: RunProgram,
) -> None:
    done = run_program(DIES_ONCE, "--clause", "DTYPE-02", "--examples", "1")
    assert done.statuses == {"DTYPE-02": "error"}


UNSUPPORTED = """
import json, sys
for line in sys.stdin:
    case = json.loads(line)["case"]
    print(json.dumps({"outcomes": [{"unsupported": "nothing"} for _ in case["steps"]]}), flush=True)
"""


def test_a_program_that_dies_of_the_question_what_it_is_is_still_asked_for_cases(
    run_program: RunProgram,
) -> None:
    done = run_program(UNSUPPORTED, "--clause", "DTYPE-01", "--examples", "1")
    assert done.statuses == {"DTYPE-01": "unsupported"}


def test_a_run_in_which_nothing_could_be_judged_does_not_conform(run_program: RunProgram) -> None:
    done = run_program(UNSUPPORTED, "--clause", "DTYPE-01", "--examples", "1")
    assert done.status == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("./my_program --fast", "my_program"),
        ("python3 -u path/to/mine.py 3", "mine.py"),
        ("/usr/bin/node mine.js", "mine.js"),
        ("python3.12", "python3.12"),
        ("pythonic --x", "pythonic"),
    ],
)
def test_a_subject_is_named_after_its_program(text: str, name: str) -> None:
    assert resolve_command(text, 1.0).name == name
